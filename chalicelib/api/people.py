"""The routes of users and teams: who is there, with which roles, and which account he is.

What the answers hold is written here; what is read and written stands in `organisations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Self

from chalice.app import Blueprint
from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api import calls
from chalicelib.api.bodies import read_body, read_list
from chalicelib.api.calls import ORGANISATION, Call, Document, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import accounts, people, roles, teams
from chalicelib.organisations.pages import Page, Position, position
from chalicelib.organisations.people import Person, Wanted
from chalicelib.organisations.requests import Body, LocalId, Name
from chalicelib.organisations.roles import MOST_ASSIGNMENTS
from chalicelib.organisations.teams import Team
from chalicelib.scim.errors import BadRequest
from chalicelib.scim.messages import fitting
from chalicelib.storage.local import Assignment

USERS = f"{ORGANISATION}/users"
USER = f"{USERS}/{{user}}"
USER_ROLES = f"{USER}/roles"
USER_ROLE = f"{USER_ROLES}/{{role}}"
ACCOUNT = f"{USER}/account"
TEAMS = f"{ORGANISATION}/teams"
TEAM = f"{TEAMS}/{{team}}"

# An identity provider may have long names.
MOST_ASSERTED = 2000

LINKED: Mapping[str | None, bool | None] = {None: None, "true": True, "false": False}


def _role_alone(value: Any) -> Any:
    return {"role": value} if isinstance(value, str) else value


class RoleOfUser(Body):
    """A role of a user; without a workspace, in the one that his connection has just then."""

    role: LocalId
    workspace: LocalId | None = None


class RolesOfUser(Body):
    """All roles that a user shall have; the id of a role alone stands for one."""

    roles: list[Annotated[RoleOfUser, BeforeValidator(_role_alone)]] = Field(
        max_length=MOST_ASSIGNMENTS
    )


class AccountOfUser(Body):
    """The SaaS's own id of a user."""

    id: Name


Asserted = Annotated[str, StringConstraints(min_length=1, max_length=MOST_ASSERTED)]


class Identity(Body):
    """What a sign-in asserts of a user: one of three."""

    user_name: Asserted | None = None
    external_id: Asserted | None = None
    email: Asserted | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.asserted) != 1:
            message = "take one of user_name, external_id and email"
            raise PydanticCustomError("one_of", message)
        return self

    @property
    def asserted(self) -> dict[str, str]:
        """Give what was sent, by name."""
        return self.model_dump(exclude_none=True)


def routes(services: Services) -> Blueprint:
    """Make the blueprint of users and teams."""
    return calls.routes(services, ROUTES, __name__)


# --- users ------------------------------------------------------------------------------------


def list_users(call: Call) -> Response:
    """GET /admin/organisations/{org}/users, filtered by `search` and `linked`."""
    query = call.request.query
    if query.get("linked") not in LINKED:
        raise BadRequest("linked: `true` or `false`.")
    wanted = Wanted(
        call.page_size,
        position(query.get("cursor", "")),
        query.get("search") or None,
        LINKED[query.get("linked")],
    )
    page = people.listed(call.administration(), wanted)
    return _page(page, lambda last: Position(last.connection.id, last.user.id).cursor())


def get_user(call: Call) -> Response:
    """GET .../users/{user}."""
    return calls.json(200, _user(people.get(call.administration(), call.request.path["user"])))


def resolve(call: Call) -> Response:
    """POST /admin/organisations/{org}/resolve: every user whom an assertion may mean."""
    ((key, value),) = read_body(Identity, call.request).asserted.items()
    found = people.resolve(call.administration(), key, value)
    return calls.items([_user(each) for each in found])


def _page(page: Page[Person], cursor: Callable[[Person], str]) -> Response:
    """Answer a page of users, which ends early where they are too large for one answer."""
    found = [_user(each) for each in page.items]
    kept = fitting(found)
    whole = len(kept) == len(found)
    return calls.items(kept, page.following if whole else cursor(page.items[len(kept) - 1]))


def _user(person: Person) -> Document:
    user, connection = person.user, person.connection
    document = {
        "id": user.id,
        "user_name": user.document["userName"],
        "external_id": user.document.get("externalId"),
        "display_name": _display_name(user.document),
        "emails": user.document.get("emails", []),
        "active": person.active,
        "connection": connection.id,
        "workspace": connection.workspace,
        "account": person.local.account,
        "granted_role": user.granted_role,
        "roles": [asdict(each) for each in person.roles],
        "created": user.created,
        "last_modified": user.modified,
    }
    if person.teams is not None:
        document["teams"] = [
            {"id": each.id, "name": each.document["displayName"]} for each in person.teams
        ]
    return document


