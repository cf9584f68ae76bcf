"""What the clients of a simulated deployment send, and what they remember of it.

A client sends one request after another, as one connection of an identity provider does; several
send at once. Names and groups are few, so that requests meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote

from tests.campaigns.simulate.world import Reply, World

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
NAMES = tuple(f"user{number}" for number in range(7))
GROUPS = tuple(f"Group {number}" for number in range(4))
ADDRESSES = tuple(f"mail{number}@example.com" for number in range(3))
EXTERNAL_IDS = tuple(f"external-{number}" for number in range(4))
MAX_ADDED = 4
NOBODY = "0" * 32
# More than one transaction adds.
LARGE = (33, 40)
# A user in more groups than one transaction takes.
JOINERS, JOINED_GROUPS = 3, 35


@dataclass(frozen=True, slots=True)
class Event:
    """One request: what was wanted of which resource, and the reply.

    `wanted` has what the request says, by the names that `judge` reads.
    """

    action: str
    target: str
    reply: Reply
    wanted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Shared:
    """What all clients of a world know: the ids that they have seen, and what has happened."""

    events: list[Event] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    large_groups: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    crowd: list[str] = field(default_factory=list)
    # Users who are all in so many groups that their deletion takes several transactions.
    joiners: list[str] = field(default_factory=list)
    joined_groups: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    numbers: int = 0


@dataclass(slots=True)
class Client:
    """One client; `pace` scales how long it thinks between two requests."""

    world: World
    shared: Shared
    random: Random
    pace: float = 1.0

    def work(self, requests: int) -> None:
        """Send requests, chosen by their weights."""
        for _ in range(requests):
            (act,) = self.random.choices(list(ACTIONS), list(ACTIONS.values()))
            act(self)
            self.world.schedule.sleep(self.pace * self._pause())

    def _pause(self) -> float:
        chance = self.random.random()
        if chance < 0.7:
            return self.random.uniform(0, 0.02)
        return self.random.uniform(0.1, 1.0) if chance < 0.95 else self.random.uniform(2.0, 15.0)

    def send(
        self,
        action: str,
        target: str,
        request: tuple[Any, ...],
        **wanted: Any,
    ) -> Reply:
        """Send a request: method, path and body; remember it."""
        headers = {"If-Match": wanted["if_match"]} if wanted.get("if_match") else {}
        method, path, *bodies = request
        body = bodies[0] if bodies else None
        reply = self.world.request(method, path, body, headers)
        self.shared.events.append(Event(action, target, reply, wanted))
        if reply.status in {200, 201} and isinstance(reply.body, dict) and "meta" in reply.body:
            self.shared.tags[reply.body["id"]] = reply.body["meta"]["version"]
        return reply

    def some(self, ids: Sequence[str], most: int) -> list[str]:
        """Return different ids, at most so many."""
        return self.random.sample(ids, min(len(ids), self.random.randint(0, most)))

    def a_tag(self, target: str, chance: float = 0.15) -> str | None:
        """Return, now and then, the ETag that was seen of a resource last."""
        return self.shared.tags.get(target) if self.random.random() < chance else None

    def number(self) -> int:
        """Return a number that no other request has."""
        self.shared.numbers += 1
        return self.shared.numbers


# --- users ------------------------------------------------------------------------------------


def _user(client: Client, marker: str) -> dict[str, Any]:
    name = client.random.choice(NAMES)
    document: dict[str, Any] = {
        "userName": name.upper() if client.random.random() < 0.1 else name,
        "nickName": marker,
        "active": client.random.random() < 0.9,
    }
    if client.random.random() < 0.6:
        document["externalId"] = client.random.choice(EXTERNAL_IDS)
    if client.random.random() < 0.6:
        document["emails"] = [{"value": client.random.choice(ADDRESSES), "type": "work"}]
    return document


def create_user(client: Client, document: Mapping[str, Any] | None = None) -> Reply:
    """POST /Users: its `nickName` tells it from all others, whatever becomes of the response."""
    marker = f"created {client.number()}"
    document = _user(client, marker) if document is None else {**document, "nickName": marker}
    reply = client.send("create user", "", ("POST", "/Users", document), document=document)
    if reply.status == 201:
        client.shared.users.append(reply.body["id"])
    return reply


def _a_user(client: Client) -> str:
    """Return a user; seldom one who was deleted."""
    return _one_of(client, client.shared.users)


def _one_of(client: Client, known: Sequence[str]) -> str:
    if not known or client.random.random() < 0.04:
        return client.random.choice([*client.shared.gone, NOBODY])
    return client.random.choice(known)


def get_user(client: Client) -> None:
    """GET /Users/{id}."""
    uid = _a_user(client)
    client.send("get user", uid, ("GET", f"/Users/{uid}"))


def patch_user(client: Client) -> None:
    """PATCH /Users/{id}: attributes, now and then the userName."""
    uid, choice = _a_user(client), client.random.choice
    changes: dict[str, Any] = {"title": f"Title {client.number()}"}
    if client.random.random() < 0.3:
        changes = {"externalId": choice(EXTERNAL_IDS), "title": "Engineer"}
    if client.random.random() < 0.3:
        changes |= {"userName": choice(NAMES)}
    if client.random.random() < 0.2:
        changes |= {"emails": [{"value": choice(ADDRESSES), "type": "work"}]}
    if client.random.random() < 0.2:
        changes |= {"active": client.random.random() < 0.5}
    body = {
        "schemas": [PATCH],
        "Operations": [
            {"op": "replace", "path": name, "value": value} for name, value in changes.items()
        ],
    }
    client.send(
        "change user",
        uid,
        ("PATCH", f"/Users/{uid}", body),
        changes=changes,
        if_match=client.a_tag(uid),
    )


def delete_user(client: Client) -> None:
    """DELETE /Users/{id}."""
    uid = _a_user(client)
    request = ("DELETE", f"/Users/{uid}")
    reply = client.send("delete user", uid, request, if_match=client.a_tag(uid, 0.05))
    _forget(client, client.shared.users, uid, reply)


def _forget(client: Client, known: list[str], target: str, reply: Reply) -> None:
    """Ask for what is deleted seldom from now on."""
    if reply.status == 204 and target in known:
        known.remove(target)
        client.shared.gone.append(target)


def find_user(client: Client) -> None:
    """GET /Users by userName, externalId or e-mail address."""
    attribute, values = client.random.choice(
        [("userName", NAMES), ("userName", NAMES), ("externalId", EXTERNAL_IDS), MAIL]
    )
    value = client.random.choice(values)
    wanted = quote(f'{attribute} eq "{value}"')
    path = f"/Users?filter={wanted}&count=100"
    client.send("find users", "", ("GET", path), attribute=attribute, value=value)


MAIL = ("emails.value", ADDRESSES)


def list_users(client: Client) -> None:
    """GET /Users: all of them on one page."""
    client.send("list users", "", ("GET", "/Users?count=1000"))


# --- groups -----------------------------------------------------------------------------------


def create_joined_groups(client: Client) -> None:
    """POST users, and groups with all of them as members, as many as make a delete long."""
    users = [create_user(client, {"userName": f"joiner{number}"}) for number in range(JOINERS)]
    uids = client.shared.joiners = [reply.body["id"] for reply in users]
    client.shared.users = [uid for uid in client.shared.users if uid not in uids]
    for number in range(JOINED_GROUPS):
        document = {"displayName": f"Joined {number}", "externalId": f"g{client.number()}"}
        body = {**document, "members": [{"value": uid} for uid in uids]}
        request = ("POST", "/Groups", body)
        reply = client.send("create group", "", request, document=document, replace=uids)
        client.shared.joined_groups.append(reply.body["id"])


def create_group(client: Client, *, large: bool = False) -> None:
    """POST /Groups, with members."""
    document = {"displayName": client.random.choice(GROUPS), "externalId": f"g{client.number()}"}
    uids = client.some(client.shared.users, MAX_ADDED)
    if large:
        document["displayName"] = f"Large {client.random.randint(0, 1)}"
        uids = client.random.sample(client.shared.crowd, client.random.randint(*LARGE))
    body = {**document, "members": [{"value": uid} for uid in uids]}
    reply = client.send(
        "create group", "", ("POST", "/Groups", body), document=document, replace=uids
    )
    if reply.status == 201:
        known = client.shared.large_groups if large else client.shared.groups
        known.append(reply.body["id"])


def _a_group(client: Client) -> str:
    return _one_of(client, client.shared.groups)


def get_group(client: Client) -> None:
    """GET /Groups/{id}, now and then without members."""
    gid = _a_group(client)
    if client.random.random() < 0.2:
        path = f"/Groups/{gid}?excludedAttributes=members"
        client.send("get group", gid, ("GET", path), without_members=True)
    else:
        client.send("get group", gid, ("GET", f"/Groups/{gid}"))


def list_members(client: Client) -> None:
    """GET /Groups/{id}/members."""
    gid = _a_group(client)
    client.send("list members", gid, ("GET", f"/Groups/{gid}/members?count=1000"))


def _operation(op: str, uids: AbstractSet[str]) -> dict[str, Any]:
    return {"op": op, "path": "members", "value": [{"value": uid} for uid in sorted(uids)]}


def _group_patch(
    add: AbstractSet[str], remove: AbstractSet[str], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the body of a PATCH of a group."""
    operations = [_operation("add", add)] if add else []
    operations += [_operation("remove", remove)] if remove else []
    operations += [{"op": "replace", "path": n, "value": v} for n, v in changes.items()]
    return {"schemas": [PATCH], "Operations": operations}


