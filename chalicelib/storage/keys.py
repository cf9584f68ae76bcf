"""Every key of the table, built and parsed. Pure: no other file takes a key apart.

Four items carry the design; they are written in one transaction:

    user         S#<connection>#U            <uid>          the document
    userName     S#<connection>#K#un#<hash>  #              uniqueness item: whose userName it is
    member       S#<connection>#M            <gid>#<uid>    and its reverse  ...#U  <uid>#<gid>
    change       S#<connection>#F#<day>      <ulid>         what happened

What each access needs (consistent reads throughout, no index, no Scan):

    a user, with the ids of their groups  Query  ...#U        <uid> .. <uid>~
    a user by userName                    Get    ...#K#un#<hash>, then as above
    users by externalId, by e-mail        Query  ...#K#ex#<hash>, ...#K#em#<hash>
    a group                               Get    ...#G        <gid>
    a group by displayName                Get    ...#K#gn#<hash>
    groups by externalId                  Query  ...#K#gx#<hash>
    members of a group                    Query  ...#M        <gid># .. <gid>#~
    exact totals, and where a page starts Query  ...#CNT      U#.. or G#..
    a page of users or groups             Query  ...#U or ...#G, from the first two digits on
    authentication of a SCIM request      BatchGet C#<org>: #, N#<conn>; C#<org>#T: N#..#T#<token>
      with an access token                BatchGet the same, and S#<conn>#AT: <access token>
    the keys of an issuer of assertions   Get    J#<hash>
    authentication of an admin            Get    V#<digest>, then
                                          BatchGet C#<org>: #, C#<org>#V: S#<session>
    authentication of the operator        Get    A#KEY        <key>
    links and sessions of a console       Query  C#<org>#V    L#.. or S#..
    rejected requests, while listening    Query  S#<conn>#RJ   <ulid> ..
    users who have just lost access       Query  S#<conn>#B    leavers <minute> ..
    all connections with their alerts     Query  H#C           <connection> ..
    who listens for a token               Get    X#listen#<token>
    the feed of all organisations         Get    E#HEAD, then BatchGet E#B#<number>
    a leaver who is acknowledged          Get    E#L#<org>    <event>
    the audit, of a deployment            Query  C#<org>#A or A#AUDIT   <ulid> .. <ulid>
    the records of erasures               Query  A#ERASED      <org> or <org>/<uid> ..
    the requests of a rate limit          Update S#<conn>#B or C#<org>#B  <limit>

The first letter of a partition key is its class and the next part its owner, so that
`grants` can say who may read and write what. Hashes hide personal data and bound the length.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple
from zlib import crc32

from chalicelib.scim.comparison import compose, fold, fold_group_name

# Sorts after every character that a sort key contains (digits, letters, '#'), so that
# `prefix .. prefix + LAST` is "begins with".
LAST = "~"
# Sorts before every character that a sort key contains; DynamoDB rejects an empty sort key.
FIRST = " "
ONLY = "#"
# Between the id of a connection and that of a self-test run; no id contains it.
RUN = "!"
ORGANISATION_LIST = "A#ORG"
DEPLOYMENT_AUDIT = "A#AUDIT"
DEPLOYMENT_HEALTH = "A#H"
ERASURES = "A#ERASED"
OPERATOR_KEYS = "A#KEY"
EVENT_HEAD = "E#HEAD"
EVENT_BATCHES = "E#B"
EVENT_LEAVERS = "E#L"
WEBHOOKS = "W#LIST"
WATCHED_CONNECTIONS = "H#C"
WATCHED_WEBHOOKS = "H#W"
PENDING_CHANGES = "O"
# One partition takes 1,000 write units a second; that of pending changes is shared by all tenants.
PENDING_CHANGE_PARTITIONS = 4
ORGANISATION_ID_LENGTH = 10
ID_LENGTH = 32
HEX_DIGITS = frozenset("0123456789abcdef")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID = re.compile(rf"[0-7][{CROCKFORD}]{{25}}")

# Users and groups, as keys name them.
ResourceClass = Literal["U", "G"]
SettingType = Literal[
    "organisation",
    "workspace",
    "role",
    "domain",
    "connection",
    "token",
    "self-test token",
    "schema",
]


class Key(NamedTuple):
    """Partition key and sort key of an item."""

    pk: str
    sk: str


class Range(NamedTuple):
    """The items of one partition from sort key `low` to `high`, both included."""

    pk: str
    low: str = FIRST
    high: str = LAST


def digest(folded: str) -> str:
    """Hash a folded value for a key: 40 hex digits of SHA-256."""
    return hashlib.sha256(folded.encode()).hexdigest()[:40]


def ulid(at: datetime, entropy: int) -> str:
    """Make a ULID: 48 bits of milliseconds, then 80 bits of `entropy`; sorts by time."""
    value = (int(at.timestamp() * 1000) << 80) | (entropy & ((1 << 80) - 1))
    return "".join(CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def ulid_moment(text: str) -> datetime:
    """Return when a ULID was made, to the millisecond.

    Raises:
        ValueError: not a ULID, or after the year 9999.
    """
    value = 0
    for character in text:
        value = value * 32 + CROCKFORD.index(character)
    return datetime.fromtimestamp((value >> 80) / 1000, UTC)


def is_ulid(text: str) -> bool:
    """Return whether a text has the form of a ULID."""
    return ULID.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Return whether a text has the form of a user's or group's id: 32 hex digits.

    Checked before a client's text becomes part of a key, where it could name another item.
    """
    return len(text) == ID_LENGTH and not set(text) - HEX_DIGITS


