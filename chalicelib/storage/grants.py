"""Which items a request may read and write. Pure.

Every route runs in the same Lambda function, so IAM cannot separate SCIM from administration
or one organisation from another. A `Namespace` of the table checks every key against its
grants instead. A namespace can be narrowed to fewer grants and never widened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from chalicelib.storage.keys import (
    DEPLOYMENT_AUDIT,
    DEPLOYMENT_HEALTH,
    ERASURES,
    EVENT_HEAD,
    EVENT_LEAVERS,
    OPERATOR_KEYS,
    ORGANISATION_LIST,
    PENDING_CHANGES,
    WATCHED_CONNECTIONS,
    WATCHED_WEBHOOKS,
    WEBHOOKS,
    ConnectionKeys,
    Key,
    OrganisationKeys,
    WebhookKeys,
    console,
    listened_token,
    organisation_of,
)
from chalicelib.storage.keys import signing_keys as keys_of_issuer

Verb = Literal["read", "put", "update", "delete"]

ALL_VERBS: frozenset[Verb] = frozenset({"read", "put", "update", "delete"})
READ: frozenset[Verb] = frozenset({"read"})
UPDATE: frozenset[Verb] = frozenset({"update"})
PUT: frozenset[Verb] = frozenset({"put"})
DELETE: frozenset[Verb] = frozenset({"delete"})


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission for `verbs` on items whose partition key begins with `prefix`.

    The comparison includes the next '#', so `S#abc` does not cover `S#abcd`. With `whole`
    false the last part of the prefix may continue, as the ids of an organisation's connections
    do. The sort key must contain `sort_key_part`: the partitions of pending changes are shared
    by all organisations, and only the sort key names the connection.
    """

    prefix: str
    verbs: frozenset[Verb]
    sort_key_part: str = ""
    whole: bool = True

    @property
    def _start(self) -> str:
        return f"{self.prefix}#" if self.whole else self.prefix

    def covers(self, verb: Verb, key: Key) -> bool:
        """Return whether this grant allows `verb` on the item of that key."""
        begins = f"{key.pk}#".startswith(self._start)
        return verb in self.verbs and begins and self.sort_key_part in key.sk

    def includes(self, other: Grant) -> bool:
        """Return whether this grant allows everything that `other` allows."""
        return (
            other.verbs <= self.verbs
            and other._start.startswith(self._start)
            and self.sort_key_part in other.sort_key_part
        )


def scim(keys: ConnectionKeys) -> tuple[Grant, ...]:
    """Return the grants of a SCIM request: its connection, and its organisation's settings."""
    organisation = OrganisationKeys(organisation_of(keys.connection))
    return (
        Grant(keys.prefix, ALL_VERBS),
        Grant(PENDING_CHANGES, ALL_VERBS, sort_key_part=f"#{keys.connection}#"),
        Grant(organisation.partition, READ),
        Grant(organisation.local_users, DELETE),
    )


