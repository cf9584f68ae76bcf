"""Bulk: many operations in one request. RFC 7644 section 3.7.

Each is atomic by itself, and is answered as if it had come alone. A `bulkId` stands for the id
of what another operation creates, wherever that one stands in the request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.api.edge import Response, answered
from chalicelib.api.scim.protocol import RESOURCES, read_body
from chalicelib.api.scim.requests import Offer, ScimRequest, scim_error
from chalicelib.errors import MethodNotAllowed
from chalicelib.scim import messages
from chalicelib.scim.errors import BulkConflict, InvalidPath, InvalidSyntax, InvalidValue
from chalicelib.scim.messages import BulkOperation

REFERENCE = "bulkId:"
# What a bulk request may address: the resources, not the lists and not discovery.
OFFERS: Mapping[str, Offer] = {
    "/Users": {"POST": RESOURCES["/Users"]["POST"]},
    "/Groups": {"POST": RESOURCES["/Groups"]["POST"]},
}
OFFERS_BY_ID: Mapping[str, Offer] = {
    root: {
        method: handler
        for method, handler in RESOURCES[f"{root}/{{id}}"].items()
        if method != "GET"
    }
    for root in OFFERS
}
FIRST_ERROR = 400


def bulk(request: ScimRequest) -> Response:
    """POST /Bulk (section 3.7).

    Raises:
        PayloadTooLarge: more operations or bytes than ServiceProviderConfig says.
        InvalidSyntax: not a bulk request.
        UnsupportedMediaType: it is compressed.
    """
    body = read_body(request, messages.MAX_BULK_BYTES)
    operations, most_errors = messages.parse_bulk(body)
    run = _Run(request, operations)
    run.work(most_errors)
    return Response(200, messages.bulk_response(run.answers()))


@dataclass(slots=True)
class _Run:
    """One bulk request at work: which operations are answered, and what their ids have become."""

    request: ScimRequest
    operations: Sequence[BulkOperation]
    ids: dict[str, str] = field(default_factory=dict)
    answered: dict[int, dict[str, Any]] = field(default_factory=dict)
    errors: int = 0

    def work(self, most_errors: int | None) -> None:
        """Answer the operations, those first on which others wait; stop at too many errors."""
        for place in self._order():
            if most_errors is not None and self.errors >= most_errors:
                return
            self._answer(place)

    def _order(self) -> Iterator[int]:
        """Yield operations whose references are answered, as long as there are any, then the rest.

        What is left over refers to itself in a circle.
        """
        makers = {op.bulk_id: at for at, op in enumerate(self.operations) if op.bulk_id}
        needs = [{makers[name] for name in _named(op) & makers.keys()} for op in self.operations]
        waiting = dict.fromkeys(range(len(needs)))
        while waiting:
            ready = [at for at in waiting if not needs[at] & waiting.keys()] or list(waiting)
            yield from ready
            for at in ready:
                del waiting[at]

    def _answer(self, place: int) -> None:
        operation = self.operations[place]
        response = answered(
            lambda _: _one(self.request, _resolved(operation, self.ids)),
            scim_error,
            self.request.http,
        )
        if response.status >= FIRST_ERROR:
            self.errors += 1
        elif operation.bulk_id and response.document:
            self.ids[operation.bulk_id] = response.document["id"]
        self.answered[place] = _told(operation, response, self.request)

    def answers(self) -> list[dict[str, Any]]:
        """Give the answers in the order of the request."""
        return [self.answered[place] for place in sorted(self.answered)]


def _one(request: ScimRequest, operation: BulkOperation) -> Response:
    root, _, resource_id = operation.path.strip("/").partition("/")
    offer = (OFFERS_BY_ID if resource_id else OFFERS).get(f"/{root}")
    if offer is None:
        raise InvalidPath("path: /Users, /Groups, or one of theirs such as /Users/<id>, is due.")
    if operation.method not in offer:
        raise MethodNotAllowed(*offer)
    if operation.method != "DELETE" and not isinstance(operation.data, dict):
        raise InvalidSyntax("data: an object is due, what the operation would have as its body.")
    http = replace(
        request.http,
        method=operation.method,
        path={**request.http.path, "id": resource_id},
        query={},
        headers={"if-match": (operation.version,)} if operation.version else {},
        body=json.dumps(operation.data).encode(),
    )
    return offer[operation.method](replace(request, http=http))


def _named(operation: BulkOperation) -> frozenset[str]:
    """Tell which bulkIds an operation refers to, in its path and in its data."""
    found = [part for part in operation.path.split("/") if part.startswith(REFERENCE)]
    return frozenset(text.removeprefix(REFERENCE) for text in [*found, *_texts(operation.data)])


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str() if value.startswith(REFERENCE):
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _resolved(operation: BulkOperation, ids: Mapping[str, str]) -> BulkOperation:
    """Put ids in the place of bulkIds.

    Raises:
        BulkConflict: one stands in a circle, or for what could not be created.
    """
    if operation.method == "POST" and not operation.bulk_id:
        raise InvalidValue("bulkId: a POST in a bulk request has one (RFC 7644 section 3.7).")
    for name in sorted(_named(operation)):
        if name not in ids:
            raise BulkConflict(name[:64])
    parts = [_id(part, ids) for part in operation.path.split("/")]
    return replace(operation, path="/".join(parts), data=_replaced(operation.data, ids))


def _id(text: str, ids: Mapping[str, str]) -> str:
    return ids[text.removeprefix(REFERENCE)] if text.startswith(REFERENCE) else text


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _id(value, ids)
        case dict():
            return {key: _replaced(each, ids) for key, each in value.items()}
        case list():
            return [_replaced(each, ids) for each in value]
    return value


def _told(operation: BulkOperation, response: Response, request: ScimRequest) -> dict[str, Any]:
    """Write one operation's answer: its location and version, or its error."""
    failed = response.status >= FIRST_ERROR
    own = f"{request.context.base_url}/{operation.path.strip('/')}"
    location = response.headers.get("Location", own)
    told = {
        "method": operation.method,
        "bulkId": operation.bulk_id,
        "location": None if failed and operation.method == "POST" else location,
        "version": response.headers.get("ETag"),
        "status": str(response.status),
        "response": response.document if failed else None,
    }
    return {name: value for name, value in told.items() if value is not None}
