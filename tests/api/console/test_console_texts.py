"""The texts of the page: each language has all of them, and the page uses each."""

from __future__ import annotations

import json
import re

import pytest

from chalicelib.api.console.assets import FOLDER
from chalicelib.storage.connection_settings import PRESETS

LANGUAGES = ("en", "fr")
SCRIPTS = [p.read_text(encoding="utf-8") for p in FOLDER.rglob("*.js") if p.name != "preact.js"]
# t("a.b"), t(`a.${x}`), t(busy ? "busy" : "save"); keys of tables: `meaning.404`
KEYS = re.compile(r'"([a-z0-9_]+(?:\.[A-Za-z0-9_]+)*)"|`((?:[a-z0-9_]+\.)+)\$\{')
VALUE = re.compile(r"\{(\w+)\}")
FORMS = re.compile(r"\.(one|other)$")


def texts(language):
    """Read the texts of a language."""
    return json.loads((FOLDER / f"texts/console.{language}.json").read_text(encoding="utf-8"))


def named():
    """Return the keys that the page names, and how keys begin that it makes."""
    found = [pair for script in SCRIPTS for pair in KEYS.findall(script)]
    return {key for key, _ in found if key}, {beginning for _, beginning in found if beginning}


def test_each_language_has_all_texts_with_the_same_values():
    """A text that a language lacks would show its key."""
    english, french = map(texts, LANGUAGES)

    assert english.keys() == french.keys()
    differing = [k for k in english if {*VALUE.findall(english[k])} != {*VALUE.findall(french[k])}]
    assert differing == []


def test_the_page_uses_each_text():
    """What is not used is deleted, in every language."""
    keys, beginnings = named()
    unused = [
        key
        for key in texts("en")
        if not {key, FORMS.sub("", key)} & keys and not key.startswith(tuple(beginnings))
    ]

    assert unused == []


def test_the_page_names_no_text_that_does_not_exist():
    """In the calls of `t` with a plain key."""
    called = {key for script in SCRIPTS for key in re.findall(r'\bt\("([^"]+)"', script)}
    known = {form for key in texts("en") for form in (key, FORMS.sub("", key))}

    assert called - known == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_provider_has_its_name(language):
    """A new preset shows in the page."""
    assert {f"provider.{name}" for name in PRESETS} <= texts(language).keys()
