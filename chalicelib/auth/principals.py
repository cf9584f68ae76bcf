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

from chalicelib.auth import tokens
from chalicelib.auth.secrets import Gone, Secrets
from chalicelib.scim.errors import Forbidden, Unauthorized, Unavailable
from chalicelib.settings import Plan
from chalicelib.storage.configuration import (
    CONNECTION_ID,
    SERVED_STATES,
    Organisation,
    TokenRow,
    connection_from,
    organisation_from,
    token_from,
)
from chalicelib.storage.configuration import Connection as ConnectionRow
from chalicelib.storage.keys import OrganisationKeys, organisation_of
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace

# RFC 6750 section 2.1 with the scheme in any case (RFC 9110 section 11.1): one space, then
# characters of `b64token`; so no comma list, no tab, no second value.
BEARER = re.compile(r"(?i:bearer) (?P<token>[A-Za-z0-9._~+/-]+=*)")

OPERATOR_REFUSED = (
    "The operator key is not accepted: it may be missing, mistyped or replaced, or a "
    "credential of another kind. Send the operator key of this deployment as "
    "`Authorization: Bearer ...`."
)
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
class Connection:
    """The identity provider of one connection, and the settings that it is served by."""

    id: str
    organisation: str
    token_id: str
    token_name: str
    workspace: str
    default_role: str
    identity_provider: str
    group_patch_answer: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Claim:
    """The three rows that a token's text points to; its secret is not proven yet."""

    organisation: Organisation
    connection: ConnectionRow
    token: TokenRow
    secret: str


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
) -> Connection:
    """Tell which connection calls: one BatchGetItem of three rows, also for garbage.

    The first use of a token in a process reads its secret too.

    Raises:
        Unauthorized: anything unknown, always with the same text.
        Forbidden: the token is right, but the plan lacks SCIM, or organisation or connection
            are at rest.
        Unavailable: the token's secret cannot be read.
        Busy: the rows cannot be read before the deadline.
    """
    if CONNECTION_ID.fullmatch(connection_id) is None:
        raise Unauthorized
    claim = _claim(rows, connection_id, _claimed(authorization, "scim"))
    if claim is None or not claim.token.live(now):
        raise Unauthorized
    _prove(rows, secrets, claim, now)
    _admit(claim, plans)
    return _principal(claim, plans)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a route beside SCIM; `organisation` None sees all of them, "" none."""

    name: str
    organisation: str | None

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
    secrets: Secrets, authorization: tuple[str, ...], deadline: Deadline
) -> Caller:
    """Tell who administers: so far, the operator alone.

    Raises:
        Unauthorized: anybody else.
        Unavailable: the operator key cannot be read, or there is none.
    """
    authenticate_operator(secrets, authorization, deadline)
    return Caller.operator()


def authenticate_operator(
    secrets: Secrets, authorization: tuple[str, ...], deadline: Deadline
) -> None:
    """Tell that the operator calls.

    Raises:
        Unauthorized: anybody else.
        Unavailable: the operator key cannot be read, or there is none.
    """
    claimed = _claimed(authorization, "op")
    if claimed is None:
        raise Unauthorized(OPERATOR_REFUSED)
    for key in secrets.operator_keys(deadline):
        if claimed.id == key.id and tokens.matches(claimed.secret, tokens.digest(key.secret)):
            return
    raise Unauthorized(OPERATOR_REFUSED)


def _claimed(authorization: tuple[str, ...], kind: tokens.Kind) -> tokens.Token | None:
    claimed = tokens.parse(bearer(authorization) or "")
    return claimed if claimed is not None and claimed.kind == kind else None


def _claim(rows: Namespace, connection_id: str, claimed: tokens.Token | None) -> _Claim | None:
    """Read the rows; None where one is missing or organisation or connection are at their end."""
    keys = OrganisationKeys(organisation_of(connection_id))
    wanted = [keys.row, keys.connection(connection_id)]
    if claimed is not None:
        wanted.append(keys.token(connection_id, claimed.id))
    found = rows.batch_get(wanted)
    if claimed is None or len(found) < len(wanted):
        return None
    organisation, connection, token = (found[key] for key in wanted)
    claim = _Claim(
        organisation_from(organisation),
        connection_from(connection),
        token_from(token),
        claimed.secret,
    )
    return claim if _known(claim) else None


def _known(claim: _Claim) -> bool:
    return claim.organisation.state != "deleting" and claim.connection.state in SERVED_STATES


def _prove(rows: Namespace, secrets: Secrets, claim: _Claim, now: datetime) -> None:
    connection, token = claim.connection.id, claim.token.id
    try:
        kept = secrets.digest_of(connection, token, rows.deadline)
    except Gone:
        raise _why_gone(rows, claim, now) from None
    if not tokens.matches(claim.secret, kept):
        raise Unauthorized


def _why_gone(rows: Namespace, claim: _Claim, now: datetime) -> Unauthorized | Unavailable:
    """Tell a revoke that came between from a loss.

    A lost secret must not look like a wrong token: the identity provider would stop
    provisioning until somebody starts it again.
    """
    keys = OrganisationKeys(claim.connection.organisation)
    row = rows.get(keys.token(claim.connection.id, claim.token.id))
    if row is not None and token_from(row).live(now):
        return Unavailable()
    return Unauthorized()


# What keeps a proven token out, in the order in which it is told.
GATES: tuple[tuple[Callable[[_Claim, Mapping[str, Plan]], bool], str], ...] = (
    (lambda claim, _: claim.organisation.state != "active", SUSPENDED),
    (lambda claim, plans: not _has_scim(plans, claim.organisation.plan), WITHOUT_SCIM),
    (lambda claim, _: claim.connection.state != "active", PAUSED),
)


def _admit(claim: _Claim, plans: Mapping[str, Plan]) -> None:
    for shut, reason in GATES:
        if shut(claim, plans):
            raise Forbidden(reason.format(plan=claim.organisation.plan))


def _has_scim(plans: Mapping[str, Plan], plan: str) -> bool:
    return plan in plans and plans[plan].scim


def _principal(claim: _Claim, plans: Mapping[str, Plan]) -> Connection:
    connection = claim.connection
    return Connection(
        id=connection.id,
        organisation=connection.organisation,
        token_id=claim.token.id,
        token_name=claim.token.name,
        workspace=connection.workspace,
        default_role=connection.default_role,
        identity_provider=connection.identity_provider,
        group_patch_answer=connection.group_patch_answer,
        plan=plans[claim.organisation.plan],
    )
