"""The provisioning log: what an admin sees of the identity provider's requests."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from app import build
from chalicelib.settings import Plan
from tests.support.builders import a_customer, a_second_apart, a_session, api_client, scim_client
from tests.support.environment import OPERATOR_KEY
from tests.support.faults import (
    FaultyClient,
    canceled,
    client_error,
    crash_before,
    fail,
    first,
)
from tests.support.invariants import read_all

CANARY = "canary.tweet@example.com"


@pytest.fixture
def scim(scim, manual_clock):
    """Send SCIM requests a second apart."""
    return a_second_apart(scim, manual_clock)


@pytest.fixture
def log(operator, context):
    """Read the connection's log; takes a query."""
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}/log"
    return lambda query="", **headers: operator("GET", f"{root}?{query}", headers=headers)


def items(log, query=""):
    """Return the entries of a page."""
    return log(query).body["items"]


def a_user(scim, name="ann", **attributes):
    """Create a user; returns the id."""
    return scim("POST", "/Users", {"userName": name, **attributes}).body["id"]


def find(scim, text):
    """Look users up by a filter."""
    return scim("GET", f"/Users?filter={quote(text)}")


def a_team(scim, name, uids=()):
    """Create a group; returns the id."""
    members = [{"value": uid} for uid in uids]
    return scim("POST", "/Groups", {"displayName": name, "members": members}).body["id"]


def add(scim, gid, uid):
    """Add a member to a group."""
    operation = {"op": "add", "path": "members", "value": [{"value": uid}]}
    return scim("PATCH", f"/Groups/{gid}", {"Operations": [operation]})


def test_a_log_entry_has_token_target_and_outcome(scim, log):
    """An admin finds out without the provider's help."""
    uid = a_user(scim, "ann@example.com", active=True)

    (call,) = items(log)

    assert len(call["token_id"]) == 12
    assert call["request_id"]
    assert call | {"at": 0, "duration_ms": 0, "token_id": 0, "request_id": 0} == {
        "at": 0,
        "method": "POST",
        "path": "/Users",
        "status": 201,
        "outcome": "success",
        "scim_type": None,
        "detail": None,
        "token": "first",
        "token_id": 0,
        "request_id": 0,
        "target": uid,
        "ids": [],
        "duration_ms": 0,
        "before": None,
        "after": {"active": True, "userName": "a… (up to 16)"},
        "ignored": [],
        "operations": [],
        "unnamed": 0,
        "advice": [],
    }


def test_a_log_entry_has_the_changed_attributes_before_and_after(scim, log):
    """`active` going from true to false is what an admin looks for."""
    uid = a_user(scim, displayName="Ann")
    change = {"op": "replace", "value": {"active": False, "displayName": "Anna"}}
    scim("PATCH", f"/Users/{uid}", {"Operations": [change]})

    call = items(log)[0]

    assert call["before"] == {"active": True, "displayName": "A… (up to 8)"}
    assert call["after"] == {"active": False, "displayName": "A… (up to 8)"}


def test_an_error_is_logged_as_the_provider_saw_it(scim, log):
    """The provider's own log may be out of the admin's sight."""
    a_user(scim)
    response = scim("POST", "/Users", {"userName": "ANN"})

    call = items(log)[0]

    assert (call["status"], call["outcome"], call["target"]) == (409, "refused", None)
    assert (call["scim_type"], call["detail"]) == ("uniqueness", response.body["detail"])
    assert call["after"] == {"active": True, "userName": "A… (up to 8)"}


def test_the_story_of_a_user_is_every_call_that_met_him(scim, log):
    """Created, looked up, added to a group, deleted: and no other user's."""
    uid, other = a_user(scim), a_user(scim, "bob")
    gid = a_team(scim, "team")
    add(scim, gid, uid)
    add(scim, gid, other)
    find(scim, 'userName eq "ann"')
    scim("DELETE", f"/Users/{uid}")

    story = [(call["method"], call["path"]) for call in items(log, f"user={uid}")]

    assert story == [
        ("DELETE", f"/Users/{uid}"),
        ("GET", '/Users?filter=userName eq "a… (up to 8)"'),
        ("PATCH", f"/Groups/{gid}"),
        ("POST", "/Users"),
    ]


