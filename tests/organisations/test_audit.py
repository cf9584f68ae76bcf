"""The audit: who changed what, when, from what to what, and never a secret."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.errors import BadRequest
from chalicelib.organisations import audit, connections, disconnect, organisations, tokens
from chalicelib.organisations.audit import AuditQuery, Edit
from chalicelib.organisations.inputs import ConnectionChanges, OrganisationChanges, Rotation
from chalicelib.storage.audit_entries import Actor
from tests.support.builders import a_customer, an_admin_context, audit_entries
from tests.support.clock import NOON
from tests.support.invariants import read_all

ADA = Actor("admin", "u-1", "Ada", "session00001")


@pytest.fixture
def context(services, manual_clock):
    """Create an organisation, a connection and a token, a second before the test's changes."""
    made = a_customer(services)
    manual_clock.advance(seconds=1)
    return made


def entries(context, limit=100):
    """List the entries of the audit, the newest first."""
    return audit_entries(context.admin, size=limit).items


def rename(services, context, name):
    """Change the organisation's name."""
    changes = OrganisationChanges(name=name)
    organisations.change(context.admin, changes, services.settings.plans, None)


def test_a_creation_is_audited_with_its_values(context):
    """Organisation, connection and token, with the principal."""
    found = {each.action: each for each in entries(context)}

    assert {each.actor.name for each in found.values()} == {"operator"}
    assert found["organisation.created"].after["roles"] == ["admin", "auditor", "editor", "reader"]
    assert found["connection.created"].after["default_role"] == "reader"
    created = found["token.created"].after
    assert set(created) == {"connection", "type", "name", "hint", "expires_at"}


def test_a_change_is_audited_with_the_changed_fields(services, context, manual_clock):
    """Values before and after, time and principal; no field that stayed the same."""
    manual_clock.advance(seconds=4)
    by_ada = replace(context, admin=replace(context.admin, actor=ADA))

    rename(services, by_ada, "B")

    newest = entries(context)[0]
    assert (newest.at, newest.actor.name) == ("2027-01-31T12:00:05.000Z", "Ada")
    assert (newest.action, newest.target) == ("organisation.changed", context.organisation)
    assert (newest.before, newest.after) == ({"name": "Acme"}, {"name": "B"})


def pause(at, _):
    """Pause the connection."""
    connections.change(at.admin, at.connection, ConnectionChanges(state="paused"), None)


def end(at, secrets):
    """Delete the connection."""
    disconnect.end(at.admin, secrets, at.connection, "delete", None)


def rotate(at, secrets):
    """Rotate the token; the old one stays valid for an hour."""
    asked = Rotation(overlap_hours=1)
    tokens.rotate(at.admin, secrets, at.connection, at.token_id, asked, None)


def revoke(at, secrets):
    """Revoke the token."""
    tokens.revoke(at.admin, secrets, at.connection, at.token_id)


def delete(at, _):
    """Delete the organisation."""
    organisations.delete(at.admin, None)


CHANGES = [
    ("connection.changed", pause),
    ("connection.changed", end),
    ("token.rotated", rotate),
    ("token.revoked", revoke),
    ("organisation.changed", delete),
]


@pytest.mark.parametrize(("what", "change"), CHANGES)
def test_every_change_of_settings_is_audited_once(services, context, what, change):
    """Each change adds one entry."""
    before = Counter(each.action for each in entries(context))

    change(context, services.secrets)

    assert (Counter(each.action for each in entries(context)) - before)[what] == 1


def test_a_repeated_revoke_is_audited_once(services, context):
    """The second one changes nothing."""
    revoke(context, services.secrets)
    before = entries(context)

    revoke(context, services.secrets)

    assert entries(context) == before


SECRETS = ["psl_scim_AAAAAAAAAAAA_" + "s" * 43 + "_AAAAAA", "psl_session_x", "s" * 43]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_was_pasted_somewhere_is_masked(services, context, secret):
    """The audit is read by more people than the settings."""
    admin = replace(context.admin, actor=replace(ADA, name=secret), user_agent=f"x/{secret}")

    admin.items.commit([audit.entry_item(admin, Edit("x", secret, after={"name": f"A {secret}"}))])

    newest = next(each for each in entries(context) if each.action == "x.created")
    assert (newest.target, newest.after) == ("***", {"name": "A ***"})
    items = [item for key, item in read_all(services.table).items() if key.pk.endswith("#A")]
    assert secret not in str(items)


def test_masking_leaves_hints_and_ids_as_they_are(context):
    """They distinguish tokens."""
    [made] = [each for each in entries(context) if each.action == "token.created"]

    assert made.target == context.token_id
    assert made.after["hint"].startswith("psl_scim_...")


def test_masking_looks_into_lists_and_objects(context):
    """A changed setting may be a list or an object."""
    secret = SECRETS[0]

    put = audit.entry_item(context.admin, Edit("x", "1", after={"a": [{"b": secret}], "c": 7}))

    assert put.item["after"] == {"a": [{"b": "***"}], "c": 7}


