"""SCIM without HTTP's machinery: one function from a Request to its Response.

Knows nothing of Chalice. Authenticates, binds the tenant, and calls the one function of the
directory that the resource and the method name. RFC 7644 section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chalicelib.api.edge import Request, Response
from chalicelib.api.recording import Recording
from chalicelib.api.services import Services
from chalicelib.auth.principals import Connection, authenticate_connection
from chalicelib.directory import deletes, groups, search, users
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.tenant import Tenant
from chalicelib.scim import cursors, dialects, messages, patch, validation
from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import (
    Forbidden,
    InvalidCursor,
    InvalidValue,
    MethodNotAllowed,
    NotFound,
    NotImplemented_,
    UnsupportedMediaType,
)
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.patch import MemberChange
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.items import Document
from chalicelib.storage.keys import ScimKeys, is_id
from chalicelib.storage.table import Namespace

MEGABYTE = 1_000_000
MOST_USER_BYTES = MEGABYTE
# A team may come with all of its members.
MOST_GROUP_BYTES = 5_500_000

# A changed team is answered whole up to this size where the connection wants the answer at all.
MOST_MEMBERS_ANSWERED = 100


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated request, with the tenant that it may touch."""

    request: Request
    tenant: Tenant
    connection: Connection

    @property
    def id(self) -> str:
        """The id of the resource in the path.

        Raises:
            NotFound: it has not the form of an id, so there is nothing to read.
        """
        named = self.request.path.get("id", "")
        if not is_id(named):
            raise NotFound
        return named

    @property
    def precondition(self) -> Precondition | None:
        """The If-Match header."""
        return entity_tags(self.request.headers.get("if-match", ()))

    def projection(self, kind: ResourceType) -> Projection:
        """What of a resource is asked for."""
        query = self.request.query
        return Projection.parse(query.get("attributes"), query.get("excludedAttributes"), kind)


Handler = Callable[[Call], Response]
Offer = Mapping[str, Handler]


def answer(services: Services, offer: Offer, request: Request) -> Response:
    """Answer one SCIM request by one of the methods that its path offers.

    Raises:
        ScimError: any refusal; `edge.guarded` makes an answer of it.
    """
    keys = ScimKeys(request.path["connection"])
    rows = services.table.namespace(keys.grants(), services.deadline())
    recording = Recording.of(services, rows, keys, request)
    connection = recording.admission(lambda: _admitted(services, rows, keys, request))
    tenant = Tenant(
        rows=rows,
        keys=keys,
        base_url=f"{request.base_url}/scim/v2/{keys.connection}",
        default_role=connection.default_role,
        token_id=connection.token_id,
        request_id=request.request_id,
        most_members=connection.plan.max_members_a_request,
    )
    call = Call(request, tenant, connection)
    return recording.answer(tenant, connection, lambda: _offered(offer, call))


def _admitted(services: Services, rows: Namespace, keys: ScimKeys, request: Request) -> Connection:
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
        services.buckets.take(connection.id, connection.plan.rate)
    return connection


def _offered(offer: Offer, call: Call) -> Response:
    if call.request.method not in offer:
        raise MethodNotAllowed(*offer)
    return offer[call.request.method](call)


# --- users ------------------------------------------------------------------------------------


def list_users(call: Call) -> Response:
    """GET /Users (section 3.4.2)."""
    return _listed(call, USERS, call.request.query)


def search_users(call: Call) -> Response:
    """POST /Users/.search (section 3.4.3)."""
    return _listed(call, USERS, messages.parse_search(_body(call, MOST_USER_BYTES)))


def create_user(call: Call) -> Response:
    """POST /Users (section 3.3)."""
    projection = call.projection(USER)
    document = validation.check(_body(call, MOST_USER_BYTES), USER)
    return _resource(users.create(call.tenant, document), USER, projection, status=201)


def get_user(call: Call) -> Response:
    """GET /Users/{id} (section 3.4.1)."""
    projection = call.projection(USER)
    found = users.get(call.tenant, call.id, with_groups=projection.wants("groups"))
    return _unless_known(call, found) or _resource(found, USER, projection)


def replace_user(call: Call) -> Response:
    """PUT /Users/{id} (section 3.5.1)."""
    document = validation.check(_body(call, MOST_USER_BYTES), USER)
    return _changed_user(call, lambda present: _replaced_user(present, document))


