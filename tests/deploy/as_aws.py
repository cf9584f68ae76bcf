"""What AWS says and the emulator does not: late settings, quotas, names that are not free yet.

Each has AWS's code and text. A second of AWS lasts `AWS_SECOND` seconds here, so that a
minute of waiting takes one. `install` puts it in front of the emulator's services; a request to
`/_as_aws` sets what an account has been granted, or reads what a principal has used.
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs
from zipfile import ZipFile

from ministack import app as emulator
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import apigateway_v1 as gateway
from ministack.services import dynamodb
from ministack.services import iam as iam_service
from ministack.services import lambda_svc as functions
from ministack.services.cloudformation import provisioners

Response = tuple[int, dict[str, str], bytes]
Fields = Mapping[str, Any]

AWS_SECOND = float(os.environ.get("AWS_SECOND", "1"))

# How long each takes on AWS, in its seconds.
BACKUPS_SECONDS = 20
TABLE_SECONDS = 20
QUEUE_SECONDS = 60
SECRET_SECONDS = 20
IAM_SECONDS = 10
MAPPING_SECONDS = 10
UPDATE_SECONDS = 10

# Calls to API Gateway that an account may make once in so many seconds.
QUOTAS: Mapping[tuple[str, str], int] = {
    ("PATCH", "account"): 20,
    ("POST", "deployments"): 5,
    ("POST", "restapis"): 3,
    ("DELETE", "restapis"): 30,
    ("POST", "domainnames"): 30,
    ("DELETE", "domainnames"): 30,
}

SIGNATURE = (
    "Invalid key=value pair (missing equal-sign) in Authorization header "
    "(hashed with SHA-256 and encoded with Base64): 'c2lnbmF0dXJl'."
)

# What a test may change: a new account may run 10 functions at once.
account: dict[str, Any] = {"concurrency": 10}
# What each access key has been allowed: key -> actions.
used: dict[str, set[str]] = defaultdict(set)


class Moments:
    """When something happened, by name; all of one emulator."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._at: dict[tuple[str, ...], float] = {}

    def mark(self, *name: str) -> None:
        """Something happens now."""
        self._at[name] = time.monotonic()

    def within(self, seconds: float, *name: str) -> bool:
        """Tell whether it happened less than so many seconds of AWS ago."""
        at = self._at.get(name)
        return at is not None and time.monotonic() - at < seconds * AWS_SECOND


moments = Moments()


