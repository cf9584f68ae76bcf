"""The purge deletes every item and secret, whatever happens meanwhile, and no other item."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import NotFound
from chalicelib.organisations import connections, disconnect, organisations, purge, settings
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.inputs import OrganisationChanges
from chalicelib.storage import grants
from chalicelib.storage.expressions import Item, Put
from chalicelib.storage.grants import ALL_VERBS, Grant
from chalicelib.storage.keys import (
    DEPLOYMENT_AUDIT,
    ERASURES,
    ConnectionKeys,
    Key,
    reference,
    verified_domain,
)
from chalicelib.storage.table import chunks
from chalicelib.sweeper import SECONDS_PER_RUN, sweep_due
from dev.measure.scene import write
from tests.support.builders import (
    Customer,
    a_customer,
    an_admin_context,
    an_organisation,
    audit_entries,
    scim_namespace,
)
from tests.support.clock import NOON, ManualClock
from tests.support.directory import a_group, a_user, change, connection_context
from tests.support.faults import (
    Crash,
    FaultyClient,
    Request,
    Send,
    client_error,
    crash_before,
    fail,
    first,
)
from tests.support.invariants import read_all

RUN = "A" * 12


@dataclass(frozen=True, slots=True)
class World:
    """A tenant that is about to go, one that stays, and the moment before."""

    services: Services
    manual_clock: ManualClock
    going: Customer
    staying: Mapping[Key, Item]
    secrets: Any

    def items(self) -> Mapping[Key, Item]:
        """Read the whole table."""
        return read_all(self.services.table)

    def left(self) -> dict[Key, Item]:
        """Read what names the organisation anywhere; two records of the deployment do so."""
        named = self.going.organisation
        return {
            key: item
            for key, item in self.items().items()
            if named in str((key, item)) and key.pk not in {DEPLOYMENT_AUDIT, ERASURES}
        }

    def kept(self) -> set[str]:
        """List the token secrets that there are of the organisation."""
        found = self.secrets.list_secrets(MaxResults=100)["SecretList"]
        return {each["Name"] for each in found if self.going.organisation in each["Name"]}

    def stands_beside(self) -> bool:
        """Tell whether the other tenant is as it was."""
        items = self.items()
        return all(items.get(key) == item for key, item in self.staying.items())

    def by(self, client: Any) -> Services:
        """Reach the table by another client."""
        return replace(self.services, table=replace(self.services.table, client=client))


def change_items(context: Customer, uid: str) -> Iterator[Put]:
    """Write every type of item that requests leave beside users and groups."""
    keys, own = ConnectionKeys(context.connection), context.admin.keys
    shadow = keys.self_test(RUN)
    large = keys.pending_change_id("2027-01-31T12:05:00.000Z", "large")
    run_ends = shadow.pending_change_id("2027-01-31T12:05:00.000Z", RUN)
    yield Put(keys.log_entry("01CALL", NOON), {"method": "GET"})
    yield Put(keys.health("2027-01-31T12"), {"n_success": 1})
    yield Put(keys.rejected_request("01REJECTED"), {"reason": "missing"})
    yield Put(keys.access_token("a" * 24), {"digest": "d"})
    yield Put(keys.pending_change(large), {"change_type": "members", "target": "0" * 32})
    yield Put(keys.pending_change_page(large, 0), {"what": "add", "ids": b"0"})
    yield Put(keys.local(uid), {"v": 1, "roles": []})
    yield Put(own.schema(context.connection, "urn:example:T"), {"doc": "{}"})
    yield Put(own.self_test_token(context.connection, RUN), {"state": "live"})
    yield Put(keys.pending_change(run_ends), {"change_type": "purge", "target": shadow.connection})
    yield Put(Key(f"I#{context.organisation}", "key"), {"id": "x"})


def a_full_tenant(services: Services) -> Customer:
    """Make a customer that has an item of every type."""
    context = a_customer(services)
    scim = connection_context(services.table, context.connection)
    uids = [a_user(scim, name) for name in ("ada", "bob", "cleo")]
    gids = [a_group(scim, name, uids, externalId=name) for name in ("Tour", "Choir")]
    change(scim, gids[0], remove=uids[:1])
    a_user(connection_context(services.table, scim.keys.self_test(RUN).connection), "shadow")
    settings.put_domain(context.admin, "going.example")
    changes = OrganisationChanges(reference="going")
    organisations.change(context.admin, changes, services.settings.plans, None)
    items = services.table.namespace(grants.purge(context.admin.keys), services.deadline())
    items.commit(list(change_items(context, uids[0])))
    return context


@pytest.fixture
def world(services: Services, manual_clock: ManualClock, secretsmanager: Any) -> World:
    """Make an organisation that stays, and another one that shall go."""
    staying = a_customer(services)
    scim = connection_context(services.table, staying.connection)
    a_group(scim, "Tour", [a_user(scim)])
    settings.put_domain(staying.admin, "staying.example")
    before = read_all(services.table)
    return World(services, manual_clock, a_full_tenant(services), before, secretsmanager)


def delete_organisation(world: World) -> None:
    """Begin to delete the organisation."""
    organisations.delete(world.going.admin, None)


def delete_connection(world: World) -> None:
    """Begin to delete the connection."""
    context = world.going
    disconnect.end(context.admin, world.services.secrets, context.connection, "delete", None)


def sweep(world: World, client: Any = None) -> None:
    """Let the sweeper run once."""
    sweep_due(world.by(client) if client else world.services)


def only_the_last_change_is_left(world: World) -> bool:
    """Tell whether the organisation is gone but for what its feed says of it."""
    [(key, item)] = world.left().items()
    described = (item["change_type"], item["id"])
    return "#F#" in key.pk and described == ("connection", world.going.organisation)


def test_of_an_organisation_its_last_change_is_left(world: World) -> None:
    """No items, no secrets, and the other organisation unchanged."""
    delete_organisation(world)
    world.manual_clock.advance(seconds=61)

    sweep(world)

    assert only_the_last_change_is_left(world)
    assert world.kept() == set()
    assert world.stands_beside()


def test_nothing_goes_within_a_minute(world: World) -> None:
    """A request that was let in before the deletion may be at work for half of that."""
    delete_organisation(world)
    before = world.items()
    world.manual_clock.advance(seconds=59)

    sweep(world)

    assert world.items() == before


def test_reference_and_domain_are_free_afterwards(world: World) -> None:
    """Another organisation may have them."""
    delete_organisation(world)
    world.manual_clock.advance(seconds=61)
    sweep(world)

    an_organisation(world.services, reference="going", domains=["going.example"])


@pytest.mark.parametrize("key", [reference("going"), verified_domain("going.example")])
def test_an_organisation_is_purged_whose_reference_or_domain_is_not_its_own(
    world: World, key: Key
) -> None:
    """A restore may have lost the item, or kept that of another one; before, it never ended."""
    delete_organisation(world)
    write(world.services.table, [{"PK": key.pk, "SK": key.sk, "org": "another"}])
    world.manual_clock.advance(seconds=61)

    sweep(world)

    assert only_the_last_change_is_left(world)
    assert world.items()[key]["org"] == "another"


def test_a_deleted_connection_leaves_only_its_audit_and_feed_entries(world: World) -> None:
    """The audit holds the count at its end, the feed that it has changed; settings stay."""
    delete_connection(world)
    world.manual_clock.advance(seconds=61)
    sweep(world)

    context, admin = world.going, renewed(world)
    items = [key for key in world.items() if context.connection in f"{key.pk} {key.sk}"]
    newest = audit_entries(admin).items[0]
    none = {"users": 0, "teams": 0, "members": 0, "tokens": 0}
    assert (items, world.kept()) == ([], set())
    assert (newest.action, newest.target, newest.after) == (
        "connection.purged",
        context.connection,
        none,
    )
    assert list(admin.items.query(admin.keys.all_local_users())) == []
    assert len(organisations.get_details(admin).roles) == 4
    with pytest.raises(NotFound):
        connections.get(admin, context.connection)


def test_the_feed_says_that_a_connection_is_gone(world: World) -> None:
    """The SaaS then reads its users again, and finds none."""
    delete_connection(world)
    world.manual_clock.advance(seconds=61)
    sweep(world)

    items = world.items()
    last = max(key for key in items if key.pk.startswith(f"C#{world.going.organisation}#F#"))
    assert (items[last]["change_type"], items[last]["id"]) == ("connection", world.going.connection)


def renewed(world: World) -> AdminContext:
    """Bind the organisation for a request of this moment."""
    return an_admin_context(world.services, world.going.organisation)


BEGINNINGS = [delete_organisation, delete_connection]


def is_through(world: World) -> bool:
    """Tell whether nothing is left of the connection, and nothing is under way."""
    items, context = world.items(), world.going
    own = [key for key in items if key.pk.startswith(f"S#{context.connection}")]
    settings = [key for key in items if f"N#{context.connection}" in key.sk]
    pending = [key for key in items if key.pk.startswith("O#") and context.organisation in key.sk]
    return not (own or settings or pending or world.kept())


@dataclass(frozen=True, slots=True)
class Moment:
    """The table and the secrets of a moment, to be gone back to."""

    world: World
    items: Mapping[Key, Item]
    secrets: Mapping[str, str]

    @classmethod
    def of(cls, world: World) -> Moment:
        """Remember this one."""
        read = world.secrets.get_secret_value
        return cls(
            world, world.items(), {n: read(SecretId=n)["SecretString"] for n in world.kept()}
        )

    def again(self) -> None:
        """Go back to it."""
        services = self.world.services
        items = services.table.namespace((Grant("", ALL_VERBS, whole=False),), services.deadline())
        present = self.world.items()
        items.batch_delete(present.keys() - self.items.keys())
        write(services.table, [self.items[key] for key in self.items.keys() - present.keys()])
        for name in set(self.secrets) - self.world.kept():
            self.world.secrets.create_secret(Name=name, SecretString=self.secrets[name])


def writes_of_a_purge(world: World) -> list[int]:
    """Number the calls of a sweep that write: between two of them the table is as it was."""
    counting = FaultyClient(world.services.table.client)
    sweep(world, counting)
    return [number for number, name in enumerate(counting.calls) if "write" in name]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_crash_anywhere_is_made_good_by_the_next_sweep(
    world: World, begin: Callable[[World], None]
) -> None:
    """What is still there says what is still to be done."""
    begin(world)
    world.manual_clock.advance(seconds=61)
    moment = Moment.of(world)
    for number in writes_of_a_purge(world):
        moment.again()
        with pytest.raises(Crash):
            sweep(world, FaultyClient(world.services.table.client, number, crash_before))

        sweep(world)

        assert is_through(world), number
    assert world.stands_beside()


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_two_sweepers_at_once_do_no_harm(world: World, begin: Callable[[World], None]) -> None:
    """Whatever the first is about to write, the second has done it all; one change tells of it."""
    begin(world)
    world.manual_clock.advance(seconds=61)
    moment = Moment.of(world)

    def other(_: Request, send: Send) -> Any:
        sweep(world)
        return send()

    for number in writes_of_a_purge(world):
        moment.again()

        sweep(world, FaultyClient(world.services.table.client, number, other))

        assert is_through(world), number
        assert len(purged(world)) == 1, number
    assert world.stands_beside()


def purged(world: World) -> list[Key]:
    """List what the feed says at the end of the purge; changes before it have a version."""
    feed = f"C#{world.going.organisation}#F#"
    items = world.items()
    return [k for k, item in items.items() if k.pk.startswith(feed) and "version" not in item]


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_purge_goes_on_where_its_time_was_over(
    world: World, begin: Callable[[World], None]
) -> None:
    """A large organisation takes more than one run of the sweeper."""
    begin(world)
    world.manual_clock.advance(seconds=61)
    time_passes = first(lambda: world.manual_clock.advance(seconds=0.7))
    slow = FaultyClient(world.services.table.client, every=time_passes)

    runs = 0
    while not is_through(world) and runs < 10:
        sweep(world, slow)
        runs += 1

    assert 1 < runs < 10
    assert world.stands_beside()


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_secret_that_cannot_be_removed_keeps_the_purge_open(
    world: World, begin: Callable[[World], None]
) -> None:
    """No item forgets a secret that is still paid for."""
    lost: Any = FaultyClient(world.secrets)
    lost.faults["delete_secret"] = [fail(client_error("AccessDeniedException"))] * 100
    locked = Secrets(lost, world.services.settings.secrets_prefix)
    begin(replace(world, services=replace(world.services, secrets=locked)))
    world.manual_clock.advance(seconds=61)

    sweep_due(replace(world.services, secrets=locked))
    kept = world.kept()
    sweep(world)

    assert kept
    assert is_through(world)


@pytest.mark.parametrize("fault", ["AccessDeniedException", "InternalServiceError"])
def test_secrets_that_cannot_be_removed_hold_up_no_directory(world: World, fault: str) -> None:
    """A group's delete needs the table alone; Secrets Manager may be down for days.

    There are more secrets than one run deletes, and all of them come before the group.
    """
    lost: Any = FaultyClient(world.secrets)
    lost.faults["delete_secret"] = [fail(client_error(fault))] * 10_000
    keys = ConnectionKeys(world.going.connection)
    stuck = [
        keys.pending_change(keys.pending_change_id("2027-01-30", str(n))) for n in range(1_050)
    ]
    declared = keys.pending_change(keys.pending_change_id("2027-01-31", "team"))
    items = scim_namespace(world.services, world.going.connection)
    for part in chunks(stuck, 100):
        items.commit([Put(key, {"change_type": "secret", "target": "T" * 12}) for key in part])
    items.commit([Put(declared, {"change_type": "group delete", "target": "0" * 32})])

    monotonic = world.services.table.clock.monotonic
    began = monotonic()

    sweep_due(replace(world.services, secrets=Secrets(lost, "passerelle/test")))

    assert monotonic() - began < SECONDS_PER_RUN + 1
    assert declared not in world.items()
    assert stuck[-1] in world.items()


def test_a_purge_of_what_stands_is_dropped(world: World) -> None:
    """The state alone says that something may go."""
    context = world.going
    before = world.left()
    context.admin.items.commit([purge.scheduled_purge(context.admin, context.connection)])
    context.admin.items.commit([purge.scheduled_purge(context.admin, context.organisation)])
    world.manual_clock.advance(seconds=61)

    sweep(world)

    assert world.left() == before


def test_a_run_of_a_self_test_is_cleared_by_its_own_declaration(world: World) -> None:
    """The process that ran it is gone; the connection is unchanged."""
    context = world.going
    users = {key for key in world.left() if key.pk == ConnectionKeys(context.connection).users}
    world.manual_clock.advance(minutes=6)

    sweep(world)

    left = world.left()
    assert [key for key in left if "!" in key.pk or f"#R#{RUN}" in key.sk] == []
    assert users <= left.keys()


def test_a_change_that_cannot_be_finished_leaves_time_for_other_jobs(world: World) -> None:
    """The table conflicts wherever a group is concerned; the secret is deleted all the same."""
    keys = ConnectionKeys(world.going.connection)
    secret = keys.pending_change(keys.pending_change_id("2027-01-31", "secret"))
    stuck = [keys.pending_change(keys.pending_change_id("2027-01-30", str(n))) for n in range(5)]
    items = scim_namespace(world.services, world.going.connection)
    team = {"change_type": "group delete", "target": "0" * 32}
    items.commit([Put(secret, {"change_type": "secret", "target": "T" * 12})])
    items.commit([Put(key, team) for key in stuck])

    def of_the_group(request: Request, send: Send) -> Any:
        if "0" * 32 in str(request):
            raise client_error("ProvisionedThroughputExceededException")
        return send()

    sweep_due(world.by(FaultyClient(world.services.table.client, every=of_the_group)))

    assert secret not in world.items()
    assert set(stuck) <= world.items().keys()
