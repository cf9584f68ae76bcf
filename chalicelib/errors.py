"""The errors that a client receives: an HTTP status and a text.

This module imports no other module of the project. Errors are raised where the fact is known; one
place in each API turns them into a body: a SCIM Error (RFC 7644 section 3.12) or a problem document
(RFC 9457). Errors with a scimType derive from these: `scim.errors`.

    ApiError
    +-- BadRequest              400
    |   +-- InvalidFields       400, names each field of an admin request's body
    +-- Unauthorized            401
    |   +-- CodeRequired        401, of a setup link in a second browser
    +-- OAuthError              400, of the token endpoint
    |   +-- InvalidClient       401
    +-- Forbidden               403
    +-- NotFound                404
    +-- WrongUrl                404, says what to correct in the SCIM URL
    +-- MethodNotAllowed        405, with Allow
    +-- Conflict                409, with what it conflicts with
    |   +-- InProgress          409, with Retry-After
    +-- PreconditionFailed      412
    +-- PayloadTooLarge         413
    +-- UnsupportedMediaType    415
    +-- TooManyRequests         429, with Retry-After
    +-- InternalError           500
    +-- NotImplemented_         501
    +-- Busy                    503, with Retry-After: contended or throttled, the client may repeat
    +-- Unavailable             503, with Retry-After: something we depend on cannot be read
        +-- IssuerUnavailable   503, of the token endpoint
        +-- LaterRelease        503, as above: an item of a later release
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class ApiError(Exception):
    """The root: an error with its status, scimType and text."""

    status: ClassVar[int] = 500
    scim_type: ClassVar[str | None] = None
    default: ClassVar[str] = "The service met an unexpected condition."

    def __init__(self, detail: str | None = None) -> None:
        """Take the text for the client; it never repeats values that the client sent."""
        self.detail = detail or self.default
        super().__init__(self.detail)

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers that belong to this error."""
        return {}


class BadRequest(ApiError):
    """The request is not valid; repeating it unchanged will fail again."""

    status = 400
    default = "The request is not valid."


# A body may have as many wrong fields as its bytes allow; a reader needs the first ones.
MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a body; `field` is a path such as `workspaces[0].id`."""

    field: str
    message: str


class InvalidFields(BadRequest):
    """Fields of the body are missing, unknown or wrong."""

    def __init__(self, *faults: FieldError, left_out: int = 0) -> None:
        """Take the faults in the order of the fields; `left_out` is how many others there are."""
        left_out += len(faults[MAX_FAULTS:])
        self.faults = faults[:MAX_FAULTS]
        texts = [f"{fault.field}: {fault.message}" for fault in self.faults]
        super().__init__("; ".join([*texts, *([f"and {left_out:,} more"] if left_out else [])]))

    @property
    def members(self) -> Mapping[str, Any]:
        """Each field with its message."""
        return {"errors": [{"field": f.field, "message": f.message} for f in self.faults]}


class _Rejected(ApiError):
    """A rejected request; `reason` is for the connection's health, never in the response.

    `is_listened_to` says that a page is waiting to see each rejected request of the connection.
    """

    is_listened_to = False

    def __init__(self, detail: str | None = None, *, reason: str | None = None) -> None:
        """Take the text for the client, and the reason as one word for the admin."""
        self.reason = reason
        super().__init__(detail)


class Unauthorized(_Rejected):
    """One text whatever is wrong with the credential, so that nothing can be learnt from it."""

    status = 401
    default = (
        "The bearer token is not valid: it may be mistyped, expired, revoked or of another "
        "connection. Create a new token in the console and paste it into your identity provider."
    )

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 section 11.6.1: a 401 names the scheme."""
        return {"WWW-Authenticate": 'Bearer realm="passerelle"'}


class CodeRequired(Unauthorized):
    """A setup link is opened in a second browser, which needs the code of six digits."""

    default = (
        "This link is open in another browser. Enter the code of six digits that the other one "
        "shows, or ask the SaaS's support for it. It is valid for ten minutes."
    )
    members: ClassVar[Mapping[str, Any]] = {"code_required": True}


class OAuthError(_Rejected):
    """The token endpoint rejects a request (RFC 6749 section 5.2); `code` is its `error`."""

    status = 400

    def __init__(self, code: str, detail: str, *, reason: str | None = None) -> None:
        """Take the code, the text for the client, and the reason as one word for the admin."""
        self.code = code
        super().__init__(detail, reason=reason)


