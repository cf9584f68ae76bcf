"""Authentication: an Authorization header and the stored items in, a principal or an error out.

It reads the items as they are at this moment, so pausing, suspending, a smaller plan and revoking
take effect at the next request; a request that was authenticated before may finish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.auth import sessions, tokens
from chalicelib.auth.secrets import Gone, Secrets
from chalicelib.auth.slips import slip_of
from chalicelib.auth.tokens import Credential
from chalicelib.errors import Forbidden, Unauthorized, Unavailable
from chalicelib.settings import CredentialType, Plan, Settings
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import timestamp
from chalicelib.storage.connection_settings import ConnectionSettings
from chalicelib.storage.console_items import ConsoleSession
from chalicelib.storage.keys import (
    ConnectionKeys,
    Key,
    OrganisationKeys,
    listened_token,
    operator_key,
    organisation_of,
)
from chalicelib.storage.operator_keys import OperatorKey
from chalicelib.storage.records import from_item
from chalicelib.storage.rejected_items import ListenedToken
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import (
    CONNECTION_ID,
    DELETING,
    INTEROP,
    SERVED_STATES,
    AccessToken,
    Connection,
    ConnectionToken,
    Organisation,
)
from chalicelib.storage.table import Namespace, Table

T = TypeVar("T")

# Secrets Manager shows a new secret to every reader within seconds.
SECRET_APPEARS = timedelta(minutes=5)

# RFC 6750 section 2.1 with the scheme in any case (RFC 9110 section 11.1): one space, then
# characters of `b64token`; so no comma list, no tab, no second value.
BEARER = re.compile(r"(?i:bearer) (?P<token>[A-Za-z0-9._~+/-]+=*)")

# The texts that a SCIM request may have, and for which types of credentials.
STORED_TYPES: Mapping[str, frozenset[CredentialType]] = {
    "scim": frozenset({"token"}),
    "test": frozenset({"token"}),
    "access": frozenset({"client_secret", "federated"}),
}

INVALID_ADMIN_CREDENTIAL = (
    "The credential is not accepted: it may be missing, mistyped, expired, revoked or of another "
    "type. Send the operator key as `Authorization: Bearer ...`; as an organisation's admin, open "
    "the SCIM settings from the SaaS again: that makes a new admin link."
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
class ConnectionPrincipal:
    """The identity provider of a connection, with the settings that its requests depend on.

    `run` names the self-test's run that sends requests in its place. `authentication` holds the
    types of credentials that the connection accepts, `is_interop` says that it follows the SCIM
    interoperability profile.
    """

    id: str
    token_id: str
    token_name: str
    default_role: str
    settings: ConnectionSettings
    plan: Plan
    schemas_version: int = 0
    run: str | None = None
    authentication: frozenset[CredentialType] = frozenset({"token"})
    is_interop: bool = False
    is_listened_to: bool = False

    @property
    def keys(self) -> ConnectionKeys:
        """The keys of the connection, or of the self-test's run."""
        keys = ConnectionKeys(self.id)
        return keys.self_test(self.run) if self.run else keys


@dataclass(frozen=True, slots=True)
class OperatorPrincipal:
    """The operator of this deployment, by one of their keys."""

    id: str
    name: str
    scopes: frozenset[str]

    @property
    def actor(self) -> Actor:
        """How the audit names them."""
        return Actor("operator", self.id, self.name)

    @property
    def unbound_session(self) -> None:
        """The operator has no session."""

    @property
    def setup_link(self) -> None:
        """The operator needs no link."""

    def sees(self, _organisation: str) -> bool:
        """Return whether an organisation exists for this principal: every one does."""
        return True


@dataclass(frozen=True, slots=True)
class AdminPrincipal:
    """An admin of one organisation, or who sets up one connection of it, by a session."""

    organisation: str
    session: ConsoleSession
    is_suspended: bool = False

    @property
    def name(self) -> str:
        """The name that the operator has given them."""
        return self.session.name

    @property
    def actor(self) -> Actor:
        """How the audit names them."""
        return self.session.actor

    @property
    def unbound_session(self) -> str | None:
        """The session, where it is for setting up a connection that does not exist yet."""
        is_bound = self.session.purpose != "setup" or self.session.connection is not None
        return None if is_bound else self.session.id

    @property
    def setup_link(self) -> str | None:
        """The setup link that the session comes from."""
        return self.session.link

    def sees(self, organisation: str) -> bool:
        """Return whether an organisation exists for this principal: only their own does."""
        return organisation == self.organisation


