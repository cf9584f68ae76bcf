"""What Secrets Manager keeps: the digest of each token's secret, and the operator key.

One immutable secret a token, `<prefix>/<connection>/<token id>`; so what was read once is
never stale, and whether the token lives is decided by its row. The operator key is replaced
in place and therefore read anew each minute. Every fault of the service is one of two here:
the secret is gone, or it cannot be read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.auth import tokens
from chalicelib.errors import Busy, Unavailable
from chalicelib.storage.retries import Deadline, error_code

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

MOST_DIGESTS = 1000
OPERATOR_KEY_SECONDS = 60
STAGES = ("AWSCURRENT", "AWSPREVIOUS")

NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceExistsException"


class Gone(Exception):
    """There is no such secret, or not any more."""


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
        """Begin with nothing read."""
        self._client = client
        self._prefix = prefix
        self._digests: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()
        self._operator_key_seconds = operator_key_seconds
        # The id of the operator key that has none before it, once that is known.
        self._first_operator_key = ""
        # A provider's cache tells secrets apart by name only: one for each stage.
        self._providers = {stage: SecretsProvider(boto3_client=client) for stage in STAGES}

    def digest_of(self, connection: str, token_id: str, deadline: Deadline) -> str:
        """Give the digest of a token's secret: one call at first, none afterwards.

        Raises:
            Gone: there is no such secret.
            Unavailable: it cannot be read before the deadline, or holds no digest.
        """
        known = self._recall(connection, token_id)
        if known is not None:
            return known
        name = self._name(connection, token_id)
        kept = _answer(
            lambda: self._client.get_secret_value(SecretId=name).get("SecretString", ""), deadline
        )
        if not tokens.well_formed(kept):
            raise Unavailable
        self._remember(connection, token_id, kept)
        return kept

    def create(self, connection: str, token_id: str, digest: str, deadline: Deadline) -> None:
        """Keep the digest of a new token's secret.

        Raises:
            Unavailable: it could not be kept before the deadline, or perhaps it was and the
                answer got lost.
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
            # The id is random and its row is ours: only an attempt of this very call, whose
            # answer got lost, can have made it.
            if error_code(error) != EXISTS:
                raise Unavailable from error
        except (BotoCoreError, Busy) as error:
            raise Unavailable from error

    def delete(self, connection: str, token_id: str, deadline: Deadline) -> None:
        """Remove the secret of a token for good; one that is gone is no fault.

        Raises:
            Unavailable: it could not be removed before the deadline.
        """
        name = self._name(connection, token_id)
        try:
            _answer(
                lambda: self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True),
                deadline,
            )
        except Gone:
            return

    def operator_keys(self, deadline: Deadline) -> Iterator[tokens.Token]:
        """Give the operator keys in force: the present one, then the one before it.

        The second is read only when asked for, and once where there is none, so that wrong keys
        are no calls of the service. A key that was replaced is known here a minute later at the
        latest; the old one works meanwhile, so nothing is out of order.

        Raises:
            Unavailable: a key cannot be read, or the present one is no operator key.
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

    def _operator_key(self, stage: str, deadline: Deadline) -> tokens.Token | None:
        def read() -> str:
            text = self._providers[stage].get(
                f"{self._prefix}/operator-key",
                max_age=self._operator_key_seconds,
                VersionStage=stage,
            )
            return str(text)

        try:
            text = _answer(lambda: _unwrapped(read), deadline)
        except Gone:
            return None
        key = tokens.parse(text.strip())
        return key if key is not None and key.kind == "op" else None

    def _name(self, connection: str, token_id: str) -> str:
        return f"{self._prefix}/{connection}/{token_id}"

    def _recall(self, connection: str, token_id: str) -> str | None:
        with self._lock:
            if (connection, token_id) in self._digests:
                self._digests.move_to_end((connection, token_id))
            return self._digests.get((connection, token_id))

    def _remember(self, connection: str, token_id: str, kept: str) -> None:
        with self._lock:
            self._digests[connection, token_id] = kept
            if len(self._digests) > MOST_DIGESTS:
                self._digests.popitem(last=False)


def _unwrapped(read: Callable[[], T]) -> T:
    """Call powertools, and raise what it met instead of its own wrapper."""
    try:
        return read()
    except GetParameterError as error:
        raise (error.__context__ or error) from None


def _answer(call: Callable[[], T], deadline: Deadline) -> T:
    """Call the service until it answers.

    A refusal that does not pass by itself (a missing permission, a lost key) is answered at
    once: the caller repeats his request, and we need not hold it for 23 s.

    Raises:
        Gone: it has no such secret.
        Unavailable: any other fault, passing ones up to the deadline.
    """
    try:
        return deadline.repeat(call)
    except ClientError as error:
        if error_code(error) == NOT_FOUND:
            raise Gone from error
        raise Unavailable from error
    except (BotoCoreError, GetParameterError, Busy) as error:
        raise Unavailable from error
