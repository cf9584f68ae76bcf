"""Workspaces, roles and verified domains, one by one, beside connections that use them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.errors import Conflict, InvalidFields, NotFound
from chalicelib.organisations import connections, disconnect, organisations, settings
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import verified_domain
from chalicelib.storage.settings_items import Role, Workspace, new_connection_id
from tests.support.builders import (
    a_customer,
    an_admin_context,
    an_organisation,
    audit_entries,
    connection_body,
)
from tests.support.directory import a_user, connection_context
from tests.support.faults import FaultyClient, first
from tests.support.invariants import read_all

ATTIC = Workspace("attic", "Attic")
OWNER = Role("owner", "Owner", may_be_default=True, protected=False)


@pytest.fixture
def admin(services):
    """Make an organisation."""
    return an_organisation(services)


def overtaken(services, admin, action):
    """Bind the organisation so that `action` comes before its next transaction."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [first(action)]
    raced = replace(services, table=replace(services.table, client=client))
    return an_admin_context(raced, admin.keys.organisation)


def a_connection(services, admin, **changes):
    """Create a connection."""
    body = NewConnection.model_validate(connection_body(**changes))
    return connections.create(admin, body, services.settings.plans, None)


PUTS = [
    (settings.put_workspace, ATTIC, lambda whole: ATTIC in whole.workspaces),
    (settings.put_workspace, Workspace("lab", "B"), lambda w: w.workspaces[0].name == "B"),
    (settings.put_role, OWNER, lambda whole: OWNER in whole.roles),
    (settings.put_domain, "a.example", lambda whole: whole.domains == ("a.example",)),
]


@pytest.mark.parametrize(("put", "wanted", "is_there"), PUTS)
def test_what_is_put_is_there_once(admin, put, wanted, is_there):
    """A repetition changes nothing: the version, and so the ETag, names a content."""
    assert put(admin, wanted) == wanted
    after = organisations.get_details(admin)

    put(admin, wanted)

    assert is_there(after)
    assert after.organisation.version == 2
    assert organisations.get_details(admin) == after


DELETES = [
    (settings.delete_workspace, "lab", lambda whole: len(whole.workspaces) == 1),
    (settings.delete_role, "editor", lambda whole: len(whole.roles) == 3),
]


@pytest.mark.parametrize(("delete", "named", "is_gone"), DELETES)
def test_an_unused_setting_is_deleted_once(admin, delete, named, is_gone):
    """The second request finds nothing."""
    delete(admin, named)

    assert is_gone(organisations.get_details(admin))
    with pytest.raises(NotFound):
        delete(admin, named)


USED = [(settings.delete_workspace, "main"), (settings.delete_role, "reader")]


@pytest.mark.parametrize(("delete", "named"), USED)
def test_what_a_connection_uses_cannot_be_deleted_and_the_error_names_it(
    services, admin, delete, named
):
    """The error says where to change it; a disconnected one with users still reads it."""
    used_by = a_connection(services, admin)
    a_user(connection_context(services.table, used_by.id))

    for _ in ("active", "ended"):
        with pytest.raises(Conflict, match=f"`Entra ID` \\({used_by.id}\\)") as rejection:
            delete(admin, named)
        assert rejection.value.members == {"name": "Entra ID", "connection": used_by.id}
        disconnect.end(admin, services.secrets, used_by.id, "keep", None)


@pytest.mark.parametrize(("delete", "named"), USED)
def test_a_connection_that_is_being_deleted_uses_nothing(services, admin, delete, named):
    """Nobody is read by it any more."""
    used_by = a_connection(services, admin)
    disconnect.end(admin, services.secrets, used_by.id, "delete", None)

    delete(admin, named)


def test_a_role_that_is_given_stays_one_that_may_be(services, admin):
    """Otherwise provisioning would assign a protected role; its other fields can be changed."""
    a_connection(services, admin)

    with pytest.raises(Conflict, match="`Entra ID`"):
        settings.put_role(admin, Role("reader", "Reader", may_be_default=False, protected=True))
    settings.put_role(admin, Role("reader", "Leser", may_be_default=True, protected=False))


