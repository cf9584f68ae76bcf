"""Lists and filters: by key wherever a term of the filter has one, else a bounded read.

A filter with a key (an `eq` on id, userName, externalId, an e-mail, a team's name or a member)
finds its candidates by that key and is then applied to them as a whole. One without a key is
applied to everything, up to a bound; above it the answer is 400 with the reason. A list is
never cut and never wrongly empty.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TypeVar

from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import group_resource, require_answerable, user_resource
from chalicelib.directory.search_plan import UNKNOWN, equalities, uses
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import InvalidFilter, TooMany
from chalicelib.scim.filters import Filter
from chalicelib.scim.matching import compile_filter
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.directory_items import Group, group_of
from chalicelib.storage.expressions import Item, key_of
from chalicelib.storage.keys import (
    FIRST,
    LAST,
    Range,
    ResourceClass,
    counted_from,
    is_id,
    member_of,
)
from chalicelib.storage.lookups import (
    UserWithGroups,
    group_by_name,
    groups_by_id,
    read_user,
    user_by_name,
    users_by_email,
    users_by_external_id,
    users_of,
)

T = TypeVar("T")

# What a filter without a key reads at most, and how many members a page of teams holds.
MOST_RESOURCES = 10_000
MOST_ROWS = 100_000
MOST_MEMBERS = 5_000
# Fewer rows at once would save nothing: these are 3 RCU.
FEWEST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asks for; `with_memberships`: with groups or members.

    A page begins at the 1-based `start`, or, by cursor, behind the id `after` ("": at the
    beginning). `together`: the filter is one over users and groups.
    """

    filter: Filter | None
    start: int
    count: int
    with_memberships: bool = True
    after: str | None = None
    all_types: bool = False

    def window(self, ids: Sequence[str]) -> slice:
        """Tell which part of a whole result, by its sorted ids, is asked for."""
        first = self.start - 1 if self.after is None else bisect_right(ids, self.after)
        return slice(first, first + self.count)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The resources of one page, how many match in all, and whether more follow."""

    resources: Sequence[Resource]
    total: int
    has_more: bool


# --- users ------------------------------------------------------------------------------------


def users(context: ConnectionContext, query: Query) -> SearchResult:
    """List users in the order of their ids.

    Raises:
        InvalidFilter: the filter cannot be answered by these schemas.
        TooMany: no term of the filter has a key and there are more users than one answer reads.
    """
    if query.filter is None:
        return _page_of_users(context, query)
    holds = compile_filter(query.filter, context.user_type, (GROUP,) if query.all_types else ())
    with_groups = any(
        use.place.startswith("groups.") for use in uses(query.filter, context.user_type)
    )
    known = _keys(query, context.user_type, GROUP)
    rows = [] if known is None else list(_user_candidates(context, known))
    seen = _represented_users(context, rows, with_groups=with_groups)
    hits = [row for row, resource in zip(rows, seen, strict=True) if holds(resource)]
    hits.sort(key=lambda row: row.user.id)
    window = query.window([row.user.id for row in hits])
    page = _represented_users(context, hits[window], with_groups=query.with_memberships)
    return SearchResult(page, len(hits), has_more=window.stop < len(hits))


def _page_of_users(context: ConnectionContext, query: Query) -> SearchResult:
    place = _place(context, "U", query)
    if query.count == 0 or place.low == LAST:
        return SearchResult((), place.total, has_more=False)
    # One row more than is asked for: a user is complete when the next one begins.
    items = context.items.query(
        context.keys.users_from(place.low),
        page=min(place.skip + query.count, place.total) + 1,
    )
    rows = list(islice(users_of(items), place.skip, place.skip + query.count + place.ahead))
    page = _represented_users(context, rows[: query.count], with_groups=query.with_memberships)
    return SearchResult(page, place.total, has_more=len(rows) > query.count)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: from which key on, how many rows further; how many more to look at.

    By cursor one resource more than asked for is read: it tells whether there is a next page.
    """

    total: int
    low: str
    skip: int
    ahead: int


def _place(context: ConnectionContext, kind: ResourceClass, query: Query) -> _Place:
    """Count all, exactly, and tell where the page begins; LAST where it lies behind the end."""
    counters = list(context.items.query(context.keys.counters(kind)))
    ends = list(accumulate(item["n"] for item in counters))
    total = ends[-1] if ends else 0
    if query.after is not None:
        return _Place(total, query.after + LAST if query.after else FIRST, 0, 1)
    for item, end in zip(counters, ends, strict=True):
        if end >= query.start:
            skip = query.start - 1 - (end - item["n"])
            return _Place(total, counted_from(key_of(item)), skip, 0)
    return _Place(total, LAST, 0, 0)


