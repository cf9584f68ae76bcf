"""`make repair` finds what a restore leaves of settings and secrets."""

from __future__ import annotations

import pytest

from chalicelib.storage.expressions import wire_key
from chalicelib.storage.keys import reference, verified_domain
from dev.measure.scene import write
from dev.release.reach import Deployment
from dev.repair.repair import Options, repair_organisation
from dev.repair.settings import SecretNames
from dev.repair.verb import secret_lines
from tests.support.builders import an_admin_context, connection_body, organisation_body
from tests.support.invariants import read_all

REPORT, REPAIR = Options(), Options(apply=True)
LOST = Options(apply=True, remove_remains=True)
PREFIX = "passerelle/test"


@pytest.fixture
def made(services, operator):
    """Make an organisation with a domain, a reference, and a connection and a token that ended."""
    body = organisation_body(reference="acme", domains=["acme.example"])
    organisation = operator("POST", "/admin/organisations", body).body["id"]
    root = f"/admin/organisations/{organisation}"
    created = operator("POST", f"{root}/connections", connection_body()).body["id"]
    path = f"{root}/connections/{created}/tokens"
    kept, ended = (operator("POST", path, {"name": name}).body["id"] for name in ("a", "b"))
    before = read_all(services.table)
    operator("DELETE", f"{path}/{ended}")
    admin = an_admin_context(services, organisation)
    return {
        "admin": admin,
        "before": before,
        "organisation": organisation,
        "list": admin.keys.list_item(),
        "own": admin.keys.own_item,
        "connection": admin.keys.connection(created),
        "domain": verified_domain("acme.example"),
        "reference": reference("acme"),
        "ended token": admin.keys.token(created, ended),
        "kept": (created, kept),
    }


def lines(services, made, options) -> list[tuple[str, str]]:
    """Repair the organisation; returns each outcome, and what was found."""
    found = repair_organisation(services.table, made["organisation"], options)
    return [(each.outcome, each.text) for each in found]


@pytest.mark.parametrize("name", ["list", "domain", "reference"])
def test_what_leads_to_an_organisation_is_written_again(services, made, name):
    """Reported first; the item is as it was then."""
    whole = read_all(services.table)
    services.table.client.delete_item(TableName=services.table.name, Key=wire_key(made[name]))

    (reported,) = lines(services, made, REPORT)
    assert reported[0] == "left"
    assert "is not found by" in reported[1]
    assert [outcome for outcome, _ in lines(services, made, REPAIR)] == ["repaired"]
    assert read_all(services.table) == whole
    assert lines(services, made, REPORT) == []


@pytest.mark.parametrize("name", ["domain", "reference"])
def test_what_belongs_to_another_organisation_is_reported_only(services, made, name):
    """Nobody can say whose it is."""
    key = made[name]
    write(services.table, [{"PK": key.pk, "SK": key.sk, "org": "another"}])

    assert lines(services, made, LOST) == [
        ("left", f"organisation {made['organisation']}: {key.pk} belongs to another")
    ]


@pytest.mark.parametrize(
    ("name", "said"), [("own", "organisation {} is lost"), ("connection", "is lost")]
)
def test_lost_settings_are_reported_only(services, made, name, said):
    """Nothing says what they were."""
    services.table.client.delete_item(TableName=services.table.name, Key=wire_key(made[name]))
    before = read_all(services.table)

    ((outcome, text),) = lines(services, made, LOST)
    assert outcome == "left"
    assert said.format(made["organisation"]) in text
    assert read_all(services.table) == before


def test_a_token_that_has_ended_and_is_there_again_ends(services, made):
    """Its item among the past ones says so."""
    whole, key = read_all(services.table), made["ended token"]
    write(services.table, [made["before"][key]])

    assert [outcome for outcome, _ in lines(services, made, REPAIR)] == ["repaired"]
    assert read_all(services.table) == whole


# --- secrets ----------------------------------------------------------------------------------


def compared(services, secretsmanager, made, options) -> list[tuple[str, str]]:
    """Compare tokens and secrets; returns each outcome, and which token it is about."""
    deployment = Deployment(services.table, secretsmanager, PREFIX)
    names = SecretNames(secretsmanager, PREFIX).of_tokens()
    found = secret_lines(deployment, made["organisation"], names, options)
    return [(each.outcome, each.text.split()[0]) for each in found]


def test_a_whole_deployment_has_a_secret_for_each_token(services, secretsmanager, made):
    """Operator keys are not among them."""
    assert compared(services, secretsmanager, made, LOST) == []


def test_a_token_whose_secret_is_gone_must_be_renewed(services, secretsmanager, made):
    """Only a person can do that."""
    secret = "/".join([PREFIX, *made["kept"]])
    secretsmanager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)

    assert compared(services, secretsmanager, made, LOST) == [("left", "token")]


def test_a_secret_without_a_token_is_deleted_when_that_was_asked_for(
    services, secretsmanager, made
):
    """Of a token that was made after the moment of the restore, or of what was purged."""
    key = made["admin"].keys.token(*made["kept"])
    services.table.client.delete_item(TableName=services.table.name, Key=wire_key(key))

    assert compared(services, secretsmanager, made, REPAIR) == [("left", "secret")]
    assert compared(services, secretsmanager, made, LOST) == [("repaired", "secret")]
    assert compared(services, secretsmanager, made, LOST) == []
