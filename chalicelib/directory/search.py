"""List and filter users and groups: by key if the filter allows it, otherwise by a limited scan.

A filter with a key (`eq` on an id, userName, externalId, e-mail address, group name or member)
finds its candidates by that key; then the whole filter is applied to them. One without a key is
applied to all resources, up to a limit; above it the request is rejected and the text says why.
A list is never truncated silently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from typing import TypeVar

from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.resources import group_resource, require_returnable, user_resource
from chalicelib.directory.search_plan import UNKNOWN, equalities, terms_of
from chalicelib.directory.whole_groups import read_whole
from chalicelib.scim.catalog import GROUP
from chalicelib.scim.errors import InvalidFilter, TooMany
from chalicelib.scim.filters import Filter
from chalicelib.scim.matching import compile_filter
from chalicelib.scim.schema import Resource, ResourceType
from chalicelib.storage.directory_items import Group
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
from chalicelib.storage.records import from_item

T = TypeVar("T")

# How many resources and items a filter without a key may read. Items are more than resources:
# each user is followed by an item for each of their groups.
MAX_RESOURCES = 10_000
MAX_ITEMS = 100_000
# The most members that the groups of one page may have together.
MAX_MEMBERS_PER_PAGE = 5_000
# The most characters that the documents of one page may have together: in memory they are several
# times as large, and `make memory` gives each operation 64 MB. A response takes 5.5 MB of them.
MAX_PAGE_CHARACTERS = 6_000_000
# So many users are in memory at a time while a filter is applied.
USERS_AT_ONCE = 50
# The smallest page of a Query: 3 RCU; a smaller one would save nothing.
MIN_QUERY_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Query:
    """Which resources a client wants to list, which page, and whether with groups or members.

    A page begins at index `start` (1-based) or, if it was requested by cursor, after the id
    `after` ("" for the first page). `all_types` is True if the client filters users and groups
    in one request (RFC 7644 section 3.4.3).
    """

    filter: Filter | None
    start: int
    count: int
    with_memberships: bool = True
    after: str | None = None
    all_types: bool = False

    def window(self, ids: Sequence[str]) -> slice:
        """Return the slice of the sorted ids of all matches that is on the page."""
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
        InvalidFilter: the filter does not fit these schemas.
        TooMany: no term of the filter has a key, and there are too many users to read.
    """
    if query.filter is None:
        return _page_of_users(context, query)
    others = (GROUP,) if query.all_types else ()
    matches = _in_time(context, compile_filter(query.filter, context.user_type, others))
    terms = terms_of(query.filter, context.user_type)
    with_groups = any(term.path.startswith("groups.") for term in terms)
    keys = _lookup_terms(query, context.user_type, GROUP)
    candidates = iter(() if keys is None else _user_candidates(context, keys))
    page, groups = _PageOfUsers(query), dict[str, Group]()
    while some := list(islice(candidates, USERS_AT_ONCE)):
        if with_groups:
            groups |= _groups_of(context, some, groups)
        for each in some:
            if matches(_user_resource(context, each, groups)):
                page.add(each)
    return page.result(context)


@dataclass(slots=True)
class _PageOfUsers:
    """The users of a page, added in the order of their ids; all others are only counted.

    A page ends early where its documents are large: itemsPerPage tells (RFC 7644 section 3.4.2.4).
    """

    query: Query
    kept: list[UserWithGroups] = field(default_factory=list)
    total: int = 0
    characters: int = 0
    has_more: bool = False

    def add(self, found: UserWithGroups) -> None:
        """Add the next user, if they are on the page."""
        self.total += 1
        after = self.query.after
        if self.total < self.query.start if after is None else found.user.id <= after:
            return
        self.characters += found.size
        is_too_large = self.characters > MAX_PAGE_CHARACTERS and bool(self.kept)
        if len(self.kept) == self.query.count or is_too_large:
            self.has_more = True
        if not self.has_more:
            self.kept.append(found)

    def result(self, context: ConnectionContext) -> SearchResult:
        """Return the page; the groups of its users are read."""
        page = _user_resources(context, self.kept, with_groups=self.query.with_memberships)
        return SearchResult(page, self.total, self.has_more)


