"""Roles of users: which are in force, and what the organisation decides about them.

Provisioning gives one role, the connection's default role at the time of creation. From the first
local decision on only local decisions count, whatever an identity provider sends.
"""

from __future__ import annotations

from collections.abc import Sequence
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

# More would make every write of the item expensive.
MAX_ASSIGNMENTS = 200

NO_SUCH_ROLE = "There is no such role in this organisation."
TOO_MANY = f"a user may have at most {MAX_ASSIGNMENTS} roles"


@dataclass(frozen=True, slots=True)
class EffectiveRole:
    """A role that a user has, in which workspace, and from which source: `default` or `local`."""

    role: str
    workspace: str
    source: str


def effective_roles(
    snapshot: OrganisationSnapshot, connection: Connection, user: User, local: LocalUser
) -> tuple[EffectiveRole, ...]:
    """Return the roles that a user has now, each once.

    An assignment of a role or in a workspace that no longer exists gives nothing.
    """
    source = "default" if local.roles is None else "local"
    pairs = dict.fromkeys(_pair(each, connection) for each in assignments_of(user, local))
    return tuple(
        EffectiveRole(role, workspace, source)
        for role, workspace in pairs
        if role in snapshot.roles and workspace in snapshot.workspaces
    )


def assignments_of(user: User, local: LocalUser) -> tuple[Assignment, ...]:
    """Return the assignments in force: the organisation's, else the role granted at creation."""
    if local.roles is not None:
        return local.roles
    return (Assignment(user.granted_role),) if user.granted_role else ()


def _pair(assignment: Assignment, connection: Connection) -> tuple[str, str]:
    """Return role and workspace, which is the connection's unless the assignment names one."""
    return assignment.role, assignment.workspace or connection.workspace


def assign(admin: AdminContext, uid: str, assignment: Assignment) -> None:
    """Give a user a role; the role granted at creation becomes a local one beside it.

    Raises:
        NotFound: no such user, or no such role.
        InvalidFields: no such workspace, or the user has as many roles as they may have.
    """

    def edit(current: UserForChange) -> LocalUser:
        if assignment.role not in current.snapshot.roles:
            raise NotFound(NO_SUCH_ROLE)
        _require_known(current.snapshot, [assignment], prefix="")
        before = assignments_of(current.user, current.local)
        roles = before if assignment in before else (*before, assignment)
        if len(roles) > MAX_ASSIGNMENTS:
            raise InvalidFields(FieldError("role", TOO_MANY))
        return replace(current.local, roles=roles)

    local_users.change(admin, uid, edit, ROLES)


def withdraw(admin: AdminContext, uid: str, assignment: Assignment) -> None:
    """Take a role from a user, in the workspace named, else in their connection's.

    A role that they do not have there changes nothing.

    Raises:
        NotFound: no such user.
    """

    def edit(current: UserForChange) -> LocalUser:
        connection = current.connection
        before = assignments_of(current.user, current.local)
        withdrawn = _pair(assignment, connection)
        left = tuple(each for each in before if _pair(each, connection) != withdrawn)
        return current.local if left == before else replace(current.local, roles=left)

    local_users.change(admin, uid, edit, ROLES)


def replace_all(admin: AdminContext, uid: str, assignments: Sequence[Assignment]) -> None:
    """Set all roles of a user; an empty sequence: no role.

    Raises:
        NotFound: no such user.
        InvalidFields: names each role and workspace that does not exist.
    """

    def edit(current: UserForChange) -> LocalUser:
        _require_known(current.snapshot, assignments, prefix="roles[{index}].")
        return replace(current.local, roles=tuple(assignments))

    local_users.change(admin, uid, edit, ROLES)


def _require_known(
    snapshot: OrganisationSnapshot, assignments: Sequence[Assignment], prefix: str
) -> None:
    faults = [
        FieldError(prefix.format(index=index) + name, message)
        for index, each in enumerate(assignments)
        for name, value, known, message in (
            ("role", each.role, snapshot.roles, NO_ROLE),
            ("workspace", each.workspace, snapshot.workspaces, NO_WORKSPACE),
        )
        if value is not None and value not in known
    ]
    if faults:
        raise InvalidFields(*faults)


def _audited(current: UserForChange, local: LocalUser) -> Document:
    return {"roles": [each.item() for each in assignments_of(current.user, local)]}


ROLES = ChangeDescription("role", "roles", _audited)