def organisation_of(connection: str) -> str:
    """Return the organisation of a connection's id, so that a URL alone yields every key."""
    return connection[:ORGANISATION_ID_LENGTH]


# --- parsing ----------------------------------------------------------------------------------


def class_of(key: Key) -> str:
    """Return the class of an item: the first letter of its partition key."""
    return key.pk[:1]


def partition_type(key: Key) -> tuple[str, str]:
    """Return of which type a partition is, as in `S#U`, and whose: a connection's or another's."""
    letter, owner, *rest = key.pk.split("#")
    return "#".join((letter, *rest)), owner


def user_and_group(key: Key) -> tuple[str, str | None]:
    """Return the user and group of a reverse item; the group is None for the user's own item."""
    uid, _, gid = key.sk.partition("#")
    return uid, gid or None


def member_of(key: Key) -> tuple[str, str]:
    """Return the group and the user of a member item."""
    gid, _, uid = key.sk.partition("#")
    return gid, uid


def counted_from(key: Key) -> str:
    """Return the first two digits of the ids that a counter counts."""
    return key.sk.partition("#")[2]


def change_owner(key: Key) -> str:
    """Return whose feed a change item is in: the id of a connection or organisation."""
    return key.pk.split("#")[1]


def pending_change_owner(key: Key) -> str:
    """Return whose pending change it is: the id of a connection, self-test or organisation."""
    return key.sk.split("#")[1]


def pending_change_due(key: Key) -> datetime:
    """Return from when on a pending change may be finished."""
    due = datetime.fromisoformat(key.sk.partition("#")[0])
    return due if due.tzinfo else due.replace(tzinfo=UTC)


def self_test_of(owner: str) -> tuple[str, str] | None:
    """Return connection and run of a self-test's id; None for any other id."""
    connection, _, run = owner.partition(RUN)
    return (connection, run) if run else None


def is_organisation(owner: str) -> bool:
    """Return whether an id is an organisation's, not that of a connection or self-test."""
    return len(owner) == ORGANISATION_ID_LENGTH


def is_console_link(key: Key) -> bool:
    """Return whether an item of an organisation's console is a link, and no session."""
    return key.sk.startswith("L#")


def console_id(key: Key) -> str:
    """Return the id of a console link or a console session."""
    return key.sk.partition("#")[2]


