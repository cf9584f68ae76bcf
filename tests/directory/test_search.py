"""Lists and filters: exact totals, every page, and never an empty list by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.directory import deletes
from chalicelib.directory.search import MAX_PAGE_CHARACTERS, MAX_RESOURCES
from chalicelib.errors import Busy
from chalicelib.scim.comparison import fold
from chalicelib.scim.errors import InvalidFilter, TooMany
from chalicelib.storage.expressions import Put
from chalicelib.storage.keys import ConnectionKeys
from tests.support.directory import (
    NOBODY,
    a_group,
    a_user,
    between,
    by,
    connection_context,
    edit,
    find_groups,
    find_users,
    ids,
    rename,
    some_groups,
    some_users,
)
from tests.support.faults import FaultyClient, hide


def reads(context, action):
    """Name the calls that a search makes of DynamoDB."""
    client = FaultyClient(context.items.table.client)
    action(by(context, client))
    return client.calls


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_pages_of_any_size_add_up_to_the_list(context, count):
    """Each user once, in the order of ids, and the same total on every page."""
    uids = some_users(context, 8)

    pages = [find_users(context, start=start, count=count) for start in range(1, 9, count)]

    assert [uid for page in pages for uid in ids(page)] == uids
    assert {page.total for page in pages} == {8}


@pytest.mark.parametrize("start", range(1, 9))
def test_a_page_starts_anywhere(context, start):
    """RFC 7644 section 3.4.2.4: startIndex is any number from 1 on."""
    uids = some_users(context, 8)

    assert ids(find_users(context, start=start, count=3)) == uids[start - 1 : start + 2]


@pytest.mark.parametrize(("start", "count"), [(9, 10), (1_000_000, 10), (1, 0), (9, 0)])
def test_an_empty_page_has_the_total_too(context, start, count):
    """RFC 7644 section 3.4.2.4: count 0 asks for the total alone."""
    some_users(context, 8)

    page = find_users(context, start=start, count=count)

    assert (ids(page), page.total) == ([], 8)
    assert reads(context, lambda it: find_users(it, start=start, count=count)) == ["query"]


def test_an_empty_directory_is_an_empty_list(context):
    """200 with a total of 0, not 404."""
    assert (ids(find_users(context)), find_users(context).total) == ([], 0)
    assert (ids(find_groups(context)), find_groups(context).total) == ([], 0)


def test_totals_follow_every_create_and_delete(context):
    """Exact at once: identity providers compare them."""
    uids = some_users(context, 3)
    deletes.delete_user(context, uids[1])

    page = find_users(context)

    assert (page.total, ids(page)) == (2, [uids[0], uids[2]])


def test_memberships_between_users_are_not_counted(context):
    """The items of memberships lie between those of users; a page counts users."""
    uids = some_users(context, 4)
    gids = some_groups(context, 5, uids[:3])

    page = find_users(context, start=2, count=2)

    assert ids(page) == uids[1:3]
    shown = [[group["value"] for group in user["groups"]] for user in page.resources]
    assert shown == [gids, gids]


def test_groups_of_users_are_read_only_on_request(context):
    """excludedAttributes=groups saves the reads."""
    uids = some_users(context, 2)
    some_groups(context, 2, uids)

    page = find_users(context, with_memberships=False)

    assert not any("groups" in user for user in page.resources)
    assert "batch_get_item" not in reads(context, lambda it: find_users(it, with_memberships=False))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_pages_of_groups_add_up_to_the_list(context, count):
    """As with users, each with its members."""
    uids = some_users(context, 2)
    gids = some_groups(context, 5, uids)

    pages = [find_groups(context, start=start, count=count) for start in range(1, 6, count)]

    found = [group for page in pages for group in page.resources]
    assert [group["id"] for group in found] == gids
    assert [[m["value"] for m in group["members"]] for group in found] == [uids] * 5


def test_members_are_read_only_on_request(context):
    """Entra ID lists groups with excludedAttributes=members."""
    gid = a_group(context, uids=some_users(context, 2))

    page = find_groups(context, with_memberships=False)

    assert ids(page) == [gid]
    assert "members" not in page.resources[0]
    assert reads(context, lambda it: find_groups(it, with_memberships=False)) == ["query"] * 2


def test_a_group_being_deleted_between_two_others_is_skipped(context):
    """Its member items are still there; no reader sees them."""
    uids = some_users(context, 3)
    gids = some_groups(context, 3, uids)

    class Asking(FaultyClient):
        def batch_write_item(self, **request):
            page = find_groups(context)
            assert ids(page) == [gids[0], gids[2]]
            assert [len(group["members"]) for group in page.resources] == [3, 3]
            return self.client.batch_write_item(**request)

    deletes.delete_group(by(context, Asking(context.items.table.client)), gids[1])


def test_a_group_too_large_for_a_response_is_rejected_in_a_list_too(context):
    """Lambda would reject the response: every list with this group would be a 502."""
    a_group(context, uids=some_users(context, 6))
    # A megabyte for each member: a response holds five.
    verbose = replace(context, base_url=f"https://id.example.com/{'x' * 1_000_000}")

    for text in (None, 'displayName eq "Tour"'):
        with pytest.raises(TooMany, match="excludedAttributes=members"):
            find_groups(verbose, text)
        assert find_groups(verbose, text, with_memberships=False).total == 1


def test_few_members_of_groups_between_the_matches_are_read(context):
    """A Query as long as all matches together would read mostly other groups' members."""
    gids = some_groups(context, 24, some_users(context, 30))
    read = []

    class Counting(FaultyClient):
        def query(self, **request):
            response = self.client.query(**request)
            of_members = request["ExpressionAttributeValues"][":pk"]["S"].endswith("#M")
            read.append(len(response["Items"]) * of_members)
            return response

    text = " or ".join(f'id eq "{gid}"' for gid in gids[::2])
    page = find_groups(by(context, Counting(context.items.table.client)), text)

    assert [len(group["members"]) for group in page.resources] == [30] * 12
    assert sum(read) <= (12 * 30 + 1) + 11 * 100


