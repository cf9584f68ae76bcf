"""What the admin API responds with: statuses, and the shapes of the documents.

A handler declares its responses as its return type, `Ok[User]` or `Accepted[Connection] |
NoContent`: the type checker compares the documents with the shapes, and the OpenAPI document is
made of the same declaration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.edge import JSON, Response
from chalicelib.organisations.inputs import IdentityProvider
from chalicelib.storage.alert_items import ALERT_TYPES
from chalicelib.storage.connection_settings import ConnectionSettings
from chalicelib.storage.event_items import EVENT_TYPES

T = TypeVar("T", bound=Mapping[str, Any])
Item = TypeVar("Item")

Headers = Mapping[str, str]
NO_HEADERS: Headers = MappingProxyType({})
# A response with a secret must not be kept by anything on its way.
NO_STORE: Headers = MappingProxyType({"Cache-Control": "no-store"})


class JsonResponse(Response, Generic[T]):
    """A response with a document of a declared shape."""

    STATUS: ClassVar[int]

    def __init__(self, document: T, headers: Headers = NO_HEADERS) -> None:
        """Take the document; the status is the one of the class."""
        super().__init__(self.STATUS, document, headers, JSON)


class Ok(JsonResponse[T]):
    """200: the resource that was read or changed, or a page of a list."""

    STATUS = 200


class Created(JsonResponse[T]):
    """201: what was created."""

    STATUS = 201


class Accepted(JsonResponse[T]):
    """202: what goes on after the response."""

    STATUS = 202


class NoContent(Response):
    """204: it is done, and there is nothing to say."""

    STATUS: ClassVar[int] = 204

    def __init__(self, headers: Headers = NO_HEADERS) -> None:
        """Take headers only."""
        super().__init__(self.STATUS, headers=headers)


class File(Response):
    """200: a page as a file, of a media type that the request asks for."""

    def __init__(self, text: str, media_type: str, headers: Headers) -> None:
        """Take the text of the file."""
        super().__init__(200, None, headers, media_type, text)


def _one_of(*values: str) -> Any:
    """Name the values of a field; a `Literal` would need a cast of every stored value."""
    return Field(json_schema_extra={"enum": list(values)})


Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Address = Annotated[str, Field(json_schema_extra={"format": "uri"})]

# `asdict` makes the document of a dataclass: pydantic describes it, the type checker cannot.
if TYPE_CHECKING:
    Settings = dict[str, Any]
else:
    Settings = ConnectionSettings


class Page(TypedDict, Generic[Item]):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    items: list[Item]
    next: str | None


def page(items: Sequence[Item], next_cursor: str | None = None) -> Ok[Page[Item]]:
    """Return a page of a list; `next_cursor` None: it is the last one."""
    return Ok({"items": list(items), "next": next_cursor})


class FieldFault(TypedDict):
    """What is wrong with one field of a body: `workspaces[0].id` names one inside."""

    field: str
    message: str


class Problem(TypedDict):
    """An error (RFC 9457): `detail` says what to do. `errors` names the fields of a body.

    In a conflict, `id` and `hint` may name what is there already; `connection` and its `name`
    what uses a setting. `code_required` says that a setup link needs the code of six digits.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: NotRequired[list[FieldFault]]
    id: NotRequired[str]
    hint: NotRequired[str | None]
    connection: NotRequired[str]
    name: NotRequired[str]
    code_required: NotRequired[bool]


class Health(TypedDict):
    """That the service runs, and which version of it."""

    ok: bool
    version: str


class Tag(TypedDict):
    """A topic of operations."""

    name: str
    description: str


class Server(TypedDict):
    """Where a deployment is."""

    url: Address


class OpenApi(TypedDict):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    servers: list[Server]
    tags: list[Tag]
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
    """How the organisation's users sign in; `forced` leaves them no password."""

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
    """An organisation with its settings; `progress` while it is being deleted."""

    id: str
    name: str
    reference: str | None
    plan: str
    state: Annotated[str, _one_of("active", "suspended", "deleting")]
    sso: SignOn | None
    authentication: list[Annotated[str, _one_of("token", "client_secret", "federated")]] | None
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
    state: Annotated[str, _one_of("active", "suspended", "deleting")]
    reference: str | None


