"""Connections in the table: what a plan allows, what they refer to, what their settings say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import Conflict, Forbidden, InvalidFields, NotFound, PreconditionFailed
from chalicelib.organisations import connections, organisations
from chalicelib.organisations.inputs import ConnectionChanges, NewConnection
from chalicelib.scim.preconditions import entity_tags
from chalicelib.settings import Plan
from chalicelib.storage.connection_settings import STORED_BEFORE, preset_settings
from chalicelib.storage.expressions import Put, Update
from chalicelib.storage.records import to_item
from chalicelib.storage.settings_items import CONNECTION_ID
from tests.support.builders import a_customer, an_admin_context, an_organisation, connection_body
from tests.support.faults import FaultyClient, first

THREE = {"enterprise": Plan(scim=True, max_connections=3)}


def create(admin, plans=THREE, **changes):
    """Create a connection."""
    body = NewConnection.model_validate(connection_body(**changes))
    return connections.create(admin, body, plans, None)


def change(admin, connection, precondition=None, **changes):
    """Change a connection."""
    body = ConnectionChanges.model_validate(changes)
    return connections.change(admin, connection.id, body, precondition).after


@pytest.fixture
def admin(services):
    """Make an organisation."""
    return an_organisation(services)


def test_what_is_created_is_read_back_and_listed(admin):
    """The response to the POST is what a GET returns."""
    made = create(admin)

    assert connections.get(admin, made.id) == made
    assert connections.list_connections(admin) == (made,)
    assert (made.state, made.version) == ("active", 1)


def test_the_id_alone_yields_every_key(admin):
    """Organisation and six more, so a SCIM request needs no look-up of its tenant."""
    made = create(admin)

    assert CONNECTION_ID.fullmatch(made.id)
    assert made.organisation == admin.keys.organisation


def test_the_list_shows_connections_without_their_tokens(services):
    """Both stand in one range."""
    context = a_customer(services)

    assert [each.id for each in connections.list_connections(context.admin)] == [context.connection]


ANSWERS = [
    ({"identity_provider": "entra"}, "204"),
    ({"identity_provider": "okta"}, "auto"),
    ({"identity_provider": "other", "settings": {}}, "auto"),
    ({"identity_provider": "entra", "settings": {"group_patch_answer": "auto"}}, "auto"),
    ({"identity_provider": "entra", "settings": {"group_patch_answer": None}}, "204"),
    ({"identity_provider": "google", "settings": {"group_patch_answer": "204"}}, "204"),
]


@pytest.mark.parametrize(("given", "expected"), ANSWERS)
def test_patch_of_a_group_responds_as_set_or_as_the_provider_expects(admin, given, expected):
    """Entra documents 204; the others may have the whole group."""
    assert create(admin, **given).effective_settings.group_patch_answer == expected


def test_a_default_follows_the_identity_provider(admin):
    """Only what was set is kept."""
    made = create(admin, identity_provider="entra")

    changed = change(admin, made, identity_provider="okta")

    assert changed.effective_settings.group_patch_answer == "auto"


PRESETS_CHOSEN = [
    ("other", "entra", "keep"),
    ("entra", "other", "clear"),
    ("okta", "keycloak", "clear"),
    ("authentik", "midpoint", "keep"),
]


@pytest.mark.parametrize(("first", "second", "expected"), PRESETS_CHOSEN)
def test_another_identity_provider_brings_its_preset(admin, first, second, expected):
    """What was set stays as it was set."""
    made = create(admin, identity_provider=first, settings={"unknown_attributes": "strict"})

    settings = change(admin, made, identity_provider=second).effective_settings

    assert (settings.put_without_members, settings.unknown_attributes) == (expected, "strict")


def test_a_preset_is_stored_with_the_connection_that_chooses_it(admin):
    """To name the same provider again changes nothing."""
    made = create(admin, identity_provider="other")
    assert made.preset["put_without_members"] == "clear"
    older = replace(made, preset=STORED_BEFORE)
    admin.items.commit([Put(admin.keys.connection(made.id), to_item(older))])

    changed = change(admin, made, identity_provider="other", name="B")

    assert changed.effective_settings.put_without_members == "keep"


FAULTS = [
    ({"workspace": "moon"}, "workspace: there is no such workspace"),
    ({"default_role": "king"}, "default_role: there is no such role"),
    ({"default_role": "auditor"}, "default_role: this role may not be a default role"),
    ({"default_role": "admin"}, "default_role: a protected role cannot be given"),
    ({"workspace": "moon", "default_role": "king"}, "workspace: .*; default_role: "),
]


@pytest.mark.parametrize(("given", "message"), FAULTS)
def test_workspace_and_role_must_be_there_and_fit(admin, given, message):
    """At the creation and in a change alike: new users get that role."""
    with pytest.raises(InvalidFields, match=message):
        create(admin, **given)

    made = create(admin)
    with pytest.raises(InvalidFields, match=message):
        change(admin, made, **given)
    assert connections.get(admin, made.id) == made


def test_a_plan_without_scim_has_no_connection(services):
    """403 naming the plan (row M9)."""
    admin = an_organisation(services, plan="free")

    with pytest.raises(Forbidden, match="`free`"):
        create(admin, services.settings.plans)


def test_a_plan_limits_its_connections(admin, services):
    """409 at the plan's number; one by default (row M8)."""
    create(admin, services.settings.plans)

    with pytest.raises(Conflict, match=r"1 connection\(s\)"):
        create(admin, services.settings.plans)


