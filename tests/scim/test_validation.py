"""What a client's resource becomes: RFC 7643 section 2, and the careless forms that must work."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ApiError
from chalicelib.scim import validation
from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, RESOURCE_TYPES, USER
from chalicelib.scim.errors import InvalidSyntax, InvalidValue
from chalicelib.scim.schema import Attribute, ResourceType, Schema
from chalicelib.scim.validation import CLEARED, check, check_value

CORPUS = sorted((Path(__file__).parents[1] / "corpus" / "validation").glob("*.json"))
ENTERPRISE = ENTERPRISE_USER.id
SECRET = "zq9-never-to-be-repeated"


def a_user(**attributes: Any) -> dict[str, Any]:
    """Return a user with what is required, and these."""
    return {"userName": "ana"} | attributes


def error_of(document: dict[str, Any], resource_type: ResourceType = USER) -> str:
    """Check what must be rejected; return the text of the error."""
    with pytest.raises(InvalidValue) as rejected:
        check(document, resource_type)
    return rejected.value.detail


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_document_becomes_canonical(path):
    """Each file of the corpus says where its form comes from."""
    case = json.loads(path.read_text())

    kept = check(case["sent"], RESOURCE_TYPES[case["kind"]])

    assert kept == case["kept"], case["why"]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_canonical_document_is_its_own_canonical_form(path):
    """A resource is checked again after a PATCH; that may change nothing."""
    case = json.loads(path.read_text())
    resource_type = RESOURCE_TYPES[case["kind"]]

    kept = check(case["sent"], resource_type)

    assert check(kept, resource_type) == kept


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_sent_is_not_changed(path):
    """The body is logged and replayed by others; checking only reads it."""
    case = json.loads(path.read_text())
    before = json.dumps(case["sent"])

    check(case["sent"], RESOURCE_TYPES[case["kind"]])

    assert json.dumps(case["sent"]) == before


# What is rejected, and how its text begins.
REJECTED = [
    ({}, "userName: required"),
    ({"userName": ""}, "userName: required"),
    ({"userName": None}, "userName: required"),
    ({"userName": 5}, "userName:"),
    ({"userName": ["ana", "eva"]}, "userName:"),
    (a_user(active="yes"), "active:"),
    (a_user(active=1), "active:"),
    (a_user(active={"value": True, "reason": "x"}), "active:"),
    (a_user(active='["false"]'), "active:"),
    (a_user(title={"a": 1}), "title:"),
    (a_user(title=True), "title:"),
    (a_user(title=["a", "b"]), "title:"),
    (a_user(title=[["a"]]), "title:"),
    (a_user(name="Ana Silva"), "name:"),
    (a_user(name=[{"givenName": "A"}, {"givenName": "B"}]), "name:"),
    (a_user(name={"givenName": 7}), "name.givenName:"),
    (a_user(emails=[{"value": "a"}, {"value": "b"}, {"value": 3}]), "emails[2].value:"),
    (a_user(emails=[{"primary": "maybe"}]), "emails[0].primary:"),
    (a_user(emails=[["a@example.com"]]), "emails[0]:"),
    (a_user(emails=7), "emails[0].value:"),
    (a_user(addresses=["Main Street"]), "addresses[0]:"),
    (a_user(x509Certificates=[{"value": "not base64"}]), "x509Certificates[0].value:"),
    (a_user(x509Certificates=[{"value": "ABC"}]), "x509Certificates[0].value:"),
    (a_user(password=5), "password:"),
    (a_user(**{ENTERPRISE: "Sales"}), f"{ENTERPRISE}:"),
    (a_user(**{ENTERPRISE: {"department": 5}}), f"{ENTERPRISE}:department:"),
    (a_user(**{ENTERPRISE: {"manager": {"value": 5}}}), f"{ENTERPRISE}:manager.value:"),
    (a_user(**{f"{ENTERPRISE}:manager": ["a", "b"]}), f"{ENTERPRISE}:manager:"),
]


@pytest.mark.parametrize(("document", "where"), REJECTED)
def test_a_value_of_another_type_is_rejected_with_its_path(document, where):
    """RFC 7643 section 2.3; the path is what an administrator can act upon."""
    assert error_of(document).startswith(where)


LEAKS = [
    {"userName": f" {SECRET}"},
    {"userName": f"{SECRET}\u200b"},
    {"userName": {SECRET: SECRET}},
    a_user(title=f"{SECRET}\0"),
    a_user(title=[SECRET, SECRET]),
    a_user(name=SECRET),
    a_user(name={"givenName": [SECRET, SECRET]}),
    a_user(active=SECRET),
    a_user(emails=[[SECRET]]),
    a_user(x509Certificates=[SECRET]),
    a_user(**{ENTERPRISE: SECRET}),
]


@pytest.mark.parametrize("document", LEAKS)
def test_an_error_never_repeats_the_value(document):
    """Errors are logged and shown; what was sent may be personal or secret."""
    assert SECRET not in error_of(document)


@pytest.mark.parametrize("document", [{}, {"displayName": ""}, {"members": ["u1"]}])
def test_a_group_needs_a_name(document):
    """RFC 7643 section 4.2 with erratum 5368."""
    assert error_of(document, GROUP).startswith("displayName: required")


@pytest.mark.parametrize("member", [{}, {"value": ""}, {"value": None}, {"type": "User"}])
def test_a_member_without_an_id_is_rejected(member):
    """No user would be added, and the client would believe that one was."""
    text = error_of({"displayName": "Sales", "members": ["u1", member]}, GROUP)

    assert text.startswith("members[1].value: required")


TWICE = [
    {"userName": "ana", "USERNAME": "eva"},
    a_user(name={"givenName": "A", "GivenName": "B"}),
    a_user(name={"givenName": "A"}, **{"name.givenName": "B"}),
    a_user(emails=["a"], Emails=["b"]),
    a_user(**{ENTERPRISE: {"department": "A"}, f"{ENTERPRISE}:department": "B"}),
]


@pytest.mark.parametrize("document", TWICE)
def test_an_attribute_in_two_spellings_is_rejected(document):
    """Which one wins would depend on the order of keys, which JSON does not have."""
    with pytest.raises(InvalidSyntax, match="twice"):
        check(document, USER)


ANYWHERE = ["a\0b", "\0", "a\ud800b", "\udfff"]


@pytest.mark.parametrize("text", ANYWHERE)
@pytest.mark.parametrize("name", ["userName", "title", "profileUrl"])
def test_what_no_store_can_keep_is_rejected_everywhere(name, text):
    """U+0000 and half a surrogate pair."""
    assert error_of(a_user(**{name: text})).startswith(f"{name}: contains")


HIDDEN = [
    *(" ana", "ana ", "\u00a0ana", "ana\u3000", " "),
    *("a\tb", "a\nb", "a\x7fb", "a\x85b", "a\u00adb", "a\u034fb", "a\u115fb"),
    *("a\u200bb", "a\u200db", "a\u200eb", "a\u202eb", "a\u2028b", "a\u2060b", "a\u2066b"),
    *("a\u3164b", "a\ufeffb", "a\U000e0041b"),
]


@pytest.mark.parametrize("name", HIDDEN, ids=ascii)
def test_a_name_that_looks_like_another_is_rejected(name):
    """Two users that an administrator cannot tell apart are a way in."""
    assert error_of({"userName": name}).startswith("userName: ")


# Blanks at the ends and joiners are in the names of groups that directories have.
OF_GROUPS = [" ana", "ana ", "\u00a0ana", "ana\u3000", "a\u200db"]


@pytest.mark.parametrize("name", [each for each in HIDDEN if each not in OF_GROUPS], ids=ascii)
def test_a_group_name_with_a_character_that_is_not_seen_is_rejected(name):
    """Groups are told apart by it, too."""
    assert error_of({"displayName": name}, GROUP).startswith("displayName: ")


@pytest.mark.parametrize("name", HIDDEN, ids=ascii)
def test_other_texts_keep_what_cannot_be_seen(name):
    """Addresses have line breaks, and a Persian name needs its joiners."""
    assert check(a_user(displayName=name), USER)["displayName"] == name


VISIBLE = [
    "ana",
    "ANA@Example.com",
    "Zoë",
    "山田 太郎",
    "محمد",
    "O'Neil-Smith",
    "☕ Team",
    "straße@example.com",
    "e\u0301ric",
    "ภาษาไทย",
]


@pytest.mark.parametrize("name", VISIBLE)
def test_a_name_is_kept_as_it_was_sent(name):
    """Stored and returned exactly as sent: no folding, no normalisation."""
    assert check({"userName": name}, USER)["userName"] == name


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        (
            a_user(emails=[f"{n}@example.com" for n in range(21)]),
            "emails: at most 20 values are stored; 21 were sent",
        ),
        (
            a_user(phoneNumbers=["5"] * 51),
            "phoneNumbers: at most 50 values are stored; 51 were sent",
        ),
        (a_user(title="x" * 102_400), "The User may have at most 100 KB"),
        (a_user(title="é" * 51_200), "The User may have at most 100 KB"),
    ],
)
def test_more_than_a_user_may_hold_is_rejected(document, limit):
    """A user is one item and one transaction."""
    assert limit in error_of(document)


def test_a_user_may_hold_all_that_is_allowed():
    """The limits themselves are within."""
    emails = [{"value": f"{n}@example.com"} for n in range(20)]
    phones = [{"value": f"{n}"} for n in range(50)]

    kept = check(a_user(emails=emails, phoneNumbers=phones, title="x" * 100_000), USER)

    assert (kept["emails"], kept["phoneNumbers"]) == (emails, phones)


@pytest.mark.parametrize(
    ("resource_type", "needed", "limit"),
    [(USER, {"userName": "ana"}, 102_400), (GROUP, {"displayName": "Sales"}, 4_096)],
)
def test_the_limit_is_counted_in_bytes_of_json(resource_type, needed, limit):
    """The store bills bytes: two for an é, none for the blanks of the request."""
    room = limit - len(json.dumps(needed | {"externalId": ""}, separators=(",", ":")))
    most = "é" * (room // 2) + "e" * (room % 2)

    assert check(needed | {"externalId": most}, resource_type)["externalId"] == most
    assert "may have at most" in error_of(needed | {"externalId": most + "e"}, resource_type)


def test_a_group_is_small_but_its_members_do_not_count():
    """Each change of its members bills the group's item, which does not hold them."""
    members = [{"value": f"{n:032x}"} for n in range(5_000)]

    kept = check({"displayName": "x" * 4_000, "members": members}, GROUP)

    assert len(kept["members"]) == 5_000
    assert "4 KB" in error_of({"displayName": "x" * 4_096}, GROUP)


