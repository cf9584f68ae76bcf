"""A slice of `make simulate`, and a judge that finds what is wrong."""

from __future__ import annotations

import pytest

from tests.campaigns.simulate import feed, objects
from tests.campaigns.simulate.campaign import parse_seeds
from tests.campaigns.simulate.judge import Histories
from tests.campaigns.simulate.linear import Entry, explain
from tests.campaigns.simulate.run import Simulation, quiet
from tests.campaigns.simulate.schedule import Schedule
from tests.campaigns.simulate.workload import Event
from tests.campaigns.simulate.world import Reply
from tests.support.clock import NOON


@pytest.mark.parametrize("seed", range(1, 7))
def test_whatever_happens_every_history_is_linearizable(seed, record_property):
    """`make simulate SEEDS=` plays a seed again, with its log."""
    with quiet():
        verdict = Simulation(seed).run()

    record_property("operations simulated", verdict.requests)
    assert not verdict.problems


def test_a_seed_is_played_again_as_it_was():
    """The same requests, the same calls, the same faults, at the same moments."""
    with quiet():
        one, other = (Simulation(7, requests=60).run() for _ in range(2))

    assert (one.calls, one.virtual, one.injected) == (other.calls, other.virtual, other.injected)


def held(begin, end, *, value):
    """Say that a fact was read."""
    return Entry(begin, end, objects.is_so(value=value), "read")


def becomes(begin, end, *, value, certain=True):
    """Say that a fact was written."""
    return Entry(begin, end, objects.becomes(value=value), "write", certain)


# histories of one fact that is false at first, and whether there is an order of each
HISTORIES = {
    "a write is seen": ([becomes(1, 2, value=True), held(3, 4, value=True)], True),
    "a write is lost": ([becomes(1, 2, value=True), held(3, 4, value=False)], False),
    "seen and then not": (
        [becomes(1, 9, value=True), held(2, 3, value=True), held(4, 5, value=False)],
        False,
    ),
    "seen after a while": (
        [becomes(1, 9, value=True), held(2, 3, value=False), held(4, 5, value=True)],
        True,
    ),
    "without a response, and seen late": (
        [becomes(1, float("inf"), value=True, certain=False), held(7, 8, value=True)],
        True,
    ),
    "without a response, and never seen": (
        [becomes(1, float("inf"), value=True, certain=False), held(7, 8, value=False)],
        True,
    ),
}


@pytest.mark.parametrize(("entries", "right"), HISTORIES.values(), ids=HISTORIES)
def test_the_judge_finds_an_order_if_there_is_one(entries, right):
    """And reports it where every order is wrong."""
    assert (not explain(entries, initial=False)) is right


UID = "1" * 32
FOUND = {
    "id": UID,
    "userName": "ada",
    "externalId": "7",
    "active": True,
    "meta": {"resourceType": "User", "version": 'W/"1.0"', "lastModified": f"{NOON:%FT%T}.000Z"},
}
CREATED = Event(
    "create user",
    "",
    Reply(0.0, 0.5, 201, FOUND, "created"),
    {"document": {"userName": "ada", "externalId": "7"}},
)


def deleted(begin, end, request_id, status=204):
    """Say that a user was deleted."""
    return Event("delete user", UID, Reply(begin, end, status, None, request_id))


def rejected(begin, end, request_id):
    """Say that a change was rejected, as the user does not exist."""
    body = {"detail": f'members: no user of this connection has the id "{UID}".'}
    return Event("change group", "2" * 32, Reply(begin, end, 400, body, request_id), {"add": {UID}})


# DELETEs of one user, of which request the feed has an entry, and whether all of that is right if
# the user is in many groups; it never is if they are not
DELETES = {
    "at once, told as the first": ([deleted(1, 5, "a"), deleted(4, 8, "b")], "a", True),
    "at once, told as the second": ([deleted(1, 5, "a"), deleted(4, 8, "b")], "b", True),
    "at once, told as nobody's": ([deleted(1, 5, "a"), deleted(4, 8, "b")], "x", False),
    "at once, told as a rejected one's": (
        [deleted(1, 5, "a"), deleted(4, 8, "b"), rejected(9, 10, "r")],
        "r",
        False,
    ),
    "one after the other": ([deleted(1, 3, "a"), deleted(4, 8, "b")], "a", False),
    "a third one, late": (
        [deleted(1, 3, "a"), deleted(2, 6, "b"), deleted(5, 8, "c")],
        "a",
        False,
    ),
    "the first without a response": ([deleted(1, 30, "", 0), deleted(40, 41, "b")], "x", True),
    "the first 503": ([deleted(1, 19, "a", 503), deleted(40, 41, "b")], "a", True),
    "the first rejected": ([deleted(1, 5, "a", 412), deleted(4, 8, "b")], "a", False),
}


@pytest.mark.parametrize("joiners", [{UID}, set()], ids=["many groups", "few groups"])
@pytest.mark.parametrize(("deletes", "told_as", "right"), DELETES.values(), ids=DELETES)
def test_several_deletes_are_one_change_only_of_a_user_in_many_groups(
    deletes, told_as, right, joiners
):
    """Of one in few the second is 404; and each change is told as an acknowledged request's."""
    events, told = [CREATED, *deletes], {"created": {("user", UID)}, told_as: {("user", UID)}}

    problems = [*feed.wrong(events, told, joiners)]
    problems += Histories(events, set(), 0.0, joiners).wrong()

    assert (not problems) is (right and bool(joiners))


def found(begin, end, resources=()):
    """Say what a filter by externalId has found."""
    reply = Reply(begin, end, 200, {"Resources": resources}, "found")
    return Event("find users", "", reply, {"attribute": "externalId", "value": "7"})


def read(begin, end):
    """Say that the user was read."""
    return Event("get user", UID, Reply(begin, end, 200, FOUND, "read"))


# what is seen of a user who is deleted at some time, and whether it may be
SEEN = {
    "not found, then read": ([deleted(1, 6, "a"), found(2, 3), read(4, 5)], True),
    "not found, then read before the delete": (
        [found(2, 3), read(4, 5), deleted(6, 7, "a")],
        False,
    ),
    "not found, then read after the delete": ([deleted(1, 6, "a"), found(2, 3), read(7, 8)], False),
    "not found without a delete": ([found(2, 3)], False),
    "found after the delete": ([deleted(1, 2, "a"), found(3, 4, [FOUND])], False),
}


@pytest.mark.parametrize(("events", "right"), SEEN.values(), ids=SEEN)
def test_a_filter_may_see_a_delete_that_is_in_progress_before_others_do(events, right):
    """A Query may show half of a transaction; once it is over, or not begun, none may."""
    problems = list(Histories([CREATED, *events], set(), 0.0).wrong())

    assert (not problems) is right


def test_tasks_run_in_the_order_of_their_times():
    """One at a time, each where it waited."""
    schedule, seen = Schedule(), list[str]()

    def task(name, seconds):
        for number in range(2):
            schedule.sleep(seconds)
            seen.append(f"{name}{number}")

    schedule.start(lambda: task("a", 2.0))
    schedule.start(lambda: task("b", 3.0))
    schedule.drain()
    assert seen == ["a0", "b0", "a1", "b1"]


def test_seeds_are_a_number_or_a_range():
    """As SEEDS= has them."""
    assert (list(parse_seeds("3")), list(parse_seeds("3-5"))) == ([3], [3, 4, 5])
