"""Errors of SCIM: RFC 7644 section 3.12 and its table 9, RFC 9865 section 2.1.

Each class has its HTTP status, its scimType and a default text; `detail` says what is wrong, where,
and what was expected. Errors without a scimType are plain HTTP ones: `chalicelib.errors`.

    BadRequest
    +-- InvalidFilter       400 invalidFilter
    +-- TooMany             400 tooMany
    +-- InvalidCursor       400 invalidCursor
    +-- InvalidCount        400 invalidCount
    +-- Mutability          400 mutability
    +-- InvalidSyntax       400 invalidSyntax
    +-- InvalidPath         400 invalidPath
    +-- NoTarget            400 noTarget
    +-- InvalidValue        400 invalidValue
    ApiError
    +-- Uniqueness          409 uniqueness
    +-- BulkConflict        409
"""

from __future__ import annotations

from chalicelib.errors import ApiError, BadRequest


class InvalidFilter(BadRequest):
    """The filter's syntax or a comparison in it is not valid (RFC 7644 section 3.4.2.2)."""

    scim_type = "invalidFilter"
    default = "The filter is not valid."


class TooMany(BadRequest):
    """The response would be larger than this service computes or sends."""

    scim_type = "tooMany"
    default = "The request yields more results than this service returns at once."


class InvalidCursor(BadRequest):
    """The cursor is not one that this list has returned (RFC 9865 section 2.1)."""

    scim_type = "invalidCursor"
    default = "cursor: not one that this list has returned; start again without a cursor."


class InvalidCount(BadRequest):
    """The size of a page is not a whole number (RFC 9865 section 2.1)."""

    scim_type = "invalidCount"
    default = "count: expected a whole number."


class Mutability(BadRequest):
    """The change is not compatible with the attribute's mutability (RFC 7643 section 7)."""

    scim_type = "mutability"
    default = "The attribute cannot be changed this way."


class InvalidSyntax(BadRequest):
    """The body is not JSON, or not the message that the request needs."""

    scim_type = "invalidSyntax"
    default = "The body is not the JSON message that this request needs."


class InvalidPath(BadRequest):
    """The path of a PATCH operation is malformed or names no attribute."""

    scim_type = "invalidPath"
    default = "The path is not valid."


class NoTarget(BadRequest):
    """The path of a PATCH operation selects no value that could be changed."""

    scim_type = "noTarget"
    default = "The path selects no value."


class InvalidValue(BadRequest):
    """A value is missing or not compatible with its attribute's type."""

    scim_type = "invalidValue"
    default = "A value is missing or not valid."


class Uniqueness(ApiError):
    """Another resource of this connection has the value."""

    status = 409
    scim_type = "uniqueness"
    default = "The value is in use by another resource."


class BulkConflict(ApiError):
    """A bulk operation refers to a resource that was not created (RFC 7644 section 3.7.1)."""

    status = 409
    default = (
        "bulkId: no resource was created for the bulkId that this operation refers to. No "
        "operation has it, the one that has it failed, or the two refer to each other."
    )


def in_operation(error: BadRequest, index: int) -> BadRequest:
    """Return an error that also names its operation of a PATCH: `Operations[3]: ...`."""
    return type(error)(f"Operations[{index}]: {error.detail}")
