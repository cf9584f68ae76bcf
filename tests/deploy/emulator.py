"""The emulator of AWS on which deployment is tried, with what it lacks.

Executed by the interpreter of .venv-emulator, with the emulator's settings in the environment.
It ends with the process that started it. Its API Gateway imports an OpenAPI document for
CloudFormation only; Chalice uses the calls for it, so they are routed to the same functions. Two
settings of an API and those of a domain, which Chalice changes, it cannot change. What AWS says
and the emulator does not is in as_aws.py.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.services import apigateway_v1 as gateway

sys.path.append(str(Path(__file__).parent))  # an isolated interpreter does not look there

import as_aws

Answer = tuple[int, dict[str, str], bytes]

handled_by_the_emulator = gateway.handle_request


async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Answer:
    """Handle here what Chalice calls and the emulator lacks, all else as the emulator does."""
    match method, *path.strip("/").split("/"):
        case "POST", "restapis" if "mode" in query:
            return import_rest_api(json.loads(body))
        case "PUT", "restapis", api:
            return put_rest_api(api, json.loads(body))
        case "PATCH", "domainnames", name:
            return update_domain_name(name, json.loads(body)["patchOperations"])
        case "PATCH", "restapis", api:
            body = json.dumps(left_to_the_emulator(api, json.loads(body))).encode()
    response: Answer = await handled_by_the_emulator(method, path, headers, body, query)
    return response


def import_rest_api(document: Any) -> Answer:
    """Make an API of an OpenAPI document."""
    made = gateway._import_rest_api(document)
    keep_settings(made, document)
    response: Answer = gateway._get_rest_api(made)
    return response


def put_rest_api(api: str, document: Any) -> Answer:
    """Replace an API's routes and, like AWS in mode `overwrite`, its gateway responses."""
    root = next(each for each in gateway._resources[api].values() if each["path"] == "/")
    gateway._resources[api] = {root["id"]: {**root, "resourceMethods": {}}}
    as_aws.set_gateway_responses(api, document)
    for path, item in document.get("paths", {}).items():
        gateway._import_path_item(api, path, item)
    keep_settings(api, document)
    response: Answer = gateway._get_rest_api(api)
    return response


def update_domain_name(name: str, changes: Any) -> Answer:
    """Change settings of a domain."""
    gateway._apply_patch(gateway._domain_names[name], changes)
    response: Answer = gateway._get_domain_name(name)
    return response


def left_to_the_emulator(api: str, body: Any) -> Any:
    """Change what the emulator cannot: a list's element, and a number that is removed."""
    left = []
    for each in body["patchOperations"]:
        if each["path"].startswith("/endpointConfiguration/types/"):
            gateway._rest_apis[api]["endpointConfiguration"]["types"] = [each["value"]]
        elif each["path"] == "/minimumCompressionSize" and not each["value"]:
            gateway._rest_apis[api]["minimumCompressionSize"] = None
        else:
            left.append(each)
    return {**body, "patchOperations": left}


def keep_settings(api: str, document: Any) -> None:
    """Take over which bodies the gateway encodes for the function."""
    types = document.get("x-amazon-apigateway-binary-media-types", [])
    gateway._rest_apis[api]["binaryMediaTypes"] = types


def end_with_parent() -> None:
    """Wait until the pipe to the parent closes, which happens however the parent dies."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    gateway.handle_request = handle_request
    as_aws.install()
    threading.Thread(target=end_with_parent, daemon=True).start()
    main()
