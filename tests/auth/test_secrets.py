"""Secrets Manager read and written, with its faults, by argument."""

from __future__ import annotations

from random import Random

import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError

from chalicelib.auth.secrets import MAX_DIGESTS, Gone, Secrets
from chalicelib.auth.tokens import digest, mint
from chalicelib.errors import Unavailable
from chalicelib.storage.retries import Deadline
from tests.support.faults import FaultyClient, client_error, fail, lose

DIGEST = digest("a secret")
KEY, NEXT_KEY = (mint("op", Random(seed)).text for seed in (11, 12))  # noqa: S311 - nobody's keys
OPERATOR_KEY = "passerelle/test/operator-key"


@pytest.fixture
def between(secretsmanager):
    """Stand before the client."""
    return FaultyClient(secretsmanager)


@pytest.fixture
def secrets(between):
    """Read secrets through what stands before the client; the operator key never from memory."""
    return Secrets(between, "passerelle/test", operator_key_seconds=0)


@pytest.fixture
def deadline(manual_clock):
    """Set a deadline as a request has."""
    return Deadline.after(25, manual_clock.clock())


def test_a_digest_is_read_once_and_known_for_good(secrets, between, deadline):
    """A token's secret never changes, so a warm container asks no more."""
    secrets.create("conn", "token", DIGEST, deadline)

    read = [secrets.digest_of("conn", "token", deadline) for _ in range(3)]

    assert read == [DIGEST] * 3
    assert between.calls.count("get_secret_value") == 1


def test_two_connections_never_share_a_digest(secrets, deadline):
    """The same token id under another connection is another secret."""
    secrets.create("conn", "token", DIGEST, deadline)
    secrets.digest_of("conn", "token", deadline)

    with pytest.raises(Gone):
        secrets.digest_of("other", "token", deadline)


def test_a_process_remembers_a_bounded_number(secrets, between, deadline):
    """The one that was not used for longest is forgotten first."""
    between.faults["get_secret_value"] = [
        (lambda *_: {"SecretString": DIGEST}) for _ in range(MAX_DIGESTS + 2)
    ]
    for number in range(MAX_DIGESTS):
        secrets.digest_of("conn", str(number), deadline)
    secrets.digest_of("conn", "0", deadline)
    secrets.digest_of("conn", "one more", deadline)
    asked = len(between.calls)

    secrets.digest_of("conn", "0", deadline)
    assert len(between.calls) == asked
    secrets.digest_of("conn", "1", deadline)
    assert len(between.calls) == asked + 1


PASSING = {
    "throttled": client_error("ThrottlingException"),
    "a server error": client_error("Whatever", status=500),
    "no answer": ConnectTimeoutError(endpoint_url="https://example.com"),
}


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_is_waited_for(secrets, between, deadline, error):
    """Within the deadline the client sees nothing of it."""
    secrets.create("conn", "token", DIGEST, deadline)
    between.faults["get_secret_value"] = [fail(error), fail(error)]

    assert secrets.digest_of("conn", "token", deadline) == DIGEST


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_does_not_pass_in_time_is_said(secrets, between, deadline, error):
    """At the deadline it is 503, which providers repeat; never 401, after which they stop."""
    between.faults["get_secret_value"] = [fail(error)] * 1000

    with pytest.raises(Unavailable):
        secrets.digest_of("conn", "token", deadline)
    assert deadline.passed()


STANDING = {
    "no permission": client_error("AccessDeniedException"),
    "no key to decrypt": client_error("DecryptionFailure"),
    "marked for deletion": client_error("InvalidRequestException"),
    "no credentials": NoCredentialsError(),
}


@pytest.mark.parametrize("error", STANDING.values(), ids=STANDING.keys())
def test_a_standing_fault_is_said_at_once(secrets, between, deadline, error):
    """Nobody is made to wait 19 s for what will not change."""
    between.faults["get_secret_value"] = [fail(error)]

    with pytest.raises(Unavailable):
        secrets.digest_of("conn", "token", deadline)
    assert between.calls == ["get_secret_value"]


@pytest.mark.parametrize("kept", [" ", "no digest", DIGEST.upper(), DIGEST + "\n"])
def test_a_secret_that_holds_no_digest_is_unreadable(secrets, secretsmanager, deadline, kept):
    """A damaged secret must neither match nor look like a wrong token."""
    secretsmanager.create_secret(Name="passerelle/test/conn/token", SecretString=kept)

    with pytest.raises(Unavailable):
        secrets.digest_of("conn", "token", deadline)


