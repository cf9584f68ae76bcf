"""Create, read, list and change organisations, also by two requests at once."""

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
    """Create an organisation; `organisation` is its id, random if None."""
    admin = an_admin_context(services, organisation)
    body = NewOrganisation.model_validate(organisation_body(**changes))
    return organisations.create(admin, body, services.settings.plans, None)


def change(services, admin, precondition=None, **changes):
    """Change an organisation."""
    body = OrganisationChanges.model_validate(changes)
    return organisations.change(admin, body, services.settings.plans, precondition)


def list_namespace(services):
    """Return the namespace that may read the list of organisations."""
    return services.table.namespace(grants.organisation_list(), services.deadline())


SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


def test_what_is_created_is_read_back(services):
    """The response to the POST is what a GET returns."""
    created = create(services, reference="acme-1", sso=SSO, domains=["acme.example", "a.example"])

    read = organisations.get_details(an_admin_context(services, created.organisation.id))

    assert read == created
    assert read.organisation.sso == SSO
    assert read.domains == ("a.example", "acme.example")
    assert [role.id for role in read.roles] == ["admin", "auditor", "editor", "reader"]


def test_a_role_may_be_default_unless_protected_or_excluded(services):
    """Provisioning assigns default roles, so a protected one never is."""
    roles = {role.id: role.may_be_default for role in create(services).roles}

    assert roles == {"reader": True, "editor": True, "auditor": False, "admin": False}


def test_the_largest_organisation_fits_one_transaction(services):
    """The limits of the body follow from the 100 actions that a transaction may have."""
    created = create(
        services,
        reference="large",
        workspaces=[{"id": f"w{n}", "name": "W"} for n in range(MAX_WORKSPACES)],
        roles=[{"id": f"r{n}", "name": "R"} for n in range(MAX_ROLES)],
        domains=[f"d{n}.example" for n in range(MAX_DOMAINS)],
    )

    assert len(created.workspaces) + len(created.roles) + len(created.domains) == 85


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
    """Sign-in finds the organisation by the domain of the address; the error names the domain."""
    create(services, domains=["acme.example", "b.example"])

    with pytest.raises(Conflict, match=r"^domains: b\.example"):
        create(services, domains=["B.Example", "c.example"])


def test_an_unknown_plan_is_rejected_with_a_list_of_the_known_ones(services):
    """Plans are settings of the deployment."""
    with pytest.raises(InvalidFields, match=r"plan: .*`enterprise`, `free`"):
        create(services, plan="gold")


def test_an_id_in_use_is_busy_not_a_conflict(services):
    """Ids are random, so a retry succeeds with another id."""
    created = create(services)

    with pytest.raises(Busy):
        create(services, organisation=created.organisation.id)


def test_the_list_goes_on_from_its_cursor(services):
    """Every organisation appears once, in the order of ids; the last page has no cursor."""
    created = {create(services, name=f"Acme {n}").organisation.id for n in range(5)}

    one = organisations.list_organisations(list_namespace(services), "", 2)
    two = organisations.list_organisations(list_namespace(services), one.next_cursor or "", 2)
    three = organisations.list_organisations(list_namespace(services), two.next_cursor or "", 2)

    assert [len(page.items) for page in (one, two, three)] == [2, 2, 1]
    assert [each.id for page in (one, two, three) for each in page.items] == sorted(created)
    assert three.next_cursor is None


def test_a_full_last_page_says_that_it_is_the_last(services):
    """A cursor is returned only if more organisations follow."""
    for _ in range(2):
        create(services)

    assert organisations.list_organisations(list_namespace(services), "", 2).next_cursor is None


@pytest.mark.parametrize("cursor", ["~", "aaa", "a" * 11, "AAAAAAAAAA", "a#aaaaaaaa"])
def test_a_cursor_that_we_did_not_issue_is_rejected(services, cursor):
    """A cursor becomes part of a key, so it is checked first."""
    with pytest.raises(BadRequest, match="cursor"):
        organisations.list_organisations(list_namespace(services), cursor)


def test_an_organisation_is_found_by_its_reference(services):
    """The SaaS need not keep our ids; an unknown reference is an empty list."""
    created = create(services, reference="acme-1").organisation

    found = organisations.list_by_reference(list_namespace(services), "acme-1").items

    assert [(each.id, each.reference) for each in found] == [(created.id, "acme-1")]
    assert organisations.list_by_reference(list_namespace(services), "acme-2").items == []


