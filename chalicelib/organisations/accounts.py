"""Which account of the SaaS a user is, and that he has a password: the operator's word alone.

Nothing is linked by an e-mail address: whoever can choose an address in an identity provider
could otherwise choose whose account to take over.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.organisations import local_users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.local_users import ChangeDescription, UserForChange
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Document
from chalicelib.storage.local_users import LocalUser


def link(admin: AdminContext, uid: str, account: str | None) -> None:
    """Say which account a user is; None: none of them.

    Raises:
        NotFound: no such user.
    """
    local_users.change(admin, uid, lambda current: replace(current.local, account=account), TOLD)


def password_was_set(admin: AdminContext, uid: str) -> None:
    """Note that a user has set a password: from now on he signs in with it.

    Raises:
        NotFound: no such user.
    """
    now = timestamp(admin.now())

    def edit(current: UserForChange) -> LocalUser:
        return replace(current.local, password_set_at=current.local.password_set_at or now)

    local_users.change(admin, uid, edit, None)


def _told(_: UserForChange, local: LocalUser) -> Document:
    return {} if local.account is None else {"account": local.account}


TOLD = ChangeDescription("account", "account", _told)
