"""The messages of SCIM that are no resources: RFC 7644 section 3, RFC 7643 sections 5 to 7.

Reads bodies and PATCH envelopes, writes errors, lists and discovery documents. It refuses to know
what an operation means (`dialects`, `patch`) and what HTTP makes of a message (`api`). The limits
that discovery announces stand here, so that who enforces them imports what was promised.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chalicelib.errors import ApiError, PayloadTooLarge
from chalicelib.scim import catalog
from chalicelib.scim.errors import InvalidSyntax, InvalidValue
from chalicelib.scim.schema import ResourceType, Schema

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
LIST_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
PROVIDER_URN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"

MAX_RESULTS = 1_000
DEFAULT_RESULTS = 100
MAX_OPERATIONS = 2_000
MAX_DEPTH = 32
MAX_BULK_OPERATIONS = 500
MAX_BULK_BYTES = 1_000_000
# Lambda answers with 6 MB at most; the rest is for the envelope that API Gateway's event adds.
MAX_ANSWER_BYTES = 5_500_000

Document = dict[str, Any]

# What there is without a connection's own schemas.
KINDS = tuple(catalog.RESOURCE_TYPES.values())

Op = Literal["add", "replace", "remove"]


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation of a bulk request: RFC 7644 section 3.7."""

    method: str
    path: str
    bulk_id: str | None
    data: Any
    version: str | None


@dataclass(frozen=True, slots=True)
class RawOperation:
    """One PATCH operation as the client wrote it, `op` in lower case and nothing else changed.

    `has_value` tells a value of null, which clears, from none.
    """

    op: Op
    path: str | None
    value: Any
    has_value: bool


# -- Reading


def parse_json(body: bytes, limit: int) -> Document:
    """Read the JSON object that a body is.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidValue: as `parse_value`; or it is no object.
    """
    document = parse_value(body, limit)
    if not isinstance(document, dict):
        raise InvalidSyntax("The body is no JSON object.")
    return document


def parse_value(body: bytes, limit: int) -> Any:
    """Read JSON strictly: RFC 8259, and what it leaves to the reader.

    Raises:
        PayloadTooLarge: more than `limit` bytes.
        InvalidSyntax: no UTF-8, no JSON, nested deeper than 32, a key sent twice, a number that
            no double or no 4,300 digits hold.
        InvalidValue: U+0000 or half of a surrogate pair anywhere; no store and no log takes them.
    """
    if len(body) > limit:
        raise PayloadTooLarge(f"The body has {len(body):,} bytes, at most {limit:,} are taken.")
    text = _decode(body)
    _see_depth(text)
    _see_characters(text)
    return _load(text)


def parse_patch(body: Mapping[str, Any]) -> tuple[RawOperation, ...]:
    """Read the envelope of a PATCH: RFC 7644 section 3.5.2.

    Keys and `op` may come in any case, keys that the RFC does not know are ignored, and `schemas`
    may be missing.

    Raises:
        InvalidSyntax: no operation, an unknown `op`, another message's `schemas`.
        PayloadTooLarge: more operations than `MAX_OPERATIONS`.
    """
    message = _read_message(_PatchOp, body, PATCH_URN, "section 3.5.2")
    if not message.operations:
        raise InvalidSyntax("Operations: at least one is due (RFC 7644 section 3.5.2).")
    return tuple(_raw(operation) for operation in message.operations)


# A string with its escapes, ended or not: each character is read once, so an attacker gains
# nothing by quotes that never close.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_FILLING = re.compile(r"[^\[\]{}]+")
_STEPS: Mapping[str, int] = {"[": 1, "{": 1, "]": -1, "}": -1}

# An escape; a pair of surrogates is one. What the group holds cannot be kept.
_HEX = "[0-9a-fA-F]"
_ESCAPES = re.compile(
    rf"\\(?:u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}|(u0000|u[dD][89a-fA-F]{_HEX}{{2}})|.)",
    re.DOTALL,
)


def _decode(body: bytes) -> str:
    try:
        # A byte order mark may stand before JSON and is to be ignored (RFC 8259 section 8.1).
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSyntax(f"The body is no UTF-8, at byte {error.start}.") from None


