"""`make crowd`: sixteen clients at once on the running demo, like a fast identity provider.

They send 400 single adds and 200 single removals of members to one group, and create one userName
100 times. Prints what must be true afterwards: no member lost, exactly one 201, exact totals.
Everything created is deleted.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import requests

from dev.run import demo

THREADS = 16
ADDS, REMOVALS, CREATES = 400, 200, 100


class Client:
    """One HTTP session for each thread, with the connection's token."""

    def __init__(self, scim_url: str, token: str) -> None:
        """Take the address and the token from `demo.json`."""
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


def change_member(client: Client, group: str, op: str, user: str) -> int:
    """Add or remove one member; return the status."""
    operation = {"op": op, "path": "members", "value": [{"value": user}]}
    body = {"Operations": [operation]}
    return client("PATCH", f"/Groups/{group}?excludedAttributes=members", body).status_code


def create(client: Client, name: str) -> int:
    """Create a user; return the status."""
    return client("POST", "/Users", {"userName": name}).status_code


def delete(client: Client, user: str) -> int:
    """Delete a user; return the status."""
    return client("DELETE", f"/Users/{user}").status_code


def at_once(send: Callable[[str], int], values: Iterable[str]) -> Counter[int]:
    """Send a request for each value from sixteen threads; count the statuses."""
    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(send, values))


def play(client: Client) -> bool:
    """Run the crowd, print what was checked, and tell whether all of it is true."""
    mark = uuid.uuid4().hex[:8]
    group = client("POST", "/Groups", {"displayName": f"crowd-{mark}"}).json()["id"]
    names = [f"{mark}-{number}@example.com" for number in range(ADDS)]
    print(f"Creating {ADDS} users ...", flush=True)
    with ThreadPoolExecutor(THREADS) as pool:
        sent = pool.map(lambda name: client("POST", "/Users", {"userName": name}).json(), names)
        users = [user["id"] for user in sent]
    before = _total(client)

    print(f"Adding {ADDS} members, removing {REMOVALS} ...", flush=True)
    added = at_once(partial(change_member, client, group, "add"), users)
    removed = at_once(partial(change_member, client, group, "remove"), users[:REMOVALS])
    print(f"Creating one userName {CREATES} times ...", flush=True)
    same = f"{mark}-same@example.com"
    created = at_once(partial(create, client), [same] * CREATES)

    members = client("GET", f"/Groups/{group}").json().get("members", [])
    present = {member["value"] for member in members}
    after = _total(client)
    checks = {
        f"adds {dict(added)}": set(added) <= {200, 204},
        f"removals {dict(removed)}": set(removed) <= {200, 204},
        f"members {len(present)} of {ADDS - REMOVALS}": present == set(users[REMOVALS:]),
        f"creates {dict(created)}": created == {201: 1, 409: CREATES - 1},
        f"users {before} -> {after}": after == before + 1,
    }
    for text, passed in checks.items():
        print(f"  {'ok' if passed else 'FAILED':6}  {text}", flush=True)
    clean_up(client, group, users, same)
    return all(checks.values())


def _total(client: Client) -> int:
    return int(client("GET", "/Users?count=0").json()["totalResults"])


def clean_up(client: Client, group: str, users: list[str], name: str) -> None:
    """Delete the group, the users and the user with `name`."""
    print("Deleting what was created ...", flush=True)
    found = client("GET", f'/Users?filter=userName eq "{name}"').json()["Resources"]
    client("DELETE", f"/Groups/{group}")
    at_once(partial(delete, client), [*users, *(user["id"] for user in found)])


def main(_: Sequence[str]) -> int:
    """Run on the demo in LOCAL_DIR; 0 when every check passed.

    Raises:
        DemoFailed: no server runs there.
    """
    described = demo.running(os.environ)
    return 0 if play(Client(described["scim_url"], described["token"])) else 1
