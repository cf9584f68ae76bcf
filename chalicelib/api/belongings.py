"""The routes of what an organisation has one by one, and of who changed which of its settings."""

from __future__ import annotations

from dataclasses import asdict

from chalice.app import Blueprint

from chalicelib.api import calls
from chalicelib.api.bodies import read_named
from chalicelib.api.calls import ORGANISATION, Call, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import audit, belongings, organisations
from chalicelib.organisations.requests import NewDomain, NewRole, NewWorkspace
from chalicelib.storage.configuration import Workspace

WORKSPACE = f"{ORGANISATION}/workspaces/{{workspace}}"
ROLE = f"{ORGANISATION}/roles/{{role}}"
DOMAIN = f"{ORGANISATION}/domains/{{domain}}"
AUDIT = f"{ORGANISATION}/audit"


def routes(services: Services) -> Blueprint:
    """Make the blueprint of workspaces, roles, domains and the audit."""
    return calls.routes(services, ROUTES, __name__)


def put_workspace(call: Call) -> Response:
    """PUT .../workspaces/{workspace}."""
    body = read_named(NewWorkspace, call.request, "id", call.request.path["workspace"])
    put = belongings.put_workspace(call.administration(), Workspace(body.id, body.name))
    return calls.json(200, asdict(put))


def delete_workspace(call: Call) -> Response:
    """DELETE .../workspaces/{workspace}: 409 where a connection uses it."""
    belongings.delete_workspace(call.administration(), call.request.path["workspace"])
    return Response(204)


def put_role(call: Call) -> Response:
    """PUT .../roles/{role}."""
    body = read_named(NewRole, call.request, "id", call.request.path["role"])
    put = belongings.put_role(call.administration(), organisations.new_role(body))
    return calls.json(200, asdict(put))


def delete_role(call: Call) -> Response:
    """DELETE .../roles/{role}: 409 where a connection uses it."""
    belongings.delete_role(call.administration(), call.request.path["role"])
    return Response(204)


def put_domain(call: Call) -> Response:
    """PUT .../domains/{domain}: a body is not needed."""
    body = read_named(NewDomain, call.request, "domain", call.request.path["domain"])
    return calls.json(200, {"domain": belongings.put_domain(call.administration(), body.domain)})


def delete_domain(call: Call) -> Response:
    """DELETE .../domains/{domain}."""
    belongings.delete_domain(call.administration(), call.request.path["domain"])
    return Response(204)


def list_audit(call: Call) -> Response:
    """GET .../audit: who changed which setting, the newest first."""
    admin = call.administration()
    organisations.read_row(admin)
    page = audit.listed(admin, call.request.query.get("cursor"), call.page_size)
    return calls.items([asdict(each) for each in page.items], page.following)


ROUTES = (
    Route("PUT", WORKSPACE, Who.OPERATOR, put_workspace),
    Route("DELETE", WORKSPACE, Who.OPERATOR, delete_workspace),
    Route("PUT", ROLE, Who.OPERATOR, put_role),
    Route("DELETE", ROLE, Who.OPERATOR, delete_role),
    Route("PUT", DOMAIN, Who.OPERATOR, put_domain),
    Route("DELETE", DOMAIN, Who.OPERATOR, delete_domain),
    Route("GET", AUDIT, Who.OWN_ADMIN, list_audit),
)
