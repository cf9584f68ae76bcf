"""How each stored value becomes an item of the table, and an item the value again. Pure.

One table describes it all: for each type the attribute of every field, and what the key says.
Names of attributes are short where an item is written often. A value of None is not stored, and
a field whose attribute is missing has the field's default. Every item carries the number of the
schema that it was written by, so that a later release can tell the items of an earlier one.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, TypeVar

from chalicelib.errors import LaterRelease
from chalicelib.storage.alert_items import Watched
from chalicelib.storage.audit_entries import Actor, AuditEntry
from chalicelib.storage.clock import timestamp
from chalicelib.storage.console_items import ConsoleLink, ConsoleReference, ConsoleSession
from chalicelib.storage.directory_items import (
    CHANGES_KEPT,
    Change,
    ChangeKeys,
    Group,
    Lease,
    PendingChange,
    User,
    canonical,
    packed,
    unpacked,
)
from chalicelib.storage.erasure_items import Erasure
from chalicelib.storage.event_items import Batch, Event, FeedHead
from chalicelib.storage.expressions import NEW, Condition, Item, Put, Update, equals, key_of
from chalicelib.storage.issuer_keys import SigningKeys
from chalicelib.storage.keys import (
    Key,
    console_id,
    event_batch_number,
    setting_of,
    ulid,
    user_and_group,
)
from chalicelib.storage.leaver_items import Leaver
from chalicelib.storage.local_users import Assignment, LocalUser
from chalicelib.storage.log_entries import LogEntry, LoggedOperation
from chalicelib.storage.operator_keys import OperatorKey
from chalicelib.storage.rejected_items import ListenedToken, RejectedRequest
from chalicelib.storage.settings_items import (
    AccessToken,
    Connection,
    ConnectionToken,
    Organisation,
    OrganisationSummary,
    Role,
    Trust,
    Workspace,
)
from chalicelib.storage.webhook_items import (
    DeadLetter,
    Delivery,
    SigningSecret,
    Waiting,
    Webhook,
)

T = TypeVar("T")

# What items of another number say is read by another release only. What a release adds and the one
# before may ignore keeps the number: attributes that are not known stay. 2: names are folded
# character by character in keys.
SCHEMA = 2
SCHEMA_ATTRIBUTE = "sv"


@dataclass(frozen=True, slots=True)
class Format:
    """How a value is written into an attribute, and read from it."""

    write: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value


PLAIN = Format()
JSON = Format(canonical, json.loads)
# A user whose document has no `active` reads as inactive: the first release could store that.
USER_DOCUMENT = Format(canonical, lambda text: {"active": False, **json.loads(text)})
LIST = Format(lambda values: list(values) or None)
TYPES = Format(list, tuple)
# 16 bytes for each id.
IDS = Format(lambda ids: packed(ids) or None, unpacked)
# DynamoDB deletes an item some time after this moment.
SECONDS = Format(lambda at: int(at.timestamp()))
NOT_ZERO = Format(lambda number: number or None)
TRUST = Format(asdict, lambda attribute: Trust(**attribute))
ACTOR = Format(asdict, lambda attribute: Actor(**attribute))
LEASE = Format(Lease.attribute, lambda attribute: Lease(**attribute))
# Compressed: an id is repeated in its path, and most of the rest is the same for all.
OPERATIONS = Format(
    lambda operations: (
        zlib.compress(json.dumps([astuple(each) for each in operations]).encode())
        if operations
        else None
    ),
    lambda packed: tuple(LoggedOperation(*each) for each in json.loads(zlib.decompress(packed))),
)


def _event(stored: Mapping[str, Any]) -> Event:
    """Read an event; what a later release has added to it is left out."""
    return Event(**{name: value for name, value in stored.items() if name in EVENT_FIELDS})


EVENT_FIELDS = frozenset(each.name for each in fields(Event))
# Compressed: most of an event is the same for all of an organisation.
EVENTS = Format(
    lambda events: zlib.compress(json.dumps([asdict(each) for each in events]).encode()),
    lambda packed: tuple(map(_event, json.loads(zlib.decompress(packed)))),
)
SIGNING_SECRETS = Format(
    lambda secrets: [asdict(each) for each in secrets],
    lambda secrets: tuple(SigningSecret(**each) for each in secrets),
)
ROLES = Format(
    lambda roles: [each.item() for each in roles],
    lambda roles: tuple(Assignment(**each) for each in roles),
)


@dataclass(frozen=True, slots=True)
class Record:
    """The attributes of a type's items, by field.

    `key` names the fields that the item's key says. `separate` names fields that change by
    writes of their own, so a change of the value does not write them.
    """

    attributes: Mapping[str, tuple[str, Format]]
    key: Mapping[str, Callable[[Key], Any]] = field(default_factory=dict)
    separate: frozenset[str] = frozenset()


def _same_name(*fields: str) -> dict[str, tuple[str, Format]]:
    return {name: (name, PLAIN) for name in fields}


def _setting_id(key: Key) -> str:
    return setting_of(key).id


def _sort_key(key: Key) -> str:
    return key.sk


RECORDS: Mapping[type, Record] = {
    User: Record(
        {
            "version": ("v", PLAIN),
            "joins": ("g", PLAIN),
            "joined": ("j", PLAIN),
            "document": ("doc", USER_DOCUMENT),
            "lease": ("lease", LEASE),
            **_same_name("granted_role", "created", "modified"),
        },
        {"id": lambda key: user_and_group(key)[0]},
        separate=frozenset({"joins", "joined", "granted_role", "created", "lease"}),
    ),
    Group: Record(
        {
            "version": ("v", PLAIN),
            "memberships": ("m", PLAIN),
            "size": ("n", PLAIN),
            "checksum": ("h", PLAIN),
            "document": ("doc", JSON),
            "lease": ("lease", LEASE),
            **_same_name("created", "modified"),
        },
        {"id": _sort_key},
        separate=frozenset({"memberships", "size", "checksum", "created", "modified", "lease"}),
    ),
    Change: Record(
        {
            "attributes": ("attributes", LIST),
            "added": ("added", IDS),
            "removed": ("removed", IDS),
            "token_id": ("token", PLAIN),
            **_same_name("change_type", "id", "version", "at", "request_id"),
        },
        {"ulid": _sort_key},
    ),
    PendingChange: Record(
        {
            "token_id": ("token", PLAIN),
            **_same_name("change_type", "target", "adds", "removals", "request_id"),
        },
        {"id": _sort_key},
    ),
    LogEntry: Record(
        {
            "ids": ("ids", IDS),
            "duration_ms": ("ms", PLAIN),
            "before": ("before", JSON),
            "after": ("after", JSON),
            "ignored": ("ignored", LIST),
            "operations": ("operations", OPERATIONS),
            "unnamed": ("unnamed", NOT_ZERO),
            "advice": ("advice", LIST),
            **_same_name("at", "method", "path", "status", "scim_type", "detail"),
            **_same_name("token", "token_id", "request_id", "target"),
        }
    ),
    Erasure: Record(
        {
            "left": ("remaining", Format(dict)),
            **_same_name("organisation", "user", "name", "reference", "connection", "ordered"),
            **_same_name("by", "completed", "text", "signature", "public_key"),
        },
        {"id": _sort_key},
    ),
    AuditEntry: Record(
        {
            "actor": ("actor", ACTOR),
            "user_agent": ("agent", PLAIN),
            **_same_name("at", "action", "target", "before", "after", "request_id", "address"),
        },
        {"ulid": _sort_key},
    ),
    LocalUser: Record(
        {
            "version": ("v", PLAIN),
            "roles": ("roles", ROLES),
            **_same_name("account", "password_set_at"),
        },
        {"user": _sort_key},
    ),
    Organisation: Record(
        {
            "console_generation": ("console_generation", NOT_ZERO),
            "authentication": ("authentication", LIST),
            **_same_name("name", "plan", "state", "reference", "sso", "version"),
            **_same_name("created", "modified"),
        },
        {"id": _setting_id},
        separate=frozenset({"console_generation"}),
    ),
    OrganisationSummary: Record(
        _same_name("name", "plan", "state", "reference"), {"id": _sort_key}
    ),
    Workspace: Record(_same_name("name"), {"id": _setting_id}),
    Role: Record(_same_name("name", "may_be_default", "protected"), {"id": _setting_id}),
    Connection: Record(
        {
            "identity_provider": ("provider", PLAIN),
            "settings": ("settings", Format(dict)),
            "preset": ("preset", Format(dict)),
            "schemas_version": ("schemas_version", NOT_ZERO),
            "authentication": ("authentication", TYPES),
            **_same_name("name", "state", "workspace", "default_role", "after_end", "version"),
            **_same_name("tokens_version", "created", "modified", "profile", "listening_until"),
        },
        {"id": _setting_id},
        separate=frozenset({"tokens_version", "schemas_version", "listening_until"}),
    ),
    ConnectionToken: Record(
        {
            "created_by": ("by", PLAIN),
            "credential_type": ("type", PLAIN),
            **_same_name("name", "hint", "state", "created", "expires", "setup_link"),
            "trust": ("trust", TRUST),
        },
        {"id": _setting_id},
    ),
    AccessToken: Record(_same_name("digest", "expires"), {"id": _sort_key}),
    RejectedRequest: Record(
        _same_name("at", "reason", "method", "path", "status", "user_agent", "token_hint"),
        {"id": _sort_key},
    ),
    ListenedToken: Record(_same_name("connection", "until")),
    SigningKeys: Record(
        {"keys": ("keys", JSON), **_same_name("issuer", "fetched", "next_fetch", "failure")}
    ),
    OperatorKey: Record(
        {
            "scopes": ("scopes", TYPES),
            **_same_name("name", "state", "hint", "created"),
        },
        {"id": _sort_key},
    ),
    Webhook: Record(
        {
            "types": ("types", TYPES),
            "organisations": ("organisations", TYPES),
            "secrets": ("secrets", SIGNING_SECRETS),
            "lease": ("lease", LEASE),
            "replays": ("replays", NOT_ZERO),
            **_same_name("url", "queue", "include", "state", "created", "cursor", "failures"),
            **_same_name("next_attempt", "next_waiting", "last_accepted", "woken"),
        },
        {"id": _sort_key},
        separate=frozenset(
            {
                *("cursor", "secrets", "failures", "next_attempt", "next_waiting"),
                *("last_accepted", "woken", "replays", "lease"),
            }
        ),
    ),
    Watched: Record(
        {
            "version": ("v", PLAIN),
            "alerts": ("alerts", Format(dict)),
            "identity_provider": ("provider", PLAIN),
            **_same_name("state", "last_request", "expected_by", "credential", "expires"),
        },
        {"id": _sort_key},
    ),
    Waiting: Record(
        {"places": ("places", TYPES), **_same_name("tried", "next_attempt", "attempts")},
        {"object": _sort_key},
    ),
    Delivery: Record(
        _same_name("event", "at", "milliseconds", "status", "length", "error"),
        {"id": _sort_key},
    ),
    Leaver: Record(_same_name("connection", "user", "at", "acknowledged"), {"event": _sort_key}),
    DeadLetter: Record(_same_name("event", "place", "object", "at"), {"id": _sort_key}),
    FeedHead: Record({"number": ("n", PLAIN), "tag": ("tag", PLAIN)}),
    Batch: Record(
        {"events": ("events", EVENTS), **_same_name("tag", "previous")},
        {"number": event_batch_number},
    ),
    ConsoleReference: Record({"organisation": ("org", PLAIN), **_same_name("id")}),
    ConsoleLink: Record(
        {
            "generation": ("generation", NOT_ZERO),
            "browsers": ("browsers", TYPES),
            "openings": ("openings", NOT_ZERO),
            "wrong_codes": ("wrong_codes", NOT_ZERO),
            **_same_name("name", "user", "purpose", "connection", "contact", "embedded"),
            **_same_name("return_url", "created", "expires", "opened", "code", "code_expires"),
        },
        {"id": console_id},
    ),
    ConsoleSession: Record(
        {
            "generation": ("generation", NOT_ZERO),
            **_same_name("name", "user", "purpose", "connection", "link", "embedded"),
            **_same_name("return_url", "created", "expires", "last_used"),
        },
        {"id": console_id},
    ),
}


def to_item(value: Any, expires: datetime | None = None) -> Item:
    """Write the attributes of a value's item; DynamoDB deletes it some time after `expires`."""
    return with_schema(_written(value, RECORDS[type(value)].attributes), expires)


