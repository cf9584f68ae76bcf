"""The operations of the budget, each on a scene that it may add to.

Each function prepares what its operation needs without counting, and returns the operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Any, cast

from chalicelib.api.edge import Request, Response
from chalicelib.api.scim.recorder import Recorder
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.api.services import Services
from chalicelib.auth.authenticate import ConnectionPrincipal, authenticate_connection
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.tokens import mint
from chalicelib.directory import deletes, groups, search, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.directory.groups import GroupChange
from chalicelib.directory.trace import Trace
from chalicelib.scim.errors import Uniqueness
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.member_changes import MemberChange
from chalicelib.settings import Settings
from chalicelib.storage import grants
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import Delta, Document, Group, User, checksum_of
from chalicelib.storage.expressions import Item, Put, Update
from chalicelib.storage.keys import Key, OrganisationKeys, organisation_of
from chalicelib.storage.records import to_item
from chalicelib.storage.settings_items import Connection, ConnectionToken, Organisation
from chalicelib.storage.table import Namespace, Table
from dev.measure.meter import Meter
from dev.measure.scene import CONNECTION, NOBODY, NOON, context, memory, write

Act = Callable[[], object]

CROWD = 1_000
GROUPS = 10
SMALL_GROUP = 100


@dataclass(frozen=True, slots=True)
class Scene:
    """A directory with a group: calls by `set` are not counted, those by `measured` are."""

    set: ConnectionContext
    measured: ConnectionContext
    meter: Meter
    group: str

    def add_user(self) -> str:
        """Create a user without a group; return the id."""
        return str(users.create(self.set, document(self.set))["id"])

    def add_users(self, count: int) -> frozenset[str]:
        """Write users as single items: changes of a group read nothing else of them."""
        uids = [self.set.clock.new_id() for _ in range(count)]
        write(self.set.items.table, [_user(self.set, uid) for uid in uids])
        return frozenset(uids)

    def join(self, uids: Iterable[str]) -> None:
        """Make users members of the group."""
        joined = list(uids)
        items = [item for uid in joined for item in _membership(self.set, self.group, uid)]
        write(self.set.items.table, items)
        size = Update(self.set.keys.group(self.group), add=Delta(frozenset(joined)).counted)
        self.set.items.commit([size])

    def join_counted(self, uid: str) -> None:
        """Make a user a member of the group, as a request does."""
        change = GroupChange(None, MemberChange(add=frozenset({uid})))
        groups.change(self.set, self.group, change)

    def add_group(self, uids: frozenset[str] = frozenset()) -> str:
        """Create a group with these members; return the id."""
        return str(groups.create(self.set, group(self.set), uids)["id"])

    def add_user_in(self, count: int) -> str:
        """Create a user and `count` groups with that user as the only member."""
        uid = self.add_user()
        for _ in range(count):
            self.add_group(frozenset({uid}))
        return uid


def document(context: ConnectionContext) -> Document:
    """Return a user as Entra ID sends it: below 1 KB, one e-mail address, externalId."""
    name = context.clock.new_id()[:8]
    return {
        "externalId": f"{name}-0000-4000-8000-000000000000",
        "userName": f"{name}@example.com",
        "displayName": "Ada Lovelace",
        "name": {"givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace"},
        "emails": [{"value": f"{name}@example.com", "type": "work", "primary": True}],
        "title": "Analyst",
        "preferredLanguage": "en-GB",
        "active": True,
    }


def group(context: ConnectionContext) -> Document:
    """Return the document of a group."""
    name = context.clock.new_id()[:8]
    return {"displayName": f"Group {name}", "externalId": f"{name}-0000-4000-8000-000000000000"}


# --- scenes -----------------------------------------------------------------------------------


@contextmanager
def with_group_of(size: int) -> Iterator[Scene]:
    """Prepare a scene whose group has `size` members.

    Only their memberships are written, not the users: no operation on the group reads those.
    """
    with memory() as table:
        scene = _scene(table)
        scene.join(table.clock.new_id() for _ in range(size))
        yield scene


@contextmanager
def with_crowd() -> Iterator[Scene]:
    """Prepare a scene of 1,000 users, each in one of 10 groups."""
    with memory() as table:
        scope = context(table)
        uids = [table.clock.new_id() for _ in range(CROWD)]
        gids = [table.clock.new_id() for _ in range(GROUPS)]
        write(table, [_user(scope, uid) for uid in uids])
        joined = zip(cycle(gids), uids, strict=False)
        write(table, [item for gid, uid in joined for item in _membership(scope, gid, uid)])
        write(table, [_group(scope, gid, uids[n::GROUPS]) for n, gid in enumerate(gids)])
        write(table, [*_counters(scope, "U", uids), *_counters(scope, "G", gids)])
        yield _measured(table, gids[0])


def _scene(table: Table) -> Scene:
    scene = _measured(table, "")
    return replace(scene, group=scene.add_group())


def _measured(table: Table, gid: str) -> Scene:
    meter = Meter(table.client)
    return Scene(
        set=context(table),
        measured=context(replace(table, client=cast("Any", meter))),
        meter=meter,
        group=gid,
    )


def _item(key: Key, item: Item) -> Item:
    return {"PK": key.pk, "SK": key.sk, **item}


def _membership(scope: ConnectionContext, gid: str, uid: str) -> list[Item]:
    since = {"since": scope.now()}
    return [_item(scope.keys.member(gid, uid), {}), _item(scope.keys.reverse(uid, gid), since)]


def _user(scope: ConnectionContext, uid: str) -> Item:
    now = scope.now()
    user = User(uid, 1, 1, document(scope), scope.default_role, now, now)
    return _item(scope.keys.user(uid), to_item(user))


def _group(scope: ConnectionContext, gid: str, uids: Sequence[str]) -> Item:
    now = scope.now()
    item = Group(gid, 1, 1, len(uids), group(scope), now, now, checksum=checksum_of(uids))
    return _item(scope.keys.group(gid), to_item(item))


def _counters(scope: ConnectionContext, kind: Any, ids: list[str]) -> list[Item]:
    counted = Counter(scope.keys.counter(kind, each) for each in ids)
    return [_item(key, {"n": count}) for key, count in counted.items()]


# --- authentication, log and counters -----------------------------------------------------------


def authenticate(scene: Scene) -> Act:
    """Authenticate a token whose secret is in the cache of this process."""
    principal = _authenticator(scene)
    principal(scene.set.items)
    return partial(principal, scene.measured.items)


def record(scene: Scene) -> Act:
    """Record a change of a user: its log entry, and the first count of its minute."""
    connection, uid = _authenticator(scene)(scene.set.items), scene.add_user()
    traced = replace(scene.set, trace=Trace())
    users.change(traced, uid, lambda now: now | {"title": "Countess", "displayName": "Ada King"})
    table = scene.measured.items.table
    settings = Settings(table_name=table.name, stage="memory")
    services = Services(table, _secrets(), settings)
    request = Request("PATCH", "", "1", route=f"{ROOT}/Users/{{id}}", path={"id": uid})
    recorder = Recorder.start(services, scene.measured.items, scene.set.keys, request)
    return lambda: recorder.log(traced, connection, Response(204))


def _secrets() -> Secrets:
    return Secrets(NOBODY.client("secretsmanager"), "passerelle/memory")


def configure(scene: Scene) -> tuple[str, Secrets]:
    """Create the connection and a token; return its text, and where its secret is.

    The connection has schemas of its own; there is no item of any.
    """
    credential, secrets = mint("scim", scene.set.clock.random), _secrets()
    secrets.create(CONNECTION, credential.id, credential.digest, scene.set.items.deadline)
    keys = OrganisationKeys(organisation_of(CONNECTION))
    scene.set.items.table.namespace(grants.administration(keys), scene.set.items.deadline).commit(
        [Put(key, item) for key, item in _configuration(keys, credential.id, credential.hint)]
    )
    return credential.text, secrets


def _authenticator(scene: Scene) -> Callable[[Namespace], ConnectionPrincipal]:
    """Create a token; return the function that authenticates it."""
    token, secrets = configure(scene)
    values = (f"Bearer {token}",)
    settings = Settings(table_name="memory", stage="memory")
    return lambda items: authenticate_connection(items, secrets, settings, CONNECTION, values)


def _configuration(keys: OrganisationKeys, token: str, hint: str) -> Iterator[tuple[Key, Item]]:
    now, end = timestamp(NOON), "2027-01-31T12:00:00.000Z"
    organisation = Organisation(keys.organisation, "Acme", "enterprise", "active", now, now)
    connection = Connection(CONNECTION, "Entra ID", "active", "main", "member", "entra", now, now)
    yield keys.own_item, to_item(organisation)
    yield (
        keys.connection(CONNECTION),
        to_item(replace(connection, tokens_version=1, schemas_version=1)),
    )
    item = to_item(ConnectionToken(token, "first", hint, "live", now, "operator", end))
    yield keys.token(CONNECTION, token), item


# --- users ------------------------------------------------------------------------------------


def create_user(scene: Scene) -> Act:
    """Create a user."""
    new = document(scene.set)
    return lambda: users.create(scene.measured, new)


def create_duplicate(scene: Scene) -> Act:
    """Create a user whose userName is in use."""
    new = document(scene.set)
    users.create(scene.set, new)
    return partial(_rejected, Uniqueness, lambda: users.create(scene.measured, new))


def _rejected(error: type[Exception], act: Act) -> None:
    try:
        act()
    except error:
        return
    raise AssertionError


def get_user(scene: Scene, groups: int) -> Act:
    """Read a user in `groups` groups."""
    uid = scene.add_user_in(groups)
    return lambda: users.get(scene.measured, uid)


def _found(scene: Scene, place: str, value: str) -> Act:
    return lambda: _one(search.users, scene, f'{place} eq "{value}"')


def _one(
    find: Callable[[ConnectionContext, search.Query], search.SearchResult], scene: Scene, text: str
) -> None:
    page = find(scene.measured, search.Query(parse_filter(text), 1, 100, with_memberships=False))
    assert page.total == 1, text  # noqa: S101 - a search that finds nothing measures nothing


def find_by_name(scene: Scene) -> Act:
    """Find a user by userName."""
    return _found(scene, "userName", users.create(scene.set, document(scene.set))["userName"])


def find_by_external_id(scene: Scene) -> Act:
    """Find a user by externalId."""
    return _found(scene, "externalId", users.create(scene.set, document(scene.set))["externalId"])


def find_by_email(scene: Scene) -> Act:
    """Find a user by an e-mail address."""
    new = document(scene.set)
    users.create(scene.set, new)
    return _found(scene, "emails.value", new["emails"][0]["value"])


def patch_user(scene: Scene) -> Act:
    """Change an attribute that has no index."""
    uid = scene.add_user()
    return lambda: users.change(scene.measured, uid, lambda now: now | {"title": "Countess"})


def rename_user(scene: Scene) -> Act:
    """Change userName and e-mail address together."""
    uid, new = scene.add_user(), document(scene.set)
    names = {"userName": new["userName"], "emails": new["emails"]}
    return lambda: users.change(scene.measured, uid, lambda now: now | names)


def patch_user_to_the_same(scene: Scene) -> Act:
    """Change nothing."""
    uid = scene.add_user()
    return lambda: users.change(scene.measured, uid, lambda now: now)


def delete_user(scene: Scene, groups: int) -> Act:
    """Delete a user in `groups` groups."""
    uid = scene.add_user_in(groups)
    return lambda: deletes.delete_user(scene.measured, uid)


def delete_member(scene: Scene) -> Act:
    """Delete a member of the scene's group."""
    uid = scene.add_user()
    scene.join_counted(uid)
    return lambda: deletes.delete_user(scene.measured, uid)


