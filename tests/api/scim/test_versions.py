"""Versions over HTTP: what an ETag tells apart, what If-Match guards, when lastModified moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app import build
from tests.support.builders import scim_client
from tests.support.faults import FaultyClient, first, unharmed

RENAME = {"op": "replace", "path": "displayName", "value": "Other"}


def add(scim, gid, uids, **headers):
    """Add members to a group."""
    operation = {"op": "add", "path": "members", "value": [{"value": uid} for uid in uids]}
    return scim("PATCH", f"/Groups/{gid}", {"Operations": [operation]}, headers=headers)


def remove(scim, gid, uid):
    """Remove a member from a group."""
    operation = {"op": "remove", "path": f'members[value eq "{uid}"]'}
    return scim("PATCH", f"/Groups/{gid}", {"Operations": [operation]})


def a_group(scim, name="Tour", uids=()):
    """Create a group; returns the id."""
    members = [{"value": uid} for uid in uids]
    return scim("POST", "/Groups", {"displayName": name, "members": members}).body["id"]


def tag(scim, path):
    """Read a resource's ETag, which its body must have too."""
    read = scim("GET", path)
    if "meta" in read.body:
        assert read.body["meta"]["version"] == read.headers["etag"]
    return read.headers["etag"]


# --- a user's ETag ----------------------------------------------------------------------------


def test_a_users_etag_differs_where_the_groups_in_the_body_do(scim):
    """None, one, two, a renamed one, none again: five bodies, and the first is the last."""
    uid = scim.a_user()["id"]
    one, two = a_group(scim, "One"), a_group(scim, "Two")
    steps = [
        lambda: None,
        lambda: add(scim, one, [uid]),
        lambda: add(scim, two, [uid]),
        lambda: scim("PATCH", f"/Groups/{two}", {"Operations": [RENAME]}),
        lambda: remove(scim, one, uid),
        lambda: scim("DELETE", f"/Groups/{two}"),
    ]
    tags = []
    for step in steps:
        step()
        tags.append(tag(scim, f"/Users/{uid}"))

    assert len(set(tags)) == len(tags) - 1
    assert tags[0] == tags[-1] == 'W/"1"'
    assert all(each.startswith('W/"1.') for each in tags[1:-1])


@pytest.mark.parametrize("query", ["?excludedAttributes=groups", "?attributes=userName"])
def test_a_body_without_groups_has_the_version_alone(scim, query):
    """Whatever groups the user is in."""
    uid = scim.a_user()["id"]
    a_group(scim, "One", [uid])

    assert tag(scim, f"/Users/{uid}{query}") == 'W/"1"'


def test_a_get_after_joining_a_group_is_not_304(scim):
    """The version of before, with If-None-Match; lastModified stays the user's own."""
    created = scim.a_user()
    uid, meta = created["id"], created["meta"]
    before = {"if-none-match": meta["version"]}
    assert scim("GET", f"/Users/{uid}", headers=before).status == 304

    a_group(scim, "One", [uid])
    read = scim("GET", f"/Users/{uid}", headers=before)

    assert (read.status, read.body["meta"]["lastModified"]) == (200, meta["lastModified"])
    after = {"if-none-match": read.headers["etag"]}
    assert scim("GET", f"/Users/{uid}", headers=after).status == 304


MATCHES = {
    "the version alone": ('W/"1"', True),
    "as the body with groups has it": ("as read", True),
    "with other groups": ('W/"1.0123456789abcdef"', True),
    "strong": ('"1"', True),
    "one of several": ('W/"7", W/"1"', True),
    "any": ("*", True),
    "another version": ('W/"2"', False),
    "another version with groups": ('W/"2.0123456789abcdef"', False),
    "one that begins so": ('W/"11"', False),
}


@pytest.mark.parametrize("name", MATCHES)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_compares_a_users_version_up_to_the_dot(scim, name, method):
    """Joining a group does not change the user, and both forms of the version are accepted."""
    user = scim.a_user()
    path, body = f"/Users/{user['id']}", {"userName": "ada", "title": "Countess"}
    a_group(scim, "One", [user["id"]])
    header, matches = MATCHES[name]
    header = tag(scim, path) if header == "as read" else header
    bodies = {"PUT": body, "PATCH": {"Operations": [{"op": "add", "value": {"title": "Lady"}}]}}

    response = scim(method, path, bodies.get(method), headers={"if-match": header})

    assert (response.status < 300) is matches, response.status
    assert matches or response.status == 412


def test_lists_have_the_version_of_what_they_show(scim):
    """The same as a GET, with groups and without."""
    uid = scim.a_user()["id"]
    a_group(scim, "One", [uid])

    for query in ("", "?excludedAttributes=groups"):
        (listed,) = scim("GET", f"/Users{query}").body["Resources"]
        assert listed["meta"]["version"] == tag(scim, f"/Users/{uid}{query}")


