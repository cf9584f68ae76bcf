"""What holds for any filter, any page and any PATCH, on a table with people in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.directory import search, users
from chalicelib.errors import ApiError
from chalicelib.scim import patch, patch_operations
from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.matching import compile_filter
from chalicelib.scim.messages import RawOperation
from tests.support.directory import a_group, a_user, find_groups, find_users, ids
from tests.support.invariants import read_all

# The same examples in each run; a busy machine is not a fault of the code.
some = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
few = settings(some, max_examples=25)

NAMES = ("ada", "bob", "cy", "dee", "eve")
TITLES = ("Guide", "guide", "Cook", None)


@pytest.fixture
def people(context):
    """Seven users, some of whom share a title, an externalId or an address, and three groups."""
    random = Random(8)  # noqa: S311 - the same people in each run
    uids = [
        a_user(
            context,
            name,
            externalId=random.choice(("1", "2", None)),
            title=random.choice(TITLES),
            active=random.random() < 0.5,
            emails=[{"value": f"{random.choice(NAMES)}@example.com", "type": "work"}],
        )
        for name in (*NAMES, "fay", "gil")
    ]
    for number, name in enumerate(("Tour", "Giro", "ada@example.com")):
        a_group(context, name, uids[number : number + 3], externalId=str(number))
    return uids


TERMS = (
    'userName eq "ADA@example.com"',
    'userName sw "b"',
    'externalId eq "1"',
    'externalId ne "1"',
    'emails eq "bob@example.com"',
    'emails[type eq "work" and value co "d"]',
    'emails[type eq "home"]',
    'title eq "guide"',
    "title pr",
    "active eq true",
)
GROUP_TERMS = ('displayName eq "tour"', 'displayName co "o"', 'externalId eq "1"', "displayName pr")


def combined(terms):
    """Write filters of these terms, joined and negated."""
    return st.recursive(
        st.sampled_from(terms),
        lambda inner: (
            st.lists(inner, min_size=2, max_size=3).map(lambda them: f"({' and '.join(them)})")
            | st.lists(inner, min_size=2, max_size=3).map(lambda them: f"({' or '.join(them)})")
            | inner.map(lambda it: f"not ({it})")
        ),
        max_leaves=5,
    )


def by_hand(resources, text, resource_type, others=()):
    """Look at each resource in turn; no key is used."""
    holds = compile_filter(parse_filter(text), resource_type, others)
    return [each["id"] for each in resources if holds(each)]


def test_a_filter_finds_the_same_users_as_a_scan(context, people):
    """Whichever of its terms has a key: the plan differs, the result does not."""
    all_users = find_users(context).resources

    @some
    @given(combined(TERMS))
    def holds(text):
        found = find_users(context, text)

        assert ids(found) == by_hand(all_users, text, USER)
        assert found.total == len(found.resources)

    holds()


def test_a_filter_finds_the_same_groups_as_a_scan(context, people):
    """With members among its terms, which are items of their own."""
    all_groups = find_groups(context).resources
    members = tuple(f'members eq "{uid}"' for uid in people[:4])

    @some
    @given(combined(GROUP_TERMS + members))
    def holds(text):
        assert ids(find_groups(context, text)) == by_hand(all_groups, text, GROUP)

    holds()


def test_a_search_over_both_resource_types_finds_the_same_as_a_scan(context, people):
    """An attribute that a resource type does not have is absent (RFC 7644 section 3.4.2.1)."""
    all_users, all_groups = find_users(context).resources, find_groups(context).resources

    @some
    @given(combined(TERMS + GROUP_TERMS))
    def holds(text):
        query = search.Query(parse_filter(text), 1, 100, all_types=True)

        assert ids(search.users(context, query)) == by_hand(all_users, text, USER, (GROUP,))
        assert ids(search.groups(context, query)) == by_hand(all_groups, text, GROUP, (USER,))

    holds()


def by_index(context, query) -> Iterator[str]:
    """Walk through the pages by their number."""
    page = search.users(context, query)
    yield from ids(page)
    for start in range(1 + query.count, page.total + 1, query.count):
        yield from ids(search.users(context, replace(query, start=start)))


def by_cursor(context, query) -> Iterator[str]:
    """Walk through the pages by the last id of the one before."""
    after, more = "", True
    while more:
        page = search.users(context, replace(query, after=after))
        yield from ids(page)
        more = page.has_more
        after = ids(page)[-1] if more else ""


def test_pages_by_index_and_by_cursor_have_the_same_users(context, people):
    """Each once and in the same order, whatever the filter and the size of a page."""

    @some
    @given(st.none() | combined(TERMS), st.integers(1, 8), st.booleans())
    def holds(text, count, with_memberships):
        query = search.Query(parse_filter(text) if text else None, 1, count, with_memberships)
        walked = list(by_index(context, query))

        assert list(by_cursor(context, query)) == walked
        assert walked == ids(find_users(context, text))

    holds()


GOOD = (
    RawOperation("replace", "title", "Guide", has_value=True),
    RawOperation("add", "emails", [{"value": "x@example.com"}], has_value=True),
    RawOperation("replace", "userName", "other", has_value=True),
    RawOperation("remove", "externalId", None, has_value=False),
)
BAD = (
    RawOperation("replace", "active", "maybe", has_value=True),
    RawOperation("remove", "userName", None, has_value=False),
    RawOperation("replace", "userName", "BOB@example.com", has_value=True),
    RawOperation("replace", 'emails[value co "nobody"].type', "home", has_value=True),
    RawOperation("replace", "emails[active gt 1]", "x", has_value=True),
)


def test_a_failed_patch_leaves_every_item_unchanged(context, people):
    """Whatever of it could have been done (RFC 7644 section 3.5.2: all or nothing)."""
    before = read_all(context.items.table)

    @few
    @given(st.lists(st.sampled_from(GOOD), max_size=4), st.sampled_from(BAD))
    def holds(good, bad):
        operations = patch_operations.normalise([*good, bad], USER).operations

        with pytest.raises(ApiError):
            users.change(context, people[0], lambda now: patch.apply(operations, now, USER))

        assert read_all(context.items.table) == before

    holds()
