"""The handlers of an organisation's groups, which the admin API calls teams."""

from __future__ import annotations

from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Ok, Page, Team, User, page
from chalicelib.api.admin.users import user_page
from chalicelib.organisations import groups
from chalicelib.organisations.paging import parse_list_cursor


def list_teams(request: AdminRequest) -> Ok[Page[Team]]:
    """GET /admin/organisations/{org}/teams, filtered by `search`."""
    query = request.http.query
    after = parse_list_cursor(query.get("cursor", ""))
    search = query.get("search") or None
    found = groups.list_groups(request.admin_context(), request.page_size, after, search)
    return page([_document(each) for each in found.items], found.next_cursor)


def get_team(request: AdminRequest) -> Ok[Team]:
    """GET .../teams/{team}."""
    return Ok(_document(groups.get(request.admin_context(), request.http.path["team"])))


def list_members(request: AdminRequest) -> Ok[Page[User]]:
    """GET .../teams/{team}/members: users, without the other teams that they are in."""
    after = request.http.query.get("cursor", "")
    team = request.http.path["team"]
    found = groups.list_members(request.admin_context(), team, request.page_size, after)
    return user_page(found, lambda last: last.user.id)


def _document(team: groups.OrganisationGroup) -> Team:
    group, connection = team.group, team.connection
    return {
        "id": group.id,
        "name": group.document["displayName"],
        "external_id": group.document.get("externalId"),
        "connection": connection.id,
        "workspace": connection.workspace,
        "members": group.size,
        "created": group.created,
        "last_modified": group.modified,
    }