class Setting(NamedTuple):
    """What an item of an organisation's settings is; `connection` only where it belongs to one."""

    setting_type: SettingType
    id: str
    connection: str | None = None


_SETTINGS: dict[str, SettingType] = {"W": "workspace", "R": "role", "D": "domain"}
_OF_CONNECTIONS: dict[str, SettingType] = {"T": "token", "R": "self-test token", "S": "schema"}


def setting_of(key: Key) -> Setting:
    """Return what an item of an organisation's settings is, and its id."""
    letter, _, rest = key.sk.partition("#")
    if letter in _SETTINGS:
        return Setting(_SETTINGS[letter], rest)
    if letter != "N":
        return Setting("organisation", key.pk.partition("#")[2])
    connection, _, owned = rest.partition("#")
    letter, _, owned_id = owned.partition("#")
    if not owned:
        return Setting("connection", connection)
    return Setting(_OF_CONNECTIONS[letter], owned_id, connection)


class Lookup(NamedTuple):
    """Of which connection a uniqueness or look-up item is, and whether users or groups have it."""

    connection: str
    is_user: bool


def lookup_of(key: Key) -> Lookup | None:
    """Return what a uniqueness or look-up item is; None for any other item."""
    parts = key.pk.split("#")
    if parts[0] != "S" or parts[2] != "K":
        return None
    return Lookup(parts[1], is_user=parts[3] in {"un", "ex", "em"})


