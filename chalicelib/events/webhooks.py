"""The webhooks of a deployment: create, list, change, delete, rotate their secrets, replay.

A secret is shown when it is made, and kept in Secrets Manager, where the sender reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from itertools import islice
from operator import and_
from typing import TypeVar

from chalicelib.auth.secrets import Secrets
from chalicelib.errors import BadRequest, Conflict, NotFound
from chalicelib.events import feed
from chalicelib.events.envelope import SECRET_PREFIX
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit, deployment_entry_item
from chalicelib.organisations.paging import Page, take_page
from chalicelib.outbound import NotAllowed, OutboundClient, Unreachable
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import (
    EXISTS,
    NEW,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
    key_of,
)
from chalicelib.storage.keys import LAST, Range, WebhookKeys, webhooks
from chalicelib.storage.records import changed_item, from_item, from_items, to_item, update
from chalicelib.storage.table import Namespace
from chalicelib.storage.webhook_items import (
    DeadLetter,
    Delivery,
    SigningSecret,
    Waiting,
    Webhook,
)

# What the secrets of webhooks have in the place of a connection in their names.
OWNER = "webhooks"
SECRET_BYTES = 32
# How long deliveries carry the signature of the secret before, too.
OVERLAP = timedelta(hours=24)
MAX_WEBHOOKS = 20
ID_DIGITS = 12
# How many dead letters one request lets be sent again.
MAX_REPLAYED = 500

TOO_MANY = f"A deployment has at most {MAX_WEBHOOKS} webhooks. Delete one first."
NOT_PUBLIC = (
    "url: expected an https URL on port 443 whose host has public addresses only, without a user "
    "or a fragment."
)
CHANGED = (
    "Another request has changed this webhook at the same time. Read it, and send yours again if "
    "it is still needed."
)
UNSIGNED = "A webhook that sends to a queue signs nothing, so it has no secret to rotate."
NO_ADDRESS = "url: the host has no address. Check its name, or try again when it can be resolved."


@dataclass(frozen=True, slots=True)
class Outcome:
    """A webhook, and the text of a secret where one was made: a queue needs none."""

    webhook: Webhook
    secret: str | None


def create(
    admin: AdminContext, secrets: Secrets, outbound: OutboundClient, wanted: Webhook
) -> Outcome:
    """Create a webhook, which gets what happens from now on.

    `wanted` has its url or queue, and its choices.

    Raises:
        BadRequest: its URL may not be reached.
        Conflict: there are too many.
        Unavailable: the secret could not be stored.
    """
    if wanted.url:
        require_allowed(outbound, wanted.url)
    if len(list_webhooks(admin.items)) >= MAX_WEBHOOKS:
        raise Conflict(TOO_MANY)
    made = _new_secret(admin, secrets) if wanted.url else None
    webhook = replace(
        wanted,
        id=admin.clock.new_id()[:ID_DIGITS],
        created=timestamp(admin.now()),
        cursor=str(feed.end(admin.items)),
        secrets=(made[0],) if made else (),
    )
    admin.items.commit(
        [
            Put(WebhookKeys(webhook.id).own_item, to_item(webhook), NEW),
            deployment_entry_item(admin, Edit("webhook", webhook.id, after=audited(webhook))),
        ]
    )
    return Outcome(webhook, made[1] if made else None)


def require_allowed(outbound: OutboundClient, url: str) -> None:
    """Check where a webhook would send to.

    Raises:
        BadRequest: it may not be reached, or has no address.
    """
    try:
        outbound.require_allowed(url)
    except NotAllowed:
        raise BadRequest(NOT_PUBLIC) from None
    except Unreachable:
        raise BadRequest(NO_ADDRESS) from None


def _new_secret(admin: AdminContext, secrets: Secrets) -> tuple[SigningSecret, str]:
    key = admin.clock.random.getrandbits(8 * SECRET_BYTES).to_bytes(SECRET_BYTES)
    text = SECRET_PREFIX + base64.b64encode(key).decode()
    secret = SigningSecret(admin.clock.new_id()[:ID_DIGITS])
    secrets.create(OWNER, secret.id, text, admin.items.deadline)
    return secret, text


def audited(webhook: Webhook) -> dict[str, object]:
    """Return the values that the audit shows."""
    return {
        **({"queue": webhook.queue} if webhook.queue else {"url": webhook.url}),
        "state": webhook.state,
        "types": list(webhook.types),
        "organisations": list(webhook.organisations),
        "include": webhook.include,
    }


def get(items: Namespace, webhook_id: str) -> Webhook:
    """Read a webhook.

    Raises:
        NotFound: there is no such webhook.
    """
    item = items.get(WebhookKeys(webhook_id).own_item)
    if item is None:
        raise NotFound
    return from_item(Webhook, item)


def list_webhooks(items: Namespace) -> Sequence[Webhook]:
    """List all webhooks: one Query."""
    return tuple(from_items(Webhook, items.query(webhooks())))


def change(
    admin: AdminContext, before: Webhook, after: Webhook, action: str = "", also: Sequence[str] = ()
) -> None:
    """Write a change of a webhook's url, choices and state; of its secrets where `also` has them.

    Raises:
        NotFound: it was deleted meanwhile.
        Conflict: another request has changed it since it was read.
    """
    edit = Edit("webhook", after.id, before=audited(before), after=audited(after), action=action)
    written = update(WebhookKeys(after.id).own_item, after, _unchanged(before), also)
    if admin.items.try_commit([written, deployment_entry_item(admin, edit)]) is not None:
        get(admin.items, after.id)
        raise Conflict(CHANGED)


def _unchanged(read: Webhook) -> Condition:
    """Require what requests change of a webhook to be as it was read."""
    attributes = changed_item(read, ["secrets"]).items()
    terms = (absent(name) if value is None else equals(name, value) for name, value in attributes)
    return reduce(and_, terms, EXISTS)


def rotate(admin: AdminContext, secrets: Secrets, webhook_id: str) -> Outcome:
    """Make another secret; for a day deliveries are signed by the one before, too.

    Raises:
        NotFound: there is no such webhook.
        Conflict: it has no secret, or another request has changed it meanwhile.
        Unavailable: the secret could not be stored.
    """
    before, now = get(admin.items, webhook_id), admin.now()
    if before.queue:
        raise Conflict(UNSIGNED)
    secret, text = _new_secret(admin, secrets)
    until = timestamp(now + OVERLAP)
    kept = [SigningSecret(each.id, until) for each in before.secrets if each.until is None]
    after = replace(before, secrets=(secret, *kept))
    try:
        change(admin, before, after, action="secret_rotated", also=["secrets"])
    except (Conflict, NotFound):
        secrets.delete(OWNER, secret.id, admin.items.deadline)
        raise
    for each in before.secrets:
        if each.until is not None:
            secrets.delete(OWNER, each.id, admin.items.deadline)
    return Outcome(after, text)


def delete(admin: AdminContext, secrets: Secrets, webhook_id: str) -> None:
    """Delete a webhook with its secrets, what waits and what was given up.

    Raises:
        NotFound: there is no such webhook.
    """
    webhook, keys = get(admin.items, webhook_id), WebhookKeys(webhook_id)
    edit = Edit("webhook", webhook.id, before=audited(webhook))
    admin.items.commit([Delete(keys.own_item, EXISTS), deployment_entry_item(admin, edit)])
    for each in webhook.secrets:
        secrets.delete(OWNER, each.id, admin.items.deadline)
    for items in (keys.all_waiting(), keys.dead_letters()):
        admin.items.batch_delete([key_of(item) for item in admin.items.query(items)])


def end_pause(items: Namespace, webhook: Webhook) -> None:
    """Let what a webhook has missed be sent within a minute: its receiver accepts again."""
    if webhook.next_attempt is None and webhook.next_waiting is None:
        return
    now, key = timestamp(items.table.clock.now()), WebhookKeys(webhook.id).own_item
    woken = {"woken": now, "next_waiting": now}
    items.try_commit([Update(key, set=woken, remove=("next_attempt",), condition=EXISTS)])


def replay_from(admin: AdminContext, webhook_id: str, after: str) -> None:
    """Send everything after a cursor of the feed, again where it was sent before.

    Raises:
        NotFound: there is no such webhook.
        BadRequest: the feed has not, or no longer, what follows the cursor.
    """
    webhook = get(admin.items, webhook_id)
    found = feed.end(admin.items) if after == "now" else feed.parse_cursor(after)
    feed.read_page(admin.items, found, 1)
    cursor = str(found)
    # A process that is sending notices, and leaves the rest to the next one.
    started = Update(
        WebhookKeys(webhook_id).own_item,
        set={"cursor": cursor, "failures": 0},
        add={"replays": 1},
        remove=("next_attempt",),
        condition=EXISTS,
    )
    edit = Edit("webhook", webhook_id, {"cursor": webhook.cursor}, {"cursor": cursor}, "replayed")
    if admin.items.try_commit([started, deployment_entry_item(admin, edit)]) is not None:
        raise NotFound


def replay_dead_letters(admin: AdminContext, webhook_id: str) -> None:
    """Let what was given up be sent again, now: the newest 500, of each object in order.

    Raises:
        NotFound: there is no such webhook.
    """
    get(admin.items, webhook_id)
    keys, now = WebhookKeys(webhook_id), timestamp(admin.now())
    # A process that sends has read what waits: it notices, and writes nothing over it.
    woken = Update(keys.own_item, set={"next_waiting": now}, add={"replays": 1}, condition=EXISTS)
    # Each goes before what waits of its object, so the oldest comes last.
    letters = admin.items.query(keys.dead_letters(), page=MAX_REPLAYED, descending=True)
    for letter in list(from_items(DeadLetter, islice(letters, MAX_REPLAYED))):
        item = admin.items.get(keys.waiting(letter.object))
        waiting = from_item(Waiting, item) if item else Waiting(letter.object, (), now, now)
        again = replace(waiting, places=(letter.place, *waiting.places), next_attempt=now)
        unchanged = NEW if item is None else equals("places", item["places"])
        admin.items.commit(
            [
                Put(keys.waiting(letter.object), to_item(again), unchanged),
                Delete(keys.dead_letter(letter.id), EXISTS),
                woken,
            ]
        )
    edit = Edit("webhook", webhook_id, action="replayed")
    admin.items.commit([woken, deployment_entry_item(admin, edit)])


def clear_dead_letters(admin: AdminContext, webhook_id: str) -> None:
    """Delete what was given up.

    Raises:
        NotFound: there is no such webhook.
    """
    get(admin.items, webhook_id)
    letters = admin.items.query(WebhookKeys(webhook_id).dead_letters())
    admin.items.batch_delete([key_of(item) for item in letters])
    edit = Edit("webhook", webhook_id, action="cleared")
    admin.items.commit([deployment_entry_item(admin, edit)])


def list_deliveries(
    items: Namespace, webhook_id: str, size: int, before: str | None
) -> Page[Delivery]:
    """List the attempts of the last seven days, the newest first.

    Raises:
        NotFound: there is no such webhook.
    """
    get(items, webhook_id)
    found = WebhookKeys(webhook_id).deliveries(before or LAST)
    return _newest_first(items, Delivery, found, size, before)


def list_dead_letters(
    items: Namespace, webhook_id: str, size: int, before: str | None
) -> Page[DeadLetter]:
    """List what was given up, the newest first.

    Raises:
        NotFound: there is no such webhook.
    """
    get(items, webhook_id)
    found = WebhookKeys(webhook_id).dead_letters(before or LAST)
    return _newest_first(items, DeadLetter, found, size, before)


Listed = TypeVar("Listed", Delivery, DeadLetter)


def _newest_first(
    items: Namespace, of: type[Listed], found: Range, size: int, before: str | None
) -> Page[Listed]:
    """Read a page; the range ends with the last one of the page before."""
    read = from_items(of, items.query(found, page=size + 2, descending=True))
    return take_page((each for each in read if each.id != before), size, lambda last: last.id)
