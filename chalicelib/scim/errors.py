"""What a SCIM client is told when a request cannot be served: RFC 7644 section 3.12.

Every refusal of this service is one of these, raised where the fact is known and turned into
an Error body in one place (`messages.error_body`). Each class carries its HTTP status, its
scimType (RFC 7644 table 9) and a default text; `detail` says what to mend and where.

    ScimError
    +-- BadRequest              400
    |   +-- InvalidFilter       400 invalidFilter
    |   +-- TooMany             400 tooMany
    |   +-- InvalidCursor       400 invalidCursor
    |   +-- InvalidCount        400 invalidCount
    |   +-- Mutability          400 mutability
    |   +-- InvalidSyntax       400 invalidSyntax
    |   +-- InvalidPath         400 invalidPath
    |   +-- NoTarget            400 noTarget
    |   +-- InvalidValue        400 invalidValue
    +-- Unauthorized            401
    +-- Forbidden               403
    +-- NotFound                404
    +-- MethodNotAllowed        405, with Allow
    +-- Uniqueness              409 uniqueness
    +-- BulkConflict            409
    +-- PreconditionFailed      412
    +-- PayloadTooLarge         413
    +-- UnsupportedMediaType    415
    +-- TooManyRequests         429, with Retry-After
    +-- InternalError           500
    +-- NotImplemented_         501
    +-- Busy                    503, with Retry-After: contended or throttled, the client may repeat
    +-- Unavailable             503, with Retry-After: something we depend on cannot be read
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ApiError(Exception):
    """The root: a refusal with its status, scimType and text."""

    status: ClassVar[int] = 500
    scim_type: ClassVar[str | None] = None
    default: ClassVar[str] = "The service met an unexpected condition."

    def __init__(self, detail: str | None = None) -> None:
        """Take the text for the client; it never repeats secrets or whole input values."""
        self.detail = detail or self.default
        super().__init__(self.detail)

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers that belong to this refusal."""
        return {}


class BadRequest(ApiError):
    """The request is at fault; repeating it unchanged will fail again."""

    status = 400
    default = "The request cannot be understood."


class InvalidFilter(BadRequest):
    """The filter's syntax or its comparison is not valid (RFC 7644 section 3.4.2.2)."""

    scim_type = "invalidFilter"
    default = "The filter is not valid."


class TooMany(BadRequest):
    """The answer would be larger than this service computes or sends."""

    scim_type = "tooMany"
    default = "The request yields more results than this service returns at once."


class InvalidCursor(BadRequest):
    """The cursor is none that this list has given (RFC 9865 section 2.1)."""

    scim_type = "invalidCursor"
    default = "cursor: not one that this list has given; begin again without a cursor."


class InvalidCount(BadRequest):
    """The size of a page is no whole number (RFC 9865 section 2.1)."""

    scim_type = "invalidCount"
    default = "count: a whole number is due."


class Mutability(BadRequest):
    """The change is not compatible with the attribute's mutability (RFC 7643 section 7)."""

    scim_type = "mutability"
    default = "The attribute cannot be changed this way."


class InvalidSyntax(BadRequest):
    """The body is no JSON, or not the message that the operation takes."""

    scim_type = "invalidSyntax"
    default = "The body is not the JSON message that this operation takes."


class InvalidPath(BadRequest):
    """The path of a PATCH operation is malformed or names no attribute."""

    scim_type = "invalidPath"
    default = "The path is not valid."


class NoTarget(BadRequest):
    """The path of a PATCH operation selects nothing that could be changed."""

    scim_type = "noTarget"
    default = "The path selects nothing."


class InvalidValue(BadRequest):
    """A value is missing or not compatible with its attribute's type."""

    scim_type = "invalidValue"
    default = "A value is missing or not valid."


class _TurnedAway(ApiError):
    """A request that is not let in; `reason` is for the connection's health, never answered."""

    def __init__(self, detail: str | None = None, *, reason: str | None = None) -> None:
        """Take the text for the client, and the reason in a word for the admin."""
        self.reason = reason
        super().__init__(detail)


class Unauthorized(_TurnedAway):
    """One text for everything unknown, so that nothing can be learnt from it."""

    status = 401
    default = (
        "The bearer token is not accepted: it may be mistyped, expired, revoked or of another "
        "connection. Make a new token for this connection in the SaaS's SCIM settings."
    )

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 section 11.6.1 wants the scheme named."""
        return {"WWW-Authenticate": 'Bearer realm="passerelle"'}


class Forbidden(_TurnedAway):
    """The token is right, but the connection may not be used now; says why."""

    status = 403
    default = "This connection may not be used."


class NotFound(ApiError):
    """No such resource, or no such path."""

    status = 404
    default = "There is no such resource."


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    status = 405
    default = "This method is not offered here."

    def __init__(self, *allowed: str) -> None:
        """Take the methods that the path does offer."""
        self.allowed = allowed
        super().__init__(f"This method is not offered here; offered: {', '.join(allowed)}.")

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 section 15.5.6: a 405 names what is allowed."""
        return {"Allow": ", ".join(self.allowed)}


class Uniqueness(ApiError):
    """Another resource of this connection holds the value."""

    status = 409
    scim_type = "uniqueness"
    default = "The value is in use by another resource."


class BulkConflict(ApiError):
    """A bulk operation refers to what was not created (RFC 7644 section 3.7.1)."""

    status = 409

    def __init__(self, bulk_id: str) -> None:
        """Take the bulkId that stands for nothing."""
        super().__init__(
            f'bulkId "{bulk_id}" stands for no resource: no operation of this request bears it, '
            "the one that does has failed, or the two refer to each other in a circle."
        )


class PreconditionFailed(ApiError):
    """If-Match names a version that is not the present one (RFC 7644 section 3.14)."""

    status = 412
    default = "The resource has changed since the version that If-Match names; read it again."


class PayloadTooLarge(ApiError):
    """The request holds more than one request may; names the limit."""

    status = 413
    default = "The request is larger than this service takes."


class UnsupportedMediaType(ApiError):
    """The body is neither application/scim+json nor application/json, or it is compressed."""

    status = 415
    default = "Send the body as application/scim+json or application/json, uncompressed."


class TooManyRequests(_TurnedAway):
    """This connection calls more often than its plan allows (RFC 6585 section 4)."""

    status = 429

    def __init__(self, seconds: int) -> None:
        """Take after how many whole seconds a request is served again."""
        self.seconds = max(1, seconds)
        super().__init__(
            "This connection makes more requests than its plan allows; "
            f"repeat the request after {self.seconds} s.",
            reason="rate",
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Whole seconds: clients do not read fractions."""
        return {"Retry-After": str(self.seconds)}


class InternalError(ApiError):
    """A fault of ours: nothing about it is told but where to find it in the logs."""

    status = 500


class NotImplemented_(ApiError):  # noqa: N801 - the RFC's word is a Python builtin
    """The protocol knows the operation, this service does not offer it; says why."""

    status = 501
    default = "This operation is not offered."


class _RetryLater(ApiError):
    """A condition that passes by itself."""

    status = 503
    retry_after: ClassVar[int] = 2

    @property
    def headers(self) -> Mapping[str, str]:
        """Whole seconds: clients do not read fractions."""
        return {"Retry-After": str(self.retry_after)}


class Busy(_RetryLater):
    """Still contended or throttled at the deadline; the change may be made for all that."""

    default = "The directory is busy. Repeat the request; read first if it creates something."


class Unavailable(_RetryLater):
    """Something that this service depends on cannot be read at the moment."""

    retry_after = 5
    default = "The service cannot check the request at the moment. Repeat it."
