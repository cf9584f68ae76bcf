"""What each route beside SCIM takes and gives: one line a handler, beside the tables of routes.

A handler without a line here cannot be published; the tests hold every answer against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api.admin import (
    extensions,
    feed,
    log,
    organisations,
    responses,
    self_test,
    sessions,
    settings,
    sign_in,
    users,
)
from chalicelib.api.admin.requests import PAGE, Handler
from chalicelib.api.admin.responses import Page
from chalicelib.organisations import inputs
from chalicelib.organisations.inputs import LocalId
from chalicelib.storage.log_entries import OUTCOMES

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or a header."""

    name: str
    schema: Schema
    text: str
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Description:
    """What a route gives by status (None: no body), what it takes, and with which parameters.

    `optional` says that the body may be left out, `in_path` which field of it the path names
    already, `refuses` which refusals come beside those of every route of its kind, `files` as
    which media types the answer can be had in place of JSON.
    """

    gives: Mapping[int, Any]
    takes: Any = None
    optional: bool = False
    in_path: str | None = None
    parameters: tuple[Parameter, ...] = ()
    refuses: tuple[int, ...] = ()
    files: tuple[str, ...] = ()


TEXT: Schema = {"type": "string"}
YES_OR_NO: Schema = {"enum": ["true", "false"]}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": PAGE, "default": PAGE}

PAGING = (
    Parameter("limit", LIMIT, "How many items the page is to have."),
    Parameter("cursor", TEXT, "The `next` of the page before, unchanged."),
)
SEARCH = Parameter("search", TEXT, "An e-mail address, a userName, or how a name begins.")
REFERENCE = Parameter("reference", TEXT, "Only the one that has this reference.")
LINKED = Parameter("linked", YES_OR_NO, "Only users who have an account of the SaaS, or have not.")
WORKSPACE = Parameter("workspace", TEXT, "Another workspace than the connection's.")
USERS = Parameter("users", {"enum": ["keep", "deactivate", "delete"]}, "What happens to its users.")
PREVIEW = Parameter("preview", YES_OR_NO, "Tell what would happen, and change nothing.")
IF_MATCH = Parameter("If-Match", TEXT, "Only at this version: an ETag.", "header")
ONCE = Parameter(
    "Idempotency-Key", TEXT, "The same key creates nothing again for 24 hours.", "header"
)

FROM = Parameter("from", TEXT, "Only what came then or later: an RFC 3339 time.")
TO = Parameter("to", TEXT, "Only what came then or earlier: an RFC 3339 time.")
OUTCOME = Parameter("outcome", {"enum": list(OUTCOMES)}, "Only calls that ended so.")
OF_USER = Parameter("user", TEXT, "Only calls that met this user: an id.")
OF_GROUP = Parameter("group", TEXT, "Only calls that met this team: an id.")
AFTER = Parameter("after", TEXT, "The `next` of the page before, unchanged, or `now`.")

NO_BODY: Mapping[int, Any] = {204: None}

DESCRIPTIONS: Mapping[Handler, Description] = {
    organisations.health: Description({200: responses.Health}),
    # organisations
    organisations.create_organisation: Description(
        {201: responses.Organisation}, inputs.NewOrganisation, parameters=(ONCE,)
    ),
    organisations.list_organisations: Description(
        {200: Page[responses.ListedOrganisation]}, parameters=(*PAGING, REFERENCE)
    ),
    organisations.get_organisation: Description({200: responses.Organisation}),
    organisations.change_organisation: Description(
        {200: responses.Organisation}, inputs.OrganisationChanges, parameters=(IF_MATCH,)
    ),
    organisations.delete_organisation: Description(
        {202: responses.Organisation}, parameters=(IF_MATCH,)
    ),
    settings.put_workspace: Description(
        {200: responses.Workspace}, inputs.NewWorkspace, in_path="id"
    ),
    settings.delete_workspace: Description(NO_BODY),
    settings.put_role: Description({200: responses.Role}, inputs.NewRole, in_path="id"),
    settings.delete_role: Description(NO_BODY),
    settings.put_domain: Description(
        {200: responses.Domain}, inputs.NewDomain, optional=True, in_path="domain"
    ),
    settings.delete_domain: Description(NO_BODY),
    settings.list_audit: Description({200: Page[responses.AuditEntry]}, parameters=PAGING),
    # connections
    organisations.create_connection: Description(
        {201: responses.Connection}, inputs.NewConnection, parameters=(ONCE,)
    ),
    organisations.list_connections: Description({200: Page[responses.Connection]}),
    organisations.get_connection: Description({200: responses.Connection}),
    organisations.change_connection: Description(
        {200: responses.Connection}, inputs.ConnectionChanges, parameters=(IF_MATCH,)
    ),
    organisations.delete_connection: Description(
        {200: responses.Preview, 202: responses.Connection, 204: None},
        parameters=(USERS, PREVIEW, IF_MATCH),
    ),
    organisations.create_token: Description(
        {201: responses.NewTokenShown}, inputs.NewToken, parameters=(ONCE,)
    ),
    organisations.list_tokens: Description({200: Page[responses.Token]}),
    organisations.revoke_token: Description(NO_BODY),
    organisations.rotate_token: Description(
        {201: responses.NewTokenShown}, inputs.Rotation, optional=True, parameters=(ONCE,)
    ),
    self_test.run_self_test: Description({200: responses.TestReport}, refuses=(429,)),
    log.list_calls: Description(
        {200: Page[responses.LogEntry]},
        parameters=(*PAGING, FROM, TO, OUTCOME, OF_USER, OF_GROUP),
        files=tuple(log.FILES),
    ),
    feed.list_changes: Description({200: responses.Changes}, parameters=(PAGING[0], AFTER)),
    extensions.list_schemas: Description({200: Page[responses.ExtensionSchema]}),
    extensions.get_schema: Description({200: responses.ExtensionSchema}),
    extensions.put_schema: Description({200: responses.ExtensionSchema}, responses.ExtensionSchema),
    extensions.delete_schema: Description(NO_BODY),
    # users and teams
    users.list_users: Description(
        {200: Page[responses.User]}, parameters=(*PAGING, SEARCH, LINKED)
    ),
    users.get_user: Description({200: responses.User}),
    users.replace_roles: Description(
        {200: responses.User}, users.RolesOfUser | list[users.RoleOfUser | LocalId]
    ),
    users.assign_role: Description({200: responses.User}, parameters=(WORKSPACE,)),
    users.withdraw_role: Description(NO_BODY, parameters=(WORKSPACE,)),
    users.link_account: Description({200: responses.User}, users.AccountOfUser),
    users.unlink_account: Description(NO_BODY),
    users.password_set: Description({200: responses.User}),
    users.list_teams: Description({200: Page[responses.Team]}, parameters=(*PAGING, SEARCH)),
    users.get_team: Description({200: responses.Team}),
    users.list_members: Description({200: Page[responses.User]}, parameters=PAGING),
    users.resolve: Description({200: Page[responses.User]}, users.Identity),
    sign_in.what_next: Description({200: responses.NextStep}, sign_in.Visitor),
    # the console
    sessions.create_console_link: Description(
        {201: responses.ConsoleLink}, sessions.NewConsoleLink
    ),
    sessions.create_session: Description(
        {201: responses.Session}, sessions.Exchange, refuses=(401,)
    ),
    sessions.end_session: Description(NO_BODY, refuses=(404,)),
}
