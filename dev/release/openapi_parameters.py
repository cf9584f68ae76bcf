"""What a handler of the admin API takes: its body, its parameters, its errors beside the usual.

What it returns is declared by the handler itself; one that takes nothing has no entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api.admin import (
    acknowledgements,
    alerts,
    audit,
    connections,
    digest,
    erasures,
    events,
    extensions,
    feed,
    groups,
    listening,
    log,
    organisations,
    responses,
    self_test,
    sessions,
    settings,
    sign_in,
    summary,
    tokens,
    users,
    webhooks,
)
from chalicelib.api.admin.requests import MAX_PAGE, Handler
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
class Takes:
    """What a handler takes.

    `body` is the model of its body, `optional` says that it may be left out, and `in_path` names
    the field of it that the path has already. `errors` are statuses beside those that follow from
    the route.
    """

    body: Any = None
    optional: bool = False
    in_path: str | None = None
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()


TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"enum": ["true", "false"]}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": MAX_PAGE}

PAGING = (
    Parameter("limit", LIMIT, "How many items the page may have."),
    Parameter("cursor", TEXT, "The `next` of the page before, unchanged."),
)
SEARCH = Parameter("search", TEXT, "An e-mail address, a userName, or the beginning of a name.")
REFERENCE = Parameter("reference", TEXT, "Only the organisation with this reference.")
LINKED = Parameter("linked", BOOLEAN, "Only users who have an account of the SaaS, or have none.")
ACCOUNT = Parameter("account", TEXT, "Only the user with this account: the SaaS's own id.")
INCLUDE = Parameter("include", {"enum": ["scim"]}, "Add the SCIM document of each.")
BUCKET = Parameter(
    "bucket",
    TEXT,
    "List the objects of a bucket: two hexadecimal digits; more for a part.",
)
OF_ORGANISATION = Parameter("organisation", TEXT, "Only changes of this organisation: an id.")
ERASED_OF = Parameter("organisation", TEXT, "Only records of this organisation: an id.")
AFTER_BUCKET = Parameter("after", TEXT, "The `next` of the page before, unchanged.")
WORKSPACE = Parameter("workspace", TEXT, "Another workspace than the connection's.")
USERS = Parameter("users", {"enum": ["keep", "deactivate", "delete"]}, "What happens to its users.")
PREVIEW = Parameter("preview", BOOLEAN, "Return what would happen, and change nothing.")
IF_MATCH = Parameter("If-Match", TEXT, "Only at this version: an ETag.", "header")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key", TEXT, "The same key creates nothing again for 24 hours.", "header"
)

CONFIRM = Parameter(
    "Passerelle-Confirm", TEXT, "The name of the organisation that is to be deleted.", "header"
)
CREDENTIALS = Parameter(
    "credentials",
    {"enum": ["keep", "revoke"]},
    "`revoke` revokes the credentials too that the sessions of a setup link have created.",
)
SESSIONS_OF = Parameter("user", TEXT, "Only the sessions of this user: the SaaS's own id.")
ACTOR = Parameter("actor", TEXT, "Only what this actor did: a type, an id, a name or a session.")
ACTION = Parameter("action", TEXT, "Only this action, such as `token.created`, or all of `token`.")
FROM = Parameter("from", TEXT, "Only requests at or after this RFC 3339 time.")
TO = Parameter("to", TEXT, "Only requests at or before this RFC 3339 time.")
OUTCOME = Parameter("outcome", {"enum": list(OUTCOMES)}, "Only requests with this outcome.")
OF_USER = Parameter("user", TEXT, "Only requests that concern this user: an id.")
OF_GROUP = Parameter("group", TEXT, "Only requests that concern this team: an id.")
AFTER_TIME = Parameter("after", TEXT, "Only requests after this RFC 3339 time.")
AFTER = Parameter("after", TEXT, "The `next` of the page before, unchanged, or `now`.")

HEALTH = Parameter(
    "health",
    {"enum": sorted(alerts.PARAMETERS["health"])},
    "Only connections with this health: their most urgent alert.",
)
STATE = Parameter(
    "state", {"enum": sorted(alerts.PARAMETERS["state"])}, "Only connections in this state."
)

TAKES: Mapping[Handler, Takes] = {
    # organisations
    organisations.create_organisation: Takes(inputs.NewOrganisation, parameters=(IDEMPOTENCY_KEY,)),
    organisations.list_organisations: Takes(parameters=(*PAGING, REFERENCE)),
    organisations.change_organisation: Takes(inputs.OrganisationChanges, parameters=(IF_MATCH,)),
    organisations.delete_organisation: Takes(parameters=(IF_MATCH, CONFIRM)),
    settings.put_workspace: Takes(inputs.NewWorkspace, in_path="id"),
    settings.put_role: Takes(inputs.NewRole, in_path="id"),
    settings.put_domain: Takes(inputs.NewDomain, optional=True, in_path="domain"),
    erasures.list_erasures: Takes(parameters=(*PAGING, ERASED_OF), errors=(404,)),
    audit.list_audit: Takes(parameters=(*PAGING, FROM, TO, ACTOR, ACTION)),
    audit.list_deployment_audit: Takes(parameters=(*PAGING, FROM, TO, ACTOR, ACTION)),
    feed.list_changes: Takes(parameters=(PAGING[0], AFTER)),
    events.list_events: Takes(parameters=(PAGING[0], AFTER, OF_ORGANISATION), errors=(404, 409)),
    webhooks.create_webhook: Takes(webhooks.NewWebhook, errors=(409,)),
    webhooks.change_webhook: Takes(webhooks.WebhookChanges, errors=(409,)),
    webhooks.rotate_webhook: Takes(errors=(409,)),
    webhooks.replay: Takes(webhooks.Replay),
    webhooks.list_deliveries: Takes(parameters=PAGING),
    webhooks.list_dead_letters: Takes(parameters=PAGING),
    acknowledgements.acknowledge: Takes(acknowledgements.Acknowledgement, errors=(409,)),
    # connections
    alerts.list_all_connections: Takes(parameters=(*PAGING, HEALTH, STATE)),
    connections.create_connection: Takes(inputs.NewConnection, parameters=(IDEMPOTENCY_KEY,)),
    connections.list_connections: Takes(parameters=PAGING),
    connections.change_connection: Takes(inputs.ConnectionChanges, parameters=(IF_MATCH,)),
    connections.delete_connection: Takes(parameters=(USERS, PREVIEW, IF_MATCH)),
    tokens.list_tokens: Takes(parameters=PAGING),
    tokens.create_token: Takes(inputs.NewToken, parameters=(IDEMPOTENCY_KEY,)),
    tokens.list_credentials: Takes(parameters=PAGING),
    tokens.create_credential: Takes(inputs.NewConnectionCredential, parameters=(IDEMPOTENCY_KEY,)),
    tokens.rotate_credential: Takes(inputs.Rotation, optional=True, parameters=(IDEMPOTENCY_KEY,)),
    tokens.rotate_token: Takes(inputs.Rotation, optional=True, parameters=(IDEMPOTENCY_KEY,)),
    self_test.run_self_test: Takes(errors=(429,)),
    listening.listen: Takes(errors=(409,)),
    listening.list_rejected: Takes(parameters=(PAGING[0], AFTER_TIME)),
    log.list_log: Takes(parameters=(*PAGING, FROM, TO, OUTCOME, OF_USER, OF_GROUP)),
    extensions.put_schema: Takes(responses.ExtensionSchema),
    digest.get_digest: Takes(parameters=(BUCKET, AFTER_BUCKET)),
    # users and groups
    users.list_users: Takes(parameters=(*PAGING, SEARCH, LINKED, ACCOUNT, INCLUDE)),
    users.get_user: Takes(parameters=(INCLUDE,)),
    users.replace_roles: Takes(users.RolesOfUser | list[users.RoleOfUser | LocalId]),
    users.assign_role: Takes(parameters=(WORKSPACE,)),
    users.withdraw_role: Takes(parameters=(WORKSPACE,)),
    users.link_account: Takes(users.AccountOfUser, errors=(409,)),
    users.resolve: Takes(users.Identity),
    groups.list_teams: Takes(parameters=(*PAGING, SEARCH, INCLUDE)),
    groups.get_team: Takes(parameters=(INCLUDE,)),
    groups.list_members: Takes(parameters=(*PAGING, INCLUDE)),
    sign_in.find_sign_in_method: Takes(sign_in.Visitor),
    # the console
    sessions.revoke_console_link: Takes(parameters=(CREDENTIALS,)),
    sessions.create_console_link: Takes(inputs.NewConsoleLink, errors=(429,)),
    sessions.create_session: Takes(sessions.Exchange, errors=(401, 403)),
    sessions.end_own_session: Takes(errors=(404,)),
    sessions.finish_setup: Takes(errors=(404,)),
    summary.get_summary: Takes(errors=(404,)),
    sessions.end_sessions: Takes(parameters=(SESSIONS_OF,)),
}
