"""Create, read and change users; unique names, versions and If-Match."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.directory import users
from chalicelib.errors import Busy, NotFound, PreconditionFailed
from chalicelib.scim.errors import Uniqueness
from chalicelib.storage.directory_items import User
from chalicelib.storage.records import from_item
from tests.support.directory import (
    NOBODY,
    a_document,
    a_group,
    a_user,
    between,
    by,
    changes,
    connection_context,
    edit,
    find_users,
    ids,
)
from tests.support.faults import FaultyClient, conflicting, throttled
from tests.support.invariants import read_all


def stored(context, uid):
    """Return a user's item."""
    return from_item(User, context.items.get(context.keys.user(uid)))


def test_a_created_user_is_read_as_it_was_sent(context):
    """Nothing is trimmed, folded or reordered."""
    document = a_document("Zoë", title=" Dr\n", nickName="\u212a")

    created = users.create(context, document)

    assert created.items() >= document.items()
    assert users.get(context, created["id"]) == created


def test_a_created_user_has_meta_and_a_version(context):
    """RFC 7643 section 3.1; the location is where the user can be read."""
    created = users.create(context, a_document("ada"))

    meta = created["meta"]
    assert meta["version"] == 'W/"1"'
    assert meta["location"] == f"{context.base_url}/Users/{created['id']}"
    assert meta["created"] == meta["lastModified"] == "2027-01-31T12:00:00.000Z"


def test_a_user_is_active_by_default(context):
    """Okta's first POST does not contain `active`."""
    assert users.create(context, a_document("ada"))["active"] is True
    assert users.create(context, a_document("bob", active=False))["active"] is False


def test_the_default_role_at_creation_is_stored(context):
    """A later change of the default does not affect existing users."""
    uid = a_user(context)

    assert stored(context, uid).granted_role == "reader"


def test_a_change_keeps_the_role_that_was_stored_at_creation(context):
    """PUT and PATCH do not give the current default role to existing users."""
    uid = a_user(context)

    edit(replace(context, default_role="editor"), uid, title="Countess")

    assert stored(context, uid).granted_role == "reader"


NAMES_IN_USE = ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@Example.com"]


@pytest.mark.parametrize("name", NAMES_IN_USE)
def test_a_user_name_is_unique_in_any_letter_case(context, name):
    """RFC 7643 section 4.1.1: userName is caseExact false and unique."""
    a_user(context, "ada")

    with pytest.raises(Uniqueness, match="userName"):
        users.create(context, a_document("bob", userName=name))


EQUAL = [("\u212aelvin", "kelvin"), ("STRAẞE", "straße"), ("οδος", "ΟΔΟΣ"), ("e\u0301", "É")]


@pytest.mark.parametrize(("first", "second"), EQUAL)
def test_a_name_that_a_filter_finds_is_rejected(context, first, second):
    """Both fold to the same key: the first user keeps the name."""
    uid = a_user(context, userName=first)

    with pytest.raises(Uniqueness):
        users.create(context, a_document("other", userName=second))
    assert ids(find_users(context, f'userName eq "{second}"')) == [uid]


DIFFERENT = [("straße", "strasse"), ("STRASSE", "straße"), ("ﬁona", "fiona"), ("ŉa", "ʼna")]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_a_name_that_a_filter_tells_apart_is_another_user(context, first, second):
    """Else a POST is 409 for ever while the look-up finds nobody."""
    one, other = a_user(context, userName=first), a_user(context, userName=second)

    assert ids(find_users(context, f'userName eq "{first}"')) == [one]
    assert ids(find_users(context, f'userName eq "{second}"')) == [other]


def test_users_may_share_an_external_id_and_an_address(context):
    """RFC 7643 does not require them to be unique; Microsoft's Postman collection reuses both."""
    shared = {"externalId": "1", "emails": [{"value": "team@example.com"}]}
    one, other = a_user(context, "ada", **shared), a_user(context, "bob", **shared)

    assert ids(find_users(context, 'externalId eq "1"')) == sorted([one, other])
    assert ids(find_users(context, 'emails eq "TEAM@example.com"')) == sorted([one, other])


def test_a_name_used_in_another_connection_is_free(context):
    """Names are unique within a connection."""
    other = connection_context(context.items.table, "abcdefghijzzzzzz")
    a_user(context, "ada")

    created = users.create(other, a_document("ada"))

    with pytest.raises(NotFound):
        users.get(context, created["id"])


