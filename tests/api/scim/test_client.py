"""scim2-client, typed and strict about every response, uses all operations over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from scim2_models import PreconditionFailedException, SearchRequest

from app import build
from chalicelib.api.services import Services
from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, USER
from chalicelib.scim.messages import MAX_BULK_OPERATIONS
from dev.play.suites import Client
from dev.run.gateway import Gateway
from dev.run.listener import HOST, listening
from tests.support.builders import a_customer


@dataclass(frozen=True, slots=True)
class Typed:
    """The client, with the models that it has made of /Schemas and /ResourceTypes.

    It knows the versions of what it has, sends them as If-Match, and raises at whatever is
    rejected, or the response differs from the models.
    """

    client: Client
    person: Any
    team: Any

    def a_person(self, name: str) -> Any:
        """Create a user with an extension."""
        return self.client.create(self.person.model_validate(a_body(name)))

    def a_team(self, *members: str) -> Any:
        """Create a group."""
        body = {"displayName": "Tour", "members": [{"value": each} for each in members]}
        return self.client.create(self.team.model_validate(body))


def a_body(name: str) -> dict[str, Any]:
    """Write a user with an extension."""
    address = {"value": f"{name}@example.com", "type": "work", "primary": True}
    extension = {ENTERPRISE_USER.id: {"department": "Sales"}}
    schemas = [USER.schema.id, ENTERPRISE_USER.id]
    return {
        "schemas": schemas,
        "userName": name,
        "displayName": name.title(),
        "emails": [address],
        **extension,
    }


def message(*operations: dict[str, Any]) -> dict[str, Any]:
    """Write a message of operations; the client reads it into its models before it sends it."""
    return {"Operations": list(operations)}


def search(**parameters: Any) -> Any:
    """Write a search request."""
    return SearchRequest.model_validate(parameters)


@pytest.fixture
def typed(services: Services) -> Iterator[Typed]:
    """Serve an empty connection to a client that has read what it announces."""
    context = a_customer(services, identity_provider="other")
    with listening(Gateway(build(services), "test", HOST), 0) as port:
        client = Client(f"http://{HOST}:{port}/scim/v2/{context.connection}", context.token)
        client.discover()
        yield Typed(client, client.get_resource_model("User"), client.get_resource_model("Group"))


def test_a_client_learns_what_is_offered(typed):
    """It plans its requests by what ServiceProviderConfig says."""
    offered = typed.client.provider.config

    assert (offered.bulk.max_operations, offered.patch.supported) == (MAX_BULK_OPERATIONS, True)
    assert (offered.sort.supported, offered.pagination.cursor) == (False, True)


def test_a_client_goes_through_the_life_of_a_user(typed):
    """Create, read, list, filter, search, replace, modify, delete."""
    client, made = typed.client, typed.a_person("ada")
    typed.a_person("bob")
    assert client.query(typed.person, made.id).user_name == "ada"
    assert client.query(typed.person).total_results == 2

    by_name = search(filter='userName sw "A"', attributes=["userName"])
    for ask in (client.query, client.search):
        assert [each.id for each in ask(typed.person, by_name).resources] == [made.id]

    made.title = "Countess"
    replaced = client.replace(made)
    leave = {"op": "replace", "path": "active", "value": False}
    left = client.modify(replaced, message(leave))
    assert (left.title, left.active) == ("Countess", False)

    assert client.delete(left) is None
    assert client.query(typed.person).total_results == 1


def test_a_client_goes_through_the_life_of_a_team(typed):
    """Members come and go, and a search from the root finds both resource types."""
    client, person = typed.client, typed.a_person("ada")
    made = typed.a_team(person.id)
    assert [each.value for each in client.query(typed.team, made.id).members] == [person.id]

    by_name = search(filter='displayName eq "tour"')
    for ask in (client.query, client.search):
        assert [each.id for each in ask(typed.team, by_name).resources] == [made.id]
    both = client.search(search_request=search(count=10))
    assert [each.id for each in both.resources] == [person.id, made.id]

    made.display_name = "Giro"
    renamed = client.replace(made)
    remove = {"op": "remove", "path": f'members[value eq "{person.id}"]'}
    emptied = client.modify(renamed, message(remove))
    assert (emptied.display_name, emptied.members) == ("Giro", [])

    assert client.delete(emptied) is None
    assert client.query(typed.team).total_results == 0


def test_a_client_sends_many_operations_at_once(typed):
    """A group with a member who is created in the same request, after it."""
    post, team = {"method": "POST"}, {"displayName": "Tour", "members": [{"value": "bulkId:u"}]}
    operations = (
        post | {"path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP.schema.id], **team}},
        post | {"path": "/Users", "bulkId": "u", "data": a_body("ada")},
    )

    response = typed.client.bulk(message(*operations))

    assert [each.status for each in response.operations] == [201, 201]
    assert typed.client.query(typed.team).resources[0].members[0].type == "User"


def test_a_client_that_comes_too_late_gets_412(typed):
    """It sends the version that it knows (RFC 7644 section 3.14)."""
    made = typed.a_person("ada")
    typed.client.modify(
        typed.person, made.id, message({"op": "add", "path": "title", "value": "Guide"})
    )

    with pytest.raises(PreconditionFailedException):
        typed.client.replace(made)
