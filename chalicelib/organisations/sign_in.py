"""What the login page must do next for an e-mail address.

Within an organisation's domains, an address that nobody has and a user without a password get the
same response after the same calls to the table: nobody can find out who is a user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.errors import NotFound
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.snapshot import OrganisationSnapshot, read_snapshot
from chalicelib.organisations.users import has_email, has_user_name, is_active
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.directory_items import User
from chalicelib.storage.keys import (
    ConnectionKeys,
    OrganisationKeys,
    verified_domain,
)
from chalicelib.storage.local_users import LocalUser
from chalicelib.storage.records import from_item, local_user
from chalicelib.storage.retries import Deadline
from chalicelib.storage.settings_items import DELETING, Connection
from chalicelib.storage.table import Namespace, Table


@dataclass(frozen=True, slots=True)
class NextStep:
    """`sso`: redirect; `password`: ask for it, or have it reset first; `inactive`: reject."""

    method: str
    redirect_url: str | None = None
    reset_required: bool | None = None


# It changes nothing, so no audit names it.
SIGN_IN = Actor("system", "sign-in", "sign-in")
INACTIVE = NextStep("inactive")
# Also where nothing is known about the address.
FIRST_PASSWORD = NextStep("password", reset_required=True)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A user who has the address."""

    user: User
    connection: Connection
    local: LocalUser

    @property
    def active(self) -> bool:
        """Tell whether the user may sign in at all."""
        return is_active(self.user, self.connection)

    @property
    def order(self) -> tuple[bool, str, str]:
        """Active before inactive, then the oldest."""
        return not self.active, self.user.created, self.user.id


def next_step(table: Table, email: str, deadline: Deadline) -> NextStep:
    """Return what the login page must do for an address.

    The address is looked up only in the organisation that owns its domain: each read has a
    namespace of its own.
    """
    admin = _find_domain_owner(table, email.rpartition("@")[2], deadline)
    snapshot = _find_snapshot(admin) if admin else None
    if admin is None or snapshot is None:
        return FIRST_PASSWORD
    candidates = sorted(_candidates(admin, snapshot, email), key=lambda each: each.order)
    if candidates and not candidates[0].active:
        return INACTIVE
    sso = snapshot.organisation.sso
    if sso and sso["forced"]:
        return NextStep("sso", redirect_url=sso["redirect_url"])
    if candidates and candidates[0].local.password_set_at is not None:
        return NextStep("password", reset_required=False)
    return FIRST_PASSWORD


def _find_domain_owner(table: Table, domain: str, deadline: Deadline) -> AdminContext | None:
    """Find the organisation that has verified a domain."""
    owner = table.namespace(grants.domain_lookup(), deadline).get(verified_domain(domain))
    if owner is None:
        return None
    keys = OrganisationKeys(owner["org"])
    return AdminContext(table.namespace(grants.sign_in(keys), deadline), keys, SIGN_IN)


def _find_snapshot(admin: AdminContext) -> OrganisationSnapshot | None:
    """Read the organisation; None where it is gone or being deleted."""
    try:
        snapshot = read_snapshot(admin)
    except NotFound:
        return None
    return None if snapshot.organisation.state == DELETING else snapshot


def _candidates(
    admin: AdminContext, snapshot: OrganisationSnapshot, email: str
) -> Iterator[_Candidate]:
    """Yield the users who have the address; the number of calls does not depend on them."""
    connections = {ConnectionKeys(each.id): each for each in snapshot.connections}
    may_read = [grant for keys in connections for grant in grants.sign_in_users(keys)]
    items = admin.items.narrowed([*grants.sign_in_settings(admin.keys), *may_read])
    found = [(keys, uid) for keys in connections for uid in _user_ids(items, keys, email)]
    wanted = (key for keys, uid in found for key in (keys.user(uid), keys.local(uid)))
    # Reading the organisation's own item too means that there is always something to read.
    read = items.batch_get([admin.keys.own_item, *wanted])
    for keys, uid in found:
        user = from_item(User, read[keys.user(uid)]) if keys.user(uid) in read else None
        # An index may still name a user who has another address by now.
        if user and (has_user_name(user.document, email) or has_email(user.document, email)):
            local = local_user(uid, read.get(keys.local(uid)))
            yield _Candidate(user, connections[keys], local)


def _user_ids(items: Namespace, keys: ConnectionKeys, email: str) -> list[str]:
    """Read the ids that the indexes have for an address: always one GetItem and one Query."""
    by_name = items.get(keys.user_name(email))
    by_email = [item["SK"] for item in items.query(keys.emails(email))]
    return list(dict.fromkeys([*([by_name["uid"]] if by_name else []), *by_email]))