def test_only_one_value_is_primary():
    """RFC 7643 section 2.4; which one was meant cannot be guessed."""
    two = [{"value": "a", "primary": True}, {"value": "b", "primary": "True"}]

    assert error_of(a_user(emails=two)).startswith("emails: only one value may be primary")


def an_extension(*attributes: Attribute) -> tuple[str, ResourceType]:
    """Make a user with one more extension, and name it."""
    schema = Schema("urn:example:Custom:2.0:User", "Custom", "", attributes)
    return schema.id, ResourceType("User", "/Users", "", USER.schema, (ENTERPRISE_USER, schema))


# type, values that are kept as they are, values that are rejected
TYPES: list[tuple[Any, list[Any], list[Any]]] = [
    ("integer", [0, -5, 2**63 - 1], [True, 1.0, "1", 2**63, -(2**63), 1.5]),
    ("decimal", [0, 1.5, -2, 1e300], [False, "1.5", float("inf"), float("nan"), 10**40]),
    ("boolean", [True, False], [0, 1, "1", "ja"]),
    ("binary", ["QUJD", "QUI=", "+/+/"], ["QUJ", "Q U J", "é", 5, "====", "QUI=x"]),
    ("reference", ["../Users/1", "urn:x", "no uri"], [5, {"href": "x"}, "\0"]),
    (
        "dateTime",
        [
            "2026-01-31T08:30:00Z",
            "2024-02-29T23:59:59.123+14:00",
            "2026-01-31T08:30:00-05:30",
            "2026-01-31T08:30:00",
            "0001-01-01T00:00:00+14:00",
        ],
        [
            *("2026-01-31", "2026-1-31T08:30:00Z", "2026-02-30T08:30:00Z", "2026-13-01T00:00:00Z"),
            *("2026-01-31T24:00:00Z", "2026-01-31T08:60:00Z", "2026-01-31T08:30:60Z"),
            *("2026-01-31T08:30:00+14:30", "2026-01-31T08:30:00+1", "2026-01-31T08:30Z"),
            *("2026-01-31 08:30:00Z", "0000-01-01T00:00:00Z", "٢٠٢٦-01-31T08:30:00Z", 5),
            *("2026-01-31T08:30:00Z\n", "yesterday"),
        ],
    ),
]


