"""Operator keys of a deployment: make, list, revoke.

A key is an item of the table, which says whether it is valid and what it may be used for, and a
secret with its text. No route of the API makes one: it takes the rights of an engineer who deploys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from chalicelib.auth.secrets import operator_key_name
from chalicelib.auth.tokens import HINT_LENGTH, OPERATOR, TOKEN_ID, parse
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit, deployment_entry_item
from chalicelib.storage import grants
from chalicelib.storage.audit_entries import Actor
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import EXISTS, NEW, Action, Put, Update
from chalicelib.storage.keys import OrganisationKeys, operator_key, operator_keys
from chalicelib.storage.operator_keys import SCOPES, OperatorKey
from chalicelib.storage.records import from_items, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from dev.errors import VerbError

SECONDS = 30.0
# The key that a deployment and `make run` make first; it may do everything.
FIRST = "first"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


class WrongKey(VerbError):
    """A key cannot be made or found as it was asked for; says what to change."""


class OperatorKeys:
    """The operator keys of one deployment; `secretsmanager` is a client of boto3."""

    def __init__(self, table: Table, secretsmanager: Any, prefix: str) -> None:
        """Take the deployment's table, and what its secrets' names begin with."""
        self._secrets = secretsmanager
        self._prefix = prefix
        items = table.namespace(
            grants.operator_key_management(), Deadline.after(SECONDS, table.clock)
        )
        actor = Actor("system", "make operator-key", "make operator-key")
        self._admin = AdminContext(items, OrganisationKeys(""), actor)

    def create(self, text: str, name: str, scopes: Sequence[str]) -> OperatorKey:
        """Create a key of this text: its secret, then its item, which makes it valid.

        Raises:
            WrongKey: the name or a scope is not one.
            ClientError: AWS rejects a call.
        """
        _require_valid(name, scopes)
        credential = parse(text)
        if credential is None or credential.token_type != OPERATOR:
            raise WrongKey("The text is not an operator key.")
        hint = f"psl_op_...{text[-HINT_LENGTH:]}"
        now = timestamp(self._admin.now())
        key = OperatorKey(credential.id, name, tuple(scopes), "live", hint, now)
        self._secrets.create_secret(
            Name=operator_key_name(self._prefix, key.id),
            Description=f"Passerelle: the operator key `{name}` ({', '.join(scopes)}).",
            SecretString=text,
        )
        after = {"name": name, "scopes": list(scopes), "hint": hint}
        self._admin.items.commit(
            [
                Put(operator_key(key.id), to_item(key), NEW),
                deployment_entry_item(self._admin, Edit("operator_key", key.id, after=after)),
            ]
        )
        return key

    def list(self) -> list[OperatorKey]:
        """List the keys, including revoked ones, the oldest first."""
        found = from_items(OperatorKey, self._admin.items.query(operator_keys()))
        return sorted(found, key=lambda key: (key.created, key.id))

    def revoke(self, key_id: str) -> None:
        """Revoke a key: it is rejected from the next request on; then delete its secret.

        Raises:
            WrongKey: there is no such key.
            ClientError: AWS rejects a call.
        """
        edit = Edit("operator_key", key_id, {"state": "live"}, {"state": "revoked"}, "revoked")
        end = Update(operator_key(key_id), set={"state": "revoked"}, condition=EXISTS)
        actions: Sequence[Action] = [end, deployment_entry_item(self._admin, edit)]
        if TOKEN_ID.fullmatch(key_id) is None or self._admin.items.try_commit(actions):
            raise WrongKey(f"There is no operator key {key_id!r}; list them: make operator-keys")
        try:
            self._secrets.delete_secret(
                SecretId=operator_key_name(self._prefix, key_id), ForceDeleteWithoutRecovery=True
            )
        except self._secrets.exceptions.ResourceNotFoundException:
            return

    def with_all_scopes(self) -> Iterator[str]:
        """Yield the texts of the valid keys that may do everything, the oldest first."""
        for key in self.list():
            if key.is_live and not SCOPES.keys() - {*key.scopes}:
                try:
                    name = operator_key_name(self._prefix, key.id)
                    yield str(self._secrets.get_secret_value(SecretId=name)["SecretString"])
                except self._secrets.exceptions.ResourceNotFoundException:
                    continue

    def provide(self, mint: Callable[[], str]) -> str:
        """Return the text of a key that may do everything; otherwise make one."""
        text = next(self.with_all_scopes(), None)
        if text is None:
            text = mint()
            self.create(text, FIRST, list(SCOPES))
        return text


def _require_valid(name: str, scopes: Sequence[str]) -> None:
    if NAME.fullmatch(name) is None:
        raise WrongKey(
            "NAME: expected 1 to 64 letters, digits, blanks, dots, hyphens or underscores."
        )
    unknown = [each for each in scopes if each not in SCOPES]
    if unknown or not scopes or len(set(scopes)) < len(scopes):
        raise WrongKey(f"SCOPES: expected one or more of {', '.join(SCOPES)}, each once.")


def lines(keys: Sequence[OperatorKey]) -> Iterator[str]:
    """Write keys for the terminal."""
    for key in keys:
        found = asdict(key) | {"scopes": ",".join(key.scopes)}
        yield "{id}  {state:8} {created}  {hint}  {scopes}  {name}".format(**found)
