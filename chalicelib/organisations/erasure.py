"""Records of erasures: ordered with the deletion, completed and signed when nothing is left.

Signed by Ed25519 (RFC 8032) with a key of this deployment, which is a secret of its own: who
knows the public key can check a record without asking anybody.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.auth.secrets import Gone, Secrets
from chalicelib.errors import BadRequest
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import canonical
from chalicelib.storage.erasure_items import Erasure
from chalicelib.storage.expressions import EXISTS, Put, Update
from chalicelib.storage.keys import erasure, erasures
from chalicelib.storage.records import from_item, from_items, to_item, update
from chalicelib.storage.settings_items import Organisation
from chalicelib.storage.table import Namespace

# The key is the secret `<prefix>/erasure-records/key`.
OWNER, KEY = "erasure-records", "key"
KEY_BYTES = 32
RECORD_ID = re.compile(r"[a-z2-7]{10}(/[0-9a-f]{32})?")
STATEMENT = "Everything that Passerelle stored was deleted, except this record."


def ensure_key(admin: AdminContext, secrets: Secrets) -> None:
    """Make the key that signs records, unless there is one.

    Raises:
        Unavailable: it can neither be read nor made.
    """
    deadline = admin.items.deadline
    try:
        secrets.text_of(OWNER, KEY, deadline)
    except Gone:
        key = admin.clock.random.getrandbits(8 * KEY_BYTES).to_bytes(KEY_BYTES)
        secrets.create(OWNER, KEY, _text(key), deadline)


def ordered_organisation(admin: AdminContext, organisation: Organisation) -> Put:
    """Make the record of an organisation, for the transaction that begins its deletion."""
    return _put(
        Erasure(
            id=organisation.id,
            organisation=organisation.id,
            name=organisation.name,
            reference=organisation.reference,
            ordered=timestamp(admin.now()),
            by=f"{admin.actor.type} {admin.actor.id}",
        ),
        admin,
    )


def order_user(admin: AdminContext, uid: str, connection: str) -> Erasure:
    """Write the record of a user before they are deleted: again, where it was before."""
    ordered = Erasure(
        id=f"{admin.keys.organisation}/{uid}",
        organisation=admin.keys.organisation,
        user=uid,
        connection=connection,
        ordered=timestamp(admin.now()),
        by=f"{admin.actor.type} {admin.actor.id}",
    )
    admin.items.commit([_put(ordered, admin)])
    return ordered


def _put(ordered: Erasure, admin: AdminContext) -> Put:
    expires = admin.now() + admin.retention.erasures
    return Put(erasure(ordered.organisation, ordered.user), to_item(ordered, expires=expires))


def find(admin: AdminContext, uid: str | None = None) -> Erasure | None:
    """Read the record of the organisation, or of a user of it."""
    item = admin.items.get(erasure(admin.keys.organisation, uid))
    return None if item is None else from_item(Erasure, item)


def completed(
    admin: AdminContext, secrets: Secrets, ordered: Erasure, left: Mapping[str, int]
) -> Erasure:
    """Return the record with the signed statement that nothing is left.

    Not signed where somebody has deleted the key since: an erasure must come to its end.

    Raises:
        Unavailable: the key cannot be read now.
    """
    done = replace(ordered, completed=timestamp(admin.now()), left=dict(left))
    stated = {
        "erased": "organisation" if done.user is None else "user",
        "organisation": done.organisation,
        "name": done.name,
        "reference": done.reference,
        "connection": done.connection,
        "user": done.user,
        "ordered": done.ordered,
        "by": done.by,
        "completed": done.completed,
        "left": done.left,
        "statement": STATEMENT,
    }
    text = canonical({name: value for name, value in stated.items() if value is not None})
    key = _read_key(admin, secrets)
    if key is None:
        return replace(done, text=text)
    signature, public_key = _sign(text, key)
    return replace(done, text=text, signature=signature, public_key=public_key)


def completion(done: Erasure) -> Update:
    """Make the update that completes a record."""
    return update(erasure(done.organisation, done.user), done, EXISTS)


def list_records(items: Namespace, organisation: str, cursor: str, size: int) -> Page[Erasure]:
    """List the records by the ids of organisations and users; `organisation` "": of all.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    if cursor and not (RECORD_ID.fullmatch(cursor) and cursor.startswith(organisation)):
        raise BadRequest(UNKNOWN_CURSOR)
    found = items.query(erasures(organisation, cursor), page=size + 1)
    return take_page(from_items(Erasure, found), size, lambda last: last.id)


def _read_key(admin: AdminContext, secrets: Secrets) -> bytes | None:
    try:
        return base64.b64decode(secrets.text_of(OWNER, KEY, admin.items.deadline))
    except Gone:
        return None


def _sign(text: str, key: bytes) -> tuple[str, str]:
    """Sign a text; return signature and public key in base64."""
    # An erasure is rare; a cold start that serves a request needs none of it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    private = Ed25519PrivateKey.from_private_bytes(key)
    return _text(private.sign(text.encode())), _text(private.public_key().public_bytes_raw())


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
