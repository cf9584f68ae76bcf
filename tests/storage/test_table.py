"""A namespace reads consistently, never takes "not now" for "not there", and keeps its bounds."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from chalicelib.errors import Busy
from chalicelib.storage.expressions import EXISTS, Check, Delete, Put, Update, to_wire
from chalicelib.storage.keys import ConnectionKeys, Key, Range
from chalicelib.storage.table import OutsideNamespace, chunks
from tests.support.clock import ManualClock
from tests.support.doubles import MINE, Script, a_namespace
from tests.support.faults import client_error

KEYS = ConnectionKeys(MINE)
FOREIGN = ConnectionKeys("zzzzzzzzzzklmnop")
ITEM = KEYS.user("1")
THROTTLED = client_error("ProvisionedThroughputExceededException")


def wire(key, **attributes):
    """Write an item as DynamoDB returns it."""
    return to_wire({"PK": key.pk, "SK": key.sk, **attributes})


def wire_key(key):
    """Write a key as DynamoDB returns it."""
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


# --- reading ----------------------------------------------------------------------------------


def test_an_item_is_read_consistently():
    """A look-up right after a create sees it."""
    client = Script([{"Item": wire(ITEM, n=1)}])

    item = a_namespace(client).get(ITEM)

    assert item == {"PK": ITEM.pk, "SK": ITEM.sk, "n": 1}
    assert client.sent("ConsistentRead") == [True]


def test_a_missing_item_is_none():
    """A response without an Item is valid."""
    assert a_namespace(Script([{}])).get(ITEM) is None


def test_a_throttled_read_is_repeated():
    """It is no absence: the lock of a userName would look free."""
    assert a_namespace(Script([THROTTLED, {"Item": wire(ITEM)}])).get(ITEM) is not None


def batch(*found: Key, left=()):
    """Write a response of BatchGetItem."""
    unprocessed = {"table": {"Keys": [wire_key(key) for key in left], "ConsistentRead": True}}
    response = {"Responses": {"table": [wire(key) for key in found]}}
    return response | {"UnprocessedKeys": unprocessed if left else {}}


def test_unprocessed_keys_are_asked_for_again():
    """Read as absence, a token would be unknown: a false 401 and a job in quarantine."""
    other, gone = KEYS.user("2"), KEYS.user("3")
    client = Script([batch(ITEM, left=[other, gone]), batch(left=[other, gone]), batch(other)])

    found = a_namespace(client).batch_get([ITEM, other, gone])

    assert set(found) == {ITEM, other}
    assert len(client.requests) == 3


def test_keys_that_stay_unprocessed_are_busy():
    """Past the deadline 503, never a result without them."""
    manual_clock = ManualClock()

    with pytest.raises(Busy):
        a_namespace(Script([batch(left=[ITEM])]), manual_clock).batch_get([ITEM])

    assert manual_clock.passed == pytest.approx(25)


def test_a_key_is_asked_for_once():
    """BatchGetItem rejects a request that names a key twice."""
    client = Script([batch(ITEM)])

    a_namespace(client).batch_get([ITEM, ITEM])

    assert client.sent("RequestItems")[0]["table"]["Keys"] == [wire_key(ITEM)]
    assert client.sent("RequestItems")[0]["table"]["ConsistentRead"] is True


def test_keys_go_a_hundred_a_call():
    """DynamoDB takes no more."""
    client = Script([batch()])

    a_namespace(client).batch_get(KEYS.user(str(number)) for number in range(201))

    asked = client.sent("RequestItems")
    assert [len(request["table"]["Keys"]) for request in asked] == [100, 100, 1]


def page(*keys: Key, more=False):
    """Write a response of Query."""
    response = {"Items": [wire(key) for key in keys]}
    return response | ({"LastEvaluatedKey": wire_key(keys[-1] if keys else ITEM)} if more else {})


def test_a_query_goes_on_where_a_page_ends():
    """A page ends at 1 MB; taken for the end it would lose members silently."""
    two, three = KEYS.user("2"), KEYS.user("3")
    client = Script([page(ITEM, more=True), page(two, more=True), page(three)])

    items = list(a_namespace(client).query(Range(KEYS.users, " ", "~")))

    assert [item["SK"] for item in items] == ["1", "2", "3"]
    assert [request.get("ExclusiveStartKey") for _, request in client.requests] == [
        None,
        wire_key(ITEM),
        wire_key(two),
    ]


def test_an_empty_page_is_not_the_end():
    """DynamoDB may return no item and still say that there are more."""
    client = Script([page(more=True), page(ITEM)])

    assert len(list(a_namespace(client).query(Range(KEYS.users, " ", "~")))) == 1


def test_a_query_calls_only_when_its_items_are_needed():
    """Who needs ten items does not pay for ten thousand."""
    client = Script([page(ITEM, more=True), page(KEYS.user("2"))])

    next(a_namespace(client).query(Range(KEYS.users, " ", "~")))

    assert len(client.requests) == 1


def test_a_guess_of_the_page_that_is_too_low_costs_few_calls():
    """Each further call reads twice as many."""
    client = Script([page(ITEM, more=True)] * 3 + [page(ITEM)])

    list(a_namespace(client).query(Range(KEYS.users, " ", "~"), page=5))

    assert client.sent("Limit") == [5, 10, 20, 40]


def test_a_query_names_its_range_in_order():
    """Both bounds included, ascending unless asked otherwise, consistent."""
    client = Script([page()])

    list(a_namespace(client).query(KEYS.members_of("g"), descending=True))

    _, request = client.requests[0]
    assert request["ExpressionAttributeValues"] == {
        ":pk": {"S": KEYS.all_members().pk},
        ":low": {"S": "g#"},
        ":high": {"S": "g#~"},
    }
    assert request["ScanIndexForward"] is False
    assert request["ConsistentRead"] is True
    assert "Limit" not in request


# --- reading ahead ------------------------------------------------------------------------------

AHEAD = KEYS.user("2")


def test_what_was_read_ahead_is_got_once_without_a_call():
    """The next read of it sees the table."""
    client = Script([batch(ITEM, AHEAD), {}])
    items = a_namespace(client)

    assert list(items.batch_get_with_ahead([ITEM], [AHEAD])) == [ITEM]
    assert items.get(AHEAD) == {"PK": AHEAD.pk, "SK": AHEAD.sk}
    assert len(client.requests) == 1
    assert items.get(AHEAD) is None
    assert len(client.requests) == 2


def test_what_was_not_found_ahead_is_absent_without_a_call():
    """It was read consistently; a second Get would say the same."""
    client = Script([batch(ITEM)])
    items = a_namespace(client)
    items.batch_get_with_ahead([ITEM], [AHEAD])

    assert items.was_read_ahead(AHEAD)
    assert items.get(AHEAD) is None
    assert len(client.requests) == 1


WRITES = {
    "transaction": lambda items: items.commit([Put(ITEM)]),
    "put": lambda items: items.try_once(Put(ITEM)),
    "addition": lambda items: items.try_add(Update(ITEM, add={"n": 1})),
    "batch": lambda items: items.batch_delete([ITEM]),
    "another deadline": lambda items: items.with_deadline(items.deadline).commit([Put(ITEM)]),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_forgets_what_was_read_ahead(write):
    """Else a request would not see what it has written itself."""
    items = a_namespace(Script([batch(ITEM, AHEAD), {"Attributes": {}}]))
    items.batch_get_with_ahead([ITEM], [AHEAD])

    write(items)

    assert not items.was_read_ahead(AHEAD)


@pytest.mark.parametrize("left", [ITEM, AHEAD], ids=["wanted", "ahead"])
def test_unprocessed_keys_leave_only_what_is_needed_now(left):
    """An item that is throttled keeps nobody from being authenticated."""
    client = Script([batch(left=[left]), batch(ITEM)])
    items = a_namespace(client)

    assert list(items.batch_get_with_ahead([ITEM], [AHEAD])) == [ITEM]
    assert not items.was_read_ahead(AHEAD)
    assert client.sent("RequestItems")[1]["table"]["Keys"] == [wire_key(ITEM)]


def test_what_is_read_ahead_is_not_looked_at_before_it_is_wanted():
    """Who is not authenticated yet may make us read it."""
    damaged = wire_key(AHEAD) | {"doc": {"nothing of": "DynamoDB's"}}
    found = batch(ITEM)
    found["Responses"]["table"].append(damaged)
    items = a_namespace(Script([found]))

    assert list(items.batch_get_with_ahead([ITEM], [AHEAD])) == [ITEM]
    with pytest.raises(TypeError):
        items.get(AHEAD)


def test_nothing_foreign_is_read_ahead():
    """Nothing is sent."""
    client = Script([batch()])

    with pytest.raises(OutsideNamespace):
        a_namespace(client).batch_get_with_ahead([ITEM], [FOREIGN.user("2")])
    assert client.requests == []


# --- deleting ---------------------------------------------------------------------------------


def test_unprocessed_deletes_are_sent_again():
    """What is left out would stay for ever: nobody asks for these items any more."""
    other = KEYS.member("g", "2")
    left = {"table": [{"DeleteRequest": {"Key": wire_key(other)}}]}
    client = Script([{"UnprocessedItems": left}, {"UnprocessedItems": {}}])

    a_namespace(client).batch_delete([KEYS.member("g", "1"), other])

    first, second = client.sent("RequestItems")
    assert len(first["table"]) == 2
    assert second == left


def test_deletes_go_twenty_five_a_call():
    """DynamoDB takes no more."""
    client = Script([{}])

    a_namespace(client).batch_delete(KEYS.member("g", str(number)) for number in range(51))

    assert [len(each["table"]) for each in client.sent("RequestItems")] == [25, 25, 1]


def test_deletes_that_stay_unprocessed_are_busy():
    """The pending change stays, and the next one who finds it goes on."""
    left = {"table": [{"DeleteRequest": {"Key": wire_key(ITEM)}}]}

    with pytest.raises(Busy):
        a_namespace(Script([{"UnprocessedItems": left}])).batch_delete([ITEM])


# --- errors and bounds ------------------------------------------------------------------------

CALLS = {
    "get": lambda items: items.get(ITEM),
    "batch_get": lambda items: items.batch_get([ITEM]),
    "query": lambda items: list(items.query(KEYS.user_with_groups("1"))),
    "commit": lambda items: items.commit([Put(ITEM)]),
    "batch_delete": lambda items: items.batch_delete([ITEM]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_unexpected_error_passes_through(call):
    """No call swallows what it does not understand."""
    with pytest.raises(ClientError, match="AccessDenied"):
        call(a_namespace(Script([client_error("AccessDeniedException")])))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_ends_at_the_deadline(call):
    """One deadline for all that a request does."""
    manual_clock = ManualClock()

    with pytest.raises(Busy):
        call(a_namespace(Script([THROTTLED]), manual_clock))

    assert manual_clock.passed == pytest.approx(25)


OUTSIDE = {
    "get": lambda items: items.get(FOREIGN.user("1")),
    "batch_get": lambda items: items.batch_get([ITEM, FOREIGN.user("1")]),
    "query": lambda items: list(items.query(FOREIGN.user_with_groups("1"))),
    "put": lambda items: items.commit([Put(ITEM), Put(FOREIGN.user("1"))]),
    "update": lambda items: items.commit([Update(FOREIGN.user("1"), add={"g": 1})]),
    "delete": lambda items: items.commit([Delete(FOREIGN.user("1"))]),
    "check": lambda items: items.commit([Check(FOREIGN.user("1"), EXISTS)]),
    "batch_delete": lambda items: items.batch_delete([ITEM, FOREIGN.user("1")]),
    "write settings": lambda items: items.commit([Put(KEYS.local("1"))]),
    "read what the organisation noted": lambda items: items.get(KEYS.local("1")),
}


@pytest.mark.parametrize("call", OUTSIDE.values(), ids=OUTSIDE)
def test_a_namespace_rejects_what_is_outside_before_it_sends(call):
    """In production as in tests: IAM cannot part tenants that share one function."""
    client = Script([{}])

    with pytest.raises(OutsideNamespace):
        call(a_namespace(client))

    assert client.requests == []


def test_the_rejection_names_no_tenant():
    """It may end up in a log."""
    with pytest.raises(OutsideNamespace) as caught:
        a_namespace(Script([{}])).get(FOREIGN.user("1"))

    assert "zzzz" not in str(caught.value)


def test_a_sequence_is_cut_into_pieces():
    """The last may be shorter; an empty sequence has no chunk."""
    assert list(chunks("abcde", 2)) == ["ab", "cd", "e"]
    assert list(chunks("", 2)) == []
