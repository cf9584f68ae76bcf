"""Between HTTP and the app stands what API Gateway does, no more and no less."""

from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
from chalice.app import Chalice, Request, Response

from dev.run.gateway import MAX_BODY, Gateway, HttpRequest
from dev.run.listener import PortTaken, listening
from tests.support.processor_time import at_most

TYPES = ["application/scim+json", "application/json"]
ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def request_of(app: Chalice) -> Request:
    """Give the request that the app serves in this thread."""
    assert app.current_request
    return app.current_request


def an_app() -> Chalice:
    """Build an app whose responses repeat the event that reached it."""
    app = Chalice("tiny", configure_logs=False)

    def event(**_: str) -> dict[str, object]:
        return dict(request_of(app).to_original_event())

    app.route("/things/{id}", methods=ANY_METHOD, content_types=TYPES)(event)
    app.route("/things", methods=["GET", "POST"], content_types=TYPES, name="all")(event)
    app.route("/things/.search", methods=["POST"], content_types=TYPES, name="search")(event)
    app.route("/raise", methods=["GET"], name="fail")(lambda: 1 / 0)
    app.route("/unwritable", methods=["GET"], name="odd")(lambda: {"odd": object()})
    app.route("/bytes", methods=["POST"], content_types=["image/png"], name="bytes")(event)
    app.route("/gone", methods=["GET"], name="gone")(lambda: Response("", status_code=204))
    cookies = Response("", {"Set-Cookie": ["a=1", "b=2"]})
    app.route("/cookies", methods=["GET"], name="cookies")(lambda: cookies)
    return app


@pytest.fixture
def gateway() -> Gateway:
    """Put a gateway before the app."""
    return Gateway(an_app(), "local", "id.example.com")


@pytest.fixture
def connection(gateway):
    """Open one connection to a real server with the gateway behind it."""
    with listening(gateway, 0) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=10)
        yield client
        client.close()


def event_of(gateway: Gateway, method: str, path: str, **sent) -> dict[str, Any]:
    """Send a request and give the event that the app saw."""
    responded = gateway.respond(HttpRequest(method, path, **sent))
    assert responded.status == 200, responded
    return dict(json.loads(responded.body))


def test_an_event_says_where_and_what_was_called(gateway):
    """The app derives its own URL and its log lines from these fields."""
    event = event_of(gateway, "GET", "/things/7", source_ip="10.0.0.9")

    context = event["requestContext"]
    assert event["resource"] == context["resourcePath"] == "/things/{id}"
    assert event["path"] == context["path"] == "/things/7"
    assert context["stage"] == "local"
    assert context["domainName"] == "id.example.com"
    assert context["identity"]["sourceIp"] == "10.0.0.9"
    assert event["body"] is None


def test_each_request_has_an_id_of_its_own_that_the_client_sees(gateway):
    """A fault is found in the logs by the id that the client was told."""
    first = gateway.respond(HttpRequest("GET", "/things"))
    second = gateway.respond(HttpRequest("GET", "/things"))

    told = dict(first.headers)["x-amzn-RequestId"]
    assert json.loads(first.body)["requestContext"]["requestId"] == told
    assert told != dict(second.headers)["x-amzn-RequestId"]


@pytest.mark.parametrize("sent", ["a%20b", "a%2Fb", "%C3%A9", "a+b", "%2e%2e", "a;b=c"])
def test_ids_stay_percent_encoded(gateway, sent):
    """API Gateway passes path parameters on as they came; the app decodes them, once."""
    assert event_of(gateway, "GET", f"/things/{sent}")["pathParameters"] == {"id": sent}


def test_a_literal_segment_wins_over_a_parameter(gateway):
    """`/Users/.search` is no user called .search (RFC 7644 section 3.4.3)."""
    event = event_of(gateway, "POST", "/things/.search")

    assert event["resource"] == "/things/.search"


@pytest.mark.parametrize("path", ["/things/", "/things/7/"])
def test_a_trailing_slash_is_ignored(gateway, path):
    """As on AWS; identity providers put one there where the tenant URL ends in one."""
    assert gateway.respond(HttpRequest("GET", path)).status == 200


NOWHERE = [
    ("GET", "/"),
    ("GET", "/nothing"),
    ("GET", "/things//"),
    ("GET", "//things"),
    ("GET", "/things/7/more"),
    ("GET", "/Things"),
    ("GET", "/%74hings"),
    ("GET", "/things/../things"),
    ("DELETE", "/things"),
    ("HEAD", "/things"),
    ("OPTIONS", "/things/7"),
    ("PROPFIND", "/things/7"),
]


