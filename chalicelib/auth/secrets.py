"""Secrets Manager: the digest of each token's secret, and the operator key.

One immutable secret for each token, `<prefix>/<connection>/<token id>`; so a cached digest is
never stale, and whether the token is valid is decided by its item. The operator key is replaced
in place and therefore read again each minute. Every fault of the service becomes one of two
errors: the secret is gone, or it cannot be read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.auth.tokens import OPERATOR, Credential, is_digest, parse
from chalicelib.errors import Busy, Unavailable
from chalicelib.storage.retries import Deadline, error_code

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

MAX_DIGESTS = 1000
OPERATOR_KEY_SECONDS = 60
STAGES = ("AWSCURRENT", "AWSPREVIOUS")

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
        *,
        operator_key_seconds: int = OPERATOR_KEY_SECONDS,
    ) -> None:
        """Start with an empty cache."""
        self._client = client
        self._prefix = prefix
        self._digests: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()
        self._operator_key_seconds = operator_key_seconds
        # The id of an operator key without a previous one, once that is known.
        self._first_operator_key = ""
        # A provider's cache tells secrets apart by name only: one for each stage.
        self._providers = {stage: SecretsProvider(boto3_client=client) for stage in STAGES}

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
        stored = _call(
            lambda: self._client.get_secret_value(SecretId=name).get("SecretString", ""), deadline
        )
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

    def operator_keys(self, deadline: Deadline) -> Iterator[Credential]:
        """Yield the valid operator keys: the current one, then the previous one.

        The previous one is read only if the current one does not match, and once if there is
        none, so that wrong keys cause no calls. A replaced key is noticed within a minute; the
        previous one stays valid meanwhile.

        Raises:
            Unavailable: a key cannot be read, or the current one is not an operator key.
        """
        current = self._operator_key("AWSCURRENT", deadline)
        if current is None:
            raise Unavailable
        yield current
        if current.id == self._first_operator_key:
            return
        previous = self._operator_key("AWSPREVIOUS", deadline)
        if previous is None:
            self._first_operator_key = current.id
        else:
            yield previous

    def _operator_key(self, stage: str, deadline: Deadline) -> Credential | None:
        def read() -> str:
            text = self._providers[stage].get(
                f"{self._prefix}/operator-key",
                max_age=self._operator_key_seconds,
                VersionStage=stage,
            )
            return str(text)

        try:
            text = _call(lambda: _unwrapped(read), deadline)
        except Gone:
            return None
        key = parse(text.strip())
        return key if key is not None and key.token_type == OPERATOR else None

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


def _unwrapped(read: Callable[[], T]) -> T:
    """Call Powertools, and raise the error that it wraps instead of its own."""
    try:
        return read()
    except GetParameterError as error:
        raise (error.__context__ or error) from None


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
    except ClientError as error:
        if error_code(error) == NOT_FOUND:
            raise Gone from error
        raise Unavailable from error
    except (BotoCoreError, GetParameterError, Busy) as error:
        raise Unavailable from error
