"""Tokens of a connection: row and secret, in every order of events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.auth.principals import authenticate_connection
from chalicelib.auth.secrets import Secrets
from chalicelib.organisations import connections, tokens
from chalicelib.organisations.errors import Conflict, InvalidFields
from chalicelib.organisations.requests import NewToken, Rotation
from chalicelib.scim.errors import NotFound, Unauthorized, Unavailable
from tests.builders import (
    Between,
    a_tenant,
    an_administration,
    fail,
    first,
    lose,
    refused,
    scim_rows,
)

TIMES_OUT = refused("ThrottlingException")


@pytest.fixture
def tenant(services):
    """Make a connection with one token."""
    return a_tenant(services)


@pytest.fixture
def between(services):
    """Stand before the client of Secrets Manager."""
    return Between(services.secrets._client)


@pytest.fixture
def secrets(services, between):
    """Keep secrets through what stands before the client."""
    return Secrets(between, services.settings.secrets_prefix)


@pytest.fixture
def settled(tenant, hands):
    """Let a minute pass: the secret of its token can no longer be in the making."""
    hands.move(minutes=1)
    return replace(tenant, admin=renewed(tenant))


def create(tenant, secrets, **body):
    """Make a token."""
    asked = NewToken.model_validate({"name": "next", **body})
    return tokens.create(tenant.admin, secrets, tenant.connection, asked, None)


def revoke(tenant, secrets, token_id):
    """Revoke a token."""
    tokens.revoke(tenant.admin, secrets, tenant.connection, token_id)


def row(tenant, token_id):
    """Read a token's row."""
    found = tokens.listed(tenant.admin, tenant.connection)
    return next(each for each in found if each.id == token_id)


def declared(tenant):
    """List what is declared to be done later, as (due, target)."""
    rows = tenant.admin.rows.table.client.scan(TableName="passerelle-test")["Items"]
    operations = [each for each in rows if each["PK"]["S"] == "O#"]
    return {(each["SK"]["S"].partition("#")[0], each["target"]["S"]) for each in operations}


def kept(secretsmanager):
    """List the token secrets there are, by token id."""
    found = secretsmanager.list_secrets()["SecretList"]
    return {each["Name"].rpartition("/")[2] for each in found} - {"operator-key"}


def opens(services, tenant, text):
    """Tell whether a token authenticates."""
    try:
        authenticate_connection(
            scim_rows(services, tenant.connection),
            services.secrets,
            services.settings.plans,
            tenant.connection,
            (f"Bearer {text}",),
            services.table.clock.now(),
        )
    except Unauthorized:
        return False
    return True


def test_a_token_opens_its_connection(services, tenant, secrets):
    """As soon as it is shown."""
    assert opens(services, tenant, create(tenant, secrets).text)


def test_only_a_digest_is_kept(services, tenant, secrets, dynamodb, secretsmanager):
    """Neither the text nor its secret part stands in the table or in Secrets Manager (I15)."""
    made = create(tenant, secrets)
    secret = made.text.split("_")[3]

    rows = str(dynamodb.scan(TableName="passerelle-test"))
    name = f"passerelle/test/{tenant.connection}/{made.row.id}"
    held = str(secretsmanager.get_secret_value(SecretId=name))

    assert secret not in rows + held
    assert made.row.id in rows
    assert secret not in repr(made)


def test_a_token_lives_a_year_unless_it_says_otherwise(tenant, secrets):
    """There is always an end."""
    assert create(tenant, secrets).row.expires == "2028-01-31T12:00:00.000Z"
    given = create(tenant, secrets, expires_at="2027-02-01T00:00:00+02:00")
    assert given.row.expires == "2027-01-31T22:00:00.000Z"


ENDS = [
    "2027-01-31T12:00:00Z",
    "2027-01-31T11:59:59.999Z",
    "0001-01-01T00:00:00+14:00",
    "2037-01-29T12:00:00Z",
    "9999-12-31T23:59:59Z",
]


@pytest.mark.parametrize("expires_at", ENDS)
def test_an_end_in_the_past_or_beyond_ten_years_is_refused(tenant, secrets, expires_at):
    """Also where it cannot be counted in UTC; names the field, makes nothing."""
    with pytest.raises(InvalidFields, match="expires_at"):
        create(tenant, secrets, expires_at=expires_at)
    assert len(tokens.listed(tenant.admin, tenant.connection)) == 1


