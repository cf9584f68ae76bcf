"""The purge: to the last row and secret, whatever happens meanwhile, and not a row beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.api.services import Services
from chalicelib.api.sweeper import sweep_due
from chalicelib.auth.secrets import Secrets
from chalicelib.directory import groups
from chalicelib.organisations import audit, belongings, connections, endings, organisations, tokens
from chalicelib.organisations.requests import NewToken
from chalicelib.scim.errors import NotFound
from chalicelib.storage.configuration import new_connection_id
from chalicelib.storage.expressions import Item, Put, to_wire
from chalicelib.storage.keys import Key, ScimKeys
from chalicelib.storage.retries import Deadline
from dev.scene import OneByOne
from tests.builders import NOON, Between, Tenant, a_tenant, an_organisation, fail, refused
from tests.directory.builders import a_group, a_user, change
from tests.directory.builders import a_tenant as bound
from tests.faults import CRASHES, Crash, FaultyClient, Request, Send
from tests.invariants import read_all

ORGANISATION = {"reference": "acme-1", "domains": ["a.example", "b.example"]}


def notes(tenant: Tenant) -> Iterable[Put]:
    """Write a row of every kind that requests leave beside users and teams."""
    keys, own = ScimKeys(tenant.connection), tenant.admin.keys
    large = keys.operation_id("2027-01-31T12:00:20.000Z", "large")
    run = keys.shadow("A" * 12)
    run_ends = run.operation(run.operation_id("2027-01-31T12:05:00.000Z", "A" * 12))
    yield Put(keys.log_row("01CALL", NOON), {"method": "GET"})
    yield Put(keys.health("2027-01-31T12"), {"n_success": 1})
    yield Put(keys.operation(large), {"kind": "members", "target": "0" * 32})
    yield Put(keys.operation_page(large, 0), {"what": "add", "ids": b""})
    yield Put(own.schema(tenant.connection, "urn:example:T"), {"doc": "{}"})
    yield Put(run_ends, {"kind": "purge", "target": run.connection})
    yield Put(own.run(tenant.connection, "A" * 12), {"state": "live"})


def a_full_tenant(services: Services) -> Tenant:
    """Make an organisation that has a row of every kind."""
    admin = an_organisation(services, **ORGANISATION)
    tenant = a_tenant_of(services, admin)
    scim = bound(services.table, tenant.connection)
    uids = [a_user(scim, name) for name in ("ada", "bob", "cleo")]
    gids = [a_group(scim, name, uids, externalId=name) for name in ("Tour", "Choir")]
    change(scim, gids[0], remove=uids[:1])
    rows = services.table.namespace(admin.keys.purge_grants(), services.deadline())
    rows.commit([*notes(tenant), Put(scim.keys.local(uids[0]), {"v": 1, "roles": []})])
    shadow = bound(services.table, scim.keys.shadow("A" * 12).connection)
    rows.commit([Put(shadow.keys.user("f" * 32), {**a_row(scim, uids[0])})])
    return tenant


def a_row(scim: Any, uid: str) -> Item:
    """Read a user's row, without its key."""
    item = scim.rows.get(scim.keys.user(uid))
    return {name: value for name, value in item.items() if name not in ("PK", "SK")}
