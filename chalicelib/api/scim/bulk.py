"""POST /Bulk: many operations in one request. RFC 7644 section 3.7.

Each operation is atomic by itself, and responded to as if it had come alone. A `bulkId` stands
for the id of what another operation creates, wherever in the request that operation is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.api import edge
from chalicelib.api.edge import Response
from chalicelib.api.scim.scim_request import Methods, ScimRequest
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.directory.trace import Trace
from chalicelib.errors import MethodNotAllowed, NotFound
from chalicelib.scim import messages
from chalicelib.scim.errors import BulkConflict, InvalidPath, InvalidSyntax, InvalidValue
from chalicelib.scim.messages import BulkOperation
from chalicelib.scim.sent_names import HIDDEN
from chalicelib.storage.keys import is_id
from chalicelib.storage.log_entries import LoggedOperation

REFERENCE = "bulkId:"
FIRST_ERROR = 400

# How many ids of users and groups the log's entry has, beside those of the operations themselves.
MAX_LOGGED_IDS = 2_000

# The paths and methods of bulk operations: resources, no lists and no discovery.
OFFERED: Mapping[str, tuple[str, ...]] = {
    "/Users": ("POST",),
    "/Users/{id}": ("PUT", "PATCH", "DELETE"),
    "/Groups": ("POST",),
    "/Groups/{id}": ("PUT", "PATCH", "DELETE"),
}


def bulk(routes: Mapping[str, Methods], request: ScimRequest) -> Response:
    """POST /Bulk (section 3.7), each operation by the handler that `routes` has for it.

    Raises:
        PayloadTooLarge: more operations or bytes than ServiceProviderConfig says.
        InvalidSyntax: not a bulk request.
        UnsupportedMediaType: the body is compressed.
    """
    body = request.body(messages.MAX_BULK_BYTES)
    operations, max_errors = messages.parse_bulk(body)
    run = _Run(routes, request, operations)
    for at in _order(operations):
        if max_errors is not None and run.errors >= max_errors:
            break
        run.execute(at)
    return Response(200, messages.bulk_response([run.results[at] for at in sorted(run.results)]))


@dataclass(slots=True)
class _Run:
    """The state of a bulk request: results so far by position, and the ids of bulkIds."""

    routes: Mapping[str, Methods]
    request: ScimRequest
    operations: Sequence[BulkOperation]
    ids: dict[str, str] = field(default_factory=dict)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    errors: int = 0

    def execute(self, at: int) -> None:
        """Execute one operation and add its result."""
        operation = self.operations[at]
        trace = Trace(max_ids=max(1, MAX_LOGGED_IDS // len(self.operations)))
        # The log entry is that of all operations.
        context = replace(self.request.context, trace=trace, log_entry=None)
        request = replace(self.request, context=context)
        response = edge.respond(
            lambda _: _execute(self.routes, request, _resolve(operation, self.ids)),
            scim_error,
            self.request.http,
        )
        self.request.context.trace.add_operation(_logged(operation, response, trace), trace)
        if response.status >= FIRST_ERROR:
            self.errors += 1
        elif operation.bulk_id and response.document:
            self.ids[operation.bulk_id] = response.document["id"]
        self.results[at] = _result(operation, response, self.request)


def _order(operations: Sequence[BulkOperation]) -> Iterator[int]:
    """Yield positions so that an operation comes after those whose bulkIds it refers to.

    Operations that refer to one another in a circle come last.
    """
    creators = {op.bulk_id: at for at, op in enumerate(operations) if op.bulk_id}
    needs = [{creators[name] for name in _references(op) & creators.keys()} for op in operations]
    needed_by: dict[int, list[int]] = defaultdict(list)
    for at, needed in enumerate(needs):
        for each in needed:
            needed_by[each].append(at)
    left = dict(enumerate(map(len, needs)))
    while ready := [at for at, count in left.items() if not count]:
        yield from ready
        for at in ready:
            del left[at]
            for other in needed_by[at]:
                left[other] -= 1
    yield from left


def _execute(
    routes: Mapping[str, Methods], request: ScimRequest, operation: BulkOperation
) -> Response:
    """Run the handler of an operation whose bulkIds are resolved.

    Raises:
        InvalidPath, MethodNotAllowed, InvalidSyntax: it is not an operation on a resource.
        ApiError: what the handler raises.
    """
    root, _, resource_id = operation.path.strip("/").partition("/")
    path = f"/{root}/{{id}}" if resource_id else f"/{root}"
    if path not in OFFERED:
        message = "path: expected /Users, /Groups or a resource below them, such as /Users/<id>."
        raise InvalidPath(message)
    if operation.method not in OFFERED[path]:
        raise MethodNotAllowed(*OFFERED[path])
    if operation.method != "DELETE" and not isinstance(operation.data, dict):
        message = "data: expected an object, what the operation would have as its body."
        raise InvalidSyntax(message)
    http = replace(
        request.http,
        method=operation.method,
        path={**request.http.path, "id": resource_id},
        query={},
        headers={"if-match": (operation.version,)} if operation.version else {},
        body=json.dumps(operation.data).encode(),
    )
    return routes[path][operation.method](replace(request, http=http))


def _logged(operation: BulkOperation, response: Response, trace: Trace) -> LoggedOperation:
    """Describe an operation for the log: of its path only the root and an id that exists."""
    root, _, resource_id = operation.path.strip("/").partition("/")
    document = response.document or {}
    target = trace.target if response.status < FIRST_ERROR else None
    if is_id(resource_id) and response.status != NotFound.status:
        target = resource_id
    shown = f"/{root}" if f"/{root}" in OFFERED else f"/{HIDDEN}"
    below = f"/{target or HIDDEN}" if resource_id else ""
    scim_type = document.get("scimType") if response.status >= FIRST_ERROR else None
    return LoggedOperation(operation.method, f"{shown}{below}", response.status, scim_type, target)


def _references(operation: BulkOperation) -> frozenset[str]:
    """Return the bulkIds that an operation refers to, in its path and in its data."""
    texts = [*operation.path.split("/"), *_texts(operation.data)]
    return frozenset(t.removeprefix(REFERENCE) for t in texts if t.startswith(REFERENCE))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _resolve(operation: BulkOperation, ids: Mapping[str, str]) -> BulkOperation:
    """Replace the bulkIds of an operation by ids.

    Raises:
        InvalidValue: a POST without a bulkId.
        BulkConflict: a bulkId in a circle, or of what could not be created.
    """
    if operation.method == "POST" and not operation.bulk_id:
        message = "bulkId: a POST in a bulk request needs one (RFC 7644 section 3.7)."
        raise InvalidValue(message)
    for name in sorted(_references(operation)):
        if name not in ids:
            raise BulkConflict
    path = "/".join(_replaced(part, ids) for part in operation.path.split("/"))
    return replace(operation, path=path, data=_replaced(operation.data, ids))


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    match value:
        case str():
            return ids[value.removeprefix(REFERENCE)] if value.startswith(REFERENCE) else value
        case dict():
            return {key: _replaced(each, ids) for key, each in value.items()}
        case list():
            return [_replaced(each, ids) for each in value]
    return value


def _result(operation: BulkOperation, response: Response, request: ScimRequest) -> dict[str, Any]:
    """Write the result of one operation: its location and version, or its error."""
    failed = response.status >= FIRST_ERROR
    sent_location = f"{request.context.base_url}/{operation.path.strip('/')}"
    location = response.headers.get("Location", sent_location)
    result = {
        "method": operation.method,
        "bulkId": operation.bulk_id,
        "location": None if failed and operation.method == "POST" else location,
        "version": response.headers.get("ETag"),
        "status": str(response.status),
        "response": response.document if failed else None,
    }
    return {name: value for name, value in result.items() if value is not None}
