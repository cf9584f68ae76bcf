"""Send events to one webhook, in the order of each object, until there are no more.

One process sends to a webhook at a time: it holds the webhook's lease, and what it writes depends
on the lease. A page of the feed is sent object by object, several objects at a time. Where an event
of an object fails, it and the later ones of that object wait, and the cursor moves on; where every
object of a page fails, it is the receiver that fails: the cursor stays, and the page is sent again
later. What waits is sent again at growing intervals for three days; then the event is given up,
and listed as a dead letter. An event is sent at least once; its id says whether it was before.

The three days are of the event itself: a receiver that has accepted nothing since the event was
tried last is down, and the attempt does not count. It is tried again at the latest after an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from chalicelib.auth.secrets import Secrets
from chalicelib.directory.extensions import UserTypes
from chalicelib.errors import BadRequest
from chalicelib.events import feed
from chalicelib.events.envelope import CONTENT_TYPE, cloud_event, signed_headers
from chalicelib.events.feed import FeedEntry
from chalicelib.events.told import ToldEvent, tell
from chalicelib.events.webhooks import OWNER, list_webhooks
from chalicelib.events.whole_objects import SECONDS_TO_READ, WholeObjects
from chalicelib.observability import logger
from chalicelib.outbound import NotAllowed, OutboundClient, OutboundRequest, Unreachable
from chalicelib.queues import Message, NotSent, QueueClient
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Lease, lease_unchanged
from chalicelib.storage.event_items import Event
from chalicelib.storage.expressions import (
    Action,
    Check,
    Condition,
    Delete,
    Put,
    Update,
    absent,
    equals,
)
from chalicelib.storage.keys import WebhookKeys, ulid
from chalicelib.storage.records import from_item, from_items, to_item
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Namespace, Table
from chalicelib.storage.webhook_items import (
    DEAD_LETTERS_KEPT,
    DELIVERIES_KEPT,
    DeadLetter,
    Delivery,
    Waiting,
    Webhook,
)

# The waits between attempts, in minutes: about three days in all.
INTERVALS = (1, 2, 5, 10, 30, 60, 120, 240, 480, 720, 1440, 1440)
# A receiver that fails altogether is asked at least this often, however long it fails.
LONGEST_PAUSE = 60
# The attempt after which the next one comes after that pause.
HOURLY = INTERVALS.index(LONGEST_PAUSE) + 1
# A page is sent with the transaction that moves the cursor: one action for each of its objects.
PAGE = 90
AT_A_TIME = 8
# So many objects may wait at a time; then nothing else is sent until some are accepted.
MAX_WAITING = 1_000
# So many events of one object may wait, about 30 KB; then the oldest are given up.
MAX_PLACES = 2_000
SECONDS_PER_REQUEST = 10.0
MAX_RESPONSE_BYTES = 16_384
LEASE = timedelta(seconds=60)
USER_AGENT = "Passerelle"
REJECTION = 4
# Of the receiver, and not of the event.
BUSY = frozenset({408, 429})
ACTIVE = equals("state", "active")
NOTHING: Mapping[str, Any] = MappingProxyType({})


class _LostLease(Exception):
    """Another process sends to the webhook by now, or it was paused, changed or deleted."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What sending needs of this deployment; `source` is the URL that events name as theirs."""

    table: Table
    secrets: Secrets
    outbound: OutboundClient
    source: str
    queues: QueueClient = field(default_factory=QueueClient)
    user_types: UserTypes = field(default_factory=UserTypes)

    def run(self, webhook_id: str, deadline: Deadline) -> bool:
        """Send what there is for a webhook; return whether there is more.

        Raises:
            Busy, Unavailable: the table or the secrets do not respond before the deadline.
        """
        items = self.table.namespace(grants.sender(WebhookKeys(webhook_id)), deadline)
        webhook = _acquire(items, webhook_id)
        if webhook is None:
            return False
        live = webhook.live_secrets(timestamp(self.table.clock.now()))
        secrets = [self.secrets.text_of(OWNER, each.id, deadline) for each in live]
        run = _Run(self, items, webhook, secrets)
        try:
            return run.send_all()
        except _LostLease:
            # Perhaps for a replay: the next run reads what there is to send by then.
            run.give_back()
            return True

    def send(self, webhook: Webhook, secrets: Sequence[str], told: ToldEvent) -> Delivery:
        """Send one event, once."""
        clock = self.table.clock
        at, began = clock.now(), clock.monotonic()
        body = cloud_event(told, self.source)
        attempt = Delivery(ulid(at, clock.random.getrandbits(80)), told.event.id, timestamp(at), 0)
        if webhook.queue:
            attempt = self._put_into_queue(webhook.queue, told, body, attempt)
        else:
            headers = signed_headers(told.event.id, int(at.timestamp()), body, secrets)
            headers |= {"content-type": CONTENT_TYPE, "user-agent": USER_AGENT}
            attempt = self._post(OutboundRequest("POST", webhook.url, headers, body), attempt)
        return replace(attempt, milliseconds=int((clock.monotonic() - began) * 1000))

    def _post(self, request: OutboundRequest, attempt: Delivery) -> Delivery:
        try:
            response = self.outbound.send(
                request, seconds=SECONDS_PER_REQUEST, max_bytes=MAX_RESPONSE_BYTES, cut=True
            )
        except NotAllowed:
            return replace(attempt, error="not allowed")
        except Unreachable:
            return replace(attempt, error="unreachable")
        return replace(attempt, status=response.status, length=len(response.body))

    def _put_into_queue(
        self, queue: str, told: ToldEvent, body: bytes, attempt: Delivery
    ) -> Delivery:
        """Send an event to a queue: in the order of its object, and for five minutes only once."""
        message = Message(body.decode(), group=told.event.object, id=told.event.id)
        try:
            self.queues.send(queue, message)
        except NotSent as error:
            return replace(attempt, error=str(error))
        return replace(attempt, status=200, length=0)


