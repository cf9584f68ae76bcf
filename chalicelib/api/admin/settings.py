"""The handlers of what an organisation has one by one: workspaces, roles and domains."""

from __future__ import annotations

from chalicelib.api.admin.request_bodies import read_named
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Domain, NoContent, Ok, Role, Workspace
from chalicelib.organisations import organisations, settings
from chalicelib.organisations.inputs import NewDomain, NewRole, NewWorkspace
from chalicelib.storage import settings_items


def put_workspace(request: AdminRequest) -> Ok[Workspace]:
    """PUT .../workspaces/{workspace}."""
    body = read_named(NewWorkspace, request.http, "id", request.http.path["workspace"])
    workspace = settings_items.Workspace(body.id, body.name)
    return Ok(workspace_document(settings.put_workspace(request.admin_context(), workspace)))


def delete_workspace(request: AdminRequest) -> NoContent:
    """DELETE .../workspaces/{workspace}: 409 where a connection uses it."""
    settings.delete_workspace(request.admin_context(), request.http.path["workspace"])
    return NoContent()


def put_role(request: AdminRequest) -> Ok[Role]:
    """PUT .../roles/{role}."""
    body = read_named(NewRole, request.http, "id", request.http.path["role"])
    role = organisations.new_role(body)
    return Ok(role_document(settings.put_role(request.admin_context(), role)))


def delete_role(request: AdminRequest) -> NoContent:
    """DELETE .../roles/{role}: 409 where a connection uses it."""
    settings.delete_role(request.admin_context(), request.http.path["role"])
    return NoContent()


def put_domain(request: AdminRequest) -> Ok[Domain]:
    """PUT .../domains/{domain}: a body is not needed."""
    body = read_named(NewDomain, request.http, "domain", request.http.path["domain"])
    return Ok({"domain": settings.put_domain(request.admin_context(), body.domain)})


def delete_domain(request: AdminRequest) -> NoContent:
    """DELETE .../domains/{domain}."""
    settings.delete_domain(request.admin_context(), request.http.path["domain"])
    return NoContent()


def workspace_document(workspace: settings_items.Workspace) -> Workspace:
    """Write a workspace."""
    return {"id": workspace.id, "name": workspace.name}


def role_document(role: settings_items.Role) -> Role:
    """Write a role."""
    return {
        "id": role.id,
        "name": role.name,
        "may_be_default": role.may_be_default,
        "protected": role.protected,
    }
