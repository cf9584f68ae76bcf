"""The smoke test of `make deploy`: does the live URL answer, and as what it is?

Reads only, and needs nothing to be there: the app, its key, its table and the gateway's own
refusals. Knows URLs; refuses to know how they were made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

SCIM = "application/scim+json"
SECONDS = 60.0  # a new stage, and a new name in the DNS, take a moment
NOBODY = "a" * 16


@dataclass(frozen=True, slots=True)
class Probe:
    """One request and the answer that shows what it is about to show."""

    shows: str
    path: str
    status: int
    media_type: str
    operator: bool = False


PROBES = (
    Probe("the app starts", "/health", 200, "application/json"),
    Probe(
        "it reads its key and its table",
        "/admin/organisations",
        200,
        "application/json",
        operator=True,
    ),
    Probe("nobody comes in without a token", f"/scim/v2/{NOBODY}/Users", 401, SCIM),
    Probe("an unknown path is 404 in SCIM's form", "/scim/nothing", 404, SCIM),
)


def faults(url: str, operator_key: str, seconds: float = SECONDS) -> list[str]:
    """Probe a URL until all is well, for some seconds; gives what was wrong at last."""
    end = time.monotonic() + seconds
    while found := list(_faults(url, operator_key)):
        if time.monotonic() > end:
            break
        time.sleep(2)
    return found


def _faults(url: str, operator_key: str) -> Iterator[str]:
    for probe in PROBES:
        headers = {"Authorization": f"Bearer {operator_key}"} if probe.operator else {}
        found = _answered(url + probe.path, headers)
        if found != (probe.status, probe.media_type):
            yield f"{probe.shows}: GET {probe.path} was answered {found[0]} {found[1]}"


def _answered(url: str, headers: Mapping[str, str]) -> tuple[Any, str]:
    try:
        answer = requests.get(url, headers=headers, timeout=35)
    except requests.RequestException as failed:
        return type(failed).__name__, ""
    return answer.status_code, answer.headers.get("Content-Type", "").partition(";")[0]
