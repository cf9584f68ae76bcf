"""PATCH as identity providers send it, and as RFC 7644 section 3.5.2 defines it."""

import copy
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ApiError, BadRequest, PayloadTooLarge
from chalicelib.scim import member_changes, patch
from chalicelib.scim.catalog import GROUP, RESOURCE_TYPES, USER
from chalicelib.scim.errors import InvalidPath, InvalidValue, Mutability, NoTarget
from chalicelib.scim.filters import parse_path
from chalicelib.scim.member_changes import MemberChange
from chalicelib.scim.messages import parse_patch
from chalicelib.scim.patch_operations import Operation, normalise
from chalicelib.scim.schema import Attribute, ResourceType, Schema
from chalicelib.scim.validation import MAX_VALUES
from tests.support.processor_time import at_most

CORPUS = Path(__file__).parent.parent / "corpus" / "patch"
TYPES_BY_NAME = {each.name: each for each in RESOURCE_TYPES.values()}
CASES = [
    (TYPES_BY_NAME[document["kind"]], case, f"{path.stem}: {case['title']}")
    for path in sorted(CORPUS.glob("*.json"))
    for document in [json.loads(path.read_text(encoding="utf-8"))]
    for case in document["cases"]
]


def cases_with(key):
    """Return the cases that have this key: `expected` or `error`."""
    return [
        pytest.param(resource_type, case, id=title)
        for resource_type, case, title in CASES
        if key in case
    ]


def patched(resource_type, given, operations):
    """Apply the body of a PATCH as the directory does; return resource and member change."""
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    operations = normalise(parse_patch(body), resource_type).operations
    rest, change = member_changes.split_members(operations, resource_type)
    return patch.apply(rest, given, resource_type), change


@pytest.mark.parametrize(("resource_type", "case"), cases_with("expected"))
def test_a_recorded_request_has_the_expected_effect(resource_type, case):
    """The requests of the providers and the examples of RFC 7644 section 3.5.2."""
    resource, change = patched(resource_type, case["given"], case["operations"])

    assert resource == case["expected"]
    assert change == expected_change(case.get("members", {}))


@pytest.mark.parametrize(("resource_type", "case"), cases_with("error"))
def test_a_malformed_request_is_rejected_and_changes_nothing(resource_type, case):
    """With the scimType of RFC 7644 table 9."""
    before = copy.deepcopy(case["given"])

    with pytest.raises(BadRequest) as error:
        patched(resource_type, case["given"], case["operations"])

    assert error.value.scim_type == case["error"]
    assert case["given"] == before


def expected_change(case):
    """Return the member change that a case expects."""
    replace = case.get("replace")
    whole = None if replace is None else frozenset(replace)
    return MemberChange(whole, frozenset(case.get("add", [])), frozenset(case.get("remove", [])))


def test_booleans_stay_booleans():
    """In Python `True == 1`, so the documents are compared as JSON."""
    resource, _ = patched(
        USER, {"userName": "x"}, [{"op": "Add", "path": "active", "value": "True"}]
    )

    assert json.dumps(resource) == '{"userName": "x", "active": true}'


# --- properties -------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["title", "active", "name", "emails", "manager", "roles", "userName", "x", "id"]
)
PATHS = st.sampled_from(
    [
        *("title", "active", "name", "name.familyName", "emails", "emails.primary", "manager"),
        *("emails[type eq work].value", "emails[primary eq true]", "userName", "id"),
        "roles[value pr]",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "work", "True", "a@b.c"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "type", "primary", "familyName"]), inner)
    ),
    max_leaves=6,
)
OPERATIONS = st.lists(
    st.builds(
        lambda op, path, value: {"op": op, "path": path, "value": value},
        st.sampled_from(["add", "replace", "remove"]),
        PATHS,
        VALUES,
    )
    | st.builds(
        lambda op, value: {"op": op, "value": value},
        st.sampled_from(["add", "replace"]),
        st.dictionaries(NAMES, VALUES, max_size=3),
    ),
    min_size=1,
    max_size=5,
)


def a_user(**attributes):
    """A user with something to change."""
    emails = [{"type": "work", "value": "w@x.y", "primary": True}, {"value": "h@x.y"}]
    return {"userName": "bjensen", "name": {"givenName": "B"}, "emails": emails} | attributes


@given(OPERATIONS)
def test_a_patch_never_changes_the_document_that_it_was_given(operations):
    """All or nothing (RFC 7644 section 3.5.2): also if the second operation fails."""
    user = a_user()
    before = json.dumps(user)

    patched_or_none(operations, user)

    assert json.dumps(user) == before


