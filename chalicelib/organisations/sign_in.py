"""What the login page must do next for an e-mail address.

Within an organisation's domains an address that nobody has and a user without a password get
the same answer after the same number of calls to the table: nobody can ask who is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.errors import NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.snapshot import OrganisationSnapshot, read_snapshot
from chalicelib.organisations.users import has_email, has_user_name, is_active
from chalicelib.storage import grants
from chalicelib.storage.directory_items import User, user_of
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import (
    FIRST,
    LAST,
    ConnectionKeys,
    Key,
    OrganisationKeys,
    Range,
    verified_domain,
)
from chalicelib.storage.local_users import LocalUser, local_user_of
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import DELETING, Connection
from chalicelib.storage.table import Namespace, Table


@dataclass(frozen=True, slots=True)
class Next:
    """What to do: `sso` with where to go, `password` with whether to set one first, `inactive`."""

    method: str
    redirect_url: str | None = None
    reset_required: bool | None = None


INACTIVE = Next("inactive")
# Also where nothing is known of the address.
FIRST_PASSWORD = Next("password", reset_required=True)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A user who has the address."""

    user: User
    connection: Connection
    local: LocalUser

    @property
    def order(self) -> tuple[bool, str, str]:
        """Active before inactive, then the oldest."""
        return not self.active, self.user.created, self.user.id

    @property
    def active(self) -> bool:
        """Tell whether he may sign in at all."""
        return is_active(self.user, self.connection)


def next_step(table: Table, email: str, deadline: Deadline) -> Next:
    """Tell what the login page must do for an address.

    It is looked up in the organisation that owns its domain and nowhere else: each step reads
    through a namespace of its own.
    """
    admin = _owner(table, email.rpartition("@")[2], deadline)
    snapshot = _standing(admin) if admin else None
    if admin is None or snapshot is None:
        return FIRST_PASSWORD
    candidates = sorted(_candidates(admin, snapshot, email), key=lambda each: each.order)
    if candidates and not candidates[0].active:
        return INACTIVE
    sso = snapshot.organisation.sso
    if sso and sso["forced"]:
        return Next("sso", redirect_url=sso["redirect_url"])
    known = bool(candidates) and candidates[0].local.password_set_at is not None
    return Next("password", reset_required=False) if known else FIRST_PASSWORD


def _owner(table: Table, domain: str, deadline: Deadline) -> AdminContext | None:
    """Find the organisation that has verified a domain."""
    owner = table.namespace(grants.domain_lookup(), deadline).get(verified_domain(domain))
    if owner is None:
        return None
    keys = OrganisationKeys(owner["org"])
    return AdminContext(table.namespace(grants.sign_in(keys), deadline), keys, by="")


def _standing(admin: AdminContext) -> OrganisationSnapshot | None:
    """Read what is there; an organisation that is being deleted has nobody any more."""
    try:
        snapshot = read_snapshot(admin)
    except NotFound:
        return None
    return None if snapshot.organisation.state == DELETING else snapshot


def _candidates(
    admin: AdminContext, snapshot: OrganisationSnapshot, email: str
) -> Iterator[_Candidate]:
    owned = [ConnectionKeys(each.id) for each in snapshot.connections]
    may_read = [grant for keys in owned for grant in grants.sign_in_users(keys)]
    rows = admin.items.narrowed([*grants.sign_in_settings(admin.keys), *may_read])
    named = [(keys, uid) for keys in owned for uid in _ids(rows, keys, email)]
    wanted = (key for keys, uid in named for key in (keys.user(uid), keys.local(uid)))
    # The organisation's own row only keeps the call there where nobody has the address.
    found = rows.batch_get([admin.keys.row, *wanted])
    connections = {each.id: each for each in snapshot.connections}
    for keys, uid in named:
        user = _bearer(found, keys.user(uid), email)
        if user is not None:
            local = local_user_of(uid, found.get(keys.local(uid)))
            yield _Candidate(user, connections[keys.connection], local)


def _ids(rows: Namespace, keys: ConnectionKeys, email: str) -> list[str]:
    """Tell whom the indexes name for an address: a GetItem and a Query, whoever is there."""
    lock = rows.get(keys.user_name(email))
    index = keys.email(email, FIRST)
    indexed = [row["SK"] for row in rows.query(Range(index.pk, FIRST, LAST))]
    return list(dict.fromkeys([*([lock["uid"]] if lock else []), *indexed]))


def _bearer(found: Mapping[Key, Item], key: Key, email: str) -> User | None:
    """Give the user of a key if the address is really his."""
    user = user_of(found[key]) if key in found else None
    if user is None or not (has_user_name(user.document, email) or has_email(user.document, email)):
        return None
    return user
