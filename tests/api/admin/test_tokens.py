"""Tokens over HTTP: shown once, and rejected from the next request on."""

from __future__ import annotations

import re

from tests.support.environment import OPERATOR_KEY


def scim(operator, connection, token):
    """Send a request as the identity provider; return status and text."""
    path = f"/scim/v2/{connection.rpartition('/')[2]}/ServiceProviderConfig"
    response = operator.with_credential(token["token"])("GET", path)
    return response.status, response.body.get("detail", "")


def test_a_token_is_shown_once(operator, connection, token):
    """In the response to the POST only."""
    listed = operator("GET", f"{connection}/tokens")

    assert re.fullmatch(r"psl_scim_\w{12}_\w{43}_\w{6}", token["token"])
    assert listed.body == {
        "items": [{name: value for name, value in token.items() if name != "token"}],
        "next": None,
    }
    assert token["token"].split("_")[3] not in str(listed.body)


def test_a_response_with_a_token_is_not_stored(operator, connection):
    """RFC 6750 section 5.3."""
    response = operator("POST", f"{connection}/tokens", {"name": "B"})

    assert (response.status, response.headers["cache-control"]) == (201, "no-store")
    assert response.body["expires_at"] == "2028-01-31T12:00:00.000Z"


def test_a_revoked_token_is_401_at_the_next_request(operator, connection, token):
    """204, and the list says so; a second DELETE is no fault."""
    path = f"{connection}/tokens/{token['id']}"
    assert scim(operator, connection, token)[0] == 200

    assert [operator("DELETE", path).status for _ in range(2)] == [204, 204]

    assert scim(operator, connection, token)[0] == 401
    [listed] = operator("GET", f"{connection}/tokens").body["items"]
    assert listed["state"] == "revoked"


def test_an_expired_token_is_401_and_listed_as_expired(operator, connection, token, manual_clock):
    """Without a request that would revoke it."""
    manual_clock.advance(days=366)

    assert scim(operator, connection, token)[0] == 401
    [listed] = operator("GET", f"{connection}/tokens").body["items"]
    assert listed["state"] == "expired"


def test_a_token_is_rejected_with_one_text_whatever_the_reason(operator, connection, token):
    """Wrong, garbled, revoked, of another connection: the same text."""
    garbled = token | {"token": token["token"][:-1]}
    elsewhere = f"{connection[:-1]}{'a' if connection[-1] != 'a' else 'b'}"
    responses = {
        scim(operator, connection, garbled),
        scim(operator, connection, {"token": OPERATOR_KEY}),
        scim(operator, elsewhere, token),
        scim(operator, "x", token),
    }
    operator("DELETE", f"{connection}/tokens/{token['id']}")

    assert responses == {scim(operator, connection, token)}


def test_a_lost_secret_is_503_for_a_token_not_used_here_yet(
    operator, connection, token, secretsmanager
):
    """Never 401."""
    name = f"passerelle/test/{connection.rpartition('/')[2]}/{token['id']}"
    secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    assert scim(operator, connection, token)[0] == 503
