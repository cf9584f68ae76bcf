"""The bodies and responses of the admin API, as types.

Written by `make openapi` from the OpenAPI document: do not edit.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class AccountOfUser(TypedDict):
    """The SaaS's own id of a user, and whether that account has a password already."""

    # The SaaS's own id of the account.
    id: str
    # Whether the account has a password: its user is not asked to reset one then. Default:
    # `false`.
    password_set: NotRequired[bool]


class Acknowledged(TypedDict):
    """A leaver whose access has ended in the SaaS, so many seconds after the provider's request."""

    # The id of the event.
    event: str
    # The id of the user.
    user: str
    # When the provider's request took it away here.
    requested_at: str
    # When the access had ended in the SaaS.
    ended_at: str
    # The time between the two, in seconds.
    seconds: int


class Acknowledgement(TypedDict):
    """The event of a leaver, and when their access had ended in the SaaS; by default now."""

    # The id of the event.
    event: str
    # When the access had ended in the SaaS; null: now.
    at: NotRequired[str | None]


class Actor(TypedDict):
    """Who acts; `session` is there for an admin and for who sets up a connection."""

    # What sort of principal it is.
    type: Literal["operator", "admin", "setup", "system"]
    # Their id: of an operator key, or the SaaS's own of a person.
    id: str
    # Their name.
    name: str
    # The session; null: a request without one.
    session: str | None


class Alert(TypedDict):
    """An alert that is open: since when, and what to do about it."""

    # Which alert it is.
    alert: Literal["mass_change", "failing", "silent", "credential_1_day", "credential_7_days", "credential_30_days", "webhook_failing"]
    # When it was raised (RFC 3339, UTC).
    since: str
    # What it may mean, and what to do.
    text: str


class AssignedRole(TypedDict):
    """A role of a user: granted when they were created, or assigned locally."""

    # The role: an id of the SaaS's.
    role: str
    # The workspace: an id of the SaaS's.
    workspace: str
    # `default`: granted at creation; `local`: by an admin.
    source: Literal["default", "local"]


class Audit(TypedDict):
    """A page of the audit, newest first, and what was rejected."""

    # The items of this page.
    items: list[AuditEntry]
    # The cursor of the next page; null: this is the last.
    next: str | None
    # Requests that were rejected in seven days, by reason.
    rejected: list[RejectedRequests]


class AuditEntry(TypedDict):
    """Who did what to what, when and from where, and the values that differ.

    `address` is cut to its network in entries that are older than 30 days.
    """

    # When it happened (RFC 3339, UTC).
    at: str
    # Who did it.
    actor: Actor
    # What was done.
    action: str
    # What it was done to.
    target: str
    # The values that differ, as they were.
    before: dict[str, Any]
    # The values that differ, as they are now.
    after: dict[str, Any]
    # The id of the request, which the SaaS's support asks for.
    request_id: str
    # The IP address of the request.
    address: str | None
    # What the sender says it is.
    user_agent: str | None


class Change(TypedDict):
    """A change of what `id` names: a user (of role and account, too), a team or a connection.

    `version` is that of the user or team, null where it is gone. `connection` and `token_id` are
    null for what the organisation itself changes.
    """

    # What has changed: of a role or account, its user.
    id: str
    # What has changed.
    type: Literal["user", "team", "role", "account", "connection"]
    # The id of the organisation.
    organisation: str
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The id of the connection.
    connection: str | None
    # The version, which grows with each change; null: it is gone.
    version: int | None
    # The names of the attributes that have changed, never values.
    attributes: list[str]
    # When it happened (RFC 3339, UTC).
    at: str
    # The id of the request, which the SaaS's support asks for.
    request_id: str
    # The id of the credential that was used; null: none.
    token_id: str | None


class Changes(TypedDict):
    """A page of changes, oldest first; `next` is a cursor even where there is no more yet."""

    # The items of this page.
    items: list[Change | MembershipChange]
    # The cursor to go on from, also at the end.
    next: str
    # Whether more is there already.
    more: bool
    # From when on the feed misses nothing.
    unbroken_since: str


class ChosenSettings(TypedDict):
    """How a connection behaves; null restores the preset of its identity provider."""

    # The response to a PATCH of a team: `auto` is the team, or 204 where it has more than 100
    # members; `204` is always 204.
    group_patch_answer: NotRequired[Literal["auto", "204"] | None]
    # Attributes that no schema of the connection has: `lenient` ignores them, `strict`
    # rejects the request with 400 and their names.
    unknown_attributes: NotRequired[Literal["lenient", "strict"] | None]
    # A PUT of a team without `members`: `keep` leaves its members as they are, `clear`
    # removes them all.
    put_without_members: NotRequired[Literal["keep", "clear"] | None]
    # A PATCH with `replace` whose value filter finds nothing, on a connection whose
    # `unknown_attributes` is `strict`: `true` creates the value, `false` rejects the request
    # with 400 `noTarget`. A lenient connection always creates it.
    creates_missing_values: NotRequired[Literal[True, False] | None]


