"""`make bench`: measure the time of the SCIM engine, as a multiple of what cannot be avoided.

The document of a request is parsed from JSON and written to JSON in any case. The engine's time is
given in units of that, measured in the same run, so the numbers hold on other machines too. The
unit of a filter is a loop that is written for it by hand.

    make bench                 print the table
    make bench ARGS=--write    put it into docs/performance.md
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.scim import messages, patch, patch_operations, validation
from chalicelib.scim.catalog import USER
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.matching import compile_filter
from chalicelib.scim.projection import Projection, project
from chalicelib.scim.schema import Resource
from dev.measure.pages import Section

ROOT = Path(__file__).parents[2]
SECTION = Section("performance.md", "bench")

# The full enterprise user of RFC 7643 section 8.3, as a client sends it.
SENT = ROOT / "tests" / "corpus" / "validation" / "rfc7643-8.3-enterprise_user.json"

USERS_IN_A_PAGE = 100
USERS_FILTERED = 1_000
ROUNDS = 15
SECONDS_A_ROUND = 0.02

PATCH: Mapping[str, Any] = {
    "schemas": [messages.PATCH_URN],
    "Operations": [
        {"op": "Replace", "path": "title", "value": "Guide"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "babs@example.com"},
        {"op": "Replace", "path": "active", "value": "False"},
    ],
}

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: the work, its unit, and the aim in that unit."""

    what: str
    unit: str
    aim: float
    work: Work
    measure: Work

    def multiple(self, rounds: int = ROUNDS) -> float:
        """Return the time of the work in units: the best of several rounds of both, in turn."""
        times = [(_seconds(self.work), _seconds(self.measure)) for _ in range(rounds)]
        return min(own for own, _ in times) / min(unit for _, unit in times)


def _seconds(work: Work) -> float:
    """Return the seconds of one run of the work, averaged over a round."""
    started = time.perf_counter()
    calls = 0
    while (passed := time.perf_counter() - started) < SECONDS_A_ROUND:
        work()
        calls += 1
    return passed / calls


# --- what is measured -------------------------------------------------------------------------


def sent_user() -> dict[str, Any]:
    """Return the full user as a client sends it."""
    document: dict[str, Any] = json.loads(SENT.read_text(encoding="utf-8"))["sent"]
    return document


def stored_user(number: int = 0) -> Resource:
    """Return the full user as the directory represents it: every third one is inactive."""
    meta = {
        "resourceType": "User",
        "created": "2027-01-31T12:00:00Z",
        "lastModified": "2027-01-31T12:00:00Z",
        "location": "https://id.example.com/scim/v2/c/Users/1",
        "version": 'W/"1"',
    }
    own = {
        "id": f"{number:032x}",
        "userName": f"User{number}@Example.com",
        "active": number % 3 > 0,
        "meta": meta,
    }
    return validation.check(sent_user(), USER) | own


def through_json(document: object) -> Work:
    """Parse a document from JSON and write it: the unit."""
    text = json.dumps(document)
    return lambda: json.dumps(json.loads(text))


def patching(body: Mapping[str, Any], resource: Resource) -> Work:
    """Do everything that a PATCH does between its JSON and the store."""
    return lambda: patch.apply(
        patch_operations.normalise(messages.parse_patch(body), USER).operations, resource, USER
    )


def projecting(page: Sequence[Resource]) -> Work:
    """Build the documents of a page."""
    whole = Projection.parse(None, None, USER)
    return lambda: [project(each, USER, whole) for each in page]


def filtering(text: str, resources: Sequence[Resource]) -> Work:
    """Parse a filter and apply it to resources."""

    def work() -> list[Resource]:
        holds = compile_filter(parse_filter(text), USER)
        return [each for each in resources if holds(each)]

    return work


JSON_OF_A_USER = "JSON of a user"
JSON_OF_A_PAGE = "JSON of the page"
BY_HAND = "loop by hand"


def lines() -> Iterator[Line]:
    """Yield the lines of the table."""
    sent, stored = sent_user(), stored_user()
    page = [stored_user(number) for number in range(USERS_IN_A_PAGE)]
    many = [stored_user(number) for number in range(USERS_FILTERED)]
    yield Line(
        "validate a full user",
        JSON_OF_A_USER,
        4,
        lambda: validation.check(sent, USER),
        through_json(sent),
    )
    yield Line(
        "a PATCH of three operations on it",
        JSON_OF_A_USER,
        8,
        patching(PATCH, stored),
        through_json(stored),
    )
    yield Line(
        f"a page of {USERS_IN_A_PAGE} such users",
        JSON_OF_A_PAGE,
        3,
        projecting(page),
        through_json(page),
    )
    for text, by_hand in FILTERS.items():
        own = filtering(text, many)
        yield Line(f"`{text}` over {USERS_FILTERED:,}", BY_HAND, 1.5, own, _applied(by_hand, many))


def _applied(by_hand: Callable[[Sequence[Resource]], object], many: Sequence[Resource]) -> Work:
    return lambda: by_hand(many)


def _active(many: Sequence[Resource]) -> list[Resource]:
    return [each for each in many if each.get("active") is True]


def _named(many: Sequence[Resource]) -> list[Resource]:
    return [each for each in many if each.get("userName", "").casefold() == "user7@example.com"]


def _addressed(many: Sequence[Resource]) -> list[Resource]:
    return [
        each
        for each in many
        if any(
            "jensen.org" in email.get("value", "").casefold() for email in each.get("emails", ())
        )
    ]


FILTERS: Mapping[str, Callable[[Sequence[Resource]], object]] = {
    "active eq true": _active,
    'userName eq "user7@example.com"': _named,
    'emails co "jensen.org"': _addressed,
}


# --- the table --------------------------------------------------------------------------------


HEAD = "| work | unit | aim | measured |\n|---|---|---|---|\n"


def table() -> str:
    """Measure all lines; return the table."""
    rows = (
        f"| {line.what} | {line.unit} | {line.aim:g} | {line.multiple():.1f} |\n"
        for line in lines()
    )
    return HEAD + "".join(rows)


def main(arguments: Sequence[str]) -> int:
    """Print the table, and put it into the page where that is asked for."""
    SECTION.publish(table(), arguments)
    return 0
