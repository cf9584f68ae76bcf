"""The table of SCIM routes: path -> method -> handler. RFC 7644 section 3.2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from chalice.app import Blueprint

from chalicelib.api import edge
from chalicelib.api.scim import bulk, discovery, groups, lists, users
from chalicelib.api.scim.handler import respond
from chalicelib.api.scim.scim_request import ROOT, Methods
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.api.services import Services

# Every path is registered with all of them, so that a 405 has a SCIM body.
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


def blueprint(services: Services) -> Blueprint:
    """Register all SCIM routes."""
    routes = Blueprint(__name__)
    for path, methods in spellings():
        endpoint = edge.Endpoint(ROOT + path, METHODS, partial(respond, services, methods))
        edge.register(routes, services, endpoint, scim_error)
    return routes


def spellings() -> Iterator[tuple[str, Methods]]:
    """Yield every path with its methods; Microsoft's collection writes /users and /groups too."""
    for path, methods in ROUTES.items():
        yield path, methods
        if path in RESOURCES:
            yield path[:2].lower() + path[2:], methods
