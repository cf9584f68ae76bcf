"""Which roles are in force, and that nobody but the organisation changes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.directory import deletes
from chalicelib.errors import Conflict, InvalidFields, NotFound
from chalicelib.organisations import assignments, connections, local_users, users
from chalicelib.organisations.assignments import MAX_ASSIGNMENTS
from chalicelib.organisations.inputs import ConnectionChanges
from chalicelib.storage.expressions import Delete, Put, Update
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.local_users import Assignment
from chalicelib.storage.records import to_item
from chalicelib.storage.table import OutsideNamespace
from tests.support.builders import an_admin_context, audit_entries, scim_namespace
from tests.support.directory import NOBODY, a_user
from tests.support.faults import FaultyClient, first
from tests.support.invariants import read_all


@pytest.fixture
def admin(context):
    """Administer the organisation."""
    return context.admin


@pytest.fixture
def uid(scim):
    """Provision a user, who is granted the default role."""
    return a_user(scim)


def held(admin, uid):
    """Tell the roles of a user as (role, workspace, source)."""
    return [(each.role, each.workspace, each.source) for each in users.get(admin, uid).roles]


def roles_and_workspaces(admin, uid):
    """Return a user's roles, granted or assigned."""
    return [(role, workspace) for role, workspace, _ in held(admin, uid)]


def move(admin, connection, workspace):
    """Give a connection another workspace."""
    body = ConnectionChanges.model_validate({"workspace": workspace})
    connections.change(admin, connection, body, None)


def meanwhile(services, admin, action):
    """Administer through a client before whose next transaction something else happens."""
    client = FaultyClient(services.table.client, faults={"transact_write_items": [first(action)]})
    table = replace(services.table, client=client)
    return an_admin_context(replace(services, table=table), admin.keys.organisation)


def change_items(services, change_type):
    """Read the change items of one type in the organisation's own feed."""
    items = [item for key, item in sorted(read_all(services.table).items()) if "#F#" in key.pk]
    return [item for item in items if item["change_type"] == change_type]


# --- what is in force -------------------------------------------------------------------------


def test_who_is_provisioned_has_the_default_role(admin, uid):
    """Without an item: the role granted at the moment of creation."""
    assert held(admin, uid) == [("reader", "main", "default")]


def test_a_later_default_role_is_for_those_who_come_later(admin, context, uid):
    """An admin who changes the default changes nobody's rights."""
    body = ConnectionChanges.model_validate({"default_role": "editor"})
    connections.change(admin, context.connection, body, None)

    assert held(admin, uid) == [("reader", "main", "default")]


def test_the_first_local_role_stands_beside_the_granted_one(admin, uid):
    """Giving one more takes nothing away."""
    assignments.assign(admin, uid, Assignment("editor"))

    assert held(admin, uid) == [("reader", "main", "local"), ("editor", "main", "local")]


def test_the_granted_role_can_be_withdrawn(admin, uid):
    """What is left is an explicit none, not the default again."""
    assignments.withdraw(admin, uid, Assignment("reader"))

    assert held(admin, uid) == []
    assert users.get(admin, uid).local.roles == ()


def test_a_list_replaces_all(admin, uid):
    """Also the role granted at the creation."""
    assignments.replace_all(admin, uid, [Assignment("editor", "lab"), Assignment("admin")])

    assert roles_and_workspaces(admin, uid) == [("editor", "lab"), ("admin", "main")]


def test_an_empty_list_is_an_explicit_none(admin, uid):
    """It stays none whatever the default role is."""
    assignments.replace_all(admin, uid, [])

    assert held(admin, uid) == []


def test_an_account_and_a_password_decide_no_role(admin, uid):
    """The item exists, and the granted role still applies."""
    local_users.link_account(admin, uid, "4711")
    local_users.password_was_set(admin, uid)

    assert held(admin, uid) == [("reader", "main", "default")]


def test_a_role_without_workspace_goes_along_with_the_connection(admin, context, uid):
    """It means the connection's workspace of the moment of reading; a named one stays."""
    assignments.replace_all(admin, uid, [Assignment("reader"), Assignment("editor", "main")])
    move(admin, context.connection, "lab")

    assert roles_and_workspaces(admin, uid) == [("reader", "lab"), ("editor", "main")]


