"""Bodies, PATCH envelopes, errors, lists and discovery: RFC 7644 section 3, RFC 7643 5 to 7."""

import json
from typing import Any

import pytest
import scim2_models
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import ApiError, NotFound, PayloadTooLarge
from chalicelib.scim import catalog, messages
from chalicelib.scim.errors import InvalidFilter, InvalidSyntax, InvalidValue
from chalicelib.scim.messages import RawOperation, parse_json, parse_patch

LIMIT = 1_048_576
BASE = "https://scim.example.com/scim/v2/c1"


def nested(levels: int) -> bytes:
    """Write an object of so many levels, arrays and objects in turn."""
    opening = ("[", '{"a":')
    closing = ("]", "}")
    inner = range(levels - 1)
    return (
        '{"a":'
        + "".join(opening[n % 2] for n in inner)
        + "1"
        + "".join(closing[n % 2] for n in reversed(inner))
        + "}"
    ).encode()


def test_a_body_is_read_as_json():
    """UTF-8, with or without a byte order mark, escapes or not, pairs of surrogates too."""
    body = '{"userName": "Zoë", "title": "\\u00e9\\ud83d\\ude00\\n", "x": [1, 1.5, null]}'.encode()
    read = {"userName": "Zoë", "title": "é😀\n", "x": [1, 1.5, None]}

    assert parse_json(body, LIMIT) == read
    assert parse_json(b"\xef\xbb\xbf" + body, LIMIT) == read


# Hostile JSON, with what the text of the refusal says.
HOSTILE = [
    (b"", InvalidSyntax, "no JSON"),
    (b"{", InvalidSyntax, "line 1 column 2"),
    (b'{"a": 1} x', InvalidSyntax, "no JSON"),
    (b"{'a': 1}", InvalidSyntax, "no JSON"),
    (b'{"a": 01}', InvalidSyntax, "no JSON"),
    (b'{"a": "\x01"}', InvalidSyntax, "no JSON"),
    (b'{"a": "\\x"}', InvalidSyntax, "no JSON"),
    (b'{"a": "\\ud83"}', InvalidSyntax, "no JSON"),
    (b"[]", InvalidSyntax, "no JSON object"),
    (b"null", InvalidSyntax, "no JSON object"),
    (b'"text"', InvalidSyntax, "no JSON object"),
    (b'{"a": "\xff"}', InvalidSyntax, "no UTF-8, at byte 7"),
    (b'{"a": "\xed\xa0\x80"}', InvalidSyntax, "no UTF-8"),
    ('{"a": 1}'.encode("utf-16"), InvalidSyntax, "no UTF-8"),
    (nested(33), InvalidSyntax, "deeper than 32"),
    (b'{"p": [[], [], {}, {}], "a": ' + nested(32) + b"}", InvalidSyntax, "deeper than 32"),
    (b"[" * 100_000, InvalidSyntax, "deeper than 32"),
    (b'{"a":' * 100_000, InvalidSyntax, "deeper than 32"),
    (b'{"a": ' + b"1" * 5_000 + b"}", InvalidSyntax, "too many digits"),
    (b'{"a": NaN}', InvalidSyntax, "NaN is no JSON number"),
    (b'{"a": -Infinity}', InvalidSyntax, "-Infinity is no JSON number"),
    (b'{"a": 1e999}', InvalidSyntax, "too large"),
    (b'{"a": -1e999}', InvalidSyntax, "too large"),
    (b'{"active": true, "active": false}', InvalidSyntax, "the same key twice"),
    (b'{"a": [{"b": 1, "b": 1}]}', InvalidSyntax, "the same key twice"),
    (b'{"a": 1, "\\u0061": 2}', InvalidSyntax, "the same key twice"),
    (b'{"a": "\\ud800"}', InvalidValue, "U+D800 at character 7"),
    (b'{"a": "\\udc00\\ud800"}', InvalidValue, "U+DC00"),
    (b'{"a": "\\ud800x\\udc00"}', InvalidValue, "U+D800"),
    (b'{"a": "\\uD83D\\uDE00\\uDFFF"}', InvalidValue, "U+DFFF"),
    (b'{"a": "\\\\\\ud800"}', InvalidValue, "U+D800"),
    (b'{"\\udfff": 1}', InvalidValue, "U+DFFF"),
    (b'{"a": "\\u0000"}', InvalidValue, "U+0000"),
    (b'{"a": ["\\\\\\u0000"]}', InvalidValue, "U+0000"),
    (b'{"a": "\x00"}', InvalidValue, "U+0000"),
    (b" " * (LIMIT + 1), PayloadTooLarge, "at most 1,048,576"),
]


