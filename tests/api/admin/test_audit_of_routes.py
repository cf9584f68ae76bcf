"""Audit by construction: no route that changes something is without an entry."""

from __future__ import annotations

from functools import partial
from typing import Any

from chalicelib.api.admin.routes import ROUTES
from tests.support.builders import a_leaver
from tests.support.every_route import AGENT, Recorded, life

ADDRESS = "127.0.0.1"

# Not a GET, and yet no entry: why.
NO_ENTRY = {
    ("POST", "/sign-in"): "changes nothing: a search, with the address in the body",
    ("POST", "/admin/organisations/{organisation}/resolve"): "changes nothing, as sign-in",
    (
        "POST",
        "/admin/organisations/{organisation}/connections/{connection}/listen",
    ): "changes no setting: a page is open, and says so every two minutes",
}


def recorded_entries(operator, services, seen):
    """Use every route, and read both audits: entries by request id."""
    life(Recorded(operator, seen), operator, partial(a_leaver, services))
    organisation = operator("GET", "/admin/organisations").body["items"][0]["id"]
    audits = ("/admin/audit", f"/admin/organisations/{organisation}/audit")
    found: dict[str, dict[str, Any]] = {}
    for path in audits:
        page = operator("GET", path).body
        while page["next"]:
            found |= {each["request_id"]: each for each in page["items"]}
            page = operator("GET", f"{path}?cursor={page['next']}").body
        found |= {each["request_id"]: each for each in page["items"]}
    return found


def test_every_route_that_changes_something_leaves_an_entry(operator, services):
    """With the actor, the request, where it came from and what it concerns."""
    seen: dict[tuple[str, str], str] = {}
    entries = recorded_entries(operator, services, seen)

    changing = {(r.method, r.path) for r in ROUTES if r.method != "GET"} - NO_ENTRY.keys()
    silent = {route for route in changing if seen[route] not in entries}
    assert silent == set()
    for route in changing:
        entry = entries[seen[route]]
        assert entry["actor"]["type"] in {"operator", "admin", "setup"}, route
        assert entry["actor"]["id"], route
        assert (entry["address"], entry["user_agent"]) == (ADDRESS, AGENT), route
        assert entry["target"], route


def test_a_route_without_an_entry_is_there_and_changes_nothing():
    """The list has no more than it needs."""
    assert NO_ENTRY.keys() <= {(route.method, route.path) for route in ROUTES}
