"""The settings of a deployment: read from environment variables, and rejected where wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from chalicelib.settings import Branding, InvalidSettings, Plan, Rate, Settings

NEEDED = {"TABLE_NAME": "passerelle-dev", "STAGE": "dev"}


def test_a_deployment_needs_a_table_and_a_stage_only():
    """Everything else has the value that `.chalice/config.json` leaves out."""
    settings = Settings.from_environment({**NEEDED, "PUBLIC_URL": "", "PATH": "/bin"})

    assert settings == Settings(table_name="passerelle-dev", stage="dev")


RIGHT = [
    ("PUBLIC_URL", "https://scim.example.com/", "https://scim.example.com/"),
    ("FEED_UNBROKEN_SINCE", "2026-11-29T10:00:00Z", datetime(2026, 11, 29, 10, tzinfo=UTC)),
    ("ADMIN_CHANGES", "null", None),
    ("ADMIN_CHANGES", '{"per_second": 2, "burst": 9}', Rate(2.0, 9)),
    ("LONGEST_CREDENTIAL_DAYS", "90", 90),
    ("AUTHENTICATION_TYPES", '["federated"]', ("federated",)),
    ("FEDERATED_ISSUERS", '{"a": "https://a.example/k"}', {"a": "https://a.example/k"}),
    ("RETURN_ORIGINS", '["https://app.example.com:444"]', ("https://app.example.com:444",)),
    ("BRANDING", '{"name": "Acme"}', Branding(name="Acme")),
    ("PLANS", '{"x": {"scim": true, "rate": null}}', {"x": Plan(scim=True, rate=None)}),
]


@pytest.mark.parametrize(("variable", "text", "value"), RIGHT)
def test_each_setting_has_its_form(variable, text, value):
    """Objects and arrays are JSON; what an object leaves out has its default."""
    settings = Settings.from_environment({**NEEDED, variable: text})

    assert getattr(settings, variable.lower()) == value


WRONG = [
    ("TABLE_NAME", "ab", "expected the name of a table"),
    ("STAGE", "a b", "expected letters"),
    ("PUBLIC_URL", "scim.example.com", "expected an https URL"),
    ("FEED_UNBROKEN_SINCE", "2026-11-29T10:00:00", "expected a time with its zone"),
    ("FEED_UNBROKEN_SINCE", "yesterday", "expected a time with its zone"),
    ("ADMIN_CHANGES", '{"per_second": 0}', "per_second: expected a number above 0"),
    ("ADMIN_CHANGES", '{"burst": true}', "burst: expected a whole number of at least 1"),
    ("LONGEST_CREDENTIAL_DAYS", "4000", "expected a whole number of at least 1 and at most 3650"),
    ("LONGEST_CREDENTIAL_DAYS", "soon", "expected JSON"),
    ("AUTHENTICATION_TYPES", "[]", "expected an array of at least 1"),
    ("AUTHENTICATION_TYPES", '["basic"]', r"\[0\]: expected one of token, client_secret"),
    ("FEDERATED_ISSUERS", '{"a": "ftp://a"}', "a: expected an https URL"),
    ("RETURN_ORIGINS", '["https://a.example/path"]', r"\[0\]: expected an origin"),
    ("EMBEDDING_ORIGINS", '"https://a.example"', "expected an array"),
    ("BRANDING", '{"title": "A"}', "expected an object of name, logo, colour"),
    ("PLANS", '{"x": {}}', "x: expected an object of scim, .*, with scim"),
    ("PLANS", '{"x": {"scim": 1}}', "x: scim: expected true or false"),
    ("PLANS", '{"x": {"scim": true, "rate": {"burst": 0}}}', "x: rate: burst: expected a whole"),
    ("PLANS", '{"x": {"scim": true, "log_days": 91}}', "x: log_days: .* at most 90"),
    ("PLANS", "[]", "expected an object"),
]


@pytest.mark.parametrize(("variable", "text", "fault"), WRONG)
def test_a_wrong_setting_is_rejected_with_what_was_expected(variable, text, fault):
    """The deployment does not start; `make deploy` says the same before it begins."""
    with pytest.raises(InvalidSettings, match=f"^{variable}: {fault}"):
        Settings.from_environment({**NEEDED, variable: text})


def test_everything_that_is_wrong_is_said_at_once():
    """They are corrected in one go."""
    with pytest.raises(InvalidSettings) as rejected:
        Settings.from_environment({"STAGE": "a b", "PLANS": json.dumps({"x": 1})})

    faults = [each.partition(":")[0] for each in rejected.value.args]
    assert faults == ["TABLE_NAME", "STAGE", "PLANS"]
