"""The packed archive alone serves API Gateway's events, in every form that they have.

Unpacked into an empty folder and run by an interpreter that has boto3 and nothing else, as in
Lambda: a package that is missing in the archive, or a file of this repository that is not
shipped, is missed here.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZipFile

import pytest

from app import app as routed
from chalicelib.api.admin.dialogue_player import Request, Response
from chalicelib.auth.tokens import mint
from dev.play.corpus import ENTRA
from dev.play.corpus_files import load, play
from dev.run import resources
from dev.run.gateway import Event, HttpRequest, Route, proxy_event, routes_of
from tests.deploy.cloud import ACCOUNT, ROOT, Cloud

pytestmark = pytest.mark.deploy

LAMBDA = ROOT / ".venv-lambda" / "bin" / "python"
DIALOGUES = load(ENTRA)
ROUTES = routes_of(routed)
STAGE = "alone"
OPERATOR_KEY = mint("op", Random(9)).text  # noqa: S311 - the key of an account in an emulator
SETTINGS = {
    "STAGE": STAGE,
    "TABLE_NAME": f"passerelle-{STAGE}",
    "POWERTOOLS_SERVICE_NAME": "passerelle",
    "POWERTOOLS_METRICS_NAMESPACE": "Passerelle",
    "POWERTOOLS_LOG_LEVEL": "ERROR",
    # The corpus is played faster than an identity provider ever asks.
    "PLANS": json.dumps({"enterprise": {"scim": True, "rate": None}}),
}


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which API Gateway passes a request, and the base URL that follows."""

    domain: str
    prefix: str
    shape: Callable[[Event], Event]

    @property
    def base_url(self) -> str:
        """What `meta.location` must begin with."""
        return f"https://{self.domain}{self.prefix}"


def unchanged(event: Event) -> Event:
    """Leave an event as it is."""
    return event


def in_base64(event: Event) -> Event:
    """Encode the body, as API Gateway does where a media type counts as binary."""
    if not event["body"]:
        return event
    body = base64.b64encode(event["body"].encode()).decode()
    return {**event, "body": body, "isBase64Encoded": True}


def by_many_values(event: Event) -> Event:
    """Hand over headers and parameters by their lists only, and headers by other spellings."""
    many = {name.upper(): values for name, values in event["multiValueHeaders"].items()}
    return {**event, "headers": None, "queryStringParameters": None, "multiValueHeaders": many}


OWN = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
FORMS = {
    "its own address, with the stage": Form(OWN, "/prod", unchanged),
    "a custom domain": Form("scim.example.com", "", unchanged),
    "a base path of a custom domain, bodies in base64": Form(
        "example.com", "/provisioning", in_base64
    ),
    "headers and parameters by their lists": Form(OWN, "/prod", by_many_values),
}


