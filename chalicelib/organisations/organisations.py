"""Organisations: create, read, list, change, delete. One function per operation.

Uniqueness items make sure that no two organisations have the same reference or domain. Every
change depends on the version that was read, and is repeated where another change came first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.errors import BadRequest, Busy, Conflict, FieldError, InvalidFields, NotFound
from chalicelib.organisations import audit, erasure, idempotency, purge
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.audit import Edit
from chalicelib.organisations.idempotency import IdempotencyKey
from chalicelib.organisations.inputs import NewOrganisation, NewRole, OrganisationChanges, present
from chalicelib.organisations.paging import UNKNOWN_CURSOR, Page, take_page
from chalicelib.scim.preconditions import Precondition
from chalicelib.settings import Plan
from chalicelib.storage import keys as table_keys
from chalicelib.storage.clock import timestamp
from chalicelib.storage.expressions import (
    ANY,
    NEW,
    Action,
    Delete,
    Put,
    Update,
    equals,
    equals_or_absent,
    key_of,
)
from chalicelib.storage.keys import Key
from chalicelib.storage.records import from_item, from_items, to_item, update, with_schema
from chalicelib.storage.settings_items import (
    DELETING,
    ORGANISATION_ID,
    Organisation,
    OrganisationSummary,
    Role,
    Workspace,
    of_type,
)
from chalicelib.storage.table import Namespace
from chalicelib.storage.transactions import TransactionCanceled

REFERENCE_IN_USE = "reference: another organisation has this reference."
BEING_DELETED = "The organisation is being deleted and cannot be changed any more."
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class OrganisationDetails:
    """An organisation with its workspaces, roles and verified domains."""

    organisation: Organisation
    workspaces: tuple[Workspace, ...] = ()
    roles: tuple[Role, ...] = ()
    domains: tuple[str, ...] = ()


def version(organisation: Organisation) -> str:
    """Return an organisation's ETag."""
    return f'W/"{organisation.version}"'


def create(
    admin: AdminContext,
    body: NewOrganisation,
    plans: Mapping[str, Plan],
    idempotency_key: IdempotencyKey | None,
) -> OrganisationDetails:
    """Create the organisation of `admin` with all that it has: one transaction.

    Raises:
        InvalidFields: no such plan.
        Conflict: another organisation has the reference or one of the domains.
        Busy: the same request is being processed at the moment.
    """
    _require_plan(body.plan, plans)
    details = _new(admin, body)
    canceled = admin.items.try_commit(list(_creation(admin, details, idempotency_key)))
    if canceled is not None:
        raise _creation_error(canceled, details, idempotency_key)
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
    """Make a role; unless the body says otherwise it may be a default role if not protected."""
    eligible = not body.protected if body.may_be_default is None else body.may_be_default
    return Role(body.id, body.name, may_be_default=eligible, protected=body.protected)


def _by_id(setting: Workspace | Role) -> str:
    return setting.id


def _creation(
    admin: AdminContext, details: OrganisationDetails, idempotency_key: IdempotencyKey | None
) -> Iterator[Action]:
    keys, organisation = admin.keys, details.organisation
    owner = {"org": organisation.id}
    yield Put(keys.own_item, to_item(organisation), NEW)
    yield Put(keys.list_item(), to_item(organisation.summary), NEW)
    if organisation.reference is not None:
        yield Put(table_keys.reference(organisation.reference), owner, NEW)
    yield from (Put(keys.workspace(each.id), to_item(each)) for each in details.workspaces)
    yield from (Put(keys.role(each.id), to_item(each)) for each in details.roles)
    for domain in details.domains:
        yield Put(keys.domain(domain), with_schema({}))
        yield Put(table_keys.verified_domain(domain), owner, NEW)
    if idempotency_key:
        yield idempotency_key.created_item(organisation.id, admin.now())
    audited = {
        **_audited_values(organisation),
        "workspaces": [workspace.id for workspace in details.workspaces],
        "roles": [role.id for role in details.roles],
        "domains": list(details.domains),
    }
    yield audit.entry_item(admin, Edit("organisation", organisation.id, after=audited))


def _audited_values(organisation: Organisation) -> dict[str, Any]:
    names = ("name", "reference", "plan", "state", "sso", "authentication")
    return {name: getattr(organisation, name) for name in names}


def _creation_error(
    canceled: TransactionCanceled,
    details: OrganisationDetails,
    idempotency_key: IdempotencyKey | None,
) -> Conflict | Busy:
    if idempotency.is_lost(canceled, idempotency_key):
        return Busy()
    taken: list[str] = [
        f"domains: {domain} belongs to another organisation."
        for domain in details.domains
        if table_keys.verified_domain(domain) in canceled.items
    ]
    if _reference_key(details.organisation) in canceled.items:
        taken.append(REFERENCE_IN_USE)
    # Otherwise the random id exists already; the next attempt has another one.
    return Conflict(" ".join(taken)) if taken else Busy()


def _reference_key(organisation: Organisation) -> Key | None:
    return table_keys.reference(organisation.reference) if organisation.reference else None


def get_details(admin: AdminContext) -> OrganisationDetails:
    """Read the organisation: two Queries, which do not read its connections.

    Raises:
        NotFound: no such organisation.
    """
    items = list(admin.items.query(admin.keys.own_item_and_domains()))
    if not items or items[0]["SK"] != table_keys.ONLY:
        raise NotFound
    more = list(admin.items.query(admin.keys.roles_and_workspaces()))
    return OrganisationDetails(
        from_item(Organisation, items[0]),
        workspaces=tuple(from_items(Workspace, of_type("workspace", more))),
        roles=tuple(from_items(Role, of_type("role", more))),
        domains=tuple(table_keys.setting_of(key_of(item)).id for item in of_type("domain", items)),
    )


