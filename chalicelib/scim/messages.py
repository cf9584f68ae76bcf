"""The envelopes of RFC 7644 section 3: PATCH, search and bulk requests, lists and errors.

Reads the envelope of a request and writes that of a response. What an operation means is
`patch_operations` and `patch`; HTTP is `api`. The limits that discovery announces stand here,
beside the code that enforces them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar, get_args

from chalicelib.errors import ApiError, PayloadTooLarge
from chalicelib.scim.errors import InvalidSyntax, InvalidValue
from chalicelib.scim.strict_json import Document, json_type

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

MAX_RESULTS = 1_000
DEFAULT_RESULTS = 100
MAX_OPERATIONS = 2_000
# Once each attribute of a value without a path is an operation of its own.
MAX_SPREAD_OPERATIONS = 5_000
MAX_BULK_OPERATIONS = 500
MAX_BULK_BYTES = 1_000_000
# A Lambda function returns at most 6 MB; the rest is for the envelope that API Gateway reads.
MAX_RESPONSE_BYTES = 5_500_000

Op = Literal["add", "replace", "remove"]
METHODS = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class RawOperation:
    """One PATCH operation as the client wrote it, `op` in lower case and nothing else changed.

    `has_value` tells a value of null, which clears the attribute, from no value.
    """

    op: Op
    path: str | None
    value: Any
    has_value: bool


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation of a bulk request: RFC 7644 section 3.7."""

    method: str
    path: str
    bulk_id: str | None
    data: Any
    version: str | None


# -- Requests


def parse_patch(body: Mapping[str, Any]) -> tuple[RawOperation, ...]:
    """Read the envelope of a PATCH: RFC 7644 section 3.5.2.

    Keys and `op` may be in any case, unknown keys are ignored, `schemas` may be missing, and an
    empty array of operations, which Microsoft's validator sends, changes nothing.

    Raises:
        InvalidSyntax: no `Operations`, an unknown `op`, another message's `schemas`.
        PayloadTooLarge: more than `MAX_OPERATIONS` operations.
    """
    message = _Message.read(body, PATCH_URN, "section 3.5.2")
    return tuple(
        RawOperation(
            op=each.word("op", get_args(Op), str.lower),
            path=each.text("path") or None,
            value=each.values.get("value"),
            has_value="value" in each.values,
        )
        for each in message.objects("Operations", MAX_OPERATIONS)
    )


