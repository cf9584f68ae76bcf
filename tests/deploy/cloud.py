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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from chalicelib.storage.table import Table
from dev.run.operator_keys import OperatorKeys
from tests.support.builders import Response

ROOT = Path(__file__).parents[2]
DEPLOYER = ROOT / ".chalice" / "policy-deployer.json"
EMULATOR = ROOT / ".venv-emulator" / "bin" / "python"
HOST = "127.0.0.1"
REGION = "eu-west-1"
# In the emulator an account's root.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

DOMAIN = "scim.example.com"
PUBLIC_URL = f"https://{DOMAIN}"
RESERVED = 50
# How long a second of AWS lasts here: what takes it a minute takes 1.2 s.
AWS_SECOND = 0.02
RUNTIME = f"{sys.version_info.major}.{sys.version_info.minor}"
IAM_TAKES = 11 * AWS_SECOND
# How often the feed is looked at before it is given up.
WAITS = 150
COPIED = ("app.py", "chalicelib", "dev", ".chalice", "Makefile")
PINS = ("requirements.txt", "requirements-dev.txt")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
# Functions run on this machine's processor.
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running emulator."""

    url: str
    region: str = REGION
    engineer: tuple[str, str] = ("", "")

    def client(
        self,
        service: str,
        aws_access_key_id: str = ACCOUNT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key: str = ACCOUNT["AWS_SECRET_ACCESS_KEY"],
    ) -> Any:
        """Make a client of a service, with every right unless keys say less."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
        )

    def client_of_engineer(self, service: str) -> Any:
        """Make a client of a service, with the rights of the guide's policy alone."""
        return self.client(service, *self.engineer)

    def grant(self, **quotas: int) -> dict[str, list[str]]:
        """Change the account's quotas; gives the actions that each access key has been allowed."""
        body = json.dumps(quotas).encode()
        with urllib.request.urlopen(f"{self.url}/_as_aws", body, timeout=5) as response:
            found: dict[str, list[str]] = json.load(response)
        return found

    def environment(self) -> dict[str, str]:
        """Say how a program reaches it and nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": self.engineer[0],
            "AWS_SECRET_ACCESS_KEY": self.engineer[1],
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "AWS_DEFAULT_REGION": self.region,
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
            cloud = Cloud(f"http://{HOST}:{port}")
            yield replace(cloud, engineer=hire(cloud))
        finally:
            process.kill()


def hire(cloud: Cloud) -> tuple[str, str]:
    """Create a user with the policy of the guide, and nothing else; gives their access key."""
    iam = cloud.client("iam")
    iam.create_user(UserName="engineer")
    policy = DEPLOYER.read_text(encoding="utf-8")
    iam.put_user_policy(UserName="engineer", PolicyName="deploy", PolicyDocument=policy)
    key = iam.create_access_key(UserName="engineer")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def allowed_to_deployers() -> set[str]:
    """Return the actions of the guide's policy."""
    statements = json.loads(DEPLOYER.read_text(encoding="utf-8"))["Statement"]
    return {action for each in statements for action in each["Action"]}


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
        """Give stage dev a domain and processes of its own, and this machine's processor."""
        file = self.folder / ".chalice" / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        config["lambda_architecture"] = ARCHITECTURE
        stage = config["stages"]["dev"]
        stage["environment_variables"]["PUBLIC_URL"] = PUBLIC_URL
        stage["lambda_functions"]["api_handler"]["reserved_concurrency"] = RESERVED
        stage["api_gateway_custom_domain"] = {
            "domain_name": DOMAIN,
            "certificate_arn": f"arn:aws:acm:{REGION}:000000000000:certificate/0f6c",
        }
        file.write_text(json.dumps(config, indent=2), encoding="utf-8")

    def without_domain(self, **environment: str) -> None:
        """Change settings of stage dev, which has no domain in another region."""
        file = self.folder / ".chalice" / "config.json"
        config = json.loads(file.read_text(encoding="utf-8"))
        stage = config["stages"]["dev"]
        stage.pop("api_gateway_custom_domain", None)
        stage["environment_variables"] |= {"PUBLIC_URL": "", **environment}
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


USER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": True}
GROUP = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"]}
PATCH = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}


def replaced(**values: object) -> dict[str, object]:
    """Write a PATCH that replaces attributes."""
    changes = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
    return {**PATCH, "Operations": changes}


def works(scim: AdminPrincipal, name: str) -> dict[str, object]:
    """Do what an identity provider does first; returns the user after it."""
    scim.need(200, "GET", "/Users?filter=userName%20eq%20%22nobody%22")
    user = scim.need(201, "POST", "/Users", {**USER, "userName": name})
    scim.need(200, "PATCH", f"/Users/{user['id']}", replaced(displayName="Ada"))
    group = scim.need(201, "POST", "/Groups", {**GROUP, "displayName": f"Group of {name}"})
    add = {"op": "add", "path": "members", "value": [{"value": user["id"]}]}
    scim.need(204, "PATCH", f"/Groups/{group['id']}", {**PATCH, "Operations": [add]})
    found = scim.need(200, "GET", f"/Users?filter=userName%20eq%20%22{name}%22")
    assert found["totalResults"] == 1
    return dict(found["Resources"][0])


def told(admin: AdminPrincipal, user: str) -> list[str]:
    """Wait until the feed has events of a user; returns what happened to them, the oldest first."""
    after = "0.0.0"
    for _ in range(WAITS):
        page = admin.need(200, "GET", f"/admin/changes?after={after}&limit=100")
        found = [each["action"] for each in page["items"] if each.get("subject") == user]
        if found:
            return found
        after = page["next"]
        if not page["more"]:
            time.sleep(0.2)
    raise AssertionError(f"the feed has no event of {user}")


def table_names(cloud: Cloud) -> list[str]:
    """List all tables of the account."""
    return list(cloud.client("dynamodb").list_tables()["TableNames"])


def secret_names(cloud: Cloud) -> list[str]:
    """List the secrets of the stage."""
    found = cloud.client("secretsmanager").list_secrets(MaxResults=100)["SecretList"]
    return [each["Name"] for each in found if each["Name"].startswith("passerelle/dev/")]