# --- filters ----------------------------------------------------------------------------------


@pytest.fixture
def people(context):
    """Two users who share a word or two."""
    ada = {"title": "Analyst", "name": {"familyName": "Lovelace"}, "active": True}
    bob = {"title": "Admiral", "name": {"familyName": "Love"}, "active": False}
    return {"ada": a_user(context, "ada", **ada), "bob": a_user(context, "bob", **bob)}


USER_FILTERS = {
    # by key
    'userName eq "ada@example.com"': "ada",
    'userName eq "ADA@Example.com"': "ada",
    'externalId eq "ada"': "ada",
    'externalId eq "ADA"': "",
    'emails.value eq "ADA@example.com"': "ada",
    'emails[type eq "work" and value eq "ada@example.com"]': "ada",
    'emails[type eq "work"].value eq "ada@example.com"': "ada",
    'emails[type eq "home"].value eq "ada@example.com"': "",
    'emails eq "bob@example.com"': "bob",
    f'id eq "{NOBODY}"': "",
    'id eq "ada"': "",
    'userName eq "nobody"': "",
    # a key and more
    'userName eq "ada@example.com" and active eq true': "ada",
    'userName eq "ada@example.com" and active eq false': "",
    'userName eq "ada@example.com" and userName eq "bob@example.com"': "",
    'active eq true and externalId eq "ada"': "ada",
    '(userName eq "ada@example.com")': "ada",
    # without a key
    'userName eq "ada@example.com" or userName eq "bob@example.com"': "ada bob",
    'not (userName eq "ada@example.com")': "bob",
    'userName ne "ada@example.com"': "bob",
    'userName sw "A"': "ada",
    'userName co "example"': "ada bob",
    'title sw "A"': "ada bob",
    'name.familyName eq "love"': "bob",
    "active eq false": "bob",
    'active eq "True"': "ada",
    "nickName pr": "",
    "title pr": "ada bob",
    'meta.lastModified gt "2020-01-01T00:00:00Z"': "ada bob",
    'emails[type eq "work"]': "ada bob",
    'schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"': "ada bob",
}