def test_a_failed_create_writes_nothing(context):
    """All or nothing: no look-up item, no count, no change item."""
    a_user(context, "ada")
    before = read_all(context.items.table)

    with pytest.raises(Uniqueness):
        users.create(context, a_document("bob", userName="ada@example.com"))

    assert read_all(context.items.table) == before


# --- changes ----------------------------------------------------------------------------------


def test_a_change_raises_the_version_and_the_time(context, manual_clock):
    """RFC 7644 section 3.14: a new state has a new version."""
    uid = a_user(context)
    manual_clock.advance(seconds=5)

    changed = edit(context, uid, title="Countess")

    assert changed["title"] == "Countess"
    assert changed["meta"]["version"] == 'W/"2"'
    assert changed["meta"]["lastModified"] == "2027-01-31T12:00:05.000Z"
    assert users.get(context, uid) == changed


def test_a_change_of_nothing_writes_nothing(context, manual_clock):
    """Identity providers repeat a request every 40 minutes: no write, no new version, no change."""
    uid = a_user(context)
    before = read_all(context.items.table)
    manual_clock.advance(seconds=5)

    unchanged = edit(context, uid, userName="ada@example.com")

    assert unchanged["meta"]["version"] == 'W/"1"'
    assert read_all(context.items.table) == before


def test_a_renamed_user_frees_their_old_name(context):
    """After a marriage the old name can be given to a new colleague."""
    uid = a_user(context, "ada")

    edit(context, uid, userName="byron@example.com")

    assert ids(find_users(context, 'userName eq "byron@example.com"')) == [uid]
    assert find_users(context, 'userName eq "ada@example.com"').total == 0
    users.create(context, a_document("ada"))


def test_a_rename_of_letter_case_alone_is_a_change(context):
    """Both names have the same key, which may occur in a transaction only once."""
    uid = a_user(context, "ada")

    changed = edit(context, uid, userName="ADA@example.com")

    assert changed["userName"] == "ADA@example.com"
    assert ids(find_users(context, 'userName eq "ada@example.com"')) == [uid]


def test_a_rename_to_a_name_in_use_is_rejected(context):
    """Both users stay as they were."""
    a_user(context, "ada")
    uid = a_user(context, "bob")
    before = read_all(context.items.table)

    with pytest.raises(Uniqueness, match="userName"):
        edit(context, uid, userName="Ada@example.com")

    assert read_all(context.items.table) == before


NEW_EMAILS = {
    "another address": [{"value": "new@example.com"}],
    "one more": [{"value": "ada@example.com"}, {"value": "new@example.com"}],
    "the same in another case": [{"value": "ADA@example.com"}],
    "the same twice": [{"value": "ada@example.com"}, {"value": "Ada@example.com"}],
    "none": [],
    "without a value": [{"type": "work"}],
}


@pytest.mark.parametrize("emails", NEW_EMAILS.values(), ids=NEW_EMAILS)
def test_index_items_follow_the_addresses(context, emails):
    """The invariants compare every look-up item with the documents after the test."""
    uid = a_user(context, "ada")

    assert edit(context, uid, emails=emails)["emails"] == emails


def test_the_largest_number_of_addresses_fits_one_transaction(context):
    """Even if all 20 are replaced in one change."""
    uid = a_user(context, "ada", emails=[{"value": f"{n}@old"} for n in range(20)])

    edit(
        context,
        uid,
        userName="new",
        externalId="new",
        emails=[{"value": f"{n}@new"} for n in range(20)],
    )

    assert ids(find_users(context, 'emails eq "7@new"')) == [uid]


def test_a_change_names_the_attributes_that_differ(context):
    """A change item has the names of attributes, never their values."""
    uid = a_user(context, "ada")

    edit(context, uid, title="Countess", userName="byron", externalId="ada")

    (change,) = [each for each in changes(context, "user") if each["version"] == 2]
    assert change["id"] == uid
    assert change["attributes"] == ["title", "userName"]


def test_membership_does_not_change_a_users_version(context):
    """Otherwise a large group's change would fail the If-Match of all its members."""
    uid = a_user(context)

    a_group(context, uids=[uid])

    assert users.get(context, uid)["meta"]["version"].startswith('W/"1.')
    edit(context, uid, 'W/"1"', title="Countess")


