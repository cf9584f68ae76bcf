"""The digest: a client computes the same from what it stores, and finds what differs."""

from __future__ import annotations

import hashlib

import pytest

from app import build
from chalicelib.organisations.digest import read_digest
from tests.support.builders import a_customer, scim_client


@pytest.fixture
def context(services):
    """Make an organisation with a connection."""
    return a_customer(services, identity_provider="other")


@pytest.fixture
def path(context):
    """Give the path of the digest."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}/digest"


@pytest.fixture
def digests(operator, path):
    """Read the digest; takes a query."""
    return lambda query="": operator("GET", f"{path}?{query}")


@pytest.fixture
def directory(services, context):
    """Provision forty users, one of them inactive, and two groups of ten."""
    scim = scim_client(build(services), context.connection, context.token)
    uids = [scim("POST", "/Users", {"userName": f"u{n}"}).body["id"] for n in range(40)]
    for name, members in (("first", uids[:10]), ("second", uids[5:15])):
        body = {"displayName": name, "members": [{"value": each} for each in members]}
        assert scim("POST", "/Groups", body).status == 201
    replaced = {"op": "replace", "path": "active", "value": False}
    scim("PATCH", f"/Users/{uids[0]}", {"Operations": [replaced]})
    return scim


def as_a_client(texts):
    """Compute the buckets as docs/events.md tells a client to, by the id and the text of each."""
    buckets = [0] * 256
    for uid, text in texts:
        buckets[int(uid[:2], 16)] ^= int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    return [f"{each:016x}" for each in buckets]


def test_a_client_computes_the_same_from_what_it_has_read(directory, operator, context, path):
    """Users with version and state, groups with version, and who is in which."""
    root = f"/admin/organisations/{context.organisation}"
    users = operator("GET", f"{root}/users").body["items"]
    teams = operator("GET", f"{root}/teams").body["items"]
    found = operator("GET", path).body

    assert found["users"]["buckets"] == as_a_client(
        (u["id"], f"{u['id']}:{u['version']}:{int(u['active'])}") for u in users
    )
    assert found["groups"]["buckets"] == as_a_client(
        (t["id"], f"{t['id']}:{t['version']}") for t in teams
    )
    assert found["memberships"]["buckets"] == as_a_client(
        (u["id"], f"{t['id']}:{u['id']}") for u in users for t in u["teams"]
    )
    counts = [found[each]["count"] for each in ("users", "groups", "memberships")]
    assert (counts, found["next"]) == ([40, 2, 20], None)


@pytest.mark.parametrize(
    ("method", "target", "operation", "differs"),
    [
        ("PATCH", "/Users", {"op": "replace", "path": "title", "value": "Dr"}, {"users"}),
        ("DELETE", "/Users", None, {"users", "memberships"}),
        ("PATCH", "/Groups", {"op": "replace", "path": "displayName", "value": "x"}, {"groups"}),
        ("PATCH", "/Groups", {"op": "remove", "path": "members"}, {"memberships"}),
    ],
)
def test_what_has_changed_differs_and_nothing_else(
    directory, digests, method, target, operation, differs
):
    """So a client reads only the buckets that differ."""
    member = directory("GET", "/Groups").body["Resources"][0]["members"][0]["value"]
    one = member if target == "/Users" else directory("GET", target).body["Resources"][0]["id"]
    before = digests().body
    directory(method, f"{target}/{one}", operation and {"Operations": [operation]})
    after = digests().body

    types = ("users", "groups", "memberships")
    assert {each for each in types if before[each] != after[each]} == differs


def test_a_bucket_lists_its_objects(directory, operator, path):
    """All buckets together are the directory; a longer prefix lists a part."""
    everything = [operator("GET", f"{path}?bucket={n:02x}").body for n in range(256)]
    users = [each for one in everything for each in one["users"]]

    assert len(users) == 40
    assert sum(not each["active"] for each in users) == 1
    assert sum(len(one["memberships"]) for one in everything) == 20
    one = users[0]["id"]
    assert operator("GET", f"{path}?bucket={one[:8]}").body["users"] == [users[0]]


def test_a_large_directory_is_read_in_pages(directory, digests, context):
    """Each bucket is on exactly one page, and the pages together are the whole digest."""
    whole = digests().body["users"]
    pages = [read_digest(context.admin, context.connection, max_objects=10)]
    while first := pages[-1].next_bucket:
        pages.append(read_digest(context.admin, context.connection, first, max_objects=10))

    assert len(pages) > 4
    buckets = zip(*(page.buckets["users"] for page in pages), strict=True)
    assert [[each for each in found if each] for found in buckets] == [
        [each] for each in whole["buckets"]
    ]
    assert sum(page.counts["users"] for page in pages) == whole["count"]


@pytest.mark.parametrize("query", ["bucket=7", "bucket=7G", "bucket=7F", "after=zz", "after=7"])
def test_another_bucket_is_rejected(operator, path, query):
    """It says which digits it expects."""
    response = operator("GET", f"{path}?{query}")

    assert response.status == 400
    assert "hexadecimal" in response.body["detail"]
