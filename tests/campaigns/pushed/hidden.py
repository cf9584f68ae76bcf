"""Hide differences between the consumer's table and the directory, and find them by the digest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.digest import DigestedObject, list_bucket, read_digest
from tests.campaigns.pushed.accounts import Accounts

# Another version, another state, and an object that is missing.
WAYS = {
    "users": (
        "UPDATE users SET version = version + 1 WHERE id = ?",
        "UPDATE users SET active = 1 - active WHERE id = ?",
        "DELETE FROM users WHERE id = ?",
    ),
    "groups": ("UPDATE groups SET version = version - 1 WHERE id = ?",),
    "memberships": ("DELETE FROM memberships WHERE team || ':' || user = ?",),
}
# Type, and the id of a user or group, or both ids of a membership.
Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Search:
    """The differences that were hidden and those that were found, and by how many requests."""

    hidden: frozenset[Named]
    found: frozenset[Named]
    objects: int
    requests: int

    @property
    def is_complete(self) -> bool:
        """Whether those and no others were found."""
        return self.hidden == self.found

    def __str__(self) -> str:
        """Return the line to print."""
        return (
            f"{len(self.hidden)} differences hidden among {self.objects:,} objects: "
            f"{len(self.found & self.hidden)} found, {len(self.found - self.hidden)} false, "
            f"by {self.requests} requests"
        )


def _name(of: str, text: str) -> Named:
    """Return which object a text of the digest is of."""
    return of, text if of == "memberships" else text.partition(":")[0]


def hide_and_find(
    accounts: Accounts, admin: AdminContext, connection: str, count: int, seed: int = 1
) -> Search:
    """Change so many objects of the consumer's table, and find out which."""
    random = Random(seed)  # noqa: S311 - what is hidden
    known = {_name(of, text) for of, _, text in accounts.objects(connection)}
    hidden = random.sample(sorted(known), count)
    for of, named in hidden:
        accounts.db.execute(random.choice(WAYS[of]), [named])
    found, requests = _find(accounts, admin, connection)
    return Search(frozenset(hidden), frozenset(found), len(known), requests)


def _find(accounts: Accounts, admin: AdminContext, connection: str) -> tuple[set[Named], int]:
    """Compare the digest, then list the buckets that differ; count the requests."""
    ours, differing, requests = accounts.digest(connection), set[int](), 0
    first: str | None = "00"
    while first:
        page = read_digest(admin, connection, first)
        first, requests = page.next_bucket, requests + 1
        for of, buckets in page.buckets.items():
            differing |= {n for n, each in enumerate(buckets) if each and each != ours[of][n]}
    mine = defaultdict(set)
    for type_, uid, text in accounts.objects(connection):
        mine[int(uid[:2], 16)].add((type_, text))
    found: set[Named] = set()
    for number in differing:
        theirs = {_text(each) for each in list_bucket(admin, connection, f"{number:02x}")}
        found |= {_name(*each) for each in theirs ^ mine[number]}
    return found, requests + len(differing)


def _text(each: DigestedObject) -> tuple[str, str]:
    """Return the type of an object and its text, as docs/events.md says."""
    rest = {
        "users": f"{each.version}:{int(each.active)}",
        "groups": f"{each.version}",
        "memberships": each.user,
    }
    return each.object_type, f"{each.id}:{rest[each.object_type]}"
