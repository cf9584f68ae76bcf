"""docs/settings.md lists every setting of the code, with its default."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from typing import Any

import pytest

from chalicelib.settings import READERS, Branding, Plan, Retention, Settings
from dev.run import resources
from tests.test_docs import ROOT
from tests.test_security_page import rows

PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
# Objects with a table of their own.
NESTED = {"plans", "retention", "branding"}


def table(heading: str) -> dict[str, str]:
    """Read names and defaults of the table below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {row[0].strip("`"): row[1].strip("`") for row in rows(section)}


def default(field: Field[Any], name: str) -> str:
    """Write a default as the page does."""
    if name in NESTED:
        return f"[below](#{name})"
    factory: Callable[[], Any] | Any = field.default_factory
    if field.default is MISSING and factory is MISSING:
        return "required"
    value = field.default if factory is MISSING else factory()
    if value is None:
        return '""'
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value)


OBJECTS = [
    ("Of the deployment", Settings, str.upper),
    ("Plans", Plan, str),
    ("Retention", Retention, str),
    ("Branding", Branding, str),
]


@pytest.mark.parametrize(("heading", "of", "written"), OBJECTS, ids=lambda each: f"{each}")
def test_each_setting_is_listed_with_its_default(heading, of, written):
    """One that is not on the page does not exist for who deploys."""
    expected = {written(each.name): default(each, each.name) for each in fields(of)}

    assert table(heading) == expected


def test_what_is_read_is_what_is_listed():
    """A reader without a field would be a setting that does nothing."""
    assert {*READERS} == {each.name for each in fields(Settings)}


def test_the_variables_of_the_functions_are_those_of_the_configuration():
    """They are Powertools' own, and nothing of ours reads them."""
    configured = resources.read_json("config.json")["environment_variables"]

    assert table("Of the functions").items() <= configured.items()
    assert configured.keys() == {*table("Of the functions"), "PUBLIC_URL"}