def test_a_token_declares_when_its_secret_goes(tenant, secrets):
    """A minute after the token's end, so that none is paid for in vain."""
    made = create(tenant, secrets, expires_at="2027-02-01T00:00:00Z")

    assert ("2027-02-01T00:01:00.000Z", made.row.id) in declared(tenant)


def test_five_tokens_live_at_most(tenant, secrets):
    """409 that says so."""
    for _ in range(4):
        create(tenant, secrets)

    with pytest.raises(Conflict, match="5 live tokens"):
        create(tenant, secrets)


def test_tokens_that_have_ended_do_not_count(tenant, secrets, hands):
    """Neither the revoked nor the expired."""
    revoke(tenant, secrets, tenant.token_id)
    for _ in range(5):
        create(tenant, secrets, expires_at="2027-02-01T00:00:00Z")
    hands.move(days=1)

    for _ in range(5):
        create(replace(tenant, admin=renewed(tenant)), secrets)


def renewed(tenant):
    """Bind the organisation for a request of this moment."""
    rows = tenant.admin.rows
    deadline = replace(rows.deadline, at=rows.deadline.clock.monotonic() + 25)
    return replace(tenant.admin, rows=replace(rows, deadline=deadline))


def overtaken(services, tenant, action):
    """Bind the connection so that `action` comes before its next transaction."""
    client = Between(services.table.client)
    client.faults["transact_write_items"] = [first(action)]
    raced = replace(services, table=replace(services.table, client=client))
    return replace(tenant, admin=an_administration(raced, tenant.organisation))


def test_two_creations_at_once_do_not_pass_the_limit(services, tenant, secrets):
    """Both count four; the connection's count of tokens lets one of them win."""
    for _ in range(3):
        create(tenant, secrets)
    raced = overtaken(services, tenant, lambda: create(tenant, secrets))

    with pytest.raises(Conflict, match="5 live tokens"):
        create(raced, secrets)


def test_two_creations_at_once_both_succeed_below_it(services, tenant, secrets):
    """The second one counts again."""
    raced = overtaken(services, tenant, lambda: create(tenant, secrets))

    create(raced, secrets)

    assert len(tokens.listed(tenant.admin, tenant.connection)) == 3
    assert connections.get(tenant.admin, tenant.connection).tokens_version == 3


def test_a_revoked_token_leaves_its_row_only(services, settled, secrets, secretsmanager):
    """The secret and both declarations are gone; the row stays for the list."""
    revoke(settled, secrets, settled.token_id)

    assert row(settled, settled.token_id).state == "revoked"
    assert not opens(services, settled, settled.token)
    assert declared(settled) == set()
    assert kept(secretsmanager) == set()


def test_the_secret_of_a_young_token_is_removed_twice(tenant, secrets, secretsmanager):
    """Who makes it may be at CreateSecret, and crash there: the sweeper removes it then."""
    revoke(tenant, secrets, tenant.token_id)

    assert kept(secretsmanager) == set()
    assert declared(tenant) == {("2027-01-31T12:01:00.000Z", tenant.token_id)}


def test_revoking_again_is_no_fault(settled, secrets):
    """A lost answer is repeated."""
    revoke(settled, secrets, settled.token_id)

    revoke(settled, secrets, settled.token_id)

    assert declared(settled) == set()


def test_a_revoke_stands_where_secrets_manager_does_not_answer(services, settled, between, secrets):
    """It acts by the row; what is left to do stays declared."""
    between.faults["delete_secret"] = [fail(TIMES_OUT)] * 1000

    revoke(settled, secrets, settled.token_id)

    assert not opens(services, settled, settled.token)
    assert declared(settled) == {("2027-01-31T12:01:00.000Z", settled.token_id)}


def test_a_later_revoke_removes_what_an_earlier_one_left(
    tenant, between, secrets, secretsmanager, hands
):
    """Whoever repeats the DELETE finishes it."""
    between.faults["delete_secret"] = [fail(refused("AccessDeniedException"))]
    revoke(tenant, secrets, tenant.token_id)
    hands.move(seconds=1)

    revoke(tenant, secrets, tenant.token_id)

    assert kept(secretsmanager) == set()