# --- building ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectionKeys:
    """Keys of one connection: its users, groups and what belongs to them."""

    connection: str

    @property
    def prefix(self) -> str:
        """Prefix of all its partition keys."""
        return f"S#{self.connection}"

    @property
    def users(self) -> str:
        """Partition of the users and, after each, the ids of their groups."""
        return f"{self.prefix}#U"

    @property
    def lookups(self) -> str:
        """Prefix of the partitions of uniqueness items and of index items."""
        return f"{self.prefix}#K"

    def user(self, uid: str) -> Key:
        """Key of a user."""
        return Key(self.users, uid)

    def user_with_groups(self, uid: str) -> Range:
        """Range of a user's item, which is the first, and their reverse items."""
        return Range(self.users, uid, uid + LAST)

    def users_from(self, start: str = FIRST) -> Range:
        """Range of the users from `start` on, each followed by their reverse items."""
        return Range(self.users, start)

    def reverse(self, uid: str, gid: str) -> Key:
        """Key of the item, next to the user's, that says that they are in a group."""
        return Key(self.users, f"{uid}#{gid}")

    def user_name(self, name: str) -> Key:
        """Key of the uniqueness item of a userName."""
        return Key(f"{self.lookups}#un#{digest(fold(name))}", ONLY)

    def external_id(self, value: str, uid: str) -> Key:
        """Key of the index item of a user's externalId; not unique."""
        return Key(f"{self.lookups}#ex#{digest(compose(value))}", uid)

    def external_ids(self, value: str) -> Range:
        """Range of the index items of an externalId; each sort key is a user's id."""
        return Range(self.external_id(value, "").pk)

    def email(self, value: str, uid: str) -> Key:
        """Key of the index item of one of a user's e-mail addresses; not unique."""
        return Key(f"{self.lookups}#em#{digest(fold(value))}", uid)

    def emails(self, value: str) -> Range:
        """Range of the index items of an e-mail address; each sort key is a user's id."""
        return Range(self.email(value, "").pk)

    def group(self, gid: str) -> Key:
        """Key of a group."""
        return Key(f"{self.prefix}#G", gid)

    def groups_from(self, start: str = FIRST) -> Range:
        """Range of the groups from `start` on."""
        return Range(f"{self.prefix}#G", start)

    def group_name(self, name: str) -> Key:
        """Key of the uniqueness item of a group's displayName."""
        return Key(f"{self.lookups}#gn#{digest(fold_group_name(name))}", ONLY)

    def group_external_id(self, value: str, gid: str) -> Key:
        """Key of the index item of a group's externalId; not unique."""
        return Key(f"{self.lookups}#gx#{digest(compose(value))}", gid)

    def group_external_ids(self, value: str) -> Range:
        """Range of the index items of a group's externalId; each sort key is a group's id."""
        return Range(self.group_external_id(value, "").pk)

    def member(self, gid: str, uid: str) -> Key:
        """Key of a membership."""
        return Key(f"{self.prefix}#M", f"{gid}#{uid}")

    def membership(self, gid: str, uid: str) -> tuple[Key, Key]:
        """Keys of the items that are there as long as a user is in a group."""
        return self.member(gid, uid), self.group(gid)

    def members_of(self, gid: str, after: str = "") -> Range:
        """Range of a group's memberships, those after the user `after`."""
        low = f"{gid}#{after}{FIRST}" if after else f"{gid}#"
        return Range(f"{self.prefix}#M", low, f"{gid}#{LAST}")

    def members_between(self, first: str, last: str) -> Range:
        """Range of the memberships of all groups from one to another."""
        return Range(f"{self.prefix}#M", f"{first}#", f"{last}#{LAST}")

    def all_members(self) -> Range:
        """Range of all memberships."""
        return Range(f"{self.prefix}#M")

    def counter(self, resource_class: ResourceClass, resource_id: str) -> Key:
        """Key of the counter that a resource is counted in: by the first two digits of its id."""
        return Key(f"{self.prefix}#CNT", f"{resource_class}#{resource_id[:2]}")

    def counters(self, resource_class: ResourceClass) -> Range:
        """Range of all counters of users or of groups."""
        return Range(f"{self.prefix}#CNT", f"{resource_class}#", f"{resource_class}#{LAST}")

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change item; the partition is the day."""
        return Key(f"{self.prefix}#F#{at:%Y-%m-%d}", change_ulid)

    def changes(self, day: date, after: str = "") -> Range:
        """Range of the changes of a day, those after the ULID `after`."""
        return Range(self.change("", day).pk, after + FIRST)

    def log_entry(self, log_ulid: str, at: date) -> Key:
        """Key of an entry of the provisioning log; the partition is the day."""
        return Key(f"{self.prefix}#L#{at:%Y-%m-%d}", log_ulid)

    def log_entries(self, day: date, first: str = FIRST, last: str = LAST) -> Range:
        """Range of a day's log entries from one ULID to another, both included."""
        return Range(self.log_entry("", day).pk, first, last)

    def access_token(self, token_id: str) -> Key:
        """Key of an access token, by its id; those of one credential follow each other."""
        return Key(f"{self.prefix}#AT", token_id)

    def access_tokens(self) -> Range:
        """Range of all access tokens."""
        return Range(f"{self.prefix}#AT")

    def health(self, hour: str) -> Key:
        """Key of the counters of an hour's requests: `2027-01-31T12`."""
        return Key(f"{self.prefix}#H", hour)

    def health_hours(self, first: str = FIRST) -> Range:
        """Range of the counters of requests, from one hour on."""
        return Range(f"{self.prefix}#H", first)

    def leavers(self, minute: str) -> Key:
        """Key of the number of users who lost access in a minute: `2027-01-31T12:05`."""
        return self.rate_limit(f"leavers {minute}")

    def all_leavers(self, first: str = FIRST) -> Range:
        """Range of those numbers, from one minute on."""
        beginning = self.leavers("").sk
        return Range(self.rate_limits().pk, beginning + first, beginning + LAST)

    def rate_limit(self, name: str) -> Key:
        """Key of the number of requests that all processes have counted for a rate limit."""
        return Key(f"{self.prefix}#B", name)

    def rate_limits(self) -> Range:
        """Range of what is counted for rate limits."""
        return Range(f"{self.prefix}#B")

    def rejected_request(self, request_ulid: str) -> Key:
        """Key of a rejected request, written while a page listens."""
        return Key(f"{self.prefix}#RJ", request_ulid)

    def rejected_requests(self, first: str = FIRST) -> Range:
        """Range of the rejected requests from one ULID on."""
        return Range(self.rejected_request("").pk, first)

    def self_test(self, run: str) -> ConnectionKeys:
        """Keys of a run of the self-test: items of its own, apart from the connection's."""
        return ConnectionKeys(f"{self.connection}{RUN}{run}")

    def pending_change_id(self, at: str, unique: str) -> str:
        """Make the id of a pending change: from when on it may be finished, its owner, chance."""
        return f"{at}#{self.connection}#{unique}"

    def pending_change(self, change_id: str) -> Key:
        """Key of a pending change, in one of several partitions; there they sort by time."""
        part = crc32(change_id.encode()) % PENDING_CHANGE_PARTITIONS
        return Key(f"{PENDING_CHANGES}#{part}", change_id)

    def pending_change_page(self, change_id: str, page: int) -> Key:
        """Key of a page of the user ids of a pending change of members."""
        return Key(f"{self.prefix}#P#{change_id.rpartition('#')[2]}", f"{page:03d}")

    def pending_change_pages(self, change_id: str) -> Range:
        """Range of all pages of the user ids of a pending change."""
        return Range(self.pending_change_page(change_id, 0).pk)

    def local(self, uid: str) -> Key:
        """Key of what the organisation itself sets for a user."""
        return OrganisationKeys(organisation_of(self.connection)).local_user(uid)