def _acquire(items: Namespace, webhook_id: str) -> Webhook | None:
    """Acquire the lease of a webhook; None where there is nothing to do, or another sends."""
    key = WebhookKeys(webhook_id).own_item
    item, clock = items.get(key), items.table.clock
    webhook = None if item is None else from_item(Webhook, item)
    now = timestamp(clock.now())
    if webhook is None or webhook.state != "active" or (webhook.next_attempt or "") > now:
        return None
    if webhook.lease is not None and webhook.lease.expires_at > now:
        return None
    lease = Lease(clock.new_id(), timestamp(clock.now() + LEASE))
    free = absent("lease") if webhook.lease is None else lease_unchanged(webhook.lease)
    # Another process may have sent, and released it, since the item was read.
    unchanged = ACTIVE & equals("cursor", webhook.cursor) & free
    taken = Update(key, set={"lease": lease.attribute()}, condition=unchanged)
    return None if items.try_commit([taken]) is not None else replace(webhook, lease=lease)


@dataclass(slots=True)
class _Run:
    """One run of a sender for one webhook, whose lease it holds."""

    sender: Sender
    items: Namespace
    webhook: Webhook
    secrets: Sequence[str]
    waiting: dict[str, Waiting] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    accepted: str | None = None

    def send_all(self) -> bool:
        """Send what waits and is to be sent again by now, then what is new."""
        keys = WebhookKeys(self.webhook.id)
        found = from_items(Waiting, self.items.query(keys.all_waiting()))
        self.waiting = {each.object: each for each in found}
        try:
            self._send_waiting()
            while len(self.waiting) < MAX_WAITING and self._has_time() and self._send_page():
                pass
        except BadRequest:
            # The feed has no longer what follows: a restore, or 90 days without a receiver.
            logger.error(
                "a webhook is paused: its cursor is too old", extra={"id": self.webhook.id}
            )
            self._write({"state": "paused"}, ("lease",))
            return False
        self._release()
        return self._has_more()

    def _has_time(self) -> bool:
        seconds = SECONDS_PER_REQUEST + (SECONDS_TO_READ if self.webhook.include else 0)
        return self.items.deadline.left() > seconds + 1

    def _has_more(self) -> bool:
        is_behind = str(feed.end(self.items)) != self.webhook.cursor
        is_full = len(self.waiting) >= MAX_WAITING
        return is_behind and not is_full and self.webhook.next_attempt is None

    def _now(self) -> datetime:
        return self.sender.table.clock.now()

    def _send_page(self) -> bool:
        """Send a page of the feed; return whether there may be another one."""
        page = feed.read_page(self.items, feed.parse_cursor(self.webhook.cursor), PAGE)
        objects: dict[str, list[FeedEntry]] = defaultdict(list)
        for entry in page.entries:
            if self.webhook.wants(entry.event):
                objects[entry.event.object].append(entry)
        blocked = {name: found for name, found in objects.items() if name in self.waiting}
        free = {name: found for name, found in objects.items() if name not in blocked}
        sent = self._send_objects({name: [e.event for e in each] for name, each in free.items()})
        counts = {name: sent.get(name, 0) for name in free}
        left = {name: each[counts[name] :] for name, each in free.items() if each[counts[name] :]}
        is_lone = len(left) == 1 and {*left} <= self.rejected
        if left and not any(counts.values()) and not is_lone:
            if sent:
                self._pause()
            return False
        self._move(str(page.next_cursor), {**blocked, **left})
        return page.has_more

    def _send_objects(self, objects: Mapping[str, Sequence[Event]]) -> dict[str, int]:
        """Send the events of each object in order; return how many of each were accepted.

        An object for which there was no time is not among them.
        """
        if not objects:
            return {}
        every = [event for events in objects.values() for event in events]
        told = {each.event.id: each for each in tell(self.sender.table, every, self.items.deadline)}
        with ThreadPoolExecutor(min(AT_A_TIME, len(objects))) as pool:
            chains = ([told[event.id] for event in events] for events in objects.values())
            sent = zip(objects, pool.map(self._send_in_order, chains), strict=True)
            return {name: count for name, count in sent if count is not None}

    def _send_in_order(self, chain: Sequence[ToldEvent]) -> int | None:
        """Send until one is not accepted; return how many were, None: no time for the first."""
        for number, told in enumerate(chain):
            if not self._has_time():
                return number or None
            if not self._is_accepted(told):
                return number
        return len(chain)

    def _is_accepted(self, told: ToldEvent) -> bool:
        if self.webhook.include:
            objects = WholeObjects(self.items.table, self.sender.source, self.sender.user_types)
            told = replace(told, included=objects.included(told.event, self.items.deadline))
        attempt = self.sender.send(self.webhook, self.secrets, told)
        key = WebhookKeys(self.webhook.id).delivery(attempt.id)
        self.items.try_once(Put(key, to_item(attempt, expires=self._now() + DELIVERIES_KEPT)))
        status = attempt.status or 0
        if status // 100 == REJECTION and status not in BUSY:
            self.rejected.add(told.event.object)
        if not attempt.is_accepted:
            return False
        self.accepted = attempt.at
        return True

    def _pause(self) -> None:
        """Leave the cursor where it is: the receiver accepts nothing at present."""
        failures = self.webhook.failures + 1
        minutes = min(LONGEST_PAUSE, INTERVALS[min(failures, len(INTERVALS)) - 1])
        next_attempt = timestamp(self._now() + timedelta(minutes=minutes))
        self._write({"failures": failures, "next_attempt": next_attempt})
        self.webhook = replace(self.webhook, failures=failures, next_attempt=next_attempt)

    def _move(self, cursor: str, held: Mapping[str, Sequence[FeedEntry]]) -> None:
        """Move the cursor over a page; what was not accepted of it waits."""
        now = self._now()
        again = timestamp(now + timedelta(minutes=INTERVALS[0]))
        for name, entries in held.items():
            before = self.waiting.get(name, Waiting(name, (), timestamp(now), again))
            if len(before.places) + len(entries) > MAX_PLACES:
                before = self._give_up(before, before.places[:PAGE])
            places = (*before.places, *(each.place for each in entries))
            self.waiting[name] = replace(before, places=places)
        keys = WebhookKeys(self.webhook.id)
        puts = [Put(keys.waiting(name), to_item(self.waiting[name])) for name in held]
        self._write({"cursor": cursor, "failures": 0}, ("next_attempt",), puts)
        self.webhook = replace(self.webhook, cursor=cursor, failures=0, next_attempt=None)

    def _send_waiting(self) -> None:
        """Send again what waits, where its time has come."""
        now = timestamp(self._now())
        due = [each for each in self.waiting.values() if self.webhook.due_at(each) <= now]
        places = {each.object: each.places[:PAGE] for each in due}
        found = feed.read_places(self.items, [each for some in places.values() for each in some])
        events: dict[str, list[Event]] = {}
        for name, some in places.items():
            # After 97 days, or a restore, a place has another event or none.
            gone = [each for each in some if each not in found or found[each].event.object != name]
            if gone:
                self._give_up(self.waiting[name], gone)
            else:
                events[name] = [found[each].event for each in some]
        for name, count in self._send_objects(events).items():
            self._settle(self.waiting[name], count, len(events[name]))

    def _settle(self, before: Waiting, accepted: int, of: int) -> None:
        """Write what still waits of an object; after the last attempt its first event goes."""
        now, is_down = self._now(), not accepted and self._is_down(before)
        if not accepted and before.next_attempt > timestamp(now):
            # It was woken: as its own attempt it would bring the last one nearer.
            self._put(replace(before, tried=timestamp(now)))
            return
        attempts = 1 if accepted else before.attempts + 1
        if is_down:
            attempts = max(before.attempts, min(attempts, HOURLY))
        left = replace(before, places=before.places[accepted:], attempts=attempts)
        if attempts > len(INTERVALS):
            left = self._give_up(left, left.places[:1])
        minutes = 0 if accepted == of else INTERVALS[left.attempts - 1]
        if is_down:
            minutes = min(minutes, LONGEST_PAUSE)
        again = timestamp(now + timedelta(minutes=minutes))
        self._put(replace(left, tried=timestamp(now), next_attempt=again))

    def _is_down(self, tried: Waiting) -> bool:
        """Tell whether the receiver accepts nothing at all: then an attempt does not count."""
        last_accepted = self.accepted or self.webhook.last_accepted or ""
        return tried.object not in self.rejected and last_accepted < tried.tried

    def _give_up(self, before: Waiting, places: Sequence[str]) -> Waiting:
        """List events of an object as dead letters; return what still waits, to be tried anew."""
        now, clock = self._now(), self.sender.table.clock
        keys, found = WebhookKeys(self.webhook.id), feed.read_places(self.items, places)
        puts: list[Action] = []
        for place in places:
            entry = found.get(place)
            event = entry.event.id if entry and entry.event.object == before.object else None
            letter = ulid(now, clock.random.getrandbits(80))
            dead = DeadLetter(letter, place, before.object, timestamp(now), event)
            item = to_item(dead, expires=now + DEAD_LETTERS_KEPT)
            puts.append(Put(keys.dead_letter(letter), item))
        left = tuple(each for each in before.places if each not in {*places})
        after = replace(before, places=left, attempts=1)
        self._put(after, puts)
        return after

    def _put(self, after: Waiting, others: Sequence[Action] = ()) -> None:
        """Write what waits of an object, or that nothing does."""
        key = WebhookKeys(self.webhook.id).waiting(after.object)
        if after.places:
            self._write(others=[Put(key, to_item(after)), *others])
            self.waiting[after.object] = after
        else:
            self._write(others=[Delete(key), *others])
            self.waiting.pop(after.object, None)

    def _release(self) -> None:
        """Let another process send; say when what waits is to be sent again."""
        earliest = min(map(self.webhook.due_at, self.waiting.values()), default=None)
        gone = () if earliest else ("next_waiting",)
        values = {"next_waiting": earliest, "last_accepted": self.accepted}
        self._write(values, ("lease", *gone))

    def give_back(self) -> None:
        """Let another process send, if the lease is still ours."""
        if self.webhook.lease is not None:
            key, held = WebhookKeys(self.webhook.id).own_item, lease_unchanged(self.webhook.lease)
            self.items.try_commit([Update(key, remove=("lease",), condition=held)])

    def _write(
        self,
        values: Mapping[str, Any] = NOTHING,
        remove: Sequence[str] = (),
        others: Sequence[Action] = (),
    ) -> None:
        """Write a step of the run, while it holds the lease.

        Raises:
            _LostLease: it holds it no longer.
        """
        if self.webhook.lease is None:
            raise _LostLease
        key = WebhookKeys(self.webhook.id).own_item
        held = ACTIVE & lease_unchanged(self.webhook.lease) & _same("replays", self.webhook.replays)
        if not values.keys().isdisjoint(("next_attempt", "next_waiting")):
            held &= _same("woken", self.webhook.woken)
        own = (
            Update(key, set=values, remove=tuple(remove), condition=held)
            if values or remove
            else Check(key, held)
        )
        if self.items.try_commit([own, *others]) is not None:
            raise _LostLease


def _same(attribute: str, read: Any) -> Condition:
    """Require that nobody has replayed or woken the webhook since it was read."""
    return equals(attribute, read) if read else absent(attribute)


def due_webhooks(items: Namespace) -> list[str]:
    """List the webhooks that have something to send now: 1 Query and 1 Get.

    Behind the feed and not paused after a failure, or with something that waits for this moment.
    """
    now = timestamp(items.table.clock.now())
    active = [each for each in list_webhooks(items) if each.state == "active"]
    if not active:
        return []
    end = str(feed.end(items))
    return [
        each.id
        for each in active
        if (each.next_attempt or "") <= now
        and (each.cursor != end or (each.next_waiting is not None and each.next_waiting <= now))
    ]