def test_a_connection_that_comes_first_keeps_its_role(services, admin):
    """Both look at what is there; the organisation's version lets one of them win."""
    raced = overtaken(services, admin, lambda: a_connection(services, admin))

    with pytest.raises(Conflict):
        settings.delete_role(raced, "reader")


def test_a_role_that_goes_first_is_given_by_nobody(services, admin):
    """The other way round: the connection is rejected."""
    made = a_connection(services, admin)
    raced = overtaken(services, admin, lambda: settings.delete_role(admin, "editor"))
    change = ConnectionChanges(default_role="editor")

    with pytest.raises(InvalidFields, match="default_role"):
        connections.change(raced, made.id, change, None)


def test_of_two_puts_at_once_none_is_lost(services, admin):
    """The second one reads again."""
    raced = overtaken(services, admin, lambda: settings.put_role(admin, OWNER))

    settings.put_workspace(raced, ATTIC)

    whole = organisations.get_details(admin)
    assert (OWNER in whole.roles, ATTIC in whole.workspaces) == (True, True)


def test_a_domain_belongs_to_one_organisation(services, admin):
    """Sign-in goes from the address to the organisation; nobody learns whose it is."""
    other = an_organisation(services, domains=["a.example"])

    with pytest.raises(Conflict, match="another organisation"):
        settings.put_domain(admin, "a.example")
    assert organisations.get_details(admin).domains == ()

    settings.delete_domain(other, "A.Example")
    settings.put_domain(admin, "a.example")
    assert admin.items.get(verified_domain("a.example"))["org"] == admin.keys.organisation


NOWHERE = [
    (settings.delete_workspace, "attic"),
    (settings.delete_workspace, "a#b"),
    (settings.delete_role, "x" * 300),
    (settings.delete_domain, "a.example"),
]


@pytest.mark.parametrize(("delete", "named"), NOWHERE)
def test_what_is_not_there_is_not_found(admin, delete, named):
    """What cannot be there never becomes part of a key."""
    with pytest.raises(NotFound):
        delete(admin, named)


CHANGES = [
    lambda admin: settings.put_workspace(admin, ATTIC),
    lambda admin: settings.put_role(admin, OWNER),
    lambda admin: settings.put_domain(admin, "a.example"),
    lambda admin: settings.delete_workspace(admin, "lab"),
    lambda admin: settings.delete_role(admin, "editor"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_put_into_an_organisation_that_is_being_deleted(admin, change):
    """The purge has begun to count; what came after it would stay behind."""
    organisations.delete(admin, None)

    with pytest.raises(Conflict, match="being deleted"):
        change(admin)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noted_in_the_audit(admin, change):
    """The audit entry is written in the transaction of the change."""
    change(admin)

    newest = audit_entries(admin).items[0]
    assert (newest.actor.type, newest.action.partition(".")[2]) in {
        ("operator", "created"),
        ("operator", "deleted"),
    }


def test_a_role_that_comes_or_goes_concerns_all_users(services):
    """Having the role is not an item of the user, so the feed says: read them again."""
    context = a_customer(services)
    before = set(read_all(services.table))

    settings.put_role(context.admin, OWNER)
    settings.delete_role(context.admin, "owner")

    items = read_all(services.table)
    changes = [items[key] for key in sorted(items) if key not in before and "#F#" in key.pk]
    assert [(item["change_type"], item["id"], item["attributes"]) for item in changes] == [
        ("connection", context.connection, ["roles"])
    ] * 2


def test_a_role_comes_and_goes_however_many_connections_there_are(services, admin):
    """Disconnected ones stay and are recorded too; a transaction takes a hundred items."""
    made = a_connection(services, admin)
    item = admin.items.get(admin.keys.connection(made.id))
    ended = [new_connection_id(made.organisation, services.table.clock.random) for _ in range(220)]
    for each in ended:
        values = {name: value for name, value in item.items() if name not in {"PK", "SK"}}
        admin.items.commit([Put(admin.keys.connection(each), values | {"state": "ended"})])

    settings.put_role(admin, OWNER)
    settings.delete_role(admin, "owner")

    changes = [item["id"] for key, item in read_all(services.table).items() if "#F#" in key.pk]
    assert Counter(changes) == Counter({made.id: 3, **dict.fromkeys(ended, 2)})
