"""Items of a later release: rejected with a clear error, never overwritten, left by the sweeper."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.storage.keys import ConnectionKeys, Key
from chalicelib.storage.records import SCHEMA, schema_of
from chalicelib.sweeper import sweep_due
from dev.measure.scene import write
from tests.support.every_request import members, operations
from tests.support.invariants import read_all

TITLE = {"Operations": [{"op": "add", "path": "title", "value": "T"}]}
RENAME = {"Operations": [{"op": "replace", "path": "displayName", "value": "New"}]}

# What is of a later release, and the requests that meet it.
REQUESTS: Any = {
    "GET a user": ("user", "GET", "/Users/{user}", None),
    "list users": ("user", "GET", "/Users", None),
    "look a user up": ("user", "GET", '/Users?filter=userName eq "ada"', None),
    "PATCH a user": ("user", "PATCH", "/Users/{user}", TITLE),
    "PUT a user": ("user", "PUT", "/Users/{user}", {"userName": "ada", "title": "T"}),
    "DELETE a user": ("user", "DELETE", "/Users/{user}", None),
    "GET a group": ("group", "GET", "/Groups/{group}", None),
    "list groups": ("group", "GET", "/Groups", None),
    "rename a group": ("group", "PATCH", "/Groups/{group}", RENAME),
    "replace members": ("group", "PUT", "/Groups/{group}", {"displayName": "x", "members": []}),
    "DELETE a group": ("group", "DELETE", "/Groups/{group}", None),
}


@pytest.fixture
def made(scim, services, context):
    """Make a user and a group; gives their ids, and this release reads them again in the end."""
    user = scim.a_user("ada")["id"]
    group = scim("POST", "/Groups", {"displayName": "Tour", "members": members(user)}).body["id"]
    ids = {"user": user, "group": group}
    yield ids
    for key in _keys(context, ids).values():
        renumber(services, key, SCHEMA)


def renumber(services, key: Key, number: int) -> None:
    """Give an item another number of the schema."""
    write(services.table, [{**read_all(services.table)[key], "sv": number}])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_needs_an_item_of_a_later_release_is_503(
    services, context, scim, made, name
):
    """Before, 500 or nonsense, and a change wrote the older number over it."""
    what, method, path, body = REQUESTS[name]
    keys = _keys(context, made)
    renumber(services, keys[what], SCHEMA + 1)

    response = scim(method, path.format(**made), body)

    assert response.status == 503
    assert "later release" in response.body["detail"]
    assert response.headers["retry-after"]
    assert schema_of(read_all(services.table)[keys[what]]) == SCHEMA + 1


def test_adding_a_member_keeps_the_number_of_a_later_release(services, context, scim, made):
    """It reads nothing, and counts only."""
    keys = _keys(context, made)
    renumber(services, keys["group"], SCHEMA + 1)
    bob = scim.a_user("bob")["id"]

    scim("PATCH", f"/Groups/{made['group']}", operations(members(bob)))

    item = read_all(services.table)[keys["group"]]
    assert (schema_of(item), item["n"]) == (SCHEMA + 1, 2)


@pytest.mark.parametrize("more", [{"sv": SCHEMA + 1}, {"change_type": "of a later release"}])
def test_the_sweeper_leaves_a_pending_change_of_a_later_release(services, context, more):
    """It says so, goes on with the others, and does not try."""
    connection = ConnectionKeys(context.connection)
    pending = [connection.pending_change_id("2027-01-31", f"{number}") for number in (1, 2)]
    keys = [connection.pending_change(each) for each in pending]
    known = {"change_type": "recount members", "target": "nobody", "sv": SCHEMA}
    items = [{**known, "PK": key.pk, "SK": key.sk} for key in keys]
    write(services.table, [{**items[0], **more}, items[1]])

    sweep_due(services)

    found = read_all(services.table)
    assert [key in found for key in keys] == [True, False]
    write(services.table, [{**items[0], **known}])
    sweep_due(services)


def _keys(context, made) -> dict[str, Key]:
    connection = ConnectionKeys(context.connection)
    return {"user": connection.user(made["user"]), "group": connection.group(made["group"])}