@pytest.mark.parametrize(("text", "names"), USER_FILTERS.items(), ids=USER_FILTERS)
def test_a_filter_finds_the_matching_users_and_no_others(context, people, text, names):
    """With a key or without one: the result is the same, only the way differs."""
    page = find_users(context, text)

    assert ids(page) == sorted(people[name] for name in names.split())
    assert page.total == len(page.resources)


KEYED = {
    'id eq "{ada}"': ["query"],
    'userName eq "ada@example.com"': ["get_item", "query"],
    'externalId eq "ada"': ["query", "query"],
    'emails eq "ada@example.com"': ["query", "query"],
    'title pr and (active eq true and userName eq "ada@example.com")': ["get_item", "query"],
}


@pytest.mark.parametrize(("text", "expected"), KEYED.items(), ids=KEYED)
def test_a_filter_with_a_key_is_looked_up(context, people, text, expected):
    """However many users there are."""
    made = reads(context, lambda it: find_users(it, text.format(**people), with_memberships=False))

    assert made == expected


def test_a_filtered_list_has_pages_too(context):
    """The total is that of the hits."""
    uids = some_users(context, 5)

    page = find_users(context, 'userName sw "user"', start=2, count=2)

    assert (ids(page), page.total) == (uids[1:3], 5)
    assert find_users(context, 'userName sw "user"', count=0).total == 5


def test_users_are_found_by_their_groups(context):
    """No key leads there, so all users are read, with their groups."""
    uids = some_users(context, 3)
    gid = a_group(context, "Tour", uids[:2])

    assert ids(find_users(context, f'groups.value eq "{gid}"')) == uids[:2]
    assert ids(find_users(context, 'groups.display eq "tour"', with_memberships=False)) == uids[:2]
    assert ids(find_users(context, "not (groups pr)")) == uids[2:]


REJECTED = ['nobody eq "x"', "active gt true", 'password eq "x"', "active eq 1"]


@pytest.mark.parametrize("text", REJECTED)
def test_an_invalid_filter_is_rejected(context, text):
    """400 invalidFilter, in an empty directory too: an empty list would mean "nobody"."""
    with pytest.raises(InvalidFilter):
        find_users(context, text)


def as_many(count):
    """Return a fault: the Query finds its first item `count` times, under other ids."""

    def fault(_, send):
        page = send()
        item = page["Items"][0]
        return page | {"Items": [item | {"SK": {"S": f"{number:032x}"}} for number in range(count)]}

    return fault


def test_a_filter_that_reads_too_many_users_is_rejected(context):
    """400 that says what to do, rather than a part of the list (RFC 7644 section 3.4.2)."""
    a_user(context, title="Guide")

    def crowded(count):
        return by(context, FaultyClient(context.items.table.client, 0, as_many(count)))

    assert find_users(crowded(MAX_RESOURCES), "title pr", count=1).total == MAX_RESOURCES
    with pytest.raises(TooMany, match="term that can be looked up"):
        find_users(crowded(MAX_RESOURCES + 1), "title pr", count=1)


def test_a_filter_that_reads_too_many_memberships_is_rejected(context):
    """Fifty users in each of 10,000 groups would be half a million reads."""
    a_group(context)
    asked = " or ".join(f'members.value eq "{number:032x}"' for number in range(50))
    most = MAX_RESOURCES // 50

    def crowded(count):
        return by(context, FaultyClient(context.items.table.client, 0, as_many(count)))

    assert find_groups(crowded(most), asked).total == 0
    with pytest.raises(TooMany):
        find_groups(crowded(most + 1), asked)


LOOK_ALIKES = [("\u212aelvin", "kelvin", True), ("straße", "strasse", False)]


@pytest.mark.parametrize(("stored", "asked", "found"), LOOK_ALIKES)
def test_a_look_alike_name_does_not_match(context, stored, asked, found):
    """A match needs equality under simple folding, as a uniqueness item does."""
    uid = a_user(context, userName=stored)

    assert ids(find_users(context, f'userName eq "{asked}"')) == ([uid] if found else [])


ALIKE = st.text(st.sampled_from("aAßsSKk\u212aİiıéÉe\u0301ﬁfΣσς"), min_size=1, max_size=3)