@dataclass(frozen=True, slots=True)
class OrganisationKeys:
    """Keys of one organisation: its settings, connections and tokens.

    What a sign-in or a list reads as a whole is in one partition. Tokens and schemas are in
    partitions of their own, and so is what has ended, which no such request reads.
    """

    organisation: str

    @property
    def partition(self) -> str:
        """Partition of the organisation's settings."""
        return f"C#{self.organisation}"

    @property
    def local_users(self) -> str:
        """Partition of what the organisation itself sets for users, of all its connections."""
        return f"L#{self.organisation}"

    @property
    def idempotency_keys(self) -> str:
        """Partition of the Idempotency-Keys that its admins have sent."""
        return f"I#{self.organisation}"

    @property
    def own_item(self) -> Key:
        """Key of the organisation itself."""
        return Key(self.partition, ONLY)

    def list_item(self) -> Key:
        """Key of the organisation's item in the list of all organisations."""
        return Key(ORGANISATION_LIST, self.organisation)

    def workspace(self, workspace: str) -> Key:
        """Key of a workspace."""
        return Key(self.partition, f"W#{workspace}")

    def role(self, role: str) -> Key:
        """Key of a role."""
        return Key(self.partition, f"R#{role}")

    def domain(self, domain: str) -> Key:
        """Key of a verified domain."""
        return Key(self.partition, f"D#{domain}")

    def domains(self) -> Range:
        """Range of all verified domains."""
        return Range(self.partition, "D#", f"D#{LAST}")

    def own_item_and_domains(self) -> Range:
        """Range of the organisation's own item, which is the first, and its verified domains."""
        return Range(self.partition, ONLY, f"D#{LAST}")

    def roles_and_workspaces(self) -> Range:
        """Range of its roles and its workspaces."""
        return Range(self.partition, "R#", f"W#{LAST}")

    def all_settings(self) -> Range:
        """Range of all settings, the organisation's own item first."""
        return Range(self.partition)

    def settings_after_own_item(self) -> Range:
        """Range of all settings but the organisation's own item."""
        return Range(self.partition, "A")

    def connection(self, connection: str) -> Key:
        """Key of a connection."""
        return Key(self.partition, f"N#{connection}")

    def connections(self) -> Range:
        """Range of the connections that are served, and of those that have ended with users."""
        return Range(self.partition, "N#", f"N#{LAST}")

    def past_connection(self, connection: str) -> Key:
        """Key of a connection that is being deleted, or has ended without users."""
        return Key(f"{self.partition}#PN", f"N#{connection}")

    def past_connections(self, after: str = "") -> Range:
        """Range of those connections, those after the id `after`."""
        return Range(self.past_connection("").pk, f"N#{after}{FIRST}")

    def token(self, connection: str, token: str) -> Key:
        """Key of a valid token's metadata; its digest is in Secrets Manager."""
        return Key(f"{self.partition}#T", f"N#{connection}#T#{token}")

    def tokens(self, connection: str) -> Range:
        """Range of a connection's tokens that nobody has revoked and the sweeper has not moved."""
        return Range(f"{self.partition}#T", f"N#{connection}#T#", f"N#{connection}#T#{LAST}")

    def past_token(self, connection: str, token: str) -> Key:
        """Key of the metadata of a token that was revoked or has expired."""
        return Key(f"{self.partition}#PT", f"N#{connection}#T#{token}")

    def past_tokens(self, connection: str, after: str = "") -> Range:
        """Range of a connection's revoked and expired tokens, those after the id `after`."""
        low = f"N#{connection}#T#{after}{FIRST}"
        return Range(f"{self.partition}#PT", low, f"N#{connection}#T#{LAST}")

    def self_test_token(self, connection: str, run: str) -> Key:
        """Key of the token of a self-test's run; it is not among the connection's tokens."""
        return Key(f"{self.partition}#T", f"N#{connection}#R#{run}")

    def schema(self, connection: str, urn: str) -> Key:
        """Key of a connection's own extension schema; URNs are compared without case."""
        return Key(f"{self.partition}#S", f"N#{connection}#S#{urn.lower()}")

    def schemas(self, connection: str) -> Range:
        """Range of a connection's own extension schemas."""
        return Range(f"{self.partition}#S", f"N#{connection}#S#", f"N#{connection}#S#{LAST}")

    def owned_by(self, connection: str) -> tuple[Range, ...]:
        """Ranges of all tokens, past ones too, and of the schemas of a connection."""
        low, high = f"N#{connection}#", f"N#{connection}#{LAST}"
        return tuple(Range(f"{self.partition}#{each}", low, high) for each in ("T", "PT", "S"))

    def of_connections(self) -> tuple[Range, ...]:
        """Ranges of all connections, past ones too, and of what they have: tokens and schemas."""
        parts = (Range(f"{self.partition}#{each}", "N#", f"N#{LAST}") for each in ("T", "PT", "S"))
        return (self.connections(), self.past_connections(), *parts)

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change item of the organisation itself; the partition is the day."""
        return Key(f"{self.partition}#F#{at:%Y-%m-%d}", change_ulid)

    def changes(self, day: date, after: str = "") -> Range:
        """Range of the changes of settings of a day, those after the ULID `after`."""
        return Range(self.change("", day).pk, after + FIRST)

    def audit_entry(self, entry_ulid: str) -> Key:
        """Key of an audit entry: who changed which setting."""
        return Key(f"{self.partition}#A", entry_ulid)

    def audit(self, first: str = FIRST, last: str = LAST) -> Range:
        """Range of the audit entries from one ULID to another, both included."""
        return Range(f"{self.partition}#A", first, last)

    @property
    def console(self) -> str:
        """Partition of its console links and console sessions."""
        return f"{self.partition}#V"

    def console_link(self, link: str) -> Key:
        """Key of a console link, by its id."""
        return Key(self.console, f"L#{link}")

    def console_links(self) -> Range:
        """Range of the console links."""
        return Range(self.console, "L#", f"L#{LAST}")

    def console_session(self, session: str) -> Key:
        """Key of a console session, by its id."""
        return Key(self.console, f"S#{session}")

    def console_sessions(self) -> Range:
        """Range of the console sessions."""
        return Range(self.console, "S#", f"S#{LAST}")

    def console_items(self) -> Range:
        """Range of the console links and sessions."""
        return Range(self.console)

    def health(self, hour: str) -> Key:
        """Key of the counters of an hour's rejected administrative requests: `2027-01-31T12`."""
        return Key(f"{self.partition}#H", hour)

    def health_hours(self) -> Range:
        """Range of the counters of rejected administrative requests, by hour."""
        return Range(f"{self.partition}#H")

    def rate_limit(self, name: str) -> Key:
        """Key of the number of requests that all processes have counted for a rate limit."""
        return Key(f"{self.partition}#B", name)

    def rate_limits(self) -> Range:
        """Range of what is counted for rate limits."""
        return Range(f"{self.partition}#B")

    def account(self, account: str) -> Key:
        """Key of the uniqueness item of an account of the SaaS: which user it belongs to."""
        return Key(f"{self.local_users}#A", digest(compose(account)))

    def accounts(self) -> Range:
        """Range of the uniqueness items of accounts; some may be of users who are gone."""
        return Range(self.account("").pk)

    def local_user(self, uid: str) -> Key:
        """Key of what the organisation itself sets for a user, of any of its connections."""
        return Key(self.local_users, uid)

    def all_local_users(self) -> Range:
        """Range of what the organisation itself sets for users, of all its connections."""
        return Range(self.local_users)

    def all_idempotency_keys(self) -> Range:
        """Range of the Idempotency-Keys that its admins have sent."""
        return Range(self.idempotency_keys)

    def pending_change(self, at: str, owner: str, unique: str) -> Key:
        """Key of a pending change of one of its connections, or of the organisation itself."""
        keys = ConnectionKeys(owner)
        return keys.pending_change(keys.pending_change_id(at, unique))


