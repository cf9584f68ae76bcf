"""docs/privacy.md says the periods of the code, and names tests that are there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from chalicelib.directory import pending_ids
from chalicelib.organisations import console, idempotency, inputs, tokens
from chalicelib.settings import RETENTION, Plan
from chalicelib.storage import (
    counters,
    directory_items,
    event_items,
    leaver_items,
    rejected_items,
    webhook_items,
)
from dev.run import resources
from tests.test_docs import ROOT
from tests.test_musts import known
from tests.test_security_page import rows

PAGE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
KEPT = PAGE.partition("## How long it is kept")[2].partition("\n## ")[0]
PROOF = PAGE.partition("## The proof")[2]
LOGS = {
    each["RetentionInDays"]
    for each in resources.read_json("resources.json").values()
    if isinstance(each, dict) and "RetentionInDays" in each
}

PERIODS: dict[str, tuple[timedelta, ...]] = {
    "provisioning log": (timedelta(days=Plan(scim=True).log_days),),
    "audit": (RETENTION.audit,),
    "records of erasures": (RETENTION.erasures,),
    "feed of an organisation, feed of all": (
        directory_items.CHANGES_KEPT,
        event_items.EVENTS_KEPT,
    ),
    "leavers, with the setting ACKNOWLEDGEMENTS: ids, times": (leaver_items.LEAVERS_KEPT,),
    "counters of requests": (counters.KEPT,),
    "deliveries to webhooks, dead letters": (
        webhook_items.DELIVERIES_KEPT,
        webhook_items.DEAD_LETTERS_KEPT,
    ),
    "revoked and expired credentials, without their secret": (tokens.KEPT,),
    "setup links, sessions of the console": (
        timedelta(days=inputs.MAX_SETUP_DAYS),
        console.SESSION_LIFE,
    ),
    "ids of a large change of members": (pending_ids.IDS_KEPT,),
    "rejected requests, while a page listens": (rejected_items.KEPT,),
    "Idempotency-Keys": (idempotency.LIFETIME,),
}
OF_AWS = {
    "users, groups, roles",
    "logs in CloudWatch",
    "point-in-time recovery of the table",
}


def read(text: str) -> tuple[timedelta, ...]:
    """Read periods such as `7 days, 90 days`."""
    found = re.findall(r"([\d,]*\d) (day|hour)s?", text)
    return tuple(timedelta(**{f"{unit}s": int(n.replace(",", ""))}) for n, unit in found)


def test_each_period_is_that_of_the_code():
    """An officer signs what this table says."""
    found = {row[0]: read(row[1]) for row in rows(KEPT)}

    assert {name: each for name, each in found.items() if name not in OF_AWS} == PERIODS
    assert found.keys() >= OF_AWS


def test_each_claim_is_shown_by_a_test_that_is_there():
    """A claim without a test is a belief."""
    named: list[Any] = [name for row in rows(PROOF) for name in re.findall(r"`([^`]+)`", row[1])]

    assert len(named) >= 4
    assert [name for name in named if name not in known()] == []