class Connection(TypedDict):
    """A connection; `scim_url` is what is pasted into the identity provider.

    `authentication` holds the types of credentials that it accepts; at `token_url` the identity
    provider gets access tokens for a client secret or an assertion.  `health` is there only where
    one connection is read, `previous_settings` only where a PATCH names an identity provider: what
    was in force before it.
    """

    # Its id.
    id: str
    # The id of the organisation.
    organisation: str
    # Its name.
    name: str
    # What is pasted into the identity provider as its tenant URL.
    scim_url: str
    # Its state.
    state: Literal["active", "paused", "ended", "deleting"]
    # The workspace: an id of the SaaS's.
    workspace: str
    # The role that a new user gets: an id of the SaaS's.
    default_role: str
    # The identity provider that connects here.
    identity_provider: Literal["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "keycloak", "authentik", "midpoint", "other"]
    # How it behaves towards its identity provider.
    settings: ConnectionSettings
    # The types of credentials that are accepted.
    authentication: list[Literal["token", "client_secret", "federated"]]
    # `interop` rejects what the SCIM interoperability profile forbids.
    profile: Literal["lenient", "interop"]
    # Where the identity provider gets access tokens.
    token_url: str
    # What was in force before the provider was changed.
    previous_settings: NotRequired[ConnectionSettings]
    # When it was created (RFC 3339, UTC).
    created: str
    # When it was changed last (RFC 3339, UTC).
    last_modified: str
    # How it is doing; only where one connection is read.
    health: NotRequired[ConnectionHealth]


class ConnectionChanges(TypedDict):
    """Changes of a connection."""

    # A new name.
    name: NotRequired[str]
    # Its users and teams move along.
    workspace: NotRequired[str]
    # The role that a new user gets.
    default_role: NotRequired[str]
    # Another identity provider.
    identity_provider: NotRequired[Literal["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "keycloak", "authentik", "midpoint", "other"]]
    # `paused` rejects all of its requests.
    state: NotRequired[Literal["active", "paused"]]
    # Settings to change; the others stay.
    settings: NotRequired[ChosenSettings]
    # The types of credentials that are accepted.
    authentication: NotRequired[list[Literal["token", "client_secret", "federated"]]]
    # `interop` rejects what the SCIM interoperability profile forbids.
    profile: NotRequired[Literal["lenient", "interop"]]


class ConnectionCredential(TypedDict):
    """A credential without its secret.

    A static token has no `client_id`; `issuer`, `subject` and `audience` are of a federated one.
    """

    # Its id.
    id: str
    # Its name.
    name: str
    # How the secret ends, to recognise it by.
    hint: str
    # Whether it is accepted.
    state: Literal["live", "expired", "revoked"]
    # When it was created (RFC 3339, UTC).
    created: str
    # Who created it.
    created_by: str
    # When it expires (RFC 3339, UTC).
    expires_at: str
    # When it was used last; null: never.
    last_used_at: str | None
    # The user agent that used it last; null: none did.
    last_used_by: str | None
    # What sort of credential it is.
    type: Literal["token", "client_secret", "federated"]
    # Null for a static token.
    client_id: str | None
    # Who signs the assertions: a URL; null for other types.
    issuer: str | None
    # Of a federated credential; else null.
    subject: str | None
    # Of a federated credential; else null.
    audience: str | None


class ConnectionCredentialPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ConnectionCredential]
    # The cursor of the next page; null: this is the last.
    next: str | None


class ConnectionHealth(TypedDict):
    """The health of a connection: its last accepted request, and how many there were.

    `hours` are the last 48 with requests, the newest at the end. `ignored` are the attributes that
    had no effect, `unnamed` is how often others had none whose names may hold data.
    """

    # When the last request was accepted; null: none was.
    last_call: str | None
    # How many requests there were in 24 hours.
    calls_24h: int
    # How many requests of 24 hours were rejected or failed.
    errors_24h: int
    # How many users there are.
    users: int
    # How many teams there are.
    teams: int
    # The requests that were rejected in seven days, by reason.
    refusals: list[Rejection]
    # Attributes that are sent and have no effect.
    ignored: list[IgnoredAttribute]
    # How many more there were, whose names may hold data.
    unnamed: int
    # Requests that may have been meant otherwise.
    advice: list[HealthAdvice]
    # What is to be looked at, the most urgent first.
    alerts: list[Alert]
    # The last 48 hours with requests, the newest at the end.
    hours: list[HealthHour]


class ConnectionPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[Connection]
    # The cursor of the next page; null: this is the last.
    next: str | None


class ConnectionSettings(TypedDict):
    """How a connection behaves: as set, else as its identity provider expects."""

    # The response to a PATCH of a team: `auto` is the team, or 204 where it has more than 100
    # members; `204` is always 204.
    group_patch_answer: Literal["auto", "204"]
    # Attributes that no schema of the connection has: `lenient` ignores them, `strict`
    # rejects the request with 400 and their names.
    unknown_attributes: Literal["lenient", "strict"]
    # A PUT of a team without `members`: `keep` leaves its members as they are, `clear`
    # removes them all.
    put_without_members: Literal["keep", "clear"]
    # A PATCH with `replace` whose value filter finds nothing, on a connection whose
    # `unknown_attributes` is `strict`: `true` creates the value, `false` rejects the request
    # with 400 `noTarget`. A lenient connection always creates it.
    creates_missing_values: Literal[True, False]


class ConsoleLink(TypedDict):
    """A console link that can still be used.

    A setup link says how often it was opened and when last, and the `code` that a second browser
    needs, while it asks for one.
    """

    # Its id.
    id: str
    # Who will use it.
    name: str
    # The SaaS's own id of that person; null: not said.
    user: str | None
    # `admin`: all of the organisation; `setup`: one connection.
    purpose: Literal["admin", "setup"]
    # The one to set up; null: any, or a new one.
    connection: str | None
    # Whom the customer asks; null: not said.
    contact: str | None
    # Whether the console is shown inside a page of the SaaS.
    embedded: bool
    # Where the console leads back to; null: nowhere.
    return_url: str | None
    # How often it was opened.
    openings: int
    # When it was opened last; null: never.
    last_opened: str | None
    # The code of six digits that a setup link needs in a second browser.
    code: str | None
    # When it was created (RFC 3339, UTC).
    created: str
    # When it expires (RFC 3339, UTC).
    expires_at: str


class ConsoleLinkPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ConsoleLink]
    # The cursor of the next page; null: this is the last.
    next: str | None


class ConsoleSession(TypedDict):
    """A session that goes on; `last_used` is right to a minute."""

    # Its id.
    id: str
    # Who uses it.
    name: str
    # The SaaS's own id of that person; null: not said.
    user: str | None
    # `admin`: all of the organisation; `setup`: one connection.
    purpose: Literal["admin", "setup"]
    # When it was created (RFC 3339, UTC).
    created: str
    # When it was used last, right to a minute.
    last_used: str
    # When it expires (RFC 3339, UTC).
    expires_at: str


class ConsoleSessionPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ConsoleSession]
    # The cursor of the next page; null: this is the last.
    next: str | None


