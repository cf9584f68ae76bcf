"""The check of a delivery (Standard Webhooks): who sent it, and that it is not an old one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import TypedDict

from passerelle_client.types import ToldChange, ToldMembership

TOLERANCE_SECONDS = 300
PREFIX = "whsec_"


class InvalidSignature(Exception):
    """The delivery was not signed with one of the secrets, or it is too old: respond with 401."""


class CloudEvent(TypedDict):
    """A delivery (CloudEvents 1.0); `data` is what `Consumer.apply` takes."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: ToldChange | ToldMembership


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    *,
    now: float | None = None,
) -> CloudEvent:
    """Return the event of a delivery whose signature is right.

    `body` is what was received, unchanged. `secrets` has the secret of the webhook, and for the
    24 hours after it was rotated the one before too.

    Raises:
        InvalidSignature: it must not be trusted.
    """
    given = {name.lower(): value for name, value in headers.items()}
    sent_at = given.get("webhook-timestamp", "")
    age = abs((time.time() if now is None else now) - int(sent_at)) if sent_at.isdigit() else None
    if age is None or age > TOLERANCE_SECONDS:
        message = "webhook-timestamp is missing, or more than five minutes from now"
        raise InvalidSignature(message)
    content = f"{given.get('webhook-id', '')}.{sent_at}.".encode() + body
    found = [each.encode() for each in given.get("webhook-signature", "").split()]
    expected = [_sign(content, secret).encode() for secret in secrets]
    if not any(hmac.compare_digest(each, one) for one in expected for each in found):
        message = "webhook-signature has no signature by one of the secrets"
        raise InvalidSignature(message)
    event: CloudEvent = json.loads(body)
    return event


def _sign(content: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        message = "a secret of a webhook is `whsec_` and base64"
        raise ValueError(message) from None
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
