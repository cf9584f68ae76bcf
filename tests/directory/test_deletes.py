"""Deletes of any size, and what a crash in the middle leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from chalicelib.directory import deletes, groups, sweeping, users
from chalicelib.directory.tenant import Tenant
from chalicelib.scim.errors import Busy, InvalidValue, NotFound, PreconditionFailed
from chalicelib.scim.patch import MemberChange
from chalicelib.storage.expressions import Put
from chalicelib.storage.items import user_of
from chalicelib.storage.keys import OrganisationKeys
from dev.invariants import read_all
from tests.directory.builders import (
    NOBODY,
    a_document,
    a_group,
    a_tenant,
    a_user,
    between,
    by,
    change,
    changes,
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
from tests.faults import CRASHES, Crash, FaultyClient, throttled

# More teams than one transaction takes: 98 actions of 100 hold 30 of them, 40 take two steps.
MANY_TEAMS = 40


def calls(tenant, action):
    """Name the calls that an action makes of DynamoDB."""
    client = FaultyClient(tenant.rows.table.client)
    action(by(tenant, client))
    return client.calls


def local_row(tenant, uid):
    """Let the organisation note something about a user."""
    keys = OrganisationKeys("abcdefghij")
    rows = tenant.rows.table.namespace(keys.grants(), tenant.rows.deadline)
    rows.commit([Put(tenant.keys.local(uid), {"v": 1})])


# --- users ------------------------------------------------------------------------------------


def test_a_deleted_user_is_gone_with_all_that_led_to_him(tenant):
    """No read, name, index or count knows him; only the change rows tell of him."""
    before = read_all(tenant.rows.table)
    uid = a_user(tenant, "ada")

    deletes.delete_user(tenant, uid)

    left = {key: row for key, row in read_all(tenant.rows.table).items() if "#F#" not in key.pk}
    counter = tenant.keys.counter("U", uid)
    assert left.pop(counter)["n"] == 0
    assert left == before
    assert find_users(tenant).total == 0


def test_a_delete_is_told_to_the_saas(tenant):
    """A user's change without a version is his end."""
    uid = a_user(tenant)

    deletes.delete_user(tenant, uid)

    (last,) = [each for each in changes(tenant, "user") if "version" not in each]
    assert last["id"] == uid


def test_what_the_organisation_noted_goes_with_the_user(tenant):
    """Roles must not wait for whoever is created under his name next (I12)."""
    uid = a_user(tenant)
    local_row(tenant, uid)

    deletes.delete_user(tenant, uid)

    assert tenant.keys.local(uid) not in read_all(tenant.rows.table)


def test_a_user_who_is_created_again_is_another(tenant):
    """A new id: nothing of the old one sticks to him."""
    uid = a_user(tenant, "ada")
    a_group(tenant, uids=[uid])
    deletes.delete_user(tenant, uid)

    again = a_user(tenant, "ada")

    assert again != uid
    assert group_ids(tenant, again) == []


def test_a_user_is_deleted_once(tenant):
    """RFC 7644 section 3.6: 404 from then on, for every operation."""
    uid = a_user(tenant)
    deletes.delete_user(tenant, uid)

    for act in (deletes.delete_user, users.get, edit):
        with pytest.raises(NotFound):
            act(tenant, uid)


def test_a_delete_with_another_version_is_refused(tenant):
    """412 (RFC 7644 section 3.14); with the present one it is done."""
    uid = a_user(tenant)

    with pytest.raises(PreconditionFailed):
        deletes.delete_user(tenant, uid, precondition('W/"2"'))

    deletes.delete_user(tenant, uid, precondition('W/"1"'))
    assert find_users(tenant).total == 0


def test_a_user_in_a_few_teams_goes_in_one_transaction(tenant):
    """7 + 3 a team, at most 100."""
    uid = a_user(tenant)
    gids = some_groups(tenant, 3, [uid])

    made = calls(tenant, lambda it: deletes.delete_user(it, uid))

    assert made == ["query", "transact_write_items", "query"]
    assert [groups.get(tenant, gid)["meta"]["version"] for gid in gids] == ['W/"1.1"'] * 3