@pytest.mark.parametrize(
    ("type_name", "value"), [(name, value) for name, values, _ in TYPES for value in values]
)
def test_a_value_of_its_type_is_kept_as_sent(type_name, value):
    """Dates too: what comes back is what went in, character by character."""
    checked = check_value(value, Attribute("x", type_name), "x")

    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("type_name", "value"), [(name, value) for name, _, values in TYPES for value in values]
)
def test_a_value_of_no_such_type_is_rejected(type_name, value):
    """A boolean is no number, a number no boolean, and no date is guessed (RFC 7643 2.3)."""
    with pytest.raises(InvalidValue, match=r"^x: "):
        check_value(value, Attribute("x", type_name), "x")


@pytest.mark.parametrize("empty", [None, "", {}])
def test_an_empty_extension_is_absent(empty):
    """RFC 7643 section 2.5; Entra ID clears with "" what it does not know the type of."""
    assert check(a_user(**{ENTERPRISE: empty}), USER) == a_user()


@pytest.mark.parametrize("empty", [None, "", []])
@pytest.mark.parametrize(
    "type_name", ["string", "boolean", "integer", "dateTime", "binary", "complex"]
)
def test_an_empty_value_clears_every_type(type_name, empty):
    """Dialect row 16; a PATCH asks for one value by `check_value`."""
    assert check_value(empty, Attribute("x", type_name), "x") is CLEARED
    assert check_value(empty, Attribute("x", type_name, multi_valued=True), "x") is CLEARED


