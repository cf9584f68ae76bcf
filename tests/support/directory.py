"""Users and groups for tests of the directory, in a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from chalicelib.directory import groups, search, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.search import SearchResult
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.member_changes import MemberChange
from chalicelib.scim.preconditions import Precondition, entity_tags
from chalicelib.scim.schema import Resource
from chalicelib.storage import grants
from chalicelib.storage.expressions import Item
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from tests.support.faults import FaultyClient, Request, Send
from tests.support.invariants import read_all

CONNECTION = "abcdefghijklmnop"
NOBODY = "0" * 32


def _precondition(header: str | None) -> Precondition | None:
    return entity_tags((header,) if header else ())


def connection_context(table: Table, connection: str = CONNECTION) -> ConnectionContext:
    """Return a connection's context for one request."""
    keys = ConnectionKeys(connection)
    return ConnectionContext(
        items=table.namespace(grants.scim(keys), Deadline.after(25, table.clock)),
        keys=keys,
        base_url=f"https://id.example.com/scim/v2/{connection}",
        default_role="reader",
        token_id="token1",
        request_id="request-1",
    )


def by(context: ConnectionContext, client: Any) -> ConnectionContext:
    """Return a context of the same connection whose table is reached by another client."""
    return connection_context(replace(context.items.table, client=client), context.keys.connection)


def between(
    context: ConnectionContext, number: int, action: Callable[[], object]
) -> ConnectionContext:
    """Return a context of the same connection; `action` runs just before its call `number`."""

    def fault(_: Request, send: Send) -> Any:
        action()
        return send()

    return by(context, FaultyClient(context.items.table.client, number, fault))


def a_document(name: str, /, **attributes: Any) -> dict[str, Any]:
    """Write a user's document; None leaves an attribute out."""
    whole = {
        "userName": f"{name}@example.com",
        "externalId": name,
        "emails": [{"value": f"{name}@example.com", "type": "work"}],
        **attributes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def a_user(context: ConnectionContext, name: str = "ada", /, **attributes: Any) -> str:
    """Create a user; returns the id."""
    return str(users.create(context, a_document(name, **attributes))["id"])


def some_users(context: ConnectionContext, count: int) -> list[str]:
    """Create users; returns their ids in the order of lists."""
    return sorted(a_user(context, f"user{number}") for number in range(count))


def a_group(
    context: ConnectionContext, name: str = "Tour", uids: Iterable[str] = (), **more: Any
) -> str:
    """Create a group; returns the id."""
    document = {"displayName": name, **more}
    return str(groups.create(context, document, frozenset(uids))["id"])


def some_groups(context: ConnectionContext, count: int, uids: Iterable[str] = ()) -> list[str]:
    """Create groups with the same members; returns their ids in the order of lists."""
    members = frozenset(uids)
    return sorted(a_group(context, f"Group {number}", members) for number in range(count))


def fill(context: ConnectionContext, gid: str, uids: Iterable[str]) -> None:
    """Make users members, however many."""
    for uid in uids:
        change(context, gid, add=[uid])


def change(
    context: ConnectionContext,
    gid: str,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    replace_by: Iterable[str] | None = None,
    match: str | None = None,
) -> None:
    """Change a group's members."""
    whole = None if replace_by is None else frozenset(replace_by)
    members = MemberChange(whole, frozenset(add), frozenset(remove))
    groups.change(context, gid, GroupChange(None, members, _precondition(match)))


def rename(context: ConnectionContext, gid: str, name: str, match: str | None = None) -> None:
    """Change a group's displayName."""
    wanted = GroupChange(
        lambda now: now | {"displayName": name}, MemberChange(), _precondition(match)
    )
    groups.change(context, gid, wanted)


def edit(
    context: ConnectionContext, uid: str, match: str | None = None, /, **attributes: Any
) -> Resource:
    """Change attributes of a user."""
    return users.change(context, uid, lambda now: now | attributes, _precondition(match))


def precondition(tag: str) -> Precondition:
    """Parse an If-Match header that is present."""
    found = _precondition(tag)
    assert found is not None
    return found


def member_ids(context: ConnectionContext, gid: str) -> list[str]:
    """Read the members of a group."""
    return [each["value"] for each in groups.get(context, gid).get("members", ())]


def group_ids(context: ConnectionContext, uid: str) -> list[str]:
    """Read the groups of a user."""
    return [each["value"] for each in users.get(context, uid).get("groups", ())]


def find_users(
    context: ConnectionContext,
    text: str | None = None,
    start: int = 1,
    count: int = 100,
    *,
    with_memberships: bool = True,
) -> SearchResult:
    """List users."""
    return search.users(context, _query(text, start, count, with_memberships=with_memberships))


def find_groups(
    context: ConnectionContext,
    text: str | None = None,
    start: int = 1,
    count: int = 100,
    *,
    with_memberships: bool = True,
) -> SearchResult:
    """List groups."""
    return search.groups(context, _query(text, start, count, with_memberships=with_memberships))


def _query(text: str | None, start: int, count: int, *, with_memberships: bool) -> search.Query:
    return search.Query(parse_filter(text) if text else None, start, count, with_memberships)


def ids(page: SearchResult) -> list[str]:
    """Give the ids on a page."""
    return [resource["id"] for resource in page.resources]


def changes(context: ConnectionContext, change_type: str) -> list[Item]:
    """Read the change items of one type."""
    items = read_all(context.items.table)
    return [
        items[key]
        for key in sorted(items)
        if "#F#" in key.pk and items[key]["change_type"] == change_type
    ]