def _display_name(document: Document) -> str | None:
    """Give the name to show: as it is sent, else what the parts of the name make."""
    name = document.get("name", {})
    parts = [name[part] for part in ("givenName", "familyName") if part in name]
    return document.get("displayName") or name.get("formatted") or " ".join(parts) or None


# --- what the organisation says of a user ---------------------------------------------------------


def assign_role(call: Call) -> Response:
    """PUT .../users/{user}/roles/{role}."""
    roles.assign(call.administration(), call.request.path["user"], _assignment(call))
    return get_user(call)


def withdraw_role(call: Call) -> Response:
    """DELETE .../users/{user}/roles/{role}."""
    roles.withdraw(call.administration(), call.request.path["user"], _assignment(call))
    return Response(204)


def _assignment(call: Call) -> Assignment:
    return Assignment(call.request.path["role"], call.request.query.get("workspace") or None)


def replace_roles(call: Call) -> Response:
    """PUT .../users/{user}/roles: a list replaces all; an empty one is an explicit none."""
    body = read_list(RolesOfUser, call.request, "roles")
    wanted = list(dict.fromkeys(Assignment(each.role, each.workspace) for each in body.roles))
    roles.replace_all(call.administration(), call.request.path["user"], wanted)
    return get_user(call)


def link_account(call: Call) -> Response:
    """PUT .../users/{user}/account."""
    body = read_body(AccountOfUser, call.request)
    accounts.link(call.administration(), call.request.path["user"], body.id)
    return get_user(call)


def unlink_account(call: Call) -> Response:
    """DELETE .../users/{user}/account."""
    accounts.link(call.administration(), call.request.path["user"], None)
    return Response(204)


def password_set(call: Call) -> Response:
    """POST .../users/{user}/password-set."""
    accounts.password_was_set(call.administration(), call.request.path["user"])
    return get_user(call)


# --- teams ------------------------------------------------------------------------------------


def list_teams(call: Call) -> Response:
    """GET /admin/organisations/{org}/teams, filtered by `search`."""
    query = call.request.query
    after = position(query.get("cursor", ""))
    search = query.get("search") or None
    page = teams.listed(call.administration(), call.page_size, after, search)
    return calls.items([_team(each) for each in page.items], page.following)


def get_team(call: Call) -> Response:
    """GET .../teams/{team}."""
    return calls.json(200, _team(teams.get(call.administration(), call.request.path["team"])))


def list_members(call: Call) -> Response:
    """GET .../teams/{team}/members: users, without the other teams that they are in."""
    after = call.request.query.get("cursor", "")
    named = call.request.path["team"]
    page = teams.members(call.administration(), named, call.page_size, after)
    return _page(page, lambda last: last.user.id)


def _team(team: Team) -> Document:
    group, connection = team.group, team.connection
    return {
        "id": group.id,
        "name": group.document["displayName"],
        "external_id": group.document.get("externalId"),
        "connection": connection.id,
        "workspace": connection.workspace,
        "members": group.size,
        "created": group.created,
        "last_modified": group.modified,
    }


ROUTES = (
    Route("GET", USERS, Who.OWN_ADMIN, list_users),
    Route("GET", USER, Who.OWN_ADMIN, get_user),
    Route("PUT", USER_ROLES, Who.OWN_ADMIN, replace_roles),
    Route("PUT", USER_ROLE, Who.OWN_ADMIN, assign_role),
    Route("DELETE", USER_ROLE, Who.OWN_ADMIN, withdraw_role),
    Route("PUT", ACCOUNT, Who.OPERATOR, link_account),
    Route("DELETE", ACCOUNT, Who.OPERATOR, unlink_account),
    Route("POST", f"{USER}/password-set", Who.OPERATOR, password_set),
    Route("GET", TEAMS, Who.OWN_ADMIN, list_teams),
    Route("GET", TEAM, Who.OWN_ADMIN, get_team),
    Route("GET", f"{TEAM}/members", Who.OWN_ADMIN, list_members),
    Route("POST", f"{ORGANISATION}/resolve", Who.OPERATOR, resolve),
)
