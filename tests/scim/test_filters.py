"""Filters and paths are read by the grammar of RFC 7644, print themselves, and reject clearly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import BadRequest
from chalicelib.scim.errors import InvalidFilter, InvalidPath
from chalicelib.scim.filters import (
    COMPARISONS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_TERMS,
    And,
    AttrPath,
    Comparison,
    Not,
    Or,
    Path,
    Present,
    ValuePath,
    parse_filter,
    parse_path,
)
from tests.support.processor_time import at_most

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

TYPE_IS_WORK = Comparison(AttrPath(None, "type"), "eq", "work")
A, B, C = (Present(AttrPath(None, name)) for name in "abc")

# The examples of RFC 7644 section 3.4.2.2, which print as they are written there.
RFC_FILTERS = [
    'userName eq "bjensen"',
    'name.familyName co "O\'Malley"',
    'userName sw "J"',
    'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
    "title pr",
    'meta.lastModified gt "2011-05-13T04:42:34Z"',
    'meta.lastModified ge "2011-05-13T04:42:34Z"',
    'meta.lastModified lt "2011-05-13T04:42:34Z"',
    'meta.lastModified le "2011-05-13T04:42:34Z"',
    'title pr and userType eq "Employee"',
    'title pr or userType eq "Intern"',
    'schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"',
    'userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")',
    'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
    'emails[type eq "work" and value co "@example.com"]',
    'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]',
]


@pytest.mark.parametrize("text", RFC_FILTERS)
def test_the_examples_of_the_rfc_print_as_they_were_read(text):
    """RFC 7644 section 3.4.2.2, table of examples."""
    assert str(parse_filter(text)) == text


NODE_CASES = [
    ("a pr", A),
    ("a PR", A),
    ("a pr and b pr and c pr", And((A, B, C))),
    ("a pr or b pr and c pr", Or((A, And((B, C))))),
    ("a pr and b pr or c pr", Or((And((A, B)), C))),
    ("(a pr or b pr) and c pr", And((Or((A, B)), C))),
    ("a pr and (b pr and c pr)", And((A, And((B, C))))),
    ("not (a pr) and b pr", And((Not(A), B))),
    ("NOT(a pr)  OR  b pr", Or((Not(A), B))),
    ("((a pr))", A),
    ('emails[type eq "work"]', ValuePath(AttrPath(None, "emails"), TYPE_IS_WORK)),
    ('emails [ type eq "work" ]', ValuePath(AttrPath(None, "emails"), TYPE_IS_WORK)),
]


@pytest.mark.parametrize(("text", "node"), NODE_CASES)
def test_not_binds_closer_than_and_which_binds_closer_than_or(text, node):
    """RFC 7644 section 3.4.2.2: the order of operators; keywords in any case."""
    assert parse_filter(text) == node


def test_a_sub_attribute_of_chosen_elements_can_be_compared():
    """Entra ID matches users by `emails[type eq "work"].value eq "..."`."""
    node = parse_filter('emails[type eq "work"].value eq "a@b.c"')

    chosen = ValuePath(AttrPath(None, "emails"), TYPE_IS_WORK, "value")
    assert node == Comparison(chosen, "eq", "a@b.c")


VALUE_CASES = [
    ('"bjensen"', "bjensen"),
    ('""', ""),
    (r'"a \"quoted\" \\ \u00e9"', 'a "quoted" \\ é'),
    ('"not a ) or ] end"', "not a ) or ] end"),
    ("true", True),
    ("False", False),
    ("NULL", None),
    ("42", 42),
    ("-1", -1),
    ("2.5", 2.5),
    ("12345678901234567890123456789012", 12345678901234567890123456789012),
    # Text that only looks like a number keeps its spelling: the attribute may be a string.
    ("007", "007"),
    ("1.50", "1.50"),
    ("1e999", "1e999"),
    ("-0", "-0"),
    ("NaN", "NaN"),
    # Dialect row 22: a bare word is a string, and so is a bare date.
    ("jyoung", "jyoung"),
    ("2011-05-13", "2011-05-13"),
    ("a@b.c", "a@b.c"),
    ("urn:x:2.0", "urn:x:2.0"),
    ("a(b", "a(b"),
]


@pytest.mark.parametrize(("text", "value"), VALUE_CASES)
def test_a_value_is_json_or_a_bare_word(text, value):
    """RFC 7644's compValue, and text without quotation marks (Entra ID's documents)."""
    node = parse_filter(f"x eq {text}")

    assert node == Comparison(AttrPath(None, "x"), "eq", value)
    assert isinstance(node, Comparison)
    assert type(node.value) is type(value)


def test_a_bare_word_ends_at_a_closing_bracket():
    """`(id eq a1b2)` and `members[value eq a1b2]` hold the id alone."""
    assert str(parse_filter("(id eq a1b2)")) == 'id eq "a1b2"'
    assert str(parse_path("members[value eq a1b2]")) == 'members[value eq "a1b2"]'


@pytest.mark.parametrize("op", COMPARISONS)
def test_operators_are_read_in_any_case(op):
    """RFC 7644 section 3.4.2.2: attribute names and operators are case-insensitive."""
    assert parse_filter(f'x {op.upper()} "y"') == parse_filter(f'x {op} "y"')


ATTRIBUTE_CASES = [
    ("userName", AttrPath(None, "userName")),
    ("name.familyName", AttrPath(None, "name", "familyName")),
    ("members.$ref", AttrPath(None, "members", "$ref")),
    (f"{ENTERPRISE}:department", AttrPath(ENTERPRISE, "department")),
    (f"{ENTERPRISE}:manager.value", AttrPath(ENTERPRISE, "manager", "value")),
    (f"{USER_URN}:userName", AttrPath(USER_URN, "userName")),
    # The last part of a URN and the attribute behind a dot are told apart by the schemas.
    (ENTERPRISE, AttrPath(ENTERPRISE.removesuffix(":User"), "User")),
    (f"{ENTERPRISE}.manager", AttrPath(ENTERPRISE.removesuffix(":User"), "User", "manager")),
    (f"{ENTERPRISE}.manager.value", AttrPath(ENTERPRISE, "manager", "value")),
    ("urn:scim:schemas:core:1.0", AttrPath("urn:scim:schemas:core", "1.0")),
    ('emails[type eq "work"]', AttrPath(None, "emails")),
    ('emails[type eq "work"].value', AttrPath(None, "emails", "value")),
    (f'{ENTERPRISE}.x[type eq "work"].y', AttrPath(ENTERPRISE, "x", "y")),
]


@pytest.mark.parametrize(("text", "path"), ATTRIBUTE_CASES)
def test_an_attribute_is_a_urn_a_name_and_a_sub_attribute(text, path):
    """The 2.0 within a URN is never split (azure-docs#50772); a choice is left out (row 23)."""
    read = parse_path(text)

    assert AttrPath(read.attr.urn, read.attr.name, read.sub) == path


PATH_CASES = [
    ("members", Path(AttrPath(None, "members"))),
    ("name.familyName", Path(AttrPath(None, "name"), None, "familyName")),
    ('addresses[type eq "work"]', Path(AttrPath(None, "addresses"), TYPE_IS_WORK)),
    (' addresses[type eq "work"].x ', Path(AttrPath(None, "addresses"), TYPE_IS_WORK, "x")),
    (f"{ENTERPRISE}:manager.value", Path(AttrPath(ENTERPRISE, "manager"), None, "value")),
    (f"{ENTERPRISE}.x[type eq work]", Path(AttrPath(ENTERPRISE, "x"), TYPE_IS_WORK)),
]


@pytest.mark.parametrize(("text", "path"), PATH_CASES)
def test_a_path_is_an_attribute_a_choice_and_a_sub_attribute(text, path):
    """RFC 7644 section 3.5.2: PATH = attrPath / valuePath [subAttr]."""
    assert parse_path(text) == path


# Text, the character that is at fault, and a part of what was expected there.
FAULTY_FILTERS = [
    ("", 1, "the name of an attribute"),
    ("userName", 9, "an operator"),
    ('userName eqq "x"', 10, "an operator: eq, ne"),
    ("userName eq", 12, "a value"),
    ("userName eq 'x'", 13, "a value: text between"),
    ('userName eq "x', 13, 'text that ends with "'),
    ('userName eq "a"b"', 16, "`and`, `or` or the end"),
    ('userName eq "x" and', 20, "the name of an attribute"),
    ('userName eq "x")', 16, "`and`, `or` or the end"),
    ("(a pr", 6, "`and`, `or` or `)`"),
    ("not a pr", 5, "`(` after `not`"),
    ("a pr b pr", 6, "`and`, `or` or the end"),
    ("emails[type pr", 15, "`and`, `or` or `]`"),
    ("emails[]", 8, "the name of a sub-attribute"),
    ("emails[type[x pr]]", 12, "value filters cannot be nested"),
    ("name.x[y pr]", 7, "no sub-attribute"),
    ("emails[type pr].value", 22, "an operator"),
    ("emails[type pr]. pr", 17, "a sub-attribute"),
    ("__class__ pr", 1, "the name of an attribute"),
    ("a.b.c pr", 1, "the name of an attribute"),
    ("2a pr", 1, "the name of an attribute"),
    (":a pr", 1, "the name of an attribute"),
    ("urn:é:a pr", 1, "the name of an attribute"),
    ('x eq "\\ud800"', 6, "text that ends with"),
    ('x eq "a\nb"', 6, "text that ends with"),
]


@pytest.mark.parametrize(("text", "character", "expected"), FAULTY_FILTERS)
def test_an_invalid_filter_is_rejected_with_the_position(text, character, expected):
    """Never an empty list: the client would take it for "no such user" and create another."""
    with pytest.raises(InvalidFilter) as error:
        parse_filter(text)

    reason, shown, caret = error.value.detail.split("\n")
    assert f"at character {character}: " in reason
    assert expected in reason
    assert shown == text.replace("\n", "?")
    assert caret.index("^") == character - 1


def test_a_faulty_path_is_an_invalid_path():
    """RFC 7644 table 9: the same fault has another scimType in a PATCH."""
    with pytest.raises(InvalidPath, match="The path is not valid at character 12") as error:
        parse_path("emails[type")

    assert "an operator" in error.value.detail


def test_an_error_repeats_only_the_neighbourhood_of_the_fault():
    """A stranger's text is not sent back at length, nor what could control a terminal."""
    text = f'a eq "{"x" * 3000}" \x1b[2J'

    with pytest.raises(InvalidFilter) as error:
        parse_filter(text)

    assert len(error.value.detail) < 250
    assert "\x1b" not in error.value.detail


# --- limits -----------------------------------------------------------------------------------

BOMBS = [
    "(" * 100_000,
    "not (" * 100_000,
    "(" * (MAX_CHARACTERS - 1),
    "not(" * (MAX_CHARACTERS // 4),
    "a[" * (MAX_CHARACTERS // 2),
    "a[" + "(" * (MAX_CHARACTERS - 2),
    "a pr and " * 400,
    "a" * (MAX_CHARACTERS + 1),
    "a." * (MAX_CHARACTERS // 2),
    ":" * MAX_CHARACTERS,
    " " * MAX_CHARACTERS,
    'a eq "' + "\\" * (MAX_CHARACTERS - 6),
    "a eq \ud800",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("parse", [parse_filter, parse_path])
def test_a_bomb_is_rejected_at_once(parse, text):
    """Other servers' stacks overflowed on nested brackets; ours looks before it recurses."""
    with at_most(5), pytest.raises(BadRequest):
        parse(text)


def nested(depth):
    """A filter in so many brackets."""
    return "(" * depth + "a pr" + ")" * depth


def joined(terms):
    """A filter of so many terms."""
    return " and ".join(["a pr"] * terms)


def long(characters):
    """A filter of so many characters."""
    return 'a eq "' + "x" * (characters - 7) + '"'


LIMITS = [
    (nested, MAX_DEPTH, "deeper than 20 levels"),
    (joined, MAX_TERMS, "more than 50 terms"),
    (long, MAX_CHARACTERS, "longer than 4,096 characters"),
]


@pytest.mark.parametrize(("build", "limit", "named"), LIMITS)
def test_what_a_limit_allows_is_read_and_one_more_is_rejected(build, limit, named):
    """The error names the limit, so that a client can stay below it."""
    parse_filter(build(limit))

    with pytest.raises(InvalidFilter, match=named):
        parse_filter(build(limit + 1))


# --- properties -------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z$][A-Za-z0-9$_-]{0,8}", fullmatch=True)
URNS = st.none() | st.sampled_from([ENTERPRISE, USER_URN, "urn:x", "http://example.com/x"])
ATTR_PATHS = st.builds(AttrPath, URNS, NAMES, st.none() | NAMES)
WHOLE_PATHS = st.builds(AttrPath, URNS, NAMES)
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = (
    st.none()
    | st.booleans()
    | STRINGS
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: "e" not in repr(x))
)


def expressions(paths):
    """Comparisons and presences of such paths."""
    compared = st.builds(Comparison, paths, st.sampled_from(COMPARISONS), VALUES)
    return compared | st.builds(Present, paths)


def combined(nodes):
    """These nodes, joined and negated."""
    several = st.lists(nodes, min_size=2, max_size=3).map(tuple)
    return st.builds(And, several) | st.builds(Or, several) | st.builds(Not, nodes)


CHOICES = st.recursive(expressions(ATTR_PATHS), combined, max_leaves=4)
TERMS = (
    expressions(ATTR_PATHS)
    | expressions(st.builds(ValuePath, WHOLE_PATHS, CHOICES, NAMES))
    | st.builds(ValuePath, WHOLE_PATHS, CHOICES)
)
FILTERS = st.recursive(TERMS, combined, max_leaves=8)
PATHS = st.builds(Path, WHOLE_PATHS, st.none() | CHOICES, st.none() | NAMES)


@given(FILTERS)
def test_a_filter_is_read_back_from_its_print(node):
    """`parse_filter(str(node)) == node`, so a filter can be logged, cached and compared."""
    assert parse_filter(str(node)) == node


@given(PATHS)
def test_a_path_is_read_back_from_its_print(path):
    """`parse_path(str(path)) == path`."""
    assert parse_path(str(path)) == path


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "a",
                "eq",
                '"x"',
                "(",
                ")",
                "[",
                "]",
                ".",
                " ",
                "not",
                "and",
                "or",
                "pr",
                "1",
                ":",
                '"',
            ]
        ),
        max_size=25,
    ).map("".join)
)
def test_any_text_is_read_or_rejected(text):
    """No text causes an internal error; a parsed filter, printed and parsed again, is equal."""
    for parse in (parse_filter, parse_path):
        try:
            node = parse(text)
        except BadRequest:
            continue
        assert parse(str(node)) == node
