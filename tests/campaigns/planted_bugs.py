"""The bugs that `make planted` plants: one edit each, and the quickest test that finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """An edit of one file: `old`, which occurs once, becomes `new`.

    `found_by` says in words what finds it, `test` are the arguments of pytest that select it.
    """

    name: str
    file: str
    old: str
    new: str
    found_by: str
    test: Sequence[str]


BUGS: Sequence[Bug] = ()
