"""Every key of the table. Pure.

Four rows carry the design; they are written in one transaction:

    user     S#<connection>#U            <uid>          the document
    lock     S#<connection>#K#un#<hash>  #              who holds this userName
    member   S#<connection>#M            <gid>#<uid>    and its reverse  ...#U  <uid>#<gid>
    change   S#<connection>#F#<day>      <ulid>         what happened

What each access needs (consistent reads throughout, no index, no Scan):

    a user, with the ids of his teams     Query  ...#U        <uid> .. <uid>~
    a user by userName                    Get    ...#K#un#<hash>, then as above
    users by externalId, by e-mail        Query  ...#K#ex#<hash>, ...#K#em#<hash>
    a team                                Get    ...#G        <gid>
    a team by displayName                 Get    ...#K#gn#<hash>
    teams by externalId                   Query  ...#K#gx#<hash>
    members of a team                     Query  ...#M        <gid># .. <gid>#~
    exact totals, and where a page starts Query  ...#CNT      U#.. or G#..
    a page of users or teams              Query  ...#U or ...#G, from the first two digits on
    who calls                             BatchGet C#<org>: #, N#<conn>, N#<conn>#T#<token>
    who administers                       Get    V#<digest>, then C#<org> #

The first letter of a partition key is its class and the next part its owner, so that
`grants` can say who may read and write what. Hashes hide personal data and bound the length.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

# Sorts behind every character that a sort key holds (digits, letters, '#'), so that
# `prefix .. prefix + LAST` is "begins with".
LAST = "~"
# Sorts before every character that a sort key holds; DynamoDB refuses an empty one.
FIRST = " "
ONLY = "#"
# Between a connection and a run of its self-test: no id holds it.
RUN = "!"
ORGANISATION_LIST = "A#ORG"
PENDING_CHANGES = "O#"
ORGANISATION_ID_LENGTH = 10
ID_LENGTH = 32
HEX_DIGITS = frozenset("0123456789abcdef")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Kind = Literal["U", "G"]


class Key(NamedTuple):
    """Partition key and sort key of a row."""

    pk: str
    sk: str


class Range(NamedTuple):
    """Rows of one partition from `low` to `high`, both included."""

    pk: str
    low: str
    high: str


def fold_name(text: str) -> str:
    """Fold a name for comparison: two names that fold equal may not stand side by side."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def exact(text: str) -> str:
    """Normalise a case-exact value: the same characters, whatever their composition."""
    return unicodedata.normalize("NFC", text)


def digest(folded: str) -> str:
    """Hash a folded value for a key: 40 hex digits of SHA-256."""
    return hashlib.sha256(folded.encode()).hexdigest()[:40]


