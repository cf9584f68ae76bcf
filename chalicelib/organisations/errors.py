"""What an administrator is told beside what the protocol's tree of errors already says.

    ScimError
    +-- BadRequest
    |   +-- InvalidFields       400, names each field
    +-- Conflict                409, with what stands in the way

`members` are the extension members of the problem document (RFC 9457 section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.scim.errors import ApiError, BadRequest


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of a body: `workspaces[0].id` names one inside."""

    field: str
    message: str


class InvalidFields(BadRequest):
    """Fields of the body are missing, unknown or wrong."""

    def __init__(self, *faults: Fault) -> None:
        """Take the faults in the order of the fields."""
        self.faults = faults
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults))

    @property
    def members(self) -> Mapping[str, Any]:
        """Each field with its message."""
        return {"errors": [{"field": f.field, "message": f.message} for f in self.faults]}


class Conflict(ApiError):
    """The request is right, but something that is there already stands against it."""

    status = 409

    def __init__(self, detail: str, **members: Any) -> None:
        """Take the text, and what else helps: the id of what is there."""
        self.members: Mapping[str, Any] = members
        super().__init__(detail)
