"""Who calls: an Authorization header and three rows in, a principal or a refusal out.

Authentication is the point in time. It reads the rows as they are now, so pausing, suspending,
a smaller plan and revoking act at the very next request; what was authenticated before may
finish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from chalicelib.auth import sessions, tokens
from chalicelib.auth.secrets import Gone, Secrets
from chalicelib.errors import Forbidden, Unauthorized, Unavailable
from chalicelib.settings import Plan
from chalicelib.storage.connection_settings import ConnectionSettings
from chalicelib.storage.keys import ConnectionKeys, Key, OrganisationKeys, organisation_of
from chalicelib.storage.records import from_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import (
    CONNECTION_ID,
    DELETING,
    SERVED_STATES,
    Connection,
    ConnectionToken,
    Organisation,
)
from chalicelib.storage.table import Namespace, Table

# RFC 6750 section 2.1 with the scheme in any case (RFC 9110 section 11.1): one space, then
# characters of `b64token`; so no comma list, no tab, no second value.
BEARER = re.compile(r"(?i:bearer) (?P<token>[A-Za-z0-9._~+/-]+=*)")

ADMIN_REFUSED = (
    "The credential is not accepted: it may be missing, mistyped, expired, revoked or of another "
    "kind. Send the operator key as `Authorization: Bearer ...`; as an organisation's admin, open "
    "the SCIM settings from the SaaS again: that makes a new console link."
)
# The kind of token that a self-test calls with: it opens what that run has, and nothing else.
TEST: tokens.Kind = "test"

SUSPENDED = (
    "The organisation is suspended, so nothing is provisioned. Ask the SaaS's support to set "
    "it to active again."
)
WITHOUT_SCIM = (
    "The organisation's plan `{plan:.40}` does not include SCIM. Ask the SaaS's support for a "
    "plan that does; the connection then works as it is."
)
PAUSED = (
    "The connection is paused. An admin of the organisation can set it to active in the SaaS's "
    "SCIM settings; provisioning then goes on."
)


@dataclass(frozen=True, slots=True)
class ConnectionPrincipal:
    """The identity provider of one connection, and the settings that it is served by.

    A self-test calls in its place: `run` names which one.
    """

    id: str
    organisation: str
    token_id: str
    token_name: str
    workspace: str
    default_role: str
    identity_provider: str
    settings: ConnectionSettings
    plan: Plan
    schemas_version: int = 0
    run: str | None = None

    @property
    def keys(self) -> ConnectionKeys:
        """What is served: the connection's directory, or what a run of its self-test has."""
        keys = ConnectionKeys(self.id)
        return keys.self_test(self.run) if self.run else keys


@dataclass(frozen=True, slots=True)
class _Claim:
    """The three rows that a token's text points to; its secret is not proven yet."""

    organisation: Organisation
    connection: Connection
    token: ConnectionToken
    claimed: tokens.Token
    key: Key


def bearer(authorization: tuple[str, ...]) -> str | None:
    """Read the bearer text of a request's Authorization values; None unless there is one.

    Exactly one value of the exact form counts: anything else could be read differently by
    something in front of us.
    """
    read = BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
    return read["token"] if read else None


def authenticate_connection(
    rows: Namespace,
    secrets: Secrets,
    plans: Mapping[str, Plan],
    connection_id: str,
    authorization: tuple[str, ...],
    now: datetime,
) -> ConnectionPrincipal:
    """Tell which connection calls: one BatchGetItem of three rows, also for garbage.

    The first use of a token in a process reads its secret too.

    Raises:
        Unauthorized: anything unknown, always with the same text; where the connection is
            there, with the actual reason, for its admin.
        Forbidden: the token is right, but the plan lacks SCIM, or organisation or connection
            are at rest.
        Unavailable: the token's secret cannot be read.
        Busy: the rows cannot be read before the deadline.
    """
    if CONNECTION_ID.fullmatch(connection_id) is None:
        raise Unauthorized
    claim = _claim(rows, connection_id, authorization)
    for shut, reason in DOORS:
        if shut(claim, now):
            raise Unauthorized(reason=reason)
    _prove(rows, secrets, claim, now)
    _admit(claim, plans)
    return _principal(claim, plans)


@dataclass(frozen=True, slots=True)
class AdminPrincipal:
    """Who calls a route beside SCIM; `organisation` None sees all of them, "" none.

    An organisation's admin calls by a session, named by its digest, and `at_rest` says that
    his organisation is suspended.
    """

    name: str
    organisation: str | None
    session: str | None = None
    at_rest: bool = False

    @classmethod
    def operator(cls) -> Self:
        """The operator of this deployment."""
        return cls("operator", None)

    @classmethod
    def nobody(cls) -> Self:
        """Whoever it is: nothing was asked of him."""
        return cls("anyone", "")

    @property
    def is_operator(self) -> bool:
        """Tell whether the operator calls."""
        return self.organisation is None

    def sees(self, organisation: str) -> bool:
        """Tell whether an organisation is there for this caller."""
        return self.organisation in (None, organisation)