class Actor(TypedDict):
    """Who acts; `session` is there for an admin and for who sets up a connection."""

    type: Annotated[str, _one_of("operator", "admin", "setup", "system")]
    id: str
    name: str
    session: str | None


class AuditEntry(TypedDict):
    """Who did what to what, when and from where, and the values that differ.

    `address` is cut to its network in entries that are older than 30 days.
    """

    at: Moment
    actor: Actor
    action: str
    target: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    request_id: str
    address: str | None
    user_agent: str | None


class RejectedRequests(TypedDict):
    """Administrative requests that were rejected in seven days, by reason."""

    reason: str
    count: int
    last_at: Moment
    user_agent: str
    explanation: str


class Audit(TypedDict):
    """A page of the audit, newest first, and what was rejected."""

    items: list[AuditEntry]
    next: str | None
    rejected: list[RejectedRequests]


# --- connections ------------------------------------------------------------------------------


class Rejection(TypedDict):
    """Requests that were rejected in seven days, by reason, and what to do about it."""

    reason: str
    count: int
    last_at: Moment
    user_agent: str
    fix: str


class Listening(TypedDict):
    """Until when the rejected requests of a connection are written one by one."""

    listening_until: Moment


class RejectedRequest(TypedDict):
    """A request that was rejected while a page was listening, and what to do about it.

    `token_hint` is how the token of this connection ended that was sent.
    """

    id: str
    at: Moment
    reason: str
    fix: str
    method: str
    path: str
    status: int
    user_agent: str
    token_hint: str | None


class IgnoredAttribute(TypedDict):
    """An attribute that the identity provider sends and no schema has, with requests in 7 days."""

    name: str
    count: int


class HealthAdvice(TypedDict):
    """Requests of seven days that the identity provider may have meant otherwise."""

    reason: str
    count: int
    last_at: Moment
    text: str


class HealthHour(TypedDict):
    """An hour in which there were requests, in UTC, and how they ended.

    `errors` are among the `calls`; `rejected` are requests that were not authenticated.
    """

    hour: Annotated[str, Field(json_schema_extra={"pattern": "^[0-9-]{10}T[0-9]{2}$"})]
    calls: int
    errors: int
    rejected: int


class ErasureRecord(TypedDict):
    """A record that an organisation or a user was erased, which outlives them.

    `record` is the statement, in JSON; its Ed25519 signature (RFC 8032) and the public key are in
    base64. All three are null until nothing is left.
    """

    id: str
    erased: Annotated[str, _one_of("organisation", "user")]
    organisation: str
    user: str | None
    ordered_at: Moment
    completed_at: Moment | None
    record: str | None
    signature: str | None
    public_key: str | None


class Alert(TypedDict):
    """An alert that is open: since when, and what to do about it."""

    alert: Annotated[str, _one_of(*ALERT_TYPES)]
    since: Moment
    text: str


class WatchedConnection(TypedDict):
    """A connection of any organisation, as it was found at most 16 minutes ago.

    `health` is its most urgent alert, `last_request` is true to the hour, and `expires_at` is when
    the credential that its identity provider uses ends.
    """

    connection: str
    organisation: str
    name: str | None
    reference: str | None
    identity_provider: IdentityProvider | None
    state: Annotated[str | None, _one_of("active", "paused")]
    health: Annotated[str, _one_of("mass_change", "failing", "silent", "expiring", "ok")]
    alerts: list[Alert]
    last_request: Moment | None
    expires_at: Moment | None


class ConnectionHealth(TypedDict):
    """The health of a connection: its last accepted request, and how many there were.

    `hours` are the last 48 with requests, the newest at the end. `ignored` are the attributes that
    had no effect, `unnamed` is how often others had none whose names may hold data.
    """

    last_call: Moment | None
    calls_24h: int
    errors_24h: int
    users: int
    teams: int
    refusals: list[Rejection]
    ignored: list[IgnoredAttribute]
    unnamed: int
    advice: list[HealthAdvice]
    alerts: list[Alert]
    hours: list[HealthHour]