def test_what_is_never_returned_is_checked_and_discarded():
    """Okta sends a password with each user; this service keeps none."""
    password = USER.core("password")
    assert password is not None

    assert check_value("t1meMa$heen", password, "password") is CLEARED
    assert "password" not in check(a_user(password="x"), USER)


def test_several_simple_values_are_kept_in_order():
    """A customer's extension may have them; RFC 7643 section 2.4 knows them too."""
    attribute = Attribute("tags", multi_valued=True)

    assert check_value(["b", "", "a", None], attribute, "tags") == ["b", "a"]
    assert check_value("a", attribute, "tags") == ["a"]


def test_an_extension_asks_for_what_it_requires_where_it_is_used():
    """No extension is required of a user (RFC 7643 section 6), so a user without it is whole."""
    urn, resource_type = an_extension(Attribute("badge", required=True), Attribute("floor"))

    assert check(a_user(), resource_type) == a_user()
    assert error_of(a_user(**{urn: {"floor": "2"}}), resource_type).startswith(
        f"{urn}:badge: required"
    )


def test_a_required_sub_attribute_is_asked_of_each_value():
    """RFC 7643 section 2.2 contains for sub-attributes too."""
    subs = (Attribute("kind", required=True), Attribute("name"))
    pet = Attribute("pet", "complex", multi_valued=True, sub_attributes=subs)
    urn, resource_type = an_extension(pet)

    text = error_of(a_user(**{urn: {"pet": [{"kind": "cat"}, {"name": "Rex"}]}}), resource_type)

    assert text.startswith(f"{urn}:pet.kind: required")