def _change_members(
    client: Client, gid: str, add: AbstractSet[str], remove: AbstractSet[str], **more: Any
) -> None:
    changes: dict[str, Any] = more.get("changes", {})
    client.send(
        "change group",
        gid,
        ("PATCH", f"/Groups/{gid}", _group_patch(add, remove, changes)),
        add=add,
        remove=remove,
        changes=changes,
        if_match=more.get("if_match"),
    )


def change_members(client: Client) -> None:
    """PATCH /Groups/{id}: members come and go; now and then it gets another name."""
    gid, known = _a_group(client), client.shared.users
    add, remove = set(client.some(known, MAX_ADDED)), set(client.some(known, 3))
    remove = set() if client.random.random() < 0.4 else remove - add
    add = set() if remove and client.random.random() < 0.4 else add
    if not add | remove:
        return
    renames = client.random.random() < 0.1
    changes = {"displayName": client.random.choice(GROUPS)} if renames else {}
    _change_members(client, gid, add, remove, changes=changes, if_match=client.a_tag(gid))


def rename_group(client: Client) -> None:
    """PATCH /Groups/{id}: another name."""
    gid = _a_group(client)
    changes = {"displayName": client.random.choice(GROUPS)}
    _change_members(client, gid, set(), set(), changes=changes, if_match=client.a_tag(gid))


