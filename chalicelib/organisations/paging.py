"""Pages of lists, and the cursor of lists that go over all connections of an organisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from chalicelib.errors import BadRequest
from chalicelib.storage.keys import is_id
from chalicelib.storage.settings_items import CONNECTION_ID

T = TypeVar("T")

UNKNOWN_CURSOR = "cursor: expected the `next` of the page before, unchanged."


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `next_cursor` is None on the last one.

    A page of a filtered list may be shorter than asked for, or empty, and still have a next one.
    """

    items: Sequence[T]
    next_cursor: str | None = None


def take_page(found: Iterable[T], size: int, cursor_of: Callable[[T], str]) -> Page[T]:
    """Take the first `size` items; where more follow, the next cursor is the last item's."""
    items = list(islice(found, size + 1))
    next_cursor = cursor_of(items[size - 1]) if len(items) > size else None
    return Page(items[:size], next_cursor)


class ListCursor(NamedTuple):
    """The last user or group of a page; lists are ordered by connection, then by id.

    So a cursor stays valid while users and groups come and go.
    """

    connection: str
    id: str

    def text(self) -> str:
        """Write it for the client."""
        return f"{self.connection}.{self.id}"


FIRST_PAGE = ListCursor("", "")


def parse_list_cursor(text: str) -> ListCursor:
    """Parse a client's cursor; "" is the beginning of the list.

    Raises:
        BadRequest: no list has returned such a cursor.
    """
    connection, _, last = text.partition(".")
    if text and not (CONNECTION_ID.fullmatch(connection) and is_id(last)):
        raise BadRequest(UNKNOWN_CURSOR)
    return ListCursor(connection, last)
