"""The credentials of a connection: create, list, rotate, revoke.

A static token or a client secret is an item, which says whether it is valid, and a secret, which
holds the digest. They are stored in two services, so a pending change is written before the secret
is created and says when it must be deleted: whatever is interrupted, no secret outlives its token.
A federated credential is an item alone; its pending change only moves it among those that have
ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import CLIENT_SECRET, TOKEN_ID, NewCredential, TokenType, mint
from chalicelib.errors import (
    BadRequest,
    Busy,
    Conflict,
    FieldError,
    InvalidFields,
    NotFound,
    Unavailable,
)
from chalicelib.organisations import audit, connections, idempotency
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import NewConnectionCredential, NewToken, Rotation
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.settings import CredentialType
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import PendingChange
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Put, Update, equals
from chalicelib.storage.keys import Key, OrganisationKeys, listened_token, organisation_of
from chalicelib.storage.records import from_item, from_items, to_item
from chalicelib.storage.rejected_items import ListenedToken
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import (
    SERVED_STATES,
    Connection,
    ConnectionToken,
    Trust,
)
from chalicelib.storage.table import Namespace

MAX_LIVE = 5
# Without a wish, from now on; a federated one has no secret that could leak, and lives as long as
# the deployment allows.
LIFETIMES: Mapping[CredentialType, timedelta] = {
    "token": timedelta(days=365),
    "client_secret": timedelta(days=365),
}
# How long the item of a token is kept after its end, for the list: as long as the audit.
KEPT = timedelta(days=400)
# Longer than any request: a secret that was being created when its token was revoked exists by
# then.
CREATION_LIMIT = timedelta(seconds=60)
# Seconds of the request kept back to revoke a token whose secret could not be created.
REVOKE_SECONDS = 3.0
# Seconds for deleting the secret of a token that is already revoked.
DELETE_SECONDS = 5.0

TOO_MANY = f"The connection already has {MAX_LIVE} valid tokens, the most it may have: revoke one."
REPLAYED = (
    "This request has created a token before. Its text was shown once and is not stored: if it "
    "was lost, revoke the token and create another one with another Idempotency-Key."
)
NOT_LIVE = "The token was revoked or has expired and cannot be rotated: create a new one."
NOTHING_TO_ROTATE = (
    "A federated credential has no secret to rotate. To trust another tenant, subject or audience, "
    "create another one and revoke this one."
)
REVOKED_MEANWHILE = "The token was revoked before it could be shown: create a new one."


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new credential; `text` is returned in one response and stored nowhere.

    A federated one has no text.
    """

    token: ConnectionToken
    text: str | None = field(repr=False)