@given(OPERATIONS)
def test_every_input_is_patched_or_rejected(operations):
    """No input causes an internal error, and the result is as clean as validation leaves it."""
    resource = patched_or_none(operations, a_user())

    if resource is not None:
        assert patch.apply((), resource, USER) == resource
        assert all(value not in (None, "", [], {}) for value in resource.values())
        assert sum(e.get("primary") is True for e in resource.get("emails", [])) <= 1


@given(OPERATIONS)
def test_a_repeated_replace_changes_nothing_more(operations):
    """Identity providers repeat a request whose response they did not see.

    The repeated one may be rejected: after a new `type`, `[type eq "work"].type` selects nothing.
    """
    replaces = [operation | {"op": "replace"} for operation in operations][:1]
    once = patched_or_none(replaces, a_user())

    if once is not None:
        assert patched_or_none(replaces, once) in (once, None)


def patched_or_none(operations, user):
    """Return the patched user, or None if the request is rejected."""
    try:
        return patched(USER, user, operations)[0]
    except ApiError:
        return None


# --- what providers send ----------------------------------------------------------------------

SAME_VALUE = [
    (
        {"op": "add", "path": "emails", "value": {"value": "H@x.y", "display": "H"}},
        [{"type": "work", "value": "w@x.y", "primary": True}, {"value": "H@x.y", "display": "H"}],
    ),
    (
        {"op": "replace", "path": "emails", "value": [{"value": "a"}, {"value": "a"}]},
        [{"value": "a"}],
    ),
    (
        {"op": "remove", "path": 'emails[value eq "w@x.y"].type'},
        [{"value": "w@x.y", "primary": True}, {"value": "h@x.y"}],
    ),
    (
        {"op": "replace", "path": "emails", "value": {"emails": [{"value": "a"}]}},
        [{"value": "a"}],
    ),
    (
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": ["a"]},
        [{"type": "work", "value": "a", "primary": True}, {"value": "h@x.y"}],
    ),
]


@pytest.mark.parametrize(("operation", "emails"), SAME_VALUE)
def test_a_value_is_unwrapped_and_stored_once(operation, emails):
    """As in POST and PUT (RFC 7643 section 2.4)."""
    resource, _ = patched(USER, a_user(), [operation])

    assert resource["emails"] == emails


FAULTY_OPERATIONS = [
    {"op": "replace", "path": "active", "value": "no"},
    {"op": "add", "path": "emails", "value": [{"value": 5}]},
    {"op": "replace", "path": "emails[display gt true].value", "value": "x"},
    {"op": "replace", "path": "id", "value": "x"},
    {"op": "add", "path": "emails[type", "value": "x"},
]


@pytest.mark.parametrize("operation", FAULTY_OPERATIONS)
def test_every_error_of_a_patch_names_its_operation(operation):
    """Errors of values, of filters and of paths."""
    with pytest.raises(BadRequest, match=r"^Operations\[1\]: "):
        patched(USER, a_user(), [{"op": "add", "path": "title", "value": "x"}, operation])


MISSING = [
    ("replace", 'emails[type eq "other"].value', "x", True),
    ("replace", 'emails[type eq "other"]', {"value": "x"}, True),
    ("replace", 'emails[value eq "z"].display', "x", True),
    ("add", 'emails[type eq "other"].value', "x", False),
    ("remove", 'emails[type eq "other"]', None, False),
    ("replace", 'emails[type eq "other"].value', "", False),
    ("replace", 'emails[type eq "work"].value', "x", False),
    ("replace", "phoneNumbers.value", "5", False),
]


@pytest.mark.parametrize(("op", "path", "value", "rejected"), MISSING)
def test_a_replace_that_selects_nothing_is_an_error_on_request(op, path, value, rejected):
    """RFC 7644 section 3.5.2.3; a `remove` that selects nothing succeeds."""
    operation = Operation(op, parse_path(path), value)

    if rejected:
        with pytest.raises(NoTarget, match="no value matches"):
            patch.apply((operation,), a_user(), USER, patch.PatchRules(creates_missing=False))
    else:
        assert patch.apply((operation,), a_user(), USER, patch.PatchRules(creates_missing=False))
    assert patch.apply((operation,), a_user(), USER)


# --- limits and rules of the schema -----------------------------------------------------------


def roles(count):
    """Return operations that add `count` roles."""
    return [{"op": "add", "path": "roles", "value": {"value": f"r{i}"}} for i in range(count)]


