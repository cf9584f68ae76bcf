"""The token endpoint's part of authentication: an OAuth client in, an access token out.

RFC 6749 section 4.4 with a client secret, or with an assertion of a trusted issuer (RFC 7523
section 2.2). The access token ends with the credential that it was issued for, with the
connection, and after an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.auth import tokens
from chalicelib.auth.assertions import verify
from chalicelib.auth.authenticate import check_secret, check_service, read_items, reason_for_end
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.errors import Forbidden, InvalidClient, OAuthError, Unauthorized
from chalicelib.settings import Settings
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys, organisation_of
from chalicelib.storage.records import from_item, from_items, to_item
from chalicelib.storage.settings_items import (
    CONNECTION_ID,
    DELETING,
    SERVED_STATES,
    AccessToken,
    Connection,
    ConnectionToken,
    Organisation,
    Trust,
)
from chalicelib.storage.table import Namespace

# Microsoft's gallery expects 60 minutes to 6 hours.
LIFETIME = timedelta(minutes=60)


@dataclass(frozen=True, slots=True)
class SentSecret:
    """What a client has sent: its id and its secret."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SentAssertion:
    """What a client has sent: an assertion, and perhaps its id."""

    client_id: str | None
    assertion: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token; `text` is returned in one response and stored nowhere."""

    text: str = field(repr=False)
    lifetime: timedelta


class Served(NamedTuple):
    """A connection that is served, and its organisation."""

    organisation: Organisation
    connection: Connection


@dataclass(frozen=True, slots=True)
class Clients:
    """Authenticates the clients of one deployment."""

    secrets: Secrets
    settings: Settings
    key_ring: KeyRing

    def authenticate(
        self, items: Namespace, served: Served, sent: SentSecret | SentAssertion
    ) -> ConnectionToken:
        """Return the credential of an authenticated client: 1 read, of all credentials or of one.

        Raises:
            InvalidClient: the client is not authenticated; with the reason for the health.
            OAuthError: it is, but the connection cannot be used now; says why.
            Unavailable: the secret, or the key of the issuer, cannot be read now.
            Busy: the items cannot be read before the deadline.
        """
        now, connection_id = items.table.clock.now(), served.connection.id
        if isinstance(sent, SentSecret):
            credential = self._of_secret(items, connection_id, sent, now)
        else:
            credential = self._of_assertion(items, connection_id, sent, now)
        try:
            of_type = credential.credential_type
            check_service(served.organisation, served.connection, of_type, self.settings)
        except Unauthorized as error:
            raise InvalidClient(reason=error.reason) from None
        except Forbidden as error:
            code = "unauthorized_client"
            raise OAuthError(code, error.detail, reason=error.reason) from None
        return credential

    def _of_secret(
        self, items: Namespace, connection_id: str, sent: SentSecret, now: datetime
    ) -> ConnectionToken:
        secret = tokens.parse(sent.secret)
        if sent.client_id != connection_id:
            raise InvalidClient(reason="client_id")
        if secret is None or secret.token_type != tokens.CLIENT_SECRET:
            is_token = sent.secret.startswith("psl_scim_")
            raise InvalidClient(reason="token_as_secret" if is_token else "client_secret")
        keys = OrganisationKeys(organisation_of(connection_id))
        item = items.get(keys.token(connection_id, secret.id))
        credential = from_item(ConnectionToken, item) if item else None
        if credential is None or not credential.live(now):
            raise InvalidClient(reason=reason_for_end(items, connection_id, secret.id, credential))
        if credential.credential_type != "client_secret":
            raise InvalidClient(reason="wrong")
        try:
            check_secret(items, self.secrets, connection_id, secret, now)
        except Unauthorized as error:
            raise InvalidClient(reason=error.reason) from None
        return credential

    def _of_assertion(
        self, items: Namespace, connection_id: str, sent: SentAssertion, now: datetime
    ) -> ConnectionToken:
        table, deadline = items.table, items.deadline
        keys = OrganisationKeys(organisation_of(connection_id))
        stored = from_items(ConnectionToken, items.query(keys.tokens(connection_id)))
        credential = verify(
            sent.assertion,
            [each for each in stored if each.live(now) and self._is_trusted(each.trust)],
            lambda issuer, kid: self.key_ring.find(table, issuer, kid, deadline),
            now,
        )
        # RFC 7521 section 4.2: the id is not needed; where it is sent, it is the client's.
        subject = credential.trust.subject if credential.trust else None
        if sent.client_id not in {None, connection_id, subject}:
            raise InvalidClient(reason="client_id")
        return credential

    def _is_trusted(self, trust: Trust | None) -> bool:
        """Return whether the issuer is, and still is, one that this deployment trusts."""
        return trust is not None and self.key_ring.issuers.keys_url(trust.issuer) is not None


def find_served(items: Namespace, connection_id: str) -> Served | None:
    """Find a connection that is served: one BatchGetItem; else None."""
    if CONNECTION_ID.fullmatch(connection_id) is None:
        return None
    organisation, connection, *_ = read_items(items, connection_id, None)
    if organisation is None or organisation.state == DELETING:
        return None
    if connection is None or connection.state not in SERVED_STATES:
        return None
    return Served(organisation, connection)


def issue(items: Namespace, connection_id: str, credential: ConnectionToken) -> IssuedToken:
    """Issue an access token for a credential: 2 WCU."""
    minted = tokens.mint(tokens.ACCESS, items.table.clock.random, issued_for=credential.id)
    ends = items.table.clock.now() + LIFETIME
    stored = AccessToken(minted.id, minted.digest, timestamp(ends))
    key = ConnectionKeys(connection_id).access_token(minted.id)
    items.commit([Put(key, to_item(stored, expires=ends))])
    return IssuedToken(minted.text, LIFETIME)
