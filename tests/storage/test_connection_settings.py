"""Settings of a connection: what is in force, and that the docs say so."""

from __future__ import annotations

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
    ("entra", {}, {"group_patch_answer": "204"}),
    ("entra", {"group_patch_answer": "auto"}, {}),
    ("okta", {"put_without_members": "clear"}, {"put_without_members": "clear"}),
    ("other", {"of_a_later_release": "on"}, {}),
]


@pytest.mark.parametrize(("provider", "chosen", "other_than_default"), IN_FORCE)
def test_a_setting_is_as_chosen_else_as_the_provider_needs_it(provider, chosen, other_than_default):
    """Only what was chosen is stored, so a preset may change."""
    assert asdict(effective_settings(provider, chosen)) == asdict(DEFAULTS) | other_than_default


def documented():
    """Write the table of docs/administer.md."""
    for name, setting in SETTINGS.items():
        presets = (
            f"; `{getattr(preset.settings, name)}` for {preset.title}"
            for preset in PRESETS.values()
            if getattr(preset.settings, name) != setting.default
        )
        values = ", ".join(f"`{value}`" for value in get_args(VALUES[name]))
        yield f"| `{name}` | {values} | `{setting.default}`{''.join(presets)} | {setting.text} |\n"


def test_every_setting_is_documented():
    """Paste what is missing here into the page."""
    assert "".join(documented()) in PAGE.read_text(encoding="utf-8")


def test_every_default_is_one_of_the_values():
    """The declaration names both."""
    for name, setting in SETTINGS.items():
        assert setting.default in get_args(VALUES[name])
