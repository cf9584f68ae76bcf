"""moto's DynamoDB without HTTP in between: the same backend and errors in a fraction of the time.

botocore writes, signs and reads each request, and moto reads and writes it once more: five
sixths of the time of a call. Here botocore checks the parameters and moto serves them. What moto
rejects is sent again the usual way, so that the error is the one that a client gets from AWS.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

from botocore import xform_name
from botocore.validate import ParamValidator
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

OPERATIONS = (
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
)
VALIDATOR = ParamValidator()


class InProcessClient:
    """A client of moto's DynamoDB; a call that neither reads nor writes items goes the usual way.

    One thread at a time is served, and only while moto is active: it reaches nothing else.
    """

    def __init__(self, client: Any) -> None:
        """Take the usual client, which also tells account and region."""
        model = client.meta.service_model
        self._client = client
        self._models = {xform_name(name): model.operation_model(name) for name in OPERATIONS}
        self._lock = Lock()
        self._handler: Any = DynamoHandler()
        self._handler.region = client.meta.region_name
        self._handler.current_account = DEFAULT_ACCOUNT_ID

    def __getattr__(self, name: str) -> Any:
        """Give an attribute of the usual client; a method that reads or writes items is quicker."""
        usual = getattr(self._client, name)
        model = self._models.get(name)
        if model is None:
            return usual

        def call(**request: Any) -> Any:
            if VALIDATOR.validate(request, model.input_shape).has_errors():
                return usual(**request)
            try:
                result = self._serve(name, request)
            except (HTTPException, ServiceException):
                return usual(**request)
            return {
                key: _copied(result[key]) for key in model.output_shape.members if key in result
            }

        return call

    def _serve(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._handler.body = _copied(request)
            result: dict[str, Any] = getattr(self._handler, name)().result
            return result


def _copied(value: Any) -> Any:
    """Copy JSON, so that neither side changes what the other one keeps."""
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
