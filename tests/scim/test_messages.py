"""The envelopes of PATCH, lists and errors: RFC 7644 section 3."""

import json

import pytest

from chalicelib.errors import NotFound, PayloadTooLarge
from chalicelib.scim import messages
from chalicelib.scim.errors import InvalidFilter, InvalidSyntax
from chalicelib.scim.messages import RawOperation, parse_patch


def test_an_envelope_becomes_operations():
    """Rows 1 and 16: `op` in any case, a value of null is a value, and a missing value is not."""
    operations = parse_patch(
        {
            "schemas": [messages.PATCH_URN],
            "Operations": [
                {"op": "Add", "path": "emails", "value": [{"value": "a"}]},
                {"op": "REPLACE", "value": {"active": "False"}},
                {"op": "replace", "path": "title", "value": None},
                {"op": "remove", "path": "nickName"},
                {"op": "remove", "path": ""},
            ],
        }
    )

    assert operations == (
        RawOperation("add", "emails", [{"value": "a"}], has_value=True),
        RawOperation("replace", None, {"active": "False"}, has_value=True),
        RawOperation("replace", "title", None, has_value=True),
        RawOperation("remove", "nickName", None, has_value=False),
        RawOperation("remove", None, None, has_value=False),
    )


ONE = [{"op": "add", "path": "title", "value": "Boss"}]
TOLERATED = [
    {"Operations": ONE},
    {"schemas": None, "Operations": ONE},
    {"schemas": [], "Operations": ONE},
    {"SCHEMAS": [messages.PATCH_URN.upper(), "urn:other"], "operations": ONE},
    {"id": "g1", "Operations": [{"name": "addMember", **ONE[0]}]},
    {"Operations": [{"OP": "ADD", "Path": "title", "VALUE": "Boss"}]},
]


@pytest.mark.parametrize("body", TOLERATED)
def test_an_envelope_is_read_leniently(body):
    """Microsoft sends `name` in operations and `id` at the top."""
    assert parse_patch(body) == (RawOperation("add", "title", "Boss", has_value=True),)


def test_a_patch_without_operations_changes_nothing():
    """Microsoft's validator sends an empty array; without the key it is not a PATCH."""
    assert parse_patch({"schemas": [messages.PATCH_URN], "Operations": []}) == ()


SECRET = "zq9-never-to-be-repeated"
MISREAD = [
    ({}, "Operations: missing"),
    ({"Operations": None}, "Operations: "),
    ({"Operations": ONE[0]}, "Operations: "),
    ({"Operations": [SECRET]}, "Operations[0]: "),
    ({"Operations": [*ONE, {"path": "title"}]}, "Operations[1].op: "),
    ({"Operations": [{"op": SECRET}]}, "Operations[0].op: "),
    ({"Operations": [{"op": 5}]}, "Operations[0].op: "),
    ({"Operations": [{"op": "add", "path": [SECRET]}]}, "Operations[0].path: "),
    ({"Operations": [{"op": "add", "OP": "remove"}]}, "A message has the same key twice"),
    ({"Operations": ONE, "operations": ONE}, "A message has the same key twice"),
    ({"schemas": SECRET, "Operations": ONE}, "schemas: "),
    ({"schemas": [messages.LIST_URN], "Operations": ONE}, "schemas: "),
]


@pytest.mark.parametrize(("body", "text"), MISREAD)
def test_an_envelope_that_is_invalid_is_rejected_with_the_place(body, text):
    """RFC 7644 section 3.5.2; the text names the place and repeats no content."""
    with pytest.raises(InvalidSyntax) as rejected:
        parse_patch(body)

    assert rejected.value.detail.startswith(text)
    assert SECRET not in rejected.value.detail


def test_too_many_operations_are_rejected_before_they_are_read():
    """60,000 operations fit a body; each would be read and applied."""
    with pytest.raises(PayloadTooLarge, match="at most 2,000 operations; this one has 2,001"):
        parse_patch({"Operations": [{}] * 2_001})

    assert len(parse_patch({"Operations": ONE * 2_000})) == 2_000


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            InvalidFilter("No such attribute."),
            {"scimType": "invalidFilter", "detail": "No such attribute.", "status": "400"},
        ),
        (NotFound(), {"detail": "There is no such resource.", "status": "404"}),
    ],
)
def test_an_error_is_written_as_the_rfc_writes_it(error, body):
    """RFC 7644 section 3.12: status is a string, scimType is there only where one fits."""
    assert messages.error_body(error) == {"schemas": [messages.ERROR_URN], **body}


def test_a_page_counts_what_it_holds():
    """RFC 7644 section 3.4.2; numbers are numbers, or Okta's import stops."""
    page = messages.list_response([{"id": "1"}, {"id": "2"}], 7, 3)

    assert page == {
        "schemas": [messages.LIST_URN],
        "totalResults": 7,
        "startIndex": 3,
        "itemsPerPage": 2,
        "Resources": [{"id": "1"}, {"id": "2"}],
    }


def test_an_empty_page_still_has_its_resources():
    """Clients take the array without asking whether it is there."""
    assert messages.list_response([], 0, 1)["Resources"] == []


@pytest.mark.parametrize("text", ["Ж", "名", "😀", '"', "\\", "\n", "a"])
def test_a_page_fits_as_lambda_sends_it(text):
    """The body is a string in JSON of ASCII: what is two bytes here may be twelve there."""
    users = [{"title": text * 1_000} for _ in range(8_000)]

    sent = messages.fit_response(users)

    body = json.dumps(messages.list_response(sent, len(users), 1), ensure_ascii=False)
    assert len(json.dumps({"statusCode": 200, "body": body})) < 6_291_556
