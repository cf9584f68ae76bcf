"""The User resource type of each connection, with its own extension schemas.

A change of the schemas raises the connection's `schemas_version`, which authentication reads at
every request. A container caches the resource type under that version, so it is never stale.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.scim import catalog
from chalicelib.scim.schema import ResourceType
from chalicelib.storage.keys import OrganisationKeys, organisation_of
from chalicelib.storage.table import Namespace

MAX_CACHED = 1_000


@dataclass(frozen=True, slots=True)
class UserTypes:
    """A cache of the User resource types of the connections that this process has served."""

    _cached: OrderedDict[tuple[str, int], ResourceType] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, items: Namespace, connection: str, version: int) -> ResourceType:
        """Return a connection's User type: one Query at the first request after a change."""
        if not version:
            return catalog.USER
        key = (connection, version)
        with self._lock:
            cached = self._cached.get(key)
        if cached is not None:
            return cached
        user_type = _read_user_type(items, connection)
        with self._lock:
            self._cached[key] = user_type
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        return user_type


def _read_user_type(items: Namespace, connection: str) -> ResourceType:
    found = items.query(OrganisationKeys(organisation_of(connection)).schemas(connection))
    return catalog.USER.extended(catalog.load(json.loads(item["doc"])) for item in found)