@given(one=ALIKE, other=ALIKE)
def test_matching_names_have_the_same_uniqueness_item(one, other):
    """A look-up by that item finds every user whom the comparison matches."""
    keys = ConnectionKeys("c")
    if fold(one) == fold(other):
        assert keys.user_name(one) == keys.user_name(other)


# --- groups -----------------------------------------------------------------------------------


@pytest.fixture
def named_groups(context):
    """Two groups with a common member, and one member of the first alone."""
    both, single = some_users(context, 2)
    return {
        "both": both,
        "single": single,
        "tour": a_group(context, "Tour", [both, single], externalId="1"),
        "giro": a_group(context, "Giro", [both], externalId="2"),
    }


GROUP_FILTERS = {
    'displayName eq "tour"': "tour",
    'displayName eq "nobody"': "",
    'displayName co "o"': "tour giro",
    'externalId eq "2"': "giro",
    'id eq "{tour}"': "tour",
    'id eq "tour"': "",
    'members.value eq "{both}"': "tour giro",
    'members eq "{single}"': "tour",
    'members[value eq "{single}"]': "tour",
    'members eq "nobody"': "",
    'id eq "{tour}" and members eq "{single}"': "tour",
    'id eq "{giro}" and members eq "{single}"': "",
    'members eq "{both}" and members eq "{single}"': "tour",
    'members eq "{both}" and not (members eq "{single}")': "giro",
    'displayName eq "Tour" and members eq "{both}"': "tour",
    'members eq "{single}" or displayName eq "Giro"': "tour giro",
    'not (members eq "{single}")': "giro",
    'displayName eq "Tour" or displayName eq "Giro"': "tour giro",
}


@pytest.mark.parametrize(("text", "names"), GROUP_FILTERS.items(), ids=GROUP_FILTERS)
def test_a_filter_finds_the_matching_groups(context, named_groups, text, names):
    """Members are items of their own; a filter on one reads that item only."""
    page = find_groups(context, text.format(**named_groups))

    assert ids(page) == sorted(named_groups[name] for name in names.split())
    assert page.total == len(page.resources)


KEYED_GROUPS = {
    'displayName eq "tour"': ["get_item", "get_item"],
    'externalId eq "1"': ["query", "batch_get_item"],
    'members eq "{both}"': ["query", "batch_get_item"],
    'id eq "{tour}" and members eq "{both}"': ["batch_get_item"],
}


@pytest.mark.parametrize(("text", "expected"), KEYED_GROUPS.items(), ids=KEYED_GROUPS)
def test_a_group_filter_with_a_key_is_looked_up(context, named_groups, text, expected):
    """Entra ID's check of a membership is one call."""
    assert (
        reads(
            context, lambda it: find_groups(it, text.format(**named_groups), with_memberships=False)
        )
        == expected
    )


def test_a_group_found_by_a_member_has_all_its_members(context, named_groups):
    """The member that the filter named is not the only one."""
    text = f'id eq "{named_groups["tour"]}" and members eq "{named_groups["single"]}"'

    (found,) = find_groups(context, text).resources

    assert len(found["members"]) == 2


REJECTED_GROUPS = ['members co "a"', "members pr", 'members.display eq "Ada"', 'nobody eq "x"']


@pytest.mark.parametrize("text", REJECTED_GROUPS)
def test_members_are_compared_by_eq_only(context, text):
    """Anything else would read every member of every group: 400."""
    with pytest.raises(InvalidFilter):
        find_groups(context, text)


# --- names whose owner changes ----------------------------------------------------------------


def test_a_name_whose_owner_was_renamed_is_read_again(context):
    """The user gave up the name after the uniqueness item was read: nobody has it."""
    uid = a_user(context, "ada")
    racing = between(context, 1, lambda: edit(context, uid, userName="byron"))

    assert find_users(racing, 'userName eq "ada@example.com"').total == 0


def test_a_name_whose_owner_was_replaced_finds_the_next(context):
    """Deleted and created again under one name: the new one is found, never nobody."""
    uid = a_user(context, "ada")
    again = []

    def replaced():
        deletes.delete_user(context, uid)
        again.append(a_user(context, "ada"))

    page = find_users(between(context, 1, replaced), 'userName eq "ada@example.com"')

    assert ids(page) == again


