"""The health of a connection: an admin whose test connection fails sees why within a minute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app import build
from chalicelib.api.pending_counters import PendingCounters
from chalicelib.api.scim.recorder import clean_user_agent
from chalicelib.auth.tokens import checksum
from chalicelib.settings import Plan, Rate
from tests.support.builders import a_customer, a_session, api_client
from tests.support.faults import FaultyClient
from tests.support.invariants import read_all


@pytest.fixture
def context(services):
    """A connection."""
    return a_customer(services)


@pytest.fixture
def app(services):
    """The app; one for all requests of a test, as in one process."""
    return build(services)


@pytest.fixture
def root(context):
    """Where the connection is administered."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}"


@pytest.fixture
def call(app, context):
    """Send requests to the connection with a credential."""

    def call(credential, path="/Users", **headers):
        target = f"/scim/v2/{context.connection}{path}"
        return api_client(app, credential)("GET", target, headers=headers)

    return call


def health(operator, root):
    """Read the connection's health."""
    return operator("GET", root).body["health"]


def revoked(operator, root, context):
    """Revoke the connection's token and return its text."""
    operator("DELETE", f"{root}/tokens/{context.token_id}")
    return context.token


def ended(operator, root, context):
    """End the connection and its tokens; return the text of one."""
    operator("DELETE", f"{root}?users=keep")
    return context.token


def suspended(operator, _, context):
    """Suspend the organisation."""
    operator("PATCH", f"/admin/organisations/{context.organisation}", {"state": "suspended"})
    return context.token


def smaller_plan(operator, _, context):
    """Take SCIM out of the organisation's plan."""
    operator("PATCH", f"/admin/organisations/{context.organisation}", {"plan": "free"})
    return context.token


def paused(operator, root, context):
    """Pause the connection."""
    operator("PATCH", root, {"state": "paused"})
    return context.token


def with_another_secret(_, __, context):
    """Give a well-formed token of the same id with another secret part."""
    kind, token_id, secret = context.token.split("_")[1:4]
    return well_formed(f"psl_{kind}_{token_id}_{secret[::-1]}")


def well_formed(body):
    """Put the right checksum to a token's beginning."""
    return f"{body}_{checksum(body)}"


REFUSED = [
    (("missing", 401), lambda *_: ""),
    (("garbage", 401), lambda *_: "password"),
    (("mistyped", 401), lambda _, __, context: context.token[:-1] + "-"),
    (("cut_off", 401), lambda _, __, context: context.token[:-1]),
    (("operator_key", 401), lambda operator, *_: operator.credential),
    (("bearer_twice", 401), lambda _, __, context: f"Bearer {context.token}"),
    (("quotes", 401), lambda _, __, context: f'"{context.token}"'),
    (("blanks", 401), lambda _, __, context: f" {context.token}"),
    (("wrong", 401), with_another_secret),
    (("revoked", 401), revoked),
    (("ended", 401), ended),
    (("suspended", 403), suspended),
    (("plan", 403), smaller_plan),
    (("paused", 403), paused),
]


@pytest.mark.parametrize(("refusal", "credential"), REFUSED)
def test_a_rejected_request_is_counted_by_its_reason(
    refusal, credential, operator, root, context, call
):
    """The 401 is one text for all; the admin, not the client, learns the reason."""
    sent = credential(operator, root, context)
    responded = [call(sent, **{"User-Agent": "Probe/1.0"}) for _ in range(3)]

    (told,) = health(operator, root)["refusals"]

    assert {(told["reason"], each.status) for each in responded} == {refusal}
    assert (told["count"], told["user_agent"]) == (3, "Probe/1.0")
    assert told["last_at"].startswith("2027-01-31T12:00")
    assert told["fix"]


def test_a_token_of_another_connection_is_counted_as_foreign(services, operator, root, call):
    """The likeliest mistake of an admin with two connections."""
    call(a_customer(services).token)

    assert health(operator, root)["refusals"][0]["reason"] == "foreign"


def test_an_expired_token_is_counted(operator, root, call, context, manual_clock):
    """A year later the provider still sends requests, and the admin sees why they fail."""
    manual_clock.advance(days=366)
    call(context.token)

    assert health(operator, root)["refusals"][0]["reason"] == "expired"


def test_too_many_requests_are_counted(services, operator, root, context):
    """A flood is held off without an item for each of its requests."""
    plans = {"enterprise": Plan(scim=True, rate=Rate(per_second=0.1, burst=1))}
    settings = replace(services.settings, plans=plans)
    app = build(replace(services, settings=settings))
    responses = [
        api_client(app, context.token)("GET", f"/scim/v2/{context.connection}/Users")
        for _ in range(3)
    ]

    (told,) = health(operator, root)["refusals"]

    assert [each.status for each in responses] == [200, 429, 429]
    assert told["reason"] == "rate"


def test_the_reason_never_reaches_the_client(operator, root, call, context):
    """Nothing can be learnt from a 401: all are byte-equal."""
    sent = ["", "password", context.token[:-1] + "x", revoked(operator, root, context)]
    responses = [call(each) for each in sent]

    assert len({str(each.body) for each in responses}) == 1
    assert len({str(sorted(each.headers)) for each in responses}) == 1


POSSIBLE = ["mistyped", "expired", "revoked", "of another connection"]