@pytest.mark.parametrize(("body", "refusal", "text"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_is_refused(body, refusal, text):
    """Each of these is silently accepted, or ends in a 500, with plain `json.loads`."""
    with pytest.raises(refusal) as refused:
        parse_json(body, LIMIT)

    assert text in refused.value.detail


HARMLESS: list[tuple[bytes, Any]] = [
    (nested(32), None),
    (b'{"p": [[], [], {}, {}], "a": ' + nested(31) + b"}", None),
    (b'{"a": "' + b"[{" * 50 + b'"}', {"a": "[{" * 50}),
    (b'{"a": "\\"' + b"[" * 50 + b'"}', {"a": '"' + "[" * 50}),
    (b'{"a": "\\\\"}', {"a": "\\"}),
    (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
    (b'{"a": "\\\\ud800"}', {"a": "\\ud800"}),
    (b'{"a": [' + b",".join([b"{}"] * 100) + b"]}", {"a": [{}] * 100}),
    (b'{"a": ' + b"1" * 4_000 + b"}", {"a": int("1" * 4_000)}),
    (b'{"a": 1e-999}', {"a": 0.0}),
    (b"{}" + b" " * (LIMIT - 2), {}),
]


@pytest.mark.parametrize(("body", "expected"), HARMLESS, ids=range(len(HARMLESS)))
def test_a_body_that_only_looks_hostile_is_read(body, expected):
    """Brackets in texts are no nesting, an escaped backslash begins no escape."""
    read = parse_json(body, LIMIT)

    assert expected is None or read == expected


@given(st.binary() | st.text('{}[]":,\\ud8cafe01 \n').map(str.encode))
def test_any_body_is_read_or_refused(body):
    """No other error leaves the reader, whatever the bytes."""
    try:
        read = parse_json(body, LIMIT)
    except ApiError:
        return
    assert read == json.loads(body)


def test_an_envelope_becomes_operations():
    """Dialect rows 1 and 16: `op` in any case, a value of null is a value, no value is none."""
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


SECRET = "zq9-never-to-be-repeated"
MISREAD = [
    ({}, "Operations: at least one"),
    ({"Operations": []}, "Operations: at least one"),
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
def test_an_envelope_that_is_none_is_refused_with_the_place(body, text):
    """RFC 7644 section 3.5.2; the text names the place and repeats no content."""
    with pytest.raises(InvalidSyntax) as refused:
        parse_patch(body)

    assert refused.value.detail.startswith(text)
    assert SECRET not in refused.value.detail


def test_too_many_operations_are_refused_before_they_are_read():
    """60,000 operations fit a body; each would be read and applied."""
    with pytest.raises(PayloadTooLarge, match="2,001 operations, at most 2,000"):
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


def test_the_provider_claims_what_it_does():
    """RFC 7643 section 5; the numbers are those that are enforced."""
    config = messages.service_provider_config(BASE)
    claims = {name: value["supported"] for name, value in config.items() if "supported" in value}

    assert claims == {
        "patch": True,
        "bulk": True,
        "filter": True,
        "changePassword": False,
        "sort": False,
        "etag": True,
    }
    assert config["filter"]["maxResults"] == 1_000
    assert config["pagination"] == {
        "cursor": True,
        "index": True,
        "defaultPaginationMethod": "index",
        "defaultPageSize": 100,
        "maxPageSize": 1_000,
    }


def test_resource_types_are_described_user_first():
    """RFC 7643 section 6; `endpoint` is relative, `location` is not."""
    user, group = messages.resource_types(BASE)

    assert (user["id"], user["endpoint"]) == ("User", "/Users")
    assert user["schemaExtensions"] == [{"schema": catalog.ENTERPRISE_USER.id, "required": False}]
    assert group["meta"] == {
        "resourceType": "ResourceType",
        "location": f"{BASE}/ResourceTypes/Group",
    }
    assert "schemaExtensions" not in group


def test_every_schema_is_served_with_its_place():
    """Users, their extension, groups; erratum 8417 gives a schema `schemas` and `meta`."""
    served = messages.schemas(BASE)

    assert [schema["name"] for schema in served] == ["User", "EnterpriseUser", "Group"]
    assert all(schema["schemas"] == [catalog.SCHEMA_URN] for schema in served)
    assert served[0]["meta"] == {
        "resourceType": "Schema",
        "location": f"{BASE}/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    }


DISCOVERY = [
    (scim2_models.ServiceProviderConfig, [messages.service_provider_config(BASE)]),
    (scim2_models.ResourceType, messages.resource_types(BASE)),
    (scim2_models.Schema, messages.schemas(BASE)),
]


@pytest.mark.parametrize(("model", "documents"), DISCOVERY)
def test_discovery_is_understood_by_a_strict_client(model, documents):
    """scim2-models reads what we serve and would write the same again."""
    context = scim2_models.Context.RESOURCE_QUERY_RESPONSE

    for document in documents:
        read = model.model_validate(document, scim_ctx=context)
        written = read.model_dump(scim_ctx=context)
        assert written["schemas"] == document["schemas"]
        assert written.keys() == document.keys()


@pytest.mark.parametrize(("_model", "documents"), DISCOVERY)
def test_discovery_holds_no_null(_model, documents):
    """Strict clients stop at nulls (interop failure 20)."""
    assert "null" not in json.dumps(documents)


@pytest.mark.parametrize("text", ["Ж", "名", "😀", '"', "\\", "\n", "a"])
def test_a_page_fits_as_lambda_sends_it(text):
    """The body is a string in JSON of ASCII: what is two bytes here may be twelve there."""
    users = [{"title": text * 1_000} for _ in range(8_000)]

    sent = messages.fitting(users)

    body = json.dumps(messages.list_response(sent, len(users), 1), ensure_ascii=False)
    assert len(json.dumps({"statusCode": 200, "body": body})) < 6_291_556