def _in_time(
    context: ConnectionContext, matches: Callable[[Resource], bool]
) -> Callable[[Resource], bool]:
    """Return `matches` until the deadline: 50 terms on 10,000 users take seconds.

    Raises:
        Busy: the function that is returned, once the deadline has passed.
    """

    def matches_in_time(resource: Resource) -> bool:
        context.items.deadline.require()
        return matches(resource)

    return matches_in_time


def _page_of_users(context: ConnectionContext, query: Query) -> SearchResult:
    start = _page_start(context, "U", query)
    if query.count == 0 or start.key == LAST:
        return SearchResult((), start.total, has_more=False)
    # Read one item more than the page: a user's groups are complete when the next user begins.
    items = context.items.query(
        context.keys.users_from(start.key),
        page=min(start.skip + query.count, start.total) + 1,
    )
    end = start.skip + query.count + start.lookahead
    page = _PageOfUsers(replace(query, start=1, after=None))
    for each in islice(users_of(items), start.skip, end):
        page.add(each)
        if page.has_more:
            break
    page.total = start.total
    return page.result(context)


@dataclass(frozen=True, slots=True)
class _PageStart:
    """Where a page begins: the sort key to read from, and how many resources to skip there.

    `lookahead` is 1 for a page by cursor: one more resource shows whether there is a next page.
    """

    total: int
    key: str
    skip: int
    lookahead: int


def _page_start(
    context: ConnectionContext, resource_class: ResourceClass, query: Query
) -> _PageStart:
    """Count all resources and find where the page begins; `key` is LAST if that is past the end."""
    counters = list(context.items.query(context.keys.counters(resource_class)))
    ends = list(accumulate(item["n"] for item in counters))
    total = ends[-1] if ends else 0
    if query.after is not None:
        return _PageStart(total, query.after + LAST if query.after else FIRST, 0, 1)
    for item, end in zip(counters, ends, strict=True):
        if end >= query.start:
            skip = query.start - 1 - (end - item["n"])
            return _PageStart(total, counted_from(key_of(item)), skip, 0)
    return _PageStart(total, LAST, 0, 0)


def _user_resources(
    context: ConnectionContext, found: Sequence[UserWithGroups], *, with_groups: bool
) -> list[Resource]:
    """Build the SCIM representations of users; each group is read once."""
    groups = _groups_of(context, found, {}) if with_groups else {}
    return [_user_resource(context, each, groups) for each in found]


def _groups_of(
    context: ConnectionContext, found: Sequence[UserWithGroups], known: Mapping[str, Group]
) -> dict[str, Group]:
    """Read the groups of users that are not known yet."""
    gids = (gid for each in found for gid in each.group_ids if gid not in known)
    return groups_by_id(context, gids)


def _user_resource(
    context: ConnectionContext, found: UserWithGroups, groups: Mapping[str, Group]
) -> Resource:
    """Build the SCIM representation of a user with those of their groups that were read."""
    joined = [groups[gid] for gid in found.group_ids if gid in groups]
    return user_resource(context, found.user, joined)


def _user_candidates(
    context: ConnectionContext, keys: Mapping[str, str]
) -> Iterable[UserWithGroups]:
    for path, find in USER_KEYS.items():
        if path in keys:
            return find(context, keys[path])
    return _limited(users_of(_limited_items(context, context.keys.users_from())))


def _user_by_id(context: ConnectionContext, uid: str) -> Iterable[UserWithGroups]:
    found = read_user(context, uid) if is_id(uid) else None
    return [found] if found else []


def _user_by_name(context: ConnectionContext, name: str) -> Iterable[UserWithGroups]:
    found = user_by_name(context, name)
    return [found] if found else []


USER_KEYS: Mapping[str, Callable[[ConnectionContext, str], Iterable[UserWithGroups]]] = {
    "id": _user_by_id,
    "userName": _user_by_name,
    "externalId": lambda context, value: _limited(users_by_external_id(context, value)),
    "emails.value": lambda context, value: _limited(users_by_email(context, value)),
}


# --- groups -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A group that may match, and those users named by the filter that are known as members."""

    group: Group
    members: frozenset[str] = frozenset()