def changed_item(value: Any, also: Iterable[str] = ()) -> Item:
    """Write the attributes that a change of a value sets.

    Of the fields with writes of their own only those named in `also`.
    """
    record = RECORDS[type(value)]
    names = record.attributes.keys() - record.separate | {*also}
    return with_schema(_written(value, {name: record.attributes[name] for name in names}))


def _written(value: Any, attributes: Mapping[str, tuple[str, Format]]) -> Item:
    fields = ((name, form, getattr(value, each)) for each, (name, form) in attributes.items())
    return {name: None if found is None else form.write(found) for name, form, found in fields}


def with_schema(attributes: Item, expires: datetime | None = None) -> Item:
    """Add the schema number and, where it expires, the attribute that DynamoDB deletes it by."""
    ends = {} if expires is None else {"ttl": SECONDS.write(expires)}
    return {**attributes, **ends, SCHEMA_ATTRIBUTE: SCHEMA}


def schema_of(item: Item) -> int:
    """Return the number of the schema that an item was written by; the first release wrote none."""
    return int(item.get(SCHEMA_ATTRIBUTE, 1))


def from_item(of: type[T], item: Item) -> T:
    """Read a value from its item.

    Raises:
        LaterRelease: its schema has a higher number than this release knows.
    """
    if schema_of(item) > SCHEMA:
        raise LaterRelease
    record = RECORDS[of]
    fields = {
        each: form.read(item[name])
        for each, (name, form) in record.attributes.items()
        if name in item
    }
    said_by_key = {each: read(key_of(item)) for each, read in record.key.items()}
    return of(**fields, **said_by_key)


