"""An account of AWS in an emulator, and a working folder that is deployed into it.

The account enforces IAM: what a role does not allow is denied, in functions too. It says what AWS
says (as_aws.py), on a clock of its own.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from chalicelib.storage.table import Table
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import Response

ROOT = Path(__file__).parents[2]
EMULATOR = ROOT / ".venv-emulator" / "bin" / "python"
HOST = "127.0.0.1"
REGION = "eu-west-1"
# In the emulator an account's root.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

DOMAIN = "scim.example.com"
PUBLIC_URL = f"https://{DOMAIN}"
# How long a second of AWS lasts here: what takes it a minute takes 1.2 s.
AWS_SECOND = 0.02
RUNTIME = f"{sys.version_info.major}.{sys.version_info.minor}"
IAM_TAKES = 11 * AWS_SECOND
COPIED = ("app.py", "chalicelib", "dev", ".chalice", "Makefile")
PINS = ("requirements.txt", "requirements-dev.txt")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
# Functions run on this machine's processor.
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running emulator."""

    url: str

    def client(self, service: str) -> Any:
        """Make a client of a service, with every right."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=None,
        )

    def grant(self, **quotas: int) -> dict[str, list[str]]:
        """Change the account's quotas; gives the actions that each access key has been allowed."""
        body = json.dumps(quotas).encode()
        with urllib.request.urlopen(f"{self.url}/_as_aws", body, timeout=5) as response:
            found: dict[str, list[str]] = json.load(response)
        return found

    def environment(self) -> dict[str, str]:
        """Say how a program reaches it and nothing else."""
        return {
            **ACCOUNT,
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            # The emulator runs functions on its own Python.
            "RUNTIME": RUNTIME,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def running(directory: Path) -> Iterator[Cloud]:
    """Run an empty account while the block runs."""
    with socket.create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "PATH": os.environ["PATH"],
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "AWS_SECOND": str(AWS_SECOND),
        "TMPDIR": str(directory),
        "LOG_LEVEL": "WARNING",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
        # Services that would open ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    command = [str(EMULATOR), "-I", str(Path(__file__).with_name("emulator.py"))]
    with (
        (directory / "emulator.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own script
            command, env=settings, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        _wait_for(f"http://{HOST}:{port}/_ministack/health", process)
        try:
            yield Cloud(f"http://{HOST}:{port}")
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the emulator did not come up; see emulator.log")


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of this repository, as an engineer has it, with a cloud to deploy to."""

    folder: Path
    cloud: Cloud

    def run(self, command: str) -> str:
        """Run a command line in the folder; gives what it said, and fails where it failed."""
        done = subprocess.run(  # noqa: S603 - a command of the docs or of a test
            ["/bin/bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.cloud.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def configure(self) -> None:
        """Give stage dev a domain, as the guide says, and this machine's processor."""
        file = self.folder / ".chalice" / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        config["lambda_architecture"] = ARCHITECTURE
        stage = config["stages"]["dev"]
        stage["environment_variables"]["PUBLIC_URL"] = PUBLIC_URL
        stage["api_gateway_custom_domain"] = {
            "domain_name": DOMAIN,
            "certificate_arn": f"arn:aws:acm:{REGION}:000000000000:certificate/0f6c",
        }
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Write something behind a file."""
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def record(self) -> dict[str, Any]:
        """Read Chalice's record of stage dev."""
        file = self.folder / ".chalice" / "deployed" / "dev.json"
        return {each["name"]: each for each in json.loads(file.read_text())["resources"]}

    def url(self) -> str:
        """Tell where the emulator serves what Chalice has deployed."""
        return f"{self.cloud.url}/_aws/execute-api/{self.record()['rest_api']['rest_api_id']}/dev"


def a_project(folder: Path, cloud: Cloud) -> Project:
    """Copy the repository; its environment is the one that the tests run in."""
    folder.mkdir()
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, target)
    for name in PINS:
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    project = Project(folder, cloud)
    project.configure()
    return project


@dataclass(frozen=True, slots=True)
class AdminPrincipal:
    """Calls a URL with a credential; "" sends none. `host` is the name in the Host header."""

    url: str
    credential: str = ""
    host: str = ""

    def __call__(self, method: str, target: str, body: Any = None) -> Response:
        """Send one request with a JSON body."""
        parts = urlsplit(self.url)
        headers = {"Host": self.host} if self.host else {}
        if self.credential:
            headers["Authorization"] = f"Bearer {self.credential}"
        sent = None
        if body is not None:
            headers["Content-Type"] = "application/scim+json"
            sent = json.dumps(body).encode()
        with closing(http.client.HTTPConnection(parts.netloc, timeout=60)) as connection:
            connection.request(method, parts.path + target, sent, headers)
            response = connection.getresponse()
            text = response.read()
        read = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, read, json.loads(text) if text else None)

    def need(self, status: int, method: str, target: str, body: Any = None) -> Any:
        """Send one request and give its document; another status is a failure."""
        response = self(method, target, body)
        assert response.status == status, f"{method} {target}: {response.status} {response.body}"
        return response.body


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection made through the admin routes of a live service."""

    path: str
    scim_url: str
    principal: AdminPrincipal

    @property
    def token_id(self) -> str:
        """The id of the token that it is called with."""
        found = re.fullmatch(r"psl_scim_(.{12})_.*", self.principal.credential)
        assert found is not None
        return found[1]


def operator(cloud: Cloud, url: str) -> AdminPrincipal:
    """Call a live service with the operator key that deployment made."""
    return AdminPrincipal(url, next(operator_keys(cloud).with_all_scopes()))


def operator_keys(cloud: Cloud) -> OperatorKeys:
    """Reach the operator keys of the stage."""
    table = Table(cloud.client("dynamodb"), "passerelle-dev")
    return OperatorKeys(table, cloud.client("secretsmanager"), "passerelle/dev")


def connect(admin: AdminPrincipal) -> Connected:
    """Make an organisation, a connection for Entra ID and a token."""
    organisation = {
        "name": "Acme",
        "plan": "enterprise",
        "workspaces": [{"id": "main", "name": "Main"}],
        "roles": [{"id": "reader", "name": "Reader"}],
    }
    connection = {
        "name": "Entra ID",
        "workspace": "main",
        "default_role": "reader",
        "identity_provider": "entra",
    }
    path = "/admin/organisations"
    path += "/" + admin.need(201, "POST", path, organisation)["id"] + "/connections"
    made = admin.need(201, "POST", path, connection)
    path += "/" + made["id"]
    token = admin.need(201, "POST", f"{path}/tokens", {"name": "first"})["token"]
    scim = AdminPrincipal(f"{admin.url}/scim/v2/{made['id']}", token)
    return Connected(path, made["scim_url"], scim)
