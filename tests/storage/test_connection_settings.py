"""Settings of a connection: what is in force, and that the docs say so."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.storage.connection_settings import (
    DEFAULTS,
    PRESETS,
    SETTINGS,
    STORED_BEFORE,
    VALUES,
    effective_settings,
    preset_settings,
)

PAGE = Path(__file__).parents[2] / "docs" / "administer.md"

IN_FORCE = [
    ("other", {}, {"put_without_members": "clear"}),
    ("other", {"put_without_members": "keep"}, {}),
    ("keycloak", {}, {"put_without_members": "clear"}),
    ("authentik", {}, {"put_without_members": "clear"}),
    ("midpoint", {}, {}),
    ("onelogin", {}, {}),
    ("jumpcloud", {}, {}),
    ("ping", {}, {}),
    ("okta", {}, {}),
    ("google", {}, {}),
    ("entra", {}, {"group_patch_answer": "204", "creates_missing_values": True}),
    ("entra", {"group_patch_answer": "auto"}, {"creates_missing_values": True}),
    ("entra", {"creates_missing_values": False}, {"group_patch_answer": "204"}),
    ("okta", {"creates_missing_values": True}, {"creates_missing_values": True}),
    ("okta", {"put_without_members": "clear"}, {"put_without_members": "clear"}),
    ("okta", {"of_a_later_release": "on"}, {}),
]


@pytest.mark.parametrize(("provider", "chosen", "other_than_default"), IN_FORCE)
def test_a_setting_is_as_chosen_else_as_the_provider_needs_it(provider, chosen, other_than_default):
    """As a connection has it that chooses its provider today."""
    found = effective_settings(provider, preset_settings(provider), chosen)

    assert asdict(found) == asdict(DEFAULTS) | other_than_default


STORED = [
    ({"put_without_members": "keep"}, {}, "keep"),
    ({"put_without_members": "clear"}, {}, "clear"),
    ({"put_without_members": "keep"}, {"put_without_members": "clear"}, "clear"),
    (STORED_BEFORE, {}, "keep"),
    ({}, {}, "clear"),
]


@pytest.mark.parametrize(("preset", "chosen", "expected"), STORED)
def test_a_connection_keeps_the_preset_that_it_was_created_with(preset, chosen, expected):
    """A later release has other presets; groups are not emptied by an update."""
    assert effective_settings("other", preset, chosen).put_without_members == expected


def test_a_preset_names_a_guide_and_a_dialogue_that_are_there():
    """Its entry is all that a provider needs."""
    docs, dialogues = PAGE.parent, PAGE.parents[1] / "chalicelib" / "api" / "admin" / "data"
    for preset in PRESETS.values():
        assert (docs / preset.guide).is_file()
        assert all((dialogues / f"self_test_{name}.json").is_file() for name in preset.dialogue)


def test_every_preset_is_in_the_table_above_and_on_the_page_that_helps_to_choose():
    """Who looks for a provider finds what its preset does."""
    page = (PAGE.parent / "connect-other.md").read_text(encoding="utf-8")
    fits = page.partition("## Which preset fits")[2].partition("\n## ")[0]
    first_cells = " ".join(re.findall(r"^\|([^|]*)", fits, re.MULTILINE))

    assert {name for name, *_ in IN_FORCE} == PRESETS.keys()
    assert PRESETS.keys() - {*re.findall(r"`(\w+)`", first_cells)} == set()


def written(value):
    """Write a value as JSON has it; a text without its quotation marks."""
    return json.dumps(value).strip('"')


def documented():
    """Write the table of docs/administer.md."""
    for name, setting in SETTINGS.items():
        titles: dict[str, list[str]] = {}
        for preset in PRESETS.values():
            titles.setdefault(written(getattr(preset.settings, name)), []).append(preset.title)
        titles.pop(written(setting.default))
        presets = (f"; `{value}` for {', '.join(names)}" for value, names in titles.items())
        values = ", ".join(f"`{written(value)}`" for value in get_args(VALUES[name]))
        default = f"`{written(setting.default)}`{''.join(presets)}"
        yield f"| `{name}` | {values} | {default} | {setting.text} |\n"


def test_every_setting_is_documented():
    """Put the line that this prints into the page, in the place of the one that begins like it."""
    page = PAGE.read_text(encoding="utf-8")

    assert "".join(line for line in documented() if line not in page) == ""


def test_every_default_is_one_of_the_values():
    """The declaration names both."""
    for name, setting in SETTINGS.items():
        assert setting.default in get_args(VALUES[name])
