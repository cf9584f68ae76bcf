"""Deletes of any size, and what a crash in the middle leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from chalicelib.directory import deletes, groups, recovery, users
from chalicelib.directory.context import ConnectionContext
from chalicelib.errors import Busy, NotFound, PreconditionFailed
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.member_changes import MemberChange
from chalicelib.storage import grants
from chalicelib.storage.directory_items import User
from chalicelib.storage.expressions import Put, Update
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.records import from_item
from tests.support.directory import (
    NOBODY,
    a_document,
    a_group,
    a_user,
    between,
    by,
    change,
    changes,
    connection_context,
    edit,
    find_groups,
    find_users,
    group_ids,
    ids,
    member_ids,
    precondition,
    rename,
    some_groups,
    some_users,
)
from tests.support.faults import CRASHES, Crash, FaultyClient, throttled
from tests.support.invariants import read_all

# More groups than one transaction takes: 98 actions of 100 hold 30 of them, 40 take two steps.
MANY_GROUPS = 40


def calls(context, action):
    """Name the calls that an action makes of DynamoDB."""
    client = FaultyClient(context.items.table.client)
    action(by(context, client))
    return client.calls


def store_local_user(context, uid):
    """Let the organisation note something about a user."""
    keys = OrganisationKeys("abcdefghij")
    items = context.items.table.namespace(grants.administration(keys), context.items.deadline)
    items.commit([Put(context.keys.local(uid), {"v": 1})])


# --- users ------------------------------------------------------------------------------------


def test_a_deleted_user_is_gone_with_everything_that_led_to_them(context):
    """No read, name, look-up item or count knows the user; only the change items remain."""
    before = read_all(context.items.table)
    uid = a_user(context, "ada")

    deletes.delete_user(context, uid)

    left = {key: item for key, item in read_all(context.items.table).items() if "#F#" not in key.pk}
    counter = context.keys.counter("U", uid)
    assert left.pop(counter)["n"] == 0
    assert left == before
    assert find_users(context).total == 0


def test_a_delete_of_a_user_is_a_change_in_the_feed(context):
    """A change of a user without a version, as in a delete."""
    uid = a_user(context)

    deletes.delete_user(context, uid)

    (last,) = [each for each in changes(context, "user") if "version" not in each]
    assert last["id"] == uid


def test_what_the_organisation_stored_is_deleted_with_the_user(context):
    """A later user with the same name must not inherit roles."""
    uid = a_user(context)
    store_local_user(context, uid)

    deletes.delete_user(context, uid)

    assert context.keys.local(uid) not in read_all(context.items.table)


def test_a_user_who_is_created_again_has_a_new_id(context):
    """A new id: the new user inherits nothing of the old one."""
    uid = a_user(context, "ada")
    a_group(context, uids=[uid])
    deletes.delete_user(context, uid)

    again = a_user(context, "ada")

    assert again != uid
    assert group_ids(context, again) == []


def test_a_user_is_deleted_once(context):
    """RFC 7644 section 3.6: 404 from then on, for every operation."""
    uid = a_user(context)
    deletes.delete_user(context, uid)

    for act in (deletes.delete_user, users.get, edit):
        with pytest.raises(NotFound):
            act(context, uid)


def test_a_delete_with_another_version_is_rejected(context):
    """412 (RFC 7644 section 3.14); with the present one it is done."""
    uid = a_user(context)

    with pytest.raises(PreconditionFailed):
        deletes.delete_user(context, uid, precondition('W/"2"'))

    deletes.delete_user(context, uid, precondition('W/"1"'))
    assert find_users(context).total == 0


def test_a_user_in_a_few_groups_is_deleted_in_one_transaction(context):
    """7 + 3 per group, at most 100."""
    uid = a_user(context)
    gids = some_groups(context, 3, [uid])

    made = calls(context, lambda it: deletes.delete_user(it, uid))

    assert made == ["query", "transact_write_items"]
    assert [groups.get(context, gid)["meta"]["version"] for gid in gids] == ['W/"1.1"'] * 3


def test_a_user_in_many_groups_is_deleted_in_steps(context):
    """The user gets a lease, is removed from the groups in steps, and is deleted."""
    uid = a_user(context)
    gids = some_groups(context, MANY_GROUPS, [uid])

    made = calls(context, lambda it: deletes.delete_user(it, uid))

    assert made.count("transact_write_items") == 3
    assert not any(member_ids(context, gid) for gid in gids)
    with pytest.raises(NotFound):
        users.get(context, uid)


@dataclass(frozen=True, slots=True)
class Race:
    """A user, a group that has the user as a member, and one that has not."""

    context: ConnectionContext
    uid: str
    gid: str
    other: str


RACES: Mapping[str, Callable[[Race], object]] = {
    "joins a group": lambda it: change(it.context, it.other, add=[it.uid]),
    "leaves a group": lambda it: change(it.context, it.gid, remove=[it.uid]),
    "group is deleted": lambda it: deletes.delete_group(it.context, it.gid),
    "is changed": lambda it: edit(it.context, it.uid, title="Dr"),
    "is renamed": lambda it: edit(it.context, it.uid, userName="byron"),
    "group is renamed": lambda it: rename(it.context, it.gid, "Giro"),
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_a_delete_sees_what_another_request_changes(context, race):
    """The item as read is the condition: no membership of a deleted user is left."""
    uid = a_user(context)
    gid, other = a_group(context, "one", [uid]), a_group(context, "other")
    run = Race(context, uid, gid, other)

    deletes.delete_user(between(context, 1, lambda: race(run)), uid)

    assert find_users(context).total == 0
    assert member_ids(context, other) == []


def test_of_two_deletes_at_once_one_succeeds(context):
    """The second finds no user: 404, and the counter is decremented once."""
    uid = a_user(context)
    racing = between(context, 1, lambda: deletes.delete_user(context, uid))

    with pytest.raises(NotFound):
        deletes.delete_user(racing, uid)

    assert len(changes(context, "user")) == 2


def test_a_late_delete_does_not_free_the_name_of_the_next_owner(context):
    """A uniqueness item is deleted only by the user it names."""
    uid = a_user(context, "ada")
    again = []

    def replaced():
        deletes.delete_user(context, uid)
        again.append(a_user(context, "ada"))

    with pytest.raises(NotFound):
        deletes.delete_user(between(context, 1, replaced), uid)

    assert ids(find_users(context, 'userName eq "ada@example.com"')) == again


# --- what a crash leaves ----------------------------------------------------------------------


def crashed(context, uid, number, fault):
    """Delete a user with a crash at call `number`; return whether there was such a call."""
    client = FaultyClient(context.items.table.client, number, fault)
    try:
        deletes.delete_user(by(context, client), uid)
    except Crash:
        return True
    return False


def crash_points(crash):
    """Number the calls of a large delete: read, mark, release, read, delete."""
    return [(number, crash) for number in range(5)]


POINTS = [point for crash in CRASHES for point in crash_points(crash)]


@pytest.mark.parametrize(("number", "crash"), POINTS, ids=[f"{c} call {n}" for n, c in POINTS])
def test_the_next_delete_finishes_what_a_crash_left(context, number, crash):
    """Nothing is lost and nothing is half there, wherever it stopped."""
    uid = a_user(context)
    gids = some_groups(context, MANY_GROUPS, [uid])

    assert crashed(context, uid, number, CRASHES[crash])

    done_already = (number, crash) == (4, "crash after")
    if done_already:
        with pytest.raises(NotFound):
            deletes.delete_user(context, uid)
    else:
        deletes.delete_user(context, uid)
    assert not any(member_ids(context, gid) for gid in gids)


def test_a_large_delete_has_five_calls(context):
    """The tests above crash at each of these five."""
    uid = a_user(context)
    some_groups(context, MANY_GROUPS, [uid])

    assert not crashed(context, uid, len(POINTS), CRASHES["crash before"])


def marked(context):
    """Create a user whose delete has crashed after it was started."""
    uid = a_user(context)
    some_groups(context, MANY_GROUPS, [uid])
    assert crashed(context, uid, 1, CRASHES["crash after"])
    assert from_item(User, context.items.get(context.keys.user(uid))).lease is not None
    return uid


MEETINGS = {
    "change": (lambda context, uid: edit(context, uid, title="Dr"), NotFound),
    "add": (lambda context, uid: change(context, a_group(context), add=[uid]), InvalidValue),
    "create a group": (
        lambda context, uid: groups.create(context, {"displayName": "x"}, frozenset({uid})),
        InvalidValue,
    ),
}


@pytest.mark.parametrize(("act", "error"), MEETINGS.values(), ids=MEETINGS)
def test_a_request_that_meets_a_pending_delete_finishes_it(context, act, error):
    """The outcome is decided: the response is as if the delete were complete."""
    uid = marked(context)

    with pytest.raises(error):
        act(context, uid)

    with pytest.raises(NotFound):
        users.get(context, uid)


def test_a_delete_with_if_match_finishes_a_pending_one(context):
    """What was decided before is not asked about again."""
    uid = marked(context)

    deletes.delete_user(context, uid, precondition('W/"9"'))

    with pytest.raises(NotFound):
        users.get(context, uid)


def lease_of(context, uid):
    """Return the lease of a user whose delete is pending."""
    lease = from_item(User, context.items.get(context.keys.user(uid))).lease
    assert lease
    return lease


def finished_by_the_sweeper(context, uid):
    """Finish a pending delete as the sweeper does."""
    recovery.finish(context, "user delete", lease_of(context, uid).change_id, uid)


FINISHERS = {
    "a PATCH": lambda context, uid: edit(context, uid, title="Dr"),
    "an add": lambda context, uid: change(context, a_group(context), add=[uid]),
    "another DELETE": deletes.delete_user,
    "the sweeper": finished_by_the_sweeper,
}


@pytest.mark.parametrize("finish", FINISHERS.values(), ids=FINISHERS)
def test_the_feed_names_who_began_a_delete_whoever_finishes_it(context, finish):
    """Not a request that was itself rejected, nor the sweeper."""
    uid = marked(context)

    with suppress(NotFound, InvalidValue):
        finish(replace(context, request_id="request-2", token_id="token2"), uid)

    told = changes(context, "user")[-1]
    assert (told["id"], told["request_id"], told["token"]) == (uid, "request-1", "token1")


def test_a_delete_that_was_begun_by_an_earlier_release_is_finished_too(context):
    """Its pending change does not say who began it: the feed names who finishes it."""
    uid = marked(context)
    key = context.keys.pending_change(lease_of(context, uid).change_id)
    context.items.commit([Update(key, remove=("request_id", "token"))])

    deletes.delete_user(replace(context, request_id="request-2"), uid)

    assert changes(context, "user")[-1]["request_id"] == "request-2"


# --- groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 25, 26, 60])
def test_a_deleted_group_is_gone_with_its_memberships(context, size):
    """At any size; a batch deletes 25 items."""
    uids = some_users(context, size)
    gid = a_group(context, "Tour", uids, externalId="1")

    deletes.delete_group(context, gid)

    assert find_groups(context).total == 0
    assert not any(group_ids(context, uid) for uid in uids)
    assert not [key for key in read_all(context.items.table) if gid in key.sk]


def test_a_group_is_deleted_once(context):
    """404 from then on, and its name is free."""
    gid = a_group(context, "Tour")
    deletes.delete_group(context, gid)

    with pytest.raises(NotFound):
        deletes.delete_group(context, gid)

    assert a_group(context, "Tour") != gid


@pytest.mark.parametrize("match", ['W/"2.0"', 'W/"1.1"'])
def test_a_group_delete_with_another_version_is_rejected(context, match):
    """412, whichever half of the version differs."""
    gid = a_group(context)

    with pytest.raises(PreconditionFailed):
        deletes.delete_group(context, gid, precondition(match))

    deletes.delete_group(context, gid, precondition('W/"1.0"'))
    assert find_groups(context).total == 0


def test_a_member_added_meanwhile_fails_a_group_delete_with_if_match(context):
    """The client meant the group as it was."""
    uid, gid = a_user(context), a_group(context)
    racing = between(context, 1, lambda: change(context, gid, add=[uid]))

    with pytest.raises(PreconditionFailed):
        deletes.delete_group(racing, gid, precondition('W/"1.0"'))

    assert member_ids(context, gid) == [uid]


@pytest.mark.parametrize("changed", [{"displayName": "Giro"}, {"externalId": "2"}], ids=str)
def test_a_group_that_was_changed_meanwhile_leaves_no_items(context, changed):
    """Its uniqueness and look-up items match the document that is deleted."""
    gid = a_group(context, "Tour", externalId="1")
    wanted = groups.GroupChange(lambda now: now | changed, MemberChange())
    racing = between(context, 1, lambda: groups.change(context, gid, wanted))

    deletes.delete_group(racing, gid)

    assert find_groups(context).total == 0


def test_a_member_added_meanwhile_does_not_stop_a_group_delete(context):
    """Without If-Match a delete takes every version."""
    uid, gid = a_user(context), a_group(context)
    racing = between(context, 1, lambda: change(context, gid, add=[uid]))

    deletes.delete_group(racing, gid)

    assert group_ids(context, uid) == []


def test_a_group_is_gone_for_readers_before_its_memberships_are(context):
    """They read the group's item; the memberships behind it do not matter."""
    uids = some_users(context, 3)
    gid, other = a_group(context, "one", uids), a_group(context, "other", uids)

    class Asking(FaultyClient):
        def batch_write_item(self, **request):
            assert group_ids(context, uids[0]) == [other]
            assert ids(find_groups(context)) == [other]
            assert ids(find_groups(context, f'members eq "{uids[0]}"')) == [other]
            return self.client.batch_write_item(**request)

    deletes.delete_group(by(context, Asking(context.items.table.client)), gid)


