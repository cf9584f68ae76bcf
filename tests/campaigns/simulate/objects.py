"""Users, groups and names as objects with a state, and what each response says about it. Pure.

A step takes the state of an object and returns the state after a request, or IMPOSSIBLE where the
response that was given would be wrong. States are values, so that a search can compare them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any

from tests.campaigns.simulate.linear import IMPOSSIBLE, Read, Step
from tests.support.clock import NOON

ABSENT, GONE = "absent", "gone"
# Of a resource these are not what a client has written.
ADDED = ("schemas", "id", "meta", "groups", "members")
# A time is written to the millisecond.
ROUNDING = 0.002


@dataclass(frozen=True, slots=True)
class Version:
    """An ETag with the `lastModified` that was seen with it."""

    tag: str
    modified: str


@dataclass(frozen=True, slots=True)
class Existing:
    """A resource that exists: what clients have written, and its members if it is a group.

    `version` is None as long as nobody has seen it; `earlier` are the ETags that it had before.
    It was changed last between `since` and `until`.
    """

    document: str
    members: frozenset[str] = frozenset()
    version: Version | None = None
    earlier: frozenset[str] = frozenset()
    since: float = 0.0
    until: float = inf
    skew: float = field(default=0.0, compare=False)

    def with_version(self, seen: Version) -> Any:
        """Return the resource with a version that was seen of it."""
        if self.version is not None:
            return self if self.version == seen else IMPOSSIBLE
        at = seconds(seen.modified)
        if not self.since - self.skew - ROUNDING <= at <= self.until + self.skew + ROUNDING:
            return IMPOSSIBLE
        return IMPOSSIBLE if seen.tag in self.earlier else replace(self, version=seen)

    def changed(self, document: str, members: frozenset[str], times: tuple[float, float]) -> Any:
        """Return the resource after a change; one that changes nothing keeps the version."""
        if (document, members) == (self.document, self.members):
            return self
        earlier = self.earlier | ({self.version.tag} if self.version else set())
        since, until = times
        return replace(
            self,
            document=document,
            members=members,
            version=None,
            earlier=earlier,
            since=since,
            until=until,
        )


def seconds(timestamp: str) -> float:
    """Return when a time was, in seconds of the simulation."""
    return (datetime.fromisoformat(timestamp) - NOON).total_seconds()


def canonical(document: Mapping[str, Any]) -> str:
    """Write what a client has written of a resource, in one form."""
    own = {name: value for name, value in document.items() if name not in ADDED}
    return json.dumps(own, sort_keys=True)


def version_of(resource: Mapping[str, Any]) -> Version:
    """Return the version of a resource: of a user's ETag the part that names the document."""
    tag: str = resource["meta"]["version"]
    if resource["meta"]["resourceType"] == "User":
        tag = tag.partition(".")[0].rstrip('"')
    return Version(tag, resource["meta"]["lastModified"])


def same_tag(seen: Version | None, if_match: str | None, *, user: bool) -> bool:
    """Tell whether a precondition holds of the version that a resource has."""
    if if_match is None:
        return True
    wanted = if_match.partition(".")[0].rstrip('"') if user else if_match
    return seen is not None and seen.tag == wanted


# --- steps ------------------------------------------------------------------------------------


def where(holds: Callable[[Existing], bool]) -> Step:
    """Say that the resource exists and something is so of it."""
    return Read(lambda state: state if isinstance(state, Existing) and holds(state) else IMPOSSIBLE)


def where_not(holds: Callable[[Existing], bool]) -> Step:
    """Say that the resource does not exist, or something is not so of it."""
    return Read(lambda state: IMPOSSIBLE if isinstance(state, Existing) and holds(state) else state)


exists = where(lambda _: True)
is_absent = where_not(lambda _: True)


def is_created(made: Existing) -> Step:
    """Say that it did not exist, and does now."""
    return lambda state: made if state == ABSENT else IMPOSSIBLE


def is_deleted(if_match: str | None, *, user: bool) -> Step:
    """Say that it existed, in the version that was asked for, and does not any more."""

    def step(state: Any) -> Any:
        known = isinstance(state, Existing) and same_tag(state.version, if_match, user=user)
        return GONE if known else IMPOSSIBLE

    return step


def finds_gone(delete: Step) -> Step:
    """Say what a delete says, or that another one has done it already."""
    return lambda state: GONE if state == GONE else delete(state)


def is_read(resource: Mapping[str, Any], *, members: bool, version: bool = True) -> Step:
    """Say that it exists as it was read, with or without its members."""
    document = canonical(resource)
    seen = version_of(resource)
    ids = frozenset(each["value"] for each in resource.get("members", ()))

    def step(state: Any) -> Any:
        if not isinstance(state, Existing) or state.document != document:
            return IMPOSSIBLE
        if members and state.members != ids:
            return IMPOSSIBLE
        return state.with_version(seen) if version else state

    return Read(step)


def has_other_version(if_match: str | None, *, user: bool) -> Step:
    """Say that it exists in another version than a request has asked for."""
    return where(lambda state: not same_tag(state.version, if_match, user=user))


Edit = Callable[[Existing], tuple[str, frozenset[str]]]


def is_changed(edit: Edit, times: tuple[float, float], if_match: str | None, *, user: bool) -> Step:
    """Say that it existed in the version that was asked for, and was changed."""

    def step(state: Any) -> Any:
        if not isinstance(state, Existing) or not same_tag(state.version, if_match, user=user):
            return IMPOSSIBLE
        return state.changed(*edit(state), times)

    return step


def and_then(first: Step, second: Step) -> Step:
    """Say two things of one moment."""

    def step(state: Any) -> Any:
        between = first(state)
        return between if between is IMPOSSIBLE else second(between)

    return step


def loses(uid: str, times: tuple[float, float]) -> Step:
    """Say that a user is not a member any more, if the group exists."""

    def step(state: Any) -> Any:
        if not isinstance(state, Existing):
            return state
        return state.changed(state.document, state.members - {uid}, times)

    return step


# --- names and single memberships ---------------------------------------------------------------


def gets(holder: str) -> Step:
    """Say that a name was free, or the holder's already, and is the holder's now."""
    return lambda state: holder if state in {None, holder} else IMPOSSIBLE


def gives_up(holder: str) -> Step:
    """Say that the holder does not have the name any more."""
    return lambda state: None if state == holder else state


def is_held_by(holder: str | None) -> Step:
    """Say who has the name."""
    return Read(lambda state: state if state == holder else IMPOSSIBLE)


def is_held_by_another(holder: str | None) -> Step:
    """Say that somebody else has the name."""
    return Read(lambda state: IMPOSSIBLE if state in {None, holder} else state)


def becomes(*, value: bool) -> Step:
    """Say that a fact is so from now on."""
    return lambda _: value


def is_so(*, value: bool) -> Step:
    """Say that a fact is so."""
    return Read(lambda state: state if state == value else IMPOSSIBLE)
