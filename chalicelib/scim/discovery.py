"""The discovery documents: RFC 7644 section 4, RFC 7643 sections 5 to 7, RFC 9865 section 4.

The limits announced here are imported from where they are enforced.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.scim import catalog
from chalicelib.scim.messages import (
    DEFAULT_RESULTS,
    MAX_BULK_BYTES,
    MAX_BULK_OPERATIONS,
    MAX_RESULTS,
)
from chalicelib.scim.schema import ResourceType

PROVIDER_URN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"

# What a connection without schemas of its own has.
STANDARD_TYPES = tuple(catalog.RESOURCE_TYPES.values())

Document = dict[str, Any]

# Each way of authentication, and the types of credentials that it is for.
SCHEMES: tuple[tuple[Document, frozenset[str]], ...] = (
    (
        {
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The secret token of the connection, as a bearer token (RFC 6750).",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
        },
        frozenset({"token"}),
    ),
    (
        {
            "type": "oauth2",
            "name": "OAuth 2.0 client credentials",
            "description": "An access token for a client secret or a signed assertion, from the "
            "token URL of the connection (RFC 6749 section 4.4, RFC 7523).",
            "specUri": "https://www.rfc-editor.org/info/rfc6749",
        },
        frozenset({"client_secret", "federated"}),
    ),
)


def service_provider_config(
    base_url: str,
    authentication: Iterable[str] = ("token",),
    documentation: str | None = None,
    *,
    interop: bool = False,
) -> Document:
    """Return the ServiceProviderConfig: RFC 7643 section 5, `pagination` of RFC 9865 section 4.

    `authentication` are the types of credentials that the connection accepts, `documentation` is
    the URL of the page that explains them. `interop` declares the SCIM interoperability profile.
    """
    types = {*authentication}
    schemes = [each for each, served in SCHEMES if types & served]
    documented = {"documentationUri": documentation} if documentation else {}
    return {
        "schemas": [PROVIDER_URN],
        "patch": {"supported": True},
        "bulk": {
            "supported": True,
            "maxOperations": MAX_BULK_OPERATIONS,
            "maxPayloadSize": MAX_BULK_BYTES,
        },
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "pagination": {
            "cursor": True,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_RESULTS,
            "maxPageSize": MAX_RESULTS,
        },
        "authenticationSchemes": [
            {**each, **documented, "primary": number == 0} for number, each in enumerate(schemes)
        ],
        **({"interopProfileConformant": True} if interop else {}),
        "meta": _meta("ServiceProviderConfig", f"{base_url}/ServiceProviderConfig"),
    }


def resource_types(
    base_url: str, resource_types: Iterable[ResourceType] = STANDARD_TYPES
) -> list[Document]:
    """Return the documents of /ResourceTypes, User first: RFC 7643 section 6; `id` is the name."""
    return [_resource_type(resource_type, base_url) for resource_type in resource_types]


def schemas(
    base_url: str, resource_types: Iterable[ResourceType] = STANDARD_TYPES
) -> list[Document]:
    """Return the documents of /Schemas, extensions included: RFC 7643 section 7."""
    return [
        catalog.dump(schema) | {"meta": _meta("Schema", f"{base_url}/Schemas/{schema.id}")}
        for resource_type in resource_types
        for schema in resource_type.schemas()
    ]


def _resource_type(resource_type: ResourceType, base_url: str) -> Document:
    document: Document = {
        "schemas": [RESOURCE_TYPE_URN],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
    }
    if resource_type.extensions:
        document["schemaExtensions"] = [
            {"schema": extension.id, "required": False} for extension in resource_type.extensions
        ]
    document["meta"] = _meta("ResourceType", f"{base_url}/ResourceTypes/{resource_type.name}")
    return document


def _meta(resource_type: str, location: str) -> Document:
    return {"resourceType": resource_type, "location": location}
