"""Organisations: create, read, list, change, delete. One function per operation.

A reference and a domain are held by lock rows, so two organisations cannot have the same one.
Every change is conditioned on the version that was read and starts over when another came
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.errors import BadRequest, Busy, Conflict, FieldError, InvalidFields, NotFound
from chalicelib.organisations import audit, idempotency, purge
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import NewOrganisation, NewRole, OrganisationChanges, present
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.scim.preconditions import Precondition
from chalicelib.settings import Plan
from chalicelib.storage import keys as table_keys
from chalicelib.storage.clock import timestamp
from chalicelib.storage.directory_items import SHAPE
from chalicelib.storage.expressions import (
    ANY,
    NEW,
    Action,
    Delete,
    Item,
    Put,
    Update,
    equals,
    key_of,
)
from chalicelib.storage.keys import Key
from chalicelib.storage.settings_items import (
    DELETING,
    ORGANISATION_ID,
    Organisation,
    Role,
    Workspace,
    changed,
    of_type,
    organisation_from,
    role_from,
    workspace_from,
)
from chalicelib.storage.table import Namespace
from chalicelib.storage.transactions import TransactionCanceled

REFERENCE_IN_USE = "reference: another organisation has this reference."
BEING_DELETED = "The organisation is being deleted, so nothing of it can be changed any more."
PAGE = 100


@dataclass(frozen=True, slots=True)
class OrganisationDetails:
    """An organisation with its workspaces, roles and verified domains."""

    organisation: Organisation
    workspaces: tuple[Workspace, ...] = ()
    roles: tuple[Role, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrganisationSummary:
    """An organisation as the list of all shows it."""

    id: str
    name: str
    plan: str
    state: str
    reference: str | None


def version(organisation: Organisation) -> str:
    """Give an organisation's ETag."""
    return f'W/"{organisation.version}"'


def create(
    admin: AdminContext,
    body: NewOrganisation,
    plans: Mapping[str, Plan],
    idempotency_key: IdempotencyKey | None,
) -> OrganisationDetails:
    """Create the organisation that `admin` is bound to: one transaction with all it has.

    Raises:
        InvalidFields: no such plan.
        Conflict: another organisation has the reference or one of the domains.
        Busy: the same request is being served at this moment.
    """
    _require_plan(body.plan, plans)
    details = _new(admin, body)
    try:
        admin.items.commit(list(_creation(admin, details, idempotency_key)))
    except TransactionCanceled as canceled:
        raise _refusal(canceled, details, idempotency_key) from canceled
    return details


def _new(admin: AdminContext, body: NewOrganisation) -> OrganisationDetails:
    now = timestamp(admin.now())
    organisation = Organisation(
        id=admin.keys.organisation,
        name=body.name,
        plan=body.plan,
        state="active",
        created=now,
        modified=now,
        reference=body.reference,
        sso=body.sso.model_dump() if body.sso else None,
    )
    return OrganisationDetails(
        organisation,
        workspaces=tuple(sorted((Workspace(w.id, w.name) for w in body.workspaces), key=_by_id)),
        roles=tuple(sorted(map(new_role, body.roles), key=_by_id)),
        domains=tuple(sorted(body.domains)),
    )


def new_role(body: NewRole) -> Role:
    """Make the role that a body means: it may be a default role unless it says otherwise."""
    eligible = not body.protected if body.may_be_default is None else body.may_be_default
    return Role(body.id, body.name, may_be_default=eligible, protected=body.protected)


def _by_id(row: Workspace | Role) -> str:
    return row.id


def _creation(
    admin: AdminContext, details: OrganisationDetails, idempotency_key: IdempotencyKey | None
) -> Iterator[Action]:
    keys, organisation = admin.keys, details.organisation
    owned = {"org": organisation.id}
    yield Put(keys.own_item, organisation.row(), NEW)
    yield Put(keys.list_item(), organisation.listed(), NEW)
    if organisation.reference is not None:
        yield Put(table_keys.reference(organisation.reference), owned, NEW)
    yield from (Put(keys.workspace(each.id), each.row()) for each in details.workspaces)
    yield from (Put(keys.role(each.id), each.row()) for each in details.roles)
    for domain in details.domains:
        yield Put(keys.domain(domain), {"shape": SHAPE})
        yield Put(table_keys.verified_domain(domain), owned, NEW)
    if idempotency_key:
        yield idempotency_key.created_item(organisation.id, admin.now())
    yield audit.entry_item(admin, Edit("organisation", organisation.id, after=_audited(details)))


def _audited(details: OrganisationDetails) -> dict[str, Any]:
    return {
        **settings(details.organisation),
        "workspaces": [workspace.id for workspace in details.workspaces],
        "roles": [role.id for role in details.roles],
        "domains": list(details.domains),
    }


def settings(organisation: Organisation) -> dict[str, Any]:
    """Give what an operator has set of an organisation, as the audit tells it."""
    names = ("name", "reference", "plan", "state", "sso")
    return {name: getattr(organisation, name) for name in names}


def _refusal(
    canceled: TransactionCanceled,
    details: OrganisationDetails,
    idempotency_key: IdempotencyKey | None,
) -> Conflict | Busy:
    if idempotency.is_concurrent_replay(canceled, idempotency_key):
        return Busy()
    taken: list[str] = [
        f"domains: {domain} belongs to another organisation."
        for domain in details.domains
        if table_keys.verified_domain(domain) in canceled.items
    ]
    if _reference_key(details.organisation) in canceled.items:
        taken.append(REFERENCE_IN_USE)
    # Else the random id is taken, which the next attempt's will not be.
    return Conflict(" ".join(taken)) if taken else Busy()