def list_users(scene: Scene, start: int, count: int) -> Act:
    """Read a page of users with their groups."""
    return lambda: search.users(scene.measured, search.Query(None, start, count))


def filter_without_key(scene: Scene) -> Act:
    """Find users by an attribute without an index: all users are read."""
    wanted = search.Query(parse_filter('title sw "Ana"'), 1, 100, with_memberships=False)
    return lambda: search.users(scene.measured, wanted)


# --- groups ------------------------------------------------------------------------------------


def create_group(scene: Scene, members: int) -> Act:
    """Create a group with members."""
    new, uids = group(scene.set), scene.add_users(members)
    return lambda: groups.create(scene.measured, new, uids)


def get_group_alone(scene: Scene) -> Act:
    """Read the group without its members."""
    return lambda: groups.get(scene.measured, scene.group, with_members=False)


def get_group(scene: Scene) -> Act:
    """Read the group with its members."""
    return lambda: groups.get(scene.measured, scene.group)


def find_group_by_name(scene: Scene) -> Act:
    """Find a group by displayName."""
    name = groups.get(scene.set, scene.group, with_members=False)["displayName"]
    return lambda: _one(search.groups, scene, f'displayName eq "{name}"')


def find_groups_of(scene: Scene, groups: int) -> Act:
    """Find the groups that a user is in."""
    uid = scene.add_user_in(groups)
    wanted = search.Query(parse_filter(f'members.value eq "{uid}"'), 1, 100, with_memberships=False)
    return lambda: search.groups(scene.measured, wanted)


