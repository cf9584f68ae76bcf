"""What stands in front of the functions and Chalice does not make: refusals and an access log.

API Gateway answers some requests by itself; its gateway responses make these answers SCIM Error
bodies. One definition, in two forms: resources of the template of `make package`, and the calls
of `make deploy` on a live API. Knows API Gateway; refuses to know what the functions do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.errors import ApiError
from chalicelib.scim.messages import error_body
from dev.run.gateway import GATEWAY_ERRORS

Properties = Mapping[str, Any]

# One line a request. No query string and no header: they hold names, addresses and tokens.
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
    """Give every refusal of the gateway, as the properties of AWS::ApiGateway::GatewayResponse."""
    for kind, error in GATEWAY_ERRORS.items():
        yield {
            "ResponseType": kind,
            "StatusCode": str(error.status),
            "ResponseParameters": _headers(error),
            "ResponseTemplates": {"application/json": json.dumps(error_body(error))},
        }


def _headers(error: ApiError) -> dict[str, str]:
    # In quotes: a constant, not the name of something to look up.
    sent = {"Content-Type": "application/scim+json", **error.headers}
    return {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in sent.items()}


def put(apigateway: Any, api: str, stage: str, log_arn: str) -> None:
    """Give a live API its gateway responses and its stage the access log.

    They stay until Chalice writes the API's routes anew; the stage's log stays for good.

    Raises:
        ClientError: AWS refuses a call.
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
    apigateway.create_deployment(restApiId=api, stageName=stage)
    apigateway.update_stage(
        restApiId=api,
        stageName=stage,
        patchOperations=[
            {"op": "replace", "path": f"/accessLogSettings/{name}", "value": value}
            for name, value in (("destinationArn", log_arn), ("format", ACCESS_LOG_FORMAT))
        ],
    )
