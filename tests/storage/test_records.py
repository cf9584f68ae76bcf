"""The codec: each stored value becomes an item, and the item the same value again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.storage.alert_items import Watched
from chalicelib.storage.audit_entries import AuditEntry
from chalicelib.storage.console_items import ConsoleLink, ConsoleReference, ConsoleSession
from chalicelib.storage.directory_items import Change, Group, Lease, PendingChange, User
from chalicelib.storage.erasure_items import Erasure
from chalicelib.storage.event_items import Batch, Event, FeedHead
from chalicelib.storage.expressions import NEW, Item, Put, Update, equals, from_wire, to_wire
from chalicelib.storage.issuer_keys import SigningKeys
from chalicelib.storage.keys import (
    ConnectionKeys,
    Key,
    OrganisationKeys,
    WebhookKeys,
    console,
    erasure,
    event_batch,
    event_head,
    leaver,
    listened_token,
    operator_key,
    signing_keys,
    watched_connection,
)
from chalicelib.storage.leaver_items import Leaver
from chalicelib.storage.local_users import Assignment, LocalUser
from chalicelib.storage.log_entries import LogEntry
from chalicelib.storage.operator_keys import OperatorKey
from chalicelib.storage.records import (
    RECORDS,
    from_item,
    local_user,
    put_change,
    put_local_user,
    to_item,
    update,
)
from chalicelib.storage.rejected_items import ListenedToken, RejectedRequest
from chalicelib.storage.settings_items import (
    AccessToken,
    Connection,
    ConnectionToken,
    Organisation,
    OrganisationSummary,
    Role,
    Trust,
    Workspace,
)
from chalicelib.storage.webhook_items import (
    DeadLetter,
    Delivery,
    SigningSecret,
    Waiting,
    Webhook,
)

KEYS = ConnectionKeys("abcdefghijklmnop")
ORGANISATION = OrganisationKeys("abcdefghij")
UID, GID = "a1" * 16, "b2" * 16
NOW = "2026-01-31T12:00:00.000Z"
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEASE = Lease("2026-01-31T12:00:30.000Z#abcdefghijklmnop#1", "2026-01-31T12:00:30.000Z")

USER = User(UID, 3, 2, {"userName": "Ada ☂", "active": True}, "reader", NOW, NOW)
GROUP = Group(GID, 3, 2, 7, {"displayName": "Tour"}, NOW, NOW)
CHANGE = Change("membership", GID, at=NOW, ulid="01X", request_id="r", token_id="t")
PENDING = PendingChange("group delete", GID, id=LEASE.change_id)
ENTRY = LogEntry(at=NOW, method="GET", path="/Users", status=200, token="t", duration_ms=4)
ACME = Organisation("abcdefghij", "Acme", "team", "active", NOW, NOW)
CONNECTION = Connection(KEYS.connection, "Okta", "active", "main", "reader", "okta", NOW, NOW)
TOKEN = ConnectionToken("T" * 12, "first", "psl_scim_...abcd", "live", NOW, "operator", NOW)

LINK = ConsoleLink(id="L" * 12, name="Ada", created=NOW, expires=NOW)
SETUP_LINK = replace(LINK, purpose="setup", connection=KEYS.connection, contact="it", generation=2)
SESSION = ConsoleSession(id="S" * 12, name="Ada", created=NOW, expires=NOW, last_used=NOW)
OPERATOR_KEY = OperatorKey("K" * 12, "billing", ("changes",), "live", "psl_op_...abcd", NOW)
AUDIT_ENTRY = AuditEntry(
    at=NOW, actor=SESSION.actor, action="role.created", target="r", after={"n": 1}, ulid="01X"
)

VALUES: dict[str, tuple[Any, Key]] = {
    "a user": (USER, KEYS.user(UID)),
    "a user under a lease": (replace(USER, lease=LEASE), KEYS.user(UID)),
    "a group": (GROUP, KEYS.group(GID)),
    "a group under a lease": (replace(GROUP, lease=LEASE), KEYS.group(GID)),
    "a change without details": (CHANGE, KEYS.change("01X", AT)),
    "a change of attributes": (
        replace(CHANGE, version=2, attributes=["title"]),
        KEYS.change("01X", AT),
    ),
    "a change of members": (
        replace(CHANGE, added=["a1" * 16, "b2" * 16], removed=["c3" * 16]),
        ORGANISATION.change("01X", AT),
    ),
    "a pending change": (PENDING, KEYS.pending_change(PENDING.id)),
    "a pending change of members": (
        replace(PENDING, change_type="members", adds=40, removals=0),
        KEYS.pending_change(PENDING.id),
    ),
    "a log entry": (ENTRY, KEYS.log_entry("01X", AT)),
    "a log entry with everything": (
        replace(
            ENTRY,
            scim_type="invalidValue",
            detail="x: expected a string.",
            target=UID,
            ids=[UID, GID],
            before={"active": True},
            ignored=["shoe"],
            unnamed=2,
            advice=["members_kept"],
            after={"active": False},
        ),
        KEYS.log_entry("01X", AT),
    ),
    "a local user without roles": (LocalUser(UID, 1), KEYS.local(UID)),
    "a local user with no role at all": (LocalUser(UID, 2, roles=()), KEYS.local(UID)),
    "a local user with roles": (
        LocalUser(UID, 3, roles=(Assignment("reader"), Assignment("editor", "lab"))),
        KEYS.local(UID),
    ),
    "a linked local user": (
        LocalUser(UID, 4, account="4711", password_set_at=NOW),
        KEYS.local(UID),
    ),
    "an organisation": (ACME, ORGANISATION.own_item),
    "an organisation with a reference": (
        replace(
            ACME,
            reference="42",
            sso={"provider": "entra", "forced": True},
            version=3,
            authentication=["federated"],
        ),
        ORGANISATION.own_item,
    ),
    "an organisation of the list": (ACME.summary, ORGANISATION.list_item()),
    "a workspace": (Workspace("main", "Main"), ORGANISATION.workspace("main")),
    "a role": (
        Role("r", "Reader", may_be_default=True, protected=False),
        ORGANISATION.role("r"),
    ),
    "a connection": (CONNECTION, ORGANISATION.connection(KEYS.connection)),
    "a connection that has ended": (
        replace(
            CONNECTION,
            settings={"unknown_attributes": "strict"},
            version=3,
            tokens_version=2,
            schemas_version=1,
            preset={"put_without_members": "clear", "creates_missing_values": False},
            after_end="keep",
            authentication=("client_secret", "federated"),
            listening_until=NOW,
        ),
        ORGANISATION.connection(KEYS.connection),
    ),
    "a token": (TOKEN, ORGANISATION.token(KEYS.connection, TOKEN.id)),
    "a federated credential": (
        replace(TOKEN, credential_type="federated", trust=Trust("https://i", "sub", "api://a")),
        ORGANISATION.token(KEYS.connection, TOKEN.id),
    ),
    "an access token": (AccessToken("a" * 24, "d" * 64, NOW), KEYS.access_token("a" * 24)),
    "a rejected request": (
        RejectedRequest(
            at=NOW, reason="missing", method="GET", path="/Users", status=401, id="01X"
        ),
        KEYS.rejected_request("01X"),
    ),
    "the end of the feed of events": (FeedHead(7, "a" * 12), event_head()),
    "a batch of events": (
        Batch(
            7,
            "a" * 12,
            "b" * 12,
            (Event("e" * 32, "user", "created", "o" * 10, "c" * 16, UID, NOW, 1, ["active"]),),
        ),
        event_batch(7),
    ),
    "the record of an erasure": (
        Erasure(
            id=f"{'o' * 10}/{UID}",
            organisation="o" * 10,
            user=UID,
            connection="c" * 16,
            ordered=NOW,
            by="operator 1",
            completed=NOW,
            left={"user": 0},
            text="{}",
            signature="c2ln",
            public_key="a2V5",
        ),
        erasure("o" * 10, UID),
    ),
    "what is known of a connection": (
        Watched(
            id="abcdefghijklmnop",
            version=3,
            alerts={"silent": "2027-01-31T12:00:00.000Z"},
            state="active",
            identity_provider="entra",
            last_request="2027-01-31T08:59:00.000Z",
            expected_by="2027-01-31T11:59:00.000Z",
            credential="0123456789ab",
            expires="2028-01-31T12:00:00.000Z",
        ),
        watched_connection("abcdefghijklmnop"),
    ),
    "a webhook": (
        Webhook(
            "w" * 12,
            "https://example.com/",
            "active",
            NOW,
            "7.0.aaaaaaaaaaaa",
            (SigningSecret("s1"), SigningSecret("s2", NOW)),
            types=("user",),
            lease=Lease("change", NOW),
        ),
        WebhookKeys("w" * 12).own_item,
    ),
    "events that wait": (
        Waiting("c/u", ("7.0", "7.1"), NOW, NOW, 2),
        WebhookKeys("w" * 12).waiting("c/u"),
    ),
    "a delivery": (
        Delivery("01X", "e" * 32, NOW, 12, status=204, length=0),
        WebhookKeys("w" * 12).delivery("01X"),
    ),
    "a leaver": (
        Leaver("e" * 32, "abcdefghijklmnop", "u" * 32, NOW, NOW),
        leaver("abcdefghij", "e" * 32),
    ),
    "a dead letter": (
        DeadLetter("01X", "7.0", "c/u", NOW, "e" * 32),
        WebhookKeys("w" * 12).dead_letter("01X"),
    ),
    "a token that is listened for": (
        ListenedToken(KEYS.connection, NOW),
        listened_token("T" * 12),
    ),
    "keys of an issuer": (
        SigningKeys("https://i", {"k": {"kty": "RSA", "n": "x"}}, NOW, NOW),
        signing_keys("https://i"),
    ),
    "an issuer that was never asked": (SigningKeys("https://i"), signing_keys("https://i")),
    "a self-test's token": (TOKEN, ORGANISATION.self_test_token(KEYS.connection, TOKEN.id)),
    "a console link": (LINK, ORGANISATION.console_link(LINK.id)),
    "a setup link": (SETUP_LINK, ORGANISATION.console_link(LINK.id)),
    "a console session": (SESSION, ORGANISATION.console_session(SESSION.id)),
    "what a digest leads to": (ConsoleReference("abcdefghij", LINK.id), console("d")),
    "an operator key": (OPERATOR_KEY, operator_key(OPERATOR_KEY.id)),
    "an audit entry": (AUDIT_ENTRY, ORGANISATION.audit_entry("01X")),
}


def stored(value: Any, key: Key) -> Item:
    """Write a value as the table has it, and read the item back."""
    return from_wire(to_wire({**to_item(value), "PK": key.pk, "SK": key.sk}))


@pytest.mark.parametrize(("value", "key"), VALUES.values(), ids=VALUES)
def test_a_value_is_read_as_it_was_written(value, key):
    """No field gets lost, and None, empty and absent stay three things."""
    assert from_item(type(value), stored(value, key)) == value


def test_every_stored_type_is_tried():
    """A type that is added to the table of records gets its round trip."""
    assert {type(value) for value, _ in VALUES.values()} == RECORDS.keys()


@pytest.mark.parametrize(("value", "key"), VALUES.values(), ids=VALUES)
def test_an_item_has_the_number_of_its_schema(value, key):
    """The next release reads the items of this one and recognises them by it."""
    assert stored(value, key)["sv"] == 2


DOCUMENTS = st.dictionaries(
    st.text(),
    st.recursive(st.text() | st.booleans() | st.integers(), st.lists, max_leaves=5),
)
# DynamoDB keeps 38 digits of a number.
COUNTS = st.integers(0, 10**38 - 1)


@given(DOCUMENTS, COUNTS, COUNTS)
def test_any_document_is_read_as_it_was_written(document, version, joins):
    """The document is kept as the identity provider sent it, character for character."""
    user = replace(USER, document={"active": False} | document, version=version, joins=joins)

    assert from_item(User, stored(user, KEYS.user(UID))) == user


def test_an_attribute_of_a_later_release_is_ignored():
    """Containers of two releases work side by side while one is deployed."""
    item = stored(USER, KEYS.user(UID)) | {"colour": "red"}

    assert from_item(User, item) == USER


def test_an_empty_attribute_is_not_stored():
    """What is stored is paid for."""
    assert not stored(CHANGE, KEYS.change("01X", AT)).keys() & {"version", "attributes", "added"}
    assert "schemas_version" not in stored(CONNECTION, ORGANISATION.connection(CONNECTION.id))


def test_ids_take_sixteen_bytes_each():
    """As text 32 of them would bill another KB."""
    item = to_item(replace(CHANGE, added=["b2" * 16, "a1" * 16]))

    assert item["added"] == bytes.fromhex("a1" * 16 + "b2" * 16)


def test_a_change_expires_after_ninety_days():
    """The partition of its key is its day."""
    put = put_change(CHANGE, KEYS, AT, 0)

    assert put.item["ttl"] == int((AT + timedelta(days=90)).timestamp())
    assert put.key.pk.endswith("#F#2026-01-31")
    assert (put.item["change_type"], put.item["at"]) == ("membership", NOW)


SEPARATE = {
    "a user": (USER, KEYS.user(UID), {"v", "doc", "modified", "sv"}),
    "a group": (GROUP, KEYS.group(GID), {"v", "doc", "sv"}),
}


@pytest.mark.parametrize(("value", "key", "names"), SEPARATE.values(), ids=SEPARATE)
def test_a_change_of_a_resource_writes_no_counter(value, key, names):
    """Memberships are counted by others at the same time; what they wrote must stay."""
    action = update(key, value, equals("v", 3))

    assert {*action.set, *action.remove} == names


def test_a_change_of_a_connection_writes_no_count_of_tokens_unless_asked():
    """A token that is created at the same time counts itself."""
    key = ORGANISATION.connection(CONNECTION.id)
    action = update(key, CONNECTION, equals("version", 1))
    ending = update(key, CONNECTION, equals("version", 1), also=("tokens_version",))

    assert not action.set.keys() & {"tokens_version", "schemas_version"}
    assert ending.set["tokens_version"] == 0


def test_without_a_local_item_nothing_is_set_for_a_user():
    """Their role is the one that they were granted."""
    assert local_user(UID, None) == LocalUser(UID)


def test_a_local_user_is_written_only_as_it_was_read():
    """Of two writes at the same time one starts over."""
    key = KEYS.local(UID)
    first = put_local_user(key, LocalUser(UID), LocalUser(UID, 1, account="4711"))
    second = put_local_user(key, LocalUser(UID, 1, account="4711"), LocalUser(UID, 2))

    assert isinstance(first, Put)
    assert first.condition == NEW
    assert isinstance(second, Update)
    assert second.condition == equals("v", 1)
    assert "account" in second.remove


def test_a_summary_has_the_fields_of_the_list():
    """The list of organisations shows no more of one than this."""
    assert ACME.summary == OrganisationSummary("abcdefghij", "Acme", "team", "active")


def test_a_stored_user_without_active_is_inactive():
    """The first release could store that; a user who should be deactivated must not sign in."""
    item = stored(replace(USER, document={"userName": "Ada"}), KEYS.user(UID))

    assert from_item(User, item).document == {"userName": "Ada", "active": False}
