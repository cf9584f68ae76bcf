"""Check the history of many concurrent clients for linearizability. Pure: logs in, violations out.

Each fact that is true or false (a user exists, a user has a name, a user is in a group) is a
register. A write sets its value, a read observes it; both happen at some moment between `begin`
and `end`. A read is right if some write of the value that it observed may have been the last one
before it: that write began before the read ended, and no opposite write happened entirely after
that write and entirely before the read. A write without a final response may happen at any later
time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import NamedTuple

NEVER = inf
BEFORE_ALL = -inf


class Register(NamedTuple):
    """A fact: a user has a name (`holds`), is a `member`, exists (`user`); a `group` exists."""

    relation: str
    id: str
    of: str = ""


class Times(NamedTuple):
    """When a request was sent and when its response came; NEVER where its outcome is unknown."""

    begin: float
    end: float


class Observation(NamedTuple):
    """A write or a read of a register, with its value."""

    register: Register
    value: bool
    times: Times


class Whole(NamedTuple):
    """A write or a read of all members of a group (`member`) or all names of a user (`holds`)."""

    relation: str
    owner: str
    ids: frozenset[str]
    times: Times


class Named(NamedTuple):
    """An observation of a name: its `holder`, None, or, if `taken`, a user other than `holder`."""

    name: str
    holder: str | None
    times: Times
    taken: bool = False


@dataclass(slots=True)
class Log:
    """What one client wrote and read."""

    writes: list[Observation] = field(default_factory=list)
    reads: list[Observation] = field(default_factory=list)
    written_whole: list[Whole] = field(default_factory=list)
    read_whole: list[Whole] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    lost_creations: list[tuple[str, float]] = field(default_factory=list)
    departed: list[tuple[str, Times]] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def wrote(self, register: Register, times: Times, *, value: bool) -> None:
        """Log a write."""
        self.writes.append(Observation(register, value, times))

    def saw(self, register: Register, times: Times, *, value: bool) -> None:
        """Log a read."""
        self.reads.append(Observation(register, value, times))


INITIAL = Observation(Register("", ""), value=False, times=Times(BEFORE_ALL, BEFORE_ALL))


def explained(value: bool, seen: Times, writes: Iterable[Observation]) -> bool:  # noqa: FBT001 - a value
    """Tell whether some write may have been the last one before a read of `value`."""
    all_writes = [INITIAL, *writes]
    opposite = [w.times.begin for w in all_writes if w.value != value and w.times.end < seen.begin]
    overwritten = max(opposite, default=BEFORE_ALL)
    return any(
        w.value == value and w.times.begin <= seen.end and w.times.end >= overwritten
        for w in all_writes
    )


class History:
    """All writes, by register."""

    def __init__(self, logs: Sequence[Log]) -> None:
        """Sort the writes; a deleted user loses all names and groups."""
        self._writes: dict[Register, list[Observation]] = defaultdict(list)
        self._names: dict[str, set[str]] = defaultdict(set)
        self._lost = list(chain.from_iterable(log.lost_creations for log in logs))
        for note in chain.from_iterable(log.writes for log in logs):
            self._write(note)
        self._everybody = [each.id for each in self._writes if each.relation in ("user", "group")]
        for whole in chain.from_iterable(log.written_whole for log in logs):
            for note in self._parts(whole):
                self._write(note)
        for uid, times in chain.from_iterable(log.departed for log in logs):
            for register in [r for r in self._writes if uid in (r.id, r.of)]:
                self._write(Observation(register, value=False, times=times))

    def _write(self, note: Observation) -> None:
        self._writes[note.register].append(note)
        if note.register.relation == "holds":
            self._names[note.register.of].add(note.register.id)

    def _parts(self, whole: Whole) -> Iterator[Observation]:
        """Yield an observation of each single member or name that `whole` says something about."""
        if whole.relation == "holds":
            owned = {name for name, ids in self._names.items() if whole.owner in ids} | whole.ids
            pairs = [(Register("holds", whole.owner, name), name) for name in owned]
        else:
            pairs = [(Register("member", uid, whole.owner), uid) for uid in self._everybody]
        for register, part in pairs:
            yield Observation(register, part in whole.ids, whole.times)

    def registers(self) -> list[Register]:
        """List the registers that were ever written."""
        return list(self._writes)

    def reads(self, logs: Sequence[Log]) -> Iterator[Observation]:
        """Yield every read, those of whole lists one by one."""
        yield from chain.from_iterable(log.reads for log in logs)
        for whole in chain.from_iterable(log.read_whole for log in logs):
            yield from self._parts(whole)

    def wrong_reads(self, reads: Iterable[Observation]) -> Iterator[str]:
        """Yield the reads that no order of the writes explains."""
        for read in reads:
            if not explained(read.value, read.times, self._writes[read.register]):
                yield f"I9 {read.register} was read as {read.value} at {read.times}"

    def wrong_names(self, seen: Iterable[Named]) -> Iterator[str]:
        """Yield the observations of names that no order of the writes explains."""
        for each in seen:
            judge = self._taken if each.taken else self._held
            if not judge(each):
                yield f"I10 {each}"

    def _held(self, seen: Named) -> bool:
        """Tell whether the observed holder had the name, and no other user."""
        ids = self._names[seen.name]
        if seen.holder is not None and seen.holder not in ids:
            return self._may_be_lost(seen)
        return all(self._may_hold(each, seen, value=each == seen.holder) for each in ids)

    def _taken(self, seen: Named) -> bool:
        """Tell whether a user other than the one who wanted the name had it."""
        others = self._names[seen.name] - {seen.holder}
        return self._may_be_lost(seen) or any(self._may_hold(e, seen, value=True) for e in others)

    def _may_hold(self, holder: str, seen: Named, *, value: bool) -> bool:
        return explained(value, seen.times, self._writes[Register("holds", holder, seen.name)])

    def _may_be_lost(self, seen: Named) -> bool:
        """Tell whether a creation without a final response may have created the holder."""
        return any(name == seen.name and begin <= seen.times.end for name, begin in self._lost)


def same_versions(logs: Sequence[Log]) -> Iterator[str]:
    """Yield the versions that the responses of two changes of one resource have in common."""
    versions: Counter[Hashable] = Counter(chain.from_iterable(log.versions for log in logs))
    yield from (
        f"I13 {each} was made {count} times" for each, count in versions.items() if count > 1
    )
