"""The feed of changes: complete, at least once, in pages that a consumer follows by cursor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app import build
from chalicelib.organisations import connections
from chalicelib.organisations.inputs import NewConnection
from chalicelib.settings import Plan
from chalicelib.storage.directory_items import Change
from tests.support import directory
from tests.support.builders import (
    a_customer,
    a_second_apart,
    a_session,
    api_client,
    connection_body,
)
from tests.support.clock import NOON
from tests.support.faults import FaultyClient, client_error, first


@pytest.fixture
def scim(scim, manual_clock):
    """Send SCIM requests a second apart."""
    return a_second_apart(scim, manual_clock)


@pytest.fixture
def changes(operator, context):
    """Read a page of the feed; takes a query."""
    root = f"/admin/organisations/{context.organisation}/changes"
    return lambda query="": operator("GET", f"{root}?{query}")


def follow(changes, after="", limit=100):
    """Read the feed to its end; return the changes and the next cursor."""
    seen = []
    while True:
        page = changes(f"after={after}&limit={limit}" if after else f"limit={limit}").body
        seen += page["items"]
        after = page["next"]
        if not page["more"]:
            return seen, after


def a_user(scim, name):
    """Create a user; returns the id."""
    return scim("POST", "/Users", {"userName": name}).body["id"]


def patch(scim, target, **operation):
    """Send a PATCH of one operation."""
    return scim("PATCH", target, {"Operations": [operation]})


def brief(items):
    """Return changes by type, id and attributes."""
    return [(each["type"], each["id"], each["attributes"]) for each in items]


def test_every_type_of_change_is_listed_oldest_first(
    scim, changes, operator, context, manual_clock
):
    """Ids and names of attributes; values are read where they are, with a right to."""
    ann = a_user(scim, "ann")
    team = scim("POST", "/Groups", {"displayName": "team"}).body["id"]
    patch(scim, f"/Groups/{team}", op="add", path="members", value=[{"value": ann}])
    patch(scim, f"/Users/{ann}", op="replace", path="active", value=False)
    manual_clock.advance(seconds=1)
    users = f"/admin/organisations/{context.organisation}/users/{ann}"
    operator("PUT", f"{users}/roles/editor")
    operator("PUT", f"{users}/account", {"id": "7"})
    scim("DELETE", f"/Users/{ann}")

    items, _ = follow(changes)
    assert memberships(items) == [(team, ann, "absent")]
    told = [each for each in items if each["type"] not in {"connection", "membership"}]

    assert brief(told[:3] + told[-1:]) == [
        ("user", ann, ["active", "userName"]),
        ("team", team, ["displayName"]),
        ("user", ann, ["active"]),
        ("user", ann, []),
    ]
    assert [each["version"] for each in told[:3] + told[-1:]] == [1, 1, 2, None]
    assert {(each["type"], each["id"]) for each in told[3:5]} == {("role", ann), ("account", ann)}


def memberships(items):
    """Return the entries of memberships, as (group, user, state)."""
    return [(e["team"], e["user"], e["state"]) for e in items if e["type"] == "membership"]


def replayed(items):
    """Apply the entries of memberships in order; return the (group, user) that are left."""
    present: set[tuple[str, str]] = set()
    for group, user, state in memberships(items):
        (present.add if state == "present" else present.discard)((group, user))
    return present


def test_a_membership_has_an_entry_of_its_own(scim, changes, context):
    """With its state of now; its id is the same when it is told again."""
    ann, bob = a_user(scim, "ann"), a_user(scim, "bob")
    team = scim("POST", "/Groups", {"displayName": "team", "members": [{"value": ann}]}).body["id"]
    patch(scim, f"/Groups/{team}", op="replace", path="members", value=[{"value": bob}])

    created, joined, *moved = follow(changes)[0][-4:]

    assert (created["type"], created["id"], created["version"]) == ("team", team, 1)
    assert memberships([joined]) == [(team, ann, "absent")]
    assert sorted(memberships(moved)) == sorted([(team, ann, "absent"), (team, bob, "present")])
    assert {each["connection"] for each in moved} == {context.connection}
    assert follow(changes)[0][-4:] == [created, joined, *moved]
    assert len({each["id"] for each in (joined, *moved)}) == 3


@pytest.mark.parametrize("limit", [1, 2, 7, 33, 100])
def test_replaying_the_feed_results_in_the_present_memberships(scim, changes, limit):
    """What came and went, one after another, is what is there: also where it is many at once."""
    uids = [a_user(scim, f"u{number}") for number in range(40)]
    team = scim("POST", "/Groups", {"displayName": "team"}).body["id"]
    members = [{"value": uid} for uid in uids]
    patch(scim, f"/Groups/{team}", op="add", path="members", value=members)
    patch(scim, f"/Groups/{team}", op="remove", path="members", value=members[:30])

    items = follow(changes, limit=limit)[0]

    found = scim("GET", f"/Groups/{team}").body["members"]
    assert replayed(items) == {(team, each["value"]) for each in found}
    assert len(memberships(items)) == 70


def test_a_page_may_end_within_a_change(scim, changes):
    """The cursor says after which of its entries."""
    uids = [a_user(scim, f"u{number}") for number in range(5)]
    members = [{"value": uid} for uid in uids]
    scim("POST", "/Groups", {"displayName": "team", "members": members})
    whole = follow(changes)[0]

    for limit in range(1, 9):
        assert follow(changes, limit=limit)[0] == whole


@pytest.mark.parametrize("end", ["the team is deleted", "the user is deleted"])
def test_a_membership_is_absent_when_an_end_of_it_is_gone(scim, changes, end):
    """Though its own entries say nothing of that."""
    ann = a_user(scim, "ann")
    team = scim("POST", "/Groups", {"displayName": "team", "members": [{"value": ann}]}).body["id"]
    scim("DELETE", f"/Groups/{team}" if "team" in end else f"/Users/{ann}")

    assert memberships(follow(changes)[0]) == [(team, ann, "absent")]


def test_two_changes_of_one_membership_end_in_the_truth_in_either_order(
    scim, changes, services, context, manual_clock
):
    """A's add is committed after B's removal and stands before it: its ULID is the older one."""
    ann = a_user(scim, "ann")
    team = scim("POST", "/Groups", {"displayName": "team", "members": [{"value": ann}]}).body["id"]
    adding = {"op": "add", "path": "members", "value": [{"value": ann}]}
    removing = {"op": "remove", "path": f'members[value eq "{ann}"]'}

    def conflict(_request, _send):
        manual_clock.advance(seconds=1)
        patch(scim, f"/Groups/{team}", **removing)
        raise client_error("TransactionConflictException")

    faults = {"transact_write_items": [conflict]}
    between = FaultyClient(services.table.client, faults=faults)
    slowly = replace(services, table=replace(services.table, client=between))
    late = api_client(build(slowly), context.token)
    late("PATCH", f"/scim/v2/{context.connection}/Groups/{team}", {"Operations": [adding]})

    assert replayed(follow(changes)[0]) == {(team, ann)}


def test_connections_are_merged_in_the_order_of_time(services, operator, manual_clock):
    """An organisation's consumer follows one feed, however many connections it has."""
    plans = {"enterprise": Plan(scim=True, max_connections=3)}
    settings = replace(services.settings, plans=plans)
    tenants = several(replace(services, settings=settings))
    for number in range(9):
        manual_clock.advance(seconds=1)
        noted(services, tenants[number % 3], f"{number:032x}")

    items, _ = follow(lambda query="": page_of(operator, tenants[0], query), limit=2)

    assert [int(each["id"], 16) for each in items if each["type"] == "user"] == [*range(9)]


