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

from chalicelib.api.admin import requests
from chalicelib.api.admin.request_bodies import read_body, read_list
from chalicelib.api.admin.requests import ORGANISATION, AdminRequest, Document, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.errors import BadRequest
from chalicelib.organisations import accounts, assignments, groups, users
from chalicelib.organisations.assignments import MOST_ASSIGNMENTS
from chalicelib.organisations.groups import OrganisationGroup
from chalicelib.organisations.inputs import Body, LocalId, Name
from chalicelib.organisations.paging import ListCursor, Page, parse_list_cursor
from chalicelib.organisations.users import OrganisationUser, UserQuery
from chalicelib.scim.messages import fit_response
from chalicelib.storage.local_users import Assignment

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
    return requests.routes(services, ROUTES, __name__)


# --- users ------------------------------------------------------------------------------------


def list_users(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}/users, filtered by `search` and `linked`."""
    query = request.http.query
    if query.get("linked") not in LINKED:
        raise BadRequest("linked: `true` or `false`.")
    wanted = UserQuery(
        request.page_size,
        parse_list_cursor(query.get("cursor", "")),
        query.get("search") or None,
        LINKED[query.get("linked")],
    )
    page = users.list_users(request.admin_context(), wanted)
    return _page(page, lambda last: ListCursor(last.connection.id, last.user.id).text())


def get_user(request: AdminRequest) -> Response:
    """GET .../users/{user}."""
    return requests.json(200, _user(users.get(request.admin_context(), request.http.path["user"])))


def resolve(request: AdminRequest) -> Response:
    """POST /admin/organisations/{org}/resolve: every user whom an assertion may mean."""
    ((key, value),) = read_body(Identity, request.http).asserted.items()
    found = users.resolve(request.admin_context(), key, value)
    return requests.items([_user(each) for each in found])


def _page(page: Page[OrganisationUser], cursor: Callable[[OrganisationUser], str]) -> Response:
    """Answer a page of users, which ends early where they are too large for one answer."""
    found = [_user(each) for each in page.items]
    kept = fit_response(found)
    whole = len(kept) == len(found)
    return requests.items(kept, page.next_cursor if whole else cursor(page.items[len(kept) - 1]))


def _user(person: OrganisationUser) -> Document:
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
    if person.groups is not None:
        document["teams"] = [
            {"id": each.id, "name": each.document["displayName"]} for each in person.groups
        ]
    return document


def _display_name(document: Document) -> str | None:
    """Give the name to show: as it is sent, else what the parts of the name make."""
    name = document.get("name", {})
    parts = [name[part] for part in ("givenName", "familyName") if part in name]
    return document.get("displayName") or name.get("formatted") or " ".join(parts) or None


# --- what the organisation says of a user ---------------------------------------------------------


def assign_role(request: AdminRequest) -> Response:
    """PUT .../users/{user}/roles/{role}."""
    assignments.assign(request.admin_context(), request.http.path["user"], _assignment(request))
    return get_user(request)


def withdraw_role(request: AdminRequest) -> Response:
    """DELETE .../users/{user}/roles/{role}."""
    assignments.withdraw(request.admin_context(), request.http.path["user"], _assignment(request))
    return Response(204)


def _assignment(request: AdminRequest) -> Assignment:
    return Assignment(request.http.path["role"], request.http.query.get("workspace") or None)


def replace_roles(request: AdminRequest) -> Response:
    """PUT .../users/{user}/roles: a list replaces all; an empty one is an explicit none."""
    body = read_list(RolesOfUser, request.http, "roles")
    wanted = list(dict.fromkeys(Assignment(each.role, each.workspace) for each in body.roles))
    assignments.replace_all(request.admin_context(), request.http.path["user"], wanted)
    return get_user(request)


def link_account(request: AdminRequest) -> Response:
    """PUT .../users/{user}/account."""
    body = read_body(AccountOfUser, request.http)
    accounts.link(request.admin_context(), request.http.path["user"], body.id)
    return get_user(request)


def unlink_account(request: AdminRequest) -> Response:
    """DELETE .../users/{user}/account."""
    accounts.link(request.admin_context(), request.http.path["user"], None)
    return Response(204)


def password_set(request: AdminRequest) -> Response:
    """POST .../users/{user}/password-set."""
    accounts.password_was_set(request.admin_context(), request.http.path["user"])
    return get_user(request)


# --- teams ------------------------------------------------------------------------------------


def list_teams(request: AdminRequest) -> Response:
    """GET /admin/organisations/{org}/teams, filtered by `search`."""
    query = request.http.query
    after = parse_list_cursor(query.get("cursor", ""))
    search = query.get("search") or None
    page = groups.list_groups(request.admin_context(), request.page_size, after, search)
    return requests.items([_team(each) for each in page.items], page.next_cursor)


def get_team(request: AdminRequest) -> Response:
    """GET .../teams/{team}."""
    return requests.json(200, _team(groups.get(request.admin_context(), request.http.path["team"])))


def list_members(request: AdminRequest) -> Response:
    """GET .../teams/{team}/members: users, without the other teams that they are in."""
    after = request.http.query.get("cursor", "")
    named = request.http.path["team"]
    page = groups.list_members(request.admin_context(), named, request.page_size, after)
    return _page(page, lambda last: last.user.id)


def _team(team: OrganisationGroup) -> Document:
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
