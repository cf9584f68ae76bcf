"""Entra ID's requests, Microsoft's validator's and its gallery check's, played on the real app."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app import build
from chalicelib.api.services import Services
from dev.dialogues import Answer, Request, load, play
from dev.gateway import Gateway, Sent
from tests.builders import a_tenant

DIALOGUES = load(Path(__file__).parents[1] / "corpus" / "entra")

# What the provisioning service asks for in the life of a tenant.
REQUESTS = (
    "Test connection",
    "Test connection, inbound template",
    "Gallery validation of credentials",
    "Save config / open mapping page",
    "Match user",
    "Create user",
    "Re-read before update",
    "Update",
    "Disable",
    "Restore / re-assign",
    "Hard delete",
    "Reference check",
    "Set manager",
    "Match group",
    "Create group",
    "Read group",
    "Rename",
    "Add members",
    "Remove members",
    "Membership check",
    "Delete group",
    "Account discovery",
    "Inbound sync collection",
)
DIALECT_ROWS = range(1, 24)
VALIDATOR_TESTS = (*range(1, 25), "P1", "P2", "P3", "P4", "P5", "P6", "P7")
# Of the gallery's eleven, those that need no OAuth.
GALLERY_TESTS = (
    "Schema_Discoverability",
    "SCIM_Null_Update",
    "User_Create",
    "User_Update",
    "Group_Create",
    "Group_Update",
    "User_Pagination",
    "Group_Pagination",
    "Update_Manager",
)
ROWS = [
    *(f"1.1 {name}" for name in REQUESTS),
    *(f"1.2 #{number}" for number in DIALECT_ROWS),
    *(f"1.6 #{number}" for number in VALIDATOR_TESTS),
    *(f"1.7 {name}" for name in GALLERY_TESTS),
]


@pytest.fixture
def send(services: Services) -> Callable[[Request], Answer]:
    """Call an empty connection of provider `entra`."""
    tenant = a_tenant(services, identity_provider="entra")
    gateway = Gateway(build(services), "test", "id.example.com")

    def send(request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        headers = {"Authorization": f"Bearer {tenant.token}", **request.headers}
        address = f"/scim/v2/{tenant.connection}{path}"
        sent = Sent(request.method, address, query, tuple(headers.items()), request.body)
        answered = gateway.answer(sent)
        media_type = dict(answered.headers).get("Content-Type", "")
        document = json.loads(answered.body) if answered.body else None
        return Answer(answered.status, media_type, document)

    return send


@pytest.mark.parametrize("name", DIALOGUES)
def test_entra_gets_the_answers_that_it_needs(send: Callable[[Request], Answer], name: str):
    """One answer that Entra does not understand puts a tenant's job into quarantine."""
    assert play(DIALOGUES[name], send) == []


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_catalogue_has_a_dialogue(row: str):
    """A form that nobody plays is a form that the next change breaks."""
    assert row in {dialogue.row for dialogue in DIALOGUES.values()}
