"""The parameters of a query string, whose names clients write in any letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from chalicelib.errors import BadRequest

# What a decoder puts in the place of bytes that are not UTF-8.
REPLACEMENT = "\ufffd"


class QueryParameters(Mapping[str, str]):
    """Parameters by name without regard to case; the first value of a name that is repeated.

    A name is checked when it is read, so that parameters that nobody reads are ignored.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        """Take the values of each name, as API Gateway lists them."""
        self._found: dict[str, list[str]] = {}
        for name, each in values.items():
            if each:
                self._found.setdefault(name.lower(), []).append(each[0])

    def __getitem__(self, name: str) -> str:
        """Return the value of a parameter.

        Raises:
            BadRequest: it stands there in several spellings, or was not sent as UTF-8.
        """
        values = self._found[name.lower()]
        if len(values) > 1:
            raise BadRequest(f"{name}: expected once, got it in {len(values)} spellings.")
        if REPLACEMENT in values[0]:
            raise BadRequest(f"{name}: expected percent-encoded UTF-8, got other bytes.")
        return values[0]

    def __contains__(self, name: object) -> bool:
        """Return whether a parameter was sent, readable or not."""
        return isinstance(name, str) and name.lower() in self._found

    def __iter__(self) -> Iterator[str]:
        """Yield the names in lower case."""
        return iter(self._found)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._found)


def readable(query: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters that can be read, for the log of a request that is rejected."""
    return QueryParameters({name: [value] for name, value in _readable(query)})


def _readable(query: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in query:
        with suppress(BadRequest):
            yield name, query[name]