def reference(value: str) -> Key:
    """Key of the uniqueness item of the SaaS's own id of an organisation."""
    return Key(f"X#ref#{digest(compose(value))}", ONLY)


def verified_domain(domain: str) -> Key:
    """Key of the uniqueness item of a verified domain: which organisation it belongs to."""
    return Key(f"X#dom#{digest(fold(domain))}", ONLY)


def listened_token(token_id: str) -> Key:
    """Key of what says which connection listens for a token, wherever it is sent."""
    return Key(f"X#listen#{token_id}", ONLY)


def organisations(after: str = "") -> Range:
    """Range of the list of organisations, those after the id `after`."""
    return Range(ORGANISATION_LIST, after + FIRST)


def organisations_of_letter(letter: str) -> Range:
    """Range of the list of organisations whose ids begin with a letter."""
    return Range(ORGANISATION_LIST, letter, letter + LAST)


def watched_connection(connection: str) -> Key:
    """Key of what the last look at a connection has found."""
    return Key(WATCHED_CONNECTIONS, connection)


def watched_connections(after: str = "") -> Range:
    """Range of what is known of all connections, those after the id `after`."""
    return Range(WATCHED_CONNECTIONS, after + FIRST)


def watched_connections_of(beginning: str) -> Range:
    """Range of what is known of the connections whose ids begin so."""
    return Range(WATCHED_CONNECTIONS, beginning, beginning + LAST)


