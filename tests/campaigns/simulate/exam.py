"""What must hold when everything has come to rest, asked over HTTP, one request after another.

First nothing is changed: the directory must agree with itself, with the feed, the log and the
audit. Then everything is changed once and deleted: a lease, a name or a counter that was left
behind would show, whatever items it is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.simulate import feed
from tests.campaigns.simulate.follower import Follower
from tests.campaigns.simulate.objects import seconds
from tests.campaigns.simulate.workload import PATCH, Client, Event
from tests.campaigns.simulate.world import Reply

# Longer than a lease, and than what the feed and the sweeper wait.
REST = 150.0
SWEEPS = 6


@dataclass(slots=True)
class Exam:
    """The last requests of a world; `problems` is what they found."""

    client: Client
    follower: Follower
    problems: list[str] = field(default_factory=list)
    users: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)

    def sit(self) -> None:
        """Ask everything."""
        world = self.client.world
        for _ in range(SWEEPS):
            world.schedule.sleep(REST / SWEEPS)
            world.sweep()
        self._read_all()
        self._memberships()
        for _ in range(2):  # the first pass may have begun before the last change
            self.follower.read_all()
        self.problems += self.follower.differences(self.users, self.groups)
        self._feed()
        self._log()
        self._audit()
        self._change_all()
        self._delete_all()

    # --- nothing is changed -------------------------------------------------------------

    def _get(self, path: str) -> Any:
        reply = self.client.world.request("GET", path)
        self._require(reply.status == 200, f"GET {path}: {reply}")
        return reply.body or {}

    def _require(self, holds: bool, problem: str) -> None:  # noqa: FBT001 - a fact
        if not holds:
            self.problems.append(problem)

    def _read_all(self) -> None:
        """Read each user and group alone: these reads are judged with the others."""
        for resource_type, found in (("user", self.users), ("group", self.groups)):
            path = f"/{resource_type.title()}s"
            listed = self._get(f"{path}?count=1000&attributes=id")
            ids = [each["id"] for each in listed.get("Resources", ())]
            self._require(listed.get("totalResults") == len(ids), f"{path}: {listed}")
            for target in ids:
                reply = self.client.send(
                    f"get {resource_type}", target, ("GET", f"{path}/{target}")
                )
                self._require(reply.status == 200, f"listed, and not there: {target} {reply}")
                found[target] = reply.body

    def _memberships(self) -> None:
        """Compare the two sides of all memberships."""
        of_groups = {(g, m["value"]) for g in self.groups for m in self.groups[g]["members"]}
        of_users = {(g["value"], u) for u in self.users for g in self.users[u].get("groups", ())}
        for pair in of_groups ^ of_users:
            self.problems.append(f"one side only of the membership {pair}")

    def _feed(self) -> None:
        """Compare the feed with what was acknowledged, and with what was rejected."""
        shared, told = self.client.shared, self.follower.by_request
        self.problems += feed.wrong(shared.events, told, frozenset(shared.joiners))

    def _pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        while True:
            page = self._get(f"{path}?limit=100{cursor}")
            yield from page.get("items", ())
            if not page.get("next"):
                return
            cursor = f"&cursor={page['next']}"

    def _log(self) -> None:
        """Compare the provisioning log with the responses, once all clocks are past them."""
        self.client.world.schedule.sleep(1.0 + 2 * self.client.world.skew)
        world = self.client.world
        path = f"/admin/organisations/{world.organisation}/connections/{world.connection}/log"
        logged = {each["request_id"]: each for each in self._pages(path)}
        events = self.client.shared.events
        for event in [each for each in events if not each.wanted.get("bulk")]:
            entry, reply = logged.get(event.reply.request_id), event.reply
            if entry is not None:
                self._require(entry["status"] == reply.status, f"logged as {entry}: {event}")
            elif _is_scim(event) and reply.certain and world.logs_everything:
                self.problems.append(f"not logged: {event}")

    def _audit(self) -> None:
        """Compare the audit with the changes of settings."""
        path = f"/admin/organisations/{self.client.world.organisation}/audit"
        entries = Counter(each["request_id"] for each in self._pages(path))
        for event in self.client.shared.events:
            if event.action == "change settings" and event.reply.status == 200:
                count = entries[event.reply.request_id]
                self._require(count == 1, f"{count} times in the audit: {event}")

    # --- everything is changed ----------------------------------------------------------

    def _do(self, *request: Any, status: int) -> Reply:
        reply = self.client.world.request(*request)
        self._require(reply.status == status, f"{request}: expected {status}, got {reply}")
        return reply

    def _change_all(self) -> None:
        """Add a new user to each group, beside one who is there; rename groups, change users."""
        new = self._do("POST", "/Users", {"userName": "the last one"}, status=201).body["id"]
        self.users[new] = {}
        for number, gid in enumerate(self.groups):
            members = [each["value"] for each in self.groups[gid]["members"]]
            self._add_one(gid, new, members)
            self._rename(gid, f"Renamed {number}", len(members) + 1)
        for number, uid in enumerate(self.users):
            body = _operations({"op": "replace", "path": "userName", "value": f"last{number}"})
            self._do("PATCH", f"/Users/{uid}", body, status=200)
        self._add_many()

    def _add_one(self, gid: str, new: str, members: list[str]) -> None:
        """Add a member who is there already and one who is not: only the latter has come."""
        values = [{"value": uid} for uid in [*members[:1], new]]
        body = _operations({"op": "add", "path": "members", "value": values})
        reply = self.client.world.request("PATCH", f"/Groups/{gid}", body)
        self._require(reply.status in {200, 204}, f"adding to {gid}: {reply}")
        self._modified_since(gid, reply)
        self.follower.read_all()
        told = self.follower.by_request[reply.request_id]
        self._require(told == {(gid, new)}, f"{gid}: {new} has come, the feed has {told}")

    def _modified_since(self, gid: str, change: Reply) -> None:
        group = self._get(f"/Groups/{gid}?excludedAttributes=members")
        at = seconds(group["meta"]["lastModified"]) + self.client.world.skew
        self._require(at >= change.begin - 0.002, f"lastModified is {at:.3f} after {change}")

    def _rename(self, gid: str, name: str, size: int) -> None:
        """Rename a group by If-Match; the same ETag is worth nothing after that."""
        before = self._get(f"/Groups/{gid}")
        self._require(len(before["members"]) == size, f"{gid} has {before}, not {size} members")
        body = _operations({"op": "replace", "path": "displayName", "value": name})
        tag = {"If-Match": before["meta"]["version"]}
        reply = self.client.world.request("PATCH", f"/Groups/{gid}", body, tag)
        self._require(reply.status in {200, 204}, f"renaming {gid}: {reply}")
        body = _operations({"op": "remove", "path": "members"})
        self._do("PATCH", f"/Groups/{gid}", body, tag, status=412)

    def _add_many(self) -> None:
        """Change more members than one transaction does, one of whom is there already."""
        uids = list(self.users)
        if len(uids) < 34:  # as many as two transactions add
            return
        group = {"displayName": "The last group", "members": [{"value": uids[0]}]}
        gid = self._do("POST", "/Groups", group, status=201).body["id"]
        self.groups[gid] = {}
        self.client.world.schedule.sleep(1.0 + 2 * self.client.world.skew)
        values = [{"value": uid} for uid in uids]
        body = _operations({"op": "add", "path": "members", "value": values})
        reply = self.client.world.request("PATCH", f"/Groups/{gid}", body)
        self._modified_since(gid, reply)
        whole = self._get(f"/Groups/{gid}")
        self._require(len(whole["members"]) == len(uids), f"{len(uids)} added: {whole}")

    def _delete_all(self) -> None:
        """Delete everything; nothing may be left."""
        for gid in self.groups:
            self._do("DELETE", f"/Groups/{gid}", status=204)
        for uid in self.users:
            self._do("DELETE", f"/Users/{uid}", status=204)
        self.client.world.schedule.sleep(REST)
        self.client.world.sweep()
        for path in ("/Users", "/Groups"):
            left = self._get(path)
            self._require(left.get("totalResults") == 0, f"{path}, all deleted: {left}")
        self.follower.read_all()
        self.problems += self.follower.differences({}, {})


def _operations(*operations: Mapping[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def _is_scim(event: Event) -> bool:
    return event.action != "change settings"