def rejection(code: str, message: str, status: int = 400) -> Response:
    """Say no, as the services with a JSON protocol do."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"__type": code, "message": message}).encode()


def action_of(headers: Mapping[str, str]) -> str:
    """Name the action of a request in a JSON protocol."""
    return headers.get("x-amz-target", "").rpartition(".")[2]


# --- before a service handles a request ---------------------------------------------------------


def dynamodb_says(_: str, __: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """A new table has no backups for a while, and a deleted one is still there."""
    action, fields = action_of(headers), _json(body)
    name = str(fields.get("TableName", ""))
    if action == "UpdateTable":
        return _update_says(name)
    if action == "UpdateContinuousBackups" and moments.within(BACKUPS_SECONDS, "table", _at(name)):
        return rejection(
            "ContinuousBackupsUnavailableException",
            f"Backups are being enabled for the table: {name}. Please retry later",
        )
    if moments.within(TABLE_SECONDS, "deleted table", _at(name)):
        if action == "CreateTable":
            return rejection("ResourceInUseException", f"Table already exists: {name}")
        if action == "DescribeTable":
            table = {"TableName": name, "TableStatus": "DELETING"}
            return 200, {"Content-Type": JSON}, json.dumps({"Table": table}).encode()
    if action == "CreateTable":
        moments.mark("table", _at(name))
    if action == "DeleteTable" and not dynamodb._tables.get(name, {}).get(
        "DeletionProtectionEnabled"
    ):
        moments.mark("deleted table", _at(name))
    return None


def _update_says(name: str) -> Response | None:
    """A table is changed once at a time."""
    if moments.within(UPDATE_SECONDS, "updated table", _at(name)):
        return rejection(
            "ResourceInUseException",
            "Attempt to change a resource which is still in use: Table is being updated: " + name,
        )
    moments.mark("updated table", _at(name))
    return None


def sqs_says(_: str, __: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """The name of a deleted queue is not free for a minute."""
    action, fields = action_of(headers), _json(body)
    name = str(fields.get("QueueName") or fields.get("QueueUrl", "")).rpartition("/")[2]
    if action == "CreateQueue" and moments.within(QUEUE_SECONDS, "deleted queue", _at(name)):
        code = "AWS.SimpleQueueService.QueueDeletedRecently"
        status, answered, text = rejection(
            "com.amazonaws.sqs#QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another "
            "with the same name.",
        )
        return status, {**answered, "x-amzn-query-error": f"{code};Sender"}, text
    if action == "DeleteQueue":
        moments.mark("deleted queue", _at(name))
    return None


def secrets_say(_: str, __: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """The name of a deleted secret is not free at once."""
    action, fields = action_of(headers), _json(body)
    name = str(fields.get("Name") or fields.get("SecretId", ""))
    if action == "CreateSecret" and moments.within(SECRET_SECONDS, "deleted secret", _at(name)):
        return rejection(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled "
            "for deletion.",
        )
    if action == "DeleteSecret":
        moments.mark("deleted secret", _at(name))
    return None


def apigateway_says(method: str, path: str, _: Mapping[str, str], body: bytes) -> Response | None:
    """Some calls may be made once in many seconds; a role is not seen at once."""
    parts = path.strip("/").split("/")
    name = parts[-1] if method in {"POST", "PATCH"} else parts[0]
    seconds = QUOTAS.get((method, name), 0) if len(parts) < 4 else 0
    if seconds and moments.within(seconds, "gateway", method, name):
        headers = {"Content-Type": JSON, "x-amzn-ErrorType": "TooManyRequestsException"}
        return 429, headers, b'{"message": "Too Many Requests"}'
    if seconds:
        moments.mark("gateway", method, name)
    if (method, path) == ("PATCH", "/account"):
        role = str(_json(body)["patchOperations"][0]["value"]).rpartition("/")[2]
        if moments.within(IAM_SECONDS, "role", role):
            headers = {"Content-Type": JSON, "x-amzn-ErrorType": "BadRequestException"}
            text = "The role ARN does not have required permissions configured."
            return 400, headers, json.dumps({"message": text}).encode()
    return None


def lambda_says(method: str, path: str, _: Mapping[str, str], body: bytes) -> Response | None:
    """A new role cannot be assumed yet; a new account reserves nothing; a mapping changes once."""
    if "/event-source-mappings" in path:
        return _mapping_says(method, path)
    granted = account["concurrency"]
    if path.endswith("/account-settings"):
        limit = {"ConcurrentExecutions": granted, "UnreservedConcurrentExecutions": granted}
        usage = {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": 0, "FunctionCount": 0}}
        return 200, {"Content-Type": JSON}, json.dumps(usage).encode()
    if method == "PUT" and path.endswith("/concurrency"):
        wanted = int(_json(body)["ReservedConcurrentExecutions"])
        least = min(granted, 100)
        if wanted and granted - wanted < least:
            return rejection(
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{least}].",
            )
    role = str(_json(body).get("Role", "")).rpartition("/")[2] if b'"Role"' in body else ""
    if role and moments.within(IAM_SECONDS, "role", role):
        return rejection(
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        )
    return None


def _mapping_says(method: str, path: str) -> Response | None:
    """A mapping cannot be changed while another change is made."""
    name = path.rstrip("/").rpartition("/")[2]
    if method in {"PUT", "DELETE"}:
        if moments.within(MAPPING_SECONDS, "mapping", _at(name)):
            return rejection(
                "ResourceInUseException",
                "Cannot update the event source mapping because it is in use.",
                status=409,
            )
        moments.mark("mapping", _at(name))
    return None


def iam_says(_: str, __: str, headers: Mapping[str, str], body: bytes) -> Response | None:
    """What a role may do changes after a while only."""
    fields = _json(body) or {key: each[0] for key, each in parse_qs(body.decode()).items()}
    action = str(fields.get("Action") or action_of(headers))
    role = str(fields.get("RoleName", ""))
    if action == "CreateRole":
        moments.mark("role", role)
    elif role and action.startswith(("Put", "Attach", "Detach", "Delete")):
        before[role] = policies_in_force(role, "000000000000")
        moments.mark("policy", role)
    return None


JSON = "application/json"
SAYS: Mapping[str, Callable[[str, str, Mapping[str, str], bytes], Response | None]] = {
    "dynamodb": dynamodb_says,
    "sqs": sqs_says,
    "secretsmanager": secrets_say,
    "apigateway": apigateway_says,
    "lambda": lambda_says,
    "iam": iam_says,
}


def saying(service: str, handler: Any) -> Any:
    """Put what AWS says before a service of the emulator."""

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        said = SAYS[service](method, path, headers, body)
        if said is None and service == "lambda" and b'"ZipFile"' in body:
            body = readable_code(body)
        response = said or await handler(method, path, headers, body, query)
        if service == "lambda" and method == "GET" and "Qualifier" in query:
            return with_own_code(path, query, response)
        return response

    return handle


def with_own_code(path: str, query: Any, response: Any) -> Any:
    """Let a version's description lead to the code of that version; the emulator's to the last."""
    status, headers, text = response
    fields = json.loads(text)
    if "Location" in fields.get("Code", {}):
        name, version = path.rstrip("/").rpartition("/")[2], str(query["Qualifier"][0])
        address = fields["Code"]["Location"].partition("/_ministack/")[0]
        fields["Code"]["Location"] = f"{address}/_as_aws/code/{get_region()}/{name}/{version}"
    return status, headers, json.dumps(fields).encode()


def readable_code(body: bytes) -> bytes:
    """Leave out the files of a function's code that only its owner may read."""
    fields = json.loads(body)
    code = fields.get("Code", fields)
    archive = ZipFile(io.BytesIO(base64.b64decode(code["ZipFile"])))
    hidden = {each.filename for each in archive.infolist() if not each.external_attr >> 16 & 0o004}
    if not hidden:
        return body
    left = io.BytesIO()
    with ZipFile(left, "w") as file:
        for each in archive.infolist():
            if each.filename not in hidden:
                file.writestr(each, archive.read(each))
    code["ZipFile"] = base64.b64encode(left.getvalue()).decode()
    return json.dumps(fields).encode()