@pytest.mark.parametrize(("method", "path"), NOWHERE)
def test_an_unregistered_route_is_a_scim_404_of_the_gateway(gateway, method, path):
    """Gateway response MISSING_AUTHENTICATION_TOKEN with status 404."""
    responded = gateway.respond(HttpRequest(method, path))

    assert responded.status == 404
    assert ("Content-Type", "application/scim+json") in responded.headers
    assert json.loads(responded.body)["status"] == "404"


GREEDY = [
    ("/", None),
    ("//", None),
    ("/x", "x"),
    ("/x/y", "x/y"),
    ("//x", "/x"),
    ("/x//y/", "x//y"),
    ("/x%2Fy;z/../w", "x%2Fy;z/../w"),
]


@pytest.mark.parametrize(("path", "proxy"), GREEDY)
def test_a_greedy_parameter_is_the_rest_of_the_path(path, proxy):
    """`/{proxy+}` matches whatever no other route does, and passes it on as sent."""
    app = Chalice("greedy", configure_logs=False)

    def sent() -> Any:
        return request_of(app).to_original_event()["pathParameters"]

    app.route("/", methods=["GET"], name="root")(sent)
    app.route("/{proxy+}", methods=["GET"], name="rest")(sent)

    answered = Gateway(app, "local", "x").respond(HttpRequest("GET", path))

    assert json.loads(answered.body) == ({"proxy": proxy} if proxy else None)


def test_a_body_above_10_mb_is_a_scim_413_of_the_gateway(gateway):
    """API Gateway's own limit, in words that a SCIM client can show."""
    at_limit = gateway.respond(HttpRequest("POST", "/things", body=b" " * MAX_BODY))
    above = gateway.respond(HttpRequest("POST", "/things", body=b" " * (MAX_BODY + 1)))

    assert at_limit.status == 200
    assert above.status == 413
    assert json.loads(above.body)["status"] == "413"


def test_parameters_are_decoded_and_all_there(gateway):
    """API Gateway decodes the query; `headers`-like maps hold the last value, the others all."""
    query = "a=1&a=2&filter=userName+eq+%22b%40c%22&empty=&aadOptscim062020"

    event = event_of(gateway, "GET", "/things", query=query)

    assert event["queryStringParameters"]["a"] == "2"
    assert event["multiValueQueryStringParameters"] == {
        "a": ["1", "2"],
        "filter": ['userName eq "b@c"'],
        "empty": [""],
        "aadOptscim062020": [""],
    }


@pytest.mark.parametrize("query", ["", "&", "&&"])
def test_no_parameters_are_null(gateway, query):
    """API Gateway sends null, not an empty object."""
    event = event_of(gateway, "GET", "/things", query=query)

    assert event["queryStringParameters"] is None
    assert event["multiValueQueryStringParameters"] is None


UNDECODABLE = [
    ("/bytes", "image/png", b"\x89PNG"),
    ("/bytes", "Image/PNG; a=b", b"text"),
]


@pytest.mark.parametrize(("path", "media_type", "body"), UNDECODABLE)
def test_bytes_that_are_no_text_travel_as_base64(gateway, path, media_type, body):
    """Where the app says that it takes the type; ours takes none."""
    event = event_of(gateway, "POST", path, headers=(("content-type", media_type),), body=body)

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_bytes_that_are_not_utf_8_are_replaced(gateway):
    """As on AWS: an event is JSON, so the app sees U+FFFD in their place."""
    event = event_of(gateway, "POST", "/things", body=b'"\xff"')

    assert (event["body"], event["isBase64Encoded"]) == ('"\ufffd"', False)


def test_a_fault_outside_the_views_is_a_503_without_internals(gateway, capsys):
    """A response that cannot be written fails the function; as on AWS, it may be sent again."""
    responded = gateway.respond(HttpRequest("GET", "/unwritable"))

    assert (responded.status, dict(responded.headers)["Retry-After"]) == (503, "5")
    assert json.loads(responded.body)["status"] == "503"
    assert b"object" not in responded.body
    assert "TypeError" in capsys.readouterr().err


def test_a_fault_in_a_view_is_the_apps_own_500(gateway):
    """Chalice responds for its views, here as on AWS."""
    assert b"InternalServerError" in gateway.respond(HttpRequest("GET", "/raise")).body


