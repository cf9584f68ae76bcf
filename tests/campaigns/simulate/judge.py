"""Judge what clients saw, from outside: each object's history must be linearizable. Pure.

Each event says something about some objects: a user, a group, a name, a membership of a group whose
changes take several transactions. `Histories` sorts the events by object; `linear` searches for an
order of each.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import inf
from typing import Any

from tests.campaigns.simulate import feed, objects
from tests.campaigns.simulate.linear import Entry, Step, explain
from tests.campaigns.simulate.objects import ABSENT, Existing, canonical, version_of
from tests.campaigns.simulate.workload import Event

# As many members as one transaction adds.
MAX_AT_ONCE = 31
# After so many seconds the sweeper has removed the memberships that a user's delete did not see.
SWEPT_AFTER = 145.0
UNKNOWN_USER = re.compile(r'the id "([0-9a-f]{32})"')
Resource = Mapping[str, Any]


@dataclass(slots=True)
class Histories:
    """The events of each object: entries by the id of a user or group, a name, a pair of ids."""

    events: Sequence[Event]
    large: set[str]
    skew: float
    # Users in more groups than one transaction takes.
    joiners: AbstractSet[str] = frozenset()
    users: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    names: dict[tuple[str, str], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    pairs: dict[tuple[str, str], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    # Who was ever named as a member of a group, and which names a user or group was ever given.
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    given: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    problems: list[str] = field(default_factory=list)
    _lost: dict[str, Event] = field(default_factory=dict)
    _namings: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    _ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        """Sort all events."""
        for event in self.events:
            self._learn(event)
        found = [
            lost
            for event in self.events
            if event.reply.certain
            for resource in _resources(event.reply.body)
            for lost in self._find_lost(resource)
        ]
        for event, target in found:
            self._created(event, event.action.removeprefix("create "), target)
        for event in self.events:
            self._sort(event)

    # --- what is there at all -----------------------------------------------------------

    def _learn(self, event: Event) -> None:
        """Collect the ids, names and members that events mention."""
        wanted, created = event.wanted, event.action.startswith("create")
        resource_type = event.action.removeprefix("create ") if created else ""
        target = event.target
        if created and event.reply.status == 201:
            target = event.reply.body["id"]
            self._ids[resource_type].add(target)
        elif created and not event.reply.certain:
            self._lost[_marker(wanted["document"])] = event
        for each in (wanted.get("document", {}), wanted.get("changes", {})):
            name = each.get("userName") or each.get("displayName")
            if name and target:
                self.given[target].add(name.casefold())
        for uid in {*wanted.get("add", ()), *wanted.get("replace", ())}:
            self.named[target].add(uid)
            self._namings[target, uid].append(event.reply.begin)

    def _find_lost(self, resource: Resource) -> Iterator[tuple[Event, str]]:
        """Find the creation without a response that has made a resource which was read."""
        known, target = self._ids[resource["meta"]["resourceType"].lower()], resource["id"]
        if target in known:
            return
        known.add(target)
        event = self._lost.pop(_marker(resource), None)
        if event is None:
            self.problems.append(f"nobody has created {target}: {json.dumps(resource)}")
            return
        members = event.wanted.get("replace", ())
        self.named[target].update(members)
        self.given[target].add(_name(event.wanted["document"]).casefold())
        if len(members) > MAX_AT_ONCE:
            self.large.add(target)
        yield event, target

    # --- entries ------------------------------------------------------------------------

    def _user(self, event: Event, uid: str, step: Step, sees: str = "all") -> None:
        self.users[uid].append(_entry(event, step, sees))

    def _group(self, event: Event, gid: str, step: Step, sees: str = "all") -> None:
        self.groups[gid].append(_entry(event, step, sees))

    def _name(self, event: Event, resource_type: str, name: str, step: Step) -> None:
        self.names[resource_type, name.casefold()].append(_entry(event, step))

    def _pair(self, event: Event, gid: str, uid: str, step: Step, sees: str = "all") -> None:
        self.pairs[gid, uid].append(_entry(event, step, sees))

    def _sort(self, event: Event) -> None:
        status = event.reply.status
        if status == 500 or (status == 400 and not _id_in(event)):
            self.problems.append(f"an unforeseen response: {_label(event)}")
            return
        SORT[event.action](self, event)

    def _times(self, event: Event) -> tuple[float, float]:
        return event.reply.begin, event.reply.ended

    # --- users --------------------------------------------------------------------------

    def _create_user(self, event: Event) -> None:
        self._create(event, "user")

    def _create(self, event: Event, resource_type: str) -> None:
        document, status = event.wanted["document"], event.reply.status
        if status == 201:
            self._created(event, resource_type, event.reply.body["id"])
        elif status == 409:
            step = objects.is_held_by_another(None)
            self._name(event, resource_type, _name(document), step)
        elif status == 400:
            self._unknown_member(event)
        elif not event.reply.certain:
            lost = f"lost {_marker(document)}"
            if _marker(document) in self._lost:
                self._name(event, resource_type, _name(document), objects.gets(lost))

    def _created(self, event: Event, resource_type: str, target: str) -> None:
        """Sort a creation: the resource was absent, its name free, its members existed."""
        document = event.wanted["document"]
        members = frozenset(event.wanted.get("replace", ()))
        whole = {"active": True, **document} if resource_type == "user" else document
        listed = frozenset() if target in self.large else members
        begin, end = self._times(event)
        made = Existing(canonical(whole), listed, since=begin, until=end, skew=self.skew)
        step = objects.is_created(made)
        if event.reply.certain:
            reads_members = resource_type == "group" and target not in self.large
            read = objects.is_read(
                event.reply.body, members=reads_members, version=target not in self.large
            )
            step = objects.and_then(step, read)
        (self._user if resource_type == "user" else self._group)(event, target, step)
        self._name(event, resource_type, _name(document), objects.gets(target))
        for uid in members:
            if event.reply.certain:
                self._user(event, uid, objects.exists, "after")
            if target in self.large:
                self._pair(event, target, uid, objects.becomes(value=True))

    def _read_user(self, event: Event, resource: Resource) -> None:
        uid = resource["id"]
        self._user(event, uid, objects.is_read(resource, members=False))
        listed = {each["value"]: each["display"] for each in resource.get("groups", ())}
        self._groups_of(event, uid, listed)

    def _groups_of(self, event: Event, uid: str, listed: Mapping[str, str]) -> None:
        """Sort a read of a user's groups, with their names."""
        for gid, uids in list(self.named.items()):
            if uid not in uids and gid not in listed:
                continue
            if gid in self.large:
                self._pair(event, gid, uid, objects.is_so(value=gid in listed), "before")
                continue
            has = objects.where if gid in listed else objects.where_not
            self._group(event, gid, has(lambda state: uid in state.members), "before")
        for gid, display in listed.items():
            self._group(event, gid, objects.where(lambda s, d=display: _name_of(s) == d))  # type: ignore[misc]

    def _get_user(self, event: Event) -> None:
        if event.reply.status == 200:
            self._read_user(event, event.reply.body)
        elif event.reply.status == 404:
            self._user(event, event.target, objects.is_absent)

    def _change_user(self, event: Event) -> None:
        uid, status = event.target, event.reply.status
        changes, if_match = event.wanted["changes"], event.wanted.get("if_match")

        def edit(state: Existing) -> tuple[str, frozenset[str]]:
            return canonical(json.loads(state.document) | changes), frozenset()

        change = objects.is_changed(edit, self._times(event), if_match, user=True)
        if status == 200:
            read = objects.is_read(event.reply.body, members=False)
            self._user(event, uid, objects.and_then(change, read))
            self._groups_in(event, event.reply.body)
        elif not event.reply.certain:
            self._user(event, uid, change)
        if status == 200 or not event.reply.certain:
            self._renamed(event, "user", uid, changes.get("userName"))
        self._rejected(event, "user", changes.get("userName"))

    def _groups_in(self, event: Event, resource: Resource) -> None:
        listed = {each["value"]: each["display"] for each in resource.get("groups", ())}
        self._groups_of(event, resource["id"], listed)

    def _rejected(self, event: Event, resource_type: str, name: str | None) -> None:
        """Sort a rejection of a change: it says something of the resource, and changes nothing."""
        target, status = event.target, event.reply.status
        put = self._user if resource_type == "user" else self._group
        if status == 404:
            put(event, target, objects.is_absent)
        elif status == 412:
            is_user, if_match = resource_type == "user", event.wanted.get("if_match")
            put(event, target, objects.has_other_version(if_match, user=is_user))
        elif status == 409 and name:
            put(event, target, objects.exists)
            self._name(event, resource_type, name, objects.is_held_by_another(target))
        elif status == 400:
            self._unknown_member(event)
        elif status == 409:
            self.problems.append(f"a conflict about no name: {_label(event)}")

    def _unknown_member(self, event: Event) -> None:
        uid = _id_in(event)
        if uid is None:
            self.problems.append(f"rejected for no reason: {_label(event)}")
        else:
            self._user(event, uid, objects.is_absent, "after")

    def _renamed(self, event: Event, resource_type: str, target: str, name: str | None) -> None:
        """Sort a change of a name: the resource gets it, and gives up all others."""
        if name is None:
            return
        self._name(event, resource_type, name, objects.gets(target))
        for other in self.given[target] - {name.casefold()}:
            self._name(event, resource_type, other, objects.gives_up(target))

    def _delete_user(self, event: Event) -> None:
        uid, reply = event.target, event.reply
        if reply.status == 204 or not reply.certain:
            delete = objects.is_deleted(event.wanted.get("if_match"), user=True)
            shared = reply.certain and feed.is_one_of_several(self.events, event, self.joiners)
            self._user(event, uid, objects.finds_gone(delete) if shared else delete)
            for name in self.given[uid]:
                self._name(event, "user", name, objects.gives_up(uid))
            for gid, uids in self.named.items():
                if uid in uids and gid:
                    self._leave(event, gid, uid)
        self._rejected(event, "user", None)

    def _leave(self, event: Event, gid: str, uid: str) -> None:
        """Sort what becomes of a membership of a deleted user.

        One that the delete could not see, as it was half visible, is removed by the sweeper.
        """
        begin, end = event.reply.begin, event.reply.ended + SWEPT_AFTER
        if gid in self.large:
            entry = _entry(event, objects.becomes(value=False))
            self.pairs[gid, uid].append(entry._replace(end=end))
        else:
            entry = _entry(event, objects.loses(uid, (begin, end)))
            self.groups[gid].append(entry._replace(end=end))

    def _find_users(self, event: Event) -> None:
        if event.reply.status != 200:
            return
        found = {each["id"]: each for each in event.reply.body["Resources"]}
        attribute, value = event.wanted["attribute"], event.wanted["value"]
        for uid in self._known("user"):
            if uid in found:
                self._read_user(event, found[uid])
            elif attribute != "userName":
                step = objects.where_not(lambda state: _has(state, attribute, value))
                # The items that lead to a user, and the user's own, are read by several calls.
                self._user(event, uid, step, "either")
        for resource in found.values():
            if not _has(Existing(canonical(resource)), attribute, value):
                self.problems.append(f"found by what it does not have: {_label(event)}")
        if attribute == "userName":
            holder = next(iter(found), None)
            self._name(event, "user", value, objects.is_held_by(holder))

    def _known(self, resource_type: str) -> list[str]:
        """Return the ids of all resources that ever existed."""
        return sorted(self._ids[resource_type])

    def _list_users(self, event: Event) -> None:
        if event.reply.status != 200:
            return
        found = {each["id"]: each for each in event.reply.body["Resources"]}
        for uid in self._known("user"):
            if uid in found:
                self._read_user(event, found[uid])
            else:
                self._user(event, uid, objects.is_absent)
        self._count(event, "user")

    def _count(self, event: Event, resource_type: str) -> None:
        """Compare a total with how many existed all the time, and how many may have existed."""
        least, most = self._bounds(resource_type, event.reply.begin, event.reply.end)
        total = event.reply.body["totalResults"]
        if not least <= total <= most:
            self.problems.append(f"a total of {total}, not {least} to {most}: {_label(event)}")

    def _bounds(self, resource_type: str, begin: float, end: float) -> tuple[int, int]:
        created, deleted = f"create {resource_type}", f"delete {resource_type}"
        ends: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for event in self.events:
            if event.action == deleted and (event.reply.status == 204 or not event.reply.certain):
                ends[event.target].append((event.reply.begin, event.reply.ended))
        least = most = 0
        for event in self.events:
            if event.action != created or event.reply.begin > end:
                continue
            uncertain = not event.reply.certain
            if event.reply.status != 201 and not uncertain:
                continue
            deletes = ends[event.reply.body["id"]] if not uncertain else []
            most += all(until >= begin for _, until in deletes)
            least += event.reply.ended < begin and all(since > end for since, _ in deletes)
        return least, most

    # --- groups -------------------------------------------------------------------------

    def _create_group(self, event: Event) -> None:
        self._create(event, "group")

    def _read_group(
        self, event: Event, resource: Resource, *, members: bool, sees: str = "all"
    ) -> None:
        gid, large = resource["id"], resource["id"] in self.large
        step = objects.is_read(resource, members=members and not large, version=not large)
        self._group(event, gid, step, sees)
        if large and members:
            listed = {each["value"] for each in resource.get("members", ())}
            for uid in self.named[gid] | listed:
                self._pair(event, gid, uid, objects.is_so(value=uid in listed), sees)

    def _get_group(self, event: Event) -> None:
        if event.reply.status == 200:
            members = not event.wanted.get("without_members")
            self._read_group(event, event.reply.body, members=members)
        elif event.reply.status == 404:
            self._group(event, event.target, objects.is_absent)

    def _change_group(self, event: Event) -> None:
        gid, reply, wanted = event.target, event.reply, event.wanted
        large, name = gid in self.large, _name(wanted.get("changes") or wanted.get("document", {}))
        if reply.status in {200, 204} or not reply.certain:
            edit = _edit(wanted, large=large)
            if_match = wanted.get("if_match")
            step = objects.is_changed(edit, self._times(event), if_match, user=False)
            self._group(event, gid, step)
            self._renamed(event, "group", gid, name or None)
            if large:
                self._change_pairs(event)
        if reply.status in {200, 204}:
            for uid in {*wanted.get("add", ()), *wanted.get("replace", ())}:
                self._added(event, gid, uid)
        if reply.status == 200:
            self._read_group(event, reply.body, members=True)
        self._rejected(event, "group", name or None)

    def _added(self, event: Event, gid: str, uid: str) -> None:
        """Sort an acknowledged addition: who was no member yet has existed."""
        earlier = sum(begin < event.reply.end for begin in self._namings[gid, uid])
        if earlier == 1:  # this request alone
            self._user(event, uid, objects.exists, "after")

    def _change_pairs(self, event: Event) -> None:
        gid, wanted = event.target, event.wanted
        added = {*wanted.get("add", ()), *wanted.get("replace", ())}
        removed = set(wanted.get("remove", ()))
        if "replace" in wanted:
            removed = self.named[gid] - added
        for uid in added | removed:
            self._pair(event, gid, uid, objects.becomes(value=uid in added))

    def _delete_group(self, event: Event) -> None:
        gid, reply = event.target, event.reply
        if reply.status == 204 or not reply.certain:
            self._group(event, gid, objects.is_deleted(event.wanted.get("if_match"), user=False))
            for name in self.given[gid]:
                self._name(event, "group", name, objects.gives_up(gid))
            for uid in self.named[gid] if gid in self.large else ():
                self._pair(event, gid, uid, objects.becomes(value=False))
        self._rejected(event, "group", None)

    def _list_members(self, event: Event) -> None:
        gid, reply = event.target, event.reply
        if reply.status == 404:
            self._group(event, gid, objects.is_absent)
        elif reply.status == 200:
            listed = {each["value"] for each in reply.body["Resources"]}
            total = reply.body["totalResults"]
            self._group(event, gid, objects.where(lambda state: len(state.members) == total))
            for uid in self.named[gid] | listed:
                has = objects.where if uid in listed else objects.where_not
                step = has(lambda state, u=uid: u in state.members)  # type: ignore[misc]
                self._group(event, gid, step, "before")

    def _find_groups(self, event: Event) -> None:
        if event.reply.status != 200:
            return
        found = {each["id"]: each for each in event.reply.body["Resources"]}
        value = event.wanted["value"]
        for gid in self._known("group"):
            if gid in found:
                self._read_group(event, found[gid], members=True)
        self._name(event, "group", value, objects.is_held_by(next(iter(found), None)))

    def _list_groups(self, event: Event) -> None:
        if event.reply.status != 200:
            return
        found = {each["id"]: each for each in event.reply.body["Resources"]}
        for gid in self._known("group"):
            if gid in found:
                self._read_group(event, found[gid], members=True, sees="before")
            else:
                self._group(event, gid, objects.is_absent, "before")
        self._count(event, "group")

    def _find_groups_of(self, event: Event) -> None:
        if event.reply.status == 200:
            found = event.reply.body["Resources"]
            for resource in found:
                self._read_group(event, resource, members=False)
            listed = {each["id"]: each["displayName"] for each in found}
            self._groups_of(event, event.target, listed)

    def _is_member(self, event: Event) -> None:
        if event.reply.status != 200:
            return
        uid, found = event.wanted["user"], event.reply.body["Resources"]
        has = objects.where if found else objects.where_not
        self._group(event, event.target, has(lambda state: uid in state.members))
        for resource in found:
            self._read_group(event, resource, members=False)

    def _pass_over(self, event: Event) -> None:
        """Sort nothing: the audit and the feed say more."""

    # --- the judgement --------------------------------------------------------------------

    def wrong(self) -> Iterator[str]:
        """Yield each object whose history no order explains."""
        yield from self.problems
        families: Iterable[tuple[str, Mapping[Any, Sequence[Entry]], Any]] = (
            ("user", self.users, ABSENT),
            ("group", self.groups, ABSENT),
            ("name", self.names, None),
            ("membership", self.pairs, False),
        )
        for family, histories, initial in families:
            for key, entries in histories.items():
                stuck = explain(entries, initial)
                if stuck:
                    text = "\n    ".join(stuck)
                    yield f"{family} {key} is not linearizable; it is stuck in\n    {text}"


