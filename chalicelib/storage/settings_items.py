"""Organisations, connections and tokens as values, and as rows of the table. Pure.

What the operator and an organisation's admin have set, as authentication reads it at every
request and administration writes it. A secret or its digest never stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from chalicelib.storage.clock import timestamp
from chalicelib.storage.connection_settings import ConnectionSettings, effective_settings
from chalicelib.storage.directory_items import SHAPE
from chalicelib.storage.expressions import Condition, Item, Update, key_of
from chalicelib.storage.keys import (
    ORGANISATION_ID_LENGTH,
    Key,
    SettingType,
    organisation_of,
    setting_of,
)

# RFC 4648 base 32 in lower case: no character that a key, a URL or a reader could mistake.
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
CONNECTION_SUFFIX_LENGTH = 6
ORGANISATION_ID = re.compile(rf"[a-z2-7]{{{ORGANISATION_ID_LENGTH}}}")
CONNECTION_ID = re.compile(rf"[a-z2-7]{{{ORGANISATION_ID_LENGTH + CONNECTION_SUFFIX_LENGTH}}}")

# A connection in another state (ended, being deleted) is unknown to its identity provider.
SERVED_STATES = frozenset({"active", "paused"})
# The last state of an organisation or connection: its rows are going.
DELETING = "deleting"

# The secret outlives its token by this, so that the last request with it is still answered.
SECRET_OUTLIVES = timedelta(seconds=60)


def new_organisation_id(random: Random) -> str:
    """Make the id of an organisation: 50 random bits."""
    return "".join(random.choices(BASE32, k=ORGANISATION_ID_LENGTH))


def new_connection_id(organisation: str, random: Random) -> str:
    """Make the id of a connection: its organisation's, and 30 random bits."""
    return organisation + "".join(random.choices(BASE32, k=CONNECTION_SUFFIX_LENGTH))


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation's own row.

    `version` counts its changes, and every change elsewhere that depends on what else there is
    in it, so that two of those never pass each other unseen.
    """

    id: str
    name: str
    plan: str
    state: str
    created: str
    modified: str
    reference: str | None = None
    sso: Mapping[str, Any] | None = None
    version: int = 1

    def row(self) -> Item:
        """Write its attributes."""
        return {
            "name": self.name,
            "plan": self.plan,
            "state": self.state,
            "reference": self.reference,
            "sso": self.sso,
            "version": self.version,
            "created": self.created,
            "modified": self.modified,
            "shape": SHAPE,
        }

    def listed(self) -> Item:
        """Write the attributes of its row in the list of all organisations."""
        return {
            "name": self.name,
            "plan": self.plan,
            "state": self.state,
            "reference": self.reference,
        }


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where work happens in the SaaS."""

    id: str
    name: str

    def row(self) -> Item:
        """Write its attributes."""
        return {"name": self.name, "shape": SHAPE}


@dataclass(frozen=True, slots=True)
class Role:
    """A role that the SaaS knows; a protected one is never given by provisioning."""

    id: str
    name: str
    may_be_default: bool
    protected: bool

    def row(self) -> Item:
        """Write its attributes."""
        return {
            "name": self.name,
            "may_be_default": self.may_be_default,
            "protected": self.protected,
            "shape": SHAPE,
        }


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection's row.

    `settings` holds only what was set; `version` counts changes of the row, `tokens_version`
    what depends on how many tokens there are. `after_end` says of an ended connection how its
    users are read from then on: as they are (`keep`), or all as inactive (`deactivate`).
    """

    id: str
    name: str
    state: str
    workspace: str
    default_role: str
    identity_provider: str
    created: str
    modified: str
    settings: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    tokens_version: int = 0
    schemas_version: int = 0
    after_end: str | None = None

    @property
    def users_are_inactive(self) -> bool:
        """Tell whether every user of it is inactive, whatever his own row says."""
        return self.after_end == "deactivate"

    @property
    def organisation(self) -> str:
        """The organisation that it belongs to."""
        return organisation_of(self.id)

    @property
    def effective_settings(self) -> ConnectionSettings:
        """The settings in force: as set, else as its identity provider's preset has them."""
        return effective_settings(self.identity_provider, self.settings)

    def row(self) -> Item:
        """Write its attributes but the count of tokens, which has writers of its own."""
        return {
            "name": self.name,
            "state": self.state,
            "workspace": self.workspace,
            "default_role": self.default_role,
            "provider": self.identity_provider,
            "settings": dict(self.settings),
            "after_end": self.after_end,
            "version": self.version,
            "created": self.created,
            "modified": self.modified,
            "shape": SHAPE,
        }


@dataclass(frozen=True, slots=True)
class ConnectionToken:
    """A token's metadata: enough to tell whether it lives, nothing to make it from."""

    id: str
    name: str
    hint: str
    state: str
    created: str
    created_by: str
    expires: str

    def live(self, now: datetime) -> bool:
        """Tell whether it may be used: neither revoked nor at its end."""
        return self.state == "live" and timestamp(now) < self.expires

    @property
    def secret_ends(self) -> str:
        """Tell when its secret goes, unless it is revoked before."""
        return timestamp(datetime.fromisoformat(self.expires) + SECRET_OUTLIVES)

    def row(self) -> Item:
        """Write its attributes."""
        return {
            "name": self.name,
            "hint": self.hint,
            "state": self.state,
            "created": self.created,
            "by": self.created_by,
            "expires": self.expires,
            "shape": SHAPE,
        }


def organisation_from(item: Item) -> Organisation:
    """Read an organisation's row."""
    return Organisation(
        id=setting_of(key_of(item)).id,
        name=item["name"],
        plan=item["plan"],
        state=item["state"],
        created=item["created"],
        modified=item["modified"],
        reference=item.get("reference"),
        sso=item.get("sso"),
        version=item["version"],
    )


def workspace_from(item: Item) -> Workspace:
    """Read a workspace's row."""
    return Workspace(setting_of(key_of(item)).id, item["name"])


def role_from(item: Item) -> Role:
    """Read a role's row."""
    return Role(
        setting_of(key_of(item)).id, item["name"], item["may_be_default"], item["protected"]
    )


def connection_from(item: Item) -> Connection:
    """Read a connection's row."""
    return Connection(
        id=setting_of(key_of(item)).id,
        name=item["name"],
        state=item["state"],
        workspace=item["workspace"],
        default_role=item["default_role"],
        identity_provider=item["provider"],
        created=item["created"],
        modified=item["modified"],
        settings=item["settings"],
        version=item["version"],
        tokens_version=item["tokens_version"],
        schemas_version=item.get("schemas_version", 0),
        after_end=item.get("after_end"),
    )


def token_from(item: Item) -> ConnectionToken:
    """Read a token's row."""
    return ConnectionToken(
        id=setting_of(key_of(item)).id,
        name=item["name"],
        hint=item["hint"],
        state=item["state"],
        created=item["created"],
        created_by=item["by"],
        expires=item["expires"],
    )


def of_type(setting_type: SettingType, items: Iterable[Item]) -> Iterator[Item]:
    """Choose the items of an organisation's settings that are of one type."""
    return (item for item in items if setting_of(key_of(item)).setting_type == setting_type)


def changed(key: Key, row: Item, condition: Condition) -> Update:
    """Write the attributes of a row that is there; None takes one away.

    Attributes that this release does not know stay as they are.
    """
    return Update(
        key,
        set={name: value for name, value in row.items() if value is not None},
        remove=tuple(name for name, value in row.items() if value is None),
        condition=condition,
    )