# --- IAM ----------------------------------------------------------------------------------------

before: dict[str, Any] = {}
policies_now = iam_evaluator._gather_role_policies


def policies_in_force(role: str, account_id: str) -> Any:
    """Return the policies of a role as IAM applies them: changes count after some seconds."""
    if moments.within(IAM_SECONDS, "policy", role) and role in iam_service._roles:
        return before[role]
    return policies_now(role, account_id)


lambda_action_by_the_emulator = iam_actions._lambda_action


OF_ONE_MAPPING = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}


def lambda_action(method: str, path: str) -> Any:
    """Tell the actions of a function's concurrency apart, and those of a stream's mapping."""
    if path.endswith("/concurrency"):
        return f"{method.capitalize()}FunctionConcurrency"
    if path.rstrip("/").rpartition("/")[0].endswith("/event-source-mappings"):
        return f"{OF_ONE_MAPPING[method]}EventSourceMapping"
    return lambda_action_by_the_emulator(method, path)


# What the emulator does not read from a request: it checks these on another resource, or on none.
RESOURCES: Mapping[str, str] = {
    "cloudformation": "arn:aws:cloudformation:{region}:000000000000:stack/passerelle-dev/1",
    "events": "arn:aws:events:{region}:000000000000:rule/passerelle-dev-sweep-event",
    "apigateway": "arn:aws:apigateway:{region}::/restapis",
    "monitoring": "arn:aws:cloudwatch::000000000000:dashboard/passerelle-dev",
}

enforced_by_the_emulator = iam_evaluator.enforce


def enforce(access_key: str, action: str, *rest: Any, **named: Any) -> Any:
    """Enforce, and remember what was allowed to whom."""
    service, region = rest[:2]
    if service in RESOURCES and not action.startswith("events:PutEvents"):
        named["resource_arn"] = RESOURCES[service].format(region=region)
    denied = enforced_by_the_emulator(access_key, action, *rest, **named)
    if not denied:
        used[access_key].add(action)
    return denied


# --- the API of a stage -------------------------------------------------------------------------

executed_by_the_emulator = gateway._execute_in_scope
imported_by_the_emulator = gateway._import_rest_api
proxied_by_the_emulator = gateway._lambda_proxy_response
table_deleted_by_the_emulator = provisioners._ddb_delete
stage_made_by_the_emulator = provisioners._apigw_stage_create