def test_required_and_limits_look_at_a_patched_document():
    """After a PATCH the whole is looked at, whatever its operations did."""
    with pytest.raises(InvalidValue, match="userName: required"):
        validation.check_required({"title": "x"}, USER)
    with pytest.raises(InvalidValue, match="emails: at most 20 values"):
        validation.check_limits(a_user(emails=[{"value": "a"}] * 21), USER)


def test_a_custom_name_that_is_unique_must_be_visible_too():
    """The rule belongs to what resources are told apart by, not to the name `userName`."""
    urn, resource_type = an_extension(Attribute("badge", uniqueness="server"))

    assert error_of(a_user(**{urn: {"badge": "a\u200b"}}), resource_type).startswith(
        f"{urn}:badge: contains"
    )


# The same value in the wrapping that providers put around it, and what is left of it.
WRAPPED = [
    ({"active": ["false"]}, {"active": False}),
    ({"active": [False]}, {"active": False}),
    ({"active": {"value": "False"}}, {"active": False}),
    ({"active": [{"$ref": None, "value": "false"}]}, {"active": False}),
    ({"active": []}, {}),
    ({"title": ["Boss"]}, {"title": "Boss"}),
    ({"title": {"type": "work", "Value": "Boss"}}, {"title": "Boss"}),
    ({"title": {"title": "Boss"}}, {"title": "Boss"}),
    ({"title": '["Boss"]'}, {"title": '["Boss"]'}),
    ({"name": [{"givenName": ["Ana"]}]}, {"name": {"givenName": "Ana"}}),
    ({"name": {"name": {"givenName": "Ana"}}}, {"name": {"givenName": "Ana"}}),
    ({"name.givenName": ["Ana"]}, {"name": {"givenName": "Ana"}}),
    ({"emails": {"emails": [{"value": ["w"]}]}}, {"emails": [{"value": "w"}]}),
    ({"Emails": {"EMAILS": {"value": "w"}}}, {"emails": [{"value": "w"}]}),
    ({"emails": [{"value": {"value": "w"}}]}, {"emails": [{"value": "w"}]}),
    (
        {f"{ENTERPRISE}:department": [{"value": "Sales"}]},
        {ENTERPRISE: {"department": "Sales"}},
    ),
    ({ENTERPRISE: {"manager": [{"value": "m"}]}}, {ENTERPRISE: {"manager": {"value": "m"}}}),
    ({ENTERPRISE: {"manager": {"manager": "m"}}}, {ENTERPRISE: {"manager": {"value": "m"}}}),
]


@pytest.mark.parametrize(("sent", "kept"), WRAPPED)
def test_a_wrapped_value_is_unwrapped_once(sent, kept):
    """A deactivation as `["false"]` is a deactivation."""
    assert check(a_user(**sent), USER) == a_user(**kept)


CORE = USER.schema.id
IN_THE_CORE_URN = [
    {"displayName": "x"},
    {"DISPLAYNAME": "x"},
    {"name": {"givenName": "A"}, "emails": ["w"]},
    {"name.givenName": "A"},
    {},
]


@pytest.mark.parametrize("attributes", IN_THE_CORE_URN)
@pytest.mark.parametrize("urn", [CORE, CORE.upper()])
def test_core_attributes_in_an_object_of_the_core_urn_are_read_alike(attributes, urn):
    """They are the attributes that they would be outside of it, and nothing is unknown."""
    nested = a_user(**{urn: attributes})

    assert check(nested, USER) == check(a_user(**attributes), USER)
    assert list(validation.ignored_in(nested, USER)) == []