@dataclass(frozen=True, slots=True)
class AnonymousPrincipal:
    """Anyone: the request was not authenticated."""

    name: str = "anyone"

    @property
    def actor(self) -> Actor:
        """How the audit would name them; they change nothing."""
        return Actor("system", self.name, self.name)

    @property
    def unbound_session(self) -> None:
        """Without a credential there is no session."""

    @property
    def setup_link(self) -> None:
        """Without a credential there is no link."""

    def sees(self, _organisation: str) -> bool:
        """Return whether an organisation exists for this principal: none does."""
        return False


Principal = OperatorPrincipal | AdminPrincipal | AnonymousPrincipal


def bearer(authorization: tuple[str, ...]) -> str | None:
    """Return the bearer token of the Authorization values; None unless there is exactly one.

    Only the exact form counts: anything else could be read differently by a proxy.
    """
    match = BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
    return match["token"] if match else None


# --- SCIM -------------------------------------------------------------------------------------


def authenticate_connection(
    items: Namespace,
    secrets: Secrets,
    settings: Settings,
    connection_id: str,
    authorization: tuple[str, ...],
    ahead: Iterable[Key] = (),
) -> ConnectionPrincipal:
    """Authenticate a SCIM request: one BatchGetItem, of items that live.

    Where the text of the credential is well formed, `ahead` is read in the same call, for who
    reads by `items` later; nothing of it is looked at here.

    The first use of a static token in a process also reads its secret; the digest of an access
    token is in its item. A token or connection that is not among those that live costs one GetItem
    more: it may have ended, which the health then says.

    Raises:
        Unauthorized: the token is not accepted, always with the same text; with the actual
            reason for the connection's health, where the connection exists.
        Forbidden: the token is right, but organisation or connection are not active, or the plan
            does not include SCIM.
        Unavailable: the token's secret cannot be read.
        Busy: the items cannot be read before the deadline.
    """
    if CONNECTION_ID.fullmatch(connection_id) is None:
        raise Unauthorized
    now = items.table.clock.now()
    credential = _scim_credential(authorization)
    organisation, connection, token, access_token = read_items(
        items, connection_id, credential, ahead
    )
    if organisation is None or organisation.state == DELETING:
        raise Unauthorized
    if connection is None or connection.state not in SERVED_STATES:
        raise Unauthorized(reason=_reason_for_connection(items, connection_id, connection))
    try:
        credential = _require_credential(credential, authorization)
        token = _check_token(items, connection_id, credential, token, now)
        if credential.token_type == tokens.ACCESS:
            _check_access_token(credential, access_token, now)
        else:
            check_secret(items, secrets, connection_id, credential, now)
        # The token of a self-test's run is ours, and of none of the provider's types.
        of_type = None if credential.token_type == tokens.TEST else token.credential_type
        check_service(organisation, connection, of_type, settings)
    except (Unauthorized, Forbidden) as rejection:
        rejection.is_listened_to = connection.is_listened_to(now)
        raise
    return ConnectionPrincipal(
        id=connection.id,
        token_id=token.id,
        token_name=token.name,
        default_role=connection.default_role,
        settings=connection.effective_settings,
        plan=settings.plans[organisation.plan],
        schemas_version=connection.schemas_version,
        run=token.id if credential.token_type == tokens.TEST else None,
        authentication=accepted_types(organisation, connection, settings),
        is_interop=connection.profile == INTEROP,
        is_listened_to=connection.is_listened_to(now),
    )


def _scim_credential(authorization: tuple[str, ...]) -> Credential | None:
    credential = tokens.parse(bearer(authorization) or "")
    return credential if credential and credential.token_type in STORED_TYPES else None


def _require_credential(
    credential: Credential | None, authorization: tuple[str, ...]
) -> Credential:
    if credential is None:
        raise Unauthorized(reason=slip_of(authorization))
    return credential


def _token_key(connection_id: str, credential: Credential) -> Key:
    keys = OrganisationKeys(organisation_of(connection_id))
    key = keys.self_test_token if credential.token_type == tokens.TEST else keys.token
    return key(connection_id, credential.issued_for)