def _see_depth(text: str) -> None:
    """Refuse deep nesting before the JSON reader recurses into it."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = _FILLING.sub("", _STRINGS.sub("", text))
    if max(accumulate(_STEPS[bracket] for bracket in brackets), default=0) > MAX_DEPTH:
        raise InvalidSyntax(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _see_characters(text: str) -> None:
    """Refuse what JSON can write and nothing can store: U+0000 and unpaired surrogates."""
    if "\0" in text:
        raise InvalidValue(f"U+0000 at character {text.index(chr(0))} of the body.")
    if "\\u" not in text:
        return
    for escape in _ESCAPES.finditer(text):
        if escape[1] is not None:
            raise InvalidValue(
                f"U+{escape[1][1:].upper()} at character {escape.start()} of the body: U+0000 and "
                "half surrogate pairs cannot be kept."
            )


def _load(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise InvalidSyntax(
            f"The body is no JSON: {error.msg}, line {error.lineno} column {error.colno}."
        ) from None
    except ValueError:
        raise InvalidSyntax("The body holds a number with too many digits.") from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidSyntax("An object of the body has the same key twice (RFC 8259 section 4).")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidSyntax("The body holds a number that is too large for a double.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise InvalidSyntax(f"The body is no JSON: {name} is no JSON number (RFC 8259 section 6).")


def _fold_keys(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    folded = {key.lower(): value for key, value in message.items()}
    if len(folded) < len(message):
        raise InvalidSyntax("A message has the same key twice, compared without case.")
    return folded


def _few(operations: Any) -> Any:
    if isinstance(operations, list) and len(operations) > MAX_OPERATIONS:
        raise PayloadTooLarge(
            f"{len(operations):,} operations, at most {MAX_OPERATIONS:,} are taken at once."
        )
    return operations


def _lower(word: Any) -> Any:
    return word.lower() if isinstance(word, str) else word


def _upper(word: Any) -> Any:
    return word.upper() if isinstance(word, str) else word


class _Message(BaseModel):
    """What the messages of RFC 7644 share; unknown keys are ignored, keys come in any case."""

    model_config = ConfigDict(extra="ignore")

    schemas: list[str] | None = None


M = TypeVar("M", bound=_Message)


def _read_message(model: type[M], body: Mapping[str, Any], urn: str, section: str) -> M:
    try:
        message = model.model_validate(_fold_keys(body))
    except ValidationError as error:
        raise _misread(error, section) from None
    if message.schemas and urn.lower() not in (each.lower() for each in message.schemas):
        raise InvalidSyntax(f"schemas: this is to be a message of {urn}.")
    return message


class _SearchRequest(_Message):
    attributes: list[str] = []
    excludedattributes: list[str] = []
    filter: str | None = None
    cursor: str | None = None
    startindex: int | None = None
    count: int | None = None


def _digits(number: int | None) -> str | None:
    return None if number is None else str(number)


class _BulkOperation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    method: Annotated[Literal["POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_upper)]
    path: str
    bulkid: str | None = None
    data: Any = None
    version: str | None = None


class _BulkRequest(_Message):
    failonerrors: Annotated[int, Field(ge=1)] | None = None
    operations: list[Annotated[_BulkOperation, BeforeValidator(_fold_keys)]] = []


class _Operation(BaseModel):
    model_config = ConfigDict(extra="ignore")

    op: Annotated[Op, BeforeValidator(_lower)]
    path: str | None = None
    value: Any = None


class _PatchOp(_Message):
    operations: Annotated[
        list[Annotated[_Operation, BeforeValidator(_fold_keys)]], BeforeValidator(_few)
    ] = []


def _raw(operation: _Operation) -> RawOperation:
    has_value = "value" in operation.model_fields_set
    return RawOperation(operation.op, operation.path or None, operation.value, has_value)


def _misread(error: ValidationError, section: str) -> InvalidSyntax:
    """Say where a message is wrong, in the RFC's spelling and without repeating its content."""
    first = error.errors()[0]
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_SPELLED.get(part, part)}"
        for part in first["loc"]
    )
    due = _DUE.get(first["type"], first["msg"]).format(**first.get("ctx", {}))
    return InvalidSyntax(f"{where.removeprefix('.')}: {due} (RFC 7644 {section}).")


# The keys of messages as the RFC spells them; the models have them in lower case.
_SPELLED: Mapping[str, str] = {
    each.lower(): each
    for each in ("Operations", "bulkId", "failOnErrors", "excludedAttributes", "startIndex")
}
# What is due, by the name that the models' library has for what is wrong.
_DUE: Mapping[str, str] = {
    "missing": "missing",
    "literal_error": "{expected} is due",
    "list_type": "an array is due",
    "model_type": "an object is due",
    "string_type": "a string is due",
    "int_type": "a whole number is due",
    "int_parsing": "a whole number is due",
    "int_from_float": "a whole number is due",
    "greater_than_equal": "a whole number of at least {ge} is due",
}


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
        "startIndex": _digits(message.startindex),
        "count": _digits(message.count),
    }
    return {name: value for name, value in found.items() if value is not None}