def create(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    body: NewToken,
    idempotency_key: IdempotencyKey | None,
    trust: Trust | None = None,
) -> CreatedToken:
    """Create a credential: its item, then its secret; then the item is read again.

    Raises:
        NotFound: the organisation has no such connection.
        InvalidFields: it would expire in the past, or later than the deployment allows.
        Conflict: too many valid ones, the connection has ended, or the token was revoked before it
            could be shown.
        Unavailable: the secret could not be created; the token is revoked.
    """
    made = _make(admin, body, trust)
    return _create(admin, secrets, connection_id, made, _Limits(MAX_LIVE, idempotency_key))


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many valid tokens there may be with the new one, and the key of the POST."""

    most: int
    idempotency_key: IdempotencyKey | None


# How the text of a credential begins; a federated one has an id only.
TEXTS: Mapping[CredentialType, TokenType] = {"token": "scim", "client_secret": CLIENT_SECRET}

Made = tuple[ConnectionToken, NewCredential]


def _make(admin: AdminContext, body: NewToken, trust: Trust | None = None) -> Made:
    """Make the item of a new credential, and its text; nothing is written.

    Raises:
        InvalidFields: it would expire in the past, or later than the deployment allows.
    """
    of_type = body.type if isinstance(body, NewConnectionCredential) else "token"
    credential = mint(TEXTS.get(of_type, "scim"), admin.clock.random)
    token = ConnectionToken(
        id=credential.id,
        name=body.name,
        hint=credential.hint if of_type in TEXTS else "",
        state="live",
        created=timestamp(admin.now()),
        created_by=admin.by,
        expires=timestamp(_expiry(admin, body.expires_at, LIFETIMES.get(of_type))),
        credential_type=of_type,
        trust=trust,
        setup_link=admin.setup_link,
    )
    return token, credential


def _create(
    admin: AdminContext, secrets: Secrets, connection_id: str, made: Made, limits: _Limits
) -> CreatedToken:
    token, credential = made
    _write_item(admin, connection_id, token, limits)
    if token.credential_type not in TEXTS:
        return CreatedToken(token, None)
    deadline = admin.items.deadline
    try:
        earlier = replace(deadline, at=deadline.at - REVOKE_SECONDS)
        secrets.create(connection_id, credential.id, credential.digest, earlier)
    except Unavailable:
        _undo(admin, connection_id, token, limits.idempotency_key)
        raise
    _require_live(admin, secrets, connection_id, token)
    return CreatedToken(token, credential.text)


def _expiry(admin: AdminContext, chosen: datetime | None, lifetime: timedelta | None) -> datetime:
    now, longest = admin.now(), admin.longest_credential
    if chosen is None:
        return now + min(lifetime or longest, longest)
    if not now < chosen <= now + longest:
        message = f"expected a time in the future, at most {longest.days} days from now"
        raise InvalidFields(FieldError("expires_at", message))
    return chosen


def _write_item(
    admin: AdminContext, connection_id: str, token: ConnectionToken, limits: _Limits
) -> None:
    for _ in admin.items.deadline.attempts():
        # In this order: a token created after the first read fails the condition on its count.
        connection = connections.get_for_change(admin, connection_id)
        live = [each for each in stored_tokens(admin, connection_id) if each.live(admin.now())]
        if len(live) >= limits.most:
            raise Conflict(TOO_MANY)
        actions = _creation(admin, connection, token, limits.idempotency_key)
        canceled = admin.items.try_commit(actions)
        if canceled is None:
            return
        if idempotency.is_lost(canceled, limits.idempotency_key):
            raise Busy


def _creation(
    admin: AdminContext,
    connection: Connection,
    token: ConnectionToken,
    idempotency_key: IdempotencyKey | None,
) -> list[Action]:
    count = connection.tokens_version
    audited = {
        "connection": connection.id,
        "type": token.credential_type,
        "name": token.name,
        "hint": token.hint,
        "expires_at": token.expires,
        **(asdict(token.trust) if token.trust else {}),
    }
    actions: list[Action] = [
        Put(admin.keys.token(connection.id, token.id), to_item(token), NEW),
        Update(
            admin.keys.connection(connection.id),
            set={"tokens_version": count + 1},
            condition=equals("tokens_version", count),
        ),
        _pending_deletion(admin, connection.id, token, token.secret_ends),
        audit.entry_item(admin, Edit("token", token.id, after=audited)),
    ]
    if idempotency_key:
        actions.append(idempotency_key.created_item(token.id, admin.now()))
    if connection.listening_until and connection.is_listened_to(admin.now()):
        actions.append(listened_item(connection.id, token.id, connection.listening_until))
    return actions


def listened_item(connection_id: str, token_id: str, until: str) -> Put:
    """Make the item by which a request with this token is found, whatever URL it is sent to."""
    listened = ListenedToken(connection_id, until)
    return Put(listened_token(token_id), to_item(listened, datetime.fromisoformat(until)))


def _deletion_key(admin: AdminContext, connection_id: str, token: ConnectionToken, at: str) -> Key:
    return admin.keys.pending_change(at, connection_id, token.id)


def _pending_deletion(
    admin: AdminContext, connection_id: str, token: ConnectionToken, at: str
) -> Put:
    """Make the pending change that deletes the secret `at` a time; its id is the token's."""
    return Put(
        _deletion_key(admin, connection_id, token, at), to_item(PendingChange("secret", token.id))
    )


def _undo(
    admin: AdminContext,
    connection_id: str,
    token: ConnectionToken,
    idempotency_key: IdempotencyKey | None,
) -> None:
    """Revoke a token that has no secret, and its Idempotency-Key: nothing was created."""
    revocation = list(revocation_actions(admin, plan_revocation(admin, connection_id, token)))
    key = [Delete(idempotency_key.key)] if idempotency_key else []
    # Fails where it was revoked meanwhile.
    if admin.items.try_commit([*revocation, *key]) is not None and key:
        admin.items.commit(key)


def _require_live(
    admin: AdminContext, secrets: Secrets, connection_id: str, token: ConnectionToken
) -> None:
    item = admin.items.get(admin.keys.token(connection_id, token.id))
    if item is None or not from_item(ConnectionToken, item).live(admin.now()):
        delete_secret(admin, secrets, plan_revocation(admin, connection_id, token))
        raise Conflict(REVOKED_MEANWHILE, id=token.id, hint=token.hint)


def replay_conflict(admin: AdminContext, connection_id: str, token_id: str) -> Conflict:
    """Make the error of a creation that is sent again: which token it created, never its text."""
    found = _find(admin, connection_id, token_id)
    return Conflict(REPLAYED, id=token_id, hint=found[1].hint if found else None)


