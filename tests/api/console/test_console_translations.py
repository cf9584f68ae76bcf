"""What the API says in English, the page says in its own language: each sentence, and no other."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from chalicelib.api.admin import self_test
from chalicelib.api.console.assets import FOLDER
from chalicelib.organisations.health import ADVICE
from chalicelib.organisations.self_test_checks import CHECKS, advice

FRENCH = json.loads((FOLDER / "texts/api.fr.json").read_text(encoding="utf-8"))
STEPS = [
    step
    for path in self_test.DIALOGUES.glob("self_test_*.json")
    for step in json.loads(path.read_text(encoding="utf-8"))
]
STATES = ("active", "suspended", "paused", "ended", "deleting")
CONNECTION_CHECKS = {"Organisation", "Connection"}


def sentences():
    """Yield each sentence of a self-test and of the log's advice, with values filled in."""
    yield from (text for step in STEPS for text in (step["name"], step.get("fix")) if text)
    yield from (text for check in CHECKS for text in (check.name, check.fix))
    yield from (*self_test.FIXES.values(), self_test.REPORT, self_test.NOT_TRIED)
    yield from ADVICE.values()
    for check in CHECKS:
        if check.name not in CONNECTION_CHECKS:
            yield re.sub(r"\{until\}", "", re.sub(r"\{(?!until)[^}]*\}", "x", check.finding))


def advice_of(last_request):
    """Return the advice about an active connection that was last used then."""
    details: Any = SimpleNamespace(
        snapshot=SimpleNamespace(organisation=SimpleNamespace(sso=None)),
        connection=SimpleNamespace(state="active", created="2027-01-01T00:00:00Z"),
        last_request=last_request,
        live_tokens=("one",),
        last_expiry="2027-02-03T00:00:00Z",
        now=datetime(2027, 2, 1, tzinfo=UTC),
    )
    return {*advice(details)}


def translations_of(sentence):
    """Return the French sentences that the page would choose from."""
    patterns = {key: ".*".join(map(re.escape, key.split("{}"))) for key in FRENCH}
    return [key for key, each in patterns.items() if re.fullmatch(each, sentence, re.DOTALL)]


def test_each_sentence_has_one_translation():
    """A French page shows no English where it speaks of its own."""
    missing = [each for each in sentences() if len(translations_of(each)) != 1]

    assert missing == []


def test_a_translation_has_the_values_of_the_sentence():
    """As many, in the same order."""
    assert [key for key, own in FRENCH.items() if key.count("{}") != own.count("{}")] == []


def test_no_translation_is_left_over():
    """What the API no longer says is deleted."""
    states = {f"The {name.lower()} is {state}." for name in CONNECTION_CHECKS for state in STATES}
    said = {*sentences(), *states, *advice_of(None), *advice_of("2027-01-31T12:00:00Z")}
    used = {key for sentence in said for key in translations_of(sentence)}

    # The rest is written where a step fails, and where a connection has tokens.
    assert {key[:20] for key in FRENCH.keys() - used} == {
        "The response was {},",
        "status {} instead of",
        "Valid credentials of",
    }