def test_a_token_whose_secret_cannot_be_made_is_taken_back(tenant, between, secrets):
    """503, no live row that counts among the five, and the removal is declared for soon."""
    between.faults["create_secret"] = [fail(refused("LimitExceededException"))]

    with pytest.raises(Unavailable):
        create(tenant, secrets)

    listed = tokens.listed(tenant.admin, tenant.connection)
    [taken] = [each for each in listed if each.id != tenant.token_id]
    assert taken.state == "revoked"
    assert ("2027-01-31T12:01:00.000Z", taken.id) in declared(tenant)


def test_there_is_time_to_take_a_token_back(tenant, between, secrets):
    """Where Secrets Manager is silent up to the end, the last seconds are kept for the table."""
    between.faults["create_secret"] = [fail(TIMES_OUT)] * 1000

    with pytest.raises(Unavailable):
        create(tenant, secrets)

    states = [each.state for each in tokens.listed(renewed(tenant), tenant.connection)]
    assert sorted(states) == ["live", "revoked"]


def test_a_secret_made_without_an_answer_is_used(services, tenant, between, secrets):
    """The repetition finds it made."""
    between.faults["create_secret"] = [lose(refused("InternalServiceError", 500))]

    assert opens(services, tenant, create(tenant, secrets).text)


def test_a_token_revoked_before_it_is_shown_is_never_shown(
    tenant, between, secrets, secretsmanager
):
    """An admin who sees it in the list may revoke it between its row and its secret."""

    def revoke_all():
        for each in tokens.listed(tenant.admin, tenant.connection):
            revoke(tenant, secrets, each.id)

    between.faults["create_secret"] = [first(revoke_all)]

    with pytest.raises(Conflict, match="revoked") as conflict:
        create(tenant, secrets)

    assert set(conflict.value.members) == {"id", "hint"}
    assert kept(secretsmanager) == set()


def test_a_crash_after_the_declaration_leaves_it_declared(tenant, between, secrets):
    """The process dies before CreateSecret: nobody holds the token, and the row says all."""
    between.faults["create_secret"] = [fail(KeyboardInterrupt())]

    with pytest.raises(KeyboardInterrupt):
        create(tenant, secrets)

    found = {each.id for each in tokens.listed(tenant.admin, tenant.connection)}
    assert {target for _, target in declared(tenant)} == found


def test_tokens_are_listed_the_oldest_first(tenant, secrets, hands):
    """With what has ended."""
    hands.move(seconds=1)
    second = create(tenant, secrets).row
    hands.move(seconds=1)
    revoke(tenant, secrets, tenant.token_id)

    listed = tokens.listed(tenant.admin, tenant.connection)

    assert [(each.id, each.state) for each in listed] == [
        (tenant.token_id, "revoked"),
        (second.id, "live"),
    ]


UNKNOWN = ["", "x", "A" * 13, "A" * 11 + "#", "0" * 12]


@pytest.mark.parametrize("token_id", UNKNOWN)
def test_an_unknown_token_is_not_found(tenant, secrets, token_id):
    """404, and what has not the form never becomes part of a key."""
    with pytest.raises(NotFound):
        revoke(tenant, secrets, token_id)


def test_a_token_of_another_connection_is_not_found(services, tenant, secrets):
    """Nor is a token made for a connection of another organisation."""
    other = a_tenant(services)

    with pytest.raises(NotFound):
        revoke(tenant, secrets, other.token_id)
    with pytest.raises(NotFound):
        create(replace(tenant, connection=other.connection), secrets)
    with pytest.raises(NotFound):
        tokens.listed(tenant.admin, other.connection)
    assert opens(services, other, other.token)


# --- rotation ---------------------------------------------------------------------------------


def rotate(tenant, secrets, token_id, **body):
    """Rotate a token."""
    asked = Rotation.model_validate(body)
    return tokens.rotate(tenant.admin, secrets, tenant.connection, token_id, asked, None)


