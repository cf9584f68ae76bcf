"""Is a history linearizable: has it an order in which each request took effect at one moment?

After Wing and Gong: a search for an order of the requests that touch one object (a user, a group, a
name) that keeps to their times and in which every response is right. A request without a final
response may have had its effect at any time after it was sent, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

State = Hashable
# The state after a request, or None where its response would be wrong in this state.
Step = Callable[[State], State]

# A history for which the search takes longer is reported as undecided.
MAX_STEPS = 20_000_000
# How long a request without a response may go on, in seconds.
LONGEST_WRITE = 60.0


class Impossible:
    """What a step returns where the response would be wrong."""


IMPOSSIBLE = Impossible()


@dataclass(frozen=True, slots=True)
class Read:
    """A step that changes no state, whatever it is; it may be what is seen of a version first."""

    step: Step

    def __call__(self, state: State) -> State:
        """Say whether the response is right."""
        return self.step(state)


class Entry(NamedTuple):
    """One request on one object; `certain` is False where its response is not known.

    `sees` is "all" of a transaction, or, while a write of the object is in progress, perhaps the
    state "before" it, the one "after" it, or "either": what another request reads meanwhile may
    differ.
    """

    begin: float
    end: float
    step: Step
    label: str
    certain: bool = True
    sees: str = "all"


@dataclass(slots=True)
class _Search:
    """The search of one history, by increasing sets of requests that are ordered already."""

    entries: Sequence[Entry]
    steps: int = 0
    longest: int = -1
    stuck: Sequence[str] = ()
    visited: set[tuple[int, State]] = field(default_factory=set)
    certain: int = 0
    reached: int = 0

    def next_ones(self, ordered: int) -> list[int]:
        """Return the requests that may come next, those first whose responses are known."""
        found: list[int] = []
        first_end = inf
        for number in range(_lowest_zero(ordered), len(self.entries)):
            entry = self.entries[number]
            if entry.begin > first_end:
                break
            if not ordered >> number & 1:
                found.append(number)
                if entry.certain:
                    first_end = min(first_end, entry.end)
        return sorted(found, key=lambda n: (not self.entries[n].certain, self.entries[n].end))

    def is_whole(self, ordered: int) -> bool:
        """Tell whether all requests with a response are ordered."""
        return ordered & self.certain == self.certain

    def run(self, initial: State) -> bool:
        """Search depth first."""
        self.certain = sum(1 << n for n, entry in enumerate(self.entries) if entry.certain)
        stack = [(initial, self._from(0, initial))]
        while stack and self.steps < MAX_STEPS and not self.is_whole(self.reached):
            state, ways = stack[-1]
            ordered, number = next(ways, (0, -1))
            if number < 0:
                stack.pop()
                continue
            self.steps += 1
            after = self.entries[number].step(state)
            if after is IMPOSSIBLE:
                continue
            ordered |= 1 << number
            if (ordered, after) not in self.visited:
                self.visited.add((ordered, after))
                stack.append((after, self._from(ordered, after)))
        return self.is_whole(self.reached)

    def _from(self, ordered: int, state: State) -> Iterator[tuple[int, int]]:
        """Order what is read as early as it can be; return the other ways to go on.

        A read that leaves the state as it is never hinders another request.
        """
        ways, before = self.next_ones(ordered), -1
        while before != ordered:
            before = ordered
            for number in ways:
                step = self.entries[number].step
                if isinstance(step, Read) and step(state) == state:
                    ordered |= 1 << number
            ways = self.next_ones(ordered)
        self.reached = ordered
        if ordered.bit_count() > self.longest:
            self.longest = ordered.bit_count()
            self.stuck = [f"the state {state}", *(self.entries[n].label for n in ways)]
        return iter([(ordered, number) for number in ways])


def _lowest_zero(bits: int) -> int:
    return (~bits & (bits + 1)).bit_length() - 1


def _widened(entry: Entry, writes: Sequence[Entry]) -> Entry:
    """Let a read that may see a write in progress, or not, be ordered at any moment of it."""
    met = [w for w in writes if w.begin <= entry.end and _settled(w) >= entry.begin]
    begin = min([entry.begin, *(write.begin for write in met)])
    end = max([entry.end, *(_settled(write) for write in met)])
    if entry.sees == "either":
        return entry._replace(begin=begin, end=end)
    return entry._replace(begin=begin) if entry.sees == "before" else entry._replace(end=end)


def _settled(write: Entry) -> float:
    """Return until when a write may be in progress; one without a response, for a while."""
    return write.end if write.certain else write.begin + LONGEST_WRITE


def explain(entries: Sequence[Entry], initial: State) -> Sequence[str]:
    """Return nothing if the history is linearizable; else where the longest order ends.

    The first text says in which state, the others which requests none of which can be the next.
    """
    certain = [entry for entry in entries if entry.certain]
    if not certain:
        return ()
    writes = [entry for entry in entries if not isinstance(entry.step, Read)]
    widened = [e if e.sees == "all" else _widened(e, writes) for e in entries]
    search = _Search(sorted(widened, key=lambda entry: (entry.begin, entry.end)))
    if search.run(initial):
        return ()
    undecided = ["undecided"] if search.steps >= MAX_STEPS else []
    return [*undecided, *search.stuck]
