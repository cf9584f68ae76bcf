"""Organisations, connections and tokens as values. Pure.

What the operator and an organisation's admin have set, as authentication reads it at every
request and administration writes it. A secret or its digest never stands here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from chalicelib.settings import CredentialType
from chalicelib.storage.clock import timestamp
from chalicelib.storage.connection_settings import (
    STORED_BEFORE,
    ConnectionSettings,
    effective_settings,
)
from chalicelib.storage.expressions import Item, key_of
from chalicelib.storage.keys import (
    ORGANISATION_ID_LENGTH,
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
# The last state of an organisation or connection: its items are being deleted.
DELETING = "deleting"

Profile = Literal["lenient", "interop"]
INTEROP: Profile = "interop"

# The secret outlives its token by this, so that the last request with it can finish.
SECRET_OUTLIVES = timedelta(seconds=60)


def new_organisation_id(random: Random) -> str:
    """Make the id of an organisation: 50 random bits."""
    return "".join(random.choices(BASE32, k=ORGANISATION_ID_LENGTH))


def new_connection_id(organisation: str, random: Random) -> str:
    """Make the id of a connection: its organisation's, and 30 random bits."""
    return organisation + "".join(random.choices(BASE32, k=CONNECTION_SUFFIX_LENGTH))


@dataclass(frozen=True, slots=True)
class OrganisationSummary:
    """An organisation as the list of all organisations shows it."""

    id: str
    name: str
    plan: str
    state: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation.

    `version` counts its changes, and every change elsewhere that depends on what else there is
    in it, so that two of those never pass each other unseen. `console_generation` counts how often
    all console links and sessions were ended: those of an earlier generation are not valid.
    `authentication` limits the types of credentials of its connections; None: no limit.
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
    console_generation: int = 0
    authentication: Sequence[CredentialType] | None = None

    def allowed_types(self, deployment: Iterable[CredentialType]) -> frozenset[CredentialType]:
        """Return the types of credentials that its connections may accept, of the deployment's."""
        allowed = frozenset(deployment)
        return allowed if self.authentication is None else allowed & {*self.authentication}

    @property
    def summary(self) -> OrganisationSummary:
        """What the list of all organisations shows of it."""
        return OrganisationSummary(self.id, self.name, self.plan, self.state, self.reference)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where work happens in the SaaS."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role that the SaaS knows; a protected one is never given by provisioning."""

    id: str
    name: str
    may_be_default: bool
    protected: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection.

    `settings` holds only what was set, `preset` the settings of its identity provider when that
    was chosen; `version` counts changes of it, `tokens_version`
    what depends on how many tokens there are. `after_end` says of an ended connection how its
    users are read from then on: as they are (`keep`), or all as inactive (`deactivate`).
    `authentication` holds the types of credentials that it accepts. `profile` is how it treats
    what the SCIM interoperability profile does not allow: `lenient` accepts it, `interop` rejects
    it. Until `listening_until` a page waits to see each request that is rejected.
    """

    id: str
    name: str
    state: str
    workspace: str
    default_role: str
    identity_provider: str
    created: str
    modified: str
    settings: Mapping[str, str | bool] = field(default_factory=dict)
    preset: Mapping[str, str | bool] = field(default_factory=lambda: STORED_BEFORE)
    version: int = 1
    tokens_version: int = 0
    schemas_version: int = 0
    after_end: str | None = None
    authentication: tuple[CredentialType, ...] = ("token",)
    profile: Profile = "lenient"
    listening_until: str | None = None

    def is_listened_to(self, now: datetime) -> bool:
        """Tell whether a page waits to see each of its rejected requests."""
        return self.listening_until is not None and timestamp(now) < self.listening_until

    @property
    def users_are_inactive(self) -> bool:
        """Whether all its users are inactive, whatever their own items say."""
        return self.after_end == "deactivate"

    @property
    def organisation(self) -> str:
        """The organisation that it belongs to."""
        return organisation_of(self.id)

    @property
    def effective_settings(self) -> ConnectionSettings:
        """The settings in force: as set, else as its identity provider's preset has them.

        The interoperability profile leaves no choice of how to treat what the schemas do not have.
        """
        chosen = effective_settings(self.identity_provider, self.preset, self.settings)
        if self.profile != INTEROP:
            return chosen
        return replace(chosen, unknown_attributes="strict", creates_missing_values=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a federated credential trusts: what the claims of an assertion must say."""

    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True, slots=True)
class ConnectionToken:
    """A credential's metadata: enough to tell whether it lives, nothing to make it from.

    One of type `federated` has no secret: the identity provider is who sends an assertion that
    `trust` describes. `setup_link` is the link whose session has created it.
    """

    id: str
    name: str
    hint: str
    state: str
    created: str
    created_by: str
    expires: str
    credential_type: CredentialType = "token"
    trust: Trust | None = None
    setup_link: str | None = None

    def live(self, now: datetime) -> bool:
        """Return whether it may be used: neither revoked nor expired."""
        return self.state == "live" and timestamp(now) < self.expires

    @property
    def secret_ends(self) -> str:
        """When its secret is deleted, unless the token is revoked before."""
        return timestamp(datetime.fromisoformat(self.expires) + SECRET_OUTLIVES)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token; its id begins with that of the credential that it was issued for.

    It ends with that credential, and after an hour. So its digest stands here: a secret of its own
    in Secrets Manager would cost more than what it protects.
    """

    id: str
    digest: str
    expires: str

    def live(self, now: datetime) -> bool:
        """Return whether it has not expired."""
        return timestamp(now) < self.expires


def of_type(setting_type: SettingType, items: Iterable[Item]) -> Iterator[Item]:
    """Choose the items of an organisation's settings that are of one type."""
    return (item for item in items if setting_of(key_of(item)).setting_type == setting_type)
