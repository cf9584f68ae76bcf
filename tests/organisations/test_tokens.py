"""Tokens of a connection: item and secret, in every order of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.auth.authenticate import authenticate_connection
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Conflict, InvalidFields, NotFound, Unauthorized, Unavailable
from chalicelib.organisations import connections, tokens
from chalicelib.organisations.inputs import NewToken, Rotation
from tests.support.builders import a_customer, an_admin_context, scim_namespace
from tests.support.faults import FaultyClient, client_error, fail, first, lose

TIMES_OUT = client_error("ThrottlingException")


@pytest.fixture
def context(services):
    """Make a connection with one token."""
    return a_customer(services)


@pytest.fixture
def between(services):
    """Stand before the client of Secrets Manager."""
    return FaultyClient(services.secrets._client)


@pytest.fixture
def secrets(services, between):
    """Keep secrets through what stands before the client."""
    return Secrets(between, services.settings.secrets_prefix)


@pytest.fixture
def settled(context, manual_clock):
    """Let a minute pass: the secret of its token can no longer be in the making."""
    manual_clock.advance(minutes=1)
    return replace(context, admin=renewed(context))


def create(context, secrets, **body):
    """Make a token."""
    asked = NewToken.model_validate({"name": "next", **body})
    return tokens.create(context.admin, secrets, context.connection, asked, None)


def revoke(context, secrets, token_id):
    """Revoke a token."""
    tokens.revoke(context.admin, secrets, context.connection, token_id)


def item(context, token_id):
    """Read a token's item."""
    found = tokens.list_tokens(context.admin, context.connection).items
    return next(each for each in found if each.id == token_id)


def declared(context):
    """List what is declared to be done later, as (due, target)."""
    items = context.admin.items.table.client.scan(TableName="passerelle-test")["Items"]
    operations = [each for each in items if each["PK"]["S"].startswith("O#")]
    return {(each["SK"]["S"].partition("#")[0], each["target"]["S"]) for each in operations}


def kept(secretsmanager):
    """List the token secrets there are, by token id."""
    found = secretsmanager.list_secrets()["SecretList"]
    names = {each["Name"].rpartition("/")[2] for each in found}
    return {name for name in names if not name.startswith("operator-key-")}


def opens(services, context, text):
    """Tell whether a token authenticates."""
    try:
        authenticate_connection(
            scim_namespace(services, context.connection),
            services.secrets,
            services.settings,
            context.connection,
            (f"Bearer {text}",),
        )
    except Unauthorized:
        return False
    return True


def test_a_token_opens_its_connection(services, context, secrets):
    """As soon as it is shown."""
    assert opens(services, context, create(context, secrets).text)


def test_only_a_digest_is_kept(services, context, secrets, dynamodb, secretsmanager):
    """Neither the text nor its secret part stands in the table or in Secrets Manager."""
    made = create(context, secrets)
    secret = made.text.split("_")[3]

    items = str(dynamodb.scan(TableName="passerelle-test"))
    name = f"passerelle/test/{context.connection}/{made.token.id}"
    held = str(secretsmanager.get_secret_value(SecretId=name))

    assert secret not in items + held
    assert made.token.id in items
    assert secret not in repr(made)


def test_a_token_lives_a_year_unless_it_says_otherwise(context, secrets):
    """There is always an end."""
    assert create(context, secrets).token.expires == "2028-01-31T12:00:00.000Z"
    given = create(context, secrets, expires_at="2027-02-01T00:00:00+02:00")
    assert given.token.expires == "2027-01-31T22:00:00.000Z"


ENDS = [
    "2027-01-31T12:00:00Z",
    "2027-01-31T11:59:59.999Z",
    "0001-01-01T00:00:00+14:00",
    "2037-01-29T12:00:00Z",
    "9999-12-31T23:59:59Z",
]


