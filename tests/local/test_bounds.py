"""What an operation on many members reads of users: what it needs, however large they are."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.directory import groups
from chalicelib.scim.errors import InvalidValue
from chalicelib.storage.table import Table
from tests.support.directory import NOBODY, a_group, a_user, by, change, connection_context
from tests.support.faults import FaultyClient, Request, Send


@pytest.fixture
def context(table: Table):
    """Give the context of a connection."""
    return connection_context(table)


def received(context) -> tuple[Any, list[int]]:
    """Return a context, and the bytes of each BatchGetItem's response that it will get."""
    sizes: list[int] = []

    def measure(request: Request, send: Send) -> Any:
        answer = send()
        if "RequestItems" in request:
            sizes.append(len(str(answer.get("Responses", ""))))
        return answer

    return by(context, FaultyClient(context.items.table.client, every=measure)), sizes


def test_members_are_added_without_their_documents(context):
    """40 users of 20 KB: a response of 100 users is a tenth of one user's document a head."""
    uids = [a_user(context, f"user{n}", title="t" * 20_000) for n in range(40)]
    gid = a_group(context)
    measured, sizes = received(context)

    change(measured, gid, add=uids)

    assert len(groups.get(context, gid)["members"]) == 40
    assert max(sizes) < 40 * 500


def test_an_unknown_user_among_many_is_still_found(context):
    """The text names the id, and nothing is written."""
    uids = [a_user(context, f"user{n}", title="t" * 2_000) for n in range(40)]
    gid = a_group(context)

    with pytest.raises(InvalidValue, match=NOBODY):
        change(context, gid, add=[*uids, NOBODY])
    assert "members" not in groups.get(context, gid) or not groups.get(context, gid)["members"]


def test_names_of_members_are_read_a_hundred_at_a_time(context):
    """`members.display` needs the documents: what is in memory stays bounded."""
    uids = [a_user(context, f"user{n}", title="t" * 2_000) for n in range(120)]
    gid = a_group(context, "Tour", uids)
    measured, sizes = received(context)

    found = groups.get(measured, gid, with_display=True)

    assert len({each["display"] for each in found["members"]}) == 120
    assert len(sizes) == 2