def test_a_change_is_seen_in_the_list_and_by_a_get(services):
    """Both items are written in one transaction."""
    admin = an_organisation(services)

    changed = change(services, admin, name="Acme Ltd", plan="free", state="suspended", sso=SSO)

    [listed] = organisations.list_organisations(list_namespace(services), "").items
    assert (listed.name, listed.plan, listed.state) == ("Acme Ltd", "free", "suspended")
    assert organisations.get_details(admin) == changed
    assert changed.organisation.version == 2


def test_a_change_of_one_field_keeps_the_others(services, manual_clock):
    """Only the version and the time change as well."""
    before = create(services, reference="acme-1", sso=SSO)
    manual_clock.advance(minutes=1)

    after = change(services, an_admin_context(services, before.organisation.id), name="B")

    expected = replace(
        before.organisation, name="B", version=2, modified="2027-01-31T12:01:00.000Z"
    )
    assert after.organisation == expected


def test_reference_and_sso_can_be_removed(services):
    """By sending null; then another organisation may use the reference."""
    before = create(services, reference="acme-1", sso=SSO).organisation

    after = change(services, an_admin_context(services, before.id), reference=None, sso=None)

    assert (after.organisation.reference, after.organisation.sso) == (None, None)
    create(services, reference="acme-1")


def test_a_changed_reference_frees_the_old_one(services):
    """Another organisation may use the old one."""
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
    """Nothing of the change is stored."""
    create(services, reference="acme-1")
    admin = an_organisation(services)

    with pytest.raises(Conflict, match="reference"):
        change(services, admin, reference="acme-1", name="B")
    assert organisations.get_details(admin).organisation.name == "Acme"


def test_the_same_reference_in_another_composition_is_the_same(services):
    """Both have the same key, which may occur in a transaction only once."""
    before = create(services, reference="caf\u00e9").organisation
    admin = an_admin_context(services, before.id)

    after = change(services, admin, reference="cafe\u0301")

    assert after.organisation.reference == "cafe\u0301"
    assert admin.items.get(reference("caf\u00e9")) is not None


def test_a_change_that_changes_nothing_keeps_the_version(services):
    """The ETag stays valid as long as the content is the same."""
    admin = an_organisation(services)

    assert change(services, admin, name="Acme", plan="enterprise").organisation.version == 1
    assert change(services, admin).organisation.version == 1


def test_an_unknown_plan_is_rejected_in_a_change(services):
    """As when creating one."""
    with pytest.raises(InvalidFields, match="plan"):
        change(services, an_organisation(services), plan="gold")


def test_a_change_with_another_version_in_if_match_is_rejected(services):
    """Two admins who have read the same do not overwrite each other."""
    admin = an_organisation(services)

    change(services, admin, entity_tags(('W/"1"',)), name="B")

    with pytest.raises(PreconditionFailed):
        change(services, admin, entity_tags(('W/"1"',)), name="C")


@pytest.fixture
def raced(services):
    """Create an organisation whose state another request changes before our next transaction."""
    admin = an_organisation(services)
    client = FaultyClient(services.table.client)
    act = first(lambda: change(services, admin, state="suspended"))
    client.faults["transact_write_items"] = [act]
    raced = replace(services, table=replace(services.table, client=client))
    return an_admin_context(raced, admin.keys.organisation)


def test_of_two_changes_at_once_none_is_lost(services, raced):
    """The second request reads again and applies its change to the new state."""
    after = change(services, raced, name="B").organisation

    assert (after.name, after.state, after.version) == ("B", "suspended", 3)


def test_if_match_fails_if_another_change_is_made_in_between(services, raced):
    """The condition is part of the transaction, not of the read before it."""
    with pytest.raises(PreconditionFailed):
        change(services, raced, entity_tags(('W/"1"',)), name="B")


@pytest.mark.parametrize("act", [organisations.get_details, organisations.get])
def test_an_unknown_organisation_is_not_found(services, act):
    """404 for the operator."""
    with pytest.raises(NotFound):
        act(an_admin_context(services))