@pytest.mark.parametrize("expires_at", ENDS)
def test_an_end_in_the_past_or_beyond_ten_years_is_rejected(context, secrets, expires_at):
    """Also where it cannot be counted in UTC; names the field, makes nothing."""
    with pytest.raises(InvalidFields, match="expires_at"):
        create(context, secrets, expires_at=expires_at)
    assert len(tokens.list_tokens(context.admin, context.connection).items) == 1


def test_a_token_declares_when_its_secret_goes(context, secrets):
    """A minute after the token's end, so that none is paid for in vain."""
    made = create(context, secrets, expires_at="2027-02-01T00:00:00Z")

    assert ("2027-02-01T00:01:00.000Z", made.token.id) in declared(context)


def test_five_tokens_live_at_most(context, secrets):
    """409 that says so."""
    for _ in range(4):
        create(context, secrets)

    with pytest.raises(Conflict, match="5 valid tokens"):
        create(context, secrets)


def test_tokens_that_have_ended_do_not_count(context, secrets, manual_clock):
    """Neither the revoked nor the expired."""
    revoke(context, secrets, context.token_id)
    for _ in range(5):
        create(context, secrets, expires_at="2027-02-01T00:00:00Z")
    manual_clock.advance(days=1)

    for _ in range(5):
        create(replace(context, admin=renewed(context)), secrets)


def renewed(context):
    """Bind the organisation for a request of this moment."""
    items = context.admin.items
    deadline = replace(items.deadline, at=items.deadline.clock.monotonic() + 25)
    return replace(context.admin, items=items.with_deadline(deadline))


def overtaken(services, context, action):
    """Bind the connection so that `action` comes before its next transaction."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [first(action)]
    raced = replace(services, table=replace(services.table, client=client))
    return replace(context, admin=an_admin_context(raced, context.organisation))


def test_two_creations_at_once_do_not_pass_the_limit(services, context, secrets):
    """Both count four; the connection's count of tokens lets one of them win."""
    for _ in range(3):
        create(context, secrets)
    raced = overtaken(services, context, lambda: create(context, secrets))

    with pytest.raises(Conflict, match="5 valid tokens"):
        create(raced, secrets)


def test_two_creations_at_once_both_succeed_below_it(services, context, secrets):
    """The second one counts again."""
    raced = overtaken(services, context, lambda: create(context, secrets))

    create(raced, secrets)

    assert len(tokens.list_tokens(context.admin, context.connection).items) == 3
    assert connections.get(context.admin, context.connection).tokens_version == 3


def test_a_revoked_token_leaves_only_its_item(services, settled, secrets, secretsmanager):
    """The secret and both pending changes are gone; the item stays for the list."""
    revoke(settled, secrets, settled.token_id)

    assert item(settled, settled.token_id).state == "revoked"
    assert not opens(services, settled, settled.token)
    assert declared(settled) == set()
    assert kept(secretsmanager) == set()


def test_the_secret_of_a_young_token_is_removed_twice(context, secrets, secretsmanager):
    """Who makes it may be at CreateSecret, and crash there: the sweeper removes it then."""
    revoke(context, secrets, context.token_id)

    assert kept(secretsmanager) == set()
    assert declared(context) == {("2027-01-31T12:01:00.000Z", context.token_id)}


def test_a_token_can_be_revoked_twice(settled, secrets):
    """A call whose response is lost is repeated."""
    revoke(settled, secrets, settled.token_id)

    revoke(settled, secrets, settled.token_id)

    assert declared(settled) == set()


def test_a_revoke_stands_where_secrets_manager_does_not_respond(
    services, settled, between, secrets
):
    """The item decides; what is left to do stays pending."""
    between.faults["delete_secret"] = [fail(TIMES_OUT)] * 1000

    revoke(settled, secrets, settled.token_id)

    assert not opens(services, settled, settled.token)
    assert declared(settled) == {("2027-01-31T12:01:00.000Z", settled.token_id)}