class DeadLetter(TypedDict):
    """An event that was given up after three days; `event` is null where the feed lacks it."""

    # Its id, which sorts by time.
    id: str
    # The id of the event.
    event: str | None
    # What it is about: `<connection>/<id>`.
    object: str
    # When it happened (RFC 3339, UTC).
    at: str


class DeadLetterPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[DeadLetter]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Delivery(TypedDict):
    """An attempt: status and length of the response, or the `error` why there was none."""

    # The id of the attempt.
    id: str
    # The id of the event.
    event: str
    # When it happened (RFC 3339, UTC).
    at: str
    # The status of the response; null: there was none.
    status: int | None
    # The length of the response in bytes; null: there was none.
    length: int | None
    # Why there was no response; null: there was one.
    error: str | None
    # How long the attempt took.
    milliseconds: int


class DeliveryPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[Delivery]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Digest(TypedDict):
    """The digest of a connection's directory; `next` is set where more pages follow."""

    # The digests of the users.
    users: DigestOfType
    # The digests of the teams.
    groups: DigestOfType
    # The digests of who is in which team.
    memberships: DigestOfType
    # The first bucket of the next page; null: this is the last.
    next: str | None


class DigestBucket(TypedDict):
    """The objects of one bucket."""

    # The users.
    users: list[DigestedUser]
    # The teams.
    groups: list[DigestedGroup]
    # Who is in which team.
    memberships: list[DigestedMembership]


class DigestOfType(TypedDict):
    """How many objects these are, and the digest of each of 256 buckets: 16 hexadecimal digits.

    A bucket is null where this page has not read it. `count` counts those that it has.
    """

    # How many objects these buckets have.
    count: int
    # 256 digests of 16 hexadecimal digits, by the first two digits of the ids; null: not on
    # this page.
    buckets: list[str | None]


class DigestedGroup(TypedDict):
    """A team as the digest sees it."""

    # The id of the team.
    id: str
    # Its version.
    version: int


class DigestedMembership(TypedDict):
    """A membership as the digest sees it."""

    # The id of the team.
    team: str
    # The id of the user.
    user: str


class DigestedUser(TypedDict):
    """A user as the digest sees them."""

    # The id of the user.
    id: str
    # Its version.
    version: int
    # Whether the user may sign in.
    active: bool


class Domain(TypedDict):
    """A verified domain."""

    # The domain.
    domain: str


class Email(TypedDict):
    """An e-mail address of a user."""

    # The address.
    value: NotRequired[str]
    # How it is shown.
    display: NotRequired[str]
    # What it is for.
    type: NotRequired[str]
    # Whether it is the first to use.
    primary: NotRequired[bool]


class ErasureRecord(TypedDict):
    """A record that an organisation or a user was erased, which outlives them.

    `record` is the statement, in JSON; its Ed25519 signature (RFC 8032) and the public key are in
    base64. All three are null until nothing is left.
    """

    # The organisation, and the user where one was erased.
    id: str
    # What was erased.
    erased: Literal["organisation", "user"]
    # The id of the organisation.
    organisation: str
    # The user; null: the whole organisation.
    user: str | None
    # When somebody ordered it (RFC 3339, UTC).
    ordered_at: str
    # When nothing was left; null: not yet.
    completed_at: str | None
    # The statement that is signed, in JSON; null: not yet.
    record: str | None
    # Its Ed25519 signature, in base64; null: not yet.
    signature: str | None
    # The public key, in base64; null: not yet.
    public_key: str | None


class ErasureRecordPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ErasureRecord]
    # The cursor of the next page; null: this is the last.
    next: str | None


class EventPage(TypedDict):
    """A page of the feed of all organisations; `next` is a cursor even where it is the end."""

    # The items of this page.
    items: list[ToldChange | ToldMembership | ToldAlert]
    # The cursor to go on from, also at the end.
    next: str
    # Whether more is there already.
    more: bool


class Exchange(TypedDict):
    """A console link to exchange for a session: what its URL has after the `#`.

    With the same `nonce` a second request within ten seconds gets the same session. `code` is what
    a setup link needs in a second browser.
    """

    # The text of the console link: what its URL has after the `#`.
    link: str
    # A random text: a second request with it, within ten seconds, gets the same session.
    nonce: NotRequired[str | None]
    # What a setup link needs in a second browser.
    code: NotRequired[str | None]


class ExtensionAttribute(TypedDict):
    """An attribute of an extension schema: RFC 7643 section 7."""

    # Its name.
    name: str
    # The type of its values.
    type: str
    # Whether it is a list.
    multiValued: NotRequired[bool]
    # What it means.
    description: NotRequired[str]
    # Whether a user must have it.
    required: NotRequired[bool]
    # Values that are suggested.
    canonicalValues: NotRequired[list[str]]
    # Whether capital letters make a difference.
    caseExact: NotRequired[bool]
    # Who may write it.
    mutability: NotRequired[str]
    # When a response has it.
    returned: NotRequired[str]
    # Whether two users may have one value.
    uniqueness: NotRequired[str]
    # What a reference may name.
    referenceTypes: NotRequired[list[str]]
    # What a complex attribute is made of.
    subAttributes: NotRequired[list[ExtensionAttribute]]


class ExtensionSchema(TypedDict):
    """An extension schema of a connection's users: RFC 7643 section 7."""

    # The URN of what a schema is.
    schemas: NotRequired[list[str]]
    # Its URN.
    id: str
    # Its name.
    name: NotRequired[str]
    # What it is for.
    description: NotRequired[str]
    # Its attributes.
    attributes: list[ExtensionAttribute]


class ExtensionSchemaPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ExtensionSchema]
    # The cursor of the next page; null: this is the last.
    next: str | None


class FieldFault(TypedDict):
    """What is wrong with one field of a body: `workspaces[0].id` names one inside."""

    # The field: `workspaces[0].id` is one inside.
    field: str
    # What is wrong with it.
    message: str


class Health(TypedDict):
    """That the service runs, and which version of it."""

    # Always true: a service that does not run returns nothing.
    ok: bool
    # The release that runs.
    version: str


