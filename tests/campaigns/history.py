"""Judge what many callers were told at the same time. Pure: what they noted in, violations out.

Each thing that is so or not (a user is there, a name is his, he is in a team) is a register.
A write says that it was made so or not, a read that it was seen so or not; both happened at
some moment between `begin` and `end`. A read is right if some write of that value may have been
the last one before it: the write began before the read ended, and no opposite one happened
wholly after that write and wholly before the read. A write whose caller was never told of its
end may happen at any time later.
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
    """What may be so or not: `holds` for a name's holder, `member`, `user`, `team`."""

    kind: str
    id: str
    of: str = ""


class Times(NamedTuple):
    """When a call was made and when it was answered, NEVER where it was not."""

    begin: float
    end: float


class Note(NamedTuple):
    """A write or a read of a register."""

    register: Register
    so: bool
    times: Times


class Whole(NamedTuple):
    """All of a team's members (`member`), or of a user's names (`holds`), written or read."""

    kind: str
    owner: str
    ids: frozenset[str]
    times: Times


class Named(NamedTuple):
    """Who has a name was seen: `holder`, nobody, or somebody else than `other` (`taken`)."""

    name: str
    holder: str | None
    times: Times
    taken: bool = False


@dataclass(slots=True)
class Log:
    """What one caller did and saw."""

    writes: list[Note] = field(default_factory=list)
    reads: list[Note] = field(default_factory=list)
    written_whole: list[Whole] = field(default_factory=list)
    read_whole: list[Whole] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
    lost_creations: list[tuple[str, float]] = field(default_factory=list)
    departed: list[tuple[str, Times]] = field(default_factory=list)
    versions: list[tuple[str, str]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def wrote(self, register: Register, times: Times, *, so: bool) -> None:
        """Note a write."""
        self.writes.append(Note(register, so, times))

    def saw(self, register: Register, times: Times, *, so: bool) -> None:
        """Note a read."""
        self.reads.append(Note(register, so, times))


NOT_SO = Note(Register("", ""), so=False, times=Times(BEFORE_ALL, BEFORE_ALL))


def explained(so: bool, seen: Times, writes: Iterable[Note]) -> bool:  # noqa: FBT001 - a value
    """Tell whether some write may have been the last one before a read of `so`."""
    all_of_it = [NOT_SO, *writes]
    opposite = [w.times.begin for w in all_of_it if w.so != so and w.times.end < seen.begin]
    overwritten = max(opposite, default=BEFORE_ALL)
    return any(
        w.so == so and w.times.begin <= seen.end and w.times.end >= overwritten for w in all_of_it
    )


class History:
    """All that was written, by register."""

    def __init__(self, logs: Sequence[Log]) -> None:
        """Sort what callers wrote; who departs leaves his names and his teams."""
        self._writes: dict[Register, list[Note]] = defaultdict(list)
        self._names: dict[str, set[str]] = defaultdict(set)
        self._lost = list(chain.from_iterable(log.lost_creations for log in logs))
        for note in chain.from_iterable(log.writes for log in logs):
            self._write(note)
        self._everybody = [each.id for each in self._writes if each.kind in ("user", "team")]
        for whole in chain.from_iterable(log.written_whole for log in logs):
            for note in self._parts(whole):
                self._write(note)
        for uid, times in chain.from_iterable(log.departed for log in logs):
            for register in [r for r in self._writes if uid in (r.id, r.of)]:
                self._write(Note(register, so=False, times=times))

    def _write(self, note: Note) -> None:
        self._writes[note.register].append(note)
        if note.register.kind == "holds":
            self._names[note.register.of].add(note.register.id)

    def _parts(self, whole: Whole) -> Iterator[Note]:
        """Take apart what was written or read of all members of a team, all names of a user."""
        if whole.kind == "holds":
            owned = {name for name, ids in self._names.items() if whole.owner in ids} | whole.ids
            pairs = [(Register("holds", whole.owner, name), name) for name in owned]
        else:
            pairs = [(Register("member", uid, whole.owner), uid) for uid in self._everybody]
        for register, part in pairs:
            yield Note(register, part in whole.ids, whole.times)

    def registers(self) -> list[Register]:
        """Name all that was ever written."""
        return list(self._writes)

    def reads(self, logs: Sequence[Log]) -> Iterator[Note]:
        """Yield every read, those of whole teams taken apart."""
        yield from chain.from_iterable(log.reads for log in logs)
        for whole in chain.from_iterable(log.read_whole for log in logs):
            yield from self._parts(whole)

    def wrong_reads(self, reads: Iterable[Note]) -> Iterator[str]:
        """Say which reads no order of the writes explains."""
        for read in reads:
            if not explained(read.so, read.times, self._writes[read.register]):
                yield f"I9 {read.register} was seen as {read.so} at {read.times}"

    def wrong_names(self, seen: Iterable[Named]) -> Iterator[str]:
        """Say which sights of a name's holder no order of the writes explains."""
        for each in seen:
            judge = self._taken if each.taken else self._held
            if not judge(each):
                yield f"I10 {each}"

    def _held(self, seen: Named) -> bool:
        """Its holder held it, and nobody else."""
        ids = self._names[seen.name]
        if seen.holder is not None and seen.holder not in ids:
            return self._may_be_lost(seen)
        return all(self._may_hold(each, seen, so=each == seen.holder) for each in ids)

    def _taken(self, seen: Named) -> bool:
        """Somebody else than the one who wanted it held it."""
        others = self._names[seen.name] - {seen.holder}
        return self._may_be_lost(seen) or any(self._may_hold(e, seen, so=True) for e in others)

    def _may_hold(self, holder: str, seen: Named, *, so: bool) -> bool:
        return explained(so, seen.times, self._writes[Register("holds", holder, seen.name)])

    def _may_be_lost(self, seen: Named) -> bool:
        """A creation whose caller was never told of its end may have made the holder."""
        return any(name == seen.name and begin <= seen.times.end for name, begin in self._lost)


def same_versions(logs: Sequence[Log]) -> Iterator[str]:
    """Say which changes were told the same version of the same resource."""
    told: Counter[Hashable] = Counter(chain.from_iterable(log.versions for log in logs))
    yield from (f"I13 {each} was made {times} times" for each, times in told.items() if times > 1)