def test_a_secret_without_text_is_unreadable(secrets, secretsmanager, deadline):
    """Secrets Manager also keeps bytes, which this project never writes."""
    secretsmanager.create_secret(Name="passerelle/test/conn/token", SecretBinary=b"\x00")

    with pytest.raises(Unavailable):
        secrets.digest_of("conn", "token", deadline)


def test_a_secret_whose_creation_got_no_response_is_created(secrets, between, deadline):
    """The repetition finds its own work and does not take it for somebody else's."""
    between.faults["create_secret"] = [
        lose(ConnectTimeoutError(endpoint_url="https://example.com")),
        fail(client_error("ResourceExistsException")),
    ]

    secrets.create("conn", "token", DIGEST, deadline)

    assert secrets.digest_of("conn", "token", deadline) == DIGEST


def test_a_secret_that_cannot_be_created_is_said(secrets, between, deadline):
    """The code that asked for it withdraws the token."""
    between.faults["create_secret"] = [fail(client_error("LimitExceededException"))]

    with pytest.raises(Unavailable):
        secrets.create("conn", "token", DIGEST, deadline)


def test_a_deleted_secret_is_gone_and_may_be_deleted_again(secrets, deadline):
    """Without a recovery window, in which it would be paid for."""
    secrets.create("conn", "token", DIGEST, deadline)

    secrets.delete("conn", "token", deadline)
    secrets.delete("conn", "token", deadline)

    with pytest.raises(Gone):
        secrets.digest_of("conn", "token", deadline)


def keys(secrets, deadline):
    """Read the operator keys in force, by their ids."""
    return [key.id for key in secrets.operator_keys(deadline)]


def test_an_operator_key_and_the_one_before_are_in_force(secrets, secretsmanager, deadline):
    """It rotates without an outage: the back end changes over when it likes."""
    secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=KEY)
    before = keys(secrets, deadline)

    secretsmanager.put_secret_value(SecretId=OPERATOR_KEY, SecretString=NEXT_KEY)

    assert before == [KEY.split("_")[2]]
    assert keys(secrets, deadline) == [NEXT_KEY.split("_")[2], KEY.split("_")[2]]


def test_an_operator_key_is_read_once_a_minute(between, secretsmanager, deadline):
    """The present and the former are remembered apart, and each is read when it is asked for."""
    secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=KEY)
    secretsmanager.put_secret_value(SecretId=OPERATOR_KEY, SecretString=NEXT_KEY)
    secrets = Secrets(between, "passerelle/test")

    first = [keys(secrets, deadline) for _ in range(3)]

    assert first[0] == first[2] == [NEXT_KEY.split("_")[2], KEY.split("_")[2]]
    assert between.calls.count("get_secret_value") == 2


def test_the_former_operator_key_is_not_read_before_it_is_needed(
    secrets, between, secretsmanager, deadline
):
    """Most deployments have none, and asking for it would cost a call a request."""
    secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=KEY)

    next(secrets.operator_keys(deadline))

    assert between.calls.count("get_secret_value") == 1


def test_a_missing_former_operator_key_is_looked_up_once(between, secretsmanager, deadline):
    """Anyone can write a wrong key of the right form; it must not cost a call each time."""
    secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=KEY)
    secrets = Secrets(between, "passerelle/test")

    assert [keys(secrets, deadline) for _ in range(3)] == [[KEY.split("_")[2]]] * 3
    assert between.calls.count("get_secret_value") == 2


def test_a_line_break_behind_the_operator_key_is_forgiven(secrets, secretsmanager, deadline):
    """A secret that is written from a file has one."""
    secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=f"{KEY}\n")

    assert keys(secrets, deadline) == [KEY.split("_")[2]]


SCIM_TOKEN = mint("scim", Random(13)).text  # noqa: S311 - nobody's token


@pytest.mark.parametrize("kept", [None, " ", "secret", KEY[:-1], SCIM_TOKEN])
def test_no_operator_key_is_503(secrets, secretsmanager, deadline, kept):
    """A deployment that lacks its key is closed, not open and not "wrong key"."""
    if kept is not None:
        secretsmanager.create_secret(Name=OPERATOR_KEY, SecretString=kept)

    with pytest.raises(Unavailable):
        keys(secrets, deadline)


def test_an_operator_key_that_cannot_be_read_is_503(secrets, between, deadline):
    """The error that powertools wraps decides: throttling is transient, a denial is not."""
    between.faults["get_secret_value"] = [
        fail(client_error("ThrottlingException")),
        fail(client_error("AccessDeniedException")),
    ]

    with pytest.raises(Unavailable):
        keys(secrets, deadline)
    assert between.calls.count("get_secret_value") == 2
