"""What the routes beside SCIM answer with, as types: the published document is made of them.

Only shapes. Handlers write their answers by hand, and the tests hold every one against these.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.organisations.inputs import IdentityProvider
from chalicelib.storage.connection_settings import ConnectionSettings

T = TypeVar("T")

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Address = Annotated[str, Field(json_schema_extra={"format": "uri"})]


class Page(TypedDict, Generic[T]):
    """A page of a list; `next` is the cursor of the page behind it, null on the last one."""

    items: list[T]
    next: str | None


class FieldFault(TypedDict):
    """What is wrong with one field of a body: `workspaces[0].id` names one inside."""

    field: str
    message: str


class Problem(TypedDict):
    """A refusal (RFC 9457): `detail` says what to mend. `errors` names the fields of a body.

    Where something stands in the way, `id` and `hint` may name it.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: NotRequired[list[FieldFault]]
    id: NotRequired[str]
    hint: NotRequired[str | None]


class Health(TypedDict):
    """That the service runs, and which version of it."""

    ok: bool
    version: str


class OpenApi(TypedDict):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


# --- organisations ----------------------------------------------------------------------------


class Workspace(TypedDict):
    """Where work happens in the SaaS."""

    id: str
    name: str


class Role(TypedDict):
    """A role that the SaaS knows; a protected one is never given by provisioning."""

    id: str
    name: str
    may_be_default: bool
    protected: bool


class Domain(TypedDict):
    """A verified domain."""

    domain: str


class SignOn(TypedDict):
    """How the organisation's people sign in; `forced` leaves them no password."""

    provider: str
    redirect_url: Address
    forced: bool


class Progress(TypedDict):
    """What is still there of an organisation that is being deleted."""

    connections: int
    users: int
    teams: int
    tokens: int


class Organisation(TypedDict):
    """An organisation with what it has; `progress` while it is being deleted."""

    id: str
    name: str
    reference: str | None
    plan: str
    state: Literal["active", "suspended", "deleting"]
    sso: SignOn | None
    workspaces: list[Workspace]
    roles: list[Role]
    domains: list[str]
    created: Moment
    last_modified: Moment
    progress: NotRequired[Progress]


class ListedOrganisation(TypedDict):
    """An organisation as the list of all shows it."""

    id: str
    name: str
    plan: str
    state: Literal["active", "suspended", "deleting"]
    reference: str | None


class AuditEntry(TypedDict):
    """Who changed what, when, from what to what; what stayed the same is left out."""

    at: Moment
    who: str
    what: str
    id: str
    before: dict[str, Any]
    after: dict[str, Any]


# --- connections ------------------------------------------------------------------------------


class Refusal(TypedDict):
    """Calls that were not let in, in seven days: why, and what to do about it."""

    reason: str
    count: int
    last_at: Moment
    user_agent: str
    fix: str


class ConnectionHealth(TypedDict):
    """How a connection fares: the last call that was let in, and what was counted of them."""

    last_call: Moment | None
    calls_24h: int
    errors_24h: int
    users: int
    teams: int
    refusals: list[Refusal]


class Connection(TypedDict):
    """A connection; `scim_url` is what is pasted into the identity provider.

    `health` stands only where one connection is read.
    """

    id: str
    organisation: str
    name: str
    scim_url: Address
    state: Literal["active", "paused", "ended", "deleting"]
    workspace: str
    default_role: str
    identity_provider: IdentityProvider
    settings: ConnectionSettings
    created: Moment
    last_modified: Moment
    health: NotRequired[ConnectionHealth]


class LogEntry(TypedDict):
    """A call of the identity provider; values are masked, `ids` are users and teams it met."""

    at: Moment
    method: str
    path: str
    status: int
    outcome: Literal["success", "refused", "failed"]
    scim_type: str | None
    detail: str | None
    token: str
    target: str | None
    ids: list[str]
    duration_ms: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Change(TypedDict):
    """A change of what `id` names; of a membership that is the team, and users came or went."""

    kind: Literal["user", "team", "membership", "role", "account", "connection"]
    id: str
    at: Moment
    attributes: list[str]
    added: list[str]
    removed: list[str]
    request_id: str


class Changes(TypedDict):
    """A page of changes, oldest first; `next` goes on from here, whether there is more or not."""

    items: list[Change]
    next: str
    more: bool
    unbroken_since: Moment


class Preview(TypedDict):
    """What the end of a connection would mean: the state after it, and what it would concern."""

    connection: str
    state: str
    users: int
    teams: int
    members: int
    tokens: int
    effect: str


class Token(TypedDict):
    """A token, as it may be shown for ever."""

    id: str
    name: str
    hint: str
    state: Literal["live", "expired", "revoked"]
    created: Moment
    created_by: str
    expires_at: Moment
    last_used_at: Moment | None


class NewTokenShown(Token):
    """A new token with its text, which no other answer ever holds."""

    token: str


class TestStep(TypedDict):
    """A step of a self-test; `request` null is a look at the settings."""

    name: str
    request: str | None
    outcome: Literal["passed", "failed", "skipped"]
    detail: str
    fix: str | None


class TestReport(TypedDict):
    """How a self-test went, and what could be better."""

    outcome: Literal["passed", "failed", "skipped"]
    steps: list[TestStep]
    advice: list[str]


class ExtensionSchema(TypedDict):
    """An extension schema of a connection's users: RFC 7643 section 7."""

    schemas: NotRequired[list[str]]
    id: str
    name: NotRequired[str]
    description: NotRequired[str]
    attributes: list[dict[str, Any]]


# --- users and teams --------------------------------------------------------------------------


class AssignedRole(TypedDict):
    """A role of a user: granted when he was created, or given locally."""

    role: str
    workspace: str
    source: Literal["default", "local"]


class TeamOfUser(TypedDict):
    """A team that a user is in."""

    id: str
    name: str


class User(TypedDict):
    """A user; `teams` where a single one, or a page of users, is asked for."""

    id: str
    user_name: str
    external_id: str | None
    display_name: str | None
    emails: list[dict[str, Any]]
    active: bool
    connection: str
    workspace: str
    account: str | None
    granted_role: str
    roles: list[AssignedRole]
    teams: NotRequired[list[TeamOfUser]]
    created: Moment
    last_modified: Moment


class Team(TypedDict):
    """A team; `members` counts them."""

    id: str
    name: str
    external_id: str | None
    connection: str
    workspace: str
    members: int
    created: Moment
    last_modified: Moment


class NextStep(TypedDict):
    """What the login page must do next: go there, ask for a password, or let nobody in."""

    method: Literal["sso", "password", "inactive"]
    redirect_url: NotRequired[Address]
    reset_required: NotRequired[bool]


# --- the console ------------------------------------------------------------------------------


class ConsoleLink(TypedDict):
    """An address that opens the console once."""

    url: Address
    expires_at: Moment


class Session(TypedDict):
    """A session of an organisation's admin; the browser has it as a cookie too."""

    token: str
    expires_at: Moment
    organisation: str