def test_an_ended_connection_does_not_count(admin, services):
    """Nobody is served by it."""
    ended = create(admin, services.settings.plans)
    admin.items.commit([Update(admin.keys.connection(ended.id), {"state": "ended"})])

    create(admin, services.settings.plans)


def test_a_paused_connection_counts(admin, services):
    """It can be active again at any moment."""
    change(admin, create(admin, services.settings.plans), state="paused")

    with pytest.raises(Conflict):
        create(admin, services.settings.plans)


def overtaken(services, admin, action):
    """Bind the organisation so that `action` comes before its next transaction."""
    client = FaultyClient(services.table.client)
    client.faults["transact_write_items"] = [first(action)]
    raced = replace(services, table=replace(services.table, client=client))
    return an_admin_context(raced, admin.keys.organisation)


def test_two_creations_at_once_do_not_pass_the_limit(services, admin):
    """Both read that there is room; the organisation's version lets one of them win."""
    plans = services.settings.plans

    with pytest.raises(Conflict):
        create(overtaken(services, admin, lambda: create(admin, plans)), plans)
    assert len(connections.list_connections(admin)) == 1


def test_a_creation_raises_the_organisations_version(admin):
    """A role that is deleted meanwhile has to be checked again."""
    create(admin)

    assert organisations.get(admin).version == 2


@pytest.mark.parametrize("reference", [{"workspace": "lab"}, {"default_role": "editor"}])
def test_a_change_of_what_it_refers_to_raises_the_organisations_version(admin, reference):
    """As the creation does, and only then."""
    made = create(admin)

    change(admin, made, name="B", state="paused", workspace="main", default_role="reader")
    assert organisations.get(admin).version == 2

    change(admin, made, **reference)
    assert organisations.get(admin).version == 3


def test_a_change_is_read_back(admin, manual_clock):
    """Every field that PATCH takes."""
    made = create(admin)
    manual_clock.advance(seconds=1)

    given = {
        "name": "Okta",
        "workspace": "lab",
        "default_role": "editor",
        "identity_provider": "okta",
        "state": "paused",
        "settings": {"group_patch_answer": "204"},
    }
    changed = change(admin, made, **given)

    assert connections.get(admin, made.id) == changed
    expected = replace(
        made,
        **given,
        preset=preset_settings("okta"),
        version=2,
        modified="2027-01-31T12:00:01.000Z",
    )
    assert changed == expected


def test_a_setting_can_be_given_back(admin):
    """Null is the default of the identity provider; settings that are not named stay."""
    made = create(admin, settings={"group_patch_answer": "auto"})

    assert change(admin, made, settings={}) == made
    assert change(admin, made, settings={"group_patch_answer": None}).settings == {}


def test_a_change_keeps_the_count_of_tokens(services):
    """It has writers of its own, who must not lose against a new name."""
    context = a_customer(services)
    before = connections.get(context.admin, context.connection)

    change(context.admin, before, name="B")

    after = connections.get(context.admin, context.connection)
    assert after.tokens_version == before.tokens_version == 1


def test_of_two_changes_at_once_none_is_lost(services, admin):
    """The second one reads again."""
    made = create(admin)
    raced = overtaken(services, admin, lambda: change(admin, made, state="paused"))

    changed = change(raced, made, name="B")

    assert (changed.name, changed.state, changed.version) == ("B", "paused", 3)


def test_a_change_with_another_version_in_if_match_is_rejected(admin):
    """412 where another change came first."""
    made = create(admin)
    change(admin, made, entity_tags((connections.version(made),)), name="B")

    with pytest.raises(PreconditionFailed):
        change(admin, made, entity_tags((connections.version(made),)), name="C")


def test_a_connection_of_another_organisation_is_not_found(services, admin):
    """404, by a key that cannot be another's."""
    made = create(an_organisation(services))

    with pytest.raises(NotFound):
        connections.get(admin, made.id)


@pytest.mark.parametrize("connection", ["", "x", "a" * 17, "aaaaaaaaaaaaaa#T", "A" * 16])
def test_what_cannot_be_a_connection_is_not_found(admin, connection):
    """The text of a path never becomes part of a key."""
    with pytest.raises(NotFound):
        connections.get(admin, connection)