def test_a_later_revoke_removes_what_an_earlier_one_left(
    context, between, secrets, secretsmanager, manual_clock
):
    """A repeated DELETE completes it."""
    between.faults["delete_secret"] = [fail(client_error("AccessDeniedException"))]
    revoke(context, secrets, context.token_id)
    manual_clock.advance(seconds=1)

    revoke(context, secrets, context.token_id)

    assert kept(secretsmanager) == set()


def test_a_token_whose_secret_cannot_be_created_is_deleted_again(context, between, secrets):
    """503, no live item that counts among the five, and the removal is pending."""
    between.faults["create_secret"] = [fail(client_error("LimitExceededException"))]

    with pytest.raises(Unavailable):
        create(context, secrets)

    listed = tokens.list_tokens(context.admin, context.connection).items
    [taken] = [each for each in listed if each.id != context.token_id]
    assert taken.state == "revoked"
    assert ("2027-01-31T12:01:00.000Z", taken.id) in declared(context)


def test_there_is_time_to_take_a_token_back(context, between, secrets):
    """Where Secrets Manager is silent up to the end, the last seconds are kept for the table."""
    between.faults["create_secret"] = [fail(TIMES_OUT)] * 1000

    with pytest.raises(Unavailable):
        create(context, secrets)

    states = [each.state for each in tokens.list_tokens(renewed(context), context.connection).items]
    assert sorted(states) == ["live", "revoked"]


def test_a_secret_created_without_a_response_is_used(services, context, between, secrets):
    """The repetition finds it made."""
    between.faults["create_secret"] = [lose(client_error("InternalServiceError", 500))]

    assert opens(services, context, create(context, secrets).text)


def test_a_token_revoked_before_it_is_shown_is_never_shown(
    context, between, secrets, secretsmanager
):
    """An admin who sees it in the list may revoke it between its item and its secret."""

    def revoke_all():
        for each in tokens.list_tokens(context.admin, context.connection).items:
            revoke(context, secrets, each.id)

    between.faults["create_secret"] = [first(revoke_all)]

    with pytest.raises(Conflict, match="revoked") as conflict:
        create(context, secrets)

    assert set(conflict.value.members) == {"id", "hint"}
    assert kept(secretsmanager) == set()


def test_a_crash_after_the_declaration_leaves_it_declared(context, between, secrets):
    """The process dies before CreateSecret: nobody has the token, and the item says so."""
    between.faults["create_secret"] = [fail(KeyboardInterrupt())]

    with pytest.raises(KeyboardInterrupt):
        create(context, secrets)

    found = {each.id for each in tokens.list_tokens(context.admin, context.connection).items}
    assert {target for _, target in declared(context)} == found


def test_tokens_are_listed_the_oldest_first(context, secrets, manual_clock):
    """With what has ended."""
    manual_clock.advance(seconds=1)
    second = create(context, secrets).token
    manual_clock.advance(seconds=1)
    revoke(context, secrets, context.token_id)

    listed = tokens.list_tokens(context.admin, context.connection).items

    assert [(each.id, each.state) for each in listed] == [
        (context.token_id, "revoked"),
        (second.id, "live"),
    ]


UNKNOWN = ["", "x", "A" * 13, "A" * 11 + "#", "0" * 12]


@pytest.mark.parametrize("token_id", UNKNOWN)
def test_an_unknown_token_is_not_found(context, secrets, token_id):
    """404, and what has not the form never becomes part of a key."""
    with pytest.raises(NotFound):
        revoke(context, secrets, token_id)


def test_a_token_of_another_connection_is_not_found(services, context, secrets):
    """A token cannot be created for a connection of another organisation either."""
    other = a_customer(services)

    with pytest.raises(NotFound):
        revoke(context, secrets, other.token_id)
    with pytest.raises(NotFound):
        create(replace(context, connection=other.connection), secrets)
    with pytest.raises(NotFound):
        tokens.list_tokens(context.admin, other.connection)
    assert opens(services, other, other.token)


# --- rotation ---------------------------------------------------------------------------------


def rotate(context, secrets, token_id, **body):
    """Rotate a token."""
    asked = Rotation.model_validate(body)
    return tokens.rotate(context.admin, secrets, context.connection, token_id, asked, None)


