"""What identity providers, Microsoft's checks and RFC 7644's examples send, on the real app."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from chalicelib.api.admin.dialogue_player import Request, Response
from chalicelib.api.services import Services
from dev.play.corpus import CORPUS, PLAYED, Client
from dev.play.corpus_files import load, play
from dev.play.providers import Trial, advised, on_any_preset
from dev.run.gateway import HttpRequest
from tests.support.builders import ApiClient, a_customer

DIALOGUES = {
    f"{folder}/{name}": (client, dialogue)
    for folder, client in PLAYED.items()
    for name, dialogue in load(CORPUS / folder).items()
}


# What Entra ID's provisioning service asks for in the life of a tenant.
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
# What the other providers do that a server must handle.
OTHERS = (
    "Okta: Test credentials / before create",
    "Okta: Create",
    "Okta: Import",
    "Okta: Read",
    "Okta: Profile update",
    "Okta: (De)activate, password - OIN apps",
    "Okta: (De)activate - custom (AIW) apps",
    "Okta: Push group",
    "Okta: Rename / any push (OIN)",
    "Okta: Membership (OIN)",
    "Okta: AIW groups",
    "Okta: Unlink",
    "Google: probe",
    "Google: create",
    "Google: update",
    "Google: suspend",
    "OneLogin: odd addresses",
    "OneLogin: filter with plus",
    "OneLogin: PUT with invalid URNs",
    "OneLogin: groups by PATCH",
    "JumpCloud: activation",
    "JumpCloud: remove with a value",
    "JumpCloud: repeated add",
    "JumpCloud: end of a user",
    "Ping: match user",
    "Ping: users by PUT",
    "Ping: match group",
    "Ping: groups by PATCH",
)
# What a directory that synchronises users and groups does in the life of a tenant.
LIFE = (
    "first sync",
    "second sync",
    "rename",
    "member added and removed",
    "last member leaves",
    "deprovision",
    "error",
)
DIRECTORIES = (
    "Keycloak",
    "authentik",
    "midPoint",
    "WSO2 Identity Server",
    "AWS synchroniser",
    "Nextcloud",
)
ODD = ("pocket-id", "Univention", "Apache Syncope", "SailPoint", "Rippling")
# Of RFC 7644: tables 3 to 5 are played on filters alone; of table 8 the redirections are never
# sent and 500 is never a correct response, of table 9 tooMany needs 10,000 users, invalidVers
# another version than the one that is routed, and sensitive a sensitive attribute in a URL.
TABLES = (
    *(f"table {number}" for number in (1, 2, 6, 7)),
    *(f"table 8: {status}" for status in (400, 401, 403, 404, 409, 412, 413, 501)),
    *(f"table 9: {word}" for word in ("invalidFilter", "uniqueness", "mutability")),
    *(f"table 9: {word}" for word in ("invalidSyntax", "invalidPath", "noTarget", "invalidValue")),
)
EXAMPLES = (
    *("3.3", "3.4.1", "3.4.2", "3.4.3", "3.5.1", "3.5.2", "3.6", "3.7.1", "3.7.2", "3.7.3"),
    *("3.9", "4"),
)
ROWS = [
    *(f"1.1 {name}" for name in REQUESTS),
    *(f"1.2 #{number}" for number in DIALECT_ROWS),
    *(f"1.6 #{number}" for number in VALIDATOR_TESTS),
    *(f"1.7 {name}" for name in GALLERY_TESTS),
    *OTHERS,
    *(f"{name}: {event}" for name in DIRECTORIES for event in LIFE),
    *(f"{name}: odd requests" for name in ODD),
    *TABLES,
    *(f"{section} example" for section in EXAMPLES),
]


# Dialogues that depend on the preset, each with one that does not suit the client.
MISPLACED = {
    "keycloak/05-last-member-leaves": "okta",
    "authentik/06-last-member-leaves-by-PUT": "midpoint",
    "wso2/05-last-member-leaves": "entra",
    "pocket-id/01-odd-requests": "jumpcloud",
    "midpoint/03-rename": "keycloak",
    "nextcloud/02-second-sync": "other",
}


@pytest.fixture
def connect(services: Services, operator: ApiClient) -> Callable[[Client], Trial]:
    """Return what makes an empty connection that suits a client."""
    gateway = operator.gateway

    def connect(client: Client) -> Trial:
        context = a_customer(
            services, identity_provider=client.identity_provider, settings=client.settings
        )
        root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"

        def send(request: Request) -> Response:
            path, _, query = request.target.partition("?")
            headers = {"Authorization": f"Bearer {context.token}", **request.headers}
            address = f"/scim/v2/{context.connection}{path}"
            sent = HttpRequest(request.method, address, query, tuple(headers.items()), request.body)
            responded = gateway.respond(sent)
            media_type = dict(responded.headers).get("Content-Type", "")
            document = json.loads(responded.body) if responded.body else None
            return Response(responded.status, media_type, document)

        return Trial(send, lambda: operator("GET", root).body["health"])

    return connect


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_client_gets_the_responses_that_it_needs(connect: Callable[[Client], Trial], name: str):
    """One response that Entra does not understand puts a customer's job into quarantine."""
    client, dialogue = DIALOGUES[name]

    assert play(dialogue, connect(client).send) == []


@pytest.mark.parametrize(("name", "preset"), MISPLACED.items())
def test_on_a_preset_that_does_not_suit_the_health_names_the_setting(
    connect: Callable[[Client], Trial], name: str, preset: str
):
    """Otherwise somebody keeps access, or a group is emptied, and nobody learns of it."""
    client, dialogue = DIALOGUES[name]
    trial = connect(Client(client.title, preset))

    assert play(on_any_preset(dialogue), trial.send) != []
    assert advised(trial.health()) == {"put_without_members"}


@pytest.mark.parametrize("folder", sorted(PLAYED.keys() - {"entra"}))
def test_the_dialogues_of_a_folder_do_not_disturb_each_other(
    connect: Callable[[Client], Trial], folder: str
):
    """`make corpus` plays them one after another on one connection.

    Entra ID's are left to it: their thousands of items take moto minutes.
    """
    send = connect(PLAYED[folder]).send
    dialogues = load(CORPUS / folder)

    assert {name: faults for name in dialogues if (faults := play(dialogues[name], send))} == {}


def test_every_line_of_the_catalogue_has_a_dialogue():
    """A form that no dialogue plays is broken by the next change."""
    assert {*ROWS} - {dialogue.row for _, dialogue in DIALOGUES.values()} == set()
