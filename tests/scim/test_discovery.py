"""ServiceProviderConfig, ResourceTypes and Schemas: RFC 7643 sections 5 to 7."""

import json

import pytest
import scim2_models

from chalicelib.scim import catalog, discovery

BASE = "https://scim.example.com/scim/v2/c1"


def test_the_provider_claims_what_it_does():
    """RFC 7643 section 5; the numbers are those that are enforced."""
    config = discovery.service_provider_config(BASE)
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
    user, group = discovery.resource_types(BASE)

    assert (user["id"], user["endpoint"]) == ("User", "/Users")
    assert user["schemaExtensions"] == [{"schema": catalog.ENTERPRISE_USER.id, "required": False}]
    assert group["meta"] == {
        "resourceType": "ResourceType",
        "location": f"{BASE}/ResourceTypes/Group",
    }
    assert "schemaExtensions" not in group


def test_every_schema_is_served_with_its_place():
    """Users, their extension, groups; erratum 8417 gives a schema `schemas` and `meta`."""
    served = discovery.schemas(BASE)

    assert [schema["name"] for schema in served] == ["User", "EnterpriseUser", "Group"]
    assert all(schema["schemas"] == [catalog.SCHEMA_URN] for schema in served)
    assert served[0]["meta"] == {
        "resourceType": "Schema",
        "location": f"{BASE}/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
    }


DISCOVERY = [
    (scim2_models.ServiceProviderConfig, [discovery.service_provider_config(BASE)]),
    (scim2_models.ResourceType, discovery.resource_types(BASE)),
    (scim2_models.Schema, discovery.schemas(BASE)),
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