def test_a_rotation_gives_a_token_and_lets_the_old_one_rest(services, tenant, secrets):
    """The identity provider goes on until the new one is pasted; the name stays."""
    made = rotate(tenant, secrets, tenant.token_id, overlap_hours=3)

    assert opens(services, tenant, tenant.token)
    assert opens(services, tenant, made.text)
    assert (made.row.name, made.row.expires) == ("first", "2028-01-31T12:00:00.000Z")
    assert row(tenant, tenant.token_id).expires == "2027-01-31T15:00:00.000Z"


def test_a_rotated_token_ends_with_its_overlap(services, tenant, secrets, hands):
    """And its secret a minute later, as declared; the old declaration is gone."""
    made = rotate(tenant, secrets, tenant.token_id, overlap_hours=24)
    hands.move(hours=24)

    assert not opens(services, replace(tenant, admin=renewed(tenant)), tenant.token)
    assert declared(tenant) == {
        ("2027-02-01T12:01:00.000Z", tenant.token_id),
        ("2028-01-31T12:01:00.000Z", made.row.id),
    }


def test_a_rotation_without_overlap_revokes(services, settled, secrets, secretsmanager):
    """For a token that has leaked."""
    made = rotate(settled, secrets, settled.token_id, overlap_hours=0)

    assert not opens(services, settled, settled.token)
    assert kept(secretsmanager) == {made.row.id}


def test_a_rotation_never_makes_a_token_live_longer(tenant, secrets):
    """Its end is brought forward or stays."""
    old = create(tenant, secrets, expires_at="2027-01-31T13:00:00Z").row

    rotate(tenant, secrets, old.id, overlap_hours=24)

    assert row(tenant, old.id).expires == old.expires


def test_a_sixth_token_lives_while_one_rotates_and_never_a_seventh(tenant, secrets):
    """Rotation must be possible for who has five; a second one waits for the first."""
    four = [create(tenant, secrets).row.id for _ in range(4)]
    rotate(tenant, secrets, tenant.token_id, overlap_hours=1)

    with pytest.raises(Conflict, match="live tokens"):
        rotate(tenant, secrets, four[0], overlap_hours=1)
    with pytest.raises(Conflict, match="live tokens"):
        create(tenant, secrets)


def test_a_token_that_has_ended_is_not_rotated(tenant, secrets):
    """Whoever rotates it believes that it lives."""
    revoke(tenant, secrets, tenant.token_id)

    with pytest.raises(Conflict, match="ended"):
        rotate(tenant, secrets, tenant.token_id)


def test_a_revoke_that_comes_between_stands(services, tenant, secrets):
    """The rotation's last step finds it ended, and leaves it."""
    client = Between(services.table.client)
    client.faults["transact_write_items"] = [
        first(lambda: None),
        first(lambda: revoke(tenant, secrets, tenant.token_id)),
    ]
    raced = replace(services, table=replace(services.table, client=client))
    racing = replace(tenant, admin=an_administration(raced, tenant.organisation))

    rotate(racing, secrets, tenant.token_id, overlap_hours=1)

    assert row(tenant, tenant.token_id).state == "revoked"


def test_of_two_rotations_at_once_the_shorter_overlap_counts(services, tenant, secrets):
    """Whoever asks for an hour is told that it is one, though another has asked for a day."""
    client = Between(services.table.client)
    client.faults["transact_write_items"] = [
        first(lambda: None),
        first(lambda: rotate(tenant, secrets, tenant.token_id, overlap_hours=24)),
    ]
    raced = replace(services, table=replace(services.table, client=client))
    racing = replace(tenant, admin=an_administration(raced, tenant.organisation))

    rotate(racing, secrets, tenant.token_id, overlap_hours=1)

    assert row(tenant, tenant.token_id).expires == "2027-01-31T13:00:00.000Z"


def test_a_rotation_that_crashes_leaves_the_old_token_as_it_was(services, tenant, between, secrets):
    """Nobody has seen the new one, so the old one must go on."""
    between.faults["create_secret"] = [fail(KeyboardInterrupt())]

    with pytest.raises(KeyboardInterrupt):
        rotate(tenant, secrets, tenant.token_id, overlap_hours=0)

    assert opens(services, tenant, tenant.token)
