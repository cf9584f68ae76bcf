"""Which account of the SaaS a user is, and that he has a password: the operator's word alone.

Nothing is linked by an e-mail address: whoever can choose an address in an identity provider
could otherwise choose whose account to take over.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.organisations import local_rows
from chalicelib.organisations.administration import Administration
from chalicelib.organisations.local_rows import Subject, Telling
from chalicelib.storage.clock import timestamp
from chalicelib.storage.items import Document
from chalicelib.storage.local import Local


def link(admin: Administration, uid: str, account: str | None) -> None:
    """Say which account a user is; None: none of them.

    Raises:
        NotFound: no such user.
    """
    local_rows.change(admin, uid, lambda subject: replace(subject.local, account=account), TOLD)


def password_was_set(admin: Administration, uid: str) -> None:
    """Note that a user has set a password: from now on he signs in with it.

    Raises:
        NotFound: no such user.
    """
    now = timestamp(admin.now())

    def edit(subject: Subject) -> Local:
        return replace(subject.local, password_set_at=subject.local.password_set_at or now)

    local_rows.change(admin, uid, edit, None)


def _told(_: Subject, local: Local) -> Document:
    return {} if local.account is None else {"account": local.account}


TOLD = Telling("account", "account", _told)