def _entry(event: Event, step: Step, sees: str = "all") -> Entry:
    reply = event.reply
    return Entry(reply.begin, reply.ended, step, _label(event), reply.certain, sees)


def _label(event: Event) -> str:
    reply = event.reply
    end = "never" if reply.ended == inf else f"{reply.end:.3f}"
    wanted = {name: value for name, value in event.wanted.items() if value}
    body = reply.body if reply.status >= 400 else _short(reply.body)
    return (
        f"[{reply.begin:.3f}, {end}] {event.action} {event.target} {wanted} -> "
        f"{reply.status} {body}"
    )


def _short(body: Any) -> Any:
    """Leave out of a response what says nothing about an object."""
    if not isinstance(body, dict):
        return ""
    kept = {name: value for name, value in body.items() if name not in {"schemas", "Resources"}}
    if "meta" in kept:
        kept["meta"] = version_of(body)
    kept["members"] = [each["value"][:6] for each in body.get("members", ())]
    return kept | {
        "found": [each.get("id", each.get("value")) for each in body.get("Resources", ())]
    }


def _marker(document: Resource) -> str:
    """Return what tells a creation from all others."""
    return str(document.get("nickName") or document.get("externalId"))


def _name(document: Resource) -> str:
    return str(document.get("userName") or document.get("displayName") or "")