def test_a_group_delete_that_reaches_its_deadline_succeeds(context, manual_clock):
    """The group is gone, so 204 is correct; the sweeper deletes what is left."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids)

    class Late(FaultyClient):
        def batch_write_item(self, **request):
            return throttled(request, lambda: None)

    deletes.delete_group(by(context, Late(context.items.table.client)), gid)

    (key,) = [key for key in read_all(context.items.table) if key.pk.startswith("O#")]
    now = connection_context(context.items.table)
    pending = read_all(now.items.table)[key]
    assert pending["target"] == gid
    finish(now, key.sk, pending)


def finish(context, change_id, pending):
    """Finish an operation as the sweeper does."""
    recovery.finish(context, pending["change_type"], change_id, pending["target"])


@pytest.mark.parametrize("number", range(2, 8))
@pytest.mark.parametrize("crash", CRASHES)
def test_the_sweeper_finishes_a_crashed_group_delete(context, number, crash):
    """After the group's item is deleted, at every call."""
    uids = some_users(context, 26)
    gid = a_group(context, "Tour", uids)
    client = FaultyClient(context.items.table.client, number, CRASHES[crash])

    with pytest.raises(Crash):
        deletes.delete_group(by(context, client), gid)

    assert find_groups(context).total == 0
    items = read_all(context.items.table)
    for key in [key for key in items if key.pk.startswith("O#")]:
        finish(context, key.sk, items[key])
    assert not any(group_ids(context, uid) for uid in uids)


def test_a_user_is_deleted_while_one_of_their_groups_is_being_deleted(context):
    """Its items may exist or not; the group is gone and gets no count."""
    uid = a_user(context)
    gid = a_group(context, "Tour", [uid])
    client = FaultyClient(context.items.table.client, 3, CRASHES["crash before"])
    with pytest.raises(Crash):
        deletes.delete_group(by(context, client), gid)

    deletes.delete_user(context, uid)

    items = read_all(context.items.table)
    for key in [key for key in items if key.pk.startswith("O#")]:
        finish(context, key.sk, items[key])


def test_a_delete_of_an_unknown_id_is_not_found(context):
    """404, and nothing is written."""
    for delete in (deletes.delete_user, deletes.delete_group):
        with pytest.raises(NotFound):
            delete(context, NOBODY)


def test_contention_until_the_deadline_is_busy(context):
    """503; the user is still there, whole."""
    uid = a_user(context, "ada")

    class Contended(FaultyClient):
        def transact_write_items(self, **request):
            return throttled(request, lambda: None)

    with pytest.raises(Busy):
        deletes.delete_user(by(context, Contended(context.items.table.client)), uid)

    found = users.get(connection_context(context.items.table), uid)
    assert found["userName"] == a_document("ada")["userName"]
