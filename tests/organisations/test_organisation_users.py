"""Users and groups over all connections of an organisation: lists, searches, look-ups."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.directory import deletes
from chalicelib.errors import BadRequest, NotFound
from chalicelib.organisations import groups, local_users, users
from chalicelib.organisations.paging import FIRST_PAGE, parse_list_cursor
from chalicelib.organisations.users import MAX_SEARCHED, UserQuery
from chalicelib.storage.expressions import Put, Update
from chalicelib.storage.records import to_item
from chalicelib.storage.settings_items import Connection
from tests.support.builders import an_admin_context
from tests.support.directory import NOBODY, a_group, a_user, connection_context, some_users
from tests.support.faults import FaultyClient

NOW = "2027-01-31T12:00:00.000Z"


@pytest.fixture
def admin(context):
    """Administer the organisation."""
    return context.admin


@pytest.fixture
def other(services, context):
    """Make a second connection; bind it as its identity provider does."""
    last = "a" if context.connection[-1] != "a" else "b"
    made = Connection(
        context.connection[:-1] + last, "", "active", "lab", "editor", "okta", NOW, NOW
    )
    context.admin.items.commit([Put(context.admin.keys.connection(made.id), to_item(made))])
    return replace(connection_context(services.table, made.id), default_role="editor")


def mark(admin, context, **attributes):
    """Set attributes of a connection's item."""
    admin.items.commit([Update(admin.keys.connection(context.keys.connection), set=attributes)])


def names(page):
    """Give the userNames on a page, without their domain."""
    return [each.user.document["userName"].partition("@")[0] for each in page.items]


def find(admin, search, size=100):
    """Search users."""
    return users.list_users(admin, UserQuery(size, search=search))


def pretend(scim, kind, number):
    """Count users or groups that do not exist: creating ten thousand takes too long."""
    scim.items.commit([Update(scim.keys.counter(kind, "ff"), add={"n": number})])


def pages(read):
    """Read a list to its end; give its items page by page."""
    found: list[Any] = []
    after: str | None = ""
    while after is not None:
        page = read(after)
        found.append(list(page.items))
        after = page.next_cursor
    return found


def ids(found):
    """Give the ids on all pages."""
    return [each.user.id for page in found for each in page]


# --- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_of_any_size_hold_every_user_of_every_connection_once(admin, scim, other, size):
    """In the order of connections, then of ids."""
    expected = {
        scim.keys.connection: some_users(scim, 3),
        other.keys.connection: some_users(other, 2),
    }

    found = pages(lambda after: users.list_users(admin, UserQuery(size, parse_list_cursor(after))))

    assert ids(found) == [uid for connection in sorted(expected) for uid in expected[connection]]
    assert all(len(page) == size for page in found[:-1])


def test_a_page_is_not_disturbed_by_who_goes(admin, scim):
    """The cursor names the one behind whom it goes on, who need not be there any more."""
    uids = some_users(scim, 4)
    first_page = users.list_users(admin, UserQuery(2))
    deletes.delete_user(scim, uids[1])

    rest = users.list_users(admin, UserQuery(2, parse_list_cursor(first_page.next_cursor or "")))

    assert [each.user.id for each in rest.items] == uids[2:]


def test_a_user_is_listed_with_roles_groups_and_account(admin, scim):
    """One list has all that the SaaS needs to know."""
    uid = a_user(scim)
    gid = a_group(scim, "Tour", [uid])
    local_users.link_account(admin, uid, "4711")

    (person,) = users.list_users(admin, UserQuery(100)).items

    assert [each.id for each in person.groups or ()] == [gid]
    assert [each.role for each in person.roles] == ["reader"]
    assert (person.local.account, person.active) == ("4711", True)


def test_each_user_is_in_the_workspace_of_their_connection(admin, scim, other):
    """With the default role that the connection had."""
    a_user(scim, "ada")
    a_user(other, "bob")

    found = users.list_users(admin, UserQuery(100)).items

    held = {
        (each.user.document["externalId"], each.roles[0].role, each.roles[0].workspace)
        for each in found
    }
    assert held == {("ada", "reader", "main"), ("bob", "editor", "lab")}


def test_users_of_a_connection_that_has_ended_can_be_read(admin, scim):
    """The provider is gone, the people are not."""
    a_user(scim)
    mark(admin, scim, state="ended", after_end="keep")

    (person,) = users.list_users(admin, UserQuery(100)).items

    assert person.active


def test_ended_with_deactivate_they_read_as_inactive(admin, scim):
    """Without a write to any of them."""
    uid = a_user(scim)
    mark(admin, scim, state="ended", after_end="deactivate")

    assert not users.get(admin, uid).active


def test_users_of_a_connection_that_is_being_deleted_are_gone(admin, scim):
    """Though some of their items may still be there."""
    uid = a_user(scim)
    mark(admin, scim, state="deleting")

    assert users.list_users(admin, UserQuery(100)).items == ()
    with pytest.raises(NotFound):
        users.get(admin, uid)