def read_items(
    items: Namespace,
    connection_id: str,
    credential: Credential | None,
    ahead: Iterable[Key] = (),
) -> tuple[Organisation | None, Connection | None, ConnectionToken | None, AccessToken | None]:
    """Read organisation, connection, credential and access token: one BatchGetItem.

    None stands for what is missing. Without a credential nothing is read ahead.
    """
    keys = OrganisationKeys(organisation_of(connection_id))
    wanted: dict[type, Key] = {
        Organisation: keys.own_item,
        Connection: keys.connection(connection_id),
    }
    if credential is not None:
        wanted[ConnectionToken] = _token_key(connection_id, credential)
        if credential.token_type == tokens.ACCESS:
            wanted[AccessToken] = ConnectionKeys(connection_id).access_token(credential.id)
    found = items.batch_get_with_ahead(wanted.values(), ahead if credential else ())

    def read(of: type[T]) -> T | None:
        key = wanted.get(of)
        return from_item(of, found[key]) if key in found else None

    return read(Organisation), read(Connection), read(ConnectionToken), read(AccessToken)


def _reason_for_connection(
    items: Namespace, connection_id: str, connection: Connection | None
) -> str | None:
    """Return why a connection is not served; None where it does not exist or is being deleted."""
    if connection is None:
        item = items.get(
            OrganisationKeys(organisation_of(connection_id)).past_connection(connection_id)
        )
        connection = from_item(Connection, item) if item else None
    return None if connection is None or connection.state == DELETING else "ended"


def reason_for_end(
    items: Namespace, connection_id: str, token_id: str, token: ConnectionToken | None
) -> str:
    """Return why a credential is not accepted; only this looks among those that have ended."""
    if token is None:
        keys = OrganisationKeys(organisation_of(connection_id))
        item = items.get(keys.past_token(connection_id, token_id))
        token = from_item(ConnectionToken, item) if item else None
    if token is None:
        return "foreign"
    return "revoked" if token.state == "revoked" else "expired"


def _check_token(
    items: Namespace,
    connection_id: str,
    credential: Credential,
    token: ConnectionToken | None,
    now: datetime,
) -> ConnectionToken:
    """Return the stored credential if it lives and a text of this type is its own.

    Raises:
        Unauthorized: it has ended, or is of another connection; or a client secret was written as
            a static token, or the other way round: both may hold the same secret.
    """
    if token is None or not token.live(now):
        reason = reason_for_end(items, connection_id, credential.issued_for, token)
        raise Unauthorized(reason=reason)
    if token.credential_type not in STORED_TYPES[credential.token_type]:
        raise Unauthorized(reason="wrong")
    return token


def listening_connection(
    table: Table, secrets: Secrets, authorization: tuple[str, ...], deadline: Deadline
) -> str | None:
    """Return the connection whose page listens, and whose token was sent to another URL.

    Nothing is said of a token whose secret is wrong: it may be a guess. One GetItem where nobody
    listens for the token.
    """
    credential = _scim_credential(authorization)
    if credential is None or credential.token_type != tokens.SCIM:
        return None
    items = table.namespace(grants.listened_to(credential.id), deadline)
    found = items.get(listened_token(credential.id))
    listened = from_item(ListenedToken, found) if found else None
    now = table.clock.now()
    if listened is None or listened.until <= timestamp(now):
        return None
    keys = ConnectionKeys(listened.connection)
    own = table.namespace(grants.listening(keys), deadline)
    try:
        item = own.get(_token_key(keys.connection, credential))
        token = from_item(ConnectionToken, item) if item else None
        _check_token(own, keys.connection, credential, token, now)
        check_secret(own, secrets, keys.connection, credential, now)
    except Unauthorized:
        return None
    return keys.connection


def _check_access_token(credential: Credential, stored: AccessToken | None, now: datetime) -> None:
    if stored is None or not stored.live(now):
        raise Unauthorized(reason="access_expired")
    if not tokens.matches(credential.secret, stored.digest):
        raise Unauthorized(reason="wrong")