def watched_webhook(webhook: str) -> Key:
    """Key of what the last look at a webhook has found."""
    return Key(WATCHED_WEBHOOKS, webhook)


def watched_webhooks() -> Range:
    """Range of what is known of all webhooks."""
    return Range(WATCHED_WEBHOOKS)


def operator_key(key_id: str) -> Key:
    """Key of an operator key's metadata, by its id."""
    return Key(OPERATOR_KEYS, key_id)


def operator_keys() -> Range:
    """Range of all operator keys."""
    return Range(OPERATOR_KEYS)


def deployment_audit_entry(entry_ulid: str) -> Key:
    """Key of an audit entry of the deployment, which no deletion of an organisation deletes."""
    return Key(DEPLOYMENT_AUDIT, entry_ulid)


def deployment_audit(first: str = FIRST, last: str = LAST) -> Range:
    """Range of the audit entries of the deployment from one ULID to another, both included."""
    return Range(DEPLOYMENT_AUDIT, first, last)


def erasure(organisation: str, uid: str | None = None) -> Key:
    """Key of the record that an organisation, or a user of it, was erased."""
    return Key(ERASURES, f"{organisation}/{uid}" if uid else organisation)


def erasures(organisation: str = "", after: str = "") -> Range:
    """Range of the records of an organisation, "": of all, those after the id `after`."""
    return Range(
        ERASURES, f"{after}{FIRST}" if after else organisation or FIRST, organisation + LAST
    )