# --- a group's --------------------------------------------------------------------------------


def between(services, context, action):
    """Return a client whose first transaction is sent after `action`."""
    return meeting(services, context, "transact_write_items", [first(action)])


def meeting(services, context, call, faults):
    """Return a client whose calls of one name meet faults, one each."""
    client = FaultyClient(services.table.client, faults={call: faults})
    app = build(replace(services, table=replace(services.table, client=client)))
    return scim_client(app, context.connection, context.token)


CHANGES = {
    "add": {"op": "add", "path": "members"},
    "replace": {"op": "replace", "path": "members"},
    "rename": RENAME,
}


@pytest.mark.parametrize("name", CHANGES)
def test_of_two_patches_with_one_if_match_one_succeeds(scim, services, context, name):
    """The other is 412, though both were sent while the version was the current one."""
    ada, bob = scim.a_user("ada")["id"], scim.a_user("bob")["id"]
    gid = a_group(scim)
    version = {"if-match": tag(scim, f"/Groups/{gid}")}
    mine = {"value": [{"value": bob}], **CHANGES[name]}
    other = between(services, context, lambda: add(scim, gid, [ada], **version))

    response = other("PATCH", f"/Groups/{gid}", {"Operations": [mine]}, headers=version)

    assert response.status == 412
    read = scim("GET", f"/Groups/{gid}").body
    assert (read["displayName"], [each["value"] for each in read["members"]]) == ("Tour", [ada])


SAME_NAME: dict[str, Any] = {
    "PATCH": lambda uid: {
        "Operations": [
            {"op": "replace", "path": "displayName", "value": "Tour"},
            {"op": "add", "path": "members", "value": [{"value": uid}]},
        ]
    },
    "PUT": lambda uid: {"displayName": "Tour", "members": [{"value": uid}]},
}


@pytest.mark.parametrize("method", SAME_NAME)
def test_a_name_that_the_group_has_is_kept_from_a_rename_meanwhile(scim, services, context, method):
    """What the request found unchanged is part of what it asks for, as its members are."""
    ada, gid = scim.a_user("ada")["id"], a_group(scim)
    rename = {"Operations": [RENAME]}
    other = between(services, context, lambda: scim("PATCH", f"/Groups/{gid}", rename))

    other(method, f"/Groups/{gid}", SAME_NAME[method](ada))

    read = scim("GET", f"/Groups/{gid}").body
    assert (read["displayName"], [each["value"] for each in read["members"]]) == ("Tour", [ada])


@pytest.mark.parametrize("count", [1, 32, 40], ids=["one", "a transaction", "several"])
def test_last_modified_of_a_group_moves_with_its_members(scim, services, manual_clock, count):
    """In one transaction or in several; a PATCH that changes nothing leaves it."""
    uids = [scim.a_user(f"user{number}")["id"] for number in range(count)]
    gid = a_group(scim)
    created = scim("GET", f"/Groups/{gid}").body["meta"]
    manual_clock.advance(minutes=5)

    add(scim, gid, uids)
    changed = scim("GET", f"/Groups/{gid}").body["meta"]
    manual_clock.advance(minutes=5)
    add(scim, gid, uids)

    assert changed["lastModified"] >= "2027-01-31T12:05" > created["lastModified"]
    assert changed["version"] != created["version"]
    assert scim("GET", f"/Groups/{gid}").body["meta"] == changed


# --- deleted before the response ----------------------------------------------------------------


def test_a_patch_whose_group_is_deleted_before_the_response_is_done(scim, services, context):
    """204: a 404 would say that nothing has happened, and the feed has the change."""
    gid = a_group(scim)
    deleted = first(lambda: scim("DELETE", f"/Groups/{gid}"))
    other = meeting(services, context, "get_item", [unharmed, deleted])

    body = {"Operations": [{"op": "replace", "path": "displayName", "value": "Other"}]}
    assert other("PATCH", f"/Groups/{gid}?attributes=displayName", body).status == 204


def test_a_large_group_that_is_deleted_before_the_response_was_created(scim, services, context):
    """201, with the group as it was created."""
    uids = [scim.a_user(f"user{number}")["id"] for number in range(33)]
    found = lambda: scim("GET", "/Groups").body["Resources"]  # noqa: E731 - used once
    deleted = first(lambda: [scim("DELETE", f"/Groups/{each['id']}") for each in found()])
    other = meeting(services, context, "get_item", [unharmed, deleted])
    body = {"displayName": "Tour", "members": [{"value": uid} for uid in uids]}

    created = other("POST", "/Groups", body)
    assert (created.status, len(created.body["members"])) == (201, 33)
