"""Secrets Manager: the digest of each token's secret, and the operator keys.

One immutable secret for each token, `<prefix>/<connection>/<token id>`, and for each operator key;
so a cached digest is never stale, and whether a credential is valid is decided by its item. Every
fault of the service becomes one of two errors: the secret is gone, or it cannot be read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.auth.tokens import OPERATOR, digest, is_digest, parse
from chalicelib.errors import Busy, Unavailable
from chalicelib.storage.retries import Deadline, error_code

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

MAX_DIGESTS = 1000

NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceExistsException"


class Gone(Exception):
    """There is no such secret, or no longer."""


class Secrets:
    """The secrets of one deployment; `prefix` is what their names begin with.

    `client` makes no retries of its own. May be shared by threads.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        prefix: str,
    ) -> None:
        """Start with an empty cache."""
        self._client = client
        self._prefix = prefix
        self._digests: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()

    def digest_of(self, connection: str, token_id: str, deadline: Deadline) -> str:
        """Return the digest of a token's secret: one call at first, then none.

        Raises:
            Gone: there is no such secret.
            Unavailable: it cannot be read before the deadline, or is not a digest.
        """
        known = self._recall(connection, token_id)
        if known is not None:
            return known
        name = self._name(connection, token_id)
        stored = self._read(name, deadline)
        if not is_digest(stored):
            raise Unavailable
        self._remember(connection, token_id, stored)
        return stored

    def create(self, connection: str, token_id: str, digest: str, deadline: Deadline) -> None:
        """Store the digest of a new token's secret.

        Raises:
            Unavailable: it could not be stored before the deadline; or it was, and the reply
                was lost.
        """
        name = self._name(connection, token_id)
        same = deadline.clock.new_id()
        try:
            deadline.repeat(
                lambda: self._client.create_secret(
                    Name=name, SecretString=digest, ClientRequestToken=same
                )
            )
        except ClientError as error:
            # The id is random and its item is ours: only an attempt of this same call, whose
            # reply was lost, can have created it.
            if error_code(error) != EXISTS:
                raise Unavailable from error
        except (BotoCoreError, Busy) as error:
            raise Unavailable from error

    def delete(self, connection: str, token_id: str, deadline: Deadline) -> None:
        """Delete the secret of a token, without recovery; deleting it again is not an error.

        Raises:
            Unavailable: it could not be deleted before the deadline.
        """
        name = self._name(connection, token_id)
        try:
            _call(
                lambda: self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True),
                deadline,
            )
        except Gone:
            return

    def text_of(self, owner: str, secret_id: str, deadline: Deadline) -> str:
        """Return the text of a secret, which is not kept in memory.

        Raises:
            Gone: there is no such secret.
            Unavailable: it cannot be read before the deadline.
        """
        return self._read(self._name(owner, secret_id), deadline)

    def operator_digest(self, key_id: str, deadline: Deadline) -> str:
        """Return the digest of an operator key's secret: one call at first, then none.

        Raises:
            Gone: there is no such secret.
            Unavailable: it cannot be read before the deadline, or is not this key.
        """
        known = self._recall(OPERATOR, key_id)
        if known is not None:
            return known
        key = parse(self._read(operator_key_name(self._prefix, key_id), deadline).strip())
        if key is None or (key.token_type, key.id) != (OPERATOR, key_id):
            raise Unavailable
        stored = digest(key.secret)
        self._remember(OPERATOR, key_id, stored)
        return stored

    def _read(self, name: str, deadline: Deadline) -> str:
        return _call(
            lambda: self._client.get_secret_value(SecretId=name).get("SecretString", ""), deadline
        )

    def _name(self, connection: str, token_id: str) -> str:
        return f"{self._prefix}/{connection}/{token_id}"

    def _recall(self, connection: str, token_id: str) -> str | None:
        with self._lock:
            if (connection, token_id) in self._digests:
                self._digests.move_to_end((connection, token_id))
            return self._digests.get((connection, token_id))

    def _remember(self, connection: str, token_id: str, stored: str) -> None:
        with self._lock:
            self._digests[connection, token_id] = stored
            if len(self._digests) > MAX_DIGESTS:
                self._digests.popitem(last=False)


def operator_key_name(prefix: str, key_id: str) -> str:
    """Return the name of an operator key's secret, which holds its text.

    No part between slashes is a connection's: a function that may create and delete the secrets of
    tokens, `<prefix>/*/*`, cannot touch one of these.
    """
    return f"{prefix}/operator-key-{key_id}"


def _call(call: Callable[[], T], deadline: Deadline) -> T:
    """Call the service, again after transient errors.

    An error that is not transient (a missing permission, a lost key) is raised at once: the
    client retries its request, and nobody has to wait for the deadline.

    Raises:
        Gone: there is no such secret.
        Unavailable: any other error; a transient one only at the deadline.
    """
    try:
        return deadline.repeat(call)
    except (BotoCoreError, ClientError, Busy) as error:
        if isinstance(error, ClientError) and error_code(error) == NOT_FOUND:
            raise Gone from error
        # Late: what prepares a deployment or `make run` imports this module, and logs nothing.
        from chalicelib.observability import count  # noqa: PLC0415

        count("SecretsManagerFaults")
        raise Unavailable from error
