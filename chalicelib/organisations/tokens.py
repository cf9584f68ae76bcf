"""Tokens of a connection: make, list, rotate, revoke.

A token is a row, which says whether it lives, and a secret, which holds the digest. The two
stand in two services, so each is declared before it is made and an operation row says what is
left to do: whatever is interrupted, no secret is kept for a token that has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import TOKEN_ID, NewCredential, mint
from chalicelib.errors import Busy, Conflict, FieldError, InvalidFields, NotFound, Unavailable
from chalicelib.organisations import audit, connections, idempotency
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import NewToken, Rotation
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import SHAPE
from chalicelib.storage.expressions import EXISTS, NEW, Action, Delete, Put, Update, equals
from chalicelib.storage.keys import Key
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import Connection, ConnectionToken, token_from
from chalicelib.storage.transactions import TransactionCanceled

MOST_LIVE = 5
LIFE = timedelta(days=365)
LONGEST_LIFE = timedelta(days=3650)
# Longer than any request: a secret that was being made when its token was revoked is there by
# then.
SETTLED = timedelta(seconds=60)
# Seconds of the request's time kept back to take a token back whose secret could not be made.
KEPT_BACK = 3.0
# Seconds for removing the secret of a token that is revoked already.
REMOVAL = 5.0

TOO_MANY = f"The connection has {MOST_LIVE} live tokens, the most that it may have: revoke one."
REPLAYED = (
    "This request has created a token before. Its text was shown once and is not kept: if it "
    "was lost, revoke the token and make another one with another Idempotency-Key."
)
NOT_LIVE = "The token has ended, so there is nothing to rotate: make another one."
REVOKED_MEANWHILE = "The token was revoked or ended before it could be shown; make another one."


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token; `text` goes into one answer and nowhere else."""

    row: ConnectionToken
    text: str = field(repr=False)