def test_a_role_named_with_and_without_its_workspace_appears_once(admin, uid):
    """Both mean the same, and one withdrawal takes both."""
    assignments.replace_all(admin, uid, [Assignment("editor"), Assignment("editor", "main")])
    assert roles_and_workspaces(admin, uid) == [("editor", "main")]

    assignments.withdraw(admin, uid, Assignment("editor"))
    assert held(admin, uid) == []


GONE = [
    ("R#editor", [Assignment("editor", "lab"), Assignment("reader")]),
    ("W#lab", [Assignment("editor", "lab"), Assignment("reader")]),
]


@pytest.mark.parametrize(("sort_key", "given"), GONE)
def test_what_is_no_longer_there_gives_no_role(admin, uid, sort_key, given):
    """A role or a workspace that the operator has taken away."""
    assignments.replace_all(admin, uid, given)
    admin.items.commit([Delete(admin.keys.own_item._replace(sk=sort_key))])

    assert roles_and_workspaces(admin, uid) == [("reader", "main")]


def test_a_default_role_that_is_no_longer_there_gives_nothing(admin, uid):
    """Nobody has decided otherwise, but what was granted does not exist."""
    admin.items.commit([Delete(admin.keys.role("reader"))])

    assert held(admin, uid) == []


# --- changing them ----------------------------------------------------------------------------

UNKNOWN = [
    ([Assignment("king")], r"roles\[0\].role: there is no such role"),
    ([Assignment("reader"), Assignment("editor", "moon")], r"roles\[1\].workspace: there is no"),
]


@pytest.mark.parametrize(("given", "message"), UNKNOWN)
def test_a_list_names_only_what_is_there(admin, uid, given, message):
    """Each fault is named by its index in the list, and nothing is changed."""
    with pytest.raises(InvalidFields, match=message):
        assignments.replace_all(admin, uid, given)

    assert held(admin, uid) == [("reader", "main", "default")]


def test_an_unknown_role_is_not_found_and_an_unknown_workspace_is_a_fault(admin, uid):
    """The one is named by the path, the other by a parameter."""
    with pytest.raises(NotFound, match="no such role"):
        assignments.assign(admin, uid, Assignment("king"))
    with pytest.raises(InvalidFields, match="workspace: there is no such workspace"):
        assignments.assign(admin, uid, Assignment("reader", "moon"))


def test_a_user_has_no_more_roles_than_an_item_should_hold(services, admin, uid):
    """Every write bills the whole item."""
    item = users.get(admin, uid).local
    many = tuple(Assignment("reader", f"w{number}") for number in range(MAX_ASSIGNMENTS))
    local = to_item(replace(item, version=1, roles=many))
    admin.items.commit([Put(ConnectionKeys(users.get(admin, uid).connection.id).local(uid), local)])

    with pytest.raises(InvalidFields, match="at most 200 roles"):
        assignments.assign(admin, uid, Assignment("editor"))