def get(admin: AdminContext) -> Organisation:
    """Read the organisation's own item: 1 RCU.

    Raises:
        NotFound: no such organisation.
    """
    item = admin.items.get(admin.keys.own_item)
    if item is None:
        raise NotFound
    return from_item(Organisation, item)


def get_for_change(admin: AdminContext) -> Organisation:
    """Read the organisation's own item before something of it is changed.

    Every change does this; otherwise the purge could miss what is created after it has begun.

    Raises:
        NotFound: no such organisation.
        Conflict: it is being deleted.
    """
    organisation = get(admin)
    if organisation.state == DELETING:
        raise Conflict(BEING_DELETED)
    return organisation


def version_bump(admin: AdminContext, organisation: Organisation) -> Update:
    """Increment the organisation's version, in a transaction that depends on its other items."""
    return Update(
        admin.keys.own_item,
        set={"version": organisation.version + 1, "modified": timestamp(admin.now())},
        condition=equals("version", organisation.version),
    )


def list_organisations(
    items: Namespace, cursor: str, size: int = PAGE_SIZE
) -> Page[OrganisationSummary]:
    """List the organisations after `cursor`, in the order of their ids: one Query.

    Raises:
        BadRequest: this list has not returned such a cursor.
    """
    if cursor and ORGANISATION_ID.fullmatch(cursor) is None:
        raise BadRequest(UNKNOWN_CURSOR)
    found = items.query(table_keys.organisations(after=cursor), page=size + 1)
    return take_page(from_items(OrganisationSummary, found), size, lambda last: last.id)


def list_by_reference(items: Namespace, reference: str) -> Page[OrganisationSummary]:
    """List the organisation that has this reference, if any."""
    owner = items.get(table_keys.reference(reference))
    item = items.get(Key(table_keys.organisations().pk, owner["org"])) if owner else None
    return Page([from_item(OrganisationSummary, item)] if item else [])


def change(
    admin: AdminContext,
    body: OrganisationChanges,
    plans: Mapping[str, Plan],
    precondition: Precondition | None,
) -> OrganisationDetails:
    """Change the fields of the body; a changed plan or state applies to the next SCIM request.

    Raises:
        NotFound: no such organisation.
        InvalidFields: no such plan.
        Conflict: another organisation has the reference, or this one is being deleted.
        PreconditionFailed: it has another version than If-Match names.
    """
    changes = present(body, OrganisationChanges.model_fields)
    if "plan" in changes:
        _require_plan(body.plan, plans)
    for _ in admin.items.deadline.attempts():
        before = get_for_change(admin)
        if precondition:
            precondition.require(version(before))
        after = replace(before, **changes)
        if after == before or _write_change(admin, before, after):
            break
    return get_details(admin)


def delete(admin: AdminContext, precondition: Precondition | None) -> OrganisationDetails:
    """Begin to delete an organisation with all that it has; repeating it is not an error.

    Its requests are rejected from now on. The purge begins once no earlier request can still be
    in progress.

    Raises:
        NotFound: no such organisation.
        PreconditionFailed: it has another version than If-Match names.
    """
    for _ in admin.items.deadline.attempts():
        before = get(admin)
        if precondition:
            precondition.require(version(before))
        after = replace(before, state=DELETING)
        if after == before or _write_change(
            admin,
            before,
            after,
            purge.scheduled_purge(admin, before.id),
            audit.deployment_entry_item(admin, _deletion(before)),
            erasure.ordered_organisation(admin, before),
        ):
            break
    return get_details(admin)


def _deletion(organisation: Organisation) -> Edit:
    """Describe the deletion for the audit of the deployment, which is all that remains of it."""
    named = {"name": organisation.name, "reference": organisation.reference}
    return Edit("organisation", organisation.id, before=named)


def _write_change(
    admin: AdminContext, before: Organisation, after: Organisation, *more: Action
) -> bool:
    """Write the change; False where another change came first."""
    after = replace(after, version=before.version + 1, modified=timestamp(admin.now()))
    canceled = admin.items.try_commit([*_replacement(admin, before, after), *more])
    if canceled and admin.keys.own_item not in canceled.items:
        raise Conflict(REFERENCE_IN_USE)
    return canceled is None


def _replacement(
    admin: AdminContext, before: Organisation, after: Organisation
) -> Iterator[Action]:
    written = update(admin.keys.own_item, after, equals("version", before.version))
    # Suspending ends all sessions; those that are being created belong to the past generation.
    is_suspended = (before.state, after.state) == ("active", "suspended")
    yield replace(written, add={"console_generation": 1}) if is_suspended else written
    yield update(admin.keys.list_item(), after.summary, ANY)
    edit = Edit("organisation", after.id, _audited_values(before), _audited_values(after))
    yield audit.entry_item(admin, edit)
    old, new = _reference_key(before), _reference_key(after)
    if old == new:
        return
    # Of a damaged table the old reference may have no item, or the new one may be ours already.
    if old:
        yield Delete(old, equals_or_absent("org", after.id))
    if new:
        yield Put(new, {"org": after.id}, equals_or_absent("org", after.id))


def _require_plan(plan: str, plans: Mapping[str, Plan]) -> None:
    if plan not in plans:
        names = ", ".join(f"`{name}`" for name in sorted(plans))
        raise InvalidFields(FieldError("plan", f"no such plan; expected one of {names}"))