class HealthAdvice(TypedDict):
    """Requests of seven days that the identity provider may have meant otherwise."""

    # Why, as a name that stays the same.
    reason: str
    # How many there were.
    count: int
    # When it happened last (RFC 3339, UTC).
    last_at: str
    # What it may mean, and what to do.
    text: str


class HealthHour(TypedDict):
    """An hour in which there were requests, in UTC, and how they ended.

    `errors` are among the `calls`; `rejected` are requests that were not authenticated.
    """

    # The hour, in UTC.
    hour: str
    # How many requests there were.
    calls: int
    # How many requests were rejected or failed.
    errors: int
    # How many requests were not authenticated.
    rejected: int


class Identity(TypedDict):
    """What a sign-in asserts of a user: one of three."""

    # The name that the user signs in with.
    user_name: NotRequired[str | None]
    # The identity provider's own id of the user.
    external_id: NotRequired[str | None]
    # An e-mail address.
    email: NotRequired[str | None]


class IgnoredAttribute(TypedDict):
    """An attribute that the identity provider sends and no schema has, with requests in 7 days."""

    # The name of the attribute.
    name: str
    # How many there were.
    count: int


class ListedOrganisation(TypedDict):
    """An organisation as the list of all shows it."""

    # Its id.
    id: str
    # Its name.
    name: str
    # The plan, by a name of the deployment's settings.
    plan: str
    # Its state.
    state: Literal["active", "suspended", "deleting"]
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None


class ListedOrganisationPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[ListedOrganisation]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Listening(TypedDict):
    """Until when the rejected requests of a connection are written one by one."""

    # Until when they are written one by one.
    listening_until: str


class LogEntry(TypedDict):
    """A request of the identity provider; values are masked, `ids` are its users and teams.

    `ignored` are names of attributes that had no effect, `unnamed` is the number of others whose
    names may hold data; `advice` says what the identity provider may have meant, `operations` are
    those of a Bulk request.
    """

    # When it happened (RFC 3339, UTC).
    at: str
    # The method of the request.
    method: str
    # The path of the request.
    path: str
    # The status of the response.
    status: int
    # How it ended.
    outcome: Literal["success", "refused", "failed"]
    # The `scimType` of the error; null: none.
    scim_type: str | None
    # The text of the error; null: none.
    detail: str | None
    # The name of the credential.
    token: str
    # The id of the credential that was used; null: none.
    token_id: str
    # The id of the request, which the SaaS's support asks for.
    request_id: str
    # The user or team of the path; null: none.
    target: str | None
    # The users and teams that it concerned.
    ids: list[str]
    # How long it took, in milliseconds.
    duration_ms: int
    # The masked values that differ, as they were.
    before: dict[str, Any] | None
    # The masked values that differ, as they are now.
    after: dict[str, Any] | None
    # The names of attributes that had no effect.
    ignored: list[str]
    # How many more there were, whose names may hold data.
    unnamed: int
    # What the identity provider may have meant.
    advice: list[str]
    # The operations of a Bulk request, and what became of each.
    operations: list[LoggedOperation]


class LogEntryPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[LogEntry]
    # The cursor of the next page; null: this is the last.
    next: str | None


class LoggedOperation(TypedDict):
    """An operation of a Bulk request, and what became of it."""

    # The method of the request.
    method: str
    # The path of the request.
    path: str
    # The status of the response.
    status: int
    # The `scimType` of the error; null: none.
    scim_type: str | None
    # The user or team; null: none.
    id: str | None


class MembershipChange(TypedDict):
    """A membership that came or went; `state` is what is so when the page is read."""

    # Its id, the same whenever it is told.
    id: str
    # A membership.
    type: Literal["membership"]
    # The id of the organisation.
    organisation: str
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The id of the connection.
    connection: str
    # The id of the team.
    team: str
    # The id of the user.
    user: str
    # What is so when the page is read.
    state: Literal["present", "absent"]
    # When it happened (RFC 3339, UTC).
    at: str
    # The id of the request, which the SaaS's support asks for.
    request_id: str
    # The id of the credential that was used; null: none.
    token_id: str