def ulid(at: datetime, entropy: int) -> str:
    """Make a ULID: 48 bits of milliseconds, then 80 bits of `entropy`; sorts by time."""
    value = (int(at.timestamp() * 1000) << 80) | (entropy & ((1 << 80) - 1))
    return "".join(CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def ulid_moment(text: str) -> datetime:
    """Tell when a ULID was made, to the millisecond.

    Raises:
        ValueError: it is none, or lies behind the year 9999.
    """
    value = 0
    for character in text:
        value = value * 32 + CROCKFORD.index(character)
    return datetime.fromtimestamp((value >> 80) / 1000, UTC)


def is_id(text: str) -> bool:
    """Tell whether a text may be the id of a user or team: 32 hex digits, as we make them.

    Asked before a client's text gets into a key, where it could name a row of another kind.
    """
    return len(text) == ID_LENGTH and not set(text) - HEX_DIGITS


def organisation_of(connection: str) -> str:
    """Tell the organisation from a connection's id, so that a URL alone yields every key."""
    return connection[:ORGANISATION_ID_LENGTH]


@dataclass(frozen=True, slots=True)
class ConnectionKeys:
    """Keys of one connection: its users, teams and what belongs to them."""

    connection: str

    @property
    def prefix(self) -> str:
        """What each of its partition keys begins with."""
        return f"S#{self.connection}"

    @property
    def users(self) -> str:
        """Partition of the users and, behind each, the ids of his teams."""
        return f"{self.prefix}#U"

    @property
    def groups(self) -> str:
        """Partition of the teams."""
        return f"{self.prefix}#G"

    @property
    def members(self) -> str:
        """Partition of the memberships, by team."""
        return f"{self.prefix}#M"

    @property
    def lookups(self) -> str:
        """Prefix of the partitions of uniqueness items and of index items."""
        return f"{self.prefix}#K"

    def user(self, uid: str) -> Key:
        """Key of a user."""
        return Key(self.users, uid)

    def user_with_groups(self, uid: str) -> Range:
        """Range of a user's row, first, and his reverse rows."""
        return Range(self.users, uid, uid + LAST)

    def reverse(self, uid: str, gid: str) -> Key:
        """Key of the row that says, beside the user, that he is in a team."""
        return Key(self.users, f"{uid}#{gid}")

    def user_name(self, name: str) -> Key:
        """Key of the lock of a userName."""
        return Key(f"{self.lookups}#un#{digest(fold_name(name))}", ONLY)

    def external_id(self, value: str, uid: str) -> Key:
        """Key of the index row of a user's externalId; not unique."""
        return Key(f"{self.lookups}#ex#{digest(exact(value))}", uid)

    def email(self, value: str, uid: str) -> Key:
        """Key of the index row of one of a user's e-mail addresses; not unique."""
        return Key(f"{self.lookups}#em#{digest(fold_name(value))}", uid)

    def group(self, gid: str) -> Key:
        """Key of a team."""
        return Key(self.groups, gid)

    def group_name(self, name: str) -> Key:
        """Key of the lock of a team's displayName."""
        return Key(f"{self.lookups}#gn#{digest(fold_name(name))}", ONLY)

    def group_external_id(self, value: str, gid: str) -> Key:
        """Key of the index row of a team's externalId; not unique."""
        return Key(f"{self.lookups}#gx#{digest(exact(value))}", gid)

    def member(self, gid: str, uid: str) -> Key:
        """Key of a membership."""
        return Key(self.members, f"{gid}#{uid}")

    def members_of(self, gid: str) -> Range:
        """Range of a team's memberships."""
        return Range(self.members, f"{gid}#", f"{gid}#{LAST}")

    def counter(self, kind: Kind, resource_id: str) -> Key:
        """Key of the counter that a resource is counted in: by its first two digits."""
        return Key(f"{self.prefix}#CNT", f"{kind}#{resource_id[:2]}")

    def counters(self, kind: Kind) -> Range:
        """Range of all counters of a kind."""
        return Range(f"{self.prefix}#CNT", f"{kind}#", f"{kind}#{LAST}")

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change row; its partition is the day."""
        return Key(f"{self.prefix}#F#{at:%Y-%m-%d}", change_ulid)

    def log_row(self, log_ulid: str, at: date) -> Key:
        """Key of a call's row in the provisioning log; its partition is the day."""
        return Key(f"{self.prefix}#L#{at:%Y-%m-%d}", log_ulid)

    def health(self, hour: str) -> Key:
        """Key of what was counted of the calls of an hour: `2027-01-31T12`."""
        return Key(f"{self.prefix}#H", hour)

    def notes(self, day: date) -> list[Range]:
        """Ranges of a day's changes and of its calls."""
        return [Range(f"{self.prefix}#{kind}#{day:%Y-%m-%d}", FIRST, LAST) for kind in "FL"]

    def hours(self) -> Range:
        """Range of what was counted of the calls, by hour."""
        return Range(f"{self.prefix}#H", FIRST, LAST)

    def shadow(self, run: str) -> ConnectionKeys:
        """Keys of a run of the self-test: a namespace of its own, which no reader looks into."""
        return ConnectionKeys(f"{self.connection}{RUN}{run}")

    def pending_change_id(self, due: str, unique: str) -> str:
        """Name an operation of many steps: by when it is due, its connection, and chance."""
        return f"{due}#{self.connection}#{unique}"

    def pending_change(self, change_id: str) -> Key:
        """Key of an operation; it sorts by when it is due."""
        return Key(PENDING_CHANGES, change_id)

    def pending_change_page(self, change_id: str, page: int) -> Key:
        """Key of a row with ids that an operation works on."""
        return Key(f"{self.prefix}#P#{change_id.rpartition('#')[2]}", f"{page:03d}")

    def pending_change_pages(self, change_id: str) -> Range:
        """Range of all rows with ids that an operation works on."""
        return Range(self.pending_change_page(change_id, 0).pk, FIRST, LAST)

    def local(self, uid: str) -> Key:
        """Key of what the organisation itself says about a user."""
        return Key(f"L#{organisation_of(self.connection)}", uid)


@dataclass(frozen=True, slots=True)
class OrganisationKeys:
    """Keys of one organisation: its settings, connections and tokens."""

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
    def row(self) -> Key:
        """Key of the organisation itself."""
        return Key(self.partition, ONLY)

    def workspace(self, workspace: str) -> Key:
        """Key of a workspace."""
        return Key(self.partition, f"W#{workspace}")

    def workspaces(self) -> Range:
        """Range of all workspaces."""
        return Range(self.partition, "W#", f"W#{LAST}")

    def role(self, role: str) -> Key:
        """Key of a role."""
        return Key(self.partition, f"R#{role}")

    def roles(self) -> Range:
        """Range of all roles."""
        return Range(self.partition, "R#", f"R#{LAST}")

    def domain(self, domain: str) -> Key:
        """Key of a verified domain."""
        return Key(self.partition, f"D#{domain}")

    def domains(self) -> Range:
        """Range of all verified domains."""
        return Range(self.partition, "D#", f"D#{LAST}")

    def connection(self, connection: str) -> Key:
        """Key of a connection."""
        return Key(self.partition, f"N#{connection}")

    def connections(self) -> Range:
        """Range of all connections, with their tokens between them."""
        return Range(self.partition, "N#", f"N#{LAST}")

    def token(self, connection: str, token: str) -> Key:
        """Key of a token's metadata; its digest lives in Secrets Manager."""
        return Key(self.partition, f"N#{connection}#T#{token}")

    def schema(self, connection: str, urn: str) -> Key:
        """Key of a connection's own extension schema; URNs are compared without case."""
        return Key(self.partition, f"N#{connection}#S#{urn.lower()}")

    def schemas(self, connection: str) -> Range:
        """Range of a connection's own extension schemas."""
        return Range(self.partition, f"N#{connection}#S#", f"N#{connection}#S#{LAST}")

    def tokens(self, connection: str) -> Range:
        """Range of a connection's tokens."""
        return Range(self.partition, f"N#{connection}#T#", f"N#{connection}#T#{LAST}")

    def change(self, change_ulid: str, at: date) -> Key:
        """Key of a change row of the organisation itself; its partition is the day."""
        return Key(f"{self.partition}#F#{at:%Y-%m-%d}", change_ulid)

    def run(self, connection: str, run: str) -> Key:
        """Key of the token of a run of a connection's self-test; it is none of its tokens."""
        return Key(self.partition, f"N#{connection}#R#{run}")

    def row_and_domains(self) -> Range:
        """Range of the organisation's own row and its verified domains."""
        return Range(self.partition, ONLY, self.domains().high)

    def roles_and_workspaces(self) -> Range:
        """Range of its roles and its workspaces."""
        return Range(self.partition, self.roles().low, self.workspaces().high)

    def whole(self) -> Range:
        """Range of all settings, whatever they are, from the organisation's own row on."""
        return Range(self.partition, FIRST, LAST)

    def settings(self) -> Range:
        """Range of all settings, whatever they are, behind the organisation's own row."""
        return Range(self.partition, "A", LAST)

    def owned_by(self, connection: str) -> Range:
        """Range of all that stands behind a connection's row: its tokens and the like."""
        return Range(self.partition, f"N#{connection}#", f"N#{connection}#{LAST}")

    def audited(self, change_ulid: str) -> Key:
        """Key of the note of who changed which setting."""
        return Key(f"{self.partition}#A", change_ulid)

    def audit(self, before: str = LAST) -> Range:
        """Range of the notes of who changed what, up to the one at `before`."""
        return Range(f"{self.partition}#A", FIRST, before)

    def changes(self, day: date) -> Range:
        """Range of the changes of settings of one day."""
        return Range(f"{self.partition}#F#{day:%Y-%m-%d}", FIRST, LAST)

    def local(self) -> Range:
        """Range of what the organisation itself says about users, of all its connections."""
        return Range(self.local_users, FIRST, LAST)

    def attempts(self) -> Range:
        """Range of the Idempotency-Keys that its admins have sent."""
        return Range(self.idempotency_keys, FIRST, LAST)

    def listed(self) -> Key:
        """Key of the organisation's row in the list of all."""
        return Key(ORGANISATION_LIST, self.organisation)

    def pending_change(self, due: str, owner: str, unique: str) -> Key:
        """Key of an operation on one of its connections, or on the organisation itself."""
        keys = ConnectionKeys(owner)
        return keys.pending_change(keys.pending_change_id(due, unique))


def reference(value: str) -> Key:
    """Key of the row that makes the SaaS's own id of an organisation unique."""
    return Key(f"X#ref#{digest(exact(value))}", ONLY)


def verified_domain(domain: str) -> Key:
    """Key of the row that says which organisation a domain belongs to; one at most."""
    return Key(f"X#dom#{digest(fold_name(domain))}", ONLY)


def organisations(after: str = "") -> Range:
    """Range of the list of organisations, from behind the id `after` on."""
    return Range(ORGANISATION_LIST, after + FIRST, LAST)


def pending_changes_due(at: str) -> Range:
    """Range of the operations that are due at a moment, of all organisations, oldest first."""
    return Range(PENDING_CHANGES, FIRST, at)


def console(credential: str) -> Key:
    """Key of a console link or a console session, by the digest of its text."""
    return Key(f"V#{credential}", ONLY)


def idempotency(owner: str, key: str) -> Key:
    """Key of an Idempotency-Key that `owner` (an organisation, or `operator`) has sent."""
    return Key(f"I#{owner}", digest(exact(key)))