def administration(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants of an organisation's admin: its settings; users can only be read."""
    return (
        Grant(keys.partition, ALL_VERBS),
        Grant(keys.local_users, ALL_VERBS),
        Grant(keys.idempotency_keys, ALL_VERBS),
        Grant("X", ALL_VERBS),
        Grant(PENDING_CHANGES, ALL_VERBS, sort_key_part=f"#{keys.organisation}"),
        Grant(f"S#{keys.organisation}", READ, whole=False),
        Grant(WATCHED_CONNECTIONS, READ, sort_key_part=keys.organisation),
    )


def operator(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants of the operator who works on this organisation."""
    return (
        *administration(keys),
        Grant(ORGANISATION_LIST, ALL_VERBS),
        Grant(DEPLOYMENT_AUDIT, PUT),
        Grant(ERASURES, READ | PUT | UPDATE, sort_key_part=keys.organisation),
        Grant("I#operator", ALL_VERBS),
        Grant(f"{EVENT_LEAVERS}#{keys.organisation}", READ | UPDATE),
    )


def organisation_list() -> tuple[Grant, ...]:
    """Return the grants of the operator who lists organisations or looks one up."""
    return (Grant(ORGANISATION_LIST, READ), Grant("X#ref", READ))


def operator_key() -> tuple[Grant, ...]:
    """Return the grants for authenticating the operator by a key."""
    return (Grant(OPERATOR_KEYS, READ),)


def operator_key_management() -> tuple[Grant, ...]:
    """Return the grants of who makes and revokes operator keys: no route does."""
    return (Grant(OPERATOR_KEYS, ALL_VERBS), Grant(DEPLOYMENT_AUDIT, PUT))


def deployment_audit() -> tuple[Grant, ...]:
    """Return the grants of the operator who reads the audit of the deployment, or exports it."""
    return (Grant(DEPLOYMENT_AUDIT, READ | PUT), Grant(DEPLOYMENT_HEALTH, READ))


def erasures() -> tuple[Grant, ...]:
    """Return the grants of the operator who reads the records of erasures."""
    return (Grant(ERASURES, READ),)


def deployment_health() -> tuple[Grant, ...]:
    """Return the grants for counting rejected requests that name no organisation."""
    return (Grant(DEPLOYMENT_HEALTH, UPDATE),)


def organisation_health(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants for counting rejected requests of an organisation, if it exists."""
    return (
        Grant(keys.partition, READ),
        Grant(keys.health("").pk, UPDATE),
    )


def domain_lookup() -> tuple[Grant, ...]:
    """Return the grants for finding the organisation of an e-mail address."""
    return (Grant("X#dom", READ),)


def sign_in(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants for a sign-in to this organisation, of any of its connections."""
    return (*sign_in_settings(keys), Grant(f"S#{keys.organisation}", READ, whole=False))


def sign_in_settings(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants for its settings and local users."""
    return (Grant(keys.partition, READ), Grant(keys.local_users, READ))


def sign_in_users(keys: ConnectionKeys) -> tuple[Grant, ...]:
    """Return the grants for finding the users of a connection by e-mail address."""
    return (Grant(keys.lookups, READ), Grant(keys.users, READ))


def console_reference(credential: str) -> tuple[Grant, ...]:
    """Return the grants for finding a console link or session by the digest of its text."""
    return (Grant(console(credential).pk, READ),)


def console_session(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants for authenticating a session of this organisation."""
    return (
        Grant(keys.partition, READ),
        Grant(keys.console, UPDATE),
    )


def listened_to(token_id: str) -> tuple[Grant, ...]:
    """Return the grants for finding the connection that listens for a token."""
    return (Grant(listened_token(token_id).pk, READ),)


def listening(keys: ConnectionKeys) -> tuple[Grant, ...]:
    """Return the grants for telling a page that listens of a request to another URL."""
    return (
        Grant(OrganisationKeys(organisation_of(keys.connection)).partition, READ),
        Grant(keys.rejected_request("").pk, PUT),
    )


def signing_keys(issuer: str) -> tuple[Grant, ...]:
    """Return the grants for the public keys of an issuer of assertions."""
    return (Grant(keys_of_issuer(issuer).pk, READ | UPDATE),)


def rate_limit(key: Key) -> tuple[Grant, ...]:
    """Return the grants for counting requests for a rate limit."""
    return (Grant(key.pk, UPDATE),)


def append_events() -> tuple[Grant, ...]:
    """Return the grants of the stream's function: it appends to the feed of all organisations."""
    return (Grant("E", ALL_VERBS),)


def expect_leavers(organisations: Iterable[str]) -> tuple[Grant, ...]:
    """Return the grants for storing who of these organisations has lost access."""
    return (
        Grant(EVENT_LEAVERS, PUT),
        Grant(PENDING_CHANGES, PUT),
        *(Grant(OrganisationKeys(each).partition, READ) for each in organisations),
    )


def late_leaver(keys: ConnectionKeys) -> tuple[Grant, ...]:
    """Return the grants of the sweeper that counts a leaver who was not acknowledged."""
    return (Grant(PENDING_CHANGES, DELETE, sort_key_part=f"#{keys.connection}#"),)


def read_events() -> tuple[Grant, ...]:
    """Return the grants for reading the feed of all organisations, which has ids only."""
    return (Grant("E", READ),)


def webhook_management() -> tuple[Grant, ...]:
    """Return the grants of the operator who manages webhooks."""
    return (
        Grant("W", ALL_VERBS),
        *read_events(),
        Grant(DEPLOYMENT_AUDIT, PUT),
    )


def list_webhooks() -> tuple[Grant, ...]:
    """Return the grants for finding the webhooks that have something to send."""
    return (Grant(WEBHOOKS, READ), Grant(EVENT_HEAD, READ))


def sender(keys: WebhookKeys) -> tuple[Grant, ...]:
    """Return the grants for sending to one webhook."""
    return (
        Grant(WEBHOOKS, READ | UPDATE, sort_key_part=keys.webhook),
        Grant(keys.prefix, ALL_VERBS),
        *read_events(),
    )


def told_objects(organisations: Iterable[str]) -> tuple[Grant, ...]:
    """Return the grants for reading what events of these organisations are about."""
    return tuple(
        grant
        for each in organisations
        for grant in (
            Grant(OrganisationKeys(each).partition, READ),
            Grant(f"S#{each}", READ, whole=False),
        )
    )


def pending_changes() -> tuple[Grant, ...]:
    """Return the grants of the sweeper that looks for pending changes of all organisations."""
    return (Grant(PENDING_CHANGES, READ),)


def purge(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants of the sweeper that purges this organisation or a connection of it."""
    return (
        *operator(keys),
        Grant(f"S#{keys.organisation}", ALL_VERBS, whole=False),
        Grant(WATCHED_CONNECTIONS, DELETE, sort_key_part=keys.organisation),
        *pending_changes(),
    )


def watch_list() -> tuple[Grant, ...]:
    """Return the grants for finding what is to be looked at, and what was found before."""
    return (Grant(ORGANISATION_LIST, READ), Grant(WATCHED_CONNECTIONS, READ))


def watch(keys: OrganisationKeys) -> tuple[Grant, ...]:
    """Return the grants of the sweeper that looks at the connections of this organisation."""
    return (
        Grant(keys.partition, READ),
        Grant(f"S#{keys.organisation}", READ, whole=False),
        Grant(WATCHED_CONNECTIONS, ALL_VERBS, sort_key_part=keys.organisation),
    )


def watch_webhooks() -> tuple[Grant, ...]:
    """Return the grants of the sweeper that looks at the webhooks."""
    return (Grant("W", READ), Grant(WATCHED_WEBHOOKS, ALL_VERBS))


def count_leavers(keys: ConnectionKeys) -> tuple[Grant, ...]:
    """Return the grants of the stream's function that counts who has lost access."""
    return (
        *watch(OrganisationKeys(organisation_of(keys.connection))),
        Grant(keys.rate_limits().pk, UPDATE),
    )