class NewConnection(TypedDict):
    """A connection of an organisation.

    `authentication` says which types of credentials it accepts, `profile` whether it rejects what
    the SCIM interoperability profile does not allow.
    """

    # Its name.
    name: str
    # The workspace: an id of the SaaS's.
    workspace: str
    # The role that a new user gets: an id of the SaaS's.
    default_role: str
    # The identity provider that connects here.
    identity_provider: Literal["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "keycloak", "authentik", "midpoint", "other"]
    # How it behaves, where the preset does not fit.
    settings: NotRequired[ChosenSettings]
    # The types that are accepted; null: all.
    authentication: NotRequired[list[Literal["token", "client_secret", "federated"]] | None]
    # `interop` rejects what the SCIM interoperability profile forbids. Default: `"lenient"`.
    profile: NotRequired[Literal["lenient", "interop"]]


class NewConnectionCredential(TypedDict):
    """A credential of a connection.

    `federated` needs the issuer of its assertions, by a tenant of Entra ID in one of Microsoft's
    clouds or as the URL of an issuer that the operator has added; and the subject and the audience
    that every assertion must have.
    """

    # Its name.
    name: str
    # When it expires; null: in a year.
    expires_at: NotRequired[str | None]
    # What sort of credential it is.
    type: Literal["token", "client_secret", "federated"]
    # The tenant of Entra ID that signs the assertions.
    tenant: NotRequired[str | None]
    # The cloud of Microsoft that the tenant is in. Default: `"global"`.
    cloud: NotRequired[Literal["global", "us_government", "china"]]
    # Who signs the assertions: a URL.
    issuer: NotRequired[str | None]
    # The subject that each assertion must have.
    subject: NotRequired[str | None]
    # The audience that each assertion must have.
    audience: NotRequired[str | None]


class NewConsoleLink(TypedDict):
    """A console link; `name` says who will use it, and the audit shows it beside their changes.

    `user` is the SaaS's own id of that person. A setup link may do no more than set up and test one
    connection: `connection`, or without it the first one that it is used to create.
    """

    # Who will use it.
    name: str
    # The SaaS's own id of that person.
    user: NotRequired[str | None]
    # `admin`: everything; `setup`: one connection. Default: `"admin"`.
    purpose: NotRequired[Literal["admin", "setup"]]
    # The one to set up; null: a new one.
    connection: NotRequired[str | None]
    # Whom the SaaS's customer asks: a name or an address.
    contact: NotRequired[str | None]
    # For how many days a setup link can be opened.
    expires_in_days: NotRequired[int | None]
    # Whether the console is shown inside a page of the SaaS. Default: `false`.
    embedded: NotRequired[bool]
    # Where the console leads back to.
    return_url: NotRequired[str | None]


class NewConsoleLinkShown(TypedDict):
    """A new console link: the address opens the console once."""

    # Its id.
    id: str
    # The address that opens the console.
    url: str
    # When it expires (RFC 3339, UTC).
    expires_at: str


class NewCredentialShown(TypedDict):
    """A new credential with its secret, which no other response ever has.

    `token` is that of a static token, `client_secret` that of a client secret; else null.
    """

    # Its id.
    id: str
    # Its name.
    name: str
    # How the secret ends, to recognise it by.
    hint: str
    # Whether it is accepted.
    state: Literal["live", "expired", "revoked"]
    # When it was created (RFC 3339, UTC).
    created: str
    # Who created it.
    created_by: str
    # When it expires (RFC 3339, UTC).
    expires_at: str
    # When it was used last; null: never.
    last_used_at: str | None
    # The user agent that used it last; null: none did.
    last_used_by: str | None
    # What sort of credential it is.
    type: Literal["token", "client_secret", "federated"]
    # Null for a static token.
    client_id: str | None
    # Who signs the assertions: a URL; null for other types.
    issuer: str | None
    # Of a federated credential; else null.
    subject: str | None
    # Of a federated credential; else null.
    audience: str | None
    # The static token, shown only now; else null.
    token: str | None
    # The client secret, shown only now; null for other types.
    client_secret: str | None


class NewOrganisation(TypedDict):
    """An organisation with its first settings."""

    # Its name.
    name: str
    # The plan, by a name of the deployment's settings.
    plan: str
    # The SaaS's own id of it, unique.
    reference: NotRequired[str | None]
    # The workspaces that the SaaS knows.
    workspaces: NotRequired[list[NewWorkspace]]
    # The roles that the SaaS knows.
    roles: NotRequired[list[NewRole]]
    # How its users sign in; null: by password.
    sso: NotRequired[Sso | None]
    # The domains that the organisation has shown to be its own.
    domains: NotRequired[list[str]]


class NewRole(TypedDict):
    """A role, with the SaaS's own id of it; it may be a default role unless it is protected."""

    # The SaaS's own id of it.
    id: str
    # Its name.
    name: str
    # Whether a connection may give it; null: yes.
    may_be_default: NotRequired[bool | None]
    # Whether provisioning may never give it. Default: `false`.
    protected: NotRequired[bool]


class NewToken(TypedDict):
    """A token of a connection; it expires in a year unless `expires_at` says otherwise."""

    # Its name.
    name: str
    # When it expires; null: in a year.
    expires_at: NotRequired[str | None]


class NewTokenShown(TypedDict):
    """A new token with its text, which no other response ever has."""

    # Its id.
    id: str
    # Its name.
    name: str
    # How the secret ends, to recognise it by.
    hint: str
    # Whether it is accepted.
    state: Literal["live", "expired", "revoked"]
    # When it was created (RFC 3339, UTC).
    created: str
    # Who created it.
    created_by: str
    # When it expires (RFC 3339, UTC).
    expires_at: str
    # When it was used last; null: never.
    last_used_at: str | None
    # The user agent that used it last; null: none did.
    last_used_by: str | None
    # The token, shown only now.
    token: str


class NewWebhook(TypedDict):
    """A webhook: its URL or queue, and which events it gets; without a choice, all of them.

    With `include` the events of users and groups have the object as it is when they are sent.
    """

    # Where events are sent to.
    url: NotRequired[str | None]
    # The ARN of an SQS FIFO queue, in the place of `url`: events are sent there.
    queue: NotRequired[str | None]
    # What it is sent: types of events; none named means all.
    types: NotRequired[list[Literal["user", "team", "membership", "role", "account", "connection", "console_link", "alert"]]]
    # Only events of these; none named means all.
    organisations: NotRequired[list[str]]
    # `object`: events of users and teams have the SCIM document in `data.object`, as it is
    # when they are sent, with personal data. null: ids and names of attributes only.
    include: NotRequired[str | None]


class NewWebhookSecret(TypedDict):
    """The secret of a webhook, which is shown only now: `whsec_` and 32 bytes in base64.

    A queue has none: what is sent to it is not signed.
    """

    # The id of the webhook.
    id: str
    # The secret, shown only now: `whsec_` and 32 bytes in base64.
    secret: str | None


class NewWorkspace(TypedDict):
    """A workspace, with the SaaS's own id of it."""

    # The SaaS's own id of it.
    id: str
    # Its name.
    name: str


class NextStep(TypedDict):
    """What the sign-in page must do next: go to SSO, ask for a password, or say no."""

    # What the sign-in page does next.
    method: Literal["sso", "password", "inactive"]
    # Where the browser goes to sign in.
    redirect_url: NotRequired[str]
    # Whether the user must set a new password first.
    reset_required: NotRequired[bool]


class OpenApi(TypedDict):
    """An OpenAPI document."""

    # The version of OpenAPI.
    openapi: str
    # The title, the version and what the API is for.
    info: dict[str, Any]
    # Where this deployment is.
    servers: list[Server]
    # The topics of operations.
    tags: list[Tag]
    # The operations, by path and method.
    paths: dict[str, Any]
    # The schemas, responses and security schemes.
    components: dict[str, Any]


class Organisation(TypedDict):
    """An organisation with its settings; `progress` while it is being deleted."""

    # Its id.
    id: str
    # Its name.
    name: str
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The plan, by a name of the deployment's settings.
    plan: str
    # Its state.
    state: Literal["active", "suspended", "deleting"]
    # How its users sign in; null: by password.
    sso: SignOn | None
    # What its connections may accept; null: all.
    authentication: list[Literal["token", "client_secret", "federated"]] | None
    # The workspaces that the SaaS knows.
    workspaces: list[Workspace]
    # The roles that the SaaS knows.
    roles: list[Role]
    # The domains that the organisation has shown to be its own.
    domains: list[str]
    # When it was created (RFC 3339, UTC).
    created: str
    # When it was changed last (RFC 3339, UTC).
    last_modified: str
    # What is still to be deleted.
    progress: NotRequired[Progress]


class OrganisationChanges(TypedDict):
    """Changes of an organisation; null removes `reference`, `sso` and `authentication`."""

    # A new name.
    name: NotRequired[str]
    # The SaaS's own id of it.
    reference: NotRequired[str | None]
    # Another plan.
    plan: NotRequired[str]
    # `suspended` rejects its connections' requests.
    state: NotRequired[Literal["active", "suspended"]]
    # How its users sign in; null: by password.
    sso: NotRequired[Sso | None]
    # What its connections may accept.
    authentication: NotRequired[list[Literal["token", "client_secret", "federated"]] | None]


class OwnOrganisation(TypedDict):
    """The organisation of a session; `scim` says whether its plan includes SCIM.

    `authentication` holds the types of credentials that its connections may accept.
    """

    # Its id.
    id: str
    # Its name.
    name: str
    # Its state.
    state: Literal["active", "suspended", "deleting"]
    # The plan, by a name of the deployment's settings.
    plan: str
    # Whether its plan includes SCIM.
    scim: bool
    # How its users sign in; null: by password.
    sso: SignOn | None
    # The types of credentials that are accepted.
    authentication: list[Literal["token", "client_secret", "federated"]]
    # The workspaces that the SaaS knows.
    workspaces: list[Workspace]
    # The roles that the SaaS knows.
    roles: list[Role]


class OwnSession(TypedDict):
    """The session of the request; `connection` is the one that a setup session is for.

    `code` is what another browser needs that has opened the same setup link, while it asks for it.
    """

    # Its id.
    id: str
    # Who uses it.
    name: str
    # The SaaS's own id of that person; null: not said.
    user: str | None
    # `admin`: all of the organisation; `setup`: one connection.
    purpose: Literal["admin", "setup"]
    # The one that a setup session is for.
    connection: str | None
    # Whether the console is shown inside a page of the SaaS.
    embedded: bool
    # Where the console leads back to; null: nowhere.
    return_url: str | None
    # The code of six digits that a setup link needs in a second browser.
    code: str | None
    # When it expires (RFC 3339, UTC).
    expires_at: str


class Preview(TypedDict):
    """What ending a connection would do: its state afterwards, and what would be affected."""

    # The id of the connection.
    connection: str
    # Its state afterwards.
    state: str
    # How many users there are.
    users: int
    # How many teams there are.
    teams: int
    # How many memberships there are.
    members: int
    # How many live tokens there are.
    tokens: int
    # What would happen, in a sentence.
    effect: str


class Problem(TypedDict):
    """An error (RFC 9457): `detail` says what to do. `errors` names the fields of a body.

    In a conflict, `id` and `hint` may name what is there already; `connection` and its `name` what
    uses a setting. `code_required` says that a setup link needs the code of six digits.
    """

    # The type of the error (RFC 9457).
    type: str
    # The status in words.
    title: str
    # The status of the response.
    status: int
    # What is wrong, and what was expected.
    detail: str
    # The id of the request, which the SaaS's support asks for.
    request_id: str
    # The fields of the body that are wrong.
    errors: NotRequired[list[FieldFault]]
    # What is there already.
    id: NotRequired[str]
    # How the secret ends of what is there already.
    hint: NotRequired[str | None]
    # What uses the setting.
    connection: NotRequired[str]
    # The name of what uses the setting.
    name: NotRequired[str]
    # The setup link needs the code of six digits.
    code_required: NotRequired[bool]


class Progress(TypedDict):
    """What is still there of an organisation that is being deleted."""

    # How many connections there are.
    connections: int
    # How many users there are.
    users: int
    # How many teams there are.
    teams: int
    # How many live tokens there are.
    tokens: int


class PutDomain(TypedDict):
    """A domain that the organisation has shown to be its own."""

    # May be repeated: the one of the path.
    domain: NotRequired[str]


class PutRole(TypedDict):
    """A role, with the SaaS's own id of it; it may be a default role unless it is protected."""

    # May be repeated: the one of the path.
    id: NotRequired[str]
    # Its name.
    name: str
    # Whether a connection may give it; null: yes.
    may_be_default: NotRequired[bool | None]
    # Whether provisioning may never give it. Default: `false`.
    protected: NotRequired[bool]


class PutWorkspace(TypedDict):
    """A workspace, with the SaaS's own id of it."""

    # May be repeated: the one of the path.
    id: NotRequired[str]
    # Its name.
    name: str


class RejectedRequest(TypedDict):
    """A request that was rejected while a page was listening, and what to do about it.

    `token_hint` is how the token of this connection ended that was sent.
    """

    # Its id, which sorts by time.
    id: str
    # When it happened (RFC 3339, UTC).
    at: str
    # Why, as a name that stays the same.
    reason: str
    # What to do about it.
    fix: str
    # The method of the request.
    method: str
    # The path of the request.
    path: str
    # The status of the response.
    status: int
    # What the sender says it is.
    user_agent: str
    # How the token ended that was sent; null: unknown.
    token_hint: str | None


class RejectedRequestPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[RejectedRequest]
    # The cursor of the next page; null: this is the last.
    next: str | None


class RejectedRequests(TypedDict):
    """Administrative requests that were rejected in seven days, by reason."""

    # Why, as a name that stays the same.
    reason: str
    # How many there were.
    count: int
    # When it happened last (RFC 3339, UTC).
    last_at: str
    # What the sender says it is.
    user_agent: str
    # What the reason means.
    explanation: str


class Rejection(TypedDict):
    """Requests that were rejected in seven days, by reason, and what to do about it."""

    # Why, as a name that stays the same.
    reason: str
    # How many there were.
    count: int
    # When it happened last (RFC 3339, UTC).
    last_at: str
    # What the sender says it is.
    user_agent: str
    # What to do about it.
    fix: str


class Replay(TypedDict):
    """What to send again: what follows a cursor of `GET /admin/changes`, or the dead letters."""

    # Send all that follows this cursor of the feed.
    after: NotRequired[str | None]
    # Send what was given up once more. Default: `false`.
    dead_letters: NotRequired[bool]


class Role(TypedDict):
    """A role that the SaaS knows; a protected one is never given by provisioning."""

    # The SaaS's own id of it.
    id: str
    # Its name.
    name: str
    # Whether a connection may give it to new users.
    may_be_default: bool
    # Whether provisioning may never give it.
    protected: bool


class RoleOfUser(TypedDict):
    """A role of a user; without a workspace, in the one that their connection has at the time."""

    # The role: an id of the SaaS's.
    role: str
    # Null: the connection's at the time.
    workspace: NotRequired[str | None]


class RolesOfUser(TypedDict):
    """All roles that a user is to have; each is an object, or the id of a role alone."""

    # All roles that the user is to have.
    roles: list[RoleOfUser]


class Rotation(TypedDict):
    """A new token that replaces another one, which expires after the overlap; 0: at once."""

    # For how many hours the old one stays valid. Default: `24`.
    overlap_hours: NotRequired[int]


class Server(TypedDict):
    """Where a deployment is."""

    # Its URL.
    url: str


class Session(TypedDict):
    """A session of an organisation's admin, as a cookie; for a script with its token too."""

    # What a script sends as a bearer token.
    token: NotRequired[str]
    # When it ends (RFC 3339, UTC).
    expires_at: str
    # The id of the organisation.
    organisation: str


class SignOn(TypedDict):
    """How the organisation's users sign in; `forced` leaves them no password."""

    # The name of the sign-on.
    provider: str
    # Where the browser goes to sign in.
    redirect_url: str
    # Whether all users must sign in there: they have no password.
    forced: bool


class Sso(TypedDict):
    """How the organisation's users sign in; with `forced` they cannot use a password."""

    # The name of the sign-on.
    provider: str
    # Where the browser goes to sign in.
    redirect_url: str
    # Whether all users must sign in there: they have no password. Default: `false`.
    forced: NotRequired[bool]


class Summary(TypedDict):
    """What a page needs before it can show anything: whose session it is, and what they manage.

    `connections` has those that have not ended; for a setup session its own only.
    """

    # The session of the request.
    session: OwnSession
    # The organisation.
    organisation: OwnOrganisation
    # Those that have not ended.
    connections: list[Connection]


class Tag(TypedDict):
    """A topic of operations."""

    # Its name.
    name: str
    # What they are about.
    description: str


class Team(TypedDict):
    """A team; `members` counts them.

    `version` grows with each change of the team, not with those of its members. `scim` is there
    with `?include=scim`: the whole document without its members.
    """

    # Its id.
    id: str
    # Its name.
    name: str
    # The identity provider's own id; null: none.
    external_id: str | None
    # The id of the connection.
    connection: str
    # The workspace: an id of the SaaS's.
    workspace: str
    # How many members it has.
    members: int
    # When it was created (RFC 3339, UTC).
    created: str
    # When it was changed last (RFC 3339, UTC).
    last_modified: str
    # Grows with each change, but not with its members'.
    version: int
    # The whole SCIM document, with `?include=scim`.
    scim: NotRequired[dict[str, Any]]


class TeamOfUser(TypedDict):
    """A team that a user is in."""

    # The id of the team.
    id: str
    # Its name.
    name: str


class TeamPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[Team]
    # The cursor of the next page; null: this is the last.
    next: str | None


class TestReport(TypedDict):
    """How a self-test went, and what could be better."""

    # How it ended.
    outcome: Literal["passed", "failed", "skipped"]
    # The steps, in order.
    steps: list[TestStep]
    # What could be better.
    advice: list[str]


class TestStep(TypedDict):
    """A step of a self-test; `request` null: it checks the settings."""

    # What is tried.
    name: str
    # The request that the step sends; null: it checks settings.
    request: str | None
    # How it ended.
    outcome: Literal["passed", "failed", "skipped"]
    # What came back.
    detail: str
    # What to do about it; null: nothing.
    fix: str | None


class Token(TypedDict):
    """A token without its secret; `last_used_by` is the user agent of its last request."""

    # Its id.
    id: str
    # Its name.
    name: str
    # How the secret ends, to recognise it by.
    hint: str
    # Whether it is accepted.
    state: Literal["live", "expired", "revoked"]
    # When it was created (RFC 3339, UTC).
    created: str
    # Who created it.
    created_by: str
    # When it expires (RFC 3339, UTC).
    expires_at: str
    # When it was used last; null: never.
    last_used_at: str | None
    # The user agent that used it last; null: none did.
    last_used_by: str | None


class TokenPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[Token]
    # The cursor of the next page; null: this is the last.
    next: str | None


class ToldAlert(TypedDict):
    """An alert of the connection or webhook `subject` that was raised or cleared.

    A webhook belongs to no organisation.
    """

    # Its id, the same whenever it is told.
    id: str
    # An alert.
    type: Literal["alert"]
    # What happened.
    action: Literal["raised", "cleared"]
    # The connection or webhook that it is about.
    subject: str
    # Which alert it is.
    alert: Literal["mass_change", "failing", "silent", "credential_1_day", "credential_7_days", "credential_30_days", "webhook_failing"]
    # The organisation; null: a webhook's alert.
    organisation: str | None
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The connection; null: a webhook's alert.
    connection: str | None
    # When it happened (RFC 3339, UTC).
    at: str


class ToldChange(TypedDict):
    """What happened to `subject`: a user (role and account, too), a team, a connection or a
    link.

    `id` is the same whenever this is told. `version` is that of the user or team afterwards, null
    where it is gone. `connection` is null for what the organisation itself changes.
    """

    # Its id, the same whenever it is told.
    id: str
    # What has changed.
    type: Literal["user", "team", "role", "account", "connection", "console_link"]
    # What happened.
    action: str
    # Whom it is about; of a role or account, the user.
    subject: str
    # The id of the organisation.
    organisation: str
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The connection; null: the organisation's own change.
    connection: str | None
    # The version, which grows with each change; null: it is gone.
    version: int | None
    # The names of the attributes that have changed, never values.
    attributes: list[str]
    # When it happened (RFC 3339, UTC).
    at: str


class ToldMembership(TypedDict):
    """A membership that came or went: `action`; `state` is what is so when this is told."""

    # Its id, the same whenever it is told.
    id: str
    # A membership.
    type: Literal["membership"]
    # What happened.
    action: Literal["added", "removed"]
    # The id of the organisation.
    organisation: str
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # The id of the connection.
    connection: str
    # The id of the team.
    team: str
    # The id of the user.
    user: str
    # What is so when it is told.
    state: Literal["present", "absent"]
    # When it happened (RFC 3339, UTC).
    at: str


class User(TypedDict):
    """A user; `teams` is there where one user, or a page of users, is read.

    `version` grows with each change of what the identity provider sends. `scim` is there with
    `?include=scim`: the whole document, without a password, with 100 groups at most.
    """

    # Their id.
    id: str
    # The name that the user signs in with.
    user_name: str
    # The identity provider's own id (`externalId`).
    external_id: str | None
    # The name to show; null: the identity provider sends none.
    display_name: str | None
    # The user's e-mail addresses, as the identity provider sends them.
    emails: list[Email]
    # Whether the user may sign in.
    active: bool
    # The id of the connection.
    connection: str
    # The workspace: an id of the SaaS's.
    workspace: str
    # The SaaS's own id of the user's account; null: not linked.
    account: str | None
    # The default role at the time when the user was created.
    granted_role: str
    # Their roles: granted at creation, and assigned by an admin.
    roles: list[AssignedRole]
    # The teams that they are in.
    teams: NotRequired[list[TeamOfUser]]
    # When it was created (RFC 3339, UTC).
    created: str
    # When it was changed last (RFC 3339, UTC).
    last_modified: str
    # Grows with each change of what the identity provider sends.
    version: int
    # The whole SCIM document, with `?include=scim`.
    scim: NotRequired[dict[str, Any]]


class UserPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[User]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Visitor(TypedDict):
    """The user on the sign-in page."""

    # The address that was typed on the sign-in page.
    email: str


class WatchedConnection(TypedDict):
    """A connection of any organisation, as it was found at most 16 minutes ago.

    `health` is its most urgent alert, `last_request` is true to the hour, and `expires_at` is when
    the credential that its identity provider uses ends.
    """

    # The id of the connection.
    connection: str
    # The id of the organisation.
    organisation: str
    # The organisation's name; null: it is gone.
    name: str | None
    # The SaaS's own id of the organisation; null: it has none.
    reference: str | None
    # Which identity provider it is for.
    identity_provider: Literal["entra", "okta", "google", "onelogin", "jumpcloud", "ping", "keycloak", "authentik", "midpoint", "other"] | None
    # Whether it is served.
    state: str | None
    # Its most urgent alert.
    health: Literal["mass_change", "failing", "silent", "expiring", "ok"]
    # What is to be looked at, the most urgent first.
    alerts: list[Alert]
    # When the last request came; null: never.
    last_request: str | None
    # When the credential in use ends; null: none.
    expires_at: str | None


class WatchedConnectionPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[WatchedConnection]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Webhook(TypedDict):
    """Where events are sent to, a URL or an SQS FIFO queue; empty lists mean all of them.

    With `include` the events of users and groups have the object as it is when they are sent.
    Everything up to `cursor` of the feed was sent, waits, or was given up. `failures` counts the
    attempts since something was accepted last; nothing is sent before `next_attempt`.
    """

    # Its id.
    id: str
    # Where events are sent to.
    url: str | None
    # The ARN of the SQS FIFO queue; null: events are sent to a URL.
    queue: str | None
    # Its state.
    state: Literal["active", "paused"]
    # What it is sent: types of events; none named means all.
    types: list[str]
    # Only events of these organisations; none named means all.
    organisations: list[str]
    # `object`: events of users and teams have the SCIM document in `data.object`, as it is
    # when they are sent, with personal data. null: ids and names of attributes only.
    include: Literal["object"] | None
    # When it was created (RFC 3339, UTC).
    created: str
    # How far it has come in the feed.
    cursor: str
    # The attempts since something was accepted last.
    failures: int
    # Nothing is sent before this time; null: at once.
    next_attempt: str | None


class WebhookChanges(TypedDict):
    """Changes of a webhook; a field that is absent stays as it is."""

    # Where events are sent to.
    url: NotRequired[str]
    # What it is sent: types of events; none named means all.
    types: NotRequired[list[Literal["user", "team", "membership", "role", "account", "connection", "console_link", "alert"]]]
    # Only events of these; none named means all.
    organisations: NotRequired[list[str]]
    # `paused` sends nothing; it goes on from there.
    state: NotRequired[Literal["active", "paused"]]
    # `object`: events of users and teams have the SCIM document in `data.object`, as it is
    # when they are sent, with personal data. null: ids and names of attributes only.
    include: NotRequired[str | None]


class WebhookPage(TypedDict):
    """A page of a list; `next` is the cursor of the next page, null on the last one."""

    # The items of this page.
    items: list[Webhook]
    # The cursor of the next page; null: this is the last.
    next: str | None


class Workspace(TypedDict):
    """Where work happens in the SaaS."""

    # The SaaS's own id of it.
    id: str
    # Its name.
    name: str
