"""The handler of the summary: what the console's page needs before it can show anything."""

from __future__ import annotations

from chalicelib.api.admin.connections import connection_document
from chalicelib.api.admin.organisations import sign_on_document
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, OwnOrganisation, OwnSession, Summary
from chalicelib.api.admin.settings import role_document, workspace_document
from chalicelib.auth.authenticate import AdminPrincipal
from chalicelib.errors import NotFound
from chalicelib.organisations import connections, organisations, setup_links
from chalicelib.organisations.admin_context import AdminContext
from chalicelib.organisations.organisations import OrganisationDetails
from chalicelib.storage.console_items import ConsoleSession
from chalicelib.storage.settings_items import SERVED_STATES

ONLY_SESSIONS = "Only a session has a summary; an operator key reads organisation by organisation."


def get_summary(request: AdminRequest) -> Ok[Summary]:
    """GET /admin/summary: the session, its organisation and the connections that it may manage.

    Raises:
        NotFound: the credential is an operator key.
    """
    principal = request.principal
    if not isinstance(principal, AdminPrincipal):
        raise NotFound(ONLY_SESSIONS)
    admin, session = request.admin_context(principal.organisation), principal.session
    found = connections.list_connections(admin)
    own = [each for each in found if session.purpose == "admin" or each.id == session.connection]
    return Ok(
        {
            "session": _session(admin, session),
            "organisation": _organisation(request, organisations.get_details(admin)),
            "connections": [
                connection_document(request, each) for each in own if each.state in SERVED_STATES
            ],
        }
    )


def _session(admin: AdminContext, session: ConsoleSession) -> OwnSession:
    link = setup_links.find(admin, session.link) if session.link else None
    return {
        "id": session.id,
        "name": session.name,
        "user": session.user,
        "purpose": session.purpose,
        "connection": session.connection,
        "embedded": session.embedded,
        "return_url": session.return_url,
        "code": link.valid_code(admin.now()) if link else None,
        "expires_at": session.expires,
    }


def _organisation(request: AdminRequest, details: OrganisationDetails) -> OwnOrganisation:
    organisation = details.organisation
    settings = request.services.settings
    plan = settings.plans.get(organisation.plan)
    return {
        "id": organisation.id,
        "name": organisation.name,
        "state": organisation.state,
        "plan": organisation.plan,
        "scim": plan is not None and plan.scim,
        "sso": sign_on_document(organisation.sso),
        "authentication": sorted(organisation.allowed_types(settings.authentication_types)),
        "workspaces": [workspace_document(each) for each in details.workspaces],
        "roles": [role_document(each) for each in details.roles],
    }
