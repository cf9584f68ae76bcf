"""`make capacity`: how much one connection, one group and all tenants together can write.

    make capacity                 print the table
    make capacity ARGS=--write    put it into docs/capacity.md

Each operation runs on a directory in memory; the write units that it uses are added up by
partition, by AWS's rules from the sizes of the items. The fullest partition is the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from chalicelib.api.services import DEADLINE_SECONDS
from chalicelib.directory import groups, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.pending_changes import ADDS_PER_STEP
from chalicelib.directory.resources import max_members_in_response
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage.directory_items import Document
from chalicelib.storage.keys import PENDING_CHANGE_PARTITIONS, PENDING_CHANGES
from dev.measure import operations
from dev.measure.meter import TRANSACTION, Meter, write_units
from dev.measure.pages import Section
from dev.measure.scene import context, memory

SECTION = Section("capacity.md", "capacity")

# What AWS says that one partition takes a second.
UNITS_A_SECOND = 1_000
# Seconds that a transaction of 98 actions takes on AWS: assumed, not measured.
STEP_SECONDS = (0.16, 0.21)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(slots=True)
class PartitionMeter(Meter):
    """A meter that also adds up the write units of transactions by partition."""

    partitions: Counter[str] = field(default_factory=Counter)

    def transact_write_items(self, **request: Any) -> Any:
        """Count a TransactWriteItems that succeeds."""
        parts = [part for entry in request["TransactItems"] for part in entry.values()]
        before = self._sizes(parts)
        response = self.client.transact_write_items(**request)
        for part, *sizes in zip(parts, before, self._sizes(parts), strict=True):
            key = part.get("Key") or part["Item"]
            self.partitions[key["PK"]["S"]] += TRANSACTION * write_units(max(sizes))
        return response


def entra_user(one: ConnectionContext) -> Document:
    """Return a user with what Entra ID sends by default: an item of about 1.1 KB."""
    address = {
        "type": "work",
        "formatted": "Sales",
        "streetAddress": "12 Rue de la Passerelle",
        "locality": "Lyon",
        "region": "Auvergne-Rhône-Alpes",
        "postalCode": "69001",
        "country": "France",
    }
    phones = [
        {"type": "work", "value": "+33 4 72 00 00 00"},
        {"type": "mobile", "value": "+33 6 12 34 56 78"},
        {"type": "fax", "value": "+33 4 72 00 00 01"},
    ]
    manager = {"value": "0123456789abcdef0123456789abcdef"}
    employment = {
        "employeeNumber": "701984",
        "department": "Sales and Customer Relations",
        "manager": manager | {"displayName": "Grace Hopper"},
    }
    return operations.document(one) | {
        "addresses": [address],
        "phoneNumbers": phones,
        ENTERPRISE: employment,
    }


Act = Callable[[ConnectionContext], object]
Prepare = Callable[[ConnectionContext, Document], Act]


def _create(_: ConnectionContext, document: Document) -> Act:
    return lambda one: users.create(one, document)


def _patch(one: ConnectionContext, document: Document) -> Act:
    uid = str(users.create(one, document)["id"])
    return lambda measured: users.change(measured, uid, lambda now: now | {"title": "Lead"})


def _join(one: ConnectionContext, document: Document) -> Act:
    uid = str(users.create(one, document)["id"])
    gid = str(groups.create(one, operations.group(one), frozenset())["id"])
    change = GroupChange(None, MemberChange(add=frozenset({uid})))
    return lambda measured: groups.change(measured, gid, change)


OPERATIONS: Mapping[str, Prepare] = {
    "users created": _create,
    "users changed": _patch,
    "memberships added, to different groups": _join,
}


def per_second(prepare: Prepare, document: Callable[[ConnectionContext], Document]) -> int:
    """Return how often a second a connection takes an operation, before DynamoDB splits it."""
    return UNITS_A_SECOND // max(_units(lambda one: prepare(one, document(one))).values())


def large_changes_per_second() -> int:
    """Return how many large changes a second all connections can begin and end together."""

    def prepare(one: ConnectionContext) -> Act:
        made = [users.create(one, operations.document(one)) for _ in range(ADDS_PER_STEP + 1)]
        gid = str(groups.create(one, operations.group(one), frozenset())["id"])
        change = GroupChange(None, MemberChange(add=frozenset(str(each["id"]) for each in made)))
        return lambda measured: groups.change(measured, gid, change)

    shared = {pk: n for pk, n in _units(prepare).items() if pk.startswith(PENDING_CHANGES)}
    return UNITS_A_SECOND * PENDING_CHANGE_PARTITIONS // sum(shared.values())


def _units(prepare: Callable[[ConnectionContext], Act]) -> Counter[str]:
    """Return the write units of an operation by partition."""
    with memory() as table:
        act = prepare(context(table))
        meter = PartitionMeter(table.client)
        act(context(replace(table, client=cast("Any", meter))))
    return meter.partitions


def report() -> str:
    """Return the table."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "| a second, of one connection | user below 1 KB | user of Entra ID (1.1 KB) |"
    yield "|---|---|---|"
    for name, prepare in OPERATIONS.items():
        found = [per_second(prepare, each) for each in (operations.document, entra_user)]
        yield f"| {name} | {found[0]:,} | {found[1]:,} |"
    with memory() as table:
        largest = max_members_in_response(context(table))
    most, least = (int(ADDS_PER_STEP * DEADLINE_SECONDS / each) for each in STEP_SECONDS)
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| large changes of all tenants together, a second | {large_changes_per_second():,} |"
    yield f"| members that one request adds before its deadline | {least:,} to {most:,} |"
    yield f"| members of a group that one response holds | {largest:,} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table, and put it into the page where that is asked for."""
    SECTION.publish(report(), arguments)
    return 0
