"""What a directory looks like, without what differs from run to run: ids by name, no times."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.storage.directory_items import canonical, unpacked
from chalicelib.storage.expressions import Item, to_wire
from chalicelib.storage.keys import Key
from chalicelib.storage.table import MAX_BATCH_WRITES, Table, chunks
from dev.repair.soundness import directories

Names = Mapping[str, str]
TIMES = re.compile(r'"(created|lastModified)":"[^"]*",?')


@dataclass(frozen=True, slots=True)
class Picture:
    """Users and groups by name, each with all that counts; and what the feed says."""

    users: Mapping[str, Any]
    groups: Mapping[str, Any]
    changes: Mapping[Any, int]

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Give what is there, without how it came about."""
        groups = {name: (each[0], each[3:]) for name, each in self.groups.items()}
        return self.users, groups


def names_in(items: Mapping[Key, Item]) -> Names:
    """Return the names of all users and groups, by id."""
    named: dict[str, str] = {}
    for directory in directories(items):
        named |= {uid: str(user.document["userName"]) for uid, user in directory.users.items()}
        named |= {gid: str(g.document["displayName"]) for gid, g in directory.groups.items()}
    return named


def picture(items: Mapping[Key, Item]) -> Picture:
    """Describe what the items of a table say."""
    named = names_in(items)
    (directory,) = directories(items)
    members: dict[str, set[str]] = {gid: set() for gid in directory.groups}
    for gid, uid in directory.members:
        members.setdefault(gid, set()).add(named.get(uid, uid))
    users = {
        named[uid]: (user.version, user.joins, canonical(user.document))
        for uid, user in directory.users.items()
    }
    groups = {
        named[gid]: (g.version, g.memberships, g.size, canonical(g.document), members[gid])
        for gid, g in directory.groups.items()
    }
    return Picture(users, groups, _changes(items, named))


def _changes(items: Mapping[Key, Item], named: Names) -> Counter[Any]:
    def names(ids: bytes | None) -> frozenset[str]:
        return frozenset(named.get(each, each) for each in unpacked(ids or b""))

    return Counter(
        (
            item["change_type"],
            named.get(item["id"], item["id"]),
            tuple(item.get("attributes", ())),
            names(item.get("added")),
            names(item.get("removed")),
        )
        for key, item in items.items()
        if "#F#" in key.pk
    )


def said(response: Any, named: Names) -> str:
    """Write a response with names in place of ids, and without times."""
    text = TIMES.sub("", canonical({"": response}))
    for each, name in named.items():
        text = text.replace(each, name)
    return str(json.loads(text))


def restore(table: Table, present: Mapping[Key, Item], wanted: Mapping[Key, Item]) -> None:
    """Restore a table that holds these items to those that it had."""
    puts = [{"PutRequest": {"Item": to_wire(r)}} for k, r in wanted.items() if present.get(k) != r]
    gone = [
        {"DeleteRequest": {"Key": to_wire({"PK": k.pk, "SK": k.sk})}}
        for k in present.keys() - wanted.keys()
    ]
    for chunk in chunks([*puts, *gone], MAX_BATCH_WRITES):
        requests: Any = {table.name: chunk}
        table.client.batch_write_item(RequestItems=requests)
