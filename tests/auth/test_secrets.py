"""Secrets Manager read and written, with its faults, by argument."""

from __future__ import annotations

from random import Random

import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError

from chalicelib.auth.secrets import MAX_DIGESTS, Gone, Secrets, operator_key_name
from chalicelib.auth.tokens import digest, mint
from chalicelib.errors import Unavailable
from chalicelib.storage.retries import Deadline
from tests.support.faults import FaultyClient, client_error, fail, lose

DIGEST = digest("a secret")
KEY, OTHER_KEY = (mint("op", Random(seed)).text for seed in (11, 12))  # noqa: S311 - nobody's keys
ID = KEY.split("_")[2]
NAME = operator_key_name("passerelle/test", ID)


@pytest.fixture
def between(secretsmanager):
    """Stand before the client."""
    return FaultyClient(secretsmanager)


@pytest.fixture
def secrets(between):
    """Read secrets through what stands before the client."""
    return Secrets(between, "passerelle/test")


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


# --- operator keys ----------------------------------------------------------------------------


def test_an_operator_key_is_read_once(secrets, between, secretsmanager, deadline):
    """It never changes: whether it is valid is decided by its item."""
    secretsmanager.create_secret(Name=NAME, SecretString=KEY)

    read = {secrets.operator_digest(ID, deadline) for _ in range(3)}

    assert read == {digest(KEY.split("_")[3])}
    assert between.calls.count("get_secret_value") == 1


def test_a_line_break_behind_an_operator_key_is_forgiven(secrets, secretsmanager, deadline):
    """A secret that is written from a file has one."""
    secretsmanager.create_secret(Name=NAME, SecretString=f"{KEY}\n")

    assert secrets.operator_digest(ID, deadline)


SCIM_TOKEN = mint("scim", Random(13)).text  # noqa: S311 - nobody's token


@pytest.mark.parametrize("kept", [" ", "secret", KEY[:-1], SCIM_TOKEN, OTHER_KEY])
def test_a_secret_that_is_not_this_key_is_unreadable(secrets, secretsmanager, deadline, kept):
    """A damaged secret, or another key's, must neither match nor look like a wrong key."""
    secretsmanager.create_secret(Name=NAME, SecretString=kept)

    with pytest.raises(Unavailable):
        secrets.operator_digest(ID, deadline)


def test_an_operator_key_without_a_secret_is_gone(secrets, deadline):
    """Its item decides what that means."""
    with pytest.raises(Gone):
        secrets.operator_digest(ID, deadline)


def test_an_operator_key_is_no_secret_of_a_connection():
    """What may delete `<prefix>/*/*`, the secrets of tokens, cannot delete it."""
    assert NAME.removeprefix("passerelle/test/").count("/") == 0