def test_the_log_of_a_group_shows_who_joined_and_left(scim, log):
    """The ids of those who moved, and in which direction."""
    uid = a_user(scim)
    gid = a_team(scim, "team")
    add(scim, gid, uid)
    remove = {"op": "remove", "path": f'members[value eq "{uid}"]'}
    scim("PATCH", f"/Groups/{gid}", {"Operations": [remove]})

    removed, added, created = items(log, f"group={gid}")

    assert (added["ids"], added["after"]) == ([uid], {"members": {"added": 1, "removed": 0}})
    assert (removed["ids"], removed["after"]) == ([uid], {"members": {"added": 0, "removed": 1}})
    assert created["target"] == gid


def test_a_deleted_user_is_in_the_log_of_their_groups_too(scim, log):
    """A group that shrinks without a request of its own would be hard to explain."""
    uid = a_user(scim)
    gid = a_team(scim, "team", [uid])
    scim("DELETE", f"/Users/{uid}")

    call = items(log, f"group={gid}")[0]

    assert (call["method"], call["target"]) == ("DELETE", uid)


def test_at_most_a_hundred_ids_are_kept(scim, log):
    """A group of 10,000 would make a long item; the number says how many they were."""
    uids = [a_user(scim, f"u{number}") for number in range(101)]
    a_team(scim, "team", uids)

    call = items(log)[0]

    assert (len(call["ids"]), call["after"]["members"]["added"]) == (100, 101)


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("outcome=success", [200, 201]),
        ("outcome=refused", [404]),
        ("outcome=failed", []),
        ("from=2027-01-31T12:30:00Z", [200, 404]),
        ("to=2027-01-31T12:30:00Z", [201]),
        ("from=2027-01-31T13:30:00%2B01:00&to=2027-01-31T13:01:00Z", [404]),
        ("from=2027-02-01T00:00:00Z", [200]),
        ("from=2100-01-01T00:00:00Z", []),
        ("from=0001-01-01T00:00:00Z", [200, 404, 201]),
        ("to=1969-12-31T00:00:00Z", []),
    ],
)
def test_log_entries_are_found_by_outcome_and_time(scim, log, manual_clock, query, statuses):
    """Created at noon, not found at one, found the next day."""
    uid = a_user(scim)
    manual_clock.advance(hours=1)
    scim("GET", f"/Users/{'0' * 32}")
    manual_clock.advance(hours=12)
    scim("GET", f"/Users/{uid}")

    assert [call["status"] for call in items(log, query)] == statuses


def test_a_span_that_ends_before_it_begins_is_empty(services, context):
    """DynamoDB rejects such a range, where moto finds nothing in it: it is never sent."""
    between = FaultyClient(services.table.client)
    app = build(replace(services, table=replace(services.table, client=between)))
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}/log"

    for query in ("from=2027-01-31T11:00:00Z&to=2027-01-31T10:00:00Z", "from=2027-01-31T23:00:00Z"):
        response = api_client(app, OPERATOR_KEY)("GET", f"{root}?{query}")
        assert (response.status, response.body["items"], response.body["next"]) == (200, [], None)

    assert "query" not in between.calls


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("outcome=good", "outcome"),
        ("from=yesterday", "from"),
        ("to=0001-01-01T00:00:00%2B14:00", "to"),
        ("user=ann", "user"),
        ("group=team", "group"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ],
)
def test_a_bad_parameter_is_rejected_by_name(log, query, field):
    """An empty page would look like a result."""
    response = log(query)

    assert response.status == 400
    assert response.body["detail"].startswith(f"{field}:")


def test_pages_follow_each_other_over_days(scim, log, manual_clock):
    """Each entry once, the newest first, though more are added meanwhile."""
    for _ in range(7):
        scim("GET", "/Users")
        manual_clock.advance(hours=9)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = log(f"limit=2&cursor={cursor}" if cursor else "limit=2").body
        seen += [call["at"] for call in page["items"]]
        cursor = page["next"]
        scim("GET", "/Users")

    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)


