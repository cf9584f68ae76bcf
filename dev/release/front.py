"""What API Gateway needs and Chalice does not create: gateway responses, access log, throttle.

API Gateway responds to some requests by itself; gateway responses give these a SCIM Error body.
One definition, used twice: for the template of `make package`, and for the calls of `make deploy`
on a live API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.errors import ApiError
from chalicelib.scim.messages import error_body
from dev.release.stages import Stage
from dev.run.gateway import GATEWAY_ERRORS

Properties = Mapping[str, Any]

# One line per request. No query string and no header: they contain names, addresses and tokens.
ACCESS_LOG_FORMAT = json.dumps(
    {
        "requestId": "$context.requestId",
        "time": "$context.requestTime",
        "caller": "$context.identity.sourceIp",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "ms": "$context.responseLatency",
        "functionMs": "$context.integrationLatency",
        "bytes": "$context.responseLength",
        "error": "$context.error.responseType",
    }
)


def gateway_responses() -> Iterator[Properties]:
    """Yield the properties of a gateway response for each error of the gateway."""
    for response_type, error in GATEWAY_ERRORS.items():
        yield {
            "ResponseType": response_type,
            "StatusCode": str(error.status),
            "ResponseParameters": _headers(error),
            "ResponseTemplates": {"application/json": json.dumps(error_body(error))},
        }


def documented_responses() -> Iterator[tuple[str, Properties]]:
    """Yield them by type, as an API's OpenAPI document has them."""
    for each in gateway_responses():
        yield (
            each["ResponseType"],
            {
                "statusCode": each["StatusCode"],
                "responseParameters": each["ResponseParameters"],
                "responseTemplates": each["ResponseTemplates"],
            },
        )


def _headers(error: ApiError) -> dict[str, str]:
    # In quotes: a constant, not the name of a parameter.
    sent = {"Content-Type": "application/scim+json", **error.headers}
    return {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in sent.items()}


def put(apigateway: Any, api: str, stage: Stage, log_arn: str) -> None:
    """Set the gateway responses of a live API, and the access log and throttle of its stage.

    The responses are lost when Chalice imports the API's routes again; the others stay.

    Raises:
        ClientError: AWS rejects a call.
    """
    for each in gateway_responses():
        apigateway.put_gateway_response(
            restApiId=api,
            responseType=each["ResponseType"],
            statusCode=each["StatusCode"],
            responseParameters=each["ResponseParameters"],
            responseTemplates=each["ResponseTemplates"],
        )
    # A stage serves what it was deployed with.
    apigateway.create_deployment(restApiId=api, stageName=stage.api_stage)
    settings = {
        "/accessLogSettings/destinationArn": log_arn,
        "/accessLogSettings/format": ACCESS_LOG_FORMAT,
        # Of all paths and methods.
        "/*/*/throttling/rateLimit": f"{stage.throttle.per_second}",
        "/*/*/throttling/burstLimit": f"{stage.throttle.burst}",
    }
    apigateway.update_stage(
        restApiId=api,
        stageName=stage.api_stage,
        patchOperations=[
            {"op": "replace", "path": path, "value": value} for path, value in settings.items()
        ],
    )
