"""The handlers of webhooks: where events are sent to, what was sent, what was given up."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.admin import responses
from chalicelib.api.admin.audit import deployment_context
from chalicelib.api.admin.events import require_stream
from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import (
    NO_STORE,
    Created,
    DeadLetter,
    Delivery,
    NewWebhookSecret,
    NoContent,
    Ok,
    Page,
    page,
)
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.events import webhooks
from chalicelib.events.sender import Sender
from chalicelib.events.told import ToldEvent
from chalicelib.events.webhooks import OWNER
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit, deployment_entry_item
from chalicelib.organisations.inputs import ABSENT, Body
from chalicelib.organisations.paging import UNKNOWN_CURSOR
from chalicelib.queues import QUEUE
from chalicelib.storage import grants, webhook_items
from chalicelib.storage.clock import timestamp
from chalicelib.storage.event_items import EVENT_TYPES, Event, EventType
from chalicelib.storage.keys import is_ulid
from chalicelib.storage.settings_items import ORGANISATION_ID
from chalicelib.storage.webhook_items import Include, Webhook, WebhookState

MAX_ORGANISATIONS = 100
NOT_IN_A_QUEUE = "a queue would store personal data: leave out include, and read the objects"
OF_A_QUEUE = "This webhook sends to a queue. Create another one for the URL, and delete this one."
WEBHOOK_ID = re.compile(r"[0-9a-f]{12}")

Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[!-~]+$")]
# The ARN of an SQS FIFO queue.
Queue = Annotated[str, StringConstraints(max_length=200, pattern=rf"^{QUEUE.pattern}$")]
OrganisationId = Annotated[str, StringConstraints(pattern=rf"^{ORGANISATION_ID.pattern}$")]


class NewWebhook(Body):
    """A webhook: its URL or queue, and which events it gets; without a choice, all of them.

    With `include` the events of users and groups have the object as it is when they are sent.
    """

    url: Url | None = None
    queue: Queue | None = None
    types: list[EventType] = Field(default=[], max_length=len(EVENT_TYPES))
    organisations: list[OrganisationId] = Field(default=[], max_length=MAX_ORGANISATIONS)
    include: Include | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.url is None) == (self.queue is None):
            raise PydanticCustomError("one_of", "expected exactly one of url and queue")
        if self.queue and self.include:
            raise PydanticCustomError("stored", NOT_IN_A_QUEUE)
        return self


class WebhookChanges(Body):
    """Changes of a webhook; a field that is absent stays as it is."""

    url: Url = ABSENT
    types: list[EventType] = Field(default=ABSENT, max_length=len(EVENT_TYPES))
    organisations: list[OrganisationId] = Field(default=ABSENT, max_length=MAX_ORGANISATIONS)
    state: WebhookState = ABSENT
    include: Include | None = ABSENT


class Replay(Body):
    """What to send again: what follows a cursor of `GET /admin/changes`, or the dead letters."""

    after: Annotated[str, StringConstraints(max_length=40)] | None = None
    dead_letters: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.after is not None) == self.dead_letters:
            message = "expected exactly one of after and dead_letters"
            raise PydanticCustomError("one_of", message)
        return self


def create_webhook(request: AdminRequest) -> Created[NewWebhookSecret]:
    """POST /admin/webhooks."""
    require_stream(request.services)
    body = read_body(NewWebhook, request.http)
    chosen = body.types, body.organisations, body.queue or "", body.include
    wanted = Webhook("", body.url or "", "active", "", "", (), *chosen)
    services = request.services
    made = webhooks.create(_context(request), services.secrets, services.outbound, wanted)
    return Created({"id": made.webhook.id, "secret": made.secret}, NO_STORE)


def list_webhooks(request: AdminRequest) -> Ok[Page[responses.Webhook]]:
    """GET /admin/webhooks: all of them."""
    return page([_document(each) for each in webhooks.list_webhooks(_context(request).items)])


def get_webhook(request: AdminRequest) -> Ok[responses.Webhook]:
    """GET /admin/webhooks/{webhook}."""
    return Ok(_document(webhooks.get(_context(request).items, _id(request))))


def change_webhook(request: AdminRequest) -> Ok[responses.Webhook]:
    """PATCH /admin/webhooks/{webhook}."""
    body = read_body(WebhookChanges, request.http)
    admin, changed = _context(request), body.model_dump(exclude_unset=True)
    if "url" in changed:
        webhooks.require_allowed(request.services.outbound, changed["url"])
    before = webhooks.get(admin.items, _id(request))
    if "url" in changed and before.queue:
        raise Conflict(OF_A_QUEUE)
    if changed.get("include") and before.queue:
        raise BadRequest(f"include: {NOT_IN_A_QUEUE}.")
    after = replace(before, **changed)
    webhooks.change(admin, before, after)
    return Ok(_document(after))


def delete_webhook(request: AdminRequest) -> NoContent:
    """DELETE /admin/webhooks/{webhook}: nothing more is sent."""
    webhooks.delete(_context(request), request.services.secrets, _id(request))
    return NoContent()


def rotate_webhook(request: AdminRequest) -> Created[NewWebhookSecret]:
    """POST /admin/webhooks/{webhook}/rotate: for a day deliveries have both signatures."""
    made = webhooks.rotate(_context(request), request.services.secrets, _id(request))
    return Created({"id": made.webhook.id, "secret": made.secret}, NO_STORE)


def send_test_event(request: AdminRequest) -> Ok[Delivery]:
    """POST /admin/webhooks/{webhook}/test: sends one event now, and ends a pause if accepted."""
    admin, services = _context(request), request.services
    webhook = webhooks.get(admin.items, _id(request))
    live = webhook.live_secrets(timestamp(admin.now()))
    secrets = [services.secrets.text_of(OWNER, each.id, request.deadline) for each in live]
    event = Event(
        admin.clock.new_id(), "test", "sent", "", None, webhook.id, timestamp(admin.now())
    )
    source = request.http.base_url
    sender = Sender(services.table, services.secrets, services.outbound, source, services.queues)
    admin.items.commit([deployment_entry_item(admin, Edit("webhook", webhook.id, action="tested"))])
    delivery = sender.send(webhook, secrets, ToldEvent(event, None))
    if delivery.is_accepted:
        webhooks.end_pause(admin.items, webhook)
    return Ok(_delivery(delivery))


def list_deliveries(request: AdminRequest) -> Ok[Page[Delivery]]:
    """GET /admin/webhooks/{webhook}/deliveries: of seven days, the newest first."""
    found = webhooks.list_deliveries(
        _context(request).items, _id(request), request.page_size, _cursor(request)
    )
    return page([_delivery(each) for each in found.items], found.next_cursor)


def list_dead_letters(request: AdminRequest) -> Ok[Page[DeadLetter]]:
    """GET /admin/webhooks/{webhook}/dead-letters: what was given up, the newest first."""
    found = webhooks.list_dead_letters(
        _context(request).items, _id(request), request.page_size, _cursor(request)
    )
    letters: list[DeadLetter] = [
        {"id": each.id, "event": each.event, "object": each.object, "at": each.at}
        for each in found.items
    ]
    return page(letters, found.next_cursor)


def clear_dead_letters(request: AdminRequest) -> NoContent:
    """DELETE /admin/webhooks/{webhook}/dead-letters: they are not sent any more."""
    webhooks.clear_dead_letters(_context(request), _id(request))
    return NoContent()


def replay(request: AdminRequest) -> NoContent:
    """POST /admin/webhooks/{webhook}/replay: from a cursor on, or what was given up."""
    body, admin = read_body(Replay, request.http), _context(request)
    if body.after is not None:
        webhooks.replay_from(admin, _id(request), body.after)
    else:
        webhooks.replay_dead_letters(admin, _id(request))
    return NoContent()


def _context(request: AdminRequest) -> AdminContext:
    return deployment_context(request, grants.webhook_management())


def _id(request: AdminRequest) -> str:
    """Return the webhook's id of the path.

    Raises:
        NotFound: it does not have the form of one; DynamoDB rejects a key that is too long.
    """
    if WEBHOOK_ID.fullmatch(request.http.path["webhook"]) is None:
        raise NotFound
    return request.http.path["webhook"]


def _cursor(request: AdminRequest) -> str | None:
    cursor = request.http.query.get("cursor")
    if cursor is not None and not is_ulid(cursor):
        raise BadRequest(UNKNOWN_CURSOR)
    return cursor


def _document(webhook: Webhook) -> responses.Webhook:
    return {
        "id": webhook.id,
        "url": webhook.url or None,
        "queue": webhook.queue or None,
        "state": webhook.state,
        "types": list(webhook.types),
        "organisations": list(webhook.organisations),
        "include": webhook.include,
        "created": webhook.created,
        "cursor": webhook.cursor,
        "failures": webhook.failures,
        "next_attempt": webhook.next_attempt,
    }


def _delivery(delivery: webhook_items.Delivery) -> Delivery:
    return {
        "id": delivery.id,
        "event": delivery.event,
        "at": delivery.at,
        "status": delivery.status,
        "length": delivery.length,
        "error": delivery.error,
        "milliseconds": delivery.milliseconds,
    }
