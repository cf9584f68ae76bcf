"""The operations that are tried under faults: each on a scene of its own, named by names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.directory import deletes, groups, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.expressions import to_wire
from tests.support.directory import (
    a_document,
    a_group,
    a_user,
    change,
    edit,
    find_groups,
    find_users,
    rename,
)

Ids = Mapping[str, str]
Act = Callable[[ConnectionContext, Ids], Any]
Scene = Callable[[ConnectionContext], None]

CROWD = 60
TEAMS = 40


def small(context: ConnectionContext) -> None:
    """Set a scene of four users and two groups; the organisation has data about Bob, too."""
    ada, bob, _, _ = (a_user(context, name) for name in ("ada", "bob", "cy", "dora"))
    a_group(context, "Tour", [ada, bob], externalId="tour")
    a_group(context, "Empty")
    local = context.keys.local(bob)
    item = to_wire({"PK": local.pk, "SK": local.sk, "v": 1})
    context.items.table.client.put_item(TableName=context.items.table.name, Item=item)


def crowded(context: ConnectionContext) -> None:
    """Set a scene of sixty users and three groups: with all but five of them, with ten, empty."""
    bare = {"externalId": None, "emails": None}
    uids = [a_user(context, f"user{number:02}", **bare) for number in range(CROWD)]
    a_group(context, "Full", uids[:-5])
    a_group(context, "Some", uids[:10])
    a_group(context, "Empty")


def busy(context: ConnectionContext) -> None:
    """Set a scene of a user in more groups than one transaction can remove."""
    uid = a_user(context, "ada")
    for number in range(TEAMS):
        a_group(context, f"Team {number:02}", [uid])
    a_group(context, "Other")


@dataclass(frozen=True, slots=True)
class Trial:
    """An operation; `refused`: what a repetition after a crash may be told."""

    scene: Scene
    act: Act
    refused: str = "never"
    reads: bool = False


def user(name: str) -> str:
    """Tell the userName."""
    return f"{name}@example.com"


def crowd(ids: Ids, start: int, stop: int) -> list[str]:
    """Choose users of the crowd by their numbers."""
    return [ids[user(f"user{number:02}")] for number in range(start, stop)]


def create_group(context: ConnectionContext, *uids: str) -> Any:
    """Create a group with these members."""
    return groups.create(context, {"displayName": "New", "externalId": "new"}, frozenset(uids))


def put_group(context: ConnectionContext, gid: str, name: str, uids: list[str]) -> None:
    """Write a group's name and members."""
    wanted = MemberChange(replace=frozenset(uids))
    groups.change(context, gid, GroupChange(lambda _: {"displayName": name}, wanted))


def _put_user(context: ConnectionContext, uid: str) -> Any:
    document = a_document("grace", title="Admiral")
    return users.change(context, uid, lambda now: {"active": now["active"]} | document)


def _all(page: Any) -> list[Any]:
    return [page.total, *page.resources]


TRIALS: Mapping[str, Trial] = {
    # users
    "create user": Trial(small, lambda t, _: users.create(t, a_document("new")), "Uniqueness"),
    "create user, name taken": Trial(
        small, lambda t, _: users.create(t, a_document("ADA")), "Uniqueness"
    ),
    "PATCH user": Trial(small, lambda t, ids: edit(t, ids[user("ada")], title="Countess")),
    "PATCH user, nothing new": Trial(small, lambda t, ids: edit(t, ids[user("ada")])),
    "rename user": Trial(
        small,
        lambda t, ids: edit(
            t, ids[user("ada")], userName=user("eve"), emails=[{"value": user("eve")}]
        ),
    ),
    "rename user, letter case": Trial(
        small, lambda t, ids: edit(t, ids[user("ada")], userName="ADA@example.com")
    ),
    "rename user, name taken": Trial(
        small, lambda t, ids: edit(t, ids[user("ada")], userName=user("bob")), "Uniqueness"
    ),
    "PUT user": Trial(small, lambda t, ids: _put_user(t, ids[user("ada")])),
    "DELETE user": Trial(
        small, lambda t, ids: deletes.delete_user(t, ids[user("bob")]), "NotFound"
    ),
    "DELETE user in 40 teams": Trial(
        busy, lambda t, ids: deletes.delete_user(t, ids[user("ada")]), "NotFound"
    ),
    # groups
    "create team": Trial(small, lambda t, _: create_group(t), "Uniqueness"),
    "create team of 2": Trial(
        small, lambda t, ids: create_group(t, ids[user("ada")], ids[user("cy")]), "Uniqueness"
    ),
    "create team of 40": Trial(
        crowded, lambda t, ids: create_group(t, *crowd(ids, 0, 40)), "Uniqueness"
    ),
    "rename team": Trial(small, lambda t, ids: rename(t, ids["Tour"], "Detour")),
    "rename team, name taken": Trial(
        small, lambda t, ids: rename(t, ids["Tour"], "EMPTY"), "Uniqueness"
    ),
    "PUT team": Trial(
        small,
        lambda t, ids: put_group(t, ids["Tour"], "Detour", [ids[user("bob")], ids[user("cy")]]),
    ),
    "PUT team, 50 go and 5 come": Trial(
        crowded, lambda t, ids: put_group(t, ids["Full"], "Few", crowd(ids, 50, 60))
    ),
    "DELETE team": Trial(small, lambda t, ids: deletes.delete_group(t, ids["Tour"]), "NotFound"),
    "DELETE team of 55": Trial(
        crowded, lambda t, ids: deletes.delete_group(t, ids["Full"]), "NotFound"
    ),
    # members
    "add a member": Trial(small, lambda t, ids: change(t, ids["Tour"], add=[ids[user("cy")]])),
    "add a member and one who is there": Trial(
        small,
        lambda t, ids: change(t, ids["Tour"], add=[ids[user("cy")], ids[user("ada")]]),
    ),
    "add nobody's id": Trial(
        small,
        lambda t, ids: change(t, ids["Tour"], add=[ids[user("cy")], "0" * 32]),
        "InvalidValue",
    ),
    "add 45 members to 10, 5 of whom are there": Trial(
        crowded, lambda t, ids: change(t, ids["Some"], add=crowd(ids, 5, 50))
    ),
    "remove a member": Trial(
        small, lambda t, ids: change(t, ids["Tour"], remove=[ids[user("ada")]])
    ),
    "remove 52 members": Trial(
        crowded, lambda t, ids: change(t, ids["Full"], remove=crowd(ids, 0, 52))
    ),
    "replace 2 members by 2": Trial(
        small,
        lambda t, ids: change(
            t, ids["Tour"], replace_by=[ids[user("cy")], ids[user("dora")]], match='W/"1.0"'
        ),
        "PreconditionFailed",
    ),
    # reads
    "GET user": Trial(small, lambda t, ids: users.get(t, ids[user("ada")]), reads=True),
    "GET team": Trial(small, lambda t, ids: groups.get(t, ids["Tour"]), reads=True),
    "find by userName": Trial(
        small, lambda t, _: _all(find_users(t, f'userName eq "{user("bob")}"')), reads=True
    ),
    "find by e-mail": Trial(
        small, lambda t, _: _all(find_users(t, f'emails eq "{user("bob")}"')), reads=True
    ),
    "find by membership": Trial(
        small,
        lambda t, ids: _all(find_groups(t, f'members eq "{ids[user("bob")]}"')),
        reads=True,
    ),
    "list users": Trial(small, lambda t, _: _all(find_users(t)), reads=True),
    "list teams": Trial(small, lambda t, _: _all(find_groups(t)), reads=True),
}