async def execute(request: Any, api: str, stage: str, method: str, *rest: Any) -> Any:
    """To a bearer with an unknown path API Gateway speaks of signatures."""
    found = await executed_by_the_emulator(request, api, stage, method, *rest)
    headers = rest[1]
    unknown = getattr(found, "response_type", "") == "MISSING_AUTHENTICATION_TOKEN"
    if unknown and gateway._header_ci(headers, "authorization"):
        return gateway._GatewayError("DEFAULT_4XX", SIGNATURE, "IncompleteSignatureException")
    if isinstance(found, tuple) and found[0] == 502:
        return gateway._gw_error("DEFAULT_5XX", "Internal server error")
    return found


def proxy_response(result: Any) -> Any:
    """A function that is throttled, or that fails, is an error of the gateway."""
    if result.get("throttle") or result.get("error"):
        return None, "Internal server error"
    return proxied_by_the_emulator(result)


def import_rest_api(document: Any, data: Any = None) -> Any:
    """Take over the gateway responses of an API's document."""
    api = imported_by_the_emulator(document, data)
    set_gateway_responses(api, document)
    return api


def set_gateway_responses(api: str, document: Any) -> None:
    """Set those of a document, and no others."""
    gateway._gateway_responses[api] = {}
    for name, each in document.get("x-amazon-apigateway-gateway-responses", {}).items():
        gateway._put_gateway_response(api, name, dict(each))


def delete_table(name: str, properties: Any) -> Any:
    """CloudFormation cannot delete a table that is protected, in a rollback neither."""
    if dynamodb._tables.get(name, {}).get("DeletionProtectionEnabled"):
        raise ValueError(
            f"Resource '{name}' cannot be deleted: it has deletion protection enabled."
        )
    return table_deleted_by_the_emulator(name, properties)


def make_stage(*arguments: Any) -> Any:
    """A stage cannot log before the account has a role for it."""
    settings = gateway._account_settings.get("settings") or {}
    if not settings.get("cloudwatchRoleArn"):
        raise ValueError("CloudWatch Logs role ARN must be set in account settings to log")
    return stage_made_by_the_emulator(*arguments)


# --- the front ----------------------------------------------------------------------------------

served_by_the_emulator = emulator.app


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Serve `/_as_aws`; drop braces from an API's queries, and rename a header of its responses."""
    path = str(scope.get("path", ""))
    if path == "/_as_aws":
        await respond_to_test(receive, send)
        return
    if path.startswith("/_as_aws/code/"):
        region, name, version = path.split("/")[3:]
        function = functions._functions.get_scoped("000000000000", region, name)
        await respond(send, "application/zip", function["versions"][version]["code_zip"])
        return
    if scope["type"] != "http" or not is_for_an_api(scope):
        await served_by_the_emulator(scope, receive, send)
        return
    query = bytes(scope.get("query_string", b"")).replace(b"{", b"").replace(b"}", b"")

    async def renamed(message: Any) -> None:
        pairs = [(remapped(name), value) for name, value in message.get("headers", ())]
        await send({**message, "headers": pairs} if "headers" in message else message)

    await served_by_the_emulator({**scope, "query_string": query}, receive, renamed)


def is_for_an_api(scope: Any) -> bool:
    """Tell whether a request goes to a deployed API, by its address or its domain."""
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    return scope["path"].startswith("/_aws/execute-api/") or hosts[:1] == ["scim.example.com"]


def remapped(name: bytes) -> bytes:
    """Rename the header that API Gateway keeps for itself."""
    own = name.lower() == b"www-authenticate"
    return b"x-amzn-remapped-www-authenticate" if own else name


async def respond_to_test(receive: Any, send: Any) -> None:
    """Take over what a test sets; say what each access key has used."""
    account.update(json.loads((await receive()).get("body") or b"{}"))
    found = {key: sorted(actions) for key, actions in used.items()}
    await respond(send, JSON, json.dumps(found).encode())


async def respond(send: Any, media_type: str, body: bytes) -> None:
    """Respond with a body."""
    length = str(len(body)).encode()
    headers = [(b"content-type", media_type.encode()), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _at(name: str) -> str:
    return f"{get_region()}/{name}"


def install() -> None:
    """Put all of this in front of the emulator."""
    for service in SAYS:
        handler = emulator.SERVICE_HANDLERS[service]
        emulator.SERVICE_HANDLERS[service] = saying(service, handler)
    iam_evaluator._gather_role_policies = policies_in_force
    iam_evaluator.enforce = enforce
    iam_actions._lambda_action = lambda_action
    gateway._execute_in_scope = execute
    gateway._lambda_proxy_response = proxy_response
    gateway._import_rest_api = import_rest_api
    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]["delete"] = delete_table
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]["create"] = make_stage
    emulator.app = serve