def parse_search(body: Mapping[str, Any]) -> dict[str, str]:
    """Read a search request as the query parameters that it stands for: RFC 7644 section 3.4.3.

    Raises:
        InvalidSyntax: a parameter of another type, another message's `schemas`.
    """
    message = _Message.read(body, SEARCH_URN, "section 3.4.3")
    found = {
        "attributes": ",".join(message.names("attributes")) or None,
        "excludedAttributes": ",".join(message.names("excludedAttributes")) or None,
        "filter": message.text("filter"),
        "cursor": message.text("cursor"),
        "startIndex": message.whole_number("startIndex"),
        "count": message.whole_number("count"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def parse_bulk(body: Mapping[str, Any]) -> tuple[tuple[BulkOperation, ...], int | None]:
    """Read a bulk request: its operations, and after how many errors to stop (None: never).

    Raises:
        InvalidSyntax: no operation, an unknown method, another message's `schemas`.
        PayloadTooLarge: more than `MAX_BULK_OPERATIONS` operations.
        InvalidValue: two POST operations have the same `bulkId`.
    """
    message = _Message.read(body, BULK_URN, "section 3.7")
    max_errors = message.whole_number("failOnErrors", at_least=1)
    operations = tuple(
        BulkOperation(
            method=each.word("method", METHODS, str.upper),
            path=each.required_text("path"),
            bulk_id=each.text("bulkId"),
            data=each.values.get("data"),
            version=each.text("version"),
        )
        for each in message.objects("Operations", MAX_BULK_OPERATIONS)
    )
    if not operations:
        raise InvalidSyntax("Operations: expected at least one (RFC 7644 section 3.7).")
    _check_bulk_ids(operations)
    return operations, max_errors


def _check_bulk_ids(operations: Iterable[BulkOperation]) -> None:
    """Reject a `bulkId` that would stand for two resources."""
    first_with: dict[str, int] = {}
    for position, operation in enumerate(operations):
        if operation.bulk_id and operation.method == "POST":
            first = first_with.setdefault(operation.bulk_id, position)
            if first != position:
                raise InvalidValue(
                    f"Operations[{position}].bulkId: the same as that of Operations[{first}]; "
                    "each POST needs its own (RFC 7644 section 3.7)."
                )


@dataclass(frozen=True, slots=True)
class _Message:
    """An object of a request: its values by key in lower case, so that clients may use any.

    Each method reads the value of a key, which it names as the RFC spells it; what is wrong is
    said with the place and without repeating its content. Unknown keys are ignored.
    """

    values: Mapping[str, Any]
    section: str
    place: str = ""

    @classmethod
    def read(cls, body: Mapping[str, Any], urn: str, section: str) -> Self:
        """Read a body; `schemas` may be missing, but must not be another message's.

        Raises:
            InvalidSyntax: it is, or a key is there twice.
        """
        message = cls(_fold_keys(body), section)
        schemas = message.texts("schemas") if message.values.get("schemas") is not None else []
        if schemas and urn.lower() not in (each.lower() for each in schemas):
            raise InvalidSyntax(f"schemas: expected {urn} (RFC 7644 {section}).")
        return message

    def text(self, key: str) -> str | None:
        """Read a string; None where it is absent or null."""
        return None if self.values.get(key.lower()) is None else self.required_text(key)

    def required_text(self, key: str) -> str:
        """Read a string that must be there."""
        value = self._required(key)
        if not isinstance(value, str):
            raise self._unexpected(key, "a string", value)
        return value

    def word(self, key: str, words: Sequence[str], fold: Callable[[str], str]) -> Any:
        """Read one of some words, written in any case."""
        value = self._required(key)
        folded = fold(value) if isinstance(value, str) else None
        if folded not in words:
            *most, last = map(repr, words)
            raise self._unexpected(key, f"{', '.join(most)} or {last}", value)
        return folded

    def whole_number(self, key: str, at_least: int | None = None) -> int | None:
        """Read a whole number, which may be written as a string; None where absent or null."""
        value = self.values.get(key.lower())
        if value is None:
            return None
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise self._unexpected(key, "a whole number", value) from None
        if isinstance(value, float) and number != value:
            raise self._unexpected(key, "a whole number", value)
        if at_least is not None and number < at_least:
            raise self._unexpected(key, f"a whole number of at least {at_least}", value)
        return number

    def texts(self, key: str) -> list[str]:
        """Read an array of strings."""
        values = self._array(key)
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise self._unexpected(f"{key}[{position}]", "a string", value)
        return values

    def names(self, key: str) -> list[str]:
        """Read names: an array, or a string that may have several with commas; absent: none."""
        value = self.values.get(key.lower())
        if value is None or isinstance(value, str):
            return [value] if value else []
        return self.texts(key)

    def objects(self, key: str, limit: int) -> Iterator[_Message]:
        """Read an array of objects, one after the other, unless there are too many."""
        values = self._array(key)
        if len(values) > limit:
            raise PayloadTooLarge(
                f"{key}: a request may have at most {limit:,} operations; "
                f"this one has {len(values):,}."
            )
        for position, value in enumerate(values):
            place = f"{key}[{position}]"
            if not isinstance(value, Mapping):
                raise self._unexpected(place, "an object", value)
            yield _Message(_fold_keys(value), self.section, f"{place}.")

    def _array(self, key: str) -> list[Any]:
        value = self._required(key)
        if not isinstance(value, list):
            raise self._unexpected(key, "an array", value)
        return value

    def _required(self, key: str) -> Any:
        if key.lower() not in self.values:
            raise InvalidSyntax(f"{self.place}{key}: missing (RFC 7644 {self.section}).")
        return self.values[key.lower()]

    def _unexpected(self, key: str, expected: str, value: Any) -> InvalidSyntax:
        got = json_type(value)
        return InvalidSyntax(
            f"{self.place}{key}: expected {expected}, got {got} (RFC 7644 {self.section})."
        )


def _fold_keys(message: Mapping[str, Any]) -> Mapping[str, Any]:
    folded = {key.lower(): value for key, value in message.items()}
    if len(folded) < len(message):
        raise InvalidSyntax("A message has the same key twice, compared without case.")
    return folded


# -- Responses


def error_body(error: ApiError) -> Document:
    """Return the body of an error: RFC 7644 section 3.12; `status` is a string there."""
    scim_type = {} if error.scim_type is None else {"scimType": error.scim_type}
    return {
        "schemas": [ERROR_URN],
        **scim_type,
        "detail": error.detail,
        "status": str(error.status),
    }


def list_response(resources: Sequence[Document], total: int, start_index: int | None) -> Document:
    """Return a page of a list: RFC 7644 section 3.4.2; `Resources` is there even if empty.

    A page by cursor has no `start_index` (RFC 9865 section 2.1).
    """
    index = {} if start_index is None else {"startIndex": start_index}
    return {
        "schemas": [LIST_URN],
        "totalResults": total,
        **index,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def bulk_response(operations: Sequence[Document]) -> Document:
    """Return the body of a bulk response: RFC 7644 section 3.7."""
    return {"schemas": [BULK_RESPONSE_URN], "Operations": list(operations)}


D = TypeVar("D", bound=Mapping[str, Any])


def fit_response(resources: Sequence[D], max_bytes: int = MAX_RESPONSE_BYTES) -> Sequence[D]:
    """Return as many of the first resources as one response can hold; at least one.

    RFC 7644 section 3.4.2.4 allows a page shorter than requested; itemsPerPage tells.
    """
    total = 0
    for position, resource in enumerate(resources):
        # Lambda's response has the body as a string of ASCII JSON.
        total += len(json.dumps(json.dumps(resource, ensure_ascii=False)))
        if total > max_bytes and position:
            return resources[:position]
    return resources
