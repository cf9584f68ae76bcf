"""`make repair STAGE=dev`: check a table by the invariants, one organisation at a time.

    make repair STAGE=dev                     report, and change nothing
    make repair STAGE=dev APPLY=yes           repair what the items that are left say
    make repair STAGE=dev APPLY=lost          remove also what is left of those who are lost
    make repair STAGE=dev FROM=<id>           go on with the organisations after this one
    make repair STAGE=dev ORGANISATION=<id>   only this one
    make repair STAGE=dev ORPHANS=yes         look for names of nobody: reads the whole table

STAGE=local is the server that `make run` has started in LOCAL_DIR. The exit status is 1 where
something is left.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from chalicelib.storage.table import Table
from dev.errors import VerbError
from dev.release import reach
from dev.repair.orphans import orphans
from dev.repair.repair import Line, Options, organisation_ids, repair_organisation, settle

MODES: Mapping[str, Options] = {
    "": Options(),
    "yes": Options(apply=True),
    "lost": Options(apply=True, remove_remains=True),
}


def main(arguments: Sequence[str]) -> int:
    """Check and repair a stage's table; gives 1 where something is left.

    Raises:
        VerbError: a setting is not one, or the stage is not there.
        ClientError: AWS rejects a call.
    """
    (stage,) = arguments
    wanted = os.environ.get("APPLY", "")
    if wanted not in MODES:
        raise VerbError("APPLY: expected yes or lost, or nothing for a report.")
    table = reach.find(stage, os.environ).table
    outcomes = Counter(each.outcome for each in _lines(table, MODES[wanted], os.environ))
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "whole")
    return int(outcomes.total() > outcomes["repaired"])


def _lines(table: Table, options: Options, settings: Mapping[str, str]) -> Iterator[Line]:
    """Repair one organisation after another, and print what each of them had."""
    only = settings.get("ORGANISATION")
    chosen = [only] if only else organisation_ids(table, settings.get("FROM", ""))
    for organisation in chosen:
        lines = repair_organisation(table, organisation, options)
        print(f"{organisation}: {'whole' if not lines else ''}", flush=True)
        yield from _printed(lines)
    if settings.get("ORPHANS") == "yes":
        yield from _printed(settle(each, options) for each in orphans(table))


def _printed(lines: Iterable[Line]) -> Iterator[Line]:
    for each in lines:
        print(f"  {each.outcome}: {each.text}", flush=True)
        yield each