def list_tokens(
    admin: AdminContext, connection_id: str, cursor: str | None = None, size: int = 100
) -> Page[ConnectionToken]:
    """List a connection's tokens: the valid ones, then those that have ended; each page by age.

    A connection that has ended has none.

    Raises:
        NotFound: the organisation has no such connection.
        BadRequest: this list has not returned such a cursor.
    """
    if cursor is not None and TOKEN_ID.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    if connections.get(admin, connection_id).state not in SERVED_STATES:
        return Page(())
    first = () if cursor else tuple(stored_tokens(admin, connection_id))
    past = admin.items.query(admin.keys.past_tokens(connection_id, cursor or ""), page=size + 1)
    # The valid ones are few, and are always on the first page.
    page = take_page(from_items(ConnectionToken, past), size, lambda token: token.id)
    found = sorted((*first, *page.items), key=lambda token: (token.created, token.id))
    return Page(tuple(found), page.next_cursor)


def stored_tokens(admin: AdminContext, connection_id: str) -> Iterator[ConnectionToken]:
    """Read the tokens of a connection that may be valid: one Query.

    Those that have just expired are among them until the sweeper has moved them.
    """
    return from_items(ConnectionToken, admin.items.query(admin.keys.tokens(connection_id)))


def _find(
    admin: AdminContext, connection_id: str, token_id: str
) -> tuple[Key, ConnectionToken] | None:
    """Find a token and the key of its item, also where it has ended."""
    for make_key in (admin.keys.token, admin.keys.past_token):
        key = make_key(connection_id, token_id)
        item = admin.items.get(key)
        if item is not None:
            return key, from_item(ConnectionToken, item)
    return None


def revoke(admin: AdminContext, secrets: Secrets, connection_id: str, token_id: str) -> None:
    """Revoke a token now; repeating it is not an error.

    It is revoked once its item says so. Where the secret cannot be deleted at once, its pending
    change remains.

    Raises:
        NotFound: the organisation has no such connection, or the connection no such token.
    """
    for _ in admin.items.deadline.attempts():
        key, token = _get(admin, connection_id, token_id)
        revocation = plan_revocation(admin, connection_id, token)
        # One that has expired and was moved is marked where it is; its secret has been deleted.
        is_past = key == admin.keys.past_token(connection_id, token_id)
        actions = list(
            _mark_revoked(admin, key, token) if is_past else revocation_actions(admin, revocation)
        )
        if not actions or admin.items.try_commit(actions) is None:
            delete_secret(admin, secrets, revocation)
            return


def revoke_of_link(admin: AdminContext, secrets: Secrets, connection_id: str, link_id: str) -> None:
    """Revoke the credentials of a connection that a setup link's sessions have created."""
    for token in list(stored_tokens(admin, connection_id)):
        if token.setup_link == link_id and token.state == "live":
            revoke(admin, secrets, connection_id, token.id)


def _get(admin: AdminContext, connection_id: str, token_id: str) -> tuple[Key, ConnectionToken]:
    is_served = connections.get(admin, connection_id).state in SERVED_STATES
    is_well_formed = TOKEN_ID.fullmatch(token_id) is not None
    found = _find(admin, connection_id, token_id) if is_served and is_well_formed else None
    if found is None:
        raise NotFound
    return found


def _mark_revoked(admin: AdminContext, key: Key, token: ConnectionToken) -> Iterator[Action]:
    if token.state == "live":
        yield Update(key, set={"state": "revoked"}, condition=EXISTS)
        yield _audited_revocation(admin, token)


