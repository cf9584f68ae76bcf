"""Organisations in the table: what is created, read and changed, also by two at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.errors import (
    BadRequest,
    Busy,
    Conflict,
    InvalidFields,
    NotFound,
    PreconditionFailed,
)
from chalicelib.organisations import organisations
from chalicelib.organisations.inputs import (
    MAX_DOMAINS,
    MAX_ROLES,
    MAX_WORKSPACES,
    NewOrganisation,
    OrganisationChanges,
)
from chalicelib.scim.preconditions import entity_tags
from chalicelib.storage import grants
from chalicelib.storage.keys import reference, verified_domain
from tests.support.builders import an_admin_context, an_organisation, organisation_body
from tests.support.faults import FaultyClient, first


def create(services, organisation=None, **changes):
    """Create an organisation, of this id where one is given."""
    admin = an_admin_context(services, organisation)
    body = NewOrganisation.model_validate(organisation_body(**changes))
    return organisations.create(admin, body, services.settings.plans, None)


def change(services, admin, precondition=None, **changes):
    """Change an organisation."""
    body = OrganisationChanges.model_validate(changes)
    return organisations.change(admin, body, services.settings.plans, precondition)


def listing(services):
    """Bind what the list of organisations takes."""
    return services.table.namespace(grants.organisation_list(), services.deadline())


SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


def test_what_is_created_is_read_back(services):
    """The response to the POST is what a GET returns."""
    made = create(services, reference="acme-1", sso=SSO, domains=["acme.example", "a.example"])

    read = organisations.get_details(an_admin_context(services, made.organisation.id))

    assert read == made
    assert read.organisation.sso == SSO
    assert read.domains == ("a.example", "acme.example")
    assert [role.id for role in read.roles] == ["admin", "auditor", "editor", "reader"]


def test_a_role_may_be_default_unless_protected_or_excluded(services):
    """Provisioning assigns default roles, so a protected one never is."""
    roles = {role.id: role.may_be_default for role in create(services).roles}

    assert roles == {"reader": True, "editor": True, "auditor": False, "admin": False}


def test_the_largest_organisation_fits_one_transaction(services):
    """The limits of the body are made from the hundred actions of a transaction."""
    made = create(
        services,
        reference="large",
        workspaces=[{"id": f"w{n}", "name": "W"} for n in range(MAX_WORKSPACES)],
        roles=[{"id": f"r{n}", "name": "R"} for n in range(MAX_ROLES)],
        domains=[f"d{n}.example" for n in range(MAX_DOMAINS)],
    )

    assert len(made.workspaces) + len(made.roles) + len(made.domains) == 85


def test_a_reference_names_one_organisation(services):
    """The SaaS's own id is unique, and a rejected creation leaves nothing behind."""
    create(services, reference="acme-1")

    with pytest.raises(Conflict, match="reference"):
        create(services, organisation="bbbbbbbbbb", reference="acme-1", domains=["b.example"])
    admin = an_admin_context(services, "bbbbbbbbbb")
    assert admin.items.get(verified_domain("b.example")) is None
    with pytest.raises(NotFound):
        organisations.get_details(admin)


def test_a_domain_belongs_to_one_organisation(services):
    """Sign-in goes from the address to the organisation: two would be a guess. Names which."""
    create(services, domains=["acme.example", "b.example"])

    with pytest.raises(Conflict, match=r"^domains: b\.example"):
        create(services, domains=["B.Example", "c.example"])


def test_an_unknown_plan_is_rejected_with_a_list_of_the_known_ones(services):
    """Plans are settings of the deployment."""
    with pytest.raises(InvalidFields, match=r"plan: .*`enterprise`, `free`"):
        create(services, plan="gold")


def test_an_id_in_use_is_busy_not_a_conflict(services):
    """Ids are random: the next attempt has another one."""
    made = create(services)

    with pytest.raises(Busy):
        create(services, organisation=made.organisation.id)


def test_the_list_goes_on_from_its_cursor(services):
    """Every organisation once, in the order of the ids, and null at the end."""
    made = {create(services, name=f"Acme {n}").organisation.id for n in range(5)}

    one = organisations.list_organisations(listing(services), "", 2)
    two = organisations.list_organisations(listing(services), one.next_cursor or "", 2)
    three = organisations.list_organisations(listing(services), two.next_cursor or "", 2)

    assert [len(page.items) for page in (one, two, three)] == [2, 2, 1]
    assert [each.id for page in (one, two, three) for each in page.items] == sorted(made)
    assert three.next_cursor is None


def test_a_full_last_page_says_that_it_is_the_last(services):
    """`next` leads to something, or is null."""
    for _ in range(2):
        create(services)

    assert organisations.list_organisations(listing(services), "", 2).next_cursor is None


@pytest.mark.parametrize("cursor", ["~", "aaa", "a" * 11, "AAAAAAAAAA", "a#aaaaaaaa"])
def test_a_cursor_that_we_did_not_issue_is_rejected(services, cursor):
    """It would become part of a key."""
    with pytest.raises(BadRequest, match="cursor"):
        organisations.list_organisations(listing(services), cursor)


