"""The smoke test of `make deploy`: the app, its key, its table and the gateway respond.

And the function of the table's stream is invoked.

Reads only, and works on an empty table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

SCIM = "application/scim+json"
SECONDS = 60.0  # a new stage, and a new DNS name, take a moment
NOBODY = "a" * 16


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and the status and media type that its response must have."""

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
    Probe("it has a feed", "/admin/changes?after=now", 200, "application/json", operator=True),
    Probe("a request without a token is rejected", f"/scim/v2/{NOBODY}/Users", 401, SCIM),
    # With a bearer API Gateway would respond itself, with a 403 about AWS signatures.
    Probe("an unknown path is 404 in SCIM's form", "/scim/nothing", 404, SCIM, operator=True),
    Probe("another one is a problem", "/nothing", 404, "application/problem+json", operator=True),
)


def faults(
    url: str,
    operator_key: str,
    others: Callable[[], Iterator[str]] = lambda: iter(()),
    seconds: float = SECONDS,
) -> list[str]:
    """Probe a URL until all is well or the time is over; return what was wrong at last.

    `others`: looks for faults that no request shows.
    """
    end = time.monotonic() + seconds
    while found := [*_faults(url, operator_key), *others()]:
        if time.monotonic() > end:
            break
        time.sleep(2)
    return found


def _faults(url: str, operator_key: str) -> Iterator[str]:
    for probe in PROBES:
        headers = {"Authorization": f"Bearer {operator_key}"} if probe.operator else {}
        found = _status_of(url + probe.path, headers)
        if found != (probe.status, probe.media_type):
            yield f"{probe.shows}: GET {probe.path} returned {found[0]} {found[1]}"


def _status_of(url: str, headers: Mapping[str, str]) -> tuple[Any, str]:
    try:
        response = requests.get(url, headers=headers, timeout=35)
    except requests.RequestException as failed:
        return type(failed).__name__, ""
    return response.status_code, response.headers.get("Content-Type", "").partition(";")[0]
