"""The guides and the texts of mistakes: complete, in both languages, and fit for a customer."""

from __future__ import annotations

import json

import pytest

from chalicelib.api.console.assets import FOLDER
from chalicelib.organisations.health import FIXES
from chalicelib.storage.connection_settings import PRESETS
from dev.release.guides import DOCS, pages

PROVIDERS = [name for name, each in PRESETS.items() if each.guide != "connect-other.md"]
LANGUAGES = ("en", "fr")


def read(name):
    """Read a file of the page."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def shape(guide):
    """Return what must be the same in all languages."""
    steps = [[each["value"] for each in step["fields"] if each["copy"]] for step in guide["steps"]]
    return steps, len(guide["errors"]), sorted(guide)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mistake_has_a_title_and_a_fix(language):
    """A page that listens names it in its language within a poll."""
    texts = read(f"texts/reasons.{language}.json")
    assert texts.keys() == FIXES.keys()
    assert all(each["title"] and each["fix"] for each in texts.values())


def test_the_english_fixes_are_those_of_the_api():
    """There is one source: what the health says."""
    assert {name: each["fix"] for name, each in read("texts/reasons.en.json").items()} == FIXES


@pytest.mark.parametrize("provider", [*PROVIDERS, "other"])
def test_a_guide_has_the_same_steps_in_both_languages(provider):
    """The URL and the token are to be pasted in the same step."""
    english, french = (read(f"guides/{provider}.{language}.json") for language in LANGUAGES)
    assert shape(english) == shape(french)
    assert {"scim_url", "token"} <= {value for step in shape(english)[0] for value in step}


def test_the_pages_for_customers_are_those_of_the_console():
    """`make guides` writes them; none has a command of the operator's."""
    written = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
    assert written == dict(pages())
    assert not [name for name, text in written.items() if "curl" in text or "psl_op" in text]