def test_an_organisation_is_found_by_its_reference(services):
    """The SaaS need not keep our ids; an unknown reference is an empty list."""
    made = create(services, reference="acme-1").organisation

    found = organisations.list_by_reference(listing(services), "acme-1").items

    assert [(each.id, each.reference) for each in found] == [(made.id, "acme-1")]
    assert organisations.list_by_reference(listing(services), "acme-2").items == []


def test_a_change_is_seen_in_the_list_and_by_a_get(services):
    """Both items are written in one transaction."""
    admin = an_organisation(services)

    changed = change(services, admin, name="Acme Ltd", plan="free", state="suspended", sso=SSO)

    [row] = organisations.list_organisations(listing(services), "").items
    assert (row.name, row.plan, row.state) == ("Acme Ltd", "free", "suspended")
    assert organisations.get_details(admin) == changed
    assert changed.organisation.version == 2


def test_what_a_change_does_not_name_stays(services, manual_clock):
    """PATCH of one field."""
    before = create(services, reference="acme-1", sso=SSO)
    manual_clock.advance(minutes=1)

    after = change(services, an_admin_context(services, before.organisation.id), name="B")

    expected = replace(
        before.organisation, name="B", version=2, modified="2027-01-31T12:01:00.000Z"
    )
    assert after.organisation == expected


def test_reference_and_sso_can_be_removed(services):
    """By null; the reference is free for another one then."""
    before = create(services, reference="acme-1", sso=SSO).organisation

    after = change(services, an_admin_context(services, before.id), reference=None, sso=None)

    assert (after.organisation.reference, after.organisation.sso) == (None, None)
    create(services, reference="acme-1")


def test_a_changed_reference_frees_the_old_one(services):
    """And holds the new one."""
    before = create(services, reference="acme-1").organisation
    admin = an_admin_context(services, before.id)

    change(services, admin, reference="acme-2")

    assert admin.items.get(reference("acme-1")) is None
    assert admin.items.get(reference("acme-2")) == {
        "PK": reference("acme-2").pk,
        "SK": "#",
        "org": before.id,
    }


def test_the_reference_of_another_organisation_is_rejected_in_a_change(services):
    """And nothing of the change is done."""
    create(services, reference="acme-1")
    admin = an_organisation(services)

    with pytest.raises(Conflict, match="reference"):
        change(services, admin, reference="acme-1", name="B")
    assert organisations.get_details(admin).organisation.name == "Acme"


def test_the_same_reference_in_another_composition_is_the_same(services):
    """One key, so one item of the transaction: e and an accent, or the letter with the accent."""
    before = create(services, reference="caf\u00e9").organisation
    admin = an_admin_context(services, before.id)

    after = change(services, admin, reference="cafe\u0301")

    assert after.organisation.reference == "cafe\u0301"
    assert admin.items.get(reference("caf\u00e9")) is not None


def test_a_change_that_changes_nothing_keeps_the_version(services):
    """An ETag names a content."""
    admin = an_organisation(services)

    assert change(services, admin, name="Acme", plan="enterprise").organisation.version == 1
    assert change(services, admin).organisation.version == 1


def test_an_unknown_plan_is_rejected_in_a_change(services):
    """As at the creation."""
    with pytest.raises(InvalidFields, match="plan"):
        change(services, an_organisation(services), plan="gold")


def test_if_match_names_the_version_that_may_be_changed(services):
    """Two admins who have read the same do not overwrite each other."""
    admin = an_organisation(services)

    change(services, admin, entity_tags(('W/"1"',)), name="B")

    with pytest.raises(PreconditionFailed):
        change(services, admin, entity_tags(('W/"1"',)), name="C")


@pytest.fixture
def raced(services):
    """Make an organisation whose next transaction is overtaken by a change of its state."""
    admin = an_organisation(services)
    overtaking = FaultyClient(services.table.client)
    act = first(lambda: change(services, admin, state="suspended"))
    overtaking.faults["transact_write_items"] = [act]
    raced = replace(services, table=replace(services.table, client=overtaking))
    return an_admin_context(raced, admin.keys.organisation)


def test_of_two_changes_at_once_none_is_lost(services, raced):
    """The second one reads again."""
    after = change(services, raced, name="B").organisation

    assert (after.name, after.state, after.version) == ("B", "suspended", 3)


def test_if_match_sees_a_change_that_came_between(services, raced):
    """The condition is part of the transaction, not of the read before it."""
    with pytest.raises(PreconditionFailed):
        change(services, raced, entity_tags(('W/"1"',)), name="B")


@pytest.mark.parametrize("act", [organisations.get_details, organisations.get])
def test_an_unknown_organisation_is_not_found(services, act):
    """404 for the operator."""
    with pytest.raises(NotFound):
        act(an_admin_context(services))
