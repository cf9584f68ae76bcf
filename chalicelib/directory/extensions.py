"""The User resource type of each connection, with its own extension schemas.

A change of the schemas raises the connection's `schemas_version`, which authentication reads at
every request. A container caches the resource type with that version, so it is never stale.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.scim import catalog
from chalicelib.scim.schema import ResourceType
from chalicelib.storage.keys import OrganisationKeys, organisation_of
from chalicelib.storage.table import Namespace

# Of all schemas in the cache, as estimated; a function has 512 MB for everything.
MAX_CACHED_BYTES = 64_000_000
# A schema takes at most so many bytes of memory for each character of its JSON: most where its
# canonical values are two letters each. An entry has some of its own.
BYTES_A_CHARACTER = 12
BYTES_AN_ENTRY = 1_000


@dataclass(frozen=True, slots=True)
class Cached:
    """The User type of a connection, of one version of its schemas, and about its memory."""

    version: int
    user_type: ResourceType
    size: int


@dataclass(slots=True)
class UserTypes:
    """A cache of the User resource types of the connections that this process has served.

    A connection has one entry, that of the newest version. When the cache is full, the connection
    that has made no request for longest is forgotten.
    """

    max_bytes: int = MAX_CACHED_BYTES
    used_bytes: int = 0
    _cached: OrderedDict[str, Cached] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, items: Namespace, connection: str, version: int) -> ResourceType:
        """Return a connection's User type: one Query at the first request after a change."""
        if not version:
            return catalog.USER
        with self._lock:
            cached = self._cached.get(connection)
            if cached is not None and cached.version == version:
                self._cached.move_to_end(connection)
                return cached.user_type
        read = read_user_type(items, connection, version)
        self.keep(connection, read)
        return read.user_type

    def keep(self, connection: str, read: Cached) -> None:
        """Keep what was read, unless a newer version is kept already."""
        with self._lock:
            before = self._cached.get(connection)
            if before is not None and before.version > read.version:
                return
            self.used_bytes += read.size - (before.size if before is not None else 0)
            self._cached[connection] = read
            self._cached.move_to_end(connection)
            while self.used_bytes > self.max_bytes:
                _, oldest = self._cached.popitem(last=False)
                self.used_bytes -= oldest.size


def read_user_type(items: Namespace, connection: str, version: int) -> Cached:
    """Read the schemas of a connection, and make its User type of them."""
    found = items.query(OrganisationKeys(organisation_of(connection)).schemas(connection))
    return user_type_of([item["doc"] for item in found], version)


def user_type_of(documents: Sequence[str], version: int) -> Cached:
    """Make the User type with the schemas of these JSON documents."""
    user_type = catalog.USER.extended(catalog.load(json.loads(each)) for each in documents)
    size = BYTES_AN_ENTRY + BYTES_A_CHARACTER * sum(map(len, documents))
    return Cached(version, user_type, size)
