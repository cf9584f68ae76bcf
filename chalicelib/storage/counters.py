"""The counters of a connection's requests, as values and as items. Pure.

An item holds an hour. A write adds to its attributes without reading them first:

    n_<key>      number of requests by outcome (success ...) or by reason of rejection
    at_<reason>  when the last of them came, and by_<reason> the user agent that sent it
    last         when the last request was authenticated
    used_<id>    when a request was last authenticated by this token
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.storage.expressions import Item, Update
from chalicelib.storage.keys import Key
from chalicelib.storage.log_entries import OUTCOMES
from chalicelib.storage.records import with_schema

KEPT = timedelta(days=30)
COUNT, AT, AGENT, LAST, USED = "n_", "at_", "by_", "last", "used_"
MARKS = (AT, AGENT, LAST, USED)
ERRORS = OUTCOMES[1:]


@dataclass(slots=True)
class Counters:
    """Requests that are counted together: numbers by attribute, and the last values of marks."""

    counts: Counter[str] = field(default_factory=Counter)
    marks: dict[str, str] = field(default_factory=dict)

    def count_accepted(self, outcomes: Mapping[str, int], token_id: str, at: str) -> None:
        """Count a request that was authenticated: its outcome, or those of its operations."""
        self.counts.update({COUNT + outcome: number for outcome, number in outcomes.items()})
        self.marks |= {LAST: at, USED + token_id: at}

    def count_rejected(self, reason: str, agent: str, at: str) -> None:
        """Count a request that was rejected."""
        self.counts[COUNT + reason] += 1
        self.marks |= {AT + reason: at, AGENT + reason: agent}

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
class Health:
    """The health of a connection, read from its items."""

    last_call: str | None
    calls: int
    errors: int
    refusals: Sequence[Rejections]
    last_uses: Mapping[str, str]


def health_of(items: Iterable[Item], calls_since: str, refusals_since: str) -> Health:
    """Read items of hours; both limits are hours, and what is before them is not counted."""
    ordered = sorted(items, key=lambda item: str(item["SK"]))
    marks = {n: value for item in ordered for n, value in item.items() if n.startswith(MARKS)}
    calls = _counted(item for item in ordered if item["SK"] >= calls_since)
    rejected = _counted(item for item in ordered if item["SK"] >= refusals_since)
    return Health(
        last_call=marks.get(LAST),
        calls=sum(calls[outcome] for outcome in OUTCOMES),
        errors=sum(calls[outcome] for outcome in ERRORS),
        refusals=_refusals({key: n for key, n in rejected.items() if key not in OUTCOMES}, marks),
        last_uses={n.removeprefix(USED): at for n, at in marks.items() if n.startswith(USED)},
    )


def _counted(items: Iterable[Item]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for item in items:
        for name, value in item.items():
            if name.startswith(COUNT):
                counts[name.removeprefix(COUNT)] += value
    return counts


def _refusals(counts: Mapping[str, int], marks: Mapping[str, str]) -> tuple[Rejections, ...]:
    """Return the rejections by reason, the most recent first."""
    found = (
        Rejections(reason, count, marks[AT + reason], marks[AGENT + reason])
        for reason, count in counts.items()
    )
    return tuple(sorted(found, key=lambda each: each.last_at, reverse=True))


def hour(at: datetime) -> str:
    """Return the hour of a moment, as the items' sort keys have it."""
    return f"{at:%Y-%m-%dT%H}"