def _audited_revocation(admin: AdminContext, token: ConnectionToken) -> Put:
    edit = Edit("token", token.id, {"state": "live"}, {"state": "revoked"}, action="revoked")
    return audit.entry_item(admin, edit)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A token to be revoked, and from when its secret can be deleted for good."""

    connection: str
    token: ConnectionToken
    delete_secret_at: str


def plan_revocation(admin: AdminContext, connection_id: str, token: ConnectionToken) -> Revocation:
    """Plan to revoke a token now and delete its secret once it can no longer be being created."""
    at = max(admin.now(), datetime.fromisoformat(token.created) + CREATION_LIMIT)
    return Revocation(connection_id, token, timestamp(at))


def revocation_actions(admin: AdminContext, revocation: Revocation) -> Iterator[Action]:
    """Make the actions that revoke a token and have its secret deleted.

    Its item moves to a partition that no sign-in and no SCIM request reads.
    """
    connection, token = revocation.connection, revocation.token
    as_read = EXISTS & equals("expires", token.expires)
    yield Delete(admin.keys.token(connection, token.id), as_read)
    yield Put(admin.keys.past_token(connection, token.id), to_item(replace(token, state="revoked")))
    yield _pending_deletion(admin, connection, token, revocation.delete_secret_at)
    # A transaction may not name an item twice.
    if revocation.delete_secret_at != token.secret_ends:
        yield Delete(_deletion_key(admin, connection, token, token.secret_ends))
    if token.state == "live":
        yield _audited_revocation(admin, token)


def delete_secret(admin: AdminContext, secrets: Secrets, revocation: Revocation) -> None:
    """Delete the secret of a revoked token; where that fails its pending change remains."""
    connection, token, at = revocation.connection, revocation.token, revocation.delete_secret_at
    soon = admin.clock.monotonic() + DELETE_SECONDS
    deadline = Deadline(admin.clock, min(admin.items.deadline.at, soon))
    try:
        secrets.delete(connection, token.id, deadline)
    except Unavailable:
        return
    if at <= timestamp(admin.now()):
        pending = _deletion_key(admin, connection, token, at)
        record_secret_deleted(admin.items, connection, token.id, pending)


def record_secret_deleted(
    items: Namespace, connection_id: str, token_id: str, pending: Key
) -> None:
    """Finish the pending change of a secret that has been deleted.

    A token that nobody revoked has expired, and moves to the others that have ended. From now on
    its item is kept for a time only: without a secret nothing depends on it.
    """
    keys = OrganisationKeys(organisation_of(connection_id))
    past, ends = keys.past_token(connection_id, token_id), items.table.clock.now() + KEPT
    expired = items.get(keys.token(connection_id, token_id))
    if expired is not None:
        token = from_item(ConnectionToken, expired)
        move: list[Action] = [
            Delete(keys.token(connection_id, token_id), equals("expires", token.expires)),
            Put(past, to_item(token, expires=ends)),
        ]
    else:
        move = [Update(past, set={"ttl": int(ends.timestamp())}, condition=EXISTS)]
    # Fails where the connection was purged, for a self-test, or beside another sweep.
    if items.try_commit([*move, Delete(pending)]) is not None:
        items.commit([Delete(pending)])


# --- rotation ---------------------------------------------------------------------------------


def rotate(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    token_id: str,
    body: Rotation,
    idempotency_key: IdempotencyKey | None,
) -> CreatedToken:
    """Create a token of the same name, and let the old one expire after the overlap.

    In this order: an interruption leaves the old token as it was. A connection with as many tokens
    as it may have gets one more while the old one is valid.

    Raises:
        NotFound: the organisation has no such connection, or the connection no such token.
        Conflict: the token was revoked or has expired, it is a federated one, or another rotation
            is not finished.
        Unavailable: the secret could not be created; the new token is revoked.
    """
    _, old = _get(admin, connection_id, token_id)
    if not old.live(admin.now()):
        raise Conflict(NOT_LIVE)
    if old.credential_type not in TEXTS:
        raise Conflict(NOTHING_TO_ROTATE)
    made = _make(admin, NewConnectionCredential(name=old.name, type=old.credential_type))
    limits = _Limits(MAX_LIVE + 1, idempotency_key)
    created = _create(admin, secrets, connection_id, made, limits)
    if body.overlap_hours:
        _expire_at(admin, connection_id, old, admin.now() + timedelta(hours=body.overlap_hours))
    else:
        revoke(admin, secrets, connection_id, old.id)
    return created


def _expire_at(
    admin: AdminContext, connection_id: str, old: ConnectionToken, moment: datetime
) -> None:
    """Let a token expire at a moment, unless it expires earlier."""
    expires = timestamp(moment)
    for _ in admin.items.deadline.attempts():
        # Read again: it may have been revoked or rotated meanwhile.
        item = admin.items.get(admin.keys.token(connection_id, old.id))
        token = from_item(ConnectionToken, item) if item else None
        if token is None or token.state != "live" or token.expires <= expires:
            return
        if admin.items.try_commit(_new_expiry(admin, connection_id, token, expires)) is None:
            return


def _new_expiry(
    admin: AdminContext, connection_id: str, old: ConnectionToken, expires: str
) -> list[Action]:
    new = replace(old, expires=expires)
    as_read = equals("state", "live") & equals("expires", old.expires)
    before, after = {"expires_at": old.expires}, {"expires_at": expires}
    return [
        Update(admin.keys.token(connection_id, old.id), {"expires": expires}, condition=as_read),
        Delete(_deletion_key(admin, connection_id, old, old.secret_ends)),
        _pending_deletion(admin, connection_id, new, new.secret_ends),
        audit.entry_item(admin, Edit("token", old.id, before, after, action="rotated")),
    ]
