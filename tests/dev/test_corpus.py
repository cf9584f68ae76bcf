"""`make corpus`: what it sends is what the files say, and what it prints is what happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from chalicelib.api.admin.dialogue_player import Request, Response, Step
from dev.play import corpus
from dev.play.corpus_files import Dialogue
from dev.run import demo
from dev.run.listener import HOST, listening


def told(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Respond with what came over the wire."""
    seen = {
        "target": environ["REQUEST_URI"],
        "headers": environ["passerelle.headers"],
        "body": environ["wsgi.input"].read().decode(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]


def sent(request: Request) -> dict[str, Any]:
    """Send a request and give what came of it."""
    with ExitStack() as stack:
        port = stack.enter_context(listening(told, 0))
        send = stack.enter_context(corpus.wire(f"http://{HOST}:{port}/scim/v2/c", "secret"))
        document: dict[str, Any] = send(request).document
        return document


def test_a_query_is_sent_as_it_is_written():
    """Entra sends quotes raw and encoded; a client that re-coded them would test one form."""
    query = 'filter=userName+eq+"a%40b"&x=%22y%22'

    assert sent(Request("GET", f"/Users?{query}", {}, b""))["target"].endswith(f"/Users?{query}")


def test_the_token_and_the_body_are_sent():
    """As a provider sends them."""
    seen = sent(Request("POST", "/Users", {"Content-Type": "application/scim+json"}, b"{}"))

    assert ["Authorization", "Bearer secret"] in seen["headers"]
    assert ["Content-Type", "application/scim+json"] in seen["headers"]
    assert seen["body"] == "{}"


def test_the_report_counts_what_failed(capsys):
    """The last line is what one reads."""
    step = Step(method="GET", path="/Users", status=200)
    dialogue = Dialogue(row="1.1 x", title="Look", source="here", steps=(step, step))

    failed = corpus.report({"a": dialogue}, lambda _: Response(500, "", None))

    assert failed == 1
    assert "1 dialogues with 2 requests, 1 failed." in capsys.readouterr().out


def test_without_a_server_it_is_said_how_to_start_one(tmp_path):
    """The verbs that need the server are tried before it runs."""
    with pytest.raises(demo.DemoFailed, match="make run"):
        demo.running({"LOCAL_DIR": str(tmp_path)})
