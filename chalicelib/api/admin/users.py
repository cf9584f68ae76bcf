"""The handlers of an organisation's users: their roles and their accounts of the SaaS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.admin import responses
from chalicelib.api.admin.include import fitted_page, scim_documents
from chalicelib.api.admin.request_bodies import read_body, read_list
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import NoContent, Ok, User, page
from chalicelib.errors import BadRequest
from chalicelib.organisations import assignments, local_users, users
from chalicelib.organisations.assignments import MAX_ASSIGNMENTS
from chalicelib.organisations.inputs import Body, LocalId, Name
from chalicelib.organisations.paging import ListCursor, Page, parse_list_cursor
from chalicelib.organisations.scim_documents import ScimDocuments
from chalicelib.organisations.users import OrganisationUser, UserQuery
from chalicelib.storage.directory_items import Document
from chalicelib.storage.local_users import Assignment

# An identity provider may have long names.
MAX_ASSERTED = 2000

LINKED: Mapping[str | None, bool | None] = {None: None, "true": True, "false": False}


def _role_by_id(value: Any) -> Any:
    return {"role": value} if isinstance(value, str) else value


class RoleOfUser(Body):
    """A role of a user; without a workspace, in the one that their connection has at the time."""

    role: LocalId
    workspace: LocalId | None = None


class RolesOfUser(Body):
    """All roles that a user is to have; each is an object, or the id of a role alone."""

    roles: list[Annotated[RoleOfUser, BeforeValidator(_role_by_id)]] = Field(
        max_length=MAX_ASSIGNMENTS
    )


class AccountOfUser(Body):
    """The SaaS's own id of a user, and whether that account has a password already."""

    id: Name
    password_set: bool = False


Asserted = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ASSERTED)]


class Identity(Body):
    """What a sign-in asserts of a user: one of three."""

    user_name: Asserted | None = None
    external_id: Asserted | None = None
    email: Asserted | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.asserted) != 1:
            message = "expected exactly one of user_name, external_id and email"
            raise PydanticCustomError("one_of", message)
        return self

    @property
    def asserted(self) -> dict[str, str]:
        """What was sent, by name."""
        return self.model_dump(exclude_none=True)


def list_users(request: AdminRequest) -> Ok[responses.Page[User]]:
    """GET /admin/organisations/{org}/users, filtered by `search`, `linked` or `account`."""
    query = request.http.query
    if query.get("linked") not in LINKED:
        raise BadRequest("linked: expected true or false.")
    admin, account = request.admin_context(), query.get("account")
    if account is not None:
        return user_page(request, Page(users.find_by_account(admin, account)), lambda _: "")
    wanted = UserQuery(
        request.page_size,
        parse_list_cursor(query.get("cursor", "")),
        query.get("search") or None,
        LINKED[query.get("linked")],
    )
    found = users.list_users(admin, wanted)
    return user_page(
        request, found, lambda last: ListCursor(last.connection.id, last.user.id).text()
    )


def get_user(request: AdminRequest) -> Ok[User]:
    """GET .../users/{user}."""
    found = users.get(request.admin_context(), request.http.path["user"])
    return Ok(_document(found, scim_documents(request)))


def resolve(request: AdminRequest) -> Ok[responses.Page[User]]:
    """POST /admin/organisations/{org}/resolve: every user whom an assertion may mean."""
    ((key, value),) = read_body(Identity, request.http).asserted.items()
    found = users.resolve(request.admin_context(), key, value)
    return page([_document(each) for each in found])


def user_page(
    request: AdminRequest,
    found: Page[OrganisationUser],
    cursor: Callable[[OrganisationUser], str],
) -> Ok[responses.Page[User]]:
    """Return a page of users, which ends early where they are too large for one response.

    `cursor` makes the cursor that continues after a user.
    """
    return fitted_page(found, _document, cursor, scim_documents(request))


# --- roles and accounts -----------------------------------------------------------------------


def assign_role(request: AdminRequest) -> Ok[User]:
    """PUT .../users/{user}/roles/{role}."""
    assignments.assign(request.admin_context(), request.http.path["user"], _assignment(request))
    return get_user(request)


def withdraw_role(request: AdminRequest) -> NoContent:
    """DELETE .../users/{user}/roles/{role}."""
    assignments.withdraw(request.admin_context(), request.http.path["user"], _assignment(request))
    return NoContent()


def _assignment(request: AdminRequest) -> Assignment:
    return Assignment(request.http.path["role"], request.http.query.get("workspace") or None)


def replace_roles(request: AdminRequest) -> Ok[User]:
    """PUT .../users/{user}/roles: a list replaces all; an empty one leaves the user none."""
    body = read_list(RolesOfUser, request.http, "roles")
    roles = list(dict.fromkeys(Assignment(each.role, each.workspace) for each in body.roles))
    assignments.replace_all(request.admin_context(), request.http.path["user"], roles)
    return get_user(request)


def link_account(request: AdminRequest) -> Ok[User]:
    """PUT .../users/{user}/account."""
    body = read_body(AccountOfUser, request.http)
    local_users.link_account(
        request.admin_context(),
        request.http.path["user"],
        body.id,
        password_set=body.password_set,
    )
    return get_user(request)


def unlink_account(request: AdminRequest) -> NoContent:
    """DELETE .../users/{user}/account."""
    local_users.link_account(request.admin_context(), request.http.path["user"], None)
    return NoContent()


def report_password_set(request: AdminRequest) -> Ok[User]:
    """POST .../users/{user}/password-set."""
    local_users.password_was_set(request.admin_context(), request.http.path["user"])
    return get_user(request)


# --- documents --------------------------------------------------------------------------------


def _document(person: OrganisationUser, scim: ScimDocuments | None = None) -> User:
    user, connection = person.user, person.connection
    document: User = {
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
        "roles": [
            {"role": each.role, "workspace": each.workspace, "source": each.source}
            for each in person.roles
        ],
        "created": user.created,
        "last_modified": user.modified,
        "version": user.version,
    }
    if person.groups is not None:
        document["teams"] = [
            {"id": each.id, "name": each.document["displayName"]} for each in person.groups
        ]
    if scim is not None:
        document["scim"] = scim.of_user(connection, user, person.groups or ())
    return document


def _display_name(document: Document) -> str | None:
    """Return the name to show: the one that was sent, else one made of the parts of the name."""
    name = document.get("name", {})
    parts = [name[part] for part in ("givenName", "familyName") if part in name]
    return document.get("displayName") or name.get("formatted") or " ".join(parts) or None
