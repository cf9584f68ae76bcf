"""A page that listens sees each rejected request at once, with the mistake by name."""

from __future__ import annotations

import pytest

from app import build
from chalicelib.auth.tokens import checksum
from tests.support.builders import a_customer, api_client


@pytest.fixture
def context(services):
    """A connection."""
    return a_customer(services)


@pytest.fixture
def root(context):
    """Where the connection is administered."""
    return f"/admin/organisations/{context.organisation}/connections/{context.connection}"


@pytest.fixture
def app(services):
    """The app; one for all requests of a test, as in one process."""
    return build(services)


@pytest.fixture
def send(app, context):
    """Send a SCIM request with an Authorization header, to a URL."""

    def send(authorization, path="/Users", connection=context.connection):
        headers = {"Authorization": authorization} if authorization else {}
        return api_client(app, "")("GET", f"/scim/v2/{connection}{path}", headers=headers)

    return send


def reasons(operator, root):
    """List the reasons of the rejected requests that the page sees, the newest first."""
    return [each["reason"] for each in operator("GET", f"{root}/rejected").body["items"]]


def other_secret(token):
    """Make a token with the same id and a right checksum, and another secret."""
    body = token[:-7][:-4] + "0000"
    return f"{body}_{checksum(body)}"


MISTAKES = {
    "missing": lambda _: "",
    "bare": lambda token: token,
    "bearer_twice": lambda token: f"Bearer Bearer {token}",
    "quotes": lambda token: f'Bearer "{token}"',
    "cut_off": lambda token: f"Bearer {token[:40]}",
    "operator_key": lambda _: "Bearer psl_op_abc",
    "wrong": lambda token: f"Bearer {other_secret(token)}",
}


@pytest.mark.parametrize("reason", MISTAKES)
def test_a_page_that_listens_sees_the_mistake(operator, root, send, context, reason):
    """The reason is a key of the texts; `fix` says it in English."""
    operator("POST", f"{root}/listen")
    send(MISTAKES[reason](context.token))
    [seen] = operator("GET", f"{root}/rejected").body["items"]
    assert (seen["reason"], seen["status"], seen["path"]) == (reason, 401, "/Users")
    assert seen["fix"]


def test_nothing_is_written_while_no_page_listens(operator, root, send, manual_clock):
    """Listening ends five minutes after the page has asked last."""
    send("")
    operator("POST", f"{root}/listen")
    manual_clock.advance(minutes=6)
    send("")
    assert reasons(operator, root) == []


def test_a_paused_connection_and_a_wrong_path_are_seen(operator, root, send, context):
    """What is wrong may be the connection's state, or what follows its URL."""
    operator("POST", f"{root}/listen")
    send(f"Bearer {context.token}", "/Users/Users/x")
    operator("PATCH", root, {"state": "paused"})
    send(f"Bearer {context.token}")
    seen = operator("GET", f"{root}/rejected").body["items"]
    assert [each["reason"] for each in seen] == ["paused", "url"]
    assert seen[0]["token_hint"].endswith(context.token[-4:])


def test_a_token_that_is_sent_to_another_url_is_seen_by_its_own_page(
    operator, services, root, send, context
):
    """Whose URL it is is not said: it may be another organisation's, or nobody's."""
    other = a_customer(services).connection
    operator("POST", f"{root}/listen")
    late = operator("POST", f"{root}/tokens", {"name": "late"}).body["token"]
    for token, url in ((context.token, other), (late, "a" * 16), (other_secret(late), other)):
        assert send(f"Bearer {token}", connection=url).status == 401
    shown = operator("GET", f"{root}/rejected").body["items"]
    assert [each["reason"] for each in shown] == ["other_url", "other_url"]
    assert other not in f"{shown}"
    assert other[:10] not in f"{shown}"


def test_a_token_of_another_connection_is_seen_without_its_name(operator, services, root, send):
    """The sender has the token; the page learns only that it is not its own."""
    other = a_customer(services)
    operator("POST", f"{root}/listen")
    send(f"Bearer {other.token}")
    [seen] = operator("GET", f"{root}/rejected").body["items"]
    assert (seen["reason"], seen["token_hint"]) == ("foreign", None)


def test_a_flood_is_seen_in_part_and_for_an_hour(operator, root, send, manual_clock):
    """At most 60 a minute are written, and after an hour none is shown."""
    operator("POST", f"{root}/listen")
    for _ in range(62):
        send("")
    assert len(reasons(operator, root)) == 60
    manual_clock.advance(minutes=61)
    assert reasons(operator, root) == []


def test_only_what_is_new_is_read(operator, root, send, manual_clock):
    """A page asks for what came after the newest that it has."""
    operator("POST", f"{root}/listen")
    send("")
    at = operator("GET", f"{root}/rejected").body["items"][0]["at"]
    manual_clock.advance(seconds=2)
    send("Basic abc")
    found = operator("GET", f"{root}/rejected?after={at}").body["items"]
    assert [each["reason"] for each in found] == ["basic"]
