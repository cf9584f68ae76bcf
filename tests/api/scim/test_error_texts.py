"""What a client's author reads: each text names the place and what was expected."""

from __future__ import annotations

import pytest

NOBODY = "0" * 32


def told(response):
    """Read an error as a person does: its status, its scimType and its text."""
    return response.status, response.body.get("scimType"), response.body["detail"].splitlines()


FILTERS = [
    (
        'userName = "ada"',
        (
            "The filter is not valid at character 10: expected an operator: "
            "eq, ne, co, sw, ew, gt, ge, lt, le or pr."
        ),
        'userName = "ada"',
        "         ^",
    ),
    (
        "userName eq 'ada'",
        (
            "The filter is not valid at character 13: expected a value: "
            'text between ", a number, true, false or null.'
        ),
        "userName eq 'ada'",
        "            ^",
    ),
    (
        'userName eq "ada" %26%26 active eq true',
        "The filter is not valid at character 19: expected `and`, `or` or the end.",
        'userName eq "ada" && active eq true',
        "                  ^",
    ),
    (
        'name.firstName eq "Ada"',
        "name.firstName: not an attribute of User; see /Schemas.",
    ),
    ("active gt true", "active: expected one of eq, ne, got gt."),
]


@pytest.mark.parametrize(("text", "lines"), [(text, lines) for text, *lines in FILTERS])
def test_a_bad_filter_is_rejected_with_its_position_and_what_was_expected(scim, text, lines):
    """Never an empty list: the identity provider would create everybody again."""
    response = scim("GET", f"/Users?filter={text.replace(' ', '%20')}")

    assert told(response) == (400, "invalidFilter", lines)


PATCHES = [
    (
        {"op": "update", "path": "title", "value": "Guide"},
        "invalidSyntax",
        (
            "Operations[0].op: expected 'add', 'replace' or 'remove', got a string "
            "(RFC 7644 section 3.5.2)."
        ),
    ),
    (
        {"op": "replace", "path": "emails[0].value", "value": "ada@example.com"},
        "invalidPath",
        (
            "Operations[0]: The path is not valid at character 8: expected the name of a "
            'sub-attribute, as in [type eq "work"].'
        ),
        "emails[0].value",
        "       ^",
    ),
    (
        {"op": "replace", "path": "active", "value": "no"},
        "invalidValue",
        "Operations[0]: active: expected true or false, got a string.",
    ),
    (
        {"op": "remove"},
        "noTarget",
        "Operations[0]: remove: `path` is missing (RFC 7644 section 3.5.2.2).",
    ),
    (
        {"op": "replace", "path": "id", "value": "7"},
        "mutability",
        "Operations[0]: id: read-only (RFC 7643 section 2.2).",
    ),
]


@pytest.mark.parametrize(
    ("operation", "word", "lines"),
    [(operation, word, lines) for operation, word, *lines in PATCHES],
)
def test_a_bad_patch_is_rejected_with_its_operation_and_what_was_expected(
    scim, operation, word, lines
):
    """The index is that of the request; a path says it as well."""
    uid = scim("POST", "/Users", {"userName": "ada"}).body["id"]

    response = scim("PATCH", f"/Users/{uid}", {"Operations": [operation]})

    assert told(response) == (400, word, lines)


BULKS = [
    (
        {"Operations": [{"method": "GET", "path": "/Users"}]},
        (400, "invalidSyntax"),
        (
            "Operations[0].method: expected 'POST', 'PUT', 'PATCH' or 'DELETE', got a string "
            "(RFC 7644 section 3.7)."
        ),
    ),
    (
        {"failOnErrors": 0, "Operations": [{"method": "DELETE", "path": f"/Users/{NOBODY}"}]},
        (400, "invalidSyntax"),
        "failOnErrors: expected a whole number of at least 1, got a number (RFC 7644 section 3.7).",
    ),
    (
        {"Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": {}}] * 2},
        (400, "invalidValue"),
        (
            "Operations[1].bulkId: the same as that of Operations[0]; each POST needs its own "
            "(RFC 7644 section 3.7)."
        ),
    ),
    (
        {"Operations": [{"method": "DELETE", "path": f"/Users/{NOBODY}"}] * 501},
        (413, None),
        "Operations: a request may have at most 500 operations; this one has 501.",
    ),
]


@pytest.mark.parametrize(("body", "status", "text"), BULKS)
def test_a_bad_bulk_request_is_rejected_with_its_position_and_what_was_expected(
    scim, body, status, text
):
    """As a whole: none of its operations was tried."""
    assert told(scim("POST", "/Bulk", body)) == (*status, [text])


OPERATIONS = [
    (
        {"method": "POST", "path": "/Users", "data": {"userName": "ada"}},
        "bulkId: a POST in a bulk request needs one (RFC 7644 section 3.7).",
    ),
    (
        {"method": "POST", "path": "/Users", "bulkId": "a"},
        "data: expected an object, what the operation would have as its body.",
    ),
    (
        {"method": "POST", "path": "/People", "bulkId": "a", "data": {}},
        "path: expected /Users, /Groups or a resource below them, such as /Users/<id>.",
    ),
    (
        {"method": "PUT", "path": "/Users", "data": {"userName": "ada"}},
        "This path does not support the method; supported: POST.",
    ),
    (
        {"method": "PATCH", "path": "/Users/bulkId:a", "data": {"Operations": []}},
        (
            "bulkId: no resource was created for the bulkId that this operation refers to. No "
            "operation has it, the one that has it failed, or the two refer to each other."
        ),
    ),
]


@pytest.mark.parametrize(("operation", "text"), OPERATIONS)
def test_a_bad_bulk_operation_is_rejected_with_what_was_expected(scim, operation, text):
    """In the place of its response, so that the others are not held up."""
    (response,) = scim("POST", "/Bulk", {"Operations": [operation]}).body["Operations"]

    assert response["response"]["detail"] == text