def _replaced_user(present: Document, document: Document) -> Document:
    """A PUT that does not speak of `active` does not bring a deactivated user back."""
    return {"active": present.get("active", True)} | document


def patch_user(call: Call) -> Response:
    """PATCH /Users/{id} (section 3.5.2)."""
    raw = messages.parse_patch(_body(call, MOST_USER_BYTES))
    operations = dialects.normalise(raw, USER)
    return _changed_user(call, lambda present: patch.apply(operations, present, USER))


def _changed_user(call: Call, edit: users.Edit) -> Response:
    projection = call.projection(USER)
    changed = users.change(call.tenant, call.id, edit, call.precondition)
    return _resource(changed, USER, projection)


def delete_user(call: Call) -> Response:
    """DELETE /Users/{id} (section 3.6)."""
    deletes.delete_user(call.tenant, call.id, call.precondition)
    return Response(204)


# --- groups -----------------------------------------------------------------------------------


def list_groups(call: Call) -> Response:
    """GET /Groups (section 3.4.2)."""
    return _listed(call, GROUPS, call.request.query)


def search_groups(call: Call) -> Response:
    """POST /Groups/.search (section 3.4.3)."""
    return _listed(call, GROUPS, messages.parse_search(_body(call, MOST_USER_BYTES)))


def create_group(call: Call) -> Response:
    """POST /Groups (section 3.3)."""
    projection = call.projection(GROUP)
    document, members = _group(_body(call, MOST_GROUP_BYTES))
    created = groups.create(call.tenant, document, members or frozenset())
    return _resource(created, GROUP, projection, status=201)


def get_group(call: Call) -> Response:
    """GET /Groups/{id} (section 3.4.1)."""
    projection = call.projection(GROUP)
    found = groups.get(call.tenant, call.id, with_members=projection.wants("members"))
    return _unless_known(call, found) or _resource(found, GROUP, projection)


def replace_group(call: Call) -> Response:
    """PUT /Groups/{id} (section 3.5.1); without `members` it keeps them."""
    projection = call.projection(GROUP)
    document, members = _group(_body(call, MOST_GROUP_BYTES))
    wanted = GroupChange(lambda _: document, MemberChange(members), call.precondition)
    groups.change(call.tenant, call.id, wanted)
    found = groups.get(call.tenant, call.id, with_members=projection.wants("members"))
    return _resource(found, GROUP, projection)


def patch_group(call: Call) -> Response:
    """PATCH /Groups/{id} (section 3.5.2)."""
    projection = call.projection(GROUP)
    raw = messages.parse_patch(_body(call, MOST_GROUP_BYTES))
    operations, members = patch.members(dialects.normalise(raw, GROUP), GROUP)
    edit = (lambda present: patch.apply(operations, present, GROUP)) if operations else None
    groups.change(call.tenant, call.id, GroupChange(edit, members, call.precondition))
    return _patched_group(call, projection)


def _patched_group(call: Call, projection: Projection) -> Response:
    """Answer as the connection's setting says: 204, or a small team as it is now."""
    if call.connection.group_patch_answer == "auto":
        found = groups.get_if_small(call.tenant, call.id, MOST_MEMBERS_ANSWERED)
        if found is not None:
            return _resource(found, GROUP, projection)
    return Response(204)


def list_members(call: Call) -> Response:
    """GET /Groups/{id}/members: a team's members by cursor, however many they are.

    Ours, in the form of RFC 9865: `nextCursor` is absent on the last page.
    """
    after = call.request.query.get("cursor", "")
    if after and not is_id(after):
        raise InvalidCursor
    found = groups.members_after(call.tenant, call.id, after, _count(call.request.query))
    following = {"nextCursor": found.next} if found.next else {}
    return Response(200, messages.list_response(found.page, found.total, None) | following)


def delete_group(call: Call) -> Response:
    """DELETE /Groups/{id} (section 3.6)."""
    deletes.delete_group(call.tenant, call.id, call.precondition)
    return Response(204)


def _group(body: Document) -> tuple[Document, frozenset[str] | None]:
    """Part a group's body into its document and its members; None where it names none.

    An empty list of members says that there shall be none.
    """
    document = validation.check(body, GROUP)
    members = document.pop("members", [])
    targets = (GROUP.locate(key) for key in body)
    if not any(t and t.attribute and t.attribute.name == "members" for t in targets):
        return document, None
    return document, patch.member_ids(members)


# --- discovery --------------------------------------------------------------------------------