def replace_group(client: Client, gid: str = "") -> None:
    """PUT /Groups/{id}: the document and all members."""
    gid = gid or _a_group(client)
    document = {"displayName": client.random.choice(GROUPS)}
    if client.random.random() < 0.5:
        document["externalId"] = f"g{client.number()}"
    uids = client.some(client.shared.users, 6)
    body = {**document, "members": [{"value": uid} for uid in uids]}
    client.send(
        "change group",
        gid,
        ("PUT", f"/Groups/{gid}", body),
        document=document,
        replace=uids,
        if_match=client.a_tag(gid),
    )


def delete_group(client: Client) -> None:
    """DELETE /Groups/{id}."""
    gid = _a_group(client)
    request = ("DELETE", f"/Groups/{gid}")
    reply = client.send("delete group", gid, request, if_match=client.a_tag(gid, 0.1))
    _forget(client, client.shared.groups, gid, reply)


def find_group(client: Client) -> None:
    """GET /Groups by displayName."""
    value = client.random.choice(GROUPS)
    wanted = quote(f'displayName eq "{value}"')
    path = f"/Groups?filter={wanted}"
    client.send("find groups", "", ("GET", path), attribute="displayName", value=value)


def list_groups(client: Client) -> None:
    """GET /Groups: all of them, with members."""
    client.send("list groups", "", ("GET", "/Groups?count=1000"))


