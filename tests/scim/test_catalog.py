"""The schemas as data: RFC 7643 sections 4, 7 and 8.7.1 with the verified errata."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import scim2_models

from chalicelib.scim import catalog
from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, RESOURCE_TYPES, USER
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import Attribute, Schema

DATA = Path(catalog.__file__).parent / "data"
SCHEMAS = {"user": USER.schema, "enterprise_user": ENTERPRISE_USER, "group": GROUP.schema}

KEYS = {
    *("name", "type", "multiValued", "description", "required", "canonicalValues", "caseExact"),
    *("mutability", "returned", "uniqueness", "referenceTypes", "subAttributes"),
}


def definitions(found: list[dict[str, Any]], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each definition of a schema document with its path, sub-attributes too."""
    for definition in found:
        path = f"{prefix}{definition['name']}"
        yield path, definition
        yield from definitions(definition.get("subAttributes", []), f"{path}.")


def attribute(schema: Schema, path: str) -> Attribute:
    """Find an attribute, or `attribute.sub`."""
    name, _, sub = path.partition(".")
    found = schema.find(name)
    assert found is not None
    inner = found.sub(sub) if sub else found
    assert inner is not None
    return inner


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_written_as_it_was_read(name):
    """`dump` makes /Schemas: what is served is what the file says, and loads again."""
    document = json.loads((DATA / f"{name}.json").read_text())

    assert catalog.dump(SCHEMAS[name]) == document
    assert catalog.load(document) == SCHEMAS[name]


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_served_definition_holds_known_keys_and_no_null(schema):
    """Strict clients stop at nulls and at keys in another case (interop failure 20)."""
    for path, definition in definitions(catalog.dump(schema)["attributes"]):
        assert definition.keys() <= KEYS, path
        assert all(value not in (None, "", [], {}) for value in definition.values()), path


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_type_suggests_values(schema):
    """Without canonicalValues Microsoft's validator asks for `[primary eq true]` and fails."""
    types = [
        definition.get("canonicalValues")
        for path, definition in definitions(catalog.dump(schema)["attributes"])
        if path.endswith(".type")
    ]

    assert all(types)
    assert len(types) == {"User Account": 9, "Enterprise User": 0, "Group": 1}[schema.description]


def test_names_of_schemas_are_those_of_the_rfc():
    """RFC 7643 section 8.7.1; the gallery's discovery test looks for them."""
    named = [(schema.name, schema.description) for schema in SCHEMAS.values()]

    assert named == [
        ("User", "User Account"),
        ("EnterpriseUser", "Enterprise User"),
        ("Group", "Group"),
    ]


# schema, path, field, value, where it is said
CORRECTIONS = [
    (GROUP.schema, "displayName", "required", True, "erratum 5368"),
    (USER.schema, "groups.$ref", "reference_types", ("Group",), "erratum 8471"),
    (ENTERPRISE_USER, "manager.value", "case_exact", True, "erratum 8472"),
    (USER.schema, "groups.value", "case_exact", True, "section 3.1: an id is case exact"),
    (GROUP.schema, "members.value", "case_exact", True, "section 3.1: an id is case exact"),
    (USER.schema, "profileUrl", "case_exact", True, "section 2.3.7"),
    (USER.schema, "userName", "uniqueness", "server", "section 4.1.1"),
    (USER.schema, "password", "returned", "never", "section 4.1.1"),
    (USER.schema, "groups", "mutability", "readOnly", "section 4.1.2"),
    (GROUP.schema, "members.value", "mutability", "immutable", "section 4.2"),
    (GROUP.schema, "members.type", "canonical_values", ("User",), "no nested groups"),
    (GROUP.schema, "members.display", "returned", "request", "ours: costs a read a member"),
    (GROUP.schema, "displayName", "uniqueness", "server", "ours: a team's name is unique"),
]


@pytest.mark.parametrize(("schema", "path", "field", "value", "source"), CORRECTIONS)
def test_the_printed_schemas_are_corrected(schema, path, field, value, source):
    """Verified errata, and what other sections say against section 8.7.1."""
    assert getattr(attribute(schema, path), field) == value, source


# Where we mean something else than another reading of the RFC, for the reasons given in catalog's
# docstring; `manager` because section 8.7.1 says so and Entra ID sends no `$ref`.
DELIBERATE = {
    ("User", "entitlements.type", "canonical_values"),
    ("User", "roles.type", "canonical_values"),
    ("User", "x509Certificates.type", "canonical_values"),
    ("EnterpriseUser", "manager.value", "required"),
    ("EnterpriseUser", "manager.$ref", "required"),
    ("Group", "displayName", "uniqueness"),
    ("Group", "members.$ref", "reference_types"),
    ("Group", "members.display", "mutability"),
    ("Group", "members.display", "returned"),
    ("Group", "members.type", "canonical_values"),
}
PEERS = (
    (USER.schema, scim2_models.User),
    (ENTERPRISE_USER, scim2_models.EnterpriseUser),
    (GROUP.schema, scim2_models.Group),
)
COMPARED = [f.name for f in fields(Attribute) if f.compare]