def test_a_group_name_is_read_again_too(context):
    """As a user's."""
    gid = a_group(context, "Tour")
    racing = between(context, 1, lambda: rename(context, gid, "Giro"))

    assert find_groups(racing, 'displayName eq "tour"').total == 0


def test_an_owner_whose_create_is_half_visible_is_found(context):
    """An empty list would lead to a second user with this name."""
    uid = a_user(context, "ada")
    client = FaultyClient(context.items.table.client, faults={"query": [hide(uid)]})

    assert ids(find_users(by(context, client), 'userName eq "ada@example.com"')) == [uid]


def test_a_uniqueness_item_without_its_owner_is_nobody_s(context):
    """A restore may leave it: no user is found, and a create gets the name."""
    context.items.commit([Put(context.keys.user_name("ada@example.com"), {"uid": NOBODY})])

    assert find_users(context, 'userName eq "ada@example.com"').total == 0
    uid = a_user(context, "ada")
    assert ids(find_users(context, 'userName eq "ada@example.com"')) == [uid]


def test_an_address_removed_meanwhile_finds_nobody(context):
    """The index item was read, then the document moved on."""
    uid = a_user(context, "ada")
    racing = between(context, 1, lambda: edit(context, uid, emails=[]))

    assert find_users(racing, 'emails eq "ada@example.com"').total == 0


# --- tenants ----------------------------------------------------------------------------------

LISTS = {
    "all": None,
    "by name": 'userName eq "ada@example.com"',
    "by externalId": 'externalId eq "ada"',
    "by address": 'emails eq "ada@example.com"',
    "without key": 'userName co "a"',
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_another_connections_users_are_not_listed(context, text):
    """Not in totals either."""
    a_user(context, "ada")

    page = find_users(connection_context(context.items.table, "abcdefghijzzzzzz"), text)

    assert (ids(page), page.total) == ([], 0)


def test_another_connections_ids_find_nothing(context):
    """An id of one connection is unknown in another."""
    uid = a_user(context)
    gid = a_group(context, uids=[uid])
    sister = connection_context(context.items.table, "abcdefghijzzzzzz")

    assert find_users(sister, f'id eq "{uid}"').total == 0
    assert find_groups(sister, f'id eq "{gid}" and members eq "{uid}"').total == 0
    assert find_groups(sister, f'members eq "{uid}"').total == 0


@pytest.mark.parametrize("find", [find_users, find_groups])
def test_a_filter_is_not_evaluated_beyond_the_deadline(context, find):
    """Fifty terms on ten thousand users take seconds of the processor."""
    some_users(context, 2)
    some_groups(context, 2)
    late = between(context, 0, lambda: context.clock.sleep(60))

    with pytest.raises(Busy):
        find(late, 'externalId ne "x"')


# --- memory ------------------------------------------------------------------------------------


@pytest.fixture
def large_users(context) -> list[str]:
    """Create more users of the largest size than a page may have; returns their ids in order."""
    photo = {"display": "x" * 1_900}
    photos = [{"value": f"https://example.com/{number}", **photo} for number in range(50)]
    count = MAX_PAGE_CHARACTERS // 97_000 + 4
    return sorted(a_user(context, f"user{number}", photos=photos) for number in range(count))


@pytest.mark.parametrize("table", ["on_moto"], indirect=True)
@pytest.mark.parametrize("text", [None, "photos pr"])
def test_a_page_of_large_users_ends_early(context, large_users, text):
    """A process has 512 MB for a page of a thousand; the next page goes on where this one ends."""
    first = find_users(context, text, count=1_000)
    rest = find_users(context, text, start=len(first.resources) + 1, count=1_000)

    assert ids(first) + ids(rest) == large_users
    assert first.total == rest.total == len(large_users)
    assert (first.has_more, rest.has_more) == (True, False)
    assert sum(len(str(each)) for each in first.resources) < 1.1 * MAX_PAGE_CHARACTERS
