"""`make crowd`: sixteen clients at once on the running demo, as a hurried identity provider.

400 single adds and 200 single removals on one group, and 100 creates of one userName. Prints
what must hold: no member lost, exactly one 201, exact totals. All that is made is removed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import requests

THREADS = 16
ADDS, REMOVALS, CREATES = 400, 200, 100


class Client:
    """One HTTP session for each thread, with the connection's token."""

    def __init__(self, scim_url: str, token: str) -> None:
        """Take what `demo.json` says."""
        self._url = scim_url
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/scim+json",
        }
        self._local = threading.local()

    def __call__(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Send one request."""
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        sent = None if body is None else json.dumps(body)
        return session.request(
            method, self._url + path, data=sent, headers=self._headers, timeout=60
        )


def membership(client: Client, group: str, op: str, user: str) -> int:
    """Add or remove one member; gives the status."""
    operation = {"op": op, "path": "members", "value": [{"value": user}]}
    body = {"Operations": [operation]}
    return client("PATCH", f"/Groups/{group}?excludedAttributes=members", body).status_code


def create(client: Client, name: str) -> int:
    """Create a user; gives the status."""
    return client("POST", "/Users", {"userName": name}).status_code


def delete(client: Client, user: str) -> int:
    """Delete a user; gives the status."""
    return client("DELETE", f"/Users/{user}").status_code


def at_once(call: Callable[[str], int], each: Iterable[str]) -> Counter[int]:
    """Make a call for each of these from sixteen threads; count the statuses."""
    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(call, each))


def play(client: Client) -> bool:
    """Play the crowd; tell whether all that must hold did."""
    mark = uuid.uuid4().hex[:8]
    made = client("POST", "/Groups", {"displayName": f"crowd-{mark}"}).json()
    group = made["id"]
    with ThreadPoolExecutor(THREADS) as pool:
        names = [f"{mark}-{number}@example.com" for number in range(ADDS)]
        users = list(
            pool.map(lambda name: client("POST", "/Users", {"userName": name}).json()["id"], names)
        )
    before = client("GET", "/Users?count=0").json()["totalResults"]

    added = at_once(partial(membership, client, group, "add"), users)
    removed = at_once(partial(membership, client, group, "remove"), users[:REMOVALS])
    same = f"{mark}-same@example.com"
    created = at_once(partial(create, client), [same] * CREATES)

    members = client("GET", f"/Groups/{group}").json().get("members", [])
    present = {member["value"] for member in members}
    after = client("GET", "/Users?count=0").json()["totalResults"]
    held = {
        f"adds {dict(added)}": set(added) <= {200, 204},
        f"removals {dict(removed)}": set(removed) <= {200, 204},
        f"members {len(present)} of {ADDS - REMOVALS}": present == set(users[REMOVALS:]),
        f"creates {dict(created)}": created == {201: 1, 409: CREATES - 1},
        f"users {before} -> {after}": after == before + 1,
    }
    for what, holds in held.items():
        print(f"  {'ok ' if holds else 'NOT'}  {what}")
    clear(client, group, users, same)
    return all(held.values())


def clear(client: Client, group: str, users: list[str], name: str) -> None:
    """Remove what was made."""
    found = client("GET", f'/Users?filter=userName eq "{name}"').json()["Resources"]
    client("DELETE", f"/Groups/{group}")
    at_once(partial(delete, client), [*users, *(each["id"] for each in found)])


def main() -> int:
    """Play on the demo in LOCAL_DIR; gives the exit code."""
    path = Path(os.environ.get("LOCAL_DIR") or ".local") / "demo.json"
    if not path.exists():
        print(f"No {path}: start the demo first, with `make run`.", file=sys.stderr)
        return 1
    demo = json.loads(path.read_text(encoding="utf-8"))
    return 0 if play(Client(demo["scim_url"], demo["token"])) else 1


if __name__ == "__main__":
    sys.exit(main())