def create(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    body: NewToken,
    idempotency_key: IdempotencyKey | None,
) -> CreatedToken:
    """Make a token: its row, then its secret, then the row is read again.

    Before the answer nobody holds it.

    Raises:
        NotFound: the organisation has no such connection.
        InvalidFields: it would end in the past, or in more than ten years.
        Conflict: too many live ones, the connection has ended, or the token was revoked before
            it could be shown.
        Unavailable: the secret could not be made; the token is taken back.
    """
    return _created(admin, secrets, connection_id, body, _Bounds(MOST_LIVE, idempotency_key))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How many tokens may live with the new one, and the POST that makes it."""

    most: int
    idempotency_key: IdempotencyKey | None


def _created(
    admin: AdminContext, secrets: Secrets, connection_id: str, body: NewToken, bounds: _Bounds
) -> CreatedToken:
    credential = mint("scim", admin.clock.random)
    row = _new(admin, credential, body)
    _declare(admin, connection_id, row, bounds)
    try:
        _keep(admin, secrets, connection_id, credential)
    except Unavailable:
        _take_back(admin, connection_id, row, bounds.idempotency_key)
        raise
    _require_live(admin, secrets, connection_id, row)
    return CreatedToken(row, credential.text)


def _new(admin: AdminContext, credential: NewCredential, body: NewToken) -> ConnectionToken:
    now = admin.now()
    return ConnectionToken(
        id=credential.id,
        name=body.name,
        hint=credential.hint,
        state="live",
        created=timestamp(now),
        created_by=admin.by,
        expires=timestamp(_end(body.expires_at, now)),
    )


def _end(wanted: datetime | None, now: datetime) -> datetime:
    if wanted is None:
        return now + LIFE
    if not now < wanted <= now + LONGEST_LIFE:
        raise InvalidFields(FieldError("expires_at", "must be in the future, ten years at most"))
    return wanted


def _declare(
    admin: AdminContext, connection_id: str, row: ConnectionToken, bounds: _Bounds
) -> None:
    for _ in admin.items.deadline.attempts():
        # In this order: a token made after the first read fails the condition on its count.
        connection = connections.get_for_change(admin, connection_id)
        live = [each for each in stored_tokens(admin, connection_id) if each.live(admin.now())]
        if len(live) >= bounds.most:
            raise Conflict(TOO_MANY)
        canceled = admin.items.try_commit(_creation(admin, connection, row, bounds.idempotency_key))
        if canceled is None:
            return
        if idempotency.is_concurrent_replay(canceled, bounds.idempotency_key):
            raise Busy


def _creation(
    admin: AdminContext,
    connection: Connection,
    row: ConnectionToken,
    idempotency_key: IdempotencyKey | None,
) -> list[Action]:
    count = connection.tokens_version
    actions: list[Action] = [
        Put(admin.keys.token(connection.id, row.id), row.row(), NEW),
        Update(
            admin.keys.connection(connection.id),
            set={"tokens_version": count + 1},
            condition=equals("tokens_version", count),
        ),
        _removal(admin, connection.id, row, row.secret_ends),
        audit.entry_item(admin, Edit("token", row.id, after=_audited(row, connection.id))),
    ]
    if idempotency_key:
        actions.append(idempotency_key.created_item(row.id, admin.now()))
    return actions


def _audited(row: ConnectionToken, connection_id: str) -> dict[str, str]:
    return {
        "connection": connection_id,
        "name": row.name,
        "hint": row.hint,
        "expires_at": row.expires,
    }


def _removal_key(admin: AdminContext, connection_id: str, row: ConnectionToken, due: str) -> Key:
    return admin.keys.pending_change(due, connection_id, row.id)


def _removal(admin: AdminContext, connection_id: str, row: ConnectionToken, due: str) -> Put:
    """Declare that the secret goes when `due`; the token's id makes the operation's."""
    declared = {
        "change_type": "secret",
        "target": row.id,
        "connection": connection_id,
        "shape": SHAPE,
    }
    return Put(_removal_key(admin, connection_id, row, due), declared)


def _keep(
    admin: AdminContext, secrets: Secrets, connection_id: str, credential: NewCredential
) -> None:
    deadline = admin.items.deadline
    earlier = replace(deadline, at=deadline.at - KEPT_BACK)
    secrets.create(connection_id, credential.id, credential.digest, earlier)


def _take_back(
    admin: AdminContext,
    connection_id: str,
    row: ConnectionToken,
    idempotency_key: IdempotencyKey | None,
) -> None:
    """Revoke a token that has no secret, and forget its Idempotency-Key: nothing was created."""
    actions = list(revocation_actions(admin, plan_revocation(admin, connection_id, row)))
    if idempotency_key:
        actions.append(Delete(idempotency_key.key))
    admin.items.commit(actions)


def _require_live(
    admin: AdminContext, secrets: Secrets, connection_id: str, row: ConnectionToken
) -> None:
    present = admin.items.get(admin.keys.token(connection_id, row.id))
    if present is None or not token_from(present).live(admin.now()):
        delete_secret(admin, secrets, plan_revocation(admin, connection_id, row))
        raise Conflict(REVOKED_MEANWHILE, id=row.id, hint=row.hint)


def replay_conflict(admin: AdminContext, connection_id: str, token_id: str) -> Conflict:
    """Answer a creation that was sent again: which token it made, never the token."""
    row = admin.items.get(admin.keys.token(connection_id, token_id))
    return Conflict(REPLAYED, id=token_id, hint=token_from(row).hint if row else None)


def list_tokens(admin: AdminContext, connection_id: str) -> tuple[ConnectionToken, ...]:
    """List a connection's tokens, those that have ended too, the oldest first.

    Raises:
        NotFound: the organisation has no such connection.
    """
    connections.get(admin, connection_id)
    return tuple(sorted(stored_tokens(admin, connection_id), key=lambda row: (row.created, row.id)))


def stored_tokens(admin: AdminContext, connection_id: str) -> Iterator[ConnectionToken]:
    """Read the rows of a connection's tokens: one Query."""
    return map(token_from, admin.items.query(admin.keys.tokens(connection_id)))


def revoke(admin: AdminContext, secrets: Secrets, connection_id: str, token_id: str) -> None:
    """End a token now; repeating it is no fault.

    It is revoked with its row. Where the secret cannot be removed at once, the operation row
    stays and says that it is still to be done.

    Raises:
        NotFound: the organisation has no such connection, or that no such token.
    """
    row = _get(admin, connection_id, token_id)
    ending = plan_revocation(admin, connection_id, row)
    try:
        admin.items.commit(list(revocation_actions(admin, ending)))
    except TransactionCanceled as canceled:
        raise NotFound from canceled
    delete_secret(admin, secrets, ending)


