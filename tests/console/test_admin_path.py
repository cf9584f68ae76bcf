"""What an admin does in the console once a connection works, in a browser."""

from __future__ import annotations

import pytest

from dev.play.idp import a_user
from tests.support.browsers import Acme, Connected, Visitor

pytestmark = pytest.mark.console


@pytest.fixture
def people(connected: Connected) -> list[str]:
    """Provision two users; returns their ids."""
    provider = connected.provider
    paths = [
        provider.create("Users", a_user(given, family, "acme.example"))
        for given, family in (("Ada", "Lovelace"), ("Grace", "Hopper"))
    ]
    return [path.removeprefix("/Users/") for path in paths]


def test_a_token_is_rotated_and_the_old_one_ends_when_the_new_one_is_used(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """The page says at which moment the old one can go."""
    visitor.open(acme.link())
    visitor.go("credentials")
    visitor.click("Rotate")
    visitor.click("Rotate")
    visitor.sees("Waiting for the first request with the new one")
    visitor.click("Copy: Secret token")
    token = visitor.page.evaluate("() => navigator.clipboard.readText()")

    assert connected.request(f"Bearer {token}") == 200
    visitor.sees("The new one was first used at", seconds=15)
    visitor.click("End the old one now")

    visitor.page.get_by_text("The new one was first used at").wait_for(state="detached")
    assert connected.request(f"Bearer {connected.token}") == 401
    assert connected.request(f"Bearer {token}") == 200


def test_a_role_is_assigned_and_removed(
    acme: Acme, connected: Connected, people: list[str], visitor: Visitor
):
    """The page shows where each role comes from."""
    visitor.open(acme.link())
    visitor.go("users")
    visitor.click("Ada Lovelace", role="link")
    visitor.sees("given when the user was created")
    visitor.page.get_by_label("Another role").select_option("Editor")
    visitor.click("Assign role")

    visitor.sees("set by an admin")
    visitor.click("Remove role Reader")
    visitor.page.get_by_role("button", name="Remove role Reader").wait_for(state="detached")
    roles = acme.send("GET", f"/users/{people[0]}")["roles"]
    assert [each["role"] for each in roles] == ["editor"]


def test_the_story_of_a_user_has_requests_and_changes(
    acme: Acme, connected: Connected, people: list[str], visitor: Visitor
):
    """What the provider sent, and what admins have changed, each unfolds."""
    connected.provider.patch(
        f"/Users/{people[0]}", {"op": "Replace", "path": "active", "value": "False"}
    )
    acme.send("PUT", f"/users/{people[0]}/roles/editor")
    visitor.open(acme.link())
    visitor.go(f"users/{people[0]}")

    for text in ("Created a user", "Deactivated a user", "Changed the roles of a user"):
        visitor.sees(text)
    visitor.page.get_by_text("Deactivated a user").click()
    visitor.sees(f"PATCH /Users/{people[0]} → 200")


def test_users_and_teams_are_searched(
    acme: Acme, connected: Connected, people: list[str], visitor: Visitor
):
    """By the beginning of a name; the page says what to do where nobody is found."""
    visitor.open(acme.link())
    visitor.go("users")
    search = visitor.page.get_by_label("Search by name or e-mail")
    search.fill("grace")

    visitor.page.get_by_role("link", name="Ada Lovelace").wait_for(state="detached")
    visitor.sees("Grace Hopper")
    search.fill("nobody")
    visitor.sees("Nobody found")


def test_a_session_is_ended_elsewhere(acme: Acme, connected: Connected, visit):
    """The browser whose session has ended says so at its next request."""
    first, second = visit(), visit()
    first.open(acme.link(name="Grace Hopper"))
    second.open(acme.link(name="Ada Lovelace"))
    second.go("activity")
    second.click("End the session of Grace Hopper")

    second.page.get_by_label("End the session of Grace Hopper").wait_for(state="detached")
    first.go("log")
    first.sees("Your session has ended")


def test_the_language_is_switched_and_kept(acme: Acme, connected: Connected, visitor: Visitor):
    """Also after the page is loaded again."""
    visitor.open(acme.link())
    visitor.click("FR Français")

    visitor.sees("Vue d’ensemble")
    assert visitor.page.locator("html").get_attribute("lang") == "fr"
    visitor.page.reload()
    visitor.sees("Vue d’ensemble")


def test_disconnecting_shows_first_what_it_does(
    acme: Acme, connected: Connected, people: list[str], visitor: Visitor
):
    """The counts are the service's; nothing happens before the name is typed."""
    visitor.open(acme.link())
    visitor.go("settings/disconnect")
    visitor.page.get_by_label("Deactivate them").check()
    users = visitor.page.locator("dl.figures div", has_text="Users").locator("dd")
    assert users.inner_text() == "2"
    visitor.click("Disconnect now")
    assert visitor.page.get_by_role("button", name="Disconnect now").is_disabled()
    visitor.page.get_by_label("to confirm").fill("Entra ID")
    visitor.click("Disconnect now")

    visitor.sees("Where does your company keep its users")
    assert acme.send("GET", connected.path)["state"] == "ended"
    assert acme.send("GET", f"/users/{people[0]}")["active"] is False


def test_settings_are_saved_and_a_connection_is_paused(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """A saved setting is in force; a paused connection says so on every screen."""
    visitor.open(acme.link())
    visitor.go("settings")
    visitor.page.get_by_label("Keep its members").check()
    visitor.page.get_by_label("Reject the request").first.check()
    visitor.click("Save")
    visitor.sees("Nothing to save")
    visitor.click("Pause")
    visitor.click("Pause")

    visitor.sees("The connection is paused: requests of your identity provider are rejected")
    connection = acme.send("GET", connected.path)
    assert connection["settings"]["unknown_attributes"] == "strict"
    assert connection["state"] == "paused"


def test_the_self_test_shows_its_steps(acme: Acme, connected: Connected, visitor: Visitor):
    """Each step of the provider's dialogue, and what could be better."""
    visitor.open(acme.link())
    visitor.go("test")
    visitor.click("Run the self-test")

    visitor.sees("All is well on this side", seconds=60)
    assert visitor.page.locator(".checks li").count() > 10


def test_log_and_activity_are_downloaded(acme: Acme, connected: Connected, visitor: Visitor):
    """As CSV files of everything that the filter shows."""
    assert connected.request(f"Bearer {connected.token}") == 200
    visitor.open(acme.link())
    for screen, column in (("log", "duration_ms"), ("activity", "user_agent")):
        visitor.go(screen)
        with visitor.page.expect_download() as download:
            visitor.click("Download CSV")
        lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert column in lines[0]
        assert len(lines) > 1
