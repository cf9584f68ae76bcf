"""What is kept of values in a log: enough to follow a change, nothing to read somebody's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.masking import Known, masked, masked_detail, masked_filter, masked_query

UID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
# UID is what the request has found.
KNOWN = Known((USER, GROUP), {UID})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("alice@example.com", "a… (up to 32)"),
        ("Ada", "A… (up to 8)"),
        ("Al", "…"),
        ("x" * 65, "x… (longer)"),
        (UID, "0… (up to 32)"),
        (True, "…"),
        (7, "…"),
        (3.14, "…"),
        (
            {"active": True, "primary": False, "smoker": True},
            {"active": True, "primary": False, "smoker": "…"},
        ),
        ([True, 7], ["…", "…"]),
        ([{"value": "alice@example.com", "primary": True}], None),
        (["abc"] * 7, ["a… (up to 8)"] * 5 + ["… 2 more"]),
    ],
)
def test_text_is_hidden_and_form_stays(value, shown):
    """One sees that a value came, went or became another, and not which."""
    expected = [{"value": "a… (up to 32)", "primary": True}] if shown is None else shown

    assert masked(value) == expected


# Not of the characters that a masked value is written with.
TEXTS = st.text(st.characters(min_codepoint=0x3000, exclude_categories=["Cs"]), min_size=4)


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_no_text_survives(value):
    """Whatever the form, of a text no more is told than its beginning and about its length."""
    shown = masked(value)

    assert not set(texts(value)) & set(texts(shown))
    assert all(len(text) <= len("x… (up to 64)") for text in texts(shown))


def texts(value):
    """Give the texts in a value."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [text for part in parts for text in texts(part)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('userName eq "alice@example.com"', 'userName eq "a… (up to 32)"'),
        ("userName eq alice@example.com", 'userName eq "a… (up to 32)"'),
        (f'id eq "{UID}" and members eq "{UID}"', f'id eq "{UID}" and members eq "{UID}"'),
        (
            'emails[type eq "work" and value co "alice"] or not (active eq true)',
            'emails[type eq "w… (up to 8)" and value co "a… (up to 8)"] or not (active eq true)',
        ),
        ('emails[type eq "work"].value pr', 'emails[type eq "w… (up to 8)"].value pr'),
        (
            f'id eq "{OTHER}" or userName eq "{UID}"',
            'id eq "f… (up to 32)" or userName eq "0… (up to 32)"',
        ),
        ("externalId eq 5551234 or title eq 3.5", 'externalId eq "…" or title eq "…"'),
        (
            "roles.primary eq true and phoneNumbers.display eq false",
            'roles.primary eq "…" and phoneNumbers.display eq "…"',
        ),
        ('alice.smith eq "x" or alice@example.com pr', "…"),
        ('alice.smith eq "x" or bob.b pr', '… eq "…" or … pr'),
        ('urn:alice:smith:a eq "x"', '… eq "…"'),
        (
            '(title pr or active eq true) and not (title eq "Boss")',
            '(title pr or active eq true) and not (title eq "B… (up to 8)")',
        ),
        ("userName eq alice smith", "…"),
        ("(" * 5_000, "…"),
    ],
)
def test_a_filter_keeps_its_form_and_loses_its_values(text, shown):
    """An admin sees by which attribute their provider looks users up."""
    assert masked_filter(text, KNOWN) == shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ""),
        ({"startIndex": "1", "count": "100"}, "?startIndex=1&count=100"),
        ({"count": "alice"}, "?count=…"),
        ({"attributes": "userName,emails.value"}, "?attributes=userName,emails.value"),
        ({"attributes": "alice@example.com"}, "?attributes=…"),
        (
            {"attributes": "userName, name.alice,alice.smith, a b"},
            "?attributes=userName,name.alice,…,…",
        ),
        (
            {"excludedAttributes": f"{USER.extensions[0].id}:department,urn:alice:b"},
            f"?excludedAttributes={USER.extensions[0].id}:department,…",
        ),
        ({"count": "5551234567", "startIndex": "-1"}, "?startIndex=-1&count=…"),
        ({"email": "alice@example.com", "alice": "1"}, ""),
        ({"aadOptscim062020": "alice"}, "?aadOptscim062020="),
    ],
)
def test_a_query_string_shows_what_is_known_of_it(query, shown):
    """A parameter's name and its value are both text of a stranger."""
    assert masked_query(query, KNOWN) == shown


def test_an_error_is_kept_without_what_it_quotes():
    """The second line points into the filter that was sent."""
    detail = "The filter is not valid at character 9: see alice@example.com.\nuserName alice"

    assert masked_detail(detail) == "The filter is not valid at character 9: see …"


@pytest.mark.parametrize(
    ("quoted", "kept"),
    [("Ada Lovelace", "A… (up to 16)"), ('A "B\nC', "A… (up to 8)"), (UID, "0… (up to 32)")],
)
def test_what_an_error_quotes_is_masked(quoted, kept):
    """A provider may send a name instead of an id: it is not logged."""
    detail = f'members: no user of this connection has the id "{quoted}".'

    assert masked_detail(detail) == f'members: no user of this connection has the id "{kept}".'
