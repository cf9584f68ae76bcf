"""A request of an identity provider, as an entry of the provisioning log. Pure.

An entry contains no personal data but what has been masked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

REFUSED_FROM = 400
FAILED_FROM = 500
OUTCOMES = ("success", "refused", "failed")


# What a request was done in one way of two, where the identity provider may have meant the other.
Advice = Literal["members_kept", "members_cleared", "active_kept"]


def outcome_of(status: int) -> str:
    """Return a request's outcome: `refused` is for the client to correct, `failed` for us."""
    return OUTCOMES[(status >= REFUSED_FROM) + (status >= FAILED_FROM)]


@dataclass(frozen=True, slots=True)
class LoggedOperation:
    """One operation of a Bulk request; `id` is that of its resource."""

    method: str
    path: str
    status: int
    scim_type: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One request; `token` is the name of the token, `ids` are the users and groups it touched.

    `ignored` are names of attributes that had no effect, `unnamed` is the number of others whose
    names may hold data, `operations` are those of a Bulk request.
    """

    at: str
    method: str
    path: str
    status: int
    scim_type: str | None = None
    detail: str | None = None
    token: str
    token_id: str = ""
    request_id: str = ""
    target: str | None = None
    ids: Sequence[str] = ()
    duration_ms: int
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    ignored: Sequence[str] = ()
    unnamed: int = 0
    advice: Sequence[Advice] = ()
    operations: Sequence[LoggedOperation] = ()

    @property
    def outcome(self) -> str:
        """The outcome: `success`, `refused` or `failed`; of a Bulk request the worst."""
        return outcome_of(max([self.status, *(each.status for each in self.operations)]))

    @property
    def outcomes(self) -> Counter[str]:
        """How many requests there were of each outcome: an operation counts as one."""
        statuses = [each.status for each in self.operations] or [self.status]
        return Counter(map(outcome_of, statuses))

    @property
    def concerned(self) -> frozenset[str]:
        """The ids of all users and groups that it concerns."""
        found = {self.target, *self.ids, *(each.id for each in self.operations)}
        return frozenset(each for each in found if each)
