"""The SaaS that follows the feed: a replica, built of what the feed says and of what it reads then.

In the end the replica must equal the directory, and the feed must have an entry for each
acknowledged change, and none for a request that was rejected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.campaigns.simulate.world import World

PAGE_SIZES = (1, 3, 10, 33, 100)


@dataclass(slots=True)
class Follower:
    """Reads the feed page by page; its own cursor survives whatever becomes of a request."""

    world: World
    random: Random
    cursor: str = ""
    users: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)
    # The ids of resources that the feed names, by the request that changed them.
    by_request: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))

    def follow(self, until: Any) -> None:
        """Read pages at random times until something is so."""
        while not until():
            self.read_page()
            self.world.schedule.sleep(self.random.uniform(0.01, 8.0))

    def read_all(self) -> None:
        """Read up to the end of a pass."""
        while self.read_page():
            pass

    def read_page(self) -> bool:
        """Apply one page; tell whether there are more at the moment."""
        size = self.random.choice(PAGE_SIZES)
        after = f"&after={self.cursor}" if self.cursor else ""
        path = f"/admin/organisations/{self.world.organisation}/changes?limit={size}{after}"
        reply = self.world.request("GET", path)
        if reply.status != 200:
            return True
        for item in reply.body["items"]:
            while not self._apply(item):
                pass
        self.cursor = reply.body["next"]
        return bool(reply.body["more"])

    def _apply(self, item: Mapping[str, Any]) -> bool:
        """Apply one entry; False if what it needs could not be read."""
        if item["type"] == "membership":
            self.by_request[item["request_id"]].add((item["team"], item["user"]))
            pair = (item["team"], item["user"])
            (self.members.add if item["state"] == "present" else self.members.discard)(pair)
            return True
        if item["type"] not in {"user", "team"}:
            return True
        target = item["id"]
        self.by_request[item["request_id"]].add((item["type"], target))
        of_users = item["type"] == "user"
        path = f"/Users/{target}" if of_users else f"/Groups/{target}?excludedAttributes=members"
        reply = self.world.request("GET", path)
        if reply.status == 404:
            (self.users if of_users else self.groups).pop(target, None)
            self.members = {pair for pair in self.members if target not in pair}
        elif reply.status == 200:
            (self.users if of_users else self.groups)[target] = reply.body
        return reply.status in {200, 404}

    def differences(self, users: Mapping[str, Any], groups: Mapping[str, Any]) -> Iterator[str]:
        """Say where the replica differs from what the directory has."""
        for name, own, found in (("users", self.users, users), ("groups", self.groups, groups)):
            if _documents(own) != _documents(found):
                yield f"the feed's {name} differ: {_documents(own)} {_documents(found)}"
        members = {(gid, each["value"]) for gid in groups for each in groups[gid]["members"]}
        for pair in self.members ^ members:
            yield f"the feed says of the membership {pair} {pair in self.members}"


def _documents(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client has written, by id: the groups of a user have entries of their own."""
    left_out = {"groups", "members", "meta"}
    return {
        target: {name: value for name, value in each.items() if name not in left_out}
        for target, each in resources.items()
    }