def test_a_search_goes_on_where_it_found_nothing_in_a_month_of_days(
    scim, log, manual_clock, services
):
    """A page reads a bounded number of days; its cursor says that there are more."""
    a_user(scim)
    manual_clock.advance(days=60)
    first = log().body
    second = log(f"cursor={first['next']}").body

    assert (first["items"], len(second["items"])) == ([], 1)


def test_a_page_can_be_had_as_csv(scim, log):
    """For a spreadsheet, which must not take a cell for a formula."""
    a_user(scim, "=cmd()", displayName="-1+1")
    response = log("limit=1", Accept="text/csv")

    (item,) = csv.DictReader(io.StringIO(response.body))

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert (item["method"], item["status"], item["scim_type"]) == ("POST", "201", "")
    assert json.loads(item["after"])["userName"] == "=… (up to 8)"


def test_a_page_can_be_had_as_ndjson_and_says_where_the_next_is(scim, log):
    """The same items as in JSON; the cursor is in the header Link."""
    for _ in range(3):
        scim("GET", "/Users")
    page = log("limit=2").body
    response = log("limit=2", Accept="application/x-ndjson")

    assert [json.loads(line) for line in response.body.splitlines()] == page["items"]
    assert response.headers["link"] == f'<?limit=2&cursor={page["next"]}>; rel="next"'


def test_nothing_that_was_sent_can_be_read_in_the_table_but_where_it_belongs(
    scim, services, context
):
    """A canary's address and token, sent in every place that an entry shows."""
    uid = a_user(scim, CANARY, emails=[{"value": CANARY}])
    agent = {"User-Agent": f"probe {CANARY} {context.token}"}
    find(scim, f'userName eq "{CANARY}"')
    find(scim, f"userName eq {CANARY} and")
    for path in (
        f"/Users?attributes={CANARY}&x={context.token}",
        f"/Users/{quote(CANARY)}",
        f"/Users/{context.token}",
    ):
        scim("GET", path, headers=agent)
    scim("PATCH", f"/Users/{uid}", {"Operations": [{"op": CANARY, "path": f"{CANARY}["}]})
    scim("POST", "/Users", {"userName": CANARY})
    api_client(build(services), context.token[:-1] + "x")(
        "GET", f"/scim/v2/{context.connection}/Users", headers=agent
    )

    told = [item for key, item in read_all(services.table).items() if "#U" not in key.pk]

    assert not [item for item in told if "canary" in str(item)]
    assert not [item for item in told if context.token[-20:] in str(item)]


def test_a_log_that_cannot_be_written_does_not_fail_the_request(services, context, log):
    """One attempt, and the response is sent whether it succeeds or not."""
    between = FaultyClient(services.table.client)
    throttled = fail(client_error("ProvisionedThroughputExceededException"))
    between.faults = {
        "transact_write_items": [without_log],
        "put_item": [throttled],
        "update_item": [throttled],
    }

    response = process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    assert (response.status, between.calls.count("put_item")) == (201, 1)
    assert items(log) == []


def without_log(request, send):
    """The partition of the log is throttled: of all actions that of the entry fails."""
    others = len(request["TransactItems"]) - 1
    raise canceled(*["None"] * others, "ThrottlingError")


def test_a_change_and_its_entry_are_one_transaction(services, context, log):
    """A process that ends after the change has logged it."""
    between = FaultyClient(services.table.client, faults={"put_item": [crash_before]})

    response = process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    (entry,) = items(log)
    assert (entry["status"], entry["target"]) == (201, response.body["id"])
    assert "put_item" not in between.calls


def test_a_change_is_made_without_its_entry_if_that_alone_fails(services, context, log):
    """The entry is written after it."""
    between = FaultyClient(services.table.client, faults={"transact_write_items": [without_log]})

    response = process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    assert between.calls[-3:-1] == ["transact_write_items", "put_item"]
    assert [each["status"] for each in items(log)] == [response.status] == [201]