CHANGES = [
    lambda admin, uid: assignments.assign(admin, uid, Assignment("editor")),
    lambda admin, uid: assignments.withdraw(admin, uid, Assignment("reader")),
    lambda admin, uid: assignments.replace_all(admin, uid, []),
    lambda admin, uid: local_users.link_account(admin, uid, "4711"),
    local_users.password_was_set,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("uid", [NOBODY, "short", "", "#", f"{'1' * 32}#{'2' * 32}"])
def test_nothing_is_said_about_somebody_who_is_not_there(admin, uid, change):
    """No item is left that a later user could inherit."""
    with pytest.raises(NotFound):
        change(admin, uid)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_left_of_a_user_who_went_meanwhile(services, admin, scim, uid, change):
    """The transaction itself checks that the user exists."""
    late = meanwhile(services, admin, lambda: deletes.delete_user(scim, uid))

    with pytest.raises(NotFound):
        change(late, uid)
    assert not [key for key in read_all(services.table) if key.pk.startswith("L#")]


@pytest.mark.parametrize("change", CHANGES)
def test_a_user_who_is_being_deleted_is_not_there_any_more(admin, scim, uid, change):
    """The delete may take long; nothing may be written behind it."""
    lease = {"change_id": "due#connection#1", "expires_at": "2027-01-31T12:00:30.000Z"}
    scim.items.commit([Update(scim.keys.user(uid), set={"lease": lease})])

    with pytest.raises(NotFound):
        change(admin, uid)


@pytest.mark.parametrize("change", CHANGES)
def test_an_organisation_that_is_being_deleted_says_nothing_more(admin, uid, change):
    """Its purge would leave behind what came after it."""
    admin.items.commit([Update(admin.keys.own_item, set={"state": "deleting"})])

    with pytest.raises(Conflict):
        change(admin, uid)


def test_two_withdrawals_at_the_same_time_leave_what_both_meant(services, admin, uid):
    """The later one reads again what the other has left."""
    assignments.replace_all(
        admin, uid, [Assignment(each) for each in ("reader", "editor", "auditor")]
    )
    one = Assignment("editor")
    late = meanwhile(services, admin, lambda: assignments.withdraw(admin, uid, one))

    assignments.withdraw(late, uid, Assignment("auditor"))

    assert roles_and_workspaces(admin, uid) == [("reader", "main")]


def test_two_first_words_at_the_same_time_both_hold(services, admin, uid):
    """Neither finds an item; one must not overwrite the other's."""
    late = meanwhile(services, admin, lambda: assignments.assign(admin, uid, Assignment("editor")))

    assignments.assign(late, uid, Assignment("auditor"))

    held_then = roles_and_workspaces(admin, uid)
    assert held_then == [("reader", "main"), ("editor", "main"), ("auditor", "main")]


# --- what the feed and the audit say ----------------------------------------------------------


def test_a_changed_role_appears_in_the_feed_without_its_value(services, admin, uid):
    """The SaaS reads the user again; what it shall read is in force then."""
    assignments.assign(admin, uid, Assignment("editor"))

    (item,) = change_items(services, "role")
    assert (item["id"], item["attributes"]) == (uid, ["roles"])
    assert "editor" not in str(item)


def test_a_linked_account_appears_in_the_feed(services, admin, uid):
    """Linked and unlinked: twice."""
    local_users.link_account(admin, uid, "4711")
    local_users.link_account(admin, uid, None)

    assert [item["id"] for item in change_items(services, "account")] == [uid, uid]


def test_the_audit_says_who_changed_whose_roles(admin, uid, manual_clock):
    """With the values before and after, the granted role among them."""
    manual_clock.advance(seconds=1)
    assignments.assign(admin, uid, Assignment("editor", "lab"))

    entry = audit_entries(admin).items[0]
    assert (entry.actor.type, entry.action, entry.target) == ("operator", "user.roles_changed", uid)
    assert entry.before == {"roles": [{"role": "reader"}]}
    assert entry.after["roles"][1] == {"role": "editor", "workspace": "lab"}


SAID_AGAIN = [
    lambda admin, uid: assignments.assign(admin, uid, Assignment("editor")),
    lambda admin, uid: assignments.withdraw(admin, uid, Assignment("auditor")),
    lambda admin, uid: local_users.link_account(admin, uid, "4711"),
    local_users.password_was_set,
]


@pytest.mark.parametrize("change", SAID_AGAIN)
def test_what_is_so_already_writes_nothing(services, admin, uid, manual_clock, change):
    """A repeated request is not a second change."""
    assignments.replace_all(admin, uid, [Assignment("editor")])
    local_users.link_account(admin, uid, "4711")
    local_users.password_was_set(admin, uid)
    before = read_all(services.table)
    manual_clock.advance(seconds=1)

    change(admin, uid)

    assert read_all(services.table) == before


# --- out of provisioning's reach --------------------------------------------------------------


def test_provisioning_can_neither_read_nor_write_what_the_organisation_says(services, context, uid):
    """The namespace of a SCIM request rejects it; nothing is sent."""
    items = scim_namespace(services, context.connection)
    key = ConnectionKeys(context.connection).local(uid)
    tries = [
        lambda: items.get(key),
        lambda: items.batch_get([key]),
        lambda: items.commit([Put(key, {"v": 1})]),
        lambda: items.commit([Update(key, set={"v": 1})]),
    ]

    for reach in tries:
        with pytest.raises(OutsideNamespace):
            reach()


def test_of_another_organisation_nothing_can_be_deleted_either(services, context, uid):
    """Provisioning has one verb, and for its own organisation's items only."""
    items = scim_namespace(services, context.connection)

    with pytest.raises(OutsideNamespace):
        items.commit([Delete(ConnectionKeys("b" * 16).local(uid))])
