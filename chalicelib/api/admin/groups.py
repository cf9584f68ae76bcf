"""The handlers of an organisation's groups, which the admin API calls teams."""

from __future__ import annotations

from chalicelib.api.admin.include import fitted_page, scim_documents
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, Page, Team, User
from chalicelib.api.admin.users import user_page
from chalicelib.organisations import groups
from chalicelib.organisations.paging import parse_list_cursor
from chalicelib.organisations.scim_documents import ScimDocuments


def list_teams(request: AdminRequest) -> Ok[Page[Team]]:
    """GET /admin/organisations/{org}/teams, filtered by `search`."""
    query = request.http.query
    after = parse_list_cursor(query.get("cursor", ""))
    search = query.get("search") or None
    found = groups.list_groups(request.admin_context(), request.page_size, after, search)
    scim = scim_documents(request)
    return fitted_page(found, _document, lambda last: last.cursor.text(), scim)


def get_team(request: AdminRequest) -> Ok[Team]:
    """GET .../teams/{team}."""
    found = groups.get(request.admin_context(), request.http.path["team"])
    return Ok(_document(found, scim_documents(request)))


def list_members(request: AdminRequest) -> Ok[Page[User]]:
    """GET .../teams/{team}/members: users, without the other teams that they are in."""
    after = request.http.query.get("cursor", "")
    team = request.http.path["team"]
    found = groups.list_members(request.admin_context(), team, request.page_size, after)
    return user_page(request, found, lambda last: last.user.id)


def _document(team: groups.OrganisationGroup, scim: ScimDocuments | None) -> Team:
    group, connection = team.group, team.connection
    document: Team = {
        "id": group.id,
        "name": group.document["displayName"],
        "external_id": group.document.get("externalId"),
        "connection": connection.id,
        "workspace": connection.workspace,
        "members": group.size,
        "created": group.created,
        "last_modified": group.modified,
        "version": group.version,
    }
    if scim is not None:
        document["scim"] = scim.of_group(connection, group)
    return document