@pytest.mark.parametrize("count", [32, 49], ids=str)
def test_a_change_of_members_is_logged_once_however_many_there_are(scim, log, count):
    """Also where 100 actions leave no room, and where several transactions are needed."""
    uids = [a_user(scim, f"u{number}") for number in range(count)]
    gid = a_team(scim, "Team")
    members = {"path": "members", "value": [{"value": uid} for uid in uids]}
    both = [{"Operations": [{"op": op, **members}]} for op in ("add", "remove")]
    statuses = [scim("PATCH", f"/Groups/{gid}", body).status for body in both]

    removed, added, _ = items(log, f"group={gid}")
    assert added["after"] == {"members": {"added": count, "removed": 0}}
    assert removed["after"] == {"members": {"added": 0, "removed": count}}
    assert [added["status"], removed["status"]] == statuses


def test_an_entry_that_turns_out_otherwise_is_written_again(services, context, log, operator):
    """The response has no group, since another request deletes it; the item is the same."""
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    operator("PATCH", root, {"settings": {"group_patch_answer": "auto"}})
    between = FaultyClient(services.table.client)
    scim = process_with(services, context, between)
    gid, uid = a_team(scim, "Team"), a_user(scim)
    deleted = first(
        lambda: process_with(services, context, services.table.client)("DELETE", f"/Groups/{gid}")
    )
    between.faults = {"get_item": [deleted]}

    assert add(scim, gid, uid).status == 204

    assert [each["status"] for each in items(log, f"group={gid}")] == [204, 204, 201]


def test_a_request_that_waits_for_its_transaction_is_logged_as_long(
    services, context, log, manual_clock
):
    """Its entry was made before; a second more than that is worth another call."""
    late = first(lambda: manual_clock.advance(seconds=2))
    between = FaultyClient(services.table.client, faults={"transact_write_items": [late]})

    process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    (entry,) = items(log)
    assert (entry["status"], entry["duration_ms"]) == (201, 2000)


def test_a_change_that_comes_after_its_response_is_not_made(services, context, log):
    """A transaction that was thought lost finds the entry of the 503, and changes nothing."""
    client, late = services.table.client, []

    def delayed(request, _):
        late.append(request)
        raise client_error("InternalServerError", status=500)

    between = FaultyClient(client, faults={"transact_write_items": [delayed] * 1_000})
    response = process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    with pytest.raises(ClientError, match="TransactionCanceled"):
        client.transact_write_items(**late[0])
    assert (response.status, [each["status"] for each in items(log)]) == (503, [503])


def test_an_internal_error_is_logged_as_failed(services, context, log):
    """Without its text: that is in the operator's log, by the request id."""
    between = FaultyClient(
        services.table.client, faults={"transact_write_items": [fail(ValueError("secret"))]}
    )
    failing = replace(services, table=replace(services.table, client=between))

    api_client(build(failing), context.token)(
        "POST", f"/scim/v2/{context.connection}/Users", {"userName": "ann"}
    )

    (call,) = items(log)
    assert (call["status"], call["outcome"], call["detail"]) == (500, "failed", None)


def test_at_its_deadline_a_request_is_responded_to_rather_than_logged(
    services, context, log, manual_clock
):
    """API Gateway waits 29 s: a write that hangs would cost the response, too."""
    late = first(lambda: manual_clock.advance(seconds=24))
    between = FaultyClient(services.table.client, faults={"transact_write_items": [late]})
    slow = replace(services, table=replace(services.table, client=between))
    api_client(build(slow), context.token)(
        "POST", f"/scim/v2/{context.connection}/Users", {"userName": "ann"}
    )

    assert "put_item" not in between.calls


def test_a_call_is_kept_for_as_long_as_the_plan_says(services, context, scim, manual_clock):
    """30 days, where it does not say."""
    plans = {"enterprise": Plan(scim=True, log_days=7)}
    shorter = replace(services, settings=replace(services.settings, plans=plans))
    scim("GET", "/Users")
    api_client(build(shorter), context.token)("GET", f"/scim/v2/{context.connection}/Groups")

    now = services.table.clock.now().timestamp()
    items = [item for key, item in read_all(services.table).items() if "#L#" in key.pk]
    days = {item["path"]: round((item["ttl"] - now) / 86_400) for item in items}

    assert days == {"/Users": 30, "/Groups": 7}