@dataclass(frozen=True, slots=True)
class Alone:
    """A running copy of the archive."""

    process: subprocess.Popen[str]
    started: Mapping[str, Any]

    def call(self, event: Event) -> Mapping[str, Any]:
        """Send an event; returns the response for API Gateway."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()
        return read_line(self.process)

    def send(self, form: Form, request: Request) -> Response:
        """Send a request in a form of API Gateway."""
        path, _, query = request.target.partition("?")
        headers = tuple(request.headers.items())
        sent = HttpRequest(request.method, path, query, headers, request.body)
        response = self.call(form.shape(event_of(form, sent)))
        headers_back = {name.lower(): value for name, value in response["headers"].items()}
        document = json.loads(response["body"]) if response["body"] else None
        return Response(response["statusCode"], headers_back.get("content-type", ""), document)


def event_of(form: Form, sent: HttpRequest) -> Event:
    """Write a request as API Gateway does behind a stage or a base path."""
    route, parameters = matched(sent.path)
    place = {"stage": "prod", "domainName": form.domain, "requestId": "r-1"}
    event = proxy_event(sent, route, parameters, place, ())
    return {**event, "requestContext": {**event["requestContext"], "path": form.prefix + sent.path}}


def matched(path: str) -> tuple[Route, Mapping[str, str]]:
    """Find the route of a path."""
    for route in ROUTES:
        parameters = route.match(tuple(path.split("/")))
        if parameters is not None:
            return route, parameters
    raise AssertionError(f"no route for {path}")


def read_line(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    """Read one line of the runtime."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the function has ended; what it said stands above"
    found: dict[str, Any] = json.loads(line)
    return found


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Alone]:
    """Run an unpacked archive while the block runs."""
    command = [str(LAMBDA), "-I", str(Path(__file__).with_name("runtime.py"))]
    with subprocess.Popen(  # noqa: S603 - our own script
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Alone(process, read_line(process))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def unpacked(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the archive into an empty folder, as Lambda does."""
    folder = tmp_path_factory.mktemp("task")
    with ZipFile(packaged / "deployment.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def alone(cloud: Cloud, unpacked: Path) -> Iterator[Alone]:
    """Run it with a table and a key of its own, and no PUBLIC_URL."""
    clients = cloud.client("dynamodb"), cloud.client("secretsmanager")
    resources.make(STAGE, *clients, lambda: OPERATOR_KEY)
    with running(unpacked, {**cloud.environment(), **ACCOUNT, **SETTINGS}) as alone:
        yield alone


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    """Take one form after another."""
    return FORMS[request.param]


@pytest.fixture(scope="module")
def send(alone: Alone, form: Form) -> Callable[[Request], Response]:
    """Call an empty connection of provider `entra`, made through the same archive."""

    def post(path: str, body: Mapping[str, Any]) -> Any:
        headers = {
            "Authorization": f"Bearer {OPERATOR_KEY}",
            "Content-Type": "application/json",
        }
        sent = Request("POST", path, headers, json.dumps(body).encode())
        response = alone.send(form, sent)
        assert response.status == 201, response
        return response.document

    path = "/admin/organisations"
    path += "/" + post(path, ORGANISATION)["id"] + "/connections"
    made = post(path, CONNECTION)
    token = post(f"{path}/{made['id']}/tokens", {"name": "first"})["token"]
    assert made["scim_url"] == f"{form.base_url}/scim/v2/{made['id']}"

    def send(request: Request) -> Response:
        headers = {"Authorization": f"Bearer {token}", **request.headers}
        target = f"/scim/v2/{made['id']}{request.target}"
        return alone.send(form, Request(request.method, target, headers, request.body))

    return send


ORGANISATION = {
    "name": "Acme",
    "plan": "enterprise",
    "workspaces": [{"id": "main", "name": "Main"}],
    "roles": [{"id": "reader", "name": "Reader"}],
}
CONNECTION = {
    "name": "Entra ID",
    "workspace": "main",
    "default_role": "reader",
    "identity_provider": "entra",
}


def test_it_runs_from_the_archive_alone(alone: Alone, unpacked: Path):
    """Otherwise a module of this repository could stand in for one that is not packed."""
    assert alone.started["file"] == str(unpacked / "app.py")


IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, ".")
import app, chalicelib
for each in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(each.name)
import jwt.algorithms
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
jwt.algorithms.get_default_algorithms()["RS256"].prepare_key(generate_private_key(65537, 2048))
"""


def test_all_that_is_imported_later_is_packed(cloud: Cloud, unpacked: Path):
    """The admin API, the console, the sweeper, and what checks the signature of an assertion."""
    environment = {**cloud.environment(), **ACCOUNT, **SETTINGS}

    command = [str(LAMBDA), "-IB", "-c", IMPORT_ALL]
    subprocess.run(command, cwd=unpacked, env=environment, check=True)  # noqa: S603 - our own


@pytest.mark.parametrize("name", DIALOGUES)
def test_entra_gets_the_responses_that_it_needs(send: Callable[[Request], Response], name: str):
    """Through every form of event: what differs is the gateway's business, not the customer's."""
    assert play(DIALOGUES[name], send) == []


def test_locations_follow_from_the_address(send: Callable[[Request], Response], form: Form):
    """Without PUBLIC_URL they carry the stage, or the base path of a custom domain."""
    body = json.dumps({"userName": "location"}).encode()
    headers = {"Content-Type": "application/scim+json"}

    made = send(Request("POST", "/Users", headers, body)).document

    assert made["meta"]["location"].startswith(f"{form.base_url}/scim/v2/")
    assert made["meta"]["location"].endswith(f"/Users/{made['id']}")


def test_two_credentials_are_rejected(
    alone: Alone, send: Callable[[Request], Response], form: Form
):
    """`headers` shows only the last value of a repeated header: both must be looked at."""
    sent = HttpRequest(
        "GET", "/scim/v2/aaaaaaaaaaaaaaaa/Users", headers=(("Authorization", "Bearer a"),)
    )
    event = event_of(form, sent)
    event["multiValueHeaders"] = {"Authorization": ["Bearer a", "Bearer b"]}

    assert alone.call(form.shape(event))["statusCode"] == 401
