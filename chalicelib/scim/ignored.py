"""What a request has that is ignored: names for the provisioning log, errors where it is strict.

A lenient connection accepts a request with a wrong mapping and does the rest of it, so that a
deactivation is not lost for an attribute that nobody needs. `patch_operations.normalise` and
`validation.ignored_in` return what they leave out as values of this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from chalicelib.scim.errors import InvalidPath, InvalidSyntax, InvalidValue, in_operation
from chalicelib.scim.schema import ResourceType, Target
from chalicelib.scim.sent_names import shown_name

# unknown: the schemas do not have the attribute. unknown_schema: `schemas` names another URN.
# not_understood: none of the value's keys is a sub-attribute. always_set: the attribute can be
# changed, but not removed.
Reason = Literal["unknown", "unknown_schema", "not_understood", "always_set"]

MAX_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class Ignored:
    """An attribute of a request that is ignored; `index` is its operation in a PATCH.

    `name` may be any text that a client sent as a key, but has no value filter. `target` is set
    where a PUT keeps what is stored, as nothing of the value that it sends was understood.
    """

    name: str
    reason: Reason = "unknown"
    index: int | None = None
    target: Target | None = field(default=None, compare=False)


def reject_ignored(
    ignored: Iterable[Ignored], resource_type: ResourceType, *, interop: bool = False
) -> None:
    """Reject a request on a strict connection, if anything in it is ignored.

    An attribute that is always set may be ignored there, too: to clear it is no wrong mapping. The
    interoperability profile (`interop`) has one scimType for attributes that the schemas do not
    have.

    Raises:
        InvalidSyntax, InvalidPath: an attribute that the schemas do not have, in a resource or in
            an operation.
        InvalidValue: a value of which no key is known.
    """
    wrong = tuple(islice((each for each in ignored if each.reason != "always_set"), MAX_NAMES))
    if not wrong:
        return
    first = wrong[0]
    names = ", ".join(dict.fromkeys(_shown(each.name, resource_type) for each in wrong))
    setting = "profile" if interop else "unknown_attributes"
    detail = (
        f"{names}: not in the schemas of {resource_type.name}, and this connection is strict. "
        f"Leave it out, or set the connection's `{setting}` to `lenient`."
    )
    unknown = InvalidSyntax if first.index is None or interop else InvalidPath
    error = InvalidValue if first.reason == "not_understood" else unknown
    if first.index is not None:
        raise in_operation(error(detail), first.index)
    raise error(detail)


def _shown(name: str, resource_type: ResourceType) -> str:
    """Return a name as it was sent, if it is one; of a URN in `schemas` where it stands."""
    where, colon, _ = name.partition(": ")
    return where if colon and where == "schemas" else shown_name(name, [resource_type])