def test_values_are_limited_while_they_are_added():
    """Otherwise 2,000 operations with one element each would take 2,000 x 2,000 comparisons."""
    resource, _ = patched(USER, {"userName": "x"}, roles(MAX_VALUES))

    assert len(resource["roles"]) == MAX_VALUES
    with pytest.raises(InvalidValue, match=f"at most {MAX_VALUES}"):
        patched(USER, {"userName": "x"}, [*roles(1_999), {"op": "remove", "path": "roles"}])


def test_the_limits_of_a_resource_hold_after_a_patch():
    """A user may have 20 e-mails, since each is an item of the transaction."""
    emails = [{"op": "add", "path": "emails", "value": [{"value": f"{i}@x.y"}]} for i in range(21)]

    with pytest.raises(InvalidValue, match="emails"):
        patched(USER, {"userName": "x"}, emails)


BADGE = ResourceType(
    name="User",
    endpoint="/Badges",
    description="A type with attributes that no resource type of the catalogue has",
    schema=Schema(
        id="urn:example:Badge",
        name="Badge",
        description="",
        attributes=(
            Attribute("number", mutability="immutable"),
            Attribute("tags", multi_valued=True),
            Attribute(
                "keys",
                "complex",
                multi_valued=True,
                sub_attributes=(Attribute("doors", multi_valued=True), Attribute("note")),
            ),
            Attribute(
                "holder",
                "complex",
                sub_attributes=(Attribute("value", mutability="immutable"), Attribute("note")),
            ),
        ),
    ),
)
IMMUTABLE_CASES = [
    ("number", "1", None),
    ("number", "2", Mutability),
    ("number", None, Mutability),
    ("holder.note", "x", None),
    ("holder.value", "b", Mutability),
    ("holder", {"value": "b"}, Mutability),
]


@pytest.mark.parametrize(("path", "value", "error"), IMMUTABLE_CASES)
def test_an_immutable_value_is_set_once(path, value, error):
    """RFC 7643 section 2.2; sending the same value again is allowed."""
    badge = {"number": "1", "holder": {"value": "a"}}
    operation = Operation("replace", parse_path(path), value)

    if error is None:
        assert patch.apply((operation,), badge, BADGE)
    else:
        with pytest.raises(error):
            patch.apply((operation,), badge, BADGE)


def test_an_absent_immutable_value_can_be_set():
    """RFC 7644 section 3.5.2.1: `add` is allowed where there is no value yet."""
    operation = Operation("add", parse_path("number"), "1")

    assert patch.apply((operation,), {}, BADGE) == {"number": "1"}


TAG_CASES = [
    ("add", "tags", ["B", "c"], ["a", "b", "c"]),
    ("remove", "tags", ["A"], ["b"]),
    ("remove", 'tags[value eq "a"]', None, ["b"]),
    ("replace", 'tags[value eq "a"]', "c", ["c", "b"]),
    ("replace", 'tags[value eq "a"]', "", ["b"]),
    ("replace", 'tags[value eq "z"]', "", ["a", "b"]),
]


@pytest.mark.parametrize(("op", "path", "value", "expected"), TAG_CASES)
def test_simple_values_are_selected_and_compared_as_elements(op, path, value, expected):
    """RFC 7644 section 3.5.2: a value filter calls an element without sub-attributes `value`."""
    operation = Operation(op, parse_path(path), value)

    badge = patch.apply((operation,), {"tags": ["a", "b"]}, BADGE)

    assert [tag.lower() for tag in badge["tags"]] == expected


@pytest.mark.parametrize(("doors", "count"), [(["a", "b"], 1), (["a"], 2)])
def test_an_element_without_a_value_equals_one_with_the_same_sub_attributes(doors, count):
    """RFC 7644 section 3.5.2.1: what is there already is not added again."""
    key = {"doors": ["a", "b"], "note": "spare"}
    operation = Operation("add", parse_path("keys"), [{"doors": doors}])

    badge = patch.apply((operation,), {"keys": [key]}, BADGE)

    assert len(badge["keys"]) == count


def test_an_operation_on_an_unknown_attribute_is_rejected():
    """`patch_operations` has dropped or rejected it before; `patch` checks again."""
    operation = Operation("add", parse_path("shoeSize"), "44")

    with pytest.raises(InvalidPath, match="shoeSize"):
        patch.apply((operation,), {}, BADGE)


# --- cost ---------------------------------------------------------------------------------------


def keyed(key, count, value="x"):
    """Write an operation without a path whose value has so many keys."""
    return [{"op": "replace", "value": {key.format(i): value for i in range(count)}}]