def test_a_response_may_repeat_a_header(gateway):
    """Two cookies are two lines (RFC 6265 section 3)."""
    headers = gateway.respond(HttpRequest("GET", "/cookies")).headers

    assert [value for name, value in headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_a_response_without_content_has_no_length(gateway):
    """RFC 9110 section 8.6: a 204 carries no Content-Length."""
    assert "Content-Length" not in dict(gateway.respond(HttpRequest("GET", "/gone")).headers)


def test_each_request_is_reported_without_its_query():
    """Filters hold e-mail addresses, and nobody expects those in a terminal's scrollback."""
    lines: list[str] = []

    with listening(Gateway(an_app(), "local", "x", lines.append), 0) as port:
        client = HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("GET", "/things/7?filter=secret")
        client.getresponse().read()
        client.close()

    assert len(lines) == 1
    assert lines[0].startswith("GET /things/7 200 ")


def test_repeated_headers_arrive_one_by_one(connection):
    """Two Authorization headers must be told from one with a comma."""
    connection.putrequest("GET", "/things")
    connection.putheader("X-Twice", "1")
    connection.putheader("X-Twice", "2, 3")
    connection.endheaders()

    event = json.loads(connection.getresponse().read())
    assert event["multiValueHeaders"]["X-Twice"] == ["1", "2, 3"]
    assert event["headers"]["X-Twice"] == "2, 3"


def test_blanks_before_a_value_take_no_time(connection):
    """9,000 of them took what eight loops of a million steps take."""
    with at_most(2.5):
        connection.request("GET", "/things", headers={"X-Blank": " " * 9_000 + "a  b"})
        event = json.loads(connection.getresponse().read())

    assert event["headers"]["X-Blank"] == "a  b"


def test_a_chunked_body_arrives_whole_and_the_connection_lives_on(connection):
    """`chalice local` takes the chunks for the next request."""
    connection.request("POST", "/things", body=iter([b'{"a"', b":1}"]), encode_chunked=True)
    first = json.loads(connection.getresponse().read())
    socket = connection.sock
    connection.request("GET", "/things")
    connection.getresponse().read()

    assert first["body"] == '{"a":1}'
    assert connection.sock is socket


def test_head_has_no_body_and_keeps_the_connection_in_step(connection):
    """RFC 9110 section 9.3.2: a body here would be read as the next response."""
    connection.request("HEAD", "/things")
    assert connection.getresponse().read() == b""

    connection.request("GET", "/things")
    assert connection.getresponse().status == 200


def test_headers_that_pose_as_a_proxy_change_nothing(connection):
    """Any client of the server could send them: none is trusted."""
    posing = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Host": "evil.example.com",
        "X-HTTP-Method-Override": "DELETE",
        "Host": "evil.example.com",
    }
    connection.request("GET", "/things", headers=posing)

    event = json.loads(connection.getresponse().read())
    assert event["httpMethod"] == event["requestContext"]["httpMethod"] == "GET"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["domainName"] == "id.example.com"


@pytest.mark.parametrize("target", ["http://127.0.0.1/things?a=1", "/things?a=1", "/things/?a=1"])
def test_the_request_target_is_kept_as_sent(connection, target):
    """RFC 9112 section 3.2.2: a server must take a whole address as target too."""
    connection.request("GET", target)

    event = json.loads(connection.getresponse().read())
    assert event["queryStringParameters"] == {"a": "1"}


def test_requests_under_way_do_not_see_each_other():
    """Chalice keeps the request on the app, so one client got another's data."""
    app = Chalice("threads", configure_logs=False)
    together = threading.Barrier(2, timeout=10)

    def who() -> list[str]:
        together.wait()
        return [request_of(app).headers["authorization"], app.lambda_context.aws_request_id]

    app.route("/who", methods=["GET"])(who)
    gateway = Gateway(app, "local", "x")

    with ThreadPoolExecutor(2) as callers:
        asked = [HttpRequest("GET", "/who", headers=(("authorization", one),)) for one in "ab"]
        responses = list(callers.map(gateway.respond, asked))

    for sent, responded in zip(asked, responses, strict=True):
        told = dict(responded.headers)["x-amzn-RequestId"]
        assert json.loads(responded.body) == [sent.header("authorization"), told]


def test_many_connections_each_get_their_own_responses():
    """The same over HTTP, as `make run` serves it: 16 clients, 800 requests."""
    app = Chalice("threads", configure_logs=False)

    @app.route("/who/{it}", methods=["GET"])
    def who(it: str) -> list[str]:
        time.sleep(0.001)  # long enough for another request to come between
        return [it, (request_of(app).uri_params or {})["it"]]

    def call(port: int, principal: int) -> list[list[str]]:
        client = HTTPConnection("127.0.0.1", port, timeout=30)
        responses = []
        for n in range(50):
            client.request("GET", f"/who/{principal}-{n}")
            responses.append(json.loads(client.getresponse().read()))
        client.close()
        return responses

    with listening(Gateway(app, "local", "x"), 0) as port, ThreadPoolExecutor(16) as callers:
        every = list(callers.map(call, [port] * 16, range(16)))

    wanted = [[[f"{principal}-{n}"] * 2 for n in range(50)] for principal in range(16)]
    assert every == wanted


def test_a_port_in_use_is_said(gateway):
    """`make run` twice is the first thing that goes wrong."""
    with (
        listening(gateway, 0) as port,
        pytest.raises(PortTaken, match=f"Port {port} of 127.0.0.1"),
        listening(gateway, port),
    ):
        pass