def characteristics(schema: Schema) -> dict[tuple[str, str, str], Any]:
    """Spread a schema out: schema, path and field, and what it says there."""
    return {
        (schema.name, path, name): getattr(attribute(schema, path), name)
        for path, _ in definitions(catalog.dump(schema)["attributes"])
        for name in COMPARED
        if name not in ("description", "sub_attributes")
    }


def test_the_schemas_agree_with_another_reading_of_the_rfc():
    """scim2-models has typed the same schemas; every difference must be one that we meant."""
    ours: dict[tuple[str, str, str], Any] = {}
    theirs: dict[tuple[str, str, str], Any] = {}
    for schema, model in PEERS:
        ours |= characteristics(schema)
        peer = catalog.load(model.to_schema().model_dump(mode="json"))
        theirs |= characteristics(replace(peer, name=schema.name))

    assert ours.keys() == theirs.keys()
    assert {place for place in ours if ours[place] != theirs[place]} == DELIBERATE


def test_users_come_first_and_endpoints_are_relative():
    """Some clients read the first resource type only."""
    assert [(name, kind.endpoint) for name, kind in RESOURCE_TYPES.items()] == [
        ("Users", "/Users"),
        ("Groups", "/Groups"),
    ]
    assert USER.extensions == (ENTERPRISE_USER,)


def a_schema(*attributes: Any, **characteristics: Any) -> dict[str, Any]:
    """Write an extension with these definitions, or with a `badge` of these characteristics."""
    found = list(attributes) or [{"name": "badge", **characteristics}]
    return {"id": "urn:example:2.0:User", "name": "Example", "attributes": found}


# What a customer may get wrong in an extension of their own, and where the error points.
WRONG = [
    ({}, "id"),
    ({"id": "urn:x", "name": ""}, "name"),
    ({"id": "urn:x", "name": 5}, "name"),
    ({"id": "urn:x", "name": "X", "description": 5, "attributes": []}, "description"),
    ({"id": "urn:x", "name": "X"}, "attributes"),
    ({"id": "urn:x", "name": "X", "attributes": {}}, "attributes"),
    (a_schema("badge"), "attributes[0]"),
    (a_schema({}), "attributes[0].name"),
    (a_schema({"name": "a"}, {"name": "no spaces"}), "attributes[1].name"),
    (a_schema({"name": "badge"}, {"name": "Badge"}), "attributes"),
    (a_schema(type="text"), "attributes[0].type"),
    (a_schema(type="String"), "attributes[0].type"),
    (a_schema(type=["string"]), "attributes[0].type"),
    (a_schema(multiValued="false"), "attributes[0].multiValued"),
    (a_schema(required=1), "attributes[0].required"),
    (a_schema(canonicalValues="work"), "attributes[0].canonicalValues"),
    (a_schema(canonicalValues=["work", None]), "attributes[0].canonicalValues"),
    (a_schema(mutability="writeonly"), "attributes[0].mutability"),
    (a_schema(returned="sometimes"), "attributes[0].returned"),
    (a_schema(uniqueness=False), "attributes[0].uniqueness"),
    (a_schema(type="complex"), "attributes[0].subAttributes"),
    (
        a_schema(type="complex", subAttributes=[{"name": "in", "type": "complex"}]),
        "attributes[0].subAttributes[0].type",
    ),
]


@pytest.mark.parametrize(("document", "where"), WRONG)
def test_a_wrong_definition_is_rejected_with_its_path(document, where):
    """RFC 7643 section 7; a complex attribute holds no complex one (erratum 8415)."""
    with pytest.raises(InvalidValue) as rejected:
        catalog.load(document)

    assert rejected.value.detail.startswith(f"{where}:")


def test_what_a_definition_leaves_out_has_the_defaults_of_the_rfc():
    """RFC 7643 section 2.2; keys that the RFC does not know are ignored."""
    schema = catalog.load(a_schema(pattern="[0-9]+", subAttributes=None))

    assert schema.attributes == (Attribute("badge"),)
    assert schema.description == ""


def test_what_is_written_only_is_never_returned():
    """RFC 7643 section 7 says so of the mutability, whatever stands under `returned`."""
    schema = catalog.load(a_schema(mutability="writeOnly", returned="always"))

    assert schema.attributes[0].returned == "never"


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("string", set()),
        ("reference", set()),
        ("binary", {"uniqueness"}),
        ("decimal", {"caseExact"}),
        ("integer", {"caseExact"}),
        ("boolean", {"caseExact", "uniqueness"}),
        ("dateTime", {"caseExact", "uniqueness"}),
        ("complex", {"caseExact", "uniqueness"}),
    ],
)
def test_a_characteristic_is_served_for_the_types_that_have_it(kind, missing):
    """RFC 7643 section 2.3 gives a boolean no case and a certificate no uniqueness."""
    schema = catalog.load(a_schema(type=kind, subAttributes=[{"name": "value"}]))

    (definition,) = catalog.dump(schema)["attributes"]

    assert {"caseExact", "uniqueness"} - definition.keys() == missing