def _reference_key(organisation: Organisation) -> Key | None:
    return table_keys.reference(organisation.reference) if organisation.reference else None


def get_details(admin: AdminContext) -> OrganisationDetails:
    """Read the organisation: two Queries, whatever its connections hold.

    Raises:
        NotFound: there is none of this id.
    """
    rows = list(admin.items.query(admin.keys.own_item_and_domains()))
    if not rows or rows[0]["SK"] != table_keys.ONLY:
        raise NotFound
    owned = list(admin.items.query(admin.keys.roles_and_workspaces()))
    return OrganisationDetails(
        organisation_from(rows[0]),
        workspaces=tuple(map(workspace_from, of_type("workspace", owned))),
        roles=tuple(map(role_from, of_type("role", owned))),
        domains=tuple(table_keys.setting_of(key_of(row)).id for row in of_type("domain", rows)),
    )


def get(admin: AdminContext) -> Organisation:
    """Read the organisation's own row: 1 RCU.

    Raises:
        NotFound: there is none of this id.
    """
    row = admin.items.get(admin.keys.own_item)
    if row is None:
        raise NotFound
    return organisation_from(row)


def get_for_change(admin: AdminContext) -> Organisation:
    """Read the organisation's own row in order to change something of it.

    Every change does, or the purge could leave behind what was made after it had begun.

    Raises:
        NotFound: there is none of this id.
        Conflict: it is being deleted.
    """
    organisation = get(admin)
    if organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    return organisation


def version_bump(admin: AdminContext, organisation: Organisation) -> Update:
    """Raise the version of an organisation in a transaction that depends on what is in it."""
    return Update(
        admin.keys.own_item,
        set={"version": organisation.version + 1, "modified": timestamp(admin.now())},
        condition=equals("version", organisation.version),
    )


def list_organisations(
    items: Namespace, cursor: str, size: int = PAGE
) -> Page[OrganisationSummary]:
    """List the organisations after `cursor`, in the order of their ids: one Query.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    if cursor and ORGANISATION_ID.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    found = items.query(table_keys.organisations(after=cursor), page=size + 1)
    return take_page(map(_summary, found), size, lambda last: last.id)


def list_by_reference(items: Namespace, reference: str) -> Page[OrganisationSummary]:
    """List the organisation that has this reference, if any."""
    owner = items.get(table_keys.reference(reference))
    item = items.get(Key(table_keys.organisations().pk, owner["org"])) if owner else None
    return Page([_summary(item)] if item else [])


def _summary(item: Item) -> OrganisationSummary:
    return OrganisationSummary(
        item["SK"], item["name"], item["plan"], item["state"], item.get("reference")
    )


def change(
    admin: AdminContext,
    body: OrganisationChanges,
    plans: Mapping[str, Plan],
    precondition: Precondition | None,
) -> OrganisationDetails:
    """Change what the body names; a changed plan or state acts at the next SCIM request.

    Raises:
        NotFound: there is none of this id.
        InvalidFields: no such plan.
        Conflict: another organisation has the reference, or this one is being deleted.
        PreconditionFailed: it is not at the version that the client means.
    """
    changes = present(body, OrganisationChanges.model_fields)
    if "plan" in changes:
        _require_plan(body.plan, plans)
    for _ in admin.items.deadline.attempts():
        before = get_for_change(admin)
        if precondition:
            precondition.require(version(before))
        after = replace(before, **changes)
        if after == before or _changed(admin, before, after):
            break
    return get_details(admin)


def delete(admin: AdminContext, precondition: Precondition | None) -> OrganisationDetails:
    """Begin to delete an organisation with all that it has; repeating it is no fault.

    Nothing of it is served from now on; its rows go when no request that began before can
    still be at work.

    Raises:
        NotFound: there is none of this id.
        PreconditionFailed: it is not at the version that the client means.
    """
    for _ in admin.items.deadline.attempts():
        before = get(admin)
        if precondition:
            precondition.require(version(before))
        after = replace(before, state=DELETING)
        if after == before or _changed(
            admin, before, after, purge.scheduled_purge(admin, before.id)
        ):
            break
    return get_details(admin)


def _changed(
    admin: AdminContext, before: Organisation, after: Organisation, *beside: Action
) -> bool:
    """Write the change; False where another change came first."""
    after = replace(after, version=before.version + 1, modified=timestamp(admin.now()))
    canceled = admin.items.try_commit([*_replacement(admin, before, after), *beside])
    if canceled and admin.keys.own_item not in canceled.items:
        raise Conflict(REFERENCE_IN_USE)
    return canceled is None


def _replacement(
    admin: AdminContext, before: Organisation, after: Organisation
) -> Iterator[Action]:
    yield changed(admin.keys.own_item, after.row(), equals("version", before.version))
    yield changed(admin.keys.list_item(), after.listed(), ANY)
    edit = Edit("organisation", after.id, settings(before), settings(after))
    yield audit.entry_item(admin, edit)
    old, new = _reference_key(before), _reference_key(after)
    if old == new:
        return
    if old:
        yield Delete(old, equals("org", after.id))
    if new:
        yield Put(new, {"org": after.id}, NEW)


def _require_plan(plan: str, plans: Mapping[str, Plan]) -> None:
    if plan not in plans:
        raise InvalidFields(FieldError("plan", f"there is no such plan; there are {_words(plans)}"))


def _words(plans: Mapping[str, Plan]) -> str:
    return ", ".join(f"`{plan}`" for plan in sorted(plans))
