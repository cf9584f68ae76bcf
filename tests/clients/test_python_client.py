"""The Python client: what it sends, what it sends again, and which deliveries it trusts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from app import build
from chalicelib.api.admin.published import read_document
from chalicelib.events.envelope import signed_headers
from dev.release import python_client
from passerelle_client import Admin, ApiError, InvalidSignature, verify
from passerelle_client.http import Reply, over_network
from tests.support.builders import api_client, organisation_body
from tests.support.client_transport import URL, InProcess
from tests.support.environment import OPERATOR_KEY

SECRET, OTHER = "whsec_" + "MDEy" * 11, "whsec_" + "NDU2" * 11
BODY = b'{"id": "e1", "data": {"type": "user"}}'
AT = 1_800_000_000


def client(services, faults=(), **more):
    """Return a client, and its transport."""
    transport = InProcess(api_client(build(services)), [*faults])
    return Admin(f"{URL}/admin", OPERATOR_KEY, transport=transport, **more), transport


def test_the_files_are_what_the_document_makes():
    """Where a route or a shape has changed, `make openapi` writes them anew."""
    files = python_client.files(read_document())

    assert len(files) == 2
    assert {path for path, text in files.items() if path.read_text("utf-8") != text} == set()


def test_every_operation_is_a_method():
    """Under its own name."""
    operations = [
        each["operationId"]
        for found in read_document()["paths"].values()
        for method, each in found.items()
        if method != "parameters"
    ]

    assert [name for name in operations if not callable(getattr(Admin, name, None))] == []


def test_it_creates_lists_changes_and_deletes(services):
    """Bodies, queries, headers and parts of the path."""
    admin, _ = client(services)
    made = admin.create_organisation(organisation_body(reference="a/b"), idempotency_key="one")
    again = admin.create_organisation(organisation_body(reference="a/b"), idempotency_key="one")
    found = admin.list_organisations(reference="a/b", limit=1)["items"]

    assert again["id"] == made["id"] == found[0]["id"]
    assert admin.put_domain(made["id"], "acme.example") == {"domain": "acme.example"}
    assert admin.change_organisation(made["id"], {"name": "Acme 2"})["name"] == "Acme 2"
    assert admin.delete_domain(made["id"], "acme.example") is None
    assert admin.list_users(made["id"], linked=False)["items"] == []


def test_an_error_says_what_is_wrong(services):
    """With the whole problem."""
    admin, _ = client(services)
    with pytest.raises(ApiError, match="404") as error:
        admin.get_organisation("srx5kl4h4l")

    assert (error.value.status, error.value.problem["title"]) == (404, "Not Found")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again_after_the_pause_that_it_asks_for(services, status):
    """What changes nothing, and what may be repeated."""
    pauses: list[float] = []
    admin, transport = client(services, (status, status), sleep=pauses.append)
    admin.list_organisations()

    assert (len(transport.sent), pauses) == (3, [1.0, 1.0])


def test_a_creation_is_not_repeated_where_nobody_knows_whether_it_came_true(services):
    """A second one would create another."""
    admin, transport = client(services, (503,))
    with pytest.raises(ApiError):
        admin.create_organisation(organisation_body())

    assert len(transport.sent) == 1


def test_after_a_minute_the_last_error_is_raised():
    """Where there is never a response."""
    pauses: list[float] = []

    def unreachable(*_: object) -> Reply:
        raise OSError("no route")

    admin = Admin(URL, "key", transport=unreachable, sleep=pauses.append)
    with pytest.raises(OSError, match="no route"):
        admin.get_health()
    assert 30 < sum(pauses) < 90


def test_the_operator_key_is_sent_to_http_only():
    """A file or another scheme is no deployment."""
    with pytest.raises(ValueError, match="https"):
        over_network("GET", "file:///etc/hostname", {}, None)


def test_what_the_service_signs_is_trusted():
    """As a library of Standard Webhooks would sign it."""
    headers = signed_headers("e1", AT, BODY, [SECRET])

    assert verify(BODY, headers, [SECRET], now=AT)["id"] == "e1"
    assert (
        Webhook(SECRET).sign("e1", datetime.fromtimestamp(AT, UTC), BODY.decode())
        == headers["webhook-signature"]
    )


@pytest.mark.parametrize(
    ("signed_with", "known"), [([SECRET, OTHER], [SECRET]), ([OTHER], [SECRET, OTHER])]
)
def test_while_a_secret_rotates_either_is_enough(signed_with, known):
    """The service signs with both, and the application may know both."""
    assert verify(BODY, signed_headers("e1", AT, BODY, signed_with), known, now=AT)


@pytest.mark.parametrize(
    ("change", "body", "now"),
    [
        ({"webhook-signature": "v1,AAAA"}, BODY, AT),
        ({"webhook-signature": ""}, BODY, AT),
        ({"webhook-id": "e2"}, BODY, AT),
        ({"webhook-timestamp": str(AT + 1)}, BODY, AT),
        ({"webhook-timestamp": "soon"}, BODY, AT),
        ({}, BODY + b" ", AT),
        ({}, BODY, AT + 301),
        ({}, BODY, AT - 301),
    ],
)
def test_another_delivery_is_not_trusted(change, body, now):
    """Changed, signed by another secret, or old."""
    headers = {**signed_headers("e1", AT, BODY, [SECRET]), **change}

    with pytest.raises(InvalidSignature):
        verify(body, headers, [SECRET], now=now)


def test_names_of_headers_may_be_written_in_any_way():
    """Web frameworks differ."""
    headers = {k.title(): v for k, v in signed_headers("e1", AT, BODY, [SECRET]).items()}

    assert verify(BODY, headers, [SECRET], now=AT)
