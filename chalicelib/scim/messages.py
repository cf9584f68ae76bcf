"""The envelopes of RFC 7644 section 3: PATCH, search and bulk requests, lists and errors.

Reads the envelope of a request and writes that of a response. What an operation means is
`patch_operations` and `patch`; HTTP is `api`. The limits that discovery announces stand here,
beside the code that enforces them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

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
    message = _read_message(_PatchOp, body, PATCH_URN, "section 3.5.2")
    return tuple(
        RawOperation(each.op, each.path or None, each.value, "value" in each.model_fields_set)
        for each in message.operations
    )


def parse_search(body: Mapping[str, Any]) -> dict[str, str]:
    """Read a search request as the query parameters that it stands for: RFC 7644 section 3.4.3.

    Raises:
        InvalidSyntax: a parameter of another type, another message's `schemas`.
    """
    message = _read_message(_SearchRequest, body, SEARCH_URN, "section 3.4.3")
    found = {
        "attributes": ",".join(message.attributes) or None,
        "excludedAttributes": ",".join(message.excludedattributes) or None,
        "filter": message.filter,
        "cursor": message.cursor,
        "startIndex": message.startindex,
        "count": message.count,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def parse_bulk(body: Mapping[str, Any]) -> tuple[tuple[BulkOperation, ...], int | None]:
    """Read a bulk request: its operations, and after how many errors to stop (None: never).

    Raises:
        InvalidSyntax: no operation, an unknown method, another message's `schemas`.
        PayloadTooLarge: more than `MAX_BULK_OPERATIONS` operations.
        InvalidValue: two POST operations have the same `bulkId`.
    """
    message = _read_message(_BulkRequest, body, BULK_URN, "section 3.7")
    if not message.operations:
        raise InvalidSyntax("Operations: expected at least one (RFC 7644 section 3.7).")
    operations = tuple(
        BulkOperation(op.method, op.path, op.bulkid, op.data, op.version)
        for op in message.operations
    )
    _check_bulk_ids(operations)
    return operations, message.failonerrors


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


# -- Models: keys in lower case, so that clients may write them in any


def _fold_keys(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    folded = {key.lower(): value for key, value in message.items()}
    if len(folded) < len(message):
        raise InvalidSyntax("A message has the same key twice, compared without case.")
    return folded


def _at_most(limit: int) -> BeforeValidator:
    """Reject too many operations before each of them is read."""

    def check(operations: Any) -> Any:
        if isinstance(operations, list) and len(operations) > limit:
            raise PayloadTooLarge(
                f"Operations: a request may have at most {limit:,} operations; "
                f"this one has {len(operations):,}."
            )
        return operations

    return BeforeValidator(check)


def _lower(word: Any) -> Any:
    return word.lower() if isinstance(word, str) else word


def _upper(word: Any) -> Any:
    return word.upper() if isinstance(word, str) else word


class _Message(BaseModel):
    """What the messages of RFC 7644 share; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    schemas: list[str] | None = None


class _Operation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    op: Annotated[Op, BeforeValidator(_lower)]
    path: str | None = None
    value: Any = None


class _PatchOp(_Message):
    operations: Annotated[
        list[Annotated[_Operation, BeforeValidator(_fold_keys)]], _at_most(MAX_OPERATIONS)
    ]


def _as_list(names: Any) -> Any:
    """Read a text as an array of one, which may be several names with commas; null as none."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else names


class _SearchRequest(_Message):
    attributes: Annotated[list[str], BeforeValidator(_as_list)] = []
    excludedattributes: Annotated[list[str], BeforeValidator(_as_list)] = []
    filter: str | None = None
    cursor: str | None = None
    startindex: int | None = None
    count: int | None = None


class _BulkOperation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    method: Annotated[Literal["POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_upper)]
    path: str
    bulkid: str | None = None
    data: Any = None
    version: str | None = None


class _BulkRequest(_Message):
    failonerrors: Annotated[int, Field(ge=1)] | None = None
    operations: Annotated[
        list[Annotated[_BulkOperation, BeforeValidator(_fold_keys)]], _at_most(MAX_BULK_OPERATIONS)
    ] = []


M = TypeVar("M", bound=_Message)


def _read_message(model: type[M], body: Mapping[str, Any], urn: str, section: str) -> M:
    try:
        message = model.model_validate(_fold_keys(body))
    except ValidationError as error:
        raise _invalid_message(error, section) from None
    if message.schemas and urn.lower() not in (each.lower() for each in message.schemas):
        raise InvalidSyntax(f"schemas: expected {urn} (RFC 7644 {section}).")
    return message


def _invalid_message(error: ValidationError, section: str) -> InvalidSyntax:
    """Say where a message is wrong, in the RFC's spelling and without repeating its content."""
    first = error.errors()[0]
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_SPELLING.get(part, part)}"
        for part in first["loc"]
    ).removeprefix(".")
    if first["type"] == "missing":
        return InvalidSyntax(f"{where}: missing (RFC 7644 {section}).")
    expected = _EXPECTED.get(first["type"], "another value").format(**first.get("ctx", {}))
    got = json_type(first["input"])
    return InvalidSyntax(f"{where}: expected {expected}, got {got} (RFC 7644 {section}).")


# The keys of messages as the RFC spells them; the models have them in lower case.
_SPELLING: Mapping[str, str] = {
    each.lower(): each
    for each in ("Operations", "bulkId", "failOnErrors", "excludedAttributes", "startIndex")
}
# What was expected, by pydantic's name for what is wrong.
_EXPECTED: Mapping[str, str] = {
    "literal_error": "{expected}",
    "list_type": "an array",
    "model_type": "an object",
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "greater_than_equal": "a whole number of at least {ge}",
}


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
