"""Judge what the feed says of each request: every change that was acknowledged, and no other. Pure.

A user in more groups than one transaction takes is deleted in steps, and each DELETE that meets
them is 204. Such DELETEs are one change: the feed has it once, for the request that began it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from tests.campaigns.simulate.workload import Event

# Type and id of a resource, or the ids of a group and a user, as an entry names them.
Named = tuple[str, str]


def wrong(
    events: Sequence[Event], told: Mapping[str, AbstractSet[Named]], joiners: AbstractSet[str]
) -> Iterator[str]:
    """Yield what is missing in the feed, and what is too much; `told` is by request id.

    `joiners` are the users who are in so many groups.
    """
    for event in events:
        ids = _request_ids(events, told, event, joiners)
        named = {each for request_id in ids for each in told.get(request_id, ())}
        for expected in _expected(event):
            if expected not in named:
                yield f"not in the feed: {expected} of {event}"
        alone = not event.wanted.get("bulk")
        rejected = alone and 400 <= event.reply.status < 500 and event.reply.request_id
        if rejected and told.get(event.reply.request_id):
            yield f"rejected and in the feed: {event}"


def is_one_of_several(events: Sequence[Event], event: Event, joiners: AbstractSet[str]) -> bool:
    """Tell whether a DELETE that is 204 may have found the user gone: all others were under way."""
    others = [each for each in _others(events, event, joiners) if each.reply.status == 204]
    return bool(others) and all(_overlap(event, each) for each in others)


def _request_ids(
    events: Sequence[Event],
    told: Mapping[str, AbstractSet[Named]],
    event: Event,
    joiners: AbstractSet[str],
) -> set[str]:
    """Return under which ids the feed may have a change; one without a response has any other."""
    others = [each for each in _others(events, event, joiners) if _overlap(event, each)]
    ids = {each.reply.request_id for each in [event, *others]}
    if "" in ids:
        ids |= told.keys() - {each.reply.request_id for each in events}
    return ids


def _others(events: Sequence[Event], event: Event, joiners: AbstractSet[str]) -> Iterator[Event]:
    """Yield the other DELETEs of the same user, if they are in many groups."""
    if event.action != "delete user" or event.target not in joiners:
        return
    for each in events:
        if each is not event and (each.action, each.target) == (event.action, event.target):
            yield each


def _overlap(one: Event, other: Event) -> bool:
    """Tell whether two requests were under way at one moment; one without a response goes on."""
    return one.reply.begin <= other.reply.ended and other.reply.begin <= one.reply.ended


def _expected(event: Event) -> Iterator[Named]:
    """Yield what the feed must say of an acknowledged change."""
    action, reply = event.action, event.reply
    resource_type = "user" if action.endswith("user") else "team"
    if action.startswith("create") and reply.status == 201:
        yield resource_type, reply.body["id"]
    if action.startswith("delete") and reply.status == 204:
        yield resource_type, event.target
    if action == "change user" and reply.status == 200 and "Title" in str(event.wanted):
        yield resource_type, event.target
