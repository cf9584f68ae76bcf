"""What docs/conformance.md lists as not supported is requested, and compared with the page."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from app import build
from chalicelib.api.services import Services
from tests.support.builders import ApiClient, Customer, a_customer, api_client

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
PLAYED = re.compile(r"^\| [^|]+\| `([A-Z]+) (\S+)` \| (\d{3}) \|$", re.MULTILINE)
ROWS = PLAYED.findall(DOCUMENT.read_text(encoding="utf-8"))


@pytest.fixture
def context(services: Services) -> Customer:
    """Make an empty connection."""
    return a_customer(services)


@pytest.fixture
def client(services: Services, context: Customer) -> ApiClient:
    """Send requests with its token."""
    return api_client(build(services), context.token)


def test_the_table_is_found():
    """A changed table would leave the test below without cases."""
    assert len(ROWS) >= 8


@pytest.mark.parametrize(("method", "target", "status"), ROWS)
def test_an_unsupported_operation_responds_as_the_document_says(
    client: ApiClient, context: Customer, method: str, target: str, status: str
):
    """A client that tries needs to know, in SCIM's form."""
    response = client(
        method, f"/scim/v2/{context.connection}{target}", {} if method != "GET" else None
    )

    assert response.status == int(status)
    assert response.headers["content-type"] == "application/scim+json"


def test_a_compressed_body_is_rejected(client: ApiClient, context: Customer):
    """415 says what to change; "not UTF-8" would not."""
    body = gzip.compress(b'{"userName": "a"}')

    users = f"/scim/v2/{context.connection}/Users"
    response = client("POST", users, body, {"Content-Encoding": "gzip"})

    assert response.status == 415
    assert "uncompressed" in response.body["detail"]
