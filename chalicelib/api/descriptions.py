"""What each route beside SCIM takes and gives: one line a handler, beside the tables of routes.

A handler without a line here cannot be published; the tests hold every answer against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api import (
    admin,
    answers,
    belongings,
    changes,
    log,
    people,
    schemas,
    self_test,
    sessions,
    sign_in,
)
from chalicelib.api.answers import Page
from chalicelib.api.calls import PAGE, Handler
from chalicelib.organisations import requests
from chalicelib.organisations.requests import LocalId
from chalicelib.storage.log import OUTCOMES

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
    admin.health: Description({200: answers.Health}),
    # organisations
    admin.create_organisation: Description(
        {201: answers.Organisation}, requests.NewOrganisation, parameters=(ONCE,)
    ),
    admin.list_organisations: Description(
        {200: Page[answers.ListedOrganisation]}, parameters=(*PAGING, REFERENCE)
    ),
    admin.get_organisation: Description({200: answers.Organisation}),
    admin.change_organisation: Description(
        {200: answers.Organisation}, requests.OrganisationChanges, parameters=(IF_MATCH,)
    ),
    admin.delete_organisation: Description({202: answers.Organisation}, parameters=(IF_MATCH,)),
    belongings.put_workspace: Description(
        {200: answers.Workspace}, requests.NewWorkspace, in_path="id"
    ),
    belongings.delete_workspace: Description(NO_BODY),
    belongings.put_role: Description({200: answers.Role}, requests.NewRole, in_path="id"),
    belongings.delete_role: Description(NO_BODY),
    belongings.put_domain: Description(
        {200: answers.Domain}, requests.NewDomain, optional=True, in_path="domain"
    ),
    belongings.delete_domain: Description(NO_BODY),
    belongings.list_audit: Description({200: Page[answers.AuditEntry]}, parameters=PAGING),
    # connections
    admin.create_connection: Description(
        {201: answers.Connection}, requests.NewConnection, parameters=(ONCE,)
    ),
    admin.list_connections: Description({200: Page[answers.Connection]}),
    admin.get_connection: Description({200: answers.Connection}),
    admin.change_connection: Description(
        {200: answers.Connection}, requests.ConnectionChanges, parameters=(IF_MATCH,)
    ),
    admin.delete_connection: Description(
        {200: answers.Preview, 202: answers.Connection, 204: None},
        parameters=(USERS, PREVIEW, IF_MATCH),
    ),
    admin.create_token: Description(
        {201: answers.NewTokenShown}, requests.NewToken, parameters=(ONCE,)
    ),
    admin.list_tokens: Description({200: Page[answers.Token]}),
    admin.revoke_token: Description(NO_BODY),
    admin.rotate_token: Description(
        {201: answers.NewTokenShown}, requests.Rotation, optional=True, parameters=(ONCE,)
    ),
    self_test.run_self_test: Description({200: answers.TestReport}, refuses=(429,)),
    log.list_calls: Description(
        {200: Page[answers.LoggedCall]},
        parameters=(*PAGING, FROM, TO, OUTCOME, OF_USER, OF_GROUP),
        files=tuple(log.FILES),
    ),
    changes.list_changes: Description({200: answers.Changes}, parameters=(PAGING[0], AFTER)),
    schemas.list_schemas: Description({200: Page[answers.ExtensionSchema]}),
    schemas.get_schema: Description({200: answers.ExtensionSchema}),
    schemas.put_schema: Description({200: answers.ExtensionSchema}, answers.ExtensionSchema),
    schemas.delete_schema: Description(NO_BODY),
    # users and teams
    people.list_users: Description({200: Page[answers.User]}, parameters=(*PAGING, SEARCH, LINKED)),
    people.get_user: Description({200: answers.User}),
    people.replace_roles: Description(
        {200: answers.User}, people.RolesOfUser | list[people.RoleOfUser | LocalId]
    ),
    people.assign_role: Description({200: answers.User}, parameters=(WORKSPACE,)),
    people.withdraw_role: Description(NO_BODY, parameters=(WORKSPACE,)),
    people.link_account: Description({200: answers.User}, people.AccountOfUser),
    people.unlink_account: Description(NO_BODY),
    people.password_set: Description({200: answers.User}),
    people.list_teams: Description({200: Page[answers.Team]}, parameters=(*PAGING, SEARCH)),
    people.get_team: Description({200: answers.Team}),
    people.list_members: Description({200: Page[answers.User]}, parameters=PAGING),
    people.resolve: Description({200: Page[answers.User]}, people.Identity),
    sign_in.what_next: Description({200: answers.NextStep}, sign_in.Visitor),
    # the console
    sessions.create_console_link: Description({201: answers.ConsoleLink}, sessions.NewConsoleLink),
    sessions.create_session: Description({201: answers.Session}, sessions.Exchange, refuses=(401,)),
    sessions.end_session: Description(NO_BODY, refuses=(404,)),
}
