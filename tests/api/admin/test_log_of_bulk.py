"""A Bulk request in the provisioning log, in the health and in the rate: as many requests (B6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import build
from chalicelib.api.scim.bulk import MAX_LOGGED_IDS
from chalicelib.settings import Plan, Rate
from chalicelib.storage.clock import Clock
from chalicelib.storage.expressions import from_wire, to_wire
from chalicelib.storage.log_entries import LogEntry, LoggedOperation
from chalicelib.storage.records import from_item, to_item
from dev.measure.meter import item_size
from dev.measure.scene import write
from tests.support.builders import scim_client
from tests.support.environment import OPERATOR_KEY
from tests.support.invariants import read_all

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
UNKNOWN = "0" * 32
MOST = 500
# More than a log entry needs: an item may have 400 KB, and each KB of it costs a write unit.
MOST_BYTES = 64_000


@pytest.fixture
def root(context):
    """Return the path of the connection."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}"


@pytest.fixture
def log(operator, root):
    """Read the entries of Bulk requests; takes a query."""

    def entries(query=""):
        found = operator("GET", f"{root}/log?{query}").body["items"]
        return [each for each in found if each["path"] == "/Bulk"]

    return entries


def bulk(scim, operations, **more):
    """Send operations; returns the results."""
    response = scim("POST", "/Bulk", {"schemas": [BULK], "Operations": operations, **more})
    assert response.status == 200, response.body
    return response.body["Operations"]


def create(name, **attributes):
    """Return the operation that creates a user."""
    data = {"userName": name, **attributes}
    return {"method": "POST", "path": "/Users", "bulkId": name, "data": data}


def patch(resource, **operation):
    """Return the operation that changes a resource."""
    return {"method": "PATCH", "path": resource, "data": {"Operations": [operation]}}


def id_in(result):
    """Return the id at the end of a result's location."""
    return result["location"].rpartition("/")[2]


def test_an_entry_lists_each_operation(scim, log):
    """What was sent, and what became of it; the outcome is the worst."""
    ada = scim.a_user("ada")["id"]
    sent = [
        create("bob"),
        create("ADA"),
        patch(f"/Users/{ada}", op="replace", path="title", value="Boss"),
        patch(f"/Users/{ada}", op="replace", path="active", value="maybe"),
        {"method": "DELETE", "path": f"/Users/{UNKNOWN}"},
        {"method": "POST", "path": "/Me", "bulkId": "x", "data": {}},
    ]
    results = bulk(scim, sent)
    (entry,) = log()

    listed = [(each["method"], each["path"], each["status"]) for each in entry["operations"]]
    assert listed == [
        ("POST", "/Users", 201),
        ("POST", "/Users", 409),
        ("PATCH", f"/Users/{ada}", 200),
        ("PATCH", f"/Users/{ada}", 400),
        ("DELETE", "/Users/…", 404),
        ("POST", "/…", 400),
    ]
    ids = [each["id"] for each in entry["operations"]]
    assert ids == [id_in(results[0]), None, ada, ada, None, None]
    scim_types = [each["scim_type"] for each in entry["operations"]]
    assert scim_types == [None, "uniqueness", None, "invalidValue", None, "invalidPath"]
    assert (entry["status"], entry["outcome"], entry["detail"]) == (200, "refused", None)


def test_an_entry_is_found_by_each_user_and_group_that_it_concerns(scim, log):
    """Those of the operations, and the members that moved."""
    ada, eve, other = (scim.a_user(name)["id"] for name in ("ada", "eve", "other"))
    group = scim("POST", "/Groups", {"displayName": "Tour"}).body["id"]
    join = patch(f"/Groups/{group}", op="add", path="members", value=[{"value": eve}])
    results = bulk(scim, [create("bob"), join, {"method": "DELETE", "path": f"/Users/{ada}"}])

    found = [log(f"user={each}") for each in (id_in(results[0]), eve, ada)]
    found += [log(f"group={group}"), log(f"user={other}")]
    assert [len(each) for each in found] == [1, 1, 1, 1, 0]
    assert len(log(f"user={eve}&group={group}&outcome=success")) == 1


def test_a_page_of_large_entries_is_bounded(scim, log, operator, root, services):
    """The response of a Lambda function may have 6 MB: the rest is on the next page."""
    bulk(scim, [{"method": "DELETE", "path": f"/Users/{UNKNOWN}"}] * MOST)
    ((key, item),) = [each for each in read_all(services.table).items() if "#L#" in each[0].pk]
    write(services.table, [item | {"SK": f"{key.sk[:-2]}{number}"} for number in range(10, 31)])

    first = operator("GET", f"{root}/log").body
    second = operator("GET", f"{root}/log?cursor={first['next']}").body
    assert [len(each["items"]) for each in (first, second)] == [20, 2]
    assert {len(each["operations"]) for each in first["items"]} == {MOST}


@pytest.mark.parametrize("status", [200, 400])
def test_the_largest_entry_fits_an_item(status):
    """500 operations and 2,000 ids, none of which is like another."""
    random = Clock().random
    ids = sorted(f"{random.getrandbits(128):032x}" for _ in range(MAX_LOGGED_IDS))
    scim_type = None if status == 200 else "invalidValue"
    operations = [
        LoggedOperation("PATCH", f"/Groups/{each}", status, scim_type, each) for each in ids[:MOST]
    ]
    entry = LogEntry(
        at="2027-01-31T12:00:00.000Z",
        method="POST",
        path="/Bulk",
        status=200,
        token="t",
        duration_ms=4,
        ids=ids,
        operations=tuple(operations),
    )

    assert item_size(to_wire(to_item(entry))) < MOST_BYTES
    assert from_item(LogEntry, from_wire(to_wire(to_item(entry)))) == entry


def test_operations_count_as_requests_in_the_health(scim, operator, root):
    """So that a Bulk with 500 errors is not one success."""
    bulk(scim, [create("bob"), create("BOB"), create("eve")])
    bulk(scim, [create("amy"), create("AMY"), create("zoe")], failOnErrors=1)
    scim("POST", "/Bulk", {"Operations": []})

    health = operator("GET", root).body["health"]
    assert (health["calls_24h"], health["errors_24h"]) == (6, 3)


def test_operations_count_as_requests_in_the_rate(services, context):
    """The next request waits for what they have taken."""
    plans = {"enterprise": Plan(scim=True, rate=Rate(per_second=0.1, burst=10))}
    settings = replace(services.settings, plans=plans)
    app = build(replace(services, settings=settings))
    scim = scim_client(app, context.connection, context.token)
    bulk(scim, [create(f"user{number}") for number in range(12)])
    response = scim("GET", "/Users")

    assert response.status == 429
    assert 25 <= int(response.headers["retry-after"]) <= 30


def test_the_operator_key_reads_what_was_ignored_in_an_operation(scim, log):
    """Names of attributes that no schema has, once each; a key that is no name is not shown."""
    sent = {"departement": "IT", "canary.tweet@example.com": 1, "a key": 2}
    bulk(scim, [create("bob", **sent), create("eve", **sent)])
    scim("POST", "/Users", {"userName": "amy", **sent})

    (entry,) = log()
    assert (entry["ignored"], entry["unnamed"]) == (["departement"], 2)
    assert OPERATOR_KEY not in f"{entry}"
