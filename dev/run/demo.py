"""The demo organisation of `make run`, created and found again through the admin API.

What clients need to know about it is in `demo.json` while the server runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests

from dev.errors import VerbError

ORGANISATION = {
    "name": "Demo",
    "plan": "enterprise",
    "workspaces": [{"id": "main", "name": "Main"}],
    "roles": [{"id": "reader", "name": "Reader", "may_be_default": True}],
}
CONNECTION = {
    "name": "Demo",
    "workspace": "main",
    "default_role": "reader",
}
TOKEN = {"name": "make run"}


class DemoFailed(VerbError):
    """The admin API rejected a request, or no server runs; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The tenant URL and token that an identity provider gets, and the ids of their owner."""

    organisation: str
    connection: str
    scim_url: str
    token: str


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin API of one server, with the operator key."""

    url: str
    key: str

    def get(self, path: str) -> dict[str, Any] | None:
        """GET a resource; None where it does not exist."""
        response = requests.get(self.url + path, headers=self._headers(), timeout=30)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _document(response)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST a body; return what was created."""
        response = requests.post(self.url + path, json=body, headers=self._headers(), timeout=30)
        return _document(response)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH a resource; return what it has become."""
        response = requests.patch(self.url + path, json=body, headers=self._headers(), timeout=30)
        return _document(response)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def _document(response: requests.Response) -> dict[str, Any]:
    if not response.ok:
        request = f"{response.request.method} {response.request.path_url}"
        raise DemoFailed(f"{request} returned {response.status_code}: {response.text}")
    document: dict[str, Any] = response.json()
    return document


def provide(admin: Admin, known: Mapping[str, Any] | None) -> Demo:
    """Return the demo of an earlier run where it still exists, else a new one without users.

    Raises:
        DemoFailed: the admin API rejected a request.
    """
    if known:
        path = f"/organisations/{known['organisation']}/connections/{known['connection']}"
        connection = admin.get(path)
        if connection:
            token = known["token"]
            if not _is_accepted(admin, connection["id"], token):
                token = admin.post(f"{path}/tokens", TOKEN)["token"]
            return Demo(known["organisation"], connection["id"], connection["scim_url"], token)
    return create(admin)


def create(
    admin: Admin, identity_provider: str = "other", settings: Mapping[str, str] | None = None
) -> Demo:
    """Create an organisation with one empty connection and a token.

    Raises:
        DemoFailed: the admin API rejected a request.
    """
    organisation = admin.post("/organisations", ORGANISATION)["id"]
    path = f"/organisations/{organisation}/connections"
    body = {**CONNECTION, "identity_provider": identity_provider, "settings": settings or {}}
    connection = admin.post(path, body)
    token = admin.post(f"{path}/{connection['id']}/tokens", TOKEN)["token"]
    return Demo(organisation, connection["id"], connection["scim_url"], token)


def console_link(admin: Admin, organisation: str) -> str:
    """Create a link that opens the console once, within ten minutes.

    Raises:
        DemoFailed: the admin API rejected a request.
    """
    body = {"name": "Demo admin", "user": "demo"}
    url: str = admin.post(f"/organisations/{organisation}/console-links", body)["url"]
    return url


def running(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of demo.json of the server that runs in LOCAL_DIR.

    Raises:
        DemoFailed: no server runs there.
    """
    path = DemoFile(Path(environment.get("LOCAL_DIR") or ".local")).path
    if not path.exists():
        raise DemoFailed(f"there is no {path}. Start the server first: make run")
    described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return described


def beside(
    described: Mapping[str, Any], identity_provider: str, settings: Mapping[str, str] | None = None
) -> Demo:
    """Create an organisation with an empty connection on the server that `running` describes.

    Raises:
        DemoFailed: the admin API rejected a request.
    """
    admin = Admin(described["admin_url"], described["operator_key"])
    made = create(admin, identity_provider, settings)
    return replace(made, scim_url=_at_the_server(admin, made.connection))


def _at_the_server(admin: Admin, connection: str) -> str:
    """Return the local SCIM address: the public one may need a tunnel that is not open yet."""
    return f"{admin.url.removesuffix('/admin')}/scim/v2/{connection}"


def _is_accepted(admin: Admin, connection: str, token: str) -> bool:
    url = f"{_at_the_server(admin, connection)}/ServiceProviderConfig"
    response = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return response.status_code != HTTPStatus.UNAUTHORIZED


@dataclass(frozen=True, slots=True)
class DemoFile:
    """`demo.json`: it exists while the server runs, so that scripts can wait for it.

    Between two runs its content is kept in another file beside it.
    """

    directory: Path

    @property
    def path(self) -> Path:
        """The path that scripts read."""
        return self.directory / "demo.json"

    @property
    def _kept(self) -> Path:
        return self.directory / "demo.kept.json"

    def withdraw(self) -> None:
        """Move the file aside: the server is not ready (any more)."""
        if self.path.exists():
            self.path.replace(self._kept)

    def known(self) -> dict[str, Any] | None:
        """Return the content of an earlier run, None after the first start and after `forget`."""
        if not self._kept.exists():
            return None
        known: dict[str, Any] = json.loads(self._kept.read_text(encoding="utf-8"))
        return known

    def forget(self) -> None:
        """Delete what earlier runs left."""
        self.path.unlink(missing_ok=True)
        self._kept.unlink(missing_ok=True)

    def publish(self, document: Mapping[str, Any]) -> None:
        """Write the file at once, readable by its owner only: it contains two credentials."""
        new = self.directory / "demo.new.json"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        new.replace(self.path)
