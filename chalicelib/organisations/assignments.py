"""Roles of users: which are in force, and the organisation's word on them.

Provisioning gives one role, the connection's default of the moment of creation. From the first
local decision on that decision alone holds, whatever an identity provider sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.errors import FieldError, InvalidFields, NotFound
from chalicelib.organisations import local_users
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.connections import NO_ROLE, NO_WORKSPACE
from chalicelib.organisations.local_users import ChangeDescription, UserForChange
from chalicelib.organisations.snapshot import OrganisationSnapshot
from chalicelib.storage.directory_items import Document, User
from chalicelib.storage.local_users import Assignment, LocalUser
from chalicelib.storage.settings_items import Connection

# A row of more would make every write of it dear.
MOST_ASSIGNMENTS = 200

NO_SUCH_ROLE = "There is no such role in this organisation."
TOO_MANY = f"a user has {MOST_ASSIGNMENTS} roles at most"


@dataclass(frozen=True, slots=True)
class EffectiveRole:
    """A role that a user has, where, and by whose word: `default` or `local`."""

    role: str
    workspace: str
    source: str


def effective_roles(
    snapshot: OrganisationSnapshot, connection: Connection, user: User, local: LocalUser
) -> tuple[EffectiveRole, ...]:
    """Tell the roles that a user has now, each once.

    One that names a role or a workspace that is no longer there gives nothing.
    """
    source = "default" if local.roles is None else "local"
    meant = dict.fromkeys(_places(connection, given(user, local)))
    return tuple(
        EffectiveRole(role, workspace, source)
        for role, workspace in meant
        if role in snapshot.roles and workspace in snapshot.workspaces
    )


def given(user: User, local: LocalUser) -> tuple[Assignment, ...]:
    """Give the assignments that hold: the organisation's, else the one granted at creation."""
    if local.roles is not None:
        return local.roles
    return (Assignment(user.granted_role),) if user.granted_role else ()


def _places(connection: Connection, assignments: Sequence[Assignment]) -> Iterator[tuple[str, str]]:
    return ((each.role, each.workspace or connection.workspace) for each in assignments)


def assign(admin: AdminContext, uid: str, assignment: Assignment) -> None:
    """Give a user a role; the role granted at his creation becomes a local one beside it.

    Raises:
        NotFound: no such user, or no such role.
        InvalidFields: no such workspace, or he has as many roles as one may have.
    """

    def edit(current: UserForChange) -> LocalUser:
        if assignment.role not in current.snapshot.roles:
            raise NotFound(NO_SUCH_ROLE)
        _require_there(current.snapshot, [assignment], place="")
        present = given(current.user, current.local)
        roles = present if assignment in present else (*present, assignment)
        if len(roles) > MOST_ASSIGNMENTS:
            raise InvalidFields(FieldError("role", TOO_MANY))
        return replace(current.local, roles=roles)

    local_users.change(admin, uid, edit, TOLD)


def withdraw(admin: AdminContext, uid: str, assignment: Assignment) -> None:
    """Take a role from a user, in the workspace named, else in his connection's.

    One that he does not have there changes nothing.

    Raises:
        NotFound: no such user.
    """

    def edit(current: UserForChange) -> LocalUser:
        (meant,) = _places(current.connection, [assignment])
        present = given(current.user, current.local)
        places = zip(present, _places(current.connection, present), strict=True)
        left = tuple(each for each, place in places if place != meant)
        return current.local if left == present else replace(current.local, roles=left)

    local_users.change(admin, uid, edit, TOLD)


def replace_all(admin: AdminContext, uid: str, assignments: Sequence[Assignment]) -> None:
    """Say once and for all which roles a user has; an empty sequence: none.

    Raises:
        NotFound: no such user.
        InvalidFields: names each role and workspace that is not there.
    """

    def edit(current: UserForChange) -> LocalUser:
        _require_there(current.snapshot, assignments, place="roles[{at}].")
        return replace(current.local, roles=tuple(assignments))

    local_users.change(admin, uid, edit, TOLD)


def _require_there(
    snapshot: OrganisationSnapshot, wanted: Sequence[Assignment], place: str
) -> None:
    faults = [
        FieldError(place.format(at=at) + name, message)
        for at, each in enumerate(wanted)
        for name, value, there, message in (
            ("role", each.role, snapshot.roles, NO_ROLE),
            ("workspace", each.workspace, snapshot.workspaces, NO_WORKSPACE),
        )
        if value is not None and value not in there
    ]
    if faults:
        raise InvalidFields(*faults)


def _told(current: UserForChange, local: LocalUser) -> Document:
    return {"roles": [each.item() for each in given(current.user, local)]}


TOLD = ChangeDescription("role", "roles", _told)