def _name_of(state: Existing) -> str:
    return _name(json.loads(state.document))


def _has(state: Existing, attribute: str, value: str) -> bool:
    """Tell whether a resource is one that a filter finds."""
    document = json.loads(state.document)
    if attribute == "emails.value":
        return value in [each["value"] for each in document.get("emails", ())]
    found: str | None = document.get(attribute)
    exact = attribute == "externalId"
    return found is not None and (found == value if exact else found.casefold() == value.casefold())


def _edit(wanted: Mapping[str, Any], *, large: bool) -> objects.Edit:
    """Return what a change of a group does to it."""

    def edit(state: Existing) -> tuple[str, frozenset[str]]:
        document: Mapping[str, Any] = wanted.get("document") or {
            **json.loads(state.document),
            **wanted.get("changes", {}),
        }
        members = state.members
        if not large:
            members = frozenset(wanted.get("replace", members))
            members = (members | set(wanted.get("add", ()))) - set(wanted.get("remove", ()))
        return canonical(document), members

    return edit


def _id_in(event: Event) -> str | None:
    """Return the id that a rejection names."""
    body = event.reply.body or {}
    found = UNKNOWN_USER.search(str(body.get("detail")))
    return found[1] if found else None


def _resources(body: Any) -> Iterator[Resource]:
    """Yield the users and groups of a response."""
    if isinstance(body, dict):
        for each in body.get("Resources", [body]):
            if "meta" in each and "id" in each:
                yield each


SORT: Mapping[str, Callable[[Histories, Event], None]] = {
    "create user": Histories._create_user,
    "get user": Histories._get_user,
    "change user": Histories._change_user,
    "delete user": Histories._delete_user,
    "find users": Histories._find_users,
    "list users": Histories._list_users,
    "create group": Histories._create_group,
    "get group": Histories._get_group,
    "change group": Histories._change_group,
    "delete group": Histories._delete_group,
    "list groups": Histories._list_groups,
    "list members": Histories._list_members,
    "find groups": Histories._find_groups,
    "groups of": Histories._find_groups_of,
    "is member": Histories._is_member,
    "change settings": Histories._pass_over,
    "bulk": Histories._pass_over,
}