def several(services):
    """Make an organisation with three connections."""
    one = a_customer(services)
    return [one, another(services, one), another(services, one)]


def another(services, context):
    """Make one more connection of an organisation."""
    body = NewConnection.model_validate(connection_body())
    made = connections.create(context.admin, body, services.settings.plans, None)
    return replace(context, connection=made.id)


def noted(services, context, uid):
    """Write a change of a user."""
    scope = directory.connection_context(services.table, context.connection)
    scope.items.commit([scope.change_item(Change("user", uid))])


def page_of(operator, context, query):
    """Read a page of an organisation's feed."""
    return operator("GET", f"/admin/organisations/{context.organisation}/changes?{query}")


def test_the_feed_goes_on_from_now(scim, changes):
    """A new consumer reads all users once, and from then on what changes."""
    a_user(scim, "ann")
    start = changes("after=now").body
    bob = a_user(scim, "bob")

    items, _ = follow(changes, start["next"])

    assert (start["items"], start["more"]) == ([], False)
    assert bob in [each["id"] for each in items]


def test_the_last_minute_comes_again(scim, changes, manual_clock):
    """An item may be committed behind one that has been read: the cursor stays a minute behind."""
    ann = a_user(scim, "ann")
    _, cursor = follow(changes)
    again, cursor = follow(changes, cursor)
    manual_clock.advance(seconds=90)
    _, cursor = follow(changes, cursor)
    later, _ = follow(changes, cursor)

    assert ann in [each["id"] for each in again]
    assert later == []