def test_the_one_text_names_what_it_may_be_and_where_to_make_a_new_token(call):
    """A reader of the provider's log sees this and nothing else."""
    detail = call("password").body["detail"]

    assert [reason for reason in POSSIBLE if reason not in detail] == []
    assert "Create a new token in the console" in detail
    assert len(detail) <= 200


def test_requests_and_errors_of_a_day_are_counted(operator, root, call, context, manual_clock):
    """A provider whose requests fail differs from one that sends none."""
    call(context.token)
    manual_clock.advance(hours=30)
    for path in ("/Users", "/Users", "/Users/x"):
        call(context.token, path)

    found = health(operator, root)

    assert (found["calls_24h"], found["errors_24h"]) == (3, 1)
    assert found["last_call"].startswith("2027-02-01T18:00")


def test_users_and_teams_are_counted(operator, root, app, context):
    """Exactly: by the counters that the directory keeps."""
    client = api_client(app, context.token)
    for name in ("ann", "bob"):
        client("POST", f"/scim/v2/{context.connection}/Users", {"userName": name})
    client("POST", f"/scim/v2/{context.connection}/Groups", {"displayName": "team"})

    found = health(operator, root)

    assert (found["users"], found["teams"]) == (2, 1)


def test_a_connection_without_requests_is_healthy(operator, root):
    """Nothing is counted, nothing is missing."""
    assert health(operator, root) == {
        "last_call": None,
        "calls_24h": 0,
        "errors_24h": 0,
        "users": 0,
        "teams": 0,
        "refusals": [],
        "ignored": [],
        "unnamed": 0,
        "advice": [],
        "alerts": [],
        "hours": [],
    }


def test_hours_show_when_requests_came_and_when_some_failed(
    operator, root, call, context, manual_clock
):
    """An admin sees at a glance when it began to fail."""
    call(context.token)
    manual_clock.advance(hours=2)
    call(context.token)
    call("letmein")

    assert health(operator, root)["hours"] == [
        {"hour": "2027-01-31T12", "calls": 1, "errors": 0, "rejected": 0},
        {"hour": "2027-01-31T14", "calls": 1, "errors": 0, "rejected": 1},
    ]


def test_a_token_shows_its_last_use(operator, root, call, context, manual_clock):
    """An admin revokes what is no longer used; the program says what it is pasted into."""
    operator("POST", f"{root}/tokens", {"name": "second"})
    manual_clock.advance(hours=2)
    call(context.token, **{"User-Agent": "Okta SCIM Client 1.0.0"})
    manual_clock.advance(days=3)

    listed = operator("GET", f"{root}/tokens").body["items"]

    uses = {each["name"]: (each["last_used_at"], each["last_used_by"]) for each in listed}
    first = ("2027-01-31T14:00:00.000Z", "Okta SCIM Client 1.0.0")
    assert uses == {"first": first, "second": (None, None)}


def test_another_process_sees_what_was_written(services, operator, root, context):
    """A container writes its counts at once: the first of a reason, then each doubling."""
    for _ in range(5):
        api_client(build(replace(services, pending_counters=PendingCounters())), "x")(
            "GET", f"/scim/v2/{context.connection}/Users"
        )

    assert health(operator, root)["refusals"][0]["count"] == 5


def test_a_thousand_requests_with_a_wrong_token_cost_a_few_writes(services, context, manual_clock):
    """Garbage must be cheap: ten writes a minute, one each time that its number has doubled."""
    between = FaultyClient(services.table.client)
    counted = replace(services, table=replace(services.table, client=between))
    client = api_client(build(counted), context.token[:-1] + "x")
    for _ in range(1_000):
        client("GET", f"/scim/v2/{context.connection}/Users")

    writes = [name for name in between.calls if name not in {"batch_get_item", "get_item"}]

    assert writes == ["update_item"] * 10
    assert sum(item.get("n_mistyped", 0) for item in read_all(services.table).values()) == 512


def test_requests_to_an_unknown_connection_write_nothing(services, context):
    """A stranger cannot fill the table with invented connections."""
    items = read_all(services.table)
    client = api_client(build(services), context.token)
    for connection in ("a" * 16, context.organisation + "aaaaaa", "x"):
        assert client("GET", f"/scim/v2/{connection}/Users").status == 401

    assert read_all(services.table) == items


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("SCIM Client/1.0 (+https://example.com)", "SCIM Client/1.0 (+https://example.com)"),
        ("Probe\x1b[31m <script>\"'\u202e", "Probe31m script"),
        ("Probe ann@example.com psl_scim_abc_def", "Probe"),
        ("x" * 500, "x" * 100),
        ("Probe/1.0 " + "x" * 9_900, "Probe/1.0"),
        ("x" * 995 + " ann@example.com", "x" * 100),
        ("ann@example.com " * 62 + "Ada@example.org", ""),
        ("a@b@c @d Probe", "Probe"),
        ("", ""),
    ],
)
def test_a_user_agent_is_cut_to_what_names_a_program(sent, kept):
    """It is text of a stranger, which an admin's browser will show."""
    assert clean_user_agent(sent) == kept


def test_an_admin_sees_the_health_of_their_own_connection(services, app, root, context):
    """With a session, as the console does."""
    admin = api_client(app, a_session(services, context.organisation))

    assert admin("GET", root).body["health"]["refusals"] == []