def check_secret(
    items: Namespace, secrets: Secrets, connection_id: str, credential: Credential, now: datetime
) -> None:
    """Compare the secret of a static token or client secret with the stored digest.

    Raises:
        Unauthorized: it differs, or the token was revoked: its secret is deleted for good, also
            where the table was restored to a moment before that and has the token as live.
        Unavailable: the secret cannot be read, or not yet.
    """
    try:
        stored = secrets.digest_of(connection_id, credential.id, items.deadline)
    except Gone:
        item = items.get(_token_key(connection_id, credential))
        token = from_item(ConnectionToken, item) if item else None
        if token is not None and token.live(now) and _may_appear(token.created, now):
            raise Unavailable from None
        raise Unauthorized(reason="revoked") from None
    if not tokens.matches(credential.secret, stored):
        raise Unauthorized(reason="wrong")


def _may_appear(created: str, now: datetime) -> bool:
    """Return whether a secret is so new that not every reader may know it yet.

    That is 503: after a 401 an identity provider stops until somebody starts it again.
    """
    return created > timestamp(now - SECRET_APPEARS)


def check_service(
    organisation: Organisation,
    connection: Connection,
    credential_type: CredentialType | None,
    settings: Settings,
) -> None:
    """Check that a connection is served now, with a credential of this type; None: of any.

    Raises:
        Unauthorized: the connection, its organisation or the deployment does not accept the type.
        Forbidden: organisation or connection are not active, or the plan does not include SCIM.
    """
    accepted = accepted_types(organisation, connection, settings)
    if credential_type is not None and credential_type not in accepted:
        raise Unauthorized(reason="type")
    if organisation.state != "active":
        raise Forbidden(SUSPENDED, reason="suspended")
    if not has_scim(settings.plans, organisation.plan):
        raise Forbidden(WITHOUT_SCIM.format(plan=organisation.plan), reason="plan")
    if connection.state != "active":
        raise Forbidden(PAUSED, reason="paused")


def accepted_types(
    organisation: Organisation, connection: Connection, settings: Settings
) -> frozenset[CredentialType]:
    """Return the types of credentials that a connection accepts, of those that it may."""
    allowed = organisation.allowed_types(settings.authentication_types)
    return frozenset(connection.authentication) & allowed


def has_scim(plans: Mapping[str, Plan], plan: str) -> bool:
    """Return whether a plan includes SCIM; a plan that is not configured does not."""
    return plan in plans and plans[plan].scim


# --- the admin API ----------------------------------------------------------------------------


def authenticate_admin(
    table: Table, secrets: Secrets, credential: str, deadline: Deadline
) -> OperatorPrincipal | AdminPrincipal:
    """Authenticate the operator by one of their keys, or an organisation's admin by a session.

    `credential` is a bearer token or the session cookie's value; "" if there is neither.

    Raises:
        Unauthorized: the credential is not accepted.
        Unavailable: the operator key's secret cannot be read.
        Busy: the key's item or the session cannot be read before the deadline.
    """
    parsed = tokens.parse(credential)
    if parsed is not None and parsed.token_type == tokens.OPERATOR:
        return _authenticate_operator(table, secrets, parsed, deadline)
    session = sessions.find(table, credential, deadline)
    if session is None:
        raise Unauthorized(INVALID_ADMIN_CREDENTIAL, reason="credential")
    organisation = session.organisation
    return AdminPrincipal(
        organisation.id, session.stored, is_suspended=organisation.state != "active"
    )


def _authenticate_operator(
    table: Table, secrets: Secrets, credential: Credential, deadline: Deadline
) -> OperatorPrincipal:
    """Check the key's item first, so that an unknown id costs no call to Secrets Manager.

    Raises:
        Unauthorized: there is no such key, it was revoked, or its secret part is wrong.
        Unavailable: its secret cannot be read, or not yet.
    """
    item = table.namespace(grants.operator_key(), deadline).get(operator_key(credential.id))
    key = from_item(OperatorKey, item) if item else None
    if key is None or not key.is_live:
        raise Unauthorized(INVALID_ADMIN_CREDENTIAL, reason="credential")
    try:
        stored = secrets.operator_digest(key.id, deadline)
    except Gone:
        # As for a token: the table may be of a moment before it was revoked.
        if _may_appear(key.created, deadline.clock.now()):
            raise Unavailable from None
        raise Unauthorized(INVALID_ADMIN_CREDENTIAL, reason="credential") from None
    if not tokens.matches(credential.secret, stored):
        raise Unauthorized(INVALID_ADMIN_CREDENTIAL, reason="credential")
    return OperatorPrincipal(key.id, key.name, frozenset(key.scopes))
