"""`make repair STAGE=dev`: check a table by the invariants, one organisation at a time.

    make repair STAGE=dev                     report, and change nothing
    make repair STAGE=dev APPLY=yes           repair what the items that are left say
    make repair STAGE=dev APPLY=lost          remove also what is left of those who are lost
    make repair STAGE=dev FROM=<id>           go on with the organisations after this one
    make repair STAGE=dev ORGANISATION=<id>   only this one
    make repair STAGE=dev ORPHANS=yes         look for names of nobody: reads the whole table

The secrets of tokens are compared too: after a restore they are newer than the table.
STAGE=local is the server that `make run` has started in LOCAL_DIR. The exit status is 1 where
something is left.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from chalicelib.auth.secrets import Secrets
from chalicelib.storage import grants
from chalicelib.storage.keys import OrganisationKeys, organisation_of
from chalicelib.storage.retries import Deadline
from dev.errors import VerbError
from dev.release import reach
from dev.release.reach import Deployment
from dev.repair.orphans import orphans
from dev.repair.repair import (
    SECONDS_PER_ORGANISATION,
    Line,
    Options,
    organisation_ids,
    repair_organisation,
    settle,
)
from dev.repair.settings import SecretNames, secrets_without_token, tokens_without_secret

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
    deployment = reach.find(stage, os.environ)
    outcomes = Counter(each.outcome for each in _lines(deployment, MODES[wanted], os.environ))
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "whole")
    return int(outcomes.total() > outcomes["repaired"])


def _lines(deployment: Deployment, options: Options, settings: Mapping[str, str]) -> Iterator[Line]:
    """Repair one organisation after another, and print what each of them had."""
    table, only, after = deployment.table, settings.get("ORGANISATION"), settings.get("FROM", "")
    names = SecretNames(deployment.secretsmanager, deployment.prefix).of_tokens()
    with_secrets = {organisation_of(connection) for connection, _ in names}
    listed = {*organisation_ids(table)} | with_secrets
    for organisation in [only] if only else sorted(each for each in listed if each > after):
        lines = repair_organisation(table, organisation, options)
        lines += secret_lines(deployment, organisation, names, options)
        print(f"{organisation}: {'whole' if not lines else ''}", flush=True)
        yield from _printed(lines)
    if settings.get("ORPHANS") == "yes":
        yield from _printed(settle(each, options) for each in orphans(table))


def secret_lines(
    deployment: Deployment, organisation: str, names: set[tuple[str, str]], options: Options
) -> list[Line]:
    """Compare an organisation's tokens with the secrets that there are."""
    keys, table = OrganisationKeys(organisation), deployment.table
    deadline = Deadline.after(SECONDS_PER_ORGANISATION, table.clock)
    items = table.namespace(grants.purge(keys), deadline)
    secrets = Secrets(deployment.secretsmanager, deployment.prefix)
    found = chain(
        tokens_without_secret(items, keys, names),
        secrets_without_token(items, keys, names, secrets),
    )
    return [settle(each, options) for each in found]


def _printed(lines: Iterable[Line]) -> Iterator[Line]:
    for each in lines:
        print(f"  {each.outcome}: {each.text}", flush=True)
        yield each