def _represented_users(
    context: ConnectionContext, rows: Sequence[UserWithGroups], *, with_groups: bool
) -> list[Resource]:
    """Represent users; their teams are read once each."""
    met = groups_by_id(context, (gid for row in rows for gid in row.group_ids if with_groups))
    return [
        user_resource(context, row.user, [met[gid] for gid in row.group_ids if gid in met])
        for row in rows
    ]


def _user_candidates(
    context: ConnectionContext, known: Mapping[str, str]
) -> Iterable[UserWithGroups]:
    for place, look_up in USER_KEYS.items():
        if place in known:
            return look_up(context, known[place])
    return _bounded(users_of(_bounded_rows(context, context.keys.users_from())))


def _user_by_id(context: ConnectionContext, uid: str) -> Iterable[UserWithGroups]:
    found = read_user(context, uid) if is_id(uid) else None
    return [found] if found else []


def _user_by_name(context: ConnectionContext, name: str) -> Iterable[UserWithGroups]:
    found = user_by_name(context, name)
    return [found] if found else []


def _users_by_external_id(context: ConnectionContext, value: str) -> Iterable[UserWithGroups]:
    return _bounded(users_by_external_id(context, value))


def _users_by_email(context: ConnectionContext, value: str) -> Iterable[UserWithGroups]:
    return _bounded(users_by_email(context, value))


USER_KEYS: Mapping[str, Callable[[ConnectionContext, str], Iterable[UserWithGroups]]] = {
    "id": _user_by_id,
    "userName": _user_by_name,
    "externalId": _users_by_external_id,
    "emails.value": _users_by_email,
}


# --- teams ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A team, and those of the users whom the filter names who are known to be members."""

    group: Group
    members: frozenset[str] = frozenset()


def groups(context: ConnectionContext, query: Query) -> SearchResult:
    """List teams in the order of their ids.

    A page with members holds as many teams as have 5,000 members together, at least one.

    Raises:
        InvalidFilter: the filter cannot be answered by these schemas, or compares members by
            another operator than `eq`.
        TooMany: no term of the filter has a key and there are more teams than one answer reads.
    """
    if query.filter is None:
        rows, total, more = _page_of_groups(context, query)
    else:
        hits = _matching_groups(context, query.filter, query)
        window = query.window([group.id for group in hits])
        rows, total, more = hits[window], len(hits), window.stop < len(hits)
    page = _represented_groups(context, rows, with_members=query.with_memberships)
    return SearchResult(page, total, has_more=more or len(page) < len(rows))


def _page_of_groups(context: ConnectionContext, query: Query) -> tuple[list[Group], int, bool]:
    place = _place(context, "G", query)
    if query.count == 0 or place.low == LAST:
        return [], place.total, False
    last = place.skip + query.count + place.ahead
    # One row more than there are: behind a page that is exactly full DynamoDB sends us on.
    items = context.items.query(
        context.keys.groups_from(place.low), page=min(last, place.total) + 1
    )
    rows = [group_of(item) for item in islice(items, place.skip, last)]
    return rows[: query.count], place.total, len(rows) > query.count


def _represented_groups(
    context: ConnectionContext, rows: Sequence[Group], *, with_members: bool
) -> list[Resource]:
    if not with_members:
        return [group_resource(context, group, ()) for group in rows]
    for group in rows[:1]:
        require_answerable(context, group)
    fitting = rows[: max(1, _fitting([group.size for group in rows]))]
    members = _members_of(context, [group for group in fitting if group.size])
    return [group_resource(context, group, members.get(group.id, ())) for group in fitting]


def _fitting(sizes: Sequence[int]) -> int:
    return sum(total <= MOST_MEMBERS for total in accumulate(sizes))


def _members_of(context: ConnectionContext, rows: Sequence[Group]) -> dict[str, list[str]]:
    """Read the members of teams, in the order of their ids, by as few Queries as they allow."""
    found: dict[str, list[str]] = {group.id: [] for group in rows}
    sizes = {group.id: group.size for group in rows}
    page, low = sum(sizes.values()) + 1, next(iter(found), None)
    while low is not None:
        low = _collect(context, low, page, found)
        # Other teams come between: a page for all of ours would be mostly of theirs.
        page = max(FEWEST_ROWS, sizes.get(low or "", 0) + 1)
    return found


def _collect(
    context: ConnectionContext, low: str, page: int, found: dict[str, list[str]]
) -> str | None:
    """Read on from a team; where another team's rows come between, tell where to start again."""
    last = next(reversed(found))
    memberships = context.keys.members_between(low, last)
    for item in context.items.query(memberships, page=page):
        gid, uid = member_of(key_of(item))
        if gid not in found:
            return next((wanted for wanted in found if wanted > gid), None)
        found[gid].append(uid)
    return None