LISTS = [
    lambda admin: users.list_users(admin, UserQuery(100)),
    lambda admin: users.get(admin, NOBODY),
    lambda admin: users.resolve(admin, "email", "ada@example.com"),
    lambda admin: groups.list_groups(admin, 100),
    lambda admin: groups.get(admin, NOBODY),
    lambda admin: groups.list_members(admin, NOBODY, 100),
]


@pytest.mark.parametrize("read", LISTS)
def test_an_organisation_that_is_not_there_has_no_empty_lists(services, read):
    """404, not "nobody"."""
    with pytest.raises(NotFound):
        read(an_admin_context(services))


@pytest.mark.parametrize("named", [NOBODY, "", "short", "A" * 32, f"{'1' * 32}#{'2' * 32}"])
def test_who_is_not_there_is_not_found(admin, scim, named):
    """Whatever the path holds."""
    a_user(scim)

    with pytest.raises(NotFound):
        users.get(admin, named)
    with pytest.raises(NotFound):
        groups.get(admin, named)


CURSORS = [
    "x",
    "a" * 16,
    f"{'a' * 16}.",
    f"{'a' * 16}.{'G' * 32}",
    f"a.{'1' * 32}",
    f"#.{'1' * 32}",
]


@pytest.mark.parametrize("cursor", CURSORS)
def test_a_cursor_is_one_that_the_list_has_given(cursor):
    """Nothing that a client makes up gets into a key."""
    with pytest.raises(BadRequest, match="cursor"):
        parse_list_cursor(cursor)


# --- linked or not ----------------------------------------------------------------------------


@pytest.mark.parametrize("examined", [2, 3, 100])
@pytest.mark.parametrize("linked", [True, False])
def test_those_who_are_linked_and_those_who_are_not_are_found_whole(admin, scim, linked, examined):
    """However many a page looks at: it may then hold fewer and go on."""
    uids = some_users(scim, 7)
    for uid in uids[1:5]:
        local_users.link_account(admin, uid, f"account-{uid}")

    found = pages(
        lambda after: users.list_users(
            admin, UserQuery(2, parse_list_cursor(after), linked=linked, examined=examined)
        )
    )

    assert ids(found) == (uids[1:5] if linked else [uids[0], *uids[5:]])
    assert all(len(page) <= 2 for page in found)


def test_a_user_whose_account_was_removed_is_not_linked(admin, scim):
    """The user's item is still there."""
    uid = a_user(scim)
    local_users.link_account(admin, uid, "4711")
    local_users.link_account(admin, uid, None)

    assert users.list_users(admin, UserQuery(100, linked=True)).items == ()
    assert len(users.list_users(admin, UserQuery(100, linked=False)).items) == 1


# --- searches ---------------------------------------------------------------------------------

ADA = {"name": {"givenName": "Augusta", "familyName": "King-Noel"}, "displayName": "Ada Lovelace"}
SEARCHES = [
    ("ada@example.com", ["ada"]),
    ("ADA@EXAMPLE.COM", ["ada"]),
    ("private@home.example", ["ada"]),
    ("ada@example", []),
    ("nobody@example.com", []),
    ("ad", ["ada"]),
    ("lovelace", []),
    ("Ada Love", ["ada"]),
    ("augu", ["ada"]),
    ("KING", ["ada"]),
    ("zoe", []),
    ("", ["ada", "bob"]),
]


@pytest.mark.parametrize(("search", "expected"), SEARCHES)
def test_a_search_finds_a_whole_address_or_the_beginning_of_a_name(admin, scim, search, expected):
    """A text with an @ is an address: it is looked up, not compared."""
    emails = [{"value": "ada@example.com"}, {"value": "private@home.example"}]
    a_user(scim, "ada", emails=emails, **ADA)
    a_user(scim, "bob")

    assert sorted(names(find(admin, search or None))) == expected


def test_a_search_by_address_does_not_read_all_users(services, admin, scim):
    """Two look-ups find the users who have the address as userName or as e-mail."""
    some_users(scim, 3)
    client = FaultyClient(services.table.client)
    table = replace(services.table, client=client)
    recorded = an_admin_context(replace(services, table=table), admin.keys.organisation)

    find(recorded, "user1@example.com")

    # The settings; the uniqueness item and its user; the look-up item and its user; the local item.
    expected = ["query", "get_item", "query", "query", "query", "batch_get_item"]
    assert client.calls == expected


def test_a_search_goes_on_page_by_page(admin, scim):
    """A cursor means the same there."""
    uids = some_users(scim, 5)

    found = pages(
        lambda after: users.list_users(admin, UserQuery(2, parse_list_cursor(after), "USER"))
    )

    assert ids(found) == uids


def test_above_ten_thousand_users_a_name_search_is_rejected_with_advice(admin, scim):
    """Never a list that is cut, and never a wrongly empty one."""
    a_user(scim)
    pretend(scim, "U", MAX_SEARCHED)

    with pytest.raises(BadRequest, match="10,000"):
        find(admin, "lov")