EXTENSION = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE_URN = USER.schema.id
SPREAD = [
    keyed('emails[value eq "{}"].display', 8_000),
    keyed('emails[value eq "{}"].display', 5_001),
    keyed("shoeSize{}", 20_000),
    keyed('groups[value eq "{}"].x', 5_001),
    [{"op": "add", "value": {EXTENSION: {f"a{i}": 1 for i in range(5_001)}}}],
    [{"op": "add", "value": {CORE_URN: {f"a{i}": 1 for i in range(5_001)}}}],
    [{"op": "add", "path": EXTENSION.upper(), "value": {f"a{i}": 1 for i in range(5_001)}}],
    [{"op": "add", "path": " ", "value": {f"a{i}": 1 for i in range(5_001)}}],
    keyed("a{}", 3) * 1_667,
]


@pytest.mark.parametrize("operations", SPREAD, ids=range(len(SPREAD)))
def test_operations_are_counted_once_they_are_spread(operations):
    """Before any of them is read."""
    with pytest.raises(PayloadTooLarge, match=r"at most 5,000 operations, where each attribute"):
        patched(USER, a_user(), operations)


def test_operations_as_sent_have_a_limit_of_their_own():
    """The text says which of the two it is."""
    with pytest.raises(PayloadTooLarge, match=r"at most 2,000 operations; this one has 2,001"):
        patched(USER, a_user(), [{"op": "add", "path": "title", "value": "x"}] * 2_001)


def test_as_many_operations_as_allowed_are_applied():
    """A complex value is one operation, however large; a member is not."""
    complex_value = {"givenName": "A", "familyName": "B"}
    operations = [*keyed("shoeSize{}", 4_998), {"op": "add", "value": {"name": complex_value}}]
    members = [{"op": "add", "path": "members", "value": [{"value": "x", "y": 1}] * 9_000}]
    operations.append({"op": "add", "path": "title", "value": "x"})

    resource, _ = patched(USER, a_user(), operations)

    assert (resource["name"], resource["title"]) == (complex_value, "x")
    assert patched(GROUP, {"displayName": "x"}, members)


FULL = a_user(
    roles=[{"value": f"r{i}"} for i in range(50)],
    emails=[{"value": f"e{i}@example.com", "type": "work"} for i in range(20)],
)
OTHERS = " or ".join(f"type eq {i}" for i in range(49))
EXPENSIVE = {
    "created by value filters": keyed('emails[value eq "{}"].display', 5_000),
    "selected by value filters": keyed('roles[value eq "r0" and display ne "{}"].display', 5_000),
    "selected by many terms": keyed(f'roles[{OTHERS} or value eq "r{{}}"].type', 50) * 4,
    "nothing selected": keyed('roles[value eq "q{}"].display', 5_000, None),
    "removed by value": [
        {"op": "remove", "path": "roles", "value": [{"value": f"q{i}"} for i in range(50)]}
    ]
    * 900,
    "removed by label": [
        {"op": "remove", "path": "roles", "value": [{"display": f"q{i}"} for i in range(50)]}
    ]
    * 900,
    "added again": [
        {"op": "add", "path": "roles", "value": [{"value": f"r{i}"} for i in range(25)]}
    ]
    * 900,
    "made primary": [{"op": "replace", "path": "roles.primary", "value": True}] * 2_000,
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_no_patch_of_a_megabyte_takes_long(name):
    """8,000 keys once took what 300 loops of a million steps take. Now it is at most 30."""
    with at_most(50), suppress(BadRequest):
        patched(USER, FULL, EXPENSIVE[name])


MANY_TERMS = f'roles[{OTHERS} or value eq "r0"].type'  # 50 of them


@pytest.mark.parametrize("as_keys", [True, False])
def test_value_filters_have_a_number_of_terms_together(as_keys):
    """62,500 of them took a second; Entra ID sends one for each operation."""
    one = {"op": "add", "value": {MANY_TERMS: "x"}}
    operations = [one if as_keys else {"op": "add", "path": MANY_TERMS, "value": "x"}] * 200

    patched(USER, FULL, operations)
    with pytest.raises(PayloadTooLarge, match=r"at most 10,000 terms together; these have 10,001"):
        patched(USER, FULL, [*operations, {"op": "remove", "path": 'emails[value eq "x"]'}])


def test_values_are_limited_while_value_filters_create_them():
    """Each operation looks at all the values that are there."""
    with pytest.raises(InvalidValue, match=r"^Operations\[0\]: roles\[...\].display: at most 50"):
        patched(USER, a_user(), keyed('roles[value eq "{}"].display', 51))