def test_a_user_in_many_teams_goes_too(tenant):
    """He is marked, released from his teams in steps, and deleted."""
    uid = a_user(tenant)
    gids = some_groups(tenant, MANY_TEAMS, [uid])

    made = calls(tenant, lambda it: deletes.delete_user(it, uid))

    assert made.count("transact_write_items") == 3
    assert not any(member_ids(tenant, gid) for gid in gids)
    with pytest.raises(NotFound):
        users.get(tenant, uid)


@dataclass(frozen=True, slots=True)
class Race:
    """A user, a team that he is in, and one that he is not in."""

    tenant: Tenant
    uid: str
    gid: str
    other: str


RACES: Mapping[str, Callable[[Race], object]] = {
    "joins a team": lambda it: change(it.tenant, it.other, add=[it.uid]),
    "leaves a team": lambda it: change(it.tenant, it.gid, remove=[it.uid]),
    "team is deleted": lambda it: deletes.delete_group(it.tenant, it.gid),
    "is changed": lambda it: edit(it.tenant, it.uid, title="Dr"),
    "is renamed": lambda it: edit(it.tenant, it.uid, userName="byron"),
    "team is renamed": lambda it: rename(it.tenant, it.gid, "Giro"),
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_a_delete_sees_what_comes_between(tenant, race):
    """The row as read is its condition: no member row of nobody is left (I5)."""
    uid = a_user(tenant)
    gid, other = a_group(tenant, "one", [uid]), a_group(tenant, "other")
    run = Race(tenant, uid, gid, other)

    deletes.delete_user(between(tenant, 1, lambda: race(run)), uid)

    assert find_users(tenant).total == 0
    assert member_ids(tenant, other) == []


def test_a_join_that_is_half_seen_leaves_no_member(tenant):
    """In AWS a Query may show one row of a transaction and not yet another."""
    uid = a_user(tenant)
    gid = a_group(tenant, "one", [uid])

    def half(_, send):
        found = send()
        return found | {"Items": [row for row in found["Items"] if "#" not in row["SK"]["S"]]}

    deletes.delete_user(by(tenant, FaultyClient(tenant.rows.table.client, 0, half)), uid)

    assert member_ids(tenant, gid) == []


def test_two_deletes_at_once_end_in_one(tenant):
    """The second finds nobody: 404, and the counter is taken down once."""
    uid = a_user(tenant)
    racing = between(tenant, 1, lambda: deletes.delete_user(tenant, uid))

    with pytest.raises(NotFound):
        deletes.delete_user(racing, uid)

    assert len(changes(tenant, "user")) == 2


def test_a_name_is_free_at_once_and_kept_by_the_next_owner(tenant):
    """A lock is deleted only by its owner: a late delete takes no stranger's name."""
    uid = a_user(tenant, "ada")
    again = []

    def replaced():
        deletes.delete_user(tenant, uid)
        again.append(a_user(tenant, "ada"))

    with pytest.raises(NotFound):
        deletes.delete_user(between(tenant, 1, replaced), uid)

    assert ids(find_users(tenant, 'userName eq "ada@example.com"')) == again


# --- what a crash leaves ----------------------------------------------------------------------


def crashed(tenant, uid, number, fault):
    """Delete a user with a crash at call `number`; tell whether it came to that call."""
    client = FaultyClient(tenant.rows.table.client, number, fault)
    try:
        deletes.delete_user(by(tenant, client), uid)
    except Crash:
        return True
    return False


def crash_points(crash):
    """Number the calls of a large delete: read, mark, release, read, delete."""
    return [(number, crash) for number in range(5)]


POINTS = [point for crash in CRASHES for point in crash_points(crash)]


@pytest.mark.parametrize(("number", "crash"), POINTS, ids=[f"{c} call {n}" for n, c in POINTS])
def test_the_next_delete_finishes_what_a_crash_left(tenant, number, crash):
    """Nothing is lost and nothing is half there, wherever it stopped."""
    uid = a_user(tenant)
    gids = some_groups(tenant, MANY_TEAMS, [uid])

    assert crashed(tenant, uid, number, CRASHES[crash])

    done_already = (number, crash) == (4, "crash after")
    if done_already:
        with pytest.raises(NotFound):
            deletes.delete_user(tenant, uid)
    else:
        deletes.delete_user(tenant, uid)
    assert not any(member_ids(tenant, gid) for gid in gids)


def test_a_large_delete_has_five_calls(tenant):
    """So the crashes above are at every one of them."""
    uid = a_user(tenant)
    some_groups(tenant, MANY_TEAMS, [uid])

    assert not crashed(tenant, uid, len(POINTS), CRASHES["crash before"])


def marked(tenant):
    """Make a user whose delete has crashed after its declaration."""
    uid = a_user(tenant)
    some_groups(tenant, MANY_TEAMS, [uid])
    assert crashed(tenant, uid, 1, CRASHES["crash after"])
    assert user_of(tenant.rows.get(tenant.keys.user(uid))).operation is not None
    return uid


MEETINGS = {
    "change": (lambda tenant, uid: edit(tenant, uid, title="Dr"), NotFound),
    "add": (lambda tenant, uid: change(tenant, a_group(tenant), add=[uid]), InvalidValue),
    "create a team": (
        lambda tenant, uid: groups.create(tenant, {"displayName": "x"}, frozenset({uid})),
        InvalidValue,
    ),
}


@pytest.mark.parametrize(("act", "error"), MEETINGS.values(), ids=MEETINGS)
def test_whoever_meets_a_delete_under_way_finishes_it(tenant, act, error):
    """Its outcome is decided: he is answered as if it were over."""
    uid = marked(tenant)

    with pytest.raises(error):
        act(tenant, uid)

    with pytest.raises(NotFound):
        users.get(tenant, uid)


def test_a_delete_with_if_match_finishes_one_under_way(tenant):
    """What was decided before is not asked about again."""
    uid = marked(tenant)

    deletes.delete_user(tenant, uid, precondition('W/"9"'))

    with pytest.raises(NotFound):
        users.get(tenant, uid)


# --- teams ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 25, 26, 60])
def test_a_deleted_group_is_gone_with_its_memberships(tenant, size):
    """At any size; 25 rows go in a batch."""
    uids = some_users(tenant, size)
    gid = a_group(tenant, "Tour", uids, externalId="1")

    deletes.delete_group(tenant, gid)

    assert find_groups(tenant).total == 0
    assert not any(group_ids(tenant, uid) for uid in uids)
    assert not [key for key in read_all(tenant.rows.table) if gid in key.sk]


def test_a_group_is_deleted_once(tenant):
    """404 from then on, and its name is free."""
    gid = a_group(tenant, "Tour")
    deletes.delete_group(tenant, gid)

    with pytest.raises(NotFound):
        deletes.delete_group(tenant, gid)

    assert a_group(tenant, "Tour") != gid


@pytest.mark.parametrize("match", ['W/"2.0"', 'W/"1.1"'])
def test_a_group_delete_with_another_version_is_refused(tenant, match):
    """412, whichever half of the version differs."""
    gid = a_group(tenant)

    with pytest.raises(PreconditionFailed):
        deletes.delete_group(tenant, gid, precondition(match))

    deletes.delete_group(tenant, gid, precondition('W/"1.0"'))
    assert find_groups(tenant).total == 0


def test_a_member_who_came_between_fails_a_delete_with_if_match(tenant):
    """The client meant the team as it was."""
    uid, gid = a_user(tenant), a_group(tenant)
    racing = between(tenant, 1, lambda: change(tenant, gid, add=[uid]))

    with pytest.raises(PreconditionFailed):
        deletes.delete_group(racing, gid, precondition('W/"1.0"'))

    assert member_ids(tenant, gid) == [uid]


@pytest.mark.parametrize("changed", [{"displayName": "Giro"}, {"externalId": "2"}], ids=str)
def test_a_group_that_was_changed_meanwhile_leaves_no_trace(tenant, changed):
    """Its locks and index rows are those of the document that is deleted (I7)."""
    gid = a_group(tenant, "Tour", externalId="1")
    wanted = groups.GroupChange(lambda now: now | changed, MemberChange())
    racing = between(tenant, 1, lambda: groups.change(tenant, gid, wanted))

    deletes.delete_group(racing, gid)

    assert find_groups(tenant).total == 0


def test_a_member_who_came_between_goes_with_the_group(tenant):
    """Without If-Match a delete waits for nobody."""
    uid, gid = a_user(tenant), a_group(tenant)
    racing = between(tenant, 1, lambda: change(tenant, gid, add=[uid]))

    deletes.delete_group(racing, gid)

    assert group_ids(tenant, uid) == []


def test_a_group_is_gone_for_readers_before_its_rows_are(tenant):
    """They ask the group's row; the memberships behind it are nobody's business."""
    uids = some_users(tenant, 3)
    gid, other = a_group(tenant, "one", uids), a_group(tenant, "other", uids)

    class Asking(FaultyClient):
        def batch_write_item(self, **request):
            assert group_ids(tenant, uids[0]) == [other]
            assert ids(find_groups(tenant)) == [other]
            assert ids(find_groups(tenant, f'members eq "{uids[0]}"')) == [other]
            return self.client.batch_write_item(**request)

    deletes.delete_group(by(tenant, Asking(tenant.rows.table.client)), gid)


def test_a_group_delete_that_runs_out_of_time_is_answered(tenant, hands):
    """The team is gone, so 204 is true; the sweeper finds what is left by its row."""
    uids = some_users(tenant, 3)
    gid = a_group(tenant, "Tour", uids)

    class Late(FaultyClient):
        def batch_write_item(self, **request):
            return throttled(request, lambda: None)

    deletes.delete_group(by(tenant, Late(tenant.rows.table.client)), gid)

    (row,) = [key for key in read_all(tenant.rows.table) if key.pk == "O#"]
    now = a_tenant(tenant.rows.table)
    operation = read_all(now.rows.table)[row]
    assert operation["target"] == gid
    finish(now, row.sk, operation)


def finish(tenant, operation_id, row):
    """Finish an operation as the sweeper does."""
    sweeping.finish(tenant, row["kind"], operation_id, row["target"])


@pytest.mark.parametrize("number", range(2, 8))
@pytest.mark.parametrize("crash", CRASHES)
def test_the_sweeper_clears_what_a_crashed_group_delete_left(tenant, number, crash):
    """From the declaration on, at every call."""
    uids = some_users(tenant, 26)
    gid = a_group(tenant, "Tour", uids)
    client = FaultyClient(tenant.rows.table.client, number, CRASHES[crash])

    with pytest.raises(Crash):
        deletes.delete_group(by(tenant, client), gid)

    assert find_groups(tenant).total == 0
    rows = read_all(tenant.rows.table)
    for key in [key for key in rows if key.pk == "O#"]:
        finish(tenant, key.sk, rows[key])
    assert not any(group_ids(tenant, uid) for uid in uids)


def test_a_user_goes_while_a_team_of_his_is_being_cleared(tenant):
    """Its rows may be there or not; the group is gone and gets no count."""
    uid = a_user(tenant)
    gid = a_group(tenant, "Tour", [uid])
    client = FaultyClient(tenant.rows.table.client, 3, CRASHES["crash before"])
    with pytest.raises(Crash):
        deletes.delete_group(by(tenant, client), gid)

    deletes.delete_user(tenant, uid)

    rows = read_all(tenant.rows.table)
    for key in [key for key in rows if key.pk == "O#"]:
        finish(tenant, key.sk, rows[key])


def test_a_delete_of_nobody_is_not_found(tenant):
    """404, and nothing is declared."""
    for delete in (deletes.delete_user, deletes.delete_group):
        with pytest.raises(NotFound):
            delete(tenant, NOBODY)


def test_contention_to_the_end_is_busy(tenant):
    """503; the user is still there, whole."""
    uid = a_user(tenant, "ada")

    class Contended(FaultyClient):
        def transact_write_items(self, **request):
            return throttled(request, lambda: None)

    with pytest.raises(Busy):
        deletes.delete_user(by(tenant, Contended(tenant.rows.table.client)), uid)

    found = users.get(a_tenant(tenant.rows.table), uid)
    assert found["userName"] == a_document("ada")["userName"]
