"""`make suites`: two conformance suites written by others, run on the running demo.

scim2-tester derives its checks from the discovery documents; scim-sanity has a fixed sequence.
Each runs on a new connection. This file starts them and prints their results.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests
from scim2_client import BaseSyncSCIMClient, RequestNetworkException
from scim2_tester import CheckResult, Status, check_server
from scim_sanity.probe.runner import run_probe_api

from dev.run import demo

TIMEOUT_SECONDS = 30

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# Failures that are intended, each with the reason. docs/conformance.md lists them too.
KNOWN: Mapping[str, str] = {
    "PATCH /Groups/{id} add member": "it adds a member that is not a user; the response is 400",
    "User check_remove_attribute active": "a user is always active or inactive: removing `active` "
    "changes nothing, because who had been deactivated would be let in again",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check of a suite."""

    check: str
    outcome: str
    reason: str

    @property
    def surprising(self) -> bool:
        """Tell whether it is a failure that is not in KNOWN."""
        return self.outcome == FAILED and self.check not in KNOWN


Suite = Callable[[str, str], list[Verdict]]


class Client(BaseSyncSCIMClient):
    """scim2-client over `requests`: its own engines need libraries that nothing else here uses."""

    def __init__(self, scim_url: str, token: str) -> None:
        super().__init__()
        self._url = scim_url
        self._headers = {"Authorization": f"Bearer {token}"}

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        """Send one request with the token."""
        headers = {**self._headers, **kwargs.pop("headers", {})}
        try:
            return requests.request(
                method, self._url + url, headers=headers, timeout=TIMEOUT_SECONDS, **kwargs
            )
        except requests.RequestException as error:
            raise RequestNetworkException from error


# Between SUCCESS and ERROR is what the RFCs recommend or leave open; not following a
# recommendation counts as a failure here.
OUTCOMES: Mapping[Status, str] = {
    Status.SUCCESS: PASSED,
    Status.COMPLIANT: PASSED,
    Status.ACCEPTABLE: PASSED,
    Status.DEVIATION: FAILED,
    Status.ERROR: FAILED,
    Status.CRITICAL: FAILED,
    Status.SKIPPED: SKIPPED,
}


def scim2_tester(scim_url: str, token: str) -> list[Verdict]:
    """Run every check of scim2-tester that the discovery documents lead to."""
    return [
        Verdict(
            _name(found),
            OUTCOMES[found.status],
            found.reason or "",
        )
        for found in check_server(Client(scim_url, token))
    ]


def _name(found: CheckResult) -> str:
    """Name a check; one that failed by its attribute too, since many have the same title."""
    data = found.data if isinstance(found.data, Mapping) else {}
    attribute = data.get("urn") if OUTCOMES[found.status] == FAILED else None
    return " ".join(str(part) for part in (found.resource_type, found.title, attribute) if part)


# A warning is a failure of something that is not a MUST.
WORDS: Mapping[str, str] = {
    "pass": PASSED,
    "skip": SKIPPED,
    "warn": FAILED,
    "fail": FAILED,
    "error": FAILED,
}


def scim_sanity(scim_url: str, token: str) -> list[Verdict]:
    """Run every probe of scim-sanity, in its strict mode."""
    found = run_probe_api(scim_url, token=token, strict=True, timeout=TIMEOUT_SECONDS)
    return [
        Verdict(each["name"], WORDS[each["status"]], each.get("message", ""))
        for each in found["results"]
    ]


SUITES: Sequence[Suite] = (scim2_tester, scim_sanity)


def summary(suite: Suite, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the lines to print: the counts, then every check that has not passed."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in (PASSED, FAILED, SKIPPED))
    rest = [verdict for verdict in verdicts if verdict.outcome != PASSED]
    return [
        f"{suite.__name__}: {len(verdicts)} checks, {outcomes}",
        *(f"  {each.outcome}: {each.check}: {KNOWN.get(each.check, each.reason)}" for each in rest),
    ]


def main(_: Sequence[str]) -> int:
    """Run the suites on the server that LOCAL_DIR describes; 0 when only known failures are left.

    Raises:
        DemoFailed: no server runs there.
    """
    surprises = 0
    described = demo.running(os.environ)
    for suite in SUITES:
        print(f"{suite.__name__} is running ...", flush=True)
        made = demo.beside(described, "other")
        verdicts = suite(made.scim_url, made.token)
        print("\n".join(summary(suite, verdicts)), flush=True)
        surprises += sum(verdict.surprising for verdict in verdicts)
    return 1 if surprises else 0