def authenticate_admin(
    table: Table, secrets: Secrets, credential: str, deadline: Deadline
) -> AdminPrincipal:
    """Tell who administers: the operator by his key, an organisation's admin by a session.

    `credential` is a bearer text, or the cookie that holds one; "" where there is neither.

    Raises:
        Unauthorized: anybody else.
        Unavailable: the operator key cannot be read, or there is none.
        Busy: the session cannot be read before the deadline.
    """
    claimed = tokens.parse(credential)
    if claimed is not None and claimed.kind == "op":
        _prove_operator(secrets, claimed, deadline)
        return AdminPrincipal.operator()
    session = sessions.find(table, credential, deadline)
    if session is None:
        raise Unauthorized(ADMIN_REFUSED)
    organisation = session.organisation
    return AdminPrincipal(
        session.name, organisation.id, session.digest, at_rest=organisation.state != "active"
    )


def _prove_operator(secrets: Secrets, claimed: tokens.Token, deadline: Deadline) -> None:
    for key in secrets.operator_keys(deadline):
        if claimed.id == key.id and tokens.matches(claimed.secret, tokens.digest(key.secret)):
            return
    raise Unauthorized(ADMIN_REFUSED)


def _claimed(authorization: tuple[str, ...]) -> tokens.Token | None:
    claimed = tokens.parse(bearer(authorization) or "")
    return claimed if claimed is not None and claimed.kind in {"scim", TEST} else None


def _token_key(connection_id: str, claimed: tokens.Token) -> Key:
    keys = OrganisationKeys(organisation_of(connection_id))
    return (keys.self_test_token if claimed.kind == TEST else keys.token)(connection_id, claimed.id)


def _claim(rows: Namespace, connection_id: str, authorization: tuple[str, ...]) -> _Claim:
    """Read the rows that a token points to: one BatchGetItem.

    Raises:
        Unauthorized: one is missing. No reason is given where nobody's health could hold it.
    """
    claimed = _claimed(authorization)
    keys = OrganisationKeys(organisation_of(connection_id))
    own = [keys.own_item, keys.connection(connection_id)]
    token = _token_key(connection_id, claimed) if claimed else None
    found = rows.batch_get([*own, token] if token else own)
    if not found.keys() >= set(own):
        raise Unauthorized
    organisation, connection = (
        from_item(Organisation, found[own[0]]),
        from_item(Connection, found[own[1]]),
    )
    if DELETING in (organisation.state, connection.state):
        raise Unauthorized
    if connection.state not in SERVED_STATES:
        raise Unauthorized(reason="ended")
    if claimed is None or token is None:
        raise Unauthorized(reason="garbage" if authorization else "missing")
    if token not in found:
        raise Unauthorized(reason="foreign")
    return _Claim(
        organisation, connection, from_item(ConnectionToken, found[token]), claimed, token
    )


# What makes a token that is there unknown to its caller, in the order in which it is told.
DOORS: tuple[tuple[Callable[[_Claim, datetime], bool], str], ...] = (
    (lambda claim, _: claim.token.state != "live", "revoked"),
    (lambda claim, now: not claim.token.live(now), "expired"),
)


def _prove(rows: Namespace, secrets: Secrets, claim: _Claim, now: datetime) -> None:
    connection, token = claim.connection.id, claim.token.id
    try:
        kept = secrets.digest_of(connection, token, rows.deadline)
    except Gone:
        raise _why_gone(rows, claim, now) from None
    if not tokens.matches(claim.claimed.secret, kept):
        raise Unauthorized(reason="wrong")


def _why_gone(rows: Namespace, claim: _Claim, now: datetime) -> Unauthorized | Unavailable:
    """Tell a revoke that came between from a loss.

    A lost secret must not look like a wrong token: the identity provider would stop
    provisioning until somebody starts it again.
    """
    row = rows.get(claim.key)
    if row is not None and from_item(ConnectionToken, row).live(now):
        return Unavailable()
    return Unauthorized(reason="revoked")


# What keeps a proven token out, in the order in which it is told.
GATES: tuple[tuple[Callable[[_Claim, Mapping[str, Plan]], bool], str, str], ...] = (
    (lambda claim, _: claim.organisation.state != "active", "suspended", SUSPENDED),
    (lambda claim, plans: not _has_scim(plans, claim.organisation.plan), "plan", WITHOUT_SCIM),
    (lambda claim, _: claim.connection.state != "active", "paused", PAUSED),
)


def _admit(claim: _Claim, plans: Mapping[str, Plan]) -> None:
    for shut, reason, text in GATES:
        if shut(claim, plans):
            raise Forbidden(text.format(plan=claim.organisation.plan), reason=reason)


def _has_scim(plans: Mapping[str, Plan], plan: str) -> bool:
    return plan in plans and plans[plan].scim


def _principal(claim: _Claim, plans: Mapping[str, Plan]) -> ConnectionPrincipal:
    connection = claim.connection
    return ConnectionPrincipal(
        id=connection.id,
        organisation=connection.organisation,
        token_id=claim.token.id,
        token_name=claim.token.name,
        workspace=connection.workspace,
        default_role=connection.default_role,
        identity_provider=connection.identity_provider,
        settings=connection.effective_settings,
        schemas_version=connection.schemas_version,
        plan=plans[claim.organisation.plan],
        run=claim.token.id if claim.claimed.kind == TEST else None,
    )