def groups(context: ConnectionContext, query: Query) -> SearchResult:
    """List groups in the order of their ids.

    A page with members has as many groups as have at most 5,000 members together, and at least
    one group.

    Raises:
        InvalidFilter: the filter does not fit these schemas, or compares members by an
            operator other than `eq`.
        TooMany: no term of the filter has a key, and there are too many groups to read.
    """
    if query.filter is None:
        page, total, has_more = _page_of_groups(context, query)
    else:
        found = _matching_groups(context, query.filter, query)
        window = query.window([group.id for group in found])
        page, total, has_more = found[window], len(found), window.stop < len(found)
    resources = _group_resources(context, page, with_members=query.with_memberships)
    return SearchResult(resources, total, has_more=has_more or len(resources) < len(page))


def _page_of_groups(context: ConnectionContext, query: Query) -> tuple[list[Group], int, bool]:
    """Return a page of all groups, how many there are, and whether more follow."""
    start = _page_start(context, "G", query)
    if query.count == 0 or start.key == LAST:
        return [], start.total, False
    end = start.skip + query.count + start.lookahead
    # Ask for one item more: DynamoDB reports a further page after one that is exactly full.
    items = context.items.query(context.keys.groups_from(start.key), page=min(end, start.total) + 1)
    found = [from_item(Group, item) for item in islice(items, start.skip, end)]
    return found[: query.count], start.total, len(found) > query.count


def _group_resources(
    context: ConnectionContext, page: Sequence[Group], *, with_members: bool
) -> list[Resource]:
    """Build representations of groups; with members only as many as fit a page, at least one."""
    if not with_members:
        return [group_resource(context, group, None) for group in page]
    if page:
        require_returnable(context, page[0])
    totals = accumulate(group.size for group in page)
    fitting = page[: max(1, sum(total <= MAX_MEMBERS_PER_PAGE for total in totals))]
    members = _members_of(context, [group for group in fitting if group.size])
    whole = (read_whole(context, group, members.get(group.id, [])) for group in fitting)
    return [group_resource(context, each.group, each.member_ids) for each in whole if each]


def _members_of(context: ConnectionContext, wanted: Sequence[Group]) -> dict[str, list[str]]:
    """Read the members of groups, in the order of their ids, with as few Queries as possible."""
    found: dict[str, list[str]] = {group.id: [] for group in wanted}
    sizes = {group.id: group.size for group in wanted}
    page, next_gid = sum(sizes.values()) + 1, next(iter(found), None)
    while next_gid is not None:
        next_gid = _read_members(context, next_gid, page, found)
        # From here on groups that are not wanted lie between: read one group at a time.
        page = max(MIN_QUERY_ITEMS, sizes.get(next_gid or "", 0) + 1)
    return found


def _read_members(
    context: ConnectionContext, first_gid: str, page: int, found: dict[str, list[str]]
) -> str | None:
    """Add members to the groups in `found`, from `first_gid` to the first group not in `found`.

    Returns the group in `found` to continue with; None after the last.
    """
    last_gid = next(reversed(found))
    memberships = context.keys.members_between(first_gid, last_gid)
    for item in context.items.query(memberships, page=page):
        gid, uid = member_of(key_of(item))
        if gid not in found:
            return next((wanted for wanted in found if wanted > gid), None)
        found[gid].append(uid)
    return None


def _matching_groups(context: ConnectionContext, node: Filter, query: Query) -> list[Group]:
    others = (context.user_type,) if query.all_types else ()
    matches = _in_time(context, compile_filter(node, GROUP, others))
    named = _uids_in_filter(node)
    keys = _lookup_terms(query, GROUP, context.user_type)
    candidates = [] if keys is None else list(_group_candidates(context, keys, named))
    members = _check_memberships(context, candidates, named)
    found = [
        each.group
        for each in candidates
        if matches(group_resource(context, each.group, sorted(members[each.group.id])))
    ]
    return sorted(found, key=lambda group: group.id)


def _uids_in_filter(node: Filter) -> frozenset[str]:
    """Return the ids of the users that a filter compares with `members.value`.

    Members are items of their own: only `eq` can be evaluated without reading all of them.

    Raises:
        InvalidFilter: the filter compares members in another way.
    """
    terms = [term for term in terms_of(node, GROUP) if term.path.startswith("members")]
    for term in terms:
        if (term.path, term.op) != ("members.value", "eq") or not isinstance(term.value, str):
            message = (
                'members: a filter can compare members only as `members.value eq "<user id>"`.'
            )
            raise InvalidFilter(message)
    return frozenset(str(term.value) for term in terms)