def deployment_health(hour: str) -> Key:
    """Key of the counters of an hour's rejected requests that name no organisation."""
    return Key(DEPLOYMENT_HEALTH, hour)


def deployment_health_hours() -> Range:
    """Range of the counters of rejected requests that name no organisation, by hour."""
    return Range(DEPLOYMENT_HEALTH)


def pending_changes_due(at: str) -> tuple[Range, ...]:
    """Ranges of the pending changes of all organisations that may be finished at a moment."""
    parts = range(PENDING_CHANGE_PARTITIONS)
    return tuple(Range(f"{PENDING_CHANGES}#{part}", FIRST, at) for part in parts)


def console(credential: str) -> Key:
    """Key of what finds a console link or a console session, by the digest of its text."""
    return Key(f"V#{credential}", ONLY)


def signing_keys(issuer: str) -> Key:
    """Key of the public keys of an issuer of assertions."""
    return Key(f"J#{digest(issuer)}", ONLY)


def event_head() -> Key:
    """Key of the end of the feed of all organisations: how many batches it has."""
    return Key(EVENT_HEAD, ONLY)


def event_batch(number: int) -> Key:
    """Key of a batch of events; each has a partition of its own."""
    return Key(f"{EVENT_BATCHES}#{number}", ONLY)


def leaver(organisation: str, event: str) -> Key:
    """Key of a user who has lost access, by the event that says so."""
    return Key(f"{EVENT_LEAVERS}#{organisation}", event)


@dataclass(frozen=True, slots=True)
class WebhookKeys:
    """Keys of one webhook: itself, what waits, what was sent and what was given up."""

    webhook: str

    @property
    def prefix(self) -> str:
        """Prefix of the partitions of all but the webhook itself."""
        return f"W#{self.webhook}"

    @property
    def own_item(self) -> Key:
        """Key of the webhook."""
        return Key(WEBHOOKS, self.webhook)

    def waiting(self, object_: str) -> Key:
        """Key of the events of an object that wait."""
        return Key(f"{self.prefix}#R", object_)

    def all_waiting(self) -> Range:
        """Range of what waits, by object."""
        return Range(self.waiting("").pk)

    def delivery(self, delivery: str) -> Key:
        """Key of an attempt, by its ULID."""
        return Key(f"{self.prefix}#L", delivery)

    def deliveries(self, last: str = LAST) -> Range:
        """Range of the attempts up to a ULID."""
        return Range(self.delivery("").pk, FIRST, last)

    def dead_letter(self, letter: str) -> Key:
        """Key of an event that was given up, by its ULID."""
        return Key(f"{self.prefix}#D", letter)

    def dead_letters(self, last: str = LAST) -> Range:
        """Range of what was given up, up to a ULID."""
        return Range(self.dead_letter("").pk, FIRST, last)


def webhooks() -> Range:
    """Range of all webhooks."""
    return Range(WEBHOOKS)


def event_batch_number(key: Key) -> int:
    """Return the number of a batch of events."""
    return int(key.pk.rpartition("#")[2])


def idempotency(owner: str, principal: str, key: str) -> Key:
    """Key of an Idempotency-Key of a principal, for `owner`: an organisation, or `operator`."""
    return Key(f"I#{owner}", digest(f"{principal}\n{compose(key)}"))
