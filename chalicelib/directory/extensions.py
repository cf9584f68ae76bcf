"""A connection's own extension schemas, at once in force and read once a version.

A change of the schemas raises the connection's `schemas_version`, which authentication reads at
every request; a container keeps what it has built under that version, so it is never stale.
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

MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class UserTypes:
    """What a User is in each connection, as far as this process has met it."""

    _built: OrderedDict[tuple[str, int], ResourceType] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, rows: Namespace, connection: str, version: int) -> ResourceType:
        """Give the User type of a connection: one Query at the first request after a change."""
        if not version:
            return catalog.USER
        with self._lock:
            known = self._built.get((connection, version))
        return known or self._kept(connection, version, _read(rows, connection))

    def _kept(self, connection: str, version: int, built: ResourceType) -> ResourceType:
        with self._lock:
            self._built[connection, version] = built
            if len(self._built) > MOST_KEPT:
                self._built.popitem(last=False)
        return built


def _read(rows: Namespace, connection: str) -> ResourceType:
    found = rows.query(OrganisationKeys(organisation_of(connection)).schemas(connection))
    return catalog.USER.extended(catalog.load(json.loads(item["doc"])) for item in found)
