"""The routes of what an organisation has one by one, and of who changed which of its settings."""

from __future__ import annotations

from dataclasses import asdict

from chalice.app import Blueprint

from chalicelib.api.admin import requests
from chalicelib.api.admin.request_bodies import read_named
from chalicelib.api.admin.requests import ORGANISATION, AdminRequest, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import audit, organisations, settings
from chalicelib.organisations.inputs import NewDomain, NewRole, NewWorkspace
from chalicelib.storage.settings_items import Workspace

WORKSPACE = f"{ORGANISATION}/workspaces/{{workspace}}"
ROLE = f"{ORGANISATION}/roles/{{role}}"
DOMAIN = f"{ORGANISATION}/domains/{{domain}}"
AUDIT = f"{ORGANISATION}/audit"


def routes(services: Services) -> Blueprint:
    """Make the blueprint of workspaces, roles, domains and the audit."""
    return requests.routes(services, ROUTES, __name__)


def put_workspace(request: AdminRequest) -> Response:
    """PUT .../workspaces/{workspace}."""
    body = read_named(NewWorkspace, request.http, "id", request.http.path["workspace"])
    put = settings.put_workspace(request.admin_context(), Workspace(body.id, body.name))
    return requests.json(200, asdict(put))


def delete_workspace(request: AdminRequest) -> Response:
    """DELETE .../workspaces/{workspace}: 409 where a connection uses it."""
    settings.delete_workspace(request.admin_context(), request.http.path["workspace"])
    return Response(204)


def put_role(request: AdminRequest) -> Response:
    """PUT .../roles/{role}."""
    body = read_named(NewRole, request.http, "id", request.http.path["role"])
    put = settings.put_role(request.admin_context(), organisations.new_role(body))
    return requests.json(200, asdict(put))


def delete_role(request: AdminRequest) -> Response:
    """DELETE .../roles/{role}: 409 where a connection uses it."""
    settings.delete_role(request.admin_context(), request.http.path["role"])
    return Response(204)


def put_domain(request: AdminRequest) -> Response:
    """PUT .../domains/{domain}: a body is not needed."""
    body = read_named(NewDomain, request.http, "domain", request.http.path["domain"])
    return requests.json(200, {"domain": settings.put_domain(request.admin_context(), body.domain)})


def delete_domain(request: AdminRequest) -> Response:
    """DELETE .../domains/{domain}."""
    settings.delete_domain(request.admin_context(), request.http.path["domain"])
    return Response(204)


def list_audit(request: AdminRequest) -> Response:
    """GET .../audit: who changed which setting, the newest first."""
    admin = request.admin_context()
    organisations.get(admin)
    page = audit.list_entries(admin, request.http.query.get("cursor"), request.page_size)
    return requests.items([asdict(each) for each in page.items], page.next_cursor)


ROUTES = (
    Route("PUT", WORKSPACE, Who.OPERATOR, put_workspace),
    Route("DELETE", WORKSPACE, Who.OPERATOR, delete_workspace),
    Route("PUT", ROLE, Who.OPERATOR, put_role),
    Route("DELETE", ROLE, Who.OPERATOR, delete_role),
    Route("PUT", DOMAIN, Who.OPERATOR, put_domain),
    Route("DELETE", DOMAIN, Who.OPERATOR, delete_domain),
    Route("GET", AUDIT, Who.OWN_ADMIN, list_audit),
)
