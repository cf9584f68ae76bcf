"""The texts of the page: each language has all of them, and the page uses each."""

from __future__ import annotations

import json
import re

import pytest

from chalicelib.api.console.assets import FOLDER
from chalicelib.storage.connection_settings import PRESETS

LANGUAGES = ("en", "fr")
SCRIPTS = [p.read_text(encoding="utf-8") for p in FOLDER.rglob("*.js") if p.name != "preact.js"]
# "a.b", wherever it stands; `a.${x}` and `${x}.b`, in which a part is filled in.
PLAIN = re.compile(r'"([a-z0-9_]+(?:\.[A-Za-z0-9_]+)*)"')
FILLED = re.compile(r"`((?:[a-z_.]|\$\{[^`\n}]*\})*)`")
PART = re.compile(r"\$\{[^}]*\}")
VALUE = re.compile(r"\{(\w+)\}")
FORMS = re.compile(r"\.(one|other)$")


def texts(language):
    """Read the texts of a language."""
    return json.loads((FOLDER / f"texts/console.{language}.json").read_text(encoding="utf-8"))


def named():
    """Return a pattern of all keys that the page names."""
    plain = {re.escape(key) for script in SCRIPTS for key in PLAIN.findall(script)}
    filled = {key for script in SCRIPTS for key in FILLED.findall(script) if "." in key}
    made = {".+".join(map(re.escape, PART.split(key))) for key in filled}
    return re.compile(f"(?:{'|'.join(plain | made)})")


def test_each_language_has_all_texts_with_the_same_values():
    """A text that a language lacks would show its key."""
    english, french = map(texts, LANGUAGES)

    assert english.keys() == french.keys()
    differing = [k for k in english if {*VALUE.findall(english[k])} != {*VALUE.findall(french[k])}]
    assert differing == []


def test_the_page_uses_each_text():
    """What is not used is deleted, in every language."""
    known = named()
    unused = [
        key
        for key in texts("en")
        if not known.fullmatch(key) and not known.fullmatch(FORMS.sub("", key))
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
    assert {f"provider.{name}" for name in PRESETS} - texts(language).keys() == set()


def test_the_page_offers_every_provider():
    """As PROVIDERS of providers.js has them, in its own order."""
    script = (FOLDER / "providers.js").read_text(encoding="utf-8")
    offered = re.findall(r'"(\w+)"', script.partition("PROVIDERS = [")[2].partition("];")[0])

    assert sorted(offered) == sorted(PRESETS)