def test_a_rotation_gives_a_token_and_lets_the_old_one_rest(services, context, secrets):
    """The identity provider goes on until the new one is pasted; the name stays."""
    made = rotate(context, secrets, context.token_id, overlap_hours=3)

    assert opens(services, context, context.token)
    assert opens(services, context, made.text)
    assert (made.token.name, made.token.expires) == ("first", "2028-01-31T12:00:00.000Z")
    assert item(context, context.token_id).expires == "2027-01-31T15:00:00.000Z"


def test_a_rotated_token_ends_with_its_overlap(services, context, secrets, manual_clock):
    """A pending change deletes its secret a minute later and replaces the earlier one."""
    made = rotate(context, secrets, context.token_id, overlap_hours=24)
    manual_clock.advance(hours=24)

    assert not opens(services, replace(context, admin=renewed(context)), context.token)
    assert declared(context) == {
        ("2027-02-01T12:01:00.000Z", context.token_id),
        ("2028-01-31T12:01:00.000Z", made.token.id),
    }


def test_a_rotation_without_overlap_revokes(services, settled, secrets, secretsmanager):
    """For a token that has leaked."""
    made = rotate(settled, secrets, settled.token_id, overlap_hours=0)

    assert not opens(services, settled, settled.token)
    assert kept(secretsmanager) == {made.token.id}


def test_a_rotation_never_makes_a_token_live_longer(context, secrets):
    """Its end is brought forward or stays."""
    old = create(context, secrets, expires_at="2027-01-31T13:00:00Z").token

    rotate(context, secrets, old.id, overlap_hours=24)

    assert item(context, old.id).expires == old.expires


def test_a_sixth_token_lives_while_one_rotates_and_never_a_seventh(context, secrets):
    """Rotation must be possible for who has five; a second one waits for the first."""
    four = [create(context, secrets).token.id for _ in range(4)]
    rotate(context, secrets, context.token_id, overlap_hours=1)

    with pytest.raises(Conflict, match="valid tokens"):
        rotate(context, secrets, four[0], overlap_hours=1)
    with pytest.raises(Conflict, match="valid tokens"):
        create(context, secrets)


def test_a_token_that_has_ended_is_not_rotated(context, secrets):
    """An admin who rotates it believes that it is live."""
    revoke(context, secrets, context.token_id)

    with pytest.raises(Conflict, match="revoked or has expired"):
        rotate(context, secrets, context.token_id)


def test_a_revoke_that_comes_between_stands(services, context, secrets):
    """The rotation's last step finds it ended, and leaves it."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [
        first(lambda: None),
        first(lambda: revoke(context, secrets, context.token_id)),
    ]
    raced = replace(services, table=replace(services.table, client=client))
    racing = replace(context, admin=an_admin_context(raced, context.organisation))

    rotate(racing, secrets, context.token_id, overlap_hours=1)

    assert item(context, context.token_id).state == "revoked"


def test_of_two_rotations_at_once_the_shorter_overlap_counts(services, context, secrets):
    """A request for one hour gets one hour, though another has asked for a day."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [
        first(lambda: None),
        first(lambda: rotate(context, secrets, context.token_id, overlap_hours=24)),
    ]
    raced = replace(services, table=replace(services.table, client=client))
    racing = replace(context, admin=an_admin_context(raced, context.organisation))

    rotate(racing, secrets, context.token_id, overlap_hours=1)

    assert item(context, context.token_id).expires == "2027-01-31T13:00:00.000Z"


def test_a_rotation_that_crashes_leaves_the_old_token_as_it_was(
    services, context, between, secrets
):
    """Nobody has seen the new one, so the old one must go on."""
    between.faults["create_secret"] = [fail(KeyboardInterrupt())]

    with pytest.raises(KeyboardInterrupt):
        rotate(context, secrets, context.token_id, overlap_hours=0)

    assert opens(services, context, context.token)