def service_provider_config(call: Call) -> Response:
    """GET /ServiceProviderConfig (section 4)."""
    return Response(200, messages.service_provider_config(call.tenant.base_url))


def resource_types(call: Call) -> Response:
    """GET /ResourceTypes (section 4)."""
    return _discovered(call, messages.resource_types(call.tenant.base_url))


def resource_type(call: Call) -> Response:
    """GET /ResourceTypes/{id} (section 4)."""
    return _one_of(call, messages.resource_types(call.tenant.base_url))


def schemas(call: Call) -> Response:
    """GET /Schemas (section 4)."""
    return _discovered(call, messages.schemas(call.tenant.base_url))


def schema(call: Call) -> Response:
    """GET /Schemas/{id} (section 4)."""
    return _one_of(call, messages.schemas(call.tenant.base_url))


def _discovered(call: Call, found: list[Document]) -> Response:
    if "filter" in call.request.query:
        message = "Discovery is not filtered (RFC 7644 section 4): leave out `filter`."
        raise Forbidden(message)
    return Response(200, messages.list_response(found, len(found), 1))


def _one_of(call: Call, found: list[Document]) -> Response:
    wanted = call.request.path["id"].lower()
    for document in found:
        if document["id"].lower() == wanted:
            return Response(200, document)
    raise NotFound


def me(_: Call) -> Response:
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


def _body(call: Call, most_bytes: int) -> Document:
    # RFC 9110 section 8.4: `identity` says that nothing was done to the body.
    if call.request.header("content-encoding") not in {None, "identity"}:
        raise UnsupportedMediaType
    return messages.parse_json(call.request.body, most_bytes)


def _resource(
    resource: Resource, kind: ResourceType, projection: Projection, *, status: int = 200
) -> Response:
    """Answer with a resource, its version and, in a 201, where it is (section 3.3)."""
    headers = {"ETag": resource["meta"]["version"], "Location": resource["meta"]["location"]}
    return Response(status, project(resource, kind, projection), headers)


def _unless_known(call: Call, resource: Resource) -> Response | None:
    """Answer 304 where the client has this version already (RFC 7644 section 3.14)."""
    known = entity_tags(call.request.headers.get("if-none-match", ()))
    version = resource["meta"]["version"]
    if known is None or not known.names(version):
        return None
    return Response(304, headers={"ETag": version})


@dataclass(frozen=True, slots=True)
class _Listing:
    """A list of one kind: its attribute that costs reads of its own, and what finds the page."""

    kind: ResourceType
    joined: str
    find: Callable[[Tenant, search.Query], search.Page]


USERS = _Listing(USER, "groups", search.users)
GROUPS = _Listing(GROUP, "members", search.groups)


def _listed(call: Call, listing: _Listing, query: Mapping[str, str]) -> Response:
    """Answer a page: by index, or, where `cursor` is asked for, by cursor (RFC 9865)."""
    kind = listing.kind
    projection = Projection.parse(query.get("attributes"), query.get("excludedAttributes"), kind)
    asked = f"{kind.name} {query.get('filter', '')}"
    wanted = search.Query(
        filter=parse_filter(query["filter"]) if "filter" in query else None,
        start=max(1, _whole_number(query, "startIndex", 1)),
        count=_count(query),
        wide=projection.wants(listing.joined),
        after=cursors.read(query["cursor"], asked) if "cursor" in query else None,
    )
    page = listing.find(call.tenant, wanted)
    call.tenant.trace.meet(each["id"] for each in page.resources)
    found = messages.fitting([project(each, kind, projection) for each in page.resources])
    if wanted.after is None:
        return Response(200, messages.list_response(found, page.total, wanted.start))
    document = messages.list_response(found, page.total, None)
    if found and (page.more or len(found) < len(page.resources)):
        document["nextCursor"] = cursors.write(found[-1]["id"], asked)
    return Response(200, document)


def _count(query: Mapping[str, str]) -> int:
    """How many resources a page is to have: below 0 counts as 0, above our limit as that."""
    wanted = _whole_number(query, "count", messages.DEFAULT_RESULTS)
    return min(max(0, wanted), messages.MAX_RESULTS)


def _whole_number(query: Mapping[str, str], name: str, absent: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return absent
    if not text.lstrip("+-").isdecimal() or len(text) > 10:  # noqa: PLR2004 - below int's own limit
        message = f"{name}: a whole number is expected."
        raise InvalidValue(message)
    return int(text)


RESOURCES: Mapping[str, Offer] = {
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
