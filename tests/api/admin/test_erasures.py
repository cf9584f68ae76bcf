"""Erasures: one person, or a whole customer, and the signed record that outlives them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app import build
from chalicelib.settings import Retention
from chalicelib.sweeper import sweep_due
from tests.support.builders import api_client
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import FaultyClient, client_error, fail
from tests.support.invariants import read_all


def verify(record, text=None):
    """Check a record as anybody can who has the public key.

    Raises:
        InvalidSignature: the text is another one than was signed.
    """
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(record["public_key"]))
    key.verify(base64.b64decode(record["signature"]), (text or record["record"]).encode())


@pytest.fixture
def organisation(context):
    """Return the path of the organisation."""
    return f"/admin/organisations/{context.organisation}"


@pytest.fixture
def erased(operator, organisation, services, scim, manual_clock):
    """Delete the organisation with its user; return its record."""
    scim.a_user("ada@example.com")
    assert operator("DELETE", organisation, headers={"Passerelle-Confirm": "Acme"}).status == 202
    assert operator("GET", "/admin/erasures").body["items"][0]["completed_at"] is None
    manual_clock.advance(seconds=61)
    sweep_due(services)
    assert operator("GET", organisation).status == 404
    (record,) = operator("GET", "/admin/erasures").body["items"]
    return record


def test_an_erased_customer_leaves_a_signed_record(erased, context):
    """It says who, when, and that nothing was left; anybody can check it."""
    verify(erased)
    stated = json.loads(erased["record"])

    assert (stated["erased"], stated["organisation"]) == ("organisation", context.organisation)
    assert set(stated["left"].values()) == {0}
    assert stated["ordered"] < stated["completed"]


def test_a_record_that_was_changed_is_found_out(erased):
    """A signature that fits any text would prove nothing."""
    with pytest.raises(InvalidSignature):
        verify(erased, erased["record"].replace("Acme", "Apex"))


def test_nothing_else_of_the_customer_is_left(erased, services, context):
    """Neither an item that names them, nor the name of their user anywhere."""
    items = read_all(services.table)
    named = [key for key in items if context.organisation in f"{key.pk} {key.sk}"]
    own = [
        key for key in named if key.pk not in {"A#ERASED", f"C#{context.organisation}#F#2027-01-31"}
    ]

    assert own == []
    assert "ada@" not in repr(items)


def test_a_person_is_erased_with_a_record(operator, organisation, services, scim):
    """With their memberships, roles and account; of what is left nothing names them."""
    ada = scim.a_user("ada@example.com", displayName="Ada Lovelace")["id"]
    scim("POST", "/Groups", {"displayName": "E", "members": [{"value": ada}]})
    operator("PUT", f"{organisation}/users/{ada}/account", {"id": "acc_4711"})
    record = operator("DELETE", f"{organisation}/users/{ada}").body

    verify(record)
    assert (record["erased"], json.loads(record["record"])["left"]) == (
        "user",
        {"user": 0, "memberships": 0},
    )
    assert operator("GET", f"{organisation}/users/{ada}").status == 404
    left = repr(read_all(services.table))
    assert [text for text in ("ada@example.com", "Lovelace") if text in left] == []


def test_erasing_again_returns_the_same_record(operator, organisation, scim):
    """What a lost response has done is told again; a user who never was is 404."""
    ada = scim.a_user("ada")["id"]
    first, again = (operator("DELETE", f"{organisation}/users/{ada}") for _ in range(2))

    assert again.body == first.body
    assert operator("DELETE", f"{organisation}/users/{'0' * 32}").status == 404


def test_without_a_key_nothing_is_erased(operator, organisation, services, scim):
    """A record that cannot be signed would be no proof: 503, and everything is as it was."""
    ada = scim.a_user("ada")["id"]
    broken = FaultyClient(services.secrets._client)
    broken.faults["create_secret"] = [fail(client_error("AccessDeniedException"))] * 100
    secrets = type(services.secrets)(broken, services.settings.secrets_prefix)
    client = api_client(build(replace(services, secrets=secrets)), OPERATOR_KEY)
    found = [
        client("DELETE", target, headers={"Passerelle-Confirm": "Acme"}).status
        for target in (organisation, f"{organisation}/users/{ada}")
    ]

    assert found == [503, 503]
    assert scim("GET", f"/Users/{ada}").status == 200


def test_records_are_listed_by_organisation_in_pages(operator, organisation, context, scim):
    """Each once; another organisation has none."""
    made = sorted(scim.a_user(f"u{number}")["id"] for number in range(3))
    for uid in made:
        operator("DELETE", f"{organisation}/users/{uid}")
    path = f"/admin/erasures?organisation={context.organisation}&limit=2"
    first = operator("GET", path).body
    rest = operator("GET", f"{path}&cursor={first['next']}").body

    assert [each["user"] for each in (*first["items"], *rest["items"])] == made
    assert operator("GET", "/admin/erasures?organisation=aaaaaaaaaa").body["items"] == []
    assert operator("GET", f"{path}&cursor=x").status == 400


def test_a_record_is_kept_as_long_as_the_setting_says(services, context, scim):
    """As are the entries of the audit."""
    settings = replace(services.settings, retention=Retention(audit_days=30, erasure_days=365))
    client = api_client(build(replace(services, settings=settings)), OPERATOR_KEY)
    ada = scim.a_user("ada")["id"]
    client("DELETE", f"/admin/organisations/{context.organisation}/users/{ada}")
    now = services.table.clock.now().timestamp()
    kept = {
        item["SK"] if key.pk == "A#ERASED" else item["action"]: (item["ttl"] - now) // 86400
        for key, item in read_all(services.table).items()
        if key.pk == "A#ERASED" or item.get("action") == "user.erased"
    }

    assert kept == {f"{context.organisation}/{ada}": 365, "user.erased": 30}
