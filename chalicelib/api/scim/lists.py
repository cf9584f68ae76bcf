"""Lists of users, of groups, and of both. RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.api.edge import Response
from chalicelib.api.scim.scim_request import MAX_USER_BYTES, ScimRequest
from chalicelib.directory import search
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.search_plan import terms_of
from chalicelib.errors import BadRequest
from chalicelib.scim import cursors, messages
from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import InvalidCount, InvalidCursor, InvalidValue
from chalicelib.scim.filters import AttrPath, Comparison, parse_filter
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import ResourceType
from chalicelib.scim.strict_json import Document

# The parameters of a list: of the query, or of the body of a POST to `.search`.
Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """What differs between the lists of users and of groups.

    `joined` is the attribute that costs reads of its own, so it is read only where it is sent.
    """

    resource_type: Callable[[ScimRequest], ResourceType]
    joined: str
    find: Callable[[ConnectionContext, search.Query], search.SearchResult]


@dataclass(frozen=True, slots=True)
class ListPage:
    """The documents of a page, how many there are in all, and whether others follow them."""

    documents: Sequence[Document]
    total: int
    more: bool


USERS = Listing(lambda request: request.user_type, "groups", search.users)
GROUPS = Listing(lambda _: GROUP, "members", search.groups)


def list_resources(request: ScimRequest, listing: Listing, parameters: Parameters) -> Response:
    """Return a page: by index, or, where `cursor` is sent, by cursor (RFC 9865)."""
    # A cursor continues one list only: the same resource type and filter.
    list_name = f"{listing.resource_type(request).name} {parameters.get('filter', '')}"
    query = _query(parameters)
    if "cursor" not in parameters:
        page = _find(request, listing, parameters, query)
        return Response(200, messages.list_response(page.documents, page.total, query.start))
    after = cursors.read(parameters["cursor"], list_name)
    page = _find(request, listing, parameters, replace(query, after=after))
    document = messages.list_response(page.documents, page.total, None)
    if page.documents and page.more:
        document["nextCursor"] = cursors.write(page.documents[-1]["id"], list_name)
    return Response(200, document)


def search_all(request: ScimRequest) -> Response:
    """POST /.search: a page of all resources, users before groups, by index (section 3.4.3).

    An attribute that a resource type does not have is absent from it: `userName pr` finds no group
    (section 3.4.2.1).

    Raises:
        InvalidFilter: an attribute of the filter is in no resource type.
        InvalidCursor: pages of several resource types go by index only.
    """
    parameters = messages.parse_search(request.body(MAX_USER_BYTES))
    if "cursor" in parameters:
        message = "cursor: a search over all resources supports `startIndex` only."
        raise InvalidCursor(message)
    query = replace(_query(parameters), all_types=True)
    documents, total, left = list[Document](), 0, query.count
    for listing in (USERS, GROUPS):
        part = replace(query, start=max(1, query.start - total), count=left)
        page = _find(request, listing, parameters, part)
        documents += page.documents
        total += page.total
        left = 0 if page.more else left - len(page.documents)
    return Response(
        200, messages.list_response(messages.fit_response(documents), total, query.start)
    )


def with_plus_signs(parameters: Parameters) -> Parameters | None:
    """Return the parameters of a list with `+` for the blanks in the e-mail address of its filter.

    A client that does not encode the `+` of `ada+test@example.com` asks for `ada test@...`. None
    unless the filter is a lone `userName eq` or `emails.value eq`, and its value is an address.
    """
    if "filter" not in parameters:
        return None
    node = parse_filter(parameters["filter"])
    if not isinstance(node, Comparison) or not isinstance(node.path, AttrPath):
        return None
    (term,) = terms_of(node, USER)
    if term.op != "eq" or term.path not in _ADDRESSES or not isinstance(term.value, str):
        return None
    local, _, domain = term.value.partition("@")
    if " " not in local or "@" not in term.value or {" ", "@"} & {*domain}:
        return None
    wanted = replace(node, value=f"{local.replace(' ', '+')}@{domain}")
    return {**parameters, "filter": str(wanted)}


_ADDRESSES = frozenset({"userName", "emails.value"})


def read_count(parameters: Parameters) -> int:
    """Read how many resources a page may have: below 0 counts as 0, above our limit as that.

    Raises:
        InvalidCount: it is not a whole number.
    """
    count = _whole_number(parameters, "count", messages.DEFAULT_RESULTS, InvalidCount)
    return min(max(0, count), messages.MAX_RESULTS)


def _find(
    request: ScimRequest, listing: Listing, parameters: Parameters, query: search.Query
) -> ListPage:
    """Find a page and project its resources, as many as fit in one response."""
    resource_type = listing.resource_type(request)
    projection = Projection.parse(
        parameters.get("attributes"), parameters.get("excludedAttributes"), resource_type
    )
    query = replace(query, with_memberships=projection.wants(listing.joined))
    page = listing.find(request.context, query)
    request.context.trace.add_ids(each["id"] for each in page.resources)
    documents = messages.fit_response(
        [project(each, resource_type, projection) for each in page.resources]
    )
    more = page.has_more or len(documents) < len(page.resources)
    return ListPage(documents, page.total, more)


def _query(parameters: Parameters) -> search.Query:
    return search.Query(
        filter=parse_filter(parameters["filter"]) if "filter" in parameters else None,
        start=max(1, _whole_number(parameters, "startIndex", 1)),
        count=read_count(parameters),
    )


_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


def _whole_number(
    parameters: Parameters, name: str, default: int, error: type[BadRequest] = InvalidValue
) -> int:
    text = parameters.get(name, "").strip()
    if not text:
        return default
    if not _WHOLE_NUMBER.fullmatch(text):
        message = f"{name}: expected a whole number."
        raise error(message)
    return int(text)