def groups_of(client: Client) -> None:
    """GET /Groups by a member."""
    uid = _a_user(client)
    wanted = quote(f'members.value eq "{uid}"')
    path = f"/Groups?filter={wanted}&excludedAttributes=members"
    client.send("groups of", uid, ("GET", path))


def is_member(client: Client) -> None:
    """GET /Groups by id and member, as Entra ID asks."""
    uid, gid = _a_user(client), _a_group(client)
    text = quote(f'id eq "{gid}" and members.value eq "{uid}"')
    path = f"/Groups?filter={text}&excludedAttributes=members"
    client.send("is member", gid, ("GET", path), user=uid)


# --- changes of many members ------------------------------------------------------------------


def change_many(client: Client) -> None:
    """PATCH or PUT a group that has many members, or create one."""
    crowd, groups = client.shared.crowd, client.shared.large_groups
    if not crowd:
        return
    if len(groups) < 2 or client.random.random() < 0.2:
        create_group(client, large=True)
        return
    gid = client.random.choice(groups[-2:])
    chance = client.random.random()
    few = set(client.random.sample(crowd, 3))
    many = set(client.random.sample(crowd, client.random.randint(*LARGE)))
    if chance < 0.25:
        client.send("get group", gid, ("GET", f"/Groups/{gid}"))
    elif chance < 0.5:
        _change_members(client, gid, many, few - many)
    elif chance < 0.6:
        _change_members(client, gid, few, set())
    elif chance < 0.75:
        _change_members(client, gid, set(), many)
    elif chance < 0.95:
        body = {"displayName": "Large 0", "members": [{"value": uid} for uid in sorted(many)]}
        document = {"displayName": "Large 0"}
        request = ("PUT", f"/Groups/{gid}", body)
        client.send("change group", gid, request, document=document, replace=sorted(many))
    else:
        client.send("delete group", gid, ("DELETE", f"/Groups/{gid}"))


def delete_one_of_many(client: Client) -> None:
    """DELETE a user of the crowd, and create another one."""
    crowd = client.shared.crowd
    if crowd:
        uid = client.random.choice(crowd)
        client.send("delete user", uid, ("DELETE", f"/Users/{uid}"))
        reply = create_user(client, {"userName": f"crowd{client.number()}"})
        if reply.status == 201:
            client.shared.users.pop()
            crowd[crowd.index(uid) if uid in crowd else 0] = reply.body["id"]


def change_joiners(client: Client) -> None:
    """DELETE a user in many groups, seldom; or a request of others that may meet the delete."""
    uids, gids = client.shared.joiners, client.shared.joined_groups
    if not uids:
        return
    uid, gid = client.random.choice(uids), client.random.choice(gids)
    chance = client.random.random()
    if chance < 0.15:
        client.send("delete user", uid, ("DELETE", f"/Users/{uid}"))
    elif chance < 0.4:
        client.send("get user", uid, ("GET", f"/Users/{uid}"))
    elif chance < 0.6:
        client.send("get group", gid, ("GET", f"/Groups/{gid}"))
    elif chance < 0.8:
        _change_members(client, gid, {uid}, set())
    else:
        _change_members(client, gid, set(), {uid})