class Connection(TypedDict):
    """A connection; `scim_url` is what is pasted into the identity provider.

    `authentication` holds the types of credentials that it accepts; at `token_url` the identity
    provider gets access tokens for a client secret or an assertion.

    `health` is there only where one connection is read, `previous_settings` only where a PATCH
    names an identity provider: what was in force before it.
    """

    id: str
    organisation: str
    name: str
    scim_url: Address
    state: Annotated[str, _one_of("active", "paused", "ended", "deleting")]
    workspace: str
    default_role: str
    identity_provider: IdentityProvider
    settings: Settings
    authentication: list[Annotated[str, _one_of("token", "client_secret", "federated")]]
    profile: Annotated[str, _one_of("lenient", "interop")]
    token_url: Address
    previous_settings: NotRequired[Settings]
    created: Moment
    last_modified: Moment
    health: NotRequired[ConnectionHealth]


class LoggedOperation(TypedDict):
    """An operation of a Bulk request, and what became of it."""

    method: str
    path: str
    status: int
    scim_type: str | None
    id: str | None


class LogEntry(TypedDict):
    """A request of the identity provider; values are masked, `ids` are its users and teams.

    `ignored` are names of attributes that had no effect, `unnamed` is the number of others whose
    names may hold data; `advice` says what the identity provider may have meant, `operations` are
    those of a Bulk request.
    """

    at: Moment
    method: str
    path: str
    status: int
    outcome: Annotated[str, _one_of("success", "refused", "failed")]
    scim_type: str | None
    detail: str | None
    token: str
    token_id: str
    request_id: str
    target: str | None
    ids: list[str]
    duration_ms: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    ignored: list[str]
    unnamed: int
    advice: list[str]
    operations: list[LoggedOperation]


class Change(TypedDict):
    """A change of what `id` names: a user (of role and account, too), a team or a connection.

    `version` is that of the user or team, null where it is gone. `connection` and `token_id` are
    null for what the organisation itself changes.
    """

    id: str
    type: Annotated[str, _one_of("user", "team", "role", "account", "connection")]
    organisation: str
    reference: str | None
    connection: str | None
    version: int | None
    attributes: list[str]
    at: Moment
    request_id: str
    token_id: str | None


class MembershipChange(TypedDict):
    """A membership that came or went; `state` is what is so when the page is read."""

    id: str
    type: Annotated[str, _one_of("membership")]
    organisation: str
    reference: str | None
    connection: str
    team: str
    user: str
    state: Annotated[str, _one_of("present", "absent")]
    at: Moment
    request_id: str
    token_id: str


class Changes(TypedDict):
    """A page of changes, oldest first; `next` is a cursor even where there is no more yet."""

    items: list[Change | MembershipChange]
    next: str
    more: bool
    unbroken_since: Moment


OWN_SHAPES = frozenset({"membership", "alert"})


class ToldChange(TypedDict):
    """What happened to `subject`: a user (role and account, too), a team, a connection or a link.

    `id` is the same whenever this is told. `version` is that of the user or team afterwards, null
    where it is gone. `connection` is null for what the organisation itself changes.
    """

    id: str
    type: Annotated[str, _one_of(*(each for each in EVENT_TYPES if each not in OWN_SHAPES))]
    action: str
    subject: str
    organisation: str
    reference: str | None
    connection: str | None
    version: int | None
    attributes: list[str]
    at: Moment


class ToldAlert(TypedDict):
    """An alert of the connection or webhook `subject` that was raised or cleared.

    A webhook belongs to no organisation.
    """

    id: str
    type: Annotated[str, _one_of("alert")]
    action: Annotated[str, _one_of("raised", "cleared")]
    subject: str
    alert: Annotated[str, _one_of(*ALERT_TYPES)]
    organisation: str | None
    reference: str | None
    connection: str | None
    at: Moment


class ToldMembership(TypedDict):
    """A membership that came or went: `action`; `state` is what is so when this is told."""

    id: str
    type: Annotated[str, _one_of("membership")]
    action: Annotated[str, _one_of("added", "removed")]
    organisation: str
    reference: str | None
    connection: str
    team: str
    user: str
    state: Annotated[str, _one_of("present", "absent")]
    at: Moment


class EventPage(TypedDict):
    """A page of the feed of all organisations; `next` is a cursor even where it is the end."""

    items: list[ToldChange | ToldMembership | ToldAlert]
    next: str
    more: bool