def find_membership(scene: Scene) -> Act:
    """Search for a group by id and member, as Entra ID does."""
    uid = scene.add_user()
    scene.join([uid])
    return lambda: _one(search.groups, scene, f'id eq "{scene.group}" and members eq "{uid}"')


def add_members(scene: Scene, count: int) -> Act:
    """Add users to the group."""
    uids = scene.add_users(count)
    return lambda: _change(scene, MemberChange(add=uids))


def _change(scene: Scene, members: MemberChange) -> None:
    groups.change(scene.measured, scene.group, GroupChange(None, members))


def remove_members(scene: Scene, count: int) -> Act:
    """Remove members from the group."""
    uids = scene.add_users(count)
    scene.join(uids)
    return lambda: _change(scene, MemberChange(remove=uids))


def list_members(scene: Scene) -> Act:
    """Read a page of 100 of the group's members."""
    return lambda: groups.list_members(scene.measured, scene.group, "", 100)


def add_member_again(scene: Scene) -> Act:
    """Add a user who is already a member."""
    uids = scene.add_users(1)
    scene.join(uids)
    return lambda: _change(scene, MemberChange(add=uids))


def add_member_and_return(scene: Scene) -> Act:
    """Add a user to a group of 50 and return the group with its members."""
    gid, uids = scene.add_group(scene.add_users(50)), scene.add_users(1)

    def act() -> None:
        groups.change(scene.measured, gid, GroupChange(None, MemberChange(add=uids)))
        groups.find_small(scene.measured, gid, SMALL_GROUP)

    return act


def rename_group(scene: Scene) -> Act:
    """Rename the group."""
    name = {"displayName": group(scene.set)["displayName"]}
    wanted = GroupChange(lambda now: now | name, MemberChange())
    return lambda: groups.change(scene.measured, scene.group, wanted)


def replace_members(scene: Scene) -> Act:
    """Replace 5 of the 20 members of a group by PUT."""
    before = sorted(scene.add_users(20))
    gid = scene.add_group(frozenset(before))
    after = frozenset(before[5:]) | scene.add_users(5)
    wanted = GroupChange(lambda now: now, MemberChange(replace=after))
    return lambda: groups.change(scene.measured, gid, wanted)


def delete_group(scene: Scene, members: int) -> Act:
    """Delete a group with members."""
    gid = scene.add_group(scene.add_users(members))
    return lambda: deletes.delete_group(scene.measured, gid)


def list_groups(scene: Scene, *, with_memberships: bool) -> Act:
    """Read a page of groups, with their members or without."""
    return lambda: search.groups(
        scene.measured, search.Query(None, 1, 100, with_memberships=with_memberships)
    )
