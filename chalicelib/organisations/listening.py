"""Listening: a page that sets up a connection sees each request that is rejected meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from chalicelib.errors import Conflict, NotFound
from chalicelib.organisations import connections, tokens
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.connections import ENDED
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import EXISTS, Action, Update
from chalicelib.storage.keys import ConnectionKeys, ulid
from chalicelib.storage.records import from_items
from chalicelib.storage.rejected_items import (
    ASKED_AGAIN_AFTER,
    KEPT,
    LISTENS_FOR,
    RejectedRequest,
)
from chalicelib.storage.settings_items import SERVED_STATES


def listen(admin: AdminContext, connection_id: str) -> str:
    """Listen to a connection for five minutes more; returns until when.

    Its tokens are listened for too: one may be sent to the URL of another connection.

    Raises:
        NotFound: the organisation has no such connection.
        Conflict: it has ended.
    """
    connection = connections.get(admin, connection_id)
    if connection.state not in SERVED_STATES:
        raise Conflict(ENDED)
    now = admin.now()
    recently = timestamp(now + LISTENS_FOR - ASKED_AGAIN_AFTER)
    if connection.listening_until is not None and connection.listening_until > recently:
        return connection.listening_until
    until = timestamp(now + LISTENS_FOR)
    key = admin.keys.connection(connection_id)
    found = [each.id for each in tokens.stored_tokens(admin, connection_id) if each.live(now)]
    actions: list[Action] = [Update(key, set={"listening_until": until}, condition=EXISTS)]
    actions += [tokens.listened_item(connection_id, each, until) for each in found]
    if admin.items.try_commit(actions) is not None:
        raise NotFound
    return until


def list_rejected(
    admin: AdminContext, connection_id: str, after: datetime, size: int
) -> list[RejectedRequest]:
    """List the rejected requests after a moment, the newest first, none older than an hour.

    Raises:
        NotFound: the organisation has no such connection.
    """
    connections.get(admin, connection_id)
    since = max(after + timedelta(milliseconds=1), admin.now() - KEPT)
    wanted = ConnectionKeys(connection_id).rejected_requests(ulid(since, 0))
    items = admin.items.query(wanted, page=size, descending=True)
    return [*from_items(RejectedRequest, islice(items, size))]