def parse_bulk(body: Mapping[str, Any]) -> tuple[tuple[BulkOperation, ...], int | None]:
    """Read a bulk request: its operations, and after how many errors to stop (None: never).

    Raises:
        InvalidSyntax: no operation, an unknown method, another message's `schemas`.
        PayloadTooLarge: more operations than `MAX_BULK_OPERATIONS`.
        InvalidValue: two operations that create bear the same `bulkId`.
    """
    message = _read_message(_BulkRequest, body, BULK_URN, "section 3.7")
    if not message.operations:
        raise InvalidSyntax("Operations: at least one is due (RFC 7644 section 3.7).")
    if len(message.operations) > MAX_BULK_OPERATIONS:
        raise PayloadTooLarge(
            f"{len(message.operations):,} operations, at most {MAX_BULK_OPERATIONS:,} are taken."
        )
    operations = tuple(
        BulkOperation(op.method, op.path, op.bulkid, op.data, op.version)
        for op in message.operations
    )
    _see_bulk_ids(operations)
    return operations, message.failonerrors


def _see_bulk_ids(operations: Iterable[BulkOperation]) -> None:
    """Refuse a `bulkId` that would stand for two resources."""
    counts = Counter(op.bulk_id for op in operations if op.bulk_id and op.method == "POST")
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise InvalidValue(
            f'bulkId "{twice[:64]}": two operations bear it; each has its own (RFC 7644 section '
            "3.7)."
        )


# -- Writing


def error_body(error: ApiError) -> Document:
    """Write the body of a refusal: RFC 7644 section 3.12; `status` is a string there."""
    scim_type = {} if error.scim_type is None else {"scimType": error.scim_type}
    return {
        "schemas": [ERROR_URN],
        **scim_type,
        "detail": error.detail,
        "status": str(error.status),
    }


def list_response(resources: Sequence[Document], total: int, start_index: int | None) -> Document:
    """Write a page of a list: RFC 7644 section 3.4.2; `Resources` is there even if empty.

    A page by cursor has no `start_index` (RFC 9865 section 2.1).
    """
    place = {} if start_index is None else {"startIndex": start_index}
    return {
        "schemas": [LIST_URN],
        "totalResults": total,
        **place,
        "itemsPerPage": len(resources),
        "Resources": list(resources),
    }


def bulk_response(operations: Sequence[Document]) -> Document:
    """Write the answer of a bulk request: RFC 7644 section 3.7."""
    return {"schemas": [BULK_RESPONSE_URN], "Operations": list(operations)}


def fitting(resources: Sequence[Document]) -> Sequence[Document]:
    """Leave out from the end what one answer cannot hold; at least one stays.

    RFC 7644 section 3.4.2.4 lets a page be shorter than asked; itemsPerPage tells.
    """
    total = 0
    for place, resource in enumerate(resources):
        total += _bytes_sent(resource)
        if total > MAX_ANSWER_BYTES and place:
            return resources[:place]
    return resources


def _bytes_sent(resource: Document) -> int:
    """Tell what a resource takes of Lambda's answer, where the body is a string of ASCII JSON."""
    return len(json.dumps(json.dumps(resource, ensure_ascii=False)))


def service_provider_config(base_url: str) -> Document:
    """Write what this service can do: RFC 7643 section 5, `pagination` of RFC 9865 section 4."""
    return {
        "schemas": [PROVIDER_URN],
        "patch": {"supported": True},
        "bulk": {
            "supported": True,
            "maxOperations": MAX_BULK_OPERATIONS,
            "maxPayloadSize": MAX_BULK_BYTES,
        },
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_RESULTS,
            "maxPageSize": MAX_RESULTS,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The secret token of the connection, as a bearer token (RFC 6750).",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": True,
            }
        ],
        "meta": _meta("ServiceProviderConfig", f"{base_url}/ServiceProviderConfig"),
    }


def resource_types(base_url: str, resource_types: Iterable[ResourceType] = KINDS) -> list[Document]:
    """Write the resource types, User first: RFC 7643 section 6; `id` is the name."""
    return [_resource_type(resource_type, base_url) for resource_type in resource_types]


def schemas(base_url: str, resource_types: Iterable[ResourceType] = KINDS) -> list[Document]:
    """Write the schemas of the resource types and their extensions: RFC 7643 section 7."""
    return [
        _schema(schema, base_url)
        for resource_type in resource_types
        for schema in resource_type.schemas()
    ]


def _resource_type(resource_type: ResourceType, base_url: str) -> Document:
    document: Document = {
        "schemas": [RESOURCE_TYPE_URN],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
    }
    if resource_type.extensions:
        document["schemaExtensions"] = [
            {"schema": extension.id, "required": False} for extension in resource_type.extensions
        ]
    document["meta"] = _meta("ResourceType", f"{base_url}/ResourceTypes/{resource_type.name}")
    return document


def _schema(schema: Schema, base_url: str) -> Document:
    meta = _meta("Schema", f"{base_url}/Schemas/{schema.id}")
    return catalog.dump(schema) | {"meta": meta}


def _meta(resource_type: str, location: str) -> Document:
    return {"resourceType": resource_type, "location": location}