def test_an_admin_reads_the_log_of_their_own_connections_only(services, context):
    """Another organisation's is not there for this admin."""
    other = a_customer(services)
    session = a_session(services, context.organisation)
    client = api_client(build(services), session)

    def status(of):
        path = f"/admin/organisations/{of.organisation}/connections/{of.connection}/log"
        return client("GET", path).status

    assert (status(context), status(other)) == (200, 404)


# --- what an outage keeps from the log ----------------------------------------------------------

THROTTLED = fail(client_error("ProvisionedThroughputExceededException"))


def process_with(services, context, client):
    """Send the connection's requests to a process that reaches the table by this client."""
    process = replace(services, table=replace(services.table, client=client))
    return scim_client(build(process), context.connection, context.token)


def test_what_an_outage_kept_from_the_log_is_written_after_it(services, context, log, operator):
    """The table throttles for longer than a request lasts; the process lives on."""
    between = FaultyClient(services.table.client)
    scim = process_with(services, context, between)
    writes = ("transact_write_items", "put_item", "update_item")
    between.faults = {each: [THROTTLED] * 1_000 for each in writes}
    statuses = [scim("POST", "/Users", {"userName": f"u{number}"}).status for number in range(2)]
    assert (statuses, items(log)) == ([503, 503], [])

    between.faults = {}
    scim("POST", "/Users", {"userName": "ann"})

    assert sorted(each["status"] for each in items(log)) == [201, 503, 503]
    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    assert operator("GET", root).body["health"]["errors_24h"] == 2


@pytest.mark.parametrize("call", ["transact_write_items", "batch_get_item"])
def test_a_request_that_ends_at_its_deadline_leaves_a_metric(services, context, capsys, call):
    """Before it is authenticated, too: an alarm sees it though nothing could be written."""
    between = FaultyClient(services.table.client, faults={call: [THROTTLED] * 1_000})

    response = process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "{" in each]
    (metric,) = [each for each in lines if "RequestsAtDeadline" in each]
    assert response.status == 503
    assert (metric["RequestsAtDeadline"], metric["connection"]) == ([1.0], context.connection)
    assert metric["request_id"]


def test_time_is_kept_for_the_log_of_a_request_that_used_all_of_its_own(
    services, context, log, manual_clock
):
    """The operation has 19 s, a call that is running then 4 s more, and the log its one call."""
    late = first(lambda: manual_clock.advance(seconds=22.9))
    between = FaultyClient(services.table.client, faults={"transact_write_items": [late]})

    process_with(services, context, between)("POST", "/Users", {"userName": "ann"})

    assert [each["status"] for each in items(log)] == [201]


# --- what changed, not who was asked for --------------------------------------------------------

MEMBERS = {
    "one is there already": ("a", "ab", {"added": 1, "removed": 0}, "b"),
    "all are there already": ("ab", "ab", None, ""),
    "nobody is": ("", "abc", {"added": 3, "removed": 0}, "abc"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_an_entry_says_who_came_and_not_who_was_named(scim, log, name):
    """The feed says the same; Entra ID sends members again that are there."""
    before, named, members, came = MEMBERS[name]
    ids = {letter: a_user(scim, letter) for letter in "abc"}
    gid = a_team(scim, "Tour", [ids[each] for each in before])
    value = [{"value": ids[each]} for each in named]

    operation = {"op": "add", "path": "members", "value": value}
    scim("PATCH", f"/Groups/{gid}", {"Operations": [operation]})

    entry = items(log, f"group={gid}")[0]
    assert (entry["after"] or {}).get("members") == members
    assert set(entry["ids"]) == {ids[each] for each in came}


def test_an_entry_of_a_rejected_request_says_what_it_would_have_changed(scim, log):
    """The admin sees what the identity provider tried."""
    a_user(scim, "ann")
    uid = a_user(scim, "bob")

    scim("PUT", f"/Users/{uid}", {"userName": "ANN"})

    (entry, *_) = items(log)
    assert (entry["status"], list(entry["after"])) == (409, ["userName"])
