"""The counters of a connection's requests, as values and as items. Pure.

An item holds an hour. A write adds to its attributes without reading them first:

    n_<key>      number of requests by outcome (success ...) or by reason of rejection
    at_<reason>  when the last of them came, and by_<reason> the user agent that sent it
    last         when the last request was authenticated
    used_<id>    when a request was last authenticated by this token, and agent_<id> its user agent
    i_<name>     number of requests in which the attribute of this name was ignored; at most 20
                 names an hour and process, as a name may be any text that looks like one
    unnamed      number of ignored attributes without a name that may be shown
    a_<advice>   number of requests that the provider may have meant otherwise; at_<advice> as above
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from chalicelib.storage.expressions import Item, Update
from chalicelib.storage.keys import Key
from chalicelib.storage.log_entries import OUTCOMES, LogEntry
from chalicelib.storage.records import with_schema

KEPT = timedelta(days=30)
COUNT, AT, AGENT, LAST, USED, USED_BY = "n_", "at_", "by_", "last", "used_", "agent_"
IGNORED, UNNAMED, ADVICE = "i_", "unnamed", "a_"
# In an expression a dot leads into a map; no name of an attribute and no URN has this character.
STORED_DOT = "|"
# How many names are counted in an hour, and shown.
MAX_NAMES = 20
MARKS = (AT, AGENT, LAST, USED, USED_BY)
ERRORS = OUTCOMES[1:]


@dataclass(slots=True)
class Counters:
    """Requests that are counted together: numbers by attribute, and the last values of marks."""

    counts: Counter[str] = field(default_factory=Counter)
    marks: dict[str, str] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)

    def count_accepted(self, entry: LogEntry, token_id: str, agent: str) -> None:
        """Count a request that was authenticated: its outcome, or those of its operations."""
        self.counts.update({COUNT + outcome: number for outcome, number in entry.outcomes.items()})
        self.marks |= {LAST: entry.at, USED + token_id: entry.at, USED_BY + token_id: agent}
        for advice in entry.advice:
            self.counts[ADVICE + advice] += 1
            self.marks[AT + advice] = entry.at
        self._count_ignored(entry)

    def _count_ignored(self, entry: LogEntry) -> None:
        """Count what was ignored: by name, as long as the hour has few names."""
        unnamed = entry.unnamed
        names = self.names.get(entry.at[:HOUR_LENGTH], set())
        for name in entry.ignored:
            if name in names or len(names) < MAX_NAMES:
                names.add(name)
                self.counts[IGNORED + name.replace(".", STORED_DOT)] += 1
            else:
                unnamed += 1
        self.names = {entry.at[:HOUR_LENGTH]: names}
        if unnamed:
            self.counts[UNNAMED] += unnamed

    def count_rejected(self, reason: str, agent: str, at: str) -> None:
        """Count a request that was rejected."""
        self.counts[COUNT + reason] += 1
        self.marks |= {AT + reason: at, AGENT + reason: agent}

    def successor(self) -> Counters:
        """Return the counters that follow when these are written: empty, of the same hour."""
        return Counters(names=self.names)

    def update(self, key: Key, now: datetime) -> Update:
        """Return the update that adds these counts to the item of an hour."""
        written = with_schema({**self.marks}, expires=now + KEPT)
        return Update(key, set=written, add=dict(self.counts))

    def item(self, now: datetime) -> Item:
        """Return these counts as the item that they would make."""
        return {"SK": hour(now), **self.counts, **self.marks}


@dataclass(frozen=True, slots=True)
class Rejections:
    """Requests that were rejected for one reason."""

    reason: str
    count: int
    last_at: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class AdviceCount:
    """Requests that the identity provider may have meant otherwise, in one way."""

    advice: str
    count: int
    last_at: str


@dataclass(frozen=True, slots=True)
class LastUse:
    """When a token was last used, and by which program; None where it does not say."""

    at: str
    agent: str | None


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour in which there were requests, as `2027-01-31T12`: how many, and how many failed.

    `rejected` are those that were rejected before they were authenticated; `calls` has none.
    """

    hour: str
    calls: int
    errors: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a connection, read from its items."""

    last_call: str | None
    calls: int
    errors: int
    refusals: Sequence[Rejections]
    ignored: Mapping[str, int]
    unnamed: int
    advice: Sequence[AdviceCount]
    last_uses: Mapping[str, LastUse]
    hours: Sequence[Hour]


def health_of(items: Iterable[Item], calls_since: str, refusals_since: str) -> Health:
    """Read items of hours; both limits are hours, and what is before them is not counted."""
    ordered = sorted(items, key=lambda item: str(item["SK"]))
    marks = {n: value for item in ordered for n, value in item.items() if n.startswith(MARKS)}
    calls = _counted(COUNT, (item for item in ordered if item["SK"] >= calls_since))
    recent = [item for item in ordered if item["SK"] >= refusals_since]
    rejected = _counted(COUNT, recent)
    return Health(
        last_call=marks.get(LAST),
        calls=sum(calls[outcome] for outcome in OUTCOMES),
        errors=sum(calls[outcome] for outcome in ERRORS),
        refusals=_refusals({key: n for key, n in rejected.items() if key not in OUTCOMES}, marks),
        ignored={
            name.replace(STORED_DOT, "."): count
            for name, count in _counted(IGNORED, recent).most_common(MAX_NAMES)
        },
        unnamed=sum(item.get(UNNAMED, 0) for item in recent),
        advice=_advice(_counted(ADVICE, recent), marks),
        last_uses={
            n.removeprefix(USED): LastUse(at, marks.get(USED_BY + n.removeprefix(USED)) or None)
            for n, at in marks.items()
            if n.startswith(USED)
        },
        hours=[each for each in _hours(recent) if each.calls or each.rejected],
    )


def _hours(ordered: Iterable[Item]) -> Iterator[Hour]:
    """Add up each hour: what is written of it, and what waits in this process."""
    for sort_key, items in groupby(ordered, lambda item: str(item["SK"])):
        counts = _counted(COUNT, items)
        yield Hour(
            sort_key,
            calls=sum(counts[outcome] for outcome in OUTCOMES),
            errors=sum(counts[outcome] for outcome in ERRORS),
            rejected=sum(number for key, number in counts.items() if key not in OUTCOMES),
        )


def _counted(prefix: str, items: Iterable[Item]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for item in items:
        for name, value in item.items():
            if name.startswith(prefix):
                counts[name.removeprefix(prefix)] += value
    return counts


def _advice(counts: Mapping[str, int], marks: Mapping[str, str]) -> tuple[AdviceCount, ...]:
    """Return the advice, the most recent first."""
    found = (AdviceCount(each, count, marks[AT + each]) for each, count in counts.items())
    return tuple(sorted(found, key=lambda each: each.last_at, reverse=True))


def _refusals(counts: Mapping[str, int], marks: Mapping[str, str]) -> tuple[Rejections, ...]:
    """Return the rejections by reason, the most recent first."""
    found = (
        Rejections(reason, count, marks[AT + reason], marks[AGENT + reason])
        for reason, count in counts.items()
    )
    return tuple(sorted(found, key=lambda each: each.last_at, reverse=True))


HOUR_LENGTH = len("2027-01-31T12")


def hour(at: datetime) -> str:
    """Return the hour of a moment, as the items' sort keys have it."""
    return f"{at:%Y-%m-%dT%H}"