def test_the_audit_goes_on_from_its_cursor(services, context):
    """Every entry appears once, the newest first; the last page has no cursor."""
    for name in "BCDE":
        rename(services, context, name)

    one = audit_entries(context.admin, None, 3)
    two = audit_entries(context.admin, one.next_cursor, 3)
    three = audit_entries(context.admin, two.next_cursor, 3)

    assert [len(page.items) for page in (one, two, three)] == [3, 3, 1]
    assert [*one.items, *two.items, *three.items] == entries(context)
    assert three.next_cursor is None


def test_a_full_last_page_says_that_it_is_the_last(context):
    """`next` leads to something, or is null."""
    assert audit_entries(context.admin, None, 3).next_cursor is None


@pytest.mark.parametrize("cursor", ["", "~", "x" * 26, "0" * 25])
def test_a_cursor_that_we_did_not_issue_is_rejected(context, cursor):
    """A cursor becomes part of a key, so it is checked first."""
    with pytest.raises(BadRequest, match="cursor"):
        audit_entries(context.admin, cursor, 3)


def test_the_audit_of_another_organisation_is_separate(services, context):
    """Its keys begin with the id of the organisation."""
    other = a_customer(services)

    here, there = ({each.target for each in entries(one)} for one in (context, other))
    assert here.isdisjoint(there)


def test_an_entry_is_kept_for_400_days(services, context):
    """Longer than a year, so that last year's audit can be read."""
    admin = an_admin_context(services, context.organisation)

    put = audit.entry_item(admin, Edit("x", "1"))

    assert put.item["ttl"] - NOON.timestamp() == 400 * 24 * 3600 + 1


# --- filters, and what an entry shows ----------------------------------------------------------

FILTERS = [
    ({"actor": "operator"}, 3),
    ({"actor": "admin"}, 1),
    ({"actor": "u-1"}, 1),
    ({"actor": "Ada"}, 1),
    ({"actor": "session00001"}, 1),
    ({"actor": "Bob"}, 0),
    ({"action": "role.created"}, 1),
    ({"action": "role"}, 1),
    ({"action": "rol"}, 0),
    ({"actor": "Ada", "action": "token"}, 0),
]


def listed(admin, **filters):
    """List the entries that these filters let through."""
    query = AuditQuery(admin.now() - admin.retention.audit, admin.now(), **filters)
    return audit.list_entries(admin.items, admin.keys.audit, query, 100).items


@pytest.mark.parametrize(("filters", "found"), FILTERS)
def test_entries_are_found_by_actor_and_action(context, filters, found):
    """The customer has an organisation, a connection and a token by the operator; a role by Ada."""
    admin = replace(context.admin, actor=ADA)
    admin.items.commit([audit.entry_item(admin, Edit("role", "r", after={"name": "R"}))])

    assert len(listed(admin, **filters)) == found


def test_a_page_of_a_filtered_list_may_be_empty_and_have_a_next_one(context, manual_clock):
    """It reads a bounded number of entries."""
    for _ in range(audit.MAX_ITEMS // 50):
        items = [
            audit.entry_item(context.admin, Edit("x", f"{number}", action="done"))
            for number in range(50)
        ]
        context.admin.items.commit(items)

    now, kept = context.admin.now(), context.admin.retention.audit
    query = AuditQuery(now - kept, now, action="organisation.created")
    page = audit.list_entries(context.admin.items, context.admin.keys.audit, query, 10)
    rest = replace(query, cursor=page.next_cursor)
    then = audit.list_entries(context.admin.items, context.admin.keys.audit, rest, 10)

    assert (len(page.items), len(then.items), then.next_cursor) == (0, 1, None)


ADDRESSES = [
    ("192.0.2.77", "192.0.2.0/24"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
    ("::ffff:192.0.2.77", "192.0.2.0/24"),
    ("not an address", ""),
    (None, None),
]


@pytest.mark.parametrize(("address", "cut"), ADDRESSES)
@pytest.mark.parametrize("days", [29, 31])
def test_an_address_is_whole_for_thirty_days(services, context, manual_clock, address, cut, days):
    """Then it says from which network."""
    admin = replace(context.admin, address=address)
    admin.items.commit([audit.entry_item(admin, Edit("x", "1", after={"n": 1}))])
    manual_clock.advance(days=days)

    later = an_admin_context(services, context.organisation)
    [entry] = listed(later, action="x")

    assert entry.address == (address if days < 30 else cut)


def test_a_user_agent_is_cut(context):
    """A client may send kilobytes."""
    admin = replace(context.admin, user_agent="x" * 42 + "/" + "y " * 400)

    item = audit.entry_item(admin, Edit("x", "1")).item

    assert len(item["agent"]) == audit.MAX_USER_AGENT
