"""Lists of users, of groups, and of both: RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.api.edge import Response
from chalicelib.api.scim.requests import ScimRequest
from chalicelib.directory import search
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import BadRequest
from chalicelib.scim import cursors, messages
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import InvalidCount, InvalidCursor, InvalidValue
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import ResourceType

Parameters = Mapping[str, str]
Document = messages.Document


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of one kind: its attribute that costs reads of its own, and what finds the page."""

    resource_type: Callable[[ScimRequest], ResourceType]
    joined: str
    find: Callable[[ConnectionContext, search.Query], search.SearchResult]

    def page(self, request: ScimRequest, asked: Parameters, query: search.Query) -> Found:
        """Find a page and project its resources, as far as one answer holds them."""
        resource_type = self.resource_type(request)
        projection = projection_of(asked, resource_type)
        page = self.find(
            request.context, replace(query, with_memberships=projection.wants(self.joined))
        )
        request.context.trace.add_ids(each["id"] for each in page.resources)
        sent = messages.fitting(
            [project(each, resource_type, projection) for each in page.resources]
        )
        return Found(sent, page.total, more=page.has_more or len(sent) < len(page.resources))


@dataclass(frozen=True, slots=True)
class Found:
    """The documents of a page, how many there are in all, and whether others follow them."""

    documents: Sequence[Document]
    total: int
    more: bool


USERS = Listing(lambda request: request.user_type, "groups", search.users)
GROUPS = Listing(lambda _: GROUP, "members", search.groups)


def listed(request: ScimRequest, listing: Listing, asked: Parameters) -> Response:
    """Answer a page: by index, or, where `cursor` is asked for, by cursor (RFC 9865)."""
    mark = f"{listing.resource_type(request).name} {asked.get('filter', '')}"
    query = _query(asked)
    if "cursor" not in asked:
        found = listing.page(request, asked, query)
        return Response(200, messages.list_response(found.documents, found.total, query.start))
    after = cursors.read(asked["cursor"], mark)
    found = listing.page(request, asked, replace(query, after=after))
    document = messages.list_response(found.documents, found.total, None)
    if found.documents and found.more:
        document["nextCursor"] = cursors.write(found.documents[-1]["id"], mark)
    return Response(200, document)


def listed_together(request: ScimRequest, asked: Parameters) -> Response:
    """Answer a page of all resources, users before groups, by index (section 3.4.3).

    What a kind does not have is absent from it: `userName pr` finds no group (section 3.4.2.1).

    Raises:
        InvalidFilter: it asks about what neither kind has.
        InvalidCursor: pages of both kinds go by index only.
    """
    if "cursor" in asked:
        raise InvalidCursor("cursor: a search over all resources is paged by startIndex.")
    query = replace(_query(asked), all_types=True)
    found, total, left = list[Document](), 0, query.count
    for listing in (USERS, GROUPS):
        part = replace(query, start=max(1, query.start - total), count=left)
        page = listing.page(request, asked, part)
        found += page.documents
        total += page.total
        left = 0 if page.more else left - len(page.documents)
    return Response(200, messages.list_response(messages.fitting(found), total, query.start))


def projection_of(asked: Parameters, resource_type: ResourceType) -> Projection:
    """Read which attributes are asked for."""
    return Projection.parse(asked.get("attributes"), asked.get("excludedAttributes"), resource_type)


def _query(asked: Parameters) -> search.Query:
    return search.Query(
        filter=parse_filter(asked["filter"]) if "filter" in asked else None,
        start=max(1, _whole_number(asked, "startIndex", 1)),
        count=count_of(asked),
    )


def count_of(asked: Parameters) -> int:
    """How many resources a page is to have: below 0 counts as 0, above our limit as that.

    Raises:
        InvalidCount: it is no whole number.
    """
    wanted = _whole_number(asked, "count", messages.DEFAULT_RESULTS, InvalidCount)
    return min(max(0, wanted), messages.MAX_RESULTS)


_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


def _whole_number(
    query: Mapping[str, str], name: str, absent: int, fault: type[BadRequest] = InvalidValue
) -> int:
    text = query.get(name, "").strip()
    if not text:
        return absent
    if not _WHOLE_NUMBER.fullmatch(text):
        message = f"{name}: a whole number is due."
        raise fault(message)
    return int(text)
