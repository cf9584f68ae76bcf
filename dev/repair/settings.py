"""What is damaged of an organisation's settings and of the secrets of its tokens.

Secrets are not in the table: after a restore they are as they are now, and the table is older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import TOKEN_ID
from chalicelib.storage.expressions import EXISTS, NEW, Action, Check, Delete, Item, Put, key_of
from chalicelib.storage.keys import (
    Key,
    OrganisationKeys,
    Range,
    organisation_of,
    reference,
    setting_of,
    verified_domain,
)
from chalicelib.storage.records import from_item, to_item
from chalicelib.storage.settings_items import CONNECTION_ID, ConnectionToken, Organisation
from chalicelib.storage.table import Namespace
from dev.repair.findings import Finding, commits


def connections(items: Namespace, keys: OrganisationKeys) -> set[str]:
    """Return the ids of the connections, also of one whose own item is missing."""
    found = chain.from_iterable(items.query(each) for each in keys.of_connections())
    named = (setting_of(key_of(item)) for item in found)
    return {each.connection or each.id for each in named}


def settings(items: Namespace, keys: OrganisationKeys) -> Iterator[Finding]:
    """Find what is missing of an organisation itself, and what has ended and is there again."""
    own = items.get(keys.own_item)
    if own is None and (connections(items, keys) or items.get(keys.list_item())):
        yield Finding(f"organisation {keys.organisation} is lost: its requests are 401 and 404")
    elif own is not None:
        yield from _names(items, keys, from_item(Organisation, own))
    yield from _there_again(items, keys.connections(), keys.past_connection)
    for connection in sorted(connections(items, keys)):
        if not items.batch_get([keys.connection(connection), keys.past_connection(connection)]):
            yield Finding(f"connection {connection} is lost: its requests are 401")
        past_token = partial(keys.past_token, connection)
        yield from _there_again(items, keys.tokens(connection), past_token)


def _names(items: Namespace, keys: OrganisationKeys, own: Organisation) -> Iterator[Finding]:
    """Find what does not lead to the organisation: the list, its reference, its domains."""
    owner = {"org": own.id}
    wanted: dict[Key, Item] = {keys.list_item(): to_item(own.summary)}
    if own.reference:
        wanted[reference(own.reference)] = owner
    for item in items.query(keys.domains()):
        wanted[verified_domain(setting_of(key_of(item)).id)] = owner
    found = items.batch_get(wanted)
    for key, item in sorted(wanted.items()):
        there = found.get(key)
        if there is None:
            text = f"organisation {own.id} is not found by {key.pk}"
            actions: list[Action] = [Put(key, item, NEW), Check(keys.own_item, EXISTS)]
            yield Finding(text, commits(items, actions))
        elif there.get("org", own.id) != own.id:
            yield Finding(f"organisation {own.id}: {key.pk} belongs to {there['org']}")


def _there_again(
    items: Namespace, live: Range, past_key: Callable[[str], Key]
) -> Iterator[Finding]:
    """Find connections and tokens that have ended, of which the item from before is back."""
    by_past = {past_key(setting_of(key_of(item)).id): key_of(item) for item in items.query(live)}
    for past in items.batch_get(by_past):
        actions: list[Action] = [Delete(by_past[past], EXISTS), Check(past, EXISTS)]
        yield Finding(f"{by_past[past].sk} has ended and is there again", commits(items, actions))


# --- secrets ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecretNames:
    """The names of the secrets of tokens of a deployment, `<prefix>/<connection>/<token>`."""

    client: Any
    prefix: str

    def of_tokens(self) -> set[tuple[str, str]]:
        """List the connection and the token of each: one call for each 100."""
        pages = self.client.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [f"{self.prefix}/"]}]
        )
        names = (each["Name"] for page in pages for each in page["SecretList"])
        parts = (name.removeprefix(f"{self.prefix}/").split("/") for name in names)
        return {
            (each[0], each[1])
            for each in parts
            if len(each) == 2 and CONNECTION_ID.fullmatch(each[0]) and TOKEN_ID.fullmatch(each[1])  # noqa: PLR2004
        }


def tokens_without_secret(
    items: Namespace, keys: OrganisationKeys, secrets: Iterable[tuple[str, str]]
) -> Iterator[Finding]:
    """Find valid tokens that have been revoked since, or whose secret is lost: to be renewed."""
    known = {*secrets}
    for connection in sorted(connections(items, keys)):
        for item in items.query(keys.tokens(connection)):
            token = from_item(ConnectionToken, item)
            is_valid = token.live(items.table.clock.now())
            needs_one = is_valid and token.credential_type != "federated"
            if needs_one and (connection, token.id) not in known:
                text = f"token {token.id} of connection {connection} has no secret"
                yield Finding(f"{text}: revoke it, and create a new one if it is needed")


def secrets_without_token(
    items: Namespace,
    keys: OrganisationKeys,
    names: Iterable[tuple[str, str]],
    secrets: Secrets,
) -> Iterator[Finding]:
    """Find secrets whose token is not in the table: made after its moment, or of what was purged.

    They open nothing. They are removed only when that was asked for: a table that is older than
    the one in use would have all tokens made since deleted.
    """
    for connection, token in sorted(names):
        if organisation_of(connection) != keys.organisation:
            continue
        make_keys = (keys.token, keys.past_token, keys.self_test_token)
        if not items.batch_get(make(connection, token) for make in make_keys):
            remove = partial(_delete, secrets, items, connection, token)
            text = f"secret of token {token} of connection {connection}, which does not exist"
            yield Finding(text, remove, is_remains=True)


def _delete(secrets: Secrets, items: Namespace, connection: str, token: str) -> bool:
    secrets.delete(connection, token, items.deadline)
    return True
