"""Lists over all connections of an organisation, a page at a time.

The order is by connection, then by id. A cursor says behind whom the next page begins, so it
stays true whoever comes or goes meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from chalicelib.errors import BadRequest
from chalicelib.organisations.snapshot import OrganisationSnapshot
from chalicelib.storage.keys import FIRST, LAST, is_id
from chalicelib.storage.settings_items import CONNECTION_ID, Connection

T = TypeVar("T")

UNKNOWN_CURSOR = "cursor: take the `next` of the page before, unchanged."


class Position(NamedTuple):
    """A user's or a team's place in a list."""

    connection: str
    id: str

    def cursor(self) -> str:
        """Write it for the client, who sends it back as it is."""
        return f"{self.connection}.{self.id}"


START = Position("", "")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `following` is the cursor of the next one, None at the end.

    Where the list is filtered a page may hold fewer than asked for, even none, and still have
    a next one.
    """

    items: Sequence[T]
    next_cursor: str | None = None


def position(cursor: str) -> Position:
    """Read a cursor; an empty one is the list's beginning.

    Raises:
        BadRequest: it is none that such a list has given.
    """
    connection, _, last = cursor.partition(".")
    if cursor and not (CONNECTION_ID.fullmatch(connection) and is_id(last)):
        raise BadRequest(UNKNOWN_CURSOR)
    return Position(connection, last)


def spans(snapshot: OrganisationSnapshot, after: Position) -> Iterator[tuple[Connection, str]]:
    """Yield each connection that has some behind `after`, and from which sort key on."""
    for connection in snapshot.connections:
        if connection.id > after.connection:
            yield connection, FIRST
        elif connection.id == after.connection:
            yield connection, after.id + LAST