# --- several changes in one request -------------------------------------------------------------


def bulk(client: Client) -> None:
    """POST /Bulk: each operation is judged as a request of its own, as long as the whole."""
    parts = [_part_of_bulk(client) for _ in range(client.random.randint(1, 4))]
    operations = [
        {"method": method, "path": path, **({"data": data} if data else {})}
        for _, _, (method, path, data), _ in parts
    ]
    body = {"schemas": [BULK], "Operations": operations}
    reply = client.send("bulk", "", ("POST", "/Bulk", body))
    for number, (action, target, _, wanted) in enumerate(parts):
        own = _reply_of_part(reply, number)
        client.shared.events.append(Event(action, target, own, {**wanted, "bulk": True}))
        for known in (client.shared.users, client.shared.groups):
            if action.startswith("delete"):
                _forget(client, known, target, own)


Part = tuple[str, str, tuple[str, str, Any], Mapping[str, Any]]


def _part_of_bulk(client: Client) -> Part:
    """Draw an operation: what it does, to which resource, the request, and what the judge reads."""
    chance = client.random.random()
    if chance < 0.1:
        uid = _a_user(client)
        return "delete user", uid, ("DELETE", f"/Users/{uid}", None), {}
    gid = _a_group(client)
    if chance < 0.15:
        return "delete group", gid, ("DELETE", f"/Groups/{gid}", None), {}
    some = client.some(client.shared.users, MAX_ADDED) or [NOBODY]
    add, remove = (set(some), set[str]()) if chance < 0.6 else (set[str](), set(some))
    changes = {"displayName": client.random.choice(GROUPS)} if chance > 0.9 else {}
    request = ("PATCH", f"/Groups/{gid}", _group_patch(add, remove, changes))
    return "change group", gid, request, {"add": add, "remove": remove, "changes": changes}


def _reply_of_part(reply: Reply, number: int) -> Reply:
    """Return what the response says of an operation; a success has no body."""
    if reply.status != 200:
        return reply
    part = reply.body["Operations"][number]
    status, body = int(part["status"]), part.get("response")
    return replace(reply, status=204 if status == 200 else status, body=body)


# --- what the organisation's admin does ---------------------------------------------------------


def rename_connection(client: Client) -> None:
    """PATCH a connection: a change of settings, of which the audit has an entry."""
    world, name = client.world, f"Name {client.number()}"
    path = f"/admin/organisations/{world.organisation}/connections/{world.connection}"
    client.send("change settings", "", ("PATCH", path, {"name": name}), changes={"name": name})


def use_a_token(client: Client) -> None:
    """POST a token, use it, DELETE it, use it: at first it is valid, and in the end it is not."""
    world = client.world
    path = f"/admin/organisations/{world.organisation}/connections/{world.connection}/tokens"
    made = world.request("POST", path, {"name": f"Token {client.number()}"})
    if made.status != 201:
        return
    own = {"Authorization": f"Bearer {made.body['token']}"}
    for is_valid in (True, False):
        read = world.request("GET", "/Users?count=0", None, own)
        if read.certain and read.status != (200 if is_valid else 401):
            client.shared.problems.append(f"a token, valid: {is_valid}; {made}: {read}")
        if is_valid and world.request("DELETE", f"{path}/{made.body['id']}").status != 204:
            return


ACTIONS: Mapping[Callable[[Client], object], int] = {
    create_user: 14,
    get_user: 10,
    patch_user: 14,
    delete_user: 6,
    find_user: 10,
    list_users: 2,
    create_group: 6,
    get_group: 10,
    list_members: 2,
    change_members: 24,
    rename_group: 3,
    replace_group: 6,
    delete_group: 3,
    find_group: 3,
    list_groups: 2,
    groups_of: 3,
    is_member: 4,
    change_many: 5,
    delete_one_of_many: 1,
    change_joiners: 6,
    bulk: 6,
    rename_connection: 1,
    use_a_token: 1,
}