def _get(admin: AdminContext, connection_id: str, token_id: str) -> ConnectionToken:
    connections.get(admin, connection_id)
    formed = TOKEN_ID.fullmatch(token_id) is not None
    row = admin.items.get(admin.keys.token(connection_id, token_id)) if formed else None
    if row is None:
        raise NotFound
    return token_from(row)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A token that is revoked, and when its secret goes for good."""

    connection: str
    row: ConnectionToken
    due: str


def plan_revocation(admin: AdminContext, connection_id: str, row: ConnectionToken) -> Revocation:
    """Revoke a token now; its secret goes now too, or once it can no longer be in the making."""
    due = max(admin.now(), datetime.fromisoformat(row.created) + SETTLED)
    return Revocation(connection_id, row, timestamp(due))


def revocation_actions(admin: AdminContext, revocation: Revocation) -> Iterator[Action]:
    """Make the actions that revoke a token and declare the removal of its secret."""
    connection, row, due = revocation.connection, revocation.row, revocation.due
    key = admin.keys.token(connection, row.id)
    yield Update(key, set={"state": "revoked"}, condition=EXISTS)
    yield _removal(admin, connection, row, due)
    if due != row.secret_ends:  # a transaction may not name a row twice
        yield Delete(_removal_key(admin, connection, row, row.secret_ends))
    if row.state == "live":
        edit = Edit("token", row.id, {"state": "live"}, {"state": "revoked"}, action="revoked")
        yield audit.entry_item(admin, edit)


def delete_secret(admin: AdminContext, secrets: Secrets, revocation: Revocation) -> None:
    """Remove the secret of a token that is revoked; what cannot be done now stays declared."""
    connection, row, due = revocation.connection, revocation.row, revocation.due
    soon = admin.clock.monotonic() + REMOVAL
    deadline = Deadline(admin.clock, min(admin.items.deadline.at, soon))
    try:
        secrets.delete(connection, row.id, deadline)
    except Unavailable:
        return
    if due <= timestamp(admin.now()):
        admin.items.commit([Delete(_removal_key(admin, connection, row, due))])


# --- rotation ---------------------------------------------------------------------------------


def rotate(
    admin: AdminContext,
    secrets: Secrets,
    connection_id: str,
    token_id: str,
    body: Rotation,
    idempotency_key: IdempotencyKey | None,
) -> CreatedToken:
    """Make a token of the same name in the place of a live one, whose end is brought forward.

    In this order: what is interrupted leaves the old one as it was. A connection that has all
    the tokens it may have gets one more for as long as the old one lives.

    Raises:
        NotFound: the organisation has no such connection, or that no such token.
        Conflict: the token has ended, or a rotation that was begun before is not over.
        Unavailable: the secret could not be made; the new token is taken back.
    """
    old = _get(admin, connection_id, token_id)
    if not old.live(admin.now()):
        raise Conflict(NOT_LIVE)
    asked = NewToken(name=old.name)
    made = _created(admin, secrets, connection_id, asked, _Bounds(MOST_LIVE + 1, idempotency_key))
    _bring_forward(admin, secrets, connection_id, old, timedelta(hours=body.overlap_hours))
    return made


def _bring_forward(
    admin: AdminContext, secrets: Secrets, connection_id: str, old: ConnectionToken, rest: timedelta
) -> None:
    """Let a token end after the rest, unless it ends before."""
    if not rest:
        revoke(admin, secrets, connection_id, old.id)
        return
    ends, key = timestamp(admin.now() + rest), admin.keys.token(connection_id, old.id)
    for _ in admin.items.deadline.attempts():
        # Read again, it may have been revoked or rotated meanwhile.
        found = admin.items.get(key)
        present = token_from(found) if found else None
        if present is None or present.state != "live" or present.expires <= ends:
            return
        with suppress(TransactionCanceled):
            admin.items.commit(_sooner(admin, connection_id, present, ends))
            return


def _sooner(
    admin: AdminContext, connection_id: str, old: ConnectionToken, ends: str
) -> list[Action]:
    new = replace(old, expires=ends)
    as_read = equals("state", "live") & equals("expires", old.expires)
    edit = Edit(
        "token", old.id, {"expires_at": old.expires}, {"expires_at": new.expires}, action="rotated"
    )
    return [
        Update(
            admin.keys.token(connection_id, old.id), {"expires": new.expires}, condition=as_read
        ),
        Delete(_removal_key(admin, connection_id, old, old.secret_ends)),
        _removal(admin, connection_id, new, new.secret_ends),
        audit.entry_item(admin, edit),
    ]