class Webhook(TypedDict):
    """Where events are sent to, a URL or an SQS FIFO queue; empty lists mean all of them.

    With `include` the events of users and groups have the object as it is when they are sent.
    Everything up to `cursor` of the feed was sent, waits, or was given up. `failures` counts the
    attempts since something was accepted last; nothing is sent before `next_attempt`.
    """

    id: str
    url: Address | None
    queue: str | None
    state: Annotated[str, _one_of("active", "paused")]
    types: list[str]
    organisations: list[str]
    include: Annotated[str, _one_of("object")] | None
    created: Moment
    cursor: str
    failures: int
    next_attempt: Moment | None


class NewWebhookSecret(TypedDict):
    """The secret of a webhook, which is shown only now: `whsec_` and 32 bytes in base64.

    A queue has none: what is sent to it is not signed.
    """

    id: str
    secret: str | None


class Acknowledged(TypedDict):
    """A leaver whose access has ended in the SaaS, so many seconds after the provider's request."""

    event: str
    user: str
    requested_at: Moment
    ended_at: Moment
    seconds: int


class Delivery(TypedDict):
    """An attempt: status and length of the response, or the `error` why there was none."""

    id: str
    event: str
    at: Moment
    status: int | None
    length: int | None
    error: str | None
    milliseconds: int


class DeadLetter(TypedDict):
    """An event that was given up after three days; `event` is null where the feed lacks it."""

    id: str
    event: str | None
    object: str
    at: Moment


class Preview(TypedDict):
    """What ending a connection would do: its state afterwards, and what would be affected."""

    connection: str
    state: str
    users: int
    teams: int
    members: int
    tokens: int
    effect: str


class Token(TypedDict):
    """A token without its secret; `last_used_by` is the user agent of its last request."""

    id: str
    name: str
    hint: str
    state: Annotated[str, _one_of("live", "expired", "revoked")]
    created: Moment
    created_by: str
    expires_at: Moment
    last_used_at: Moment | None
    last_used_by: str | None


class NewTokenShown(Token):
    """A new token with its text, which no other response ever has."""

    token: str


class ConnectionCredential(Token):
    """A credential without its secret.

    A static token has no `client_id`; `issuer`, `subject` and `audience` are of a federated one.
    """

    type: Annotated[str, _one_of("token", "client_secret", "federated")]
    client_id: str | None
    issuer: str | None
    subject: str | None
    audience: str | None


class NewCredentialShown(ConnectionCredential):
    """A new credential with its secret, which no other response ever has.

    `token` is that of a static token, `client_secret` that of a client secret; else null.
    """

    token: str | None
    client_secret: str | None


class TestStep(TypedDict):
    """A step of a self-test; `request` null: it checks the settings."""

    name: str
    request: str | None
    outcome: Annotated[str, _one_of("passed", "failed", "skipped")]
    detail: str
    fix: str | None


class TestReport(TypedDict):
    """How a self-test went, and what could be better."""

    outcome: Annotated[str, _one_of("passed", "failed", "skipped")]
    steps: list[TestStep]
    advice: list[str]


class ExtensionAttribute(TypedDict):
    """An attribute of an extension schema: RFC 7643 section 7."""

    name: str
    type: str
    multiValued: NotRequired[bool]
    description: NotRequired[str]
    required: NotRequired[bool]
    canonicalValues: NotRequired[list[str]]
    caseExact: NotRequired[bool]
    mutability: NotRequired[str]
    returned: NotRequired[str]
    uniqueness: NotRequired[str]
    referenceTypes: NotRequired[list[str]]
    subAttributes: NotRequired[list[ExtensionAttribute]]


class ExtensionSchema(TypedDict):
    """An extension schema of a connection's users: RFC 7643 section 7."""

    schemas: NotRequired[list[str]]
    id: str
    name: NotRequired[str]
    description: NotRequired[str]
    attributes: list[ExtensionAttribute]


# --- users and teams --------------------------------------------------------------------------


class AssignedRole(TypedDict):
    """A role of a user: granted when they were created, or assigned locally."""

    role: str
    workspace: str
    source: Annotated[str, _one_of("default", "local")]


class TeamOfUser(TypedDict):
    """A team that a user is in."""

    id: str
    name: str


class Email(TypedDict):
    """An e-mail address of a user."""

    value: NotRequired[str]
    display: NotRequired[str]
    type: NotRequired[str]
    primary: NotRequired[bool]