def test_an_attribute_inside_and_outside_the_core_urn_is_sent_twice():
    """Which one wins would depend on the order of keys."""
    with pytest.raises(InvalidSyntax, match="twice"):
        check(a_user(title="a", **{CORE: {"title": "b"}}), USER)


# Values of an attribute as sent and as stored: (RFC 7643 section 2.4).
DUPLICATES = [
    ([{"value": "a"}, {"value": "A"}], [{"value": "A"}]),
    (
        [{"value": "a", "type": "work", "primary": True}, {"value": "a", "type": "Work"}],
        [{"value": "a", "type": "Work", "primary": True}],
    ),
    (
        [{"value": "a", "display": "1"}, {"value": "b"}, {"value": "a", "display": "2"}],
        [{"value": "a", "display": "2"}, {"value": "b"}],
    ),
    (
        [{"value": "a", "primary": True}, {"value": "a", "primary": False}],
        [{"value": "a", "primary": False}],
    ),
    (
        [{"value": "a", "type": "work"}, {"value": "a"}],
        [{"value": "a", "type": "work"}, {"value": "a"}],
    ),
]


@pytest.mark.parametrize(("sent", "kept"), DUPLICATES)
def test_the_same_value_of_the_same_type_is_kept_once(sent, kept):
    """An absent type equals an absent type; what the later one says wins."""
    assert check(a_user(emails=sent), USER)["emails"] == kept


def test_addresses_have_no_value_so_all_of_them_are_kept():
    """Two work addresses are two places."""
    two = [{"type": "work", "locality": "Bern"}, {"type": "work", "locality": "Basel"}]

    assert check(a_user(addresses=two), USER)["addresses"] == two


IGNORED = [
    ({"departement": "x"}, ["departement"]),
    ({"name": {"first": "A", "givenName": "B"}}, ["name.first"]),
    ({"emails": [{"value": "a", "kind": "x"}]}, ["emails.kind"]),
    ({"roles": [{"id": "1"}]}, ["roles.id"]),
    ({"roles": [{"id": "1"}, {"value": "x"}]}, ["roles.id"]),
    (
        {ENTERPRISE: {"dept": "x", "manager": {"id": "1"}}},
        [f"{ENTERPRISE}:dept", f"{ENTERPRISE}:manager.id"],
    ),
    ({CORE: {"departement": "x"}}, ["departement"]),
    ({"schemas": ["urn:x"]}, ["schemas: urn:x"]),
    ({"title": "x", "id": "1", "meta": {}, "groups": [], "password": "p"}, []),
]


@pytest.mark.parametrize(("sent", "names"), IGNORED)
def test_what_is_ignored_is_named(sent, names):
    """An administrator sees from it that a mapping is wrong."""
    assert [each.name for each in validation.ignored_in(a_user(**sent), USER)] == names
    check(a_user(**sent), USER)


TEXTS = st.text("aZ\0\ud800\u200bé ", max_size=4)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=3)
KEYS = st.sampled_from(
    [
        *("userName", "USERNAME", "name", "name.givenName", "emails", "active", "password"),
        *("groups", "meta", "schemas", "manager", "x509Certificates", "addresses", "roles"),
        *(ENTERPRISE, f"{ENTERPRISE}:manager.value", f"{ENTERPRISE}.department"),
    ]
)
SUBS = st.sampled_from(["value", "VALUE", "type", "primary", "$ref", "givenName"])
ELEMENTS = st.dictionaries(SUBS, JSON, max_size=3)
SHAPED = st.dictionaries(KEYS, JSON | ELEMENTS | st.lists(ELEMENTS, max_size=3), max_size=5)


@given(SHAPED)
def test_any_document_is_kept_or_rejected(document):
    """Every input becomes a canonical document or a SCIM error, never an internal error."""
    try:
        kept = check({"userName": "ana"} | document, USER)
    except ApiError:
        return
    assert check(kept, USER) == kept
    json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
