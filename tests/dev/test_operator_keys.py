"""Operator keys: made by who deploys, listed without their texts, revoked for good."""

from __future__ import annotations

from random import Random

import pytest

from chalicelib.auth.secrets import operator_key_name
from chalicelib.auth.tokens import mint
from chalicelib.storage.keys import deployment_audit
from chalicelib.storage.operator_keys import SCOPES
from dev.run.operator_keys import OperatorKeys, WrongKey, lines
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all


@pytest.fixture
def keys(services, secretsmanager):
    """Reach the keys of a deployment, which has its first one."""
    return OperatorKeys(services.table, secretsmanager, "passerelle/test")


def text(seed):
    """Make the text of a key."""
    return mint("op", Random(seed)).text  # noqa: S311 - nobody's key


def test_a_deployment_has_a_first_key_that_may_do_everything(keys):
    """And keeps it: what is deployed again makes no other."""
    assert keys.provide(lambda: text(1)) == OPERATOR_KEY
    assert [(key.name, set(key.scopes)) for key in keys.list()] == [("first", set(SCOPES))]


def test_without_a_usable_key_another_first_one_is_made(keys):
    """All were revoked, or their secrets are lost."""
    keys.create(text(2), "billing", ["changes"])
    for key in keys.list():
        keys.revoke(key.id)

    assert keys.provide(lambda: text(3)) == text(3)


def test_a_list_shows_no_text_of_a_key(keys):
    """Its end helps to tell keys apart."""
    made = text(4)
    key = keys.create(made, "billing", ["changes", "directory:read"])

    shown = "\n".join(lines(keys.list()))

    assert f"{key.id}  live" in shown
    assert "changes,directory:read  billing" in shown
    assert made.split("_")[3] not in shown


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("", ["changes"]),
        (" x", ["changes"]),
        ("x\ny", ["changes"]),
        ("psl_op_\u200b", ["changes"]),
        ("x" * 65, ["changes"]),
        ("x", []),
        ("x", ["changes", "changes"]),
        ("x", ["root"]),
        ("x", ["Changes"]),
    ],
)
def test_a_key_has_a_name_and_known_scopes(keys, name, scopes):
    """Nothing is made otherwise."""
    with pytest.raises(WrongKey):
        keys.create(text(5), name, scopes)

    assert len(keys.list()) == 1


def test_a_revoked_key_stays_in_the_list_and_its_secret_goes(keys, secretsmanager):
    """Revoking it again is not an error."""
    key = keys.create(text(6), "billing", ["changes"])

    keys.revoke(key.id)
    keys.revoke(key.id)

    assert [each.state for each in keys.list() if each.id == key.id] == ["revoked"]
    names = [each["Name"] for each in secretsmanager.list_secrets()["SecretList"]]
    assert operator_key_name("passerelle/test", key.id) not in names


@pytest.mark.parametrize("key_id", ["", "0" * 12, "A#ORG", "first"])
def test_a_key_that_is_not_there_cannot_be_revoked(keys, key_id):
    """A mistyped id is told, and nothing is written."""
    with pytest.raises(WrongKey):
        keys.revoke(key_id)


def test_the_audit_of_the_deployment_tells_of_keys(keys, services):
    """When each was made and revoked, and with which scopes."""
    key = keys.create(text(7), "billing", ["changes"])
    keys.revoke(key.id)

    pk = deployment_audit().pk
    items = [each for found, each in read_all(services.table).items() if found.pk == pk]
    told = {(each["action"], each["target"]) for each in items}
    assert {("operator_key.created", key.id), ("operator_key.revoked", key.id)} < told