def test_above_ten_thousand_users_keys_still_find(admin, scim):
    """A userName need not be an address."""
    a_user(scim, "ada", userName="ada")
    pretend(scim, "U", MAX_SEARCHED)

    assert names(find(admin, "ADA")) == ["ada"]
    assert names(find(admin, "ada@example.com")) == ["ada"]
    assert names(find(admin, "bob@example.com")) == []


def test_exactly_ten_thousand_users_can_be_searched(admin, scim):
    """The bound itself is offered."""
    a_user(scim)
    pretend(scim, "U", MAX_SEARCHED - 1)

    assert names(find(admin, "ad")) == ["ada"]


# --- look-ups after a sign-in -----------------------------------------------------------------

RESOLVED = [
    ("user_name", "ADA@example.com", 1),
    ("user_name", "work@example.com", 0),
    ("external_id", "ada", 1),
    ("external_id", "ADA", 0),
    ("email", "Work@Example.com", 1),
    ("email", "ada@example.com", 0),
    ("email", "ada", 0),
]


@pytest.mark.parametrize(("key", "value", "expected"), RESOLVED)
def test_an_assertion_is_resolved_by_the_key_it_names(admin, scim, key, value, expected):
    """ExternalId exactly, names and addresses in whatever letter case."""
    a_user(scim, emails=[{"value": "work@example.com"}])

    assert len(users.resolve(admin, key, value)) == expected


def test_several_matches_are_all_returned(admin, scim, other):
    """Two people may share an address, in one connection or in two."""
    shared = [{"value": "office@example.com"}]
    uids = [a_user(scim, "ada", emails=shared), a_user(scim, "bob", emails=shared)]
    uids.append(a_user(other, "cid", emails=shared))

    found = users.resolve(admin, "email", "office@example.com")

    assert sorted(each.user.id for each in found) == sorted(uids)


@pytest.mark.parametrize("key", ["user_name", "email"])
def test_a_look_alike_is_not_resolved(admin, scim, key):
    """`straße` and `strasse` are two users, each resolved to the one."""
    found = {name: a_user(scim, name) for name in ("strasse", "straße")}

    for name, uid in found.items():
        (resolved,) = users.resolve(admin, key, f"{name.capitalize()}@example.com")
        assert resolved.user.id == uid


# --- groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 100])
def test_teams_are_listed_over_all_connections(admin, scim, other, size):
    """Each with the connection that it came by."""
    expected = {
        (each.keys.connection, a_group(each, f"Team {n}"))
        for each in (scim, other)
        for n in range(2)
    }

    found = pages(lambda after: groups.list_groups(admin, size, parse_list_cursor(after)))

    listed = [(team.connection.id, team.group.id) for page in found for team in page]
    assert listed == sorted(expected)


@pytest.mark.parametrize(
    ("search", "expected"), [("TO", ["Tour"]), ("our", []), ("Tour", ["Tour"])]
)
def test_teams_are_found_by_the_beginning_of_their_name(admin, scim, search, expected):
    """In whatever letter case."""
    a_group(scim, "Tour")
    a_group(scim, "Base")

    found = groups.list_groups(admin, 100, FIRST_PAGE, search).items

    assert [each.group.document["displayName"] for each in found] == expected


def test_above_ten_thousand_teams_only_a_whole_name_finds(admin, scim):
    """The uniqueness item of the name is looked up."""
    a_group(scim, "Tour")
    pretend(scim, "G", MAX_SEARCHED)

    assert len(groups.list_groups(admin, 100, FIRST_PAGE, "tour").items) == 1
    with pytest.raises(BadRequest, match="10,000"):
        groups.list_groups(admin, 100, FIRST_PAGE, "tou")


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_members_of_a_team_are_paged(admin, scim, size):
    """With their roles and accounts, in the order of their ids."""
    uids = some_users(scim, 4)
    gid = a_group(scim, "Tour", uids[:3])

    found = pages(lambda after: groups.list_members(admin, gid, size, after))

    assert ids(found) == uids[:3]
    assert [each.role for each in found[0][0].roles] == ["reader"]


def test_a_member_who_is_just_deleted_is_left_out(services, admin, scim):
    """The membership may be read a moment before the user's item."""
    uids = some_users(scim, 2)
    gid = a_group(scim, "Tour", uids)
    admin.items.table.client.delete_item(
        TableName=services.table.name,
        Key={"PK": {"S": scim.keys.users}, "SK": {"S": uids[0]}},
    )

    assert [each.user.id for each in groups.list_members(admin, gid, 100).items] == uids[1:]


def test_a_cursor_of_members_is_a_users_id(admin, scim):
    """Nothing else gets into the key."""
    gid = a_group(scim, "Tour")

    with pytest.raises(BadRequest, match="cursor"):
        groups.list_members(admin, gid, 100, "x")
