"""A told event as a document: of the feed, and as CloudEvents 1.0 for a webhook. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from chalicelib.events.told import ToldEvent
from chalicelib.storage.event_items import Event

# What `type` begins with (CloudEvents 1.0: a reverse-DNS or other prefix of who defines it).
PREFIX = "passerelle"
CONTENT_TYPE = "application/cloudevents+json"
# The largest body; an event whose object makes it larger goes without it.
MAX_BYTES = 256 * 1024
# In the place of an object that the receiver has to read.
LEFT_OUT = {"object": None, "truncated": True}
SECRET_PREFIX = "whsec_"  # noqa: S105 - of Standard Webhooks, in front of a secret


def document(told: ToldEvent) -> Any:
    """Describe an event as the feed and webhooks tell it."""
    event = told.event
    common = {
        "id": event.id,
        "type": event.type,
        "action": event.action,
        "organisation": event.organisation,
        "reference": told.reference,
        "connection": event.connection,
        "at": event.at,
    }
    if event.user is not None:
        state = "present" if told.present else "absent"
        return {**common, "team": event.subject, "user": event.user, "state": state}
    if event.alert is not None:
        return {**common, "subject": event.subject, "alert": event.alert}
    changed = {"version": event.version, "attributes": list(event.attributes)}
    return {**common, "subject": event.subject, **changed, **told.included}


def cloud_event(told: ToldEvent, source: str) -> bytes:
    """Write the body of a delivery: at most 256 KB."""
    body = _body(told, source)
    if len(body) <= MAX_BYTES or not told.included:
        return body
    return _body(replace(told, included=LEFT_OUT), source)


def _body(told: ToldEvent, source: str) -> bytes:
    event = told.event
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"{source}/admin{_place(event)}",
        "type": f"{PREFIX}.{event.type}.{event.action}",
        "subject": event.object,
        "time": event.at,
        "datacontenttype": "application/json",
        "data": document(told),
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def _place(event: Event) -> str:
    return f"/organisations/{event.organisation}" if event.organisation else ""


def signed_headers(event_id: str, at: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """Return the headers of Standard Webhooks: one signature for each secret, by HMAC-SHA256."""
    content = f"{event_id}.{at}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets)
    digests = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in digests),
    }