def _matching_groups(context: ConnectionContext, node: Filter, query: Query) -> list[Group]:
    holds = compile_filter(node, GROUP, (context.user_type,) if query.all_types else ())
    named = _named_members(node)
    known = _keys(query, GROUP, context.user_type)
    candidates = [] if known is None else list(_group_candidates(context, known, named))
    members = _known_members(context, candidates, named)
    hits = [
        each.group
        for each in candidates
        if holds(group_resource(context, each.group, sorted(members[each.group.id])))
    ]
    return sorted(hits, key=lambda group: group.id)


def _named_members(node: Filter) -> frozenset[str]:
    """Tell which users a filter asks about as members.

    Members are rows, not part of the team: only `eq` can be answered without reading them all.
    """
    asked = [use for use in uses(node, GROUP) if use.place.startswith("members")]
    for use in asked:
        if use.op != "eq" or use.place != "members.value" or not isinstance(use.value, str):
            message = 'members can be compared only as `members.value eq "<id of a user>"`.'
            raise InvalidFilter(message)
    return frozenset(str(use.value) for use in asked)


def _known_members(
    context: ConnectionContext, candidates: Sequence[_Candidate], named: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Tell which of the named users are members of each candidate; read what is not known."""
    open_keys = {
        context.keys.member(each.group.id, uid): (each.group.id, uid)
        for each in candidates
        for uid in named - each.members
        if is_id(uid)
    }
    if len(open_keys) > MOST_RESOURCES:
        raise _too_many()
    met = [open_keys[key] for key in context.items.batch_get(open_keys)] if open_keys else []
    known = {each.group.id: each.members for each in candidates}
    for gid, uid in met:
        known[gid] |= {uid}
    return known


def _group_candidates(
    context: ConnectionContext, known: Mapping[str, str], named: frozenset[str]
) -> Iterable[_Candidate]:
    if "id" in known:
        return _group_by_id(context, known["id"], named)
    for place, look_up in GROUP_KEYS.items():
        if place in known:
            return look_up(context, known[place])
    rows = _bounded(_bounded_rows(context, context.keys.groups_from()))
    return (_Candidate(group_of(item)) for item in rows)


def _group_by_id(
    context: ConnectionContext, gid: str, named: frozenset[str]
) -> Iterable[_Candidate]:
    """Read a team together with the memberships that the filter names: one BatchGet.

    Entra ID checks a membership so: `id eq "G" and members eq "U"`.
    """
    if not is_id(gid):
        return
    row = context.keys.group(gid)
    member_rows = {context.keys.member(gid, uid): uid for uid in named if is_id(uid)}
    found = context.items.batch_get([row, *member_rows])
    if row in found:
        there = frozenset(uid for key, uid in member_rows.items() if key in found)
        yield _Candidate(group_of(found[row]), there)


def _group_by_name(context: ConnectionContext, name: str) -> Iterable[_Candidate]:
    group = group_by_name(context, name)
    return [_Candidate(group)] if group else []


def _groups_by_external_id(context: ConnectionContext, value: str) -> Iterable[_Candidate]:
    items = _bounded(context.items.query(context.keys.group_external_ids(value)))
    found = groups_by_id(context, [item["SK"] for item in items])
    return [_Candidate(group) for group in found.values()]


def _groups_of_member(context: ConnectionContext, uid: str) -> Iterable[_Candidate]:
    rows = read_user(context, uid) if is_id(uid) else None
    found = groups_by_id(context, rows.group_ids if rows else ())
    return [_Candidate(group, frozenset({uid})) for group in found.values()]


GROUP_KEYS: Mapping[str, Callable[[ConnectionContext, str], Iterable[_Candidate]]] = {
    "displayName": _group_by_name,
    "externalId": _groups_by_external_id,
    "members.value": _groups_of_member,
}


# --- both -------------------------------------------------------------------------------------


def _keys(query: Query, kind: ResourceType, other: ResourceType) -> Mapping[str, str] | None:
    """Tell what can be looked up; None where the filter wants what only the other kind has.

    Without that, `userName eq "a"` over users and groups would read every group for nothing.
    """
    known = equalities(query.filter, kind) if query.filter else {}
    if query.filter and query.all_types:
        foreign = equalities(query.filter, other).keys() - known.keys() - {UNKNOWN}
        return None if foreign else known
    return known


def _bounded_rows(context: ConnectionContext, resources: Range) -> Iterator[Item]:
    for count, item in enumerate(context.items.query(resources)):
        if count == MOST_ROWS:
            raise _too_many()
        yield item


def _bounded(found: Iterable[T]) -> Iterator[T]:
    for count, each in enumerate(found):
        if count == MOST_RESOURCES:
            raise _too_many()
        yield each


def _too_many() -> TooMany:
    return TooMany(
        f"This filter would have to be applied to more than {MOST_RESOURCES:,} resources. Add a "
        "term that can be looked up: id, userName, externalId or emails.value of a user, id, "
        "displayName, externalId or members.value of a group, with `eq` and joined by `and`."
    )