def from_items(of: type[T], items: Iterable[Item]) -> Iterator[T]:
    """Read values from their items."""
    return (from_item(of, item) for item in items)


def update(key: Key, value: Any, condition: Condition, also: Iterable[str] = ()) -> Update:
    """Change an item that exists; a value of None removes its attribute.

    Attributes that this release does not know stay as they are.
    """
    written = changed_item(value, also)
    return Update(
        key,
        set={name: found for name, found in written.items() if found is not None},
        remove=tuple(name for name, found in written.items() if found is None),
        condition=condition,
    )


def local_user(uid: str, item: Item | None) -> LocalUser:
    """Read a user's local item; without one, nothing has been set for them."""
    return LocalUser(uid) if item is None else from_item(LocalUser, item)


def put_local_user(key: Key, before: LocalUser, after: LocalUser) -> Put | Update:
    """Write a user's local item, on condition that it is still as it was read."""
    if before.version == 0:
        return Put(key, to_item(after), NEW)
    return update(key, after, equals("v", before.version))


def put_change(change: Change, keys: ChangeKeys, at: datetime, entropy: int) -> Put:
    """Write a change item; its key sorts by time."""
    item = to_item(replace(change, at=timestamp(at)), expires=at + CHANGES_KEPT)
    return Put(keys.change(ulid(at, entropy), at), item)