def test_a_change_that_is_committed_late_is_not_missed(
    services, context, operator, manual_clock, scim
):
    """Its ULID was made when it was first sent; others have been read past it meanwhile."""
    cursor = [page_of(operator, context, "after=now").body["next"]]

    def overtaken():
        manual_clock.advance(seconds=20)
        a_user(scim, "early")
        cursor[0] = follow(lambda query="": page_of(operator, context, query), cursor[0])[1]

    faults = {"transact_write_items": [first(overtaken)]}
    between = FaultyClient(services.table.client, faults=faults)
    slowly = replace(services, table=replace(services.table, client=between))
    slow = api_client(build(slowly), context.token)
    late = slow("POST", f"/scim/v2/{context.connection}/Users", {"userName": "late"}).body["id"]
    items, _ = follow(lambda query="": page_of(operator, context, query), cursor[0])

    assert late in [each["id"] for each in items]


def test_a_leaver_is_in_the_feed_at_once(scim, changes):
    """Within the second: the feed reads up to this moment."""
    ann = a_user(scim, "ann")
    _, cursor = follow(changes)
    scim("DELETE", f"/Users/{ann}")

    items, _ = follow(changes, cursor)

    assert ("user", ann, []) in brief(items)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_join_without_a_gap(scim, changes, manual_clock, limit):
    """Whatever the size of a page, and over days."""
    uids = []
    for number in range(7):
        uids.append(a_user(scim, f"u{number}"))
        manual_clock.advance(hours=9)

    items, _ = follow(changes, limit=limit)

    assert [each["id"] for each in items if each["type"] == "user"] == uids


def test_the_feed_says_since_when_it_is_unbroken(changes):
    """Changes are kept for 90 days."""
    since = (NOON - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    assert changes().body["unbroken_since"] == since


def test_a_cursor_that_is_too_old_is_rejected(changes, manual_clock, scim):
    """A consumer that was away for too long must read everything again; the text says so."""
    _, cursor = follow(changes)
    manual_clock.advance(days=91)
    response = changes(f"after={cursor}")

    assert response.status == 400
    assert "read all users and teams again" in response.body["detail"]


@pytest.mark.parametrize("query", ["after=now", "limit=1"])
def test_a_cursor_from_before_a_restore_is_rejected(
    services, scim, context, operator, manual_clock, query
):
    """The restored table lacks changes that a consumer has seen; also one in the midst of a pass.

    Its cursor lies close to what it has read last, less than the minute that others lie behind.
    """
    a_user(scim, "ann")
    cursor = page_of(operator, context, query).body["next"]
    manual_clock.advance(seconds=10)
    since = NOON + timedelta(seconds=manual_clock.passed)
    restored = replace(services.settings, feed_unbroken_since=since)
    client = api_client(build(replace(services, settings=restored)), operator.credential)

    assert page_of(client, context, f"after={cursor}").status == 400
    assert page_of(client, context, "after=now").status == 200


@pytest.mark.parametrize("after", ["x", "0", "Z" * 26, "7" + "Z" * 25, "'", "0" * 26 + "-"])
def test_a_cursor_that_the_feed_has_not_returned_is_rejected(changes, after):
    """Anything else would begin somewhere."""
    response = changes(f"after={after}")

    assert response.status == 400
    assert response.body["detail"].startswith("after:")


def test_the_feed_is_the_operators(services, context):
    """An organisation's admin sees its users, not the SaaS's feed."""
    admin = api_client(build(services), a_session(services, context.organisation))

    assert page_of(admin, context, "").status == 403
