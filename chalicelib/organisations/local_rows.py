"""Changing what an organisation says about a user: read, edit, one transaction.

Every write is conditioned on the version that was read and on the user being there, so of two
at the same time neither is lost and none outlives its user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chalicelib.organisations import audit, surroundings
from chalicelib.organisations.administration import Administration
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.surroundings import Surroundings
from chalicelib.scim.errors import NotFound
from chalicelib.storage.configuration import Connection
from chalicelib.storage.expressions import EXISTS, Action, Check, absent
from chalicelib.storage.items import Change, Document, User, user_of
from chalicelib.storage.keys import ScimKeys, is_id
from chalicelib.storage.local import Local, local_of, written
from chalicelib.storage.transactions import Cancelled


@dataclass(frozen=True, slots=True)
class Subject:
    """A user with what stands around him, and his local row as it was read."""

    around: Surroundings
    connection: Connection
    user: User
    local: Local


@dataclass(frozen=True, slots=True)
class Telling:
    """How a change is told: its kind and attribute in the feed, its values in the audit."""

    kind: str
    attribute: str
    values: Callable[[Subject, Local], Document]


def change(
    admin: Administration,
    uid: str,
    edit: Callable[[Subject], Local],
    telling: Telling | None,
) -> None:
    """Change a user's local row; `edit` may be called again on a newer one.

    An edit that changes nothing writes nothing. Without `telling` neither the feed nor the
    audit hears of it.

    Raises:
        NotFound: no such user, or he is being deleted.
        Conflict: the organisation is being deleted.
        Busy: still contended at the deadline.
    """
    around = surroundings.standing(admin)
    for _ in admin.rows.deadline.attempts():
        subject = _read(admin, around, uid)
        after = edit(subject)
        if after == subject.local or _committed(admin, subject, after, telling):
            return


def _read(admin: Administration, around: Surroundings, uid: str) -> Subject:
    """Find a user in one of the connections, and his local row: one BatchGetItem."""
    if not is_id(uid):
        raise NotFound
    owners = {ScimKeys(each.id).user(uid): each for each in around.connections}
    locals_ = {ScimKeys(each.id).local(uid) for each in around.connections}
    found = admin.rows.batch_get([*owners, *locals_]) if owners else {}
    for key, connection in owners.items():
        user = user_of(found[key]) if key in found else None
        if user is not None and user.operation is None:
            local = found.get(ScimKeys(connection.id).local(uid))
            return Subject(around, connection, user, local_of(uid, local))
    raise NotFound


def _committed(
    admin: Administration, subject: Subject, after: Local, telling: Telling | None
) -> bool:
    """Write the change; False where another came first, or the user went."""
    try:
        admin.rows.commit(list(_writing(admin, subject, after, telling)))
    except Cancelled:
        return False
    return True


def _writing(
    admin: Administration, subject: Subject, after: Local, telling: Telling | None
) -> Iterator[Action]:
    keys, before, uid = ScimKeys(subject.connection.id), subject.local, subject.user.id
    yield written(keys.local(uid), before, replace(after, version=before.version + 1))
    yield Check(keys.user(uid), EXISTS & absent("op"))
    if telling is None:
        return
    yield admin.note(Change(telling.kind, uid, attributes=[telling.attribute]))
    yield audit.noted(
        admin,
        Edit(
            "user",
            uid,
            before=telling.values(subject, before),
            after=telling.values(subject, after),
            action=f"{telling.attribute}_changed",
        ),
    )