def _check_memberships(
    context: ConnectionContext, candidates: Sequence[_Candidate], named: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Return which of the `named` users are in each candidate; read what is not known yet."""
    unknown = {
        context.keys.member(each.group.id, uid): (each.group.id, uid)
        for each in candidates
        for uid in named - each.members
        if is_id(uid)
    }
    if len(unknown) > MAX_RESOURCES:
        raise _too_many()
    members = {each.group.id: each.members for each in candidates}
    for key in context.items.batch_get(unknown) if unknown else ():
        gid, uid = unknown[key]
        members[gid] |= {uid}
    return members


def _group_candidates(
    context: ConnectionContext, keys: Mapping[str, str], named: frozenset[str]
) -> Iterable[_Candidate]:
    if "id" in keys:
        return _group_by_id(context, keys["id"], named)
    for path, find in GROUP_KEYS.items():
        if path in keys:
            return find(context, keys[path])
    items = _limited(_limited_items(context, context.keys.groups_from()))
    return (_Candidate(from_item(Group, item)) for item in items)


def _group_by_id(
    context: ConnectionContext, gid: str, named: frozenset[str]
) -> Iterable[_Candidate]:
    """Read a group together with the memberships that the filter names: one BatchGetItem.

    Entra ID checks a membership with `id eq "G" and members eq "U"`.
    """
    if not is_id(gid):
        return
    key = context.keys.group(gid)
    member_keys = {context.keys.member(gid, uid): uid for uid in named if is_id(uid)}
    found = context.items.batch_get([key, *member_keys])
    if key in found:
        members = frozenset(uid for member, uid in member_keys.items() if member in found)
        yield _Candidate(from_item(Group, found[key]), members)


def _group_by_name(context: ConnectionContext, name: str) -> Iterable[_Candidate]:
    group = group_by_name(context, name)
    return [_Candidate(group)] if group else []


def _groups_by_external_id(context: ConnectionContext, value: str) -> Iterable[_Candidate]:
    items = _limited(context.items.query(context.keys.group_external_ids(value)))
    found = groups_by_id(context, [item["SK"] for item in items])
    return [_Candidate(group) for group in found.values()]


def _groups_of_member(context: ConnectionContext, uid: str) -> Iterable[_Candidate]:
    user = read_user(context, uid) if is_id(uid) else None
    found = groups_by_id(context, user.group_ids if user else ())
    return [_Candidate(group, frozenset({uid})) for group in found.values()]


GROUP_KEYS: Mapping[str, Callable[[ConnectionContext, str], Iterable[_Candidate]]] = {
    "displayName": _group_by_name,
    "externalId": _groups_by_external_id,
    "members.value": _groups_of_member,
}


# --- both -------------------------------------------------------------------------------------


def _lookup_terms(
    query: Query, resource_type: ResourceType, other: ResourceType
) -> Mapping[str, str] | None:
    """Return the terms that can be looked up, as path and value; None if nothing can match.

    Nothing can match if the filter requires an attribute that only the other type has: without
    this check `userName eq "a"` over users and groups would read every group in vain.
    """
    keys = equalities(query.filter, resource_type) if query.filter else {}
    if query.filter and query.all_types:
        foreign = equalities(query.filter, other).keys() - keys.keys() - {UNKNOWN}
        return None if foreign else keys
    return keys


def _limited_items(context: ConnectionContext, resources: Range) -> Iterator[Item]:
    """Read items of a range; raise TooMany above MAX_ITEMS."""
    for count, item in enumerate(context.items.query(resources)):
        if count == MAX_ITEMS:
            raise _too_many()
        yield item


def _limited(found: Iterable[T]) -> Iterator[T]:
    """Yield resources; raise TooMany above MAX_RESOURCES."""
    for count, each in enumerate(found):
        if count == MAX_RESOURCES:
            raise _too_many()
        yield each


def _too_many() -> TooMany:
    return TooMany(
        f"filter: without a term that can be looked up, it may read at most {MAX_RESOURCES:,} "
        "resources; this one needs more. Add such a term with `and`: `eq` on id, userName, "
        "externalId or emails.value of a user, or on id, displayName, externalId or members.value "
        "of a group."
    )
