"""Map each SCIM path and method to its handler (RFC 7644 section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from chalicelib.api.router import Endpoint, Parameters
from chalicelib.api.scim import bulk, discovery, groups, lists, users
from chalicelib.api.scim.handler import respond
from chalicelib.api.scim.scim_request import ROOT, Methods
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.api.services import Services
from chalicelib.storage.settings_items import CONNECTION_ID

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

RESOURCES: Mapping[str, Methods] = {
    "/Users": {"GET": users.list_users, "POST": users.create_user},
    "/Users/.search": {"POST": users.search_users},
    "/Users/{id}": {
        "GET": users.get_user,
        "PUT": users.replace_user,
        "PATCH": users.patch_user,
        "DELETE": users.delete_user,
    },
    "/Groups": {"GET": groups.list_groups, "POST": groups.create_group},
    "/Groups/.search": {"POST": groups.search_groups},
    "/Groups/{id}": {
        "GET": groups.get_group,
        "PUT": groups.replace_group,
        "PATCH": groups.patch_group,
        "DELETE": groups.delete_group,
    },
    "/Groups/{id}/members": {"GET": groups.list_members},
}
ROUTES: Mapping[str, Methods] = {
    **RESOURCES,
    "/.search": {"POST": lists.search_all},
    "/Bulk": {"POST": partial(bulk.bulk, RESOURCES)},
    "/ServiceProviderConfig": {"GET": discovery.get_service_provider_config},
    "/ResourceTypes": {"GET": discovery.list_resource_types},
    "/ResourceTypes/{id}": {"GET": discovery.get_resource_type},
    "/Schemas": {"GET": discovery.list_schemas},
    "/Schemas/{id}": {"GET": discovery.get_schema},
    "/Me": dict.fromkeys(METHODS, discovery.me),
}


# An id is never the name of an endpoint. If an admin enters a SCIM URL that ends in /Users, the
# identity provider sends GET /Users/Users: a wrong path, not an unknown user.
NAMES = frozenset(path.split("/")[1].lower() for path in ROUTES)


def endpoints(services: Services) -> Iterator[Endpoint]:
    """Yield the endpoints of all SCIM paths."""
    for path, methods in spelled_paths():
        yield Endpoint(ROOT + path, partial(respond, services, methods), scim_error, accepts)


def accepts(parameters: Parameters) -> bool:
    """Return whether the ids in a path can be ids; False makes the path an unknown one (404)."""
    connection, resource_id = parameters["connection"], parameters.get("id", "")
    has_wrong_letter_case = connection != connection.lower() and CONNECTION_ID.fullmatch(
        connection.lower()
    )
    return not has_wrong_letter_case and not NAMES & {connection.lower(), resource_id.lower()}


def spelled_paths() -> Iterator[tuple[str, Methods]]:
    """Yield every path with its methods; Microsoft's collection also sends /users."""
    for path, methods in ROUTES.items():
        yield path, methods
        if path in RESOURCES:
            yield path[:2].lower() + path[2:], methods