class InvalidClient(OAuthError):
    """The client is not authenticated: one text, until it has shown that it is the right one."""

    status = 401
    default = (
        "The client is not authenticated: its id, secret or assertion may be mistyped, expired, "
        "revoked or of another connection. The connection's health in the console says which."
    )

    def __init__(self, detail: str | None = None, *, reason: str | None = None) -> None:
        """Take another text only where the sender has proved who they are."""
        super().__init__("invalid_client", detail or self.default, reason=reason)

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 6749 section 5.2: a 401 names the scheme."""
        return {"WWW-Authenticate": 'Basic realm="passerelle"'}


class Forbidden(_Rejected):
    """The token is valid, but the connection cannot be used now; says why."""

    status = 403
    default = "This connection cannot be used."


class NotFound(ApiError):
    """There is no such resource or path."""

    status = 404
    default = "There is no such resource."


class WrongUrl(_Rejected):
    """The path is not one of ours; says how the SCIM URL differs from the connection's."""

    status = 404
    default = "No route has this path."


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    status = 405
    default = "This path does not support the method."

    def __init__(self, *allowed: str) -> None:
        """Take the methods that the path supports."""
        self.allowed = allowed
        super().__init__(f"This path does not support the method; supported: {', '.join(allowed)}.")

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110 section 15.5.6: a 405 names what is allowed."""
        return {"Allow": ", ".join(self.allowed)}


class Conflict(ApiError):
    """The request is valid, but conflicts with what is stored."""

    status = 409

    def __init__(self, detail: str, **members: Any) -> None:
        """Take the text, and other members of the body, such as the id of what conflicts."""
        self.members: Mapping[str, Any] = members
        super().__init__(detail)


class InProgress(Conflict):
    """An equal request with the same Idempotency-Key is still being processed."""

    def __init__(self) -> None:
        """Say when to ask again."""
        super().__init__(
            "A request with this Idempotency-Key is still being processed. Send it again in a few "
            "seconds: then it returns what has been created."
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Whole seconds: clients do not read fractions."""
        return {"Retry-After": "2"}


class PreconditionFailed(ApiError):
    """If-Match names a version that is not the current one (RFC 7644 section 3.14)."""

    status = 412
    default = "The resource has changed since the version that If-Match names; read it again."


class PayloadTooLarge(ApiError):
    """The request is larger than a limit, which the text names."""

    status = 413
    default = "The request is larger than this service accepts."


class UnsupportedMediaType(ApiError):
    """The body is of another media type than the path accepts, or it is compressed."""

    status = 415

    def __init__(self, *accepted: str) -> None:
        """Take the media types that the path accepts; without them those of JSON."""
        expected = " or ".join(accepted or ("application/scim+json", "application/json"))
        super().__init__(f"Send the body as {expected}, uncompressed.")


class TooManyRequests(_Rejected):
    """A connection, or an organisation's admins, send too many requests (RFC 6585 section 4)."""

    status = 429

    def __init__(self, seconds: int) -> None:
        """Take after how many whole seconds the client may repeat the request."""
        self.seconds = max(1, seconds)
        super().__init__(
            "Too many requests: more have come than the rate of this connection or organisation "
            f"allows. Repeat the request after {self.seconds} s.",
            reason="rate",
        )

    @property
    def headers(self) -> Mapping[str, str]:
        """Whole seconds: clients do not read fractions."""
        return {"Retry-After": str(self.seconds)}


class InternalError(ApiError):
    """An internal error; the text only says by which id it is found in the logs."""

    status = 500


class NotImplemented_(ApiError):  # noqa: N801 - the RFC's word is a Python builtin
    """The protocol has the operation, this service does not support it; says why."""

    status = 501
    default = "This operation is not supported."


class _RetryLater(ApiError):
    """A transient condition: the client may repeat the request."""

    status = 503
    retry_after: ClassVar[int] = 2

    @property
    def headers(self) -> Mapping[str, str]:
        """Whole seconds: clients do not read fractions."""
        return {"Retry-After": str(self.retry_after)}


class Busy(_RetryLater):
    """Still contended or throttled at the deadline; the change may have been made nevertheless."""

    default = (
        "The directory is busy. Repeat the request; if it creates a resource, look first whether "
        "it exists."
    )


class Unavailable(_RetryLater):
    """A service that we depend on cannot be read at the moment."""

    retry_after = 5
    default = "The service cannot check the request at the moment. Repeat it in a few seconds."


class IssuerUnavailable(Unavailable, _Rejected):
    """The key that an assertion was signed with cannot be read; `reason` says why."""

    default = (
        "The keys of the assertion's issuer cannot be read at the moment. Repeat the request in a "
        "few seconds; the connection's health in the console says why."
    )


class LaterRelease(Unavailable):
    """An item was written by a later release, which this one cannot read: one is being deployed."""

    default = (
        "The data was written by a later release of the service than the one that serves this "
        "request. Repeat the request in a few seconds."
    )
