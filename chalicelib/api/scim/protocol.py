"""SCIM without HTTP's machinery: one function from a Request to its Response.

Knows nothing of Chalice. Authenticates, binds the tenant, and calls the one function of the
directory that the resource and the method name. RFC 7644 section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from urllib.parse import unquote

from chalicelib.api.edge import Request, Response
from chalicelib.api.scim.lists import GROUPS, USERS, count_of, listed, listed_together
from chalicelib.api.scim.recorder import Recorder
from chalicelib.api.scim.requests import Offer, ScimRequest
from chalicelib.api.services import Services
from chalicelib.auth.authenticate import ConnectionPrincipal, authenticate_connection
from chalicelib.directory import deletes, groups, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.errors import (
    Forbidden,
    MethodNotAllowed,
    NotFound,
    NotImplemented_,
    UnsupportedMediaType,
)
from chalicelib.scim import messages, patch, patch_operations, validation
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import InvalidCursor, InvalidSyntax, TooMany
from chalicelib.scim.patch import MemberChange
from chalicelib.scim.preconditions import entity_tags
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.directory_items import Document
from chalicelib.storage.keys import ConnectionKeys, is_id
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace

MEGABYTE = 1_000_000
MOST_USER_BYTES = MEGABYTE
# A team may come with all of its members.
MOST_GROUP_BYTES = 5_500_000

# A changed team is answered whole up to this size where the connection wants the answer at all.
MOST_MEMBERS_ANSWERED = 100

# The value of a connection's setting, and how much of a client's text its refusal repeats.
STRICT = "strict"
MOST_SHOWN = 5
LONGEST_SHOWN = 100


def answer(
    services: Services, offer: Offer, request: Request, deadline: Deadline | None = None
) -> Response:
    """Answer one SCIM request by one of the methods that its path offers.

    `deadline` is that of a request that this one is a part of; without it, it has its own.

    Raises:
        ScimError: any refusal; `edge.guarded` makes an answer of it.
    """
    keys = ConnectionKeys(request.path["connection"])
    rows = services.table.namespace(keys.grants(), deadline or services.deadline())
    recorder = Recorder.of(services, rows, keys, request)
    connection = recorder.admission(lambda: _admitted(services, rows, keys, request))
    user_type = services.user_types.of(rows, connection.id, connection.schemas_version)
    bound = replace(rows, grants=connection.keys.grants())
    context = _context(bound, connection, request, user_type)
    scim_request = ScimRequest(request, context, connection)
    if connection.run:  # not the identity provider's doing, so not in what is told of it
        return _offered(offer, scim_request)
    return recorder.answer(context, connection, lambda: _offered(offer, scim_request))


def _context(
    rows: Namespace, connection: ConnectionPrincipal, request: Request, user_type: ResourceType
) -> ConnectionContext:
    return ConnectionContext(
        items=rows,
        keys=connection.keys,
        base_url=f"{request.base_url}/scim/v2/{connection.id}",
        default_role=connection.default_role,
        token_id=connection.token_id,
        request_id=request.request_id,
        most_members=connection.plan.max_members_a_request,
        user_type=user_type,
    )


def _admitted(
    services: Services, rows: Namespace, keys: ConnectionKeys, request: Request
) -> ConnectionPrincipal:
    """Tell which connection calls, and that it does not call too often."""
    connection = authenticate_connection(
        rows,
        services.secrets,
        services.settings.plans,
        keys.connection,
        request.headers.get("authorization", ()),
        services.table.clock.now(),
    )
    if connection.plan.rate is not None:
        services.buckets.take(connection.keys.connection, connection.plan.rate)
    return connection


def _offered(offer: Offer, request: ScimRequest) -> Response:
    if request.http.method not in offer:
        raise MethodNotAllowed(*offer)
    return offer[request.http.method](request)


# --- users ------------------------------------------------------------------------------------


def list_users(request: ScimRequest) -> Response:
    """GET /Users (section 3.4.2)."""
    return listed(request, USERS, request.http.query)


def search_users(request: ScimRequest) -> Response:
    """POST /Users/.search (section 3.4.3)."""
    return listed(request, USERS, messages.parse_search(read_body(request, MOST_USER_BYTES)))


def create_user(request: ScimRequest) -> Response:
    """POST /Users (section 3.3)."""
    projection = request.projection(request.user_type)
    document = _checked(request, read_body(request, MOST_USER_BYTES), request.user_type)
    created = users.create(request.context, document)
    return _resource(created, request.user_type, projection, status=201)


def get_user(request: ScimRequest) -> Response:
    """GET /Users/{id} (section 3.4.1)."""
    projection = request.projection(request.user_type)
    found = users.get(request.context, request.id, with_groups=projection.wants("groups"))
    return _unless_known(request, found) or _resource(found, request.user_type, projection)


def replace_user(request: ScimRequest) -> Response:
    """PUT /Users/{id} (section 3.5.1)."""
    document = _checked(request, read_body(request, MOST_USER_BYTES), request.user_type)
    resource_type = request.user_type
    return _changed_user(request, lambda present: _replaced_user(present, document, resource_type))


def _replaced_user(present: Document, document: Document, resource_type: ResourceType) -> Document:
    """A PUT that does not speak of `active` does not bring a deactivated user back."""
    whole = {"active": present.get("active", True)} | document
    return validation.keep_immutable(whole, present, resource_type)


def patch_user(request: ScimRequest) -> Response:
    """PATCH /Users/{id} (section 3.5.2)."""
    resource_type = request.user_type
    operations = _operations(request, read_body(request, MOST_USER_BYTES), resource_type)
    return _changed_user(request, lambda present: patch.apply(operations, present, resource_type))


def _changed_user(request: ScimRequest, edit: users.Edit) -> Response:
    projection = request.projection(request.user_type)
    changed = users.change(request.context, request.id, edit, request.precondition)
    return _resource(changed, request.user_type, projection)


def delete_user(request: ScimRequest) -> Response:
    """DELETE /Users/{id} (section 3.6)."""
    deletes.delete_user(request.context, request.id, request.precondition)
    return Response(204)


def search_all(request: ScimRequest) -> Response:
    """POST /.search (section 3.4.3)."""
    return listed_together(request, messages.parse_search(read_body(request, MOST_USER_BYTES)))


# --- groups -----------------------------------------------------------------------------------


def list_groups(request: ScimRequest) -> Response:
    """GET /Groups (section 3.4.2)."""
    return listed(request, GROUPS, request.http.query)


def search_groups(request: ScimRequest) -> Response:
    """POST /Groups/.search (section 3.4.3)."""
    return listed(request, GROUPS, messages.parse_search(read_body(request, MOST_USER_BYTES)))


def create_group(request: ScimRequest) -> Response:
    """POST /Groups (section 3.3)."""
    projection = request.projection(GROUP)
    document, members = _group(request)
    created = groups.create(request.context, document, members or frozenset())
    return _resource(created, GROUP, projection, status=201)


def get_group(request: ScimRequest) -> Response:
    """GET /Groups/{id} (section 3.4.1)."""
    projection = request.projection(GROUP)
    found = _read_group(request, projection)
    return _unless_known(request, found) or _resource(found, GROUP, projection)


def _read_group(request: ScimRequest, projection: Projection) -> Resource:
    return groups.get(
        request.context,
        request.id,
        with_members=projection.wants("members"),
        with_display=projection.asks("members", "display"),
    )


def replace_group(request: ScimRequest) -> Response:
    """PUT /Groups/{id} (section 3.5.1).

    Without `members` it keeps them unless the connection's setting says to clear them: teams
    that are emptied unasked are what users of other servers complain of.
    """
    projection = request.projection(GROUP)
    document, members = _group(request)
    if members is None and request.principal.settings.put_without_members == "clear":
        members = frozenset()
    wanted = GroupChange(lambda _: document, MemberChange(members), request.precondition)
    groups.change(request.context, request.id, wanted)
    return _changed_group(request, projection)


def _changed_group(request: ScimRequest, projection: Projection) -> Response:
    """Answer with a changed team; 204 where it is more than one answer holds.

    The change is in force: a refusal would say that nothing has happened.
    """
    try:
        return _resource(_read_group(request, projection), GROUP, projection)
    except TooMany:
        return Response(204)


def patch_group(request: ScimRequest) -> Response:
    """PATCH /Groups/{id} (section 3.5.2)."""
    projection = request.projection(GROUP)
    asked = _operations(request, read_body(request, MOST_GROUP_BYTES), GROUP)
    operations, members = patch.members(asked, GROUP)
    edit = (lambda present: patch.apply(operations, present, GROUP)) if operations else None
    groups.change(request.context, request.id, GroupChange(edit, members, request.precondition))
    return _patched_group(request, projection)


def _patched_group(request: ScimRequest, projection: Projection) -> Response:
    """Answer as the connection's setting says: 204, or a small team as it is now.

    Whoever asks for attributes gets them (RFC 7644 section 3.5.2).
    """
    if request.http.query.get("attributes"):
        return _changed_group(request, projection)
    if request.principal.settings.group_patch_answer == "auto":
        found = groups.get_if_small(request.context, request.id, MOST_MEMBERS_ANSWERED)
        if found is not None:
            return _resource(found, GROUP, projection)
    return Response(204)


def list_members(request: ScimRequest) -> Response:
    """GET /Groups/{id}/members: a team's members by cursor, however many they are.

    Ours, in the form of RFC 9865: `nextCursor` is absent on the last page.
    """
    after = request.http.query.get("cursor", "")
    if after and not is_id(after):
        raise InvalidCursor
    found = groups.members_after(request.context, request.id, after, count_of(request.http.query))
    next_cursor = {"nextCursor": found.next} if found.next else {}
    return Response(200, messages.list_response(found.page, found.total, None) | next_cursor)


def delete_group(request: ScimRequest) -> Response:
    """DELETE /Groups/{id} (section 3.6)."""
    deletes.delete_group(request.context, request.id, request.precondition)
    return Response(204)


def _group(request: ScimRequest) -> tuple[Document, frozenset[str] | None]:
    """Part a group's body into its document and its members; None where it names none.

    An empty list of members says that there shall be none.
    """
    body = read_body(request, MOST_GROUP_BYTES)
    document = _checked(request, body, GROUP)
    members = document.pop("members", [])
    targets = (GROUP.locate(key) for key in body)
    if not any(t and t.attribute and t.attribute.name == "members" for t in targets):
        return document, None
    return document, patch.member_ids(members)


# --- discovery --------------------------------------------------------------------------------


def service_provider_config(request: ScimRequest) -> Response:
    """GET /ServiceProviderConfig (section 4)."""
    _unfiltered(request)
    return Response(200, messages.service_provider_config(request.context.base_url))


def resource_types(request: ScimRequest) -> Response:
    """GET /ResourceTypes (section 4)."""
    return _discovered(
        request, messages.resource_types(request.context.base_url, request.resource_types)
    )


def resource_type(request: ScimRequest) -> Response:
    """GET /ResourceTypes/{id} (section 4)."""
    return _one_of(
        request, messages.resource_types(request.context.base_url, request.resource_types)
    )


def schemas(request: ScimRequest) -> Response:
    """GET /Schemas (section 4)."""
    return _discovered(request, messages.schemas(request.context.base_url, request.resource_types))


def schema(request: ScimRequest) -> Response:
    """GET /Schemas/{id} (section 4)."""
    return _one_of(request, messages.schemas(request.context.base_url, request.resource_types))


def _discovered(request: ScimRequest, found: list[Document]) -> Response:
    _unfiltered(request)
    return Response(200, messages.list_response(found, len(found), 1))


def _unfiltered(request: ScimRequest) -> None:
    if "filter" in request.http.query:
        message = "Discovery is not filtered (RFC 7644 section 4): leave out `filter`."
        raise Forbidden(message)


def _one_of(request: ScimRequest, found: list[Document]) -> Response:
    _unfiltered(request)
    # A client may write the colons of a URN as %3A, and a path comes as it was written.
    wanted = unquote(request.http.path["id"]).lower()
    for document in found:
        if document["id"].lower() == wanted:
            return Response(200, document)
    raise NotFound


def me(_: ScimRequest) -> Response:
    """Any method on /Me (section 3.11).

    Raises:
        NotImplemented_: always; a connection's token stands for no user.
    """
    message = (
        "/Me stands for the user who calls; a provisioning token stands for none. Use /Users with "
        "a filter on userName."
    )
    raise NotImplemented_(message)


# --- what they share --------------------------------------------------------------------------


def read_body(request: ScimRequest, most_bytes: int) -> Document:
    """Read the JSON object that a request carries.

    Raises:
        UnsupportedMediaType: it is compressed.
        PayloadTooLarge, InvalidSyntax, InvalidValue: as `messages.parse_json`.
    """
    # RFC 9110 section 8.4: `identity` says that nothing was done to the body.
    if request.http.header("content-encoding") not in {None, "identity"}:
        raise UnsupportedMediaType
    return messages.parse_json(request.http.body, most_bytes)


def _checked(request: ScimRequest, body: Document, resource_type: ResourceType) -> Document:
    """Read a resource as its schemas have it.

    Raises:
        InvalidSyntax: the connection is strict, and the body has what they do not know.
    """
    if request.principal.settings.unknown_attributes == STRICT:
        _refuse(validation.unknown(body, resource_type), resource_type)
    return validation.check(body, resource_type)


def _operations(
    request: ScimRequest, body: Document, resource_type: ResourceType
) -> tuple[patch_operations.Operation, ...]:
    """Read the operations of a PATCH as its schemas have them; as `_checked`."""
    raw = messages.parse_patch(body)
    if request.principal.settings.unknown_attributes == STRICT:
        _refuse(patch_operations.unknown(raw, resource_type), resource_type)
    return patch_operations.normalise(raw, resource_type)


def _refuse(unknown: Iterator[str], resource_type: ResourceType) -> None:
    names = [name[:LONGEST_SHOWN] for name in islice(unknown, MOST_SHOWN)]
    if names:
        message = (
            f"The schemas of a {resource_type.name} do not know "
            f"{', '.join(names)}. This connection is "
            "strict: leave it out, or set `unknown_attributes` to `lenient`."
        )
        raise InvalidSyntax(message)


def _resource(
    resource: Resource, resource_type: ResourceType, projection: Projection, *, status: int = 200
) -> Response:
    """Answer with a resource, its version and where it is (section 3.3, RFC 7643 section 3.1)."""
    place = resource["meta"]["location"]
    headers = {"ETag": resource["meta"]["version"], "Location": place, "Content-Location": place}
    return Response(status, project(resource, resource_type, projection), headers)


def _unless_known(request: ScimRequest, resource: Resource) -> Response | None:
    """Answer 304 where the client has this version already (RFC 7644 section 3.14)."""
    known = entity_tags(request.http.headers.get("if-none-match", ()))
    version = resource["meta"]["version"]
    if known is None or not known.names(version):
        return None
    return Response(304, headers={"ETag": version})


RESOURCES: Mapping[str, Offer] = {
    "/.search": {"POST": search_all},
    "/Users": {"GET": list_users, "POST": create_user},
    "/Users/.search": {"POST": search_users},
    "/Users/{id}": {
        "GET": get_user,
        "PUT": replace_user,
        "PATCH": patch_user,
        "DELETE": delete_user,
    },
    "/Groups": {"GET": list_groups, "POST": create_group},
    "/Groups/.search": {"POST": search_groups},
    "/Groups/{id}": {
        "GET": get_group,
        "PUT": replace_group,
        "PATCH": patch_group,
        "DELETE": delete_group,
    },
    "/Groups/{id}/members": {"GET": list_members},
    "/ServiceProviderConfig": {"GET": service_provider_config},
    "/ResourceTypes": {"GET": resource_types},
    "/ResourceTypes/{id}": {"GET": resource_type},
    "/Schemas": {"GET": schemas},
    "/Schemas/{id}": {"GET": schema},
    "/Me": dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), me),
}


def spellings() -> Iterator[tuple[str, Offer]]:
    """Yield every path and what it offers; Microsoft's collection writes /users and /groups too."""
    for path, offer in RESOURCES.items():
        yield path, offer
        if path.startswith(("/Users", "/Groups")):
            yield path[:2].lower() + path[2:], offer