class User(TypedDict):
    """A user; `teams` is there where one user, or a page of users, is read.

    `version` grows with each change of what the identity provider sends. `scim` is there with
    `?include=scim`: the whole document, without a password, with 100 groups at most.
    """

    id: str
    user_name: str
    external_id: str | None
    display_name: str | None
    emails: list[Email]
    active: bool
    connection: str
    workspace: str
    account: str | None
    granted_role: str
    roles: list[AssignedRole]
    teams: NotRequired[list[TeamOfUser]]
    created: Moment
    last_modified: Moment
    version: int
    scim: NotRequired[dict[str, Any]]


class Team(TypedDict):
    """A team; `members` counts them.

    `version` grows with each change of the team, not with those of its members. `scim` is there
    with `?include=scim`: the whole document without its members.
    """

    id: str
    name: str
    external_id: str | None
    connection: str
    workspace: str
    members: int
    created: Moment
    last_modified: Moment
    version: int
    scim: NotRequired[dict[str, Any]]


class DigestOfType(TypedDict):
    """How many objects these are, and the digest of each of 256 buckets: 16 hexadecimal digits.

    A bucket is null where this page has not read it. `count` counts those that it has.
    """

    count: int
    buckets: list[str | None]


class Digest(TypedDict):
    """The digest of a connection's directory; `next` is set where more pages follow."""

    users: DigestOfType
    groups: DigestOfType
    memberships: DigestOfType
    next: str | None


class DigestedUser(TypedDict):
    """A user as the digest sees them."""

    id: str
    version: int
    active: bool


class DigestedGroup(TypedDict):
    """A team as the digest sees it."""

    id: str
    version: int


class DigestedMembership(TypedDict):
    """A membership as the digest sees it."""

    team: str
    user: str


class DigestBucket(TypedDict):
    """The objects of one bucket."""

    users: list[DigestedUser]
    groups: list[DigestedGroup]
    memberships: list[DigestedMembership]


class NextStep(TypedDict):
    """What the sign-in page must do next: go to SSO, ask for a password, or say no."""

    method: Annotated[str, _one_of("sso", "password", "inactive")]
    redirect_url: NotRequired[Address]
    reset_required: NotRequired[bool]


# --- the console ------------------------------------------------------------------------------


class ConsoleLink(TypedDict):
    """A console link that can still be used.

    A setup link says how often it was opened and when last, and the `code` that a second browser
    needs, while it asks for one.
    """

    id: str
    name: str
    user: str | None
    purpose: Annotated[str, _one_of("admin", "setup")]
    connection: str | None
    contact: str | None
    embedded: bool
    return_url: Address | None
    openings: int
    last_opened: Moment | None
    code: str | None
    created: Moment
    expires_at: Moment


class NewConsoleLinkShown(TypedDict):
    """A new console link: the address opens the console once."""

    id: str
    url: Address
    expires_at: Moment


class ConsoleSession(TypedDict):
    """A session that goes on; `last_used` is right to a minute."""

    id: str
    name: str
    user: str | None
    purpose: Annotated[str, _one_of("admin", "setup")]
    created: Moment
    last_used: Moment
    expires_at: Moment


class OwnSession(TypedDict):
    """The session of the request; `connection` is the one that a setup session is for.

    `code` is what another browser needs that has opened the same setup link, while it asks for it.
    """

    id: str
    name: str
    user: str | None
    purpose: Annotated[str, _one_of("admin", "setup")]
    connection: str | None
    embedded: bool
    return_url: Address | None
    code: str | None
    expires_at: Moment


class OwnOrganisation(TypedDict):
    """The organisation of a session; `scim` says whether its plan includes SCIM.

    `authentication` holds the types of credentials that its connections may accept.
    """

    id: str
    name: str
    state: Annotated[str, _one_of("active", "suspended", "deleting")]
    plan: str
    scim: bool
    sso: SignOn | None
    authentication: list[Annotated[str, _one_of("token", "client_secret", "federated")]]
    workspaces: list[Workspace]
    roles: list[Role]


class Summary(TypedDict):
    """What a page needs before it can show anything: whose session it is, and what they manage.

    `connections` has those that have not ended; for a setup session its own only.
    """

    session: OwnSession
    organisation: OwnOrganisation
    connections: list[Connection]


class Session(TypedDict):
    """A session of an organisation's admin, as a cookie; for a script with its token too."""

    token: NotRequired[str]
    expires_at: Moment
    organisation: str