def test_a_user_has_the_groups_they_are_in(context):
    """RFC 7643 section 4.1.2: `groups` is read-only and includes the groups' names."""
    uid = a_user(context)
    gid = a_group(context, "Tour", [uid])

    assert users.get(context, uid)["groups"] == [
        {
            "value": gid,
            "$ref": f"{context.base_url}/Groups/{gid}",
            "display": "Tour",
            "type": "direct",
        }
    ]
    assert "groups" not in users.get(context, uid, with_groups=False)
    assert edit(context, uid, title="x")["groups"] == users.get(context, uid)["groups"]


# --- versions and contention ------------------------------------------------------------------


def test_a_change_with_the_current_version_is_made(context):
    """RFC 7644 section 3.14; the ETag may be weak or strong, one of several, or `*`."""
    uid = a_user(context)

    for number, match in enumerate(['W/"1"', '"2"', 'W/"9", W/"3"', "*"]):
        edit(context, uid, match, title=str(number))

    assert users.get(context, uid)["title"] == "3"


def test_a_change_with_another_version_is_rejected(context):
    """412, and nothing is written."""
    uid = a_user(context)
    before = read_all(context.items.table)

    with pytest.raises(PreconditionFailed):
        edit(context, uid, 'W/"2"', title="Countess")

    assert read_all(context.items.table) == before


def test_a_change_of_an_unknown_user_is_not_found(context):
    """404, even with If-Match: there is no version to compare with."""
    with pytest.raises(NotFound):
        edit(context, NOBODY, title="Countess")
    with pytest.raises(NotFound):
        users.get(context, NOBODY)


def test_a_change_made_meanwhile_is_not_overwritten(context):
    """The condition on the version fails, so the edit is applied again to the new state."""
    uid = a_user(context)

    edit(between(context, 1, lambda: edit(context, uid, title="Dr")), uid, nickName="A")

    assert users.get(context, uid)["title"] == "Dr"
    assert users.get(context, uid)["nickName"] == "A"


def test_of_two_changes_with_one_version_one_is_rejected(context):
    """If-Match succeeds for exactly one of several writers."""
    uid = a_user(context)
    racing = between(context, 1, lambda: edit(context, uid, 'W/"1"', title="first"))

    with pytest.raises(PreconditionFailed):
        edit(racing, uid, 'W/"1"', title="second")

    assert users.get(context, uid)["title"] == "first"


def test_the_same_rename_by_two_requests_is_not_a_conflict(context):
    """409 only if another user has the name; here the same user has it already."""
    uid = a_user(context)
    racing = between(context, 1, lambda: edit(context, uid, userName="byron"))

    assert edit(racing, uid, userName="byron")["userName"] == "byron"
    assert users.get(context, uid)["meta"]["version"] == 'W/"2"'


def test_a_name_given_up_meanwhile_is_logged_as_no_damage(context, caplog):
    """An operator who reads the log is not sent to repair a table that is whole."""
    uid = a_user(context, "ada")

    def meanwhile():
        edit(context, uid, userName="byron")
        a_user(context, "ada")

    edit(between(context, 1, meanwhile), uid, userName="clara")

    assert "the name of a resource belongs to another" not in caplog.messages


def test_contention_until_the_deadline_is_busy(context):
    """503 at the deadline, never 409 or 412."""

    class Contended(FaultyClient):
        def transact_write_items(self, **request):
            return conflicting(request, lambda: None)

    with pytest.raises(Busy):
        users.create(by(context, Contended(context.items.table.client)), a_document("ada"))

    assert find_users(connection_context(context.items.table)).total == 0


def test_busy_does_not_claim_that_nothing_was_changed(context):
    """The write may have succeeded, and only the reads for the response were throttled."""
    uid = a_user(context)
    a_group(context, uids=[uid])

    class WithoutBatches(FaultyClient):
        def batch_get_item(self, **request):
            return throttled(request, dict)

    with pytest.raises(Busy) as caught:
        edit(by(context, WithoutBatches(context.items.table.client)), uid, title="Guide")

    assert users.get(connection_context(context.items.table), uid)["title"] == "Guide"
    assert "nothing" not in caught.value.detail
