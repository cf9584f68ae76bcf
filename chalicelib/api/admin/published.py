"""The handler of the OpenAPI document, which `make openapi` has written beside this file."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, OpenApi

FILE = Path(__file__).with_name("openapi.json")


def get_openapi(request: AdminRequest) -> Ok[OpenApi]:
    """GET /openapi.json, open to anyone."""
    return Ok({**read_document(), "servers": [{"url": request.http.base_url}]})


@cache
def read_document() -> OpenApi:
    """Read the document, which has no servers: only a deployment knows its URL."""
    document: OpenApi = json.loads(FILE.read_text(encoding="utf-8"))
    return document
