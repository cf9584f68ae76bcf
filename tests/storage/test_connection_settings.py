"""Settings of a connection: what is in force, and that the docs say so."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest

from chalicelib.storage.connection_settings import (
    DEFAULTS,
    PRESETS,
    SETTINGS,
    VALUES,
    effective_settings,
)

PAGE = Path(__file__).parents[2] / "docs" / "administer.md"

IN_FORCE = [
    ("other", {}, {}),
    ("okta", {}, {}),
    ("google", {}, {}),
    ("entra", {}, {"group_patch_answer": "204", "creates_missing_values": True}),
    ("entra", {"group_patch_answer": "auto"}, {"creates_missing_values": True}),
    ("entra", {"creates_missing_values": False}, {"group_patch_answer": "204"}),
    ("okta", {"creates_missing_values": True}, {"creates_missing_values": True}),
    ("okta", {"put_without_members": "clear"}, {"put_without_members": "clear"}),
    ("other", {"of_a_later_release": "on"}, {}),
]


@pytest.mark.parametrize(("provider", "chosen", "other_than_default"), IN_FORCE)
def test_a_setting_is_as_chosen_else_as_the_provider_needs_it(provider, chosen, other_than_default):
    """Only what was chosen is stored, so a preset may change."""
    assert asdict(effective_settings(provider, chosen)) == asdict(DEFAULTS) | other_than_default


def written(value):
    """Write a value as JSON has it; a text without its quotation marks."""
    return json.dumps(value).strip('"')


def documented():
    """Write the table of docs/administer.md."""
    for name, setting in SETTINGS.items():
        presets = (
            f"; `{written(getattr(preset.settings, name))}` for {preset.title}"
            for preset in PRESETS.values()
            if getattr(preset.settings, name) != setting.default
        )
        values = ", ".join(f"`{written(value)}`" for value in get_args(VALUES[name]))
        default = f"`{written(setting.default)}`{''.join(presets)}"
        yield f"| `{name}` | {values} | {default} | {setting.text} |\n"


def test_every_setting_is_documented():
    """Paste what is missing here into the page."""
    assert "".join(documented()) in PAGE.read_text(encoding="utf-8")


def test_every_default_is_one_of_the_values():
    """The declaration names both."""
    for name, setting in SETTINGS.items():
        assert setting.default in get_args(VALUES[name])
