"""`make suites`: what others have written to judge a SCIM server, run against the running demo.

scim2-tester checks RFC 7643 and 7644 by what discovery announces; scim-sanity probes as strictly
as it can. Each runs on a fresh connection. Knows how they are started and how they report;
refuses to know what they check.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from scim2_client import BaseSyncSCIMClient, RequestNetworkException
from scim2_tester import Status, check_server
from scim_sanity.probe.runner import run_probe_api

from dev import corpus, demo

# What is not as a suite wants it, and stays so.
KNOWN: Mapping[str, str] = {
    "PATCH /Groups/{id} add member": (
        "the probe adds a member that is no user of the connection; it is refused by name"
    ),
}

SILENT = {"passed", "skipped"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite found at one place: `outcome` is one of its own words, in small letters."""

    check: str
    outcome: str
    reason: str


class _Client(BaseSyncSCIMClient):
    """scim2-client on `requests`, which this repository has anyway."""

    def __init__(self, scim_url: str, token: str) -> None:
        super().__init__()
        self._url = scim_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        try:
            return self._session.request(method, self._url + url, timeout=30, **kwargs)
        except requests.RequestException as error:
            raise RequestNetworkException from error


# The RFCs leave COMPLIANT, ACCEPTABLE and DEVIATION open to a server; only the last is worth
# a line.
OUTCOMES: Mapping[Status, str] = {
    Status.SUCCESS: "passed",
    Status.COMPLIANT: "passed",
    Status.ACCEPTABLE: "passed",
    Status.DEVIATION: "deviation",
    Status.SKIPPED: "skipped",
    Status.ERROR: "failed",
    Status.CRITICAL: "failed",
}


def scim2_tester(scim_url: str, token: str) -> list[Verdict]:
    """Run every check of scim2-tester, with all tags."""
    results = check_server(_Client(scim_url, token))
    return [
        Verdict(f"{each.title} {each.resource_type or ''}".strip(), OUTCOMES[each.status], each.reason or "")
        for each in results
    ]


def scim_sanity(scim_url: str, token: str) -> list[Verdict]:
    """Run every probe of scim-sanity, in its strict mode."""
    print(run_probe_api(scim_url, token=token, strict=True)["summary"])
    results = run_probe_api(scim_url, token=token, strict=True)["results"]
    return [Verdict(each["test"] if "test" in each else str(each), each["status"], each.get("message") or "") for each in results]
