"""Lets the Python client of `clients/python` speak to an app in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from passerelle_client.http import Reply
from tests.support.builders import ApiClient

URL = "https://id.example.com"


@dataclass
class InProcess:
    """A transport that counts the requests, and may fail: `faults` are statuses to return first."""

    client: ApiClient
    faults: list[int] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send one request, with the credential of its own headers."""
        target = url.removeprefix(URL)
        self.sent.append(f"{method} {target.partition('?')[0]}")
        if self.faults:
            return Reply(self.faults.pop(0), {"retry-after": "1"}, b"{}")
        response = self.client.with_credential("")(method, target, body, headers)
        text = b"" if response.body is None else json.dumps(response.body).encode()
        return Reply(response.status, response.headers, text)
