"""What can go wrong while somebody uses the page: one sentence that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Dialog

from chalicelib.storage.keys import OrganisationKeys
from tests.support import browsers
from tests.support.browsers import Acme, Connected, Visitor

pytestmark = pytest.mark.console

Visit = Callable[..., Visitor]
LONG_AGO = "2020-01-31T12:00:00.000Z"
CODE = re.compile(r"\b[0-9]{6}\b")


def test_a_scanner_uses_no_link_up(acme: Acme, connected: Connected, visitor: Visitor):
    """It fetches the address ten times before the person opens it."""
    link = acme.link()
    statuses = {requests.get(link, timeout=10).status_code for _ in range(10)}

    assert statuses == {200}
    visitor.open(link)


def test_a_used_or_revoked_link_says_where_to_get_another(
    acme: Acme, connected: Connected, visit: Visit
):
    """In another browser; what happens is the same for both."""
    used = acme.link()
    visit().open(used)
    made = acme.send("POST", "/console-links", {"name": "Ada"})
    acme.send("DELETE", f"/console-links/{made['id']}")

    for link in (used, made["url"]):
        visitor = visit()
        visitor.page.goto(link)
        visitor.click("Open")
        visitor.sees("This link no longer works")
        visitor.sees("ask the person who sent you the link for a new one")


def test_an_expired_link_says_where_to_get_another(
    acme: Acme, connected: Connected, age: Callable[..., None], visitor: Visitor
):
    """The same sentence as for a used one; a setup link as an admin link."""
    for purpose in ("admin", "setup"):
        made = acme.send("POST", "/console-links", {"name": "Ada", "purpose": purpose})
        age(OrganisationKeys(acme.organisation).console_link(made["id"]), expires=LONG_AGO)
        visitor.page.goto("about:blank")
        visitor.page.goto(made["url"])
        visitor.click("Open")
        visitor.sees("This link no longer works")
        visitor.sees("ask the person who sent you the link for a new one")


def test_a_session_that_nobody_used_for_long_has_ended(
    acme: Acme, connected: Connected, age: Callable[..., None], visitor: Visitor
):
    """It says so at the next click, over what is shown."""
    visitor.open(acme.link())
    [session] = acme.send("GET", "/sessions")["items"]
    age(OrganisationKeys(acme.organisation).console_session(session["id"]), last_used=LONG_AGO)
    visitor.go("log")

    visitor.sees("Your session has ended")


def test_who_signs_out_in_one_tab_is_out_in_the_other(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """And the tab that was left says how to come back."""
    visitor.open(acme.link())
    second = Visitor(visitor.page.context.new_page())
    second.page.goto(visitor.page.url)
    second.page.locator("#screen h1").wait_for()
    visitor.click("Sign out")

    visitor.sees("You are signed out")
    second.go("log")
    second.sees("Your session has ended")


def test_finish_ends_the_link(acme: Acme, connected: Connected, visitor: Visitor):
    """Once a good request has come; the page says that all is done."""
    link = acme.link(purpose="setup", connection=connected.id)
    visitor.open(link)
    visitor.go("setup/test")
    assert connected.request(f"Bearer {connected.token}") == 200
    visitor.click("Finish")
    visitor.click("Finish")

    visitor.sees("Set-up complete")
    assert acme.send("GET", "/console-links")["items"] == []


def test_a_used_link_in_the_same_browser_goes_on(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """A second tab, or the link in the mail clicked again."""
    link = acme.link()
    visitor.open(link)
    second = visitor.page.context.new_page()
    second.goto(link)
    second.get_by_role("button", name="Open").click()

    second.get_by_role("heading", name="Entra ID").wait_for()


def test_a_double_click_is_one_exchange(acme: Acme, connected: Connected, visitor: Visitor):
    """The second click does nothing."""
    visitor.page.goto(acme.link())
    visitor.page.get_by_role("button", name="Open").dblclick()

    visitor.page.locator("nav a[aria-current]").wait_for()
    assert len(acme.send("GET", "/sessions")["items"]) == 1


def test_back_leads_to_the_screen_before_and_never_to_the_link(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """The code is in no address of the history."""
    visitor.open(acme.link())
    visitor.go("log")
    visitor.go("credentials")
    visitor.page.go_back()

    visitor.page.get_by_role("heading", name="Log").wait_for()
    assert "psl_link" not in visitor.page.url
    visitor.page.go_back()
    visitor.page.get_by_role("heading", name="Entra ID").wait_for()
    assert "psl_link" not in visitor.page.url


def test_without_a_session_it_says_where_to_get_a_link(demo, visitor: Visitor):
    """An address that somebody has kept."""
    visitor.page.goto(f"{demo['admin_url'].removesuffix('/admin')}/console/#/log")

    visitor.sees("You are not signed in here")


def test_a_session_that_ends_keeps_what_was_typed(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """It can be copied before the console is opened again."""
    visitor.open(acme.link())
    visitor.go("credentials")
    visitor.page.get_by_label("Name", exact=True).fill("Entra ID production")
    acme.send("DELETE", "/sessions")
    visitor.page.locator("form button").click()

    visitor.sees("Your session has ended")
    assert visitor.page.get_by_label("Name", exact=True).input_value() == "Entra ID production"


def test_what_is_not_saved_is_asked_about(acme: Acme, connected: Connected, visitor: Visitor):
    """Leaving the screen needs a yes."""
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    visitor.open(acme.link())
    visitor.go("settings")
    visitor.page.get_by_label("Name", exact=True).fill("Another name")
    visitor.page.on("dialog", dismiss)
    visitor.page.get_by_role("link", name="Log").click()
    visitor.page.wait_for_timeout(300)

    assert asked == ["What you have entered is not saved. Leave this screen?"]
    assert visitor.page.get_by_label("Name", exact=True).input_value() == "Another name"
    assert visitor.page.url.endswith("#/settings")


def test_a_suspended_organisation_can_be_looked_at(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """It says whom to ask, and a change is rejected with the same."""
    acme.send("PATCH", "", {"state": "suspended"})
    visitor.open(acme.link())

    visitor.sees("Your organisation is suspended")
    visitor.go("log")
    visitor.sees("No requests yet")


def test_a_plan_without_scim_is_said(demo, visitor: Visitor):
    """Before anything is entered."""
    visitor.open(browsers.create_organisation(demo, plan="free").link())
    visitor.sees("Your plan (free) does not include SCIM")


def test_a_deleted_workspace_is_named_at_the_field(acme: Acme, visitor: Visitor):
    """Somebody deletes it while it is being chosen."""
    acme.send("PUT", "/workspaces/shed", {"name": "Shed"})
    visitor.open(acme.link())
    visitor.page.get_by_label("Workspace", exact=True).select_option("Shed")
    acme.send("DELETE", "/workspaces/shed")
    visitor.click("Save and continue")

    visitor.sees("there is no such workspace in this organisation")


def test_a_lost_token_is_replaced(acme: Acme, connected: Connected, visitor: Visitor):
    """Its text is shown once; the page offers another."""
    visitor.open(acme.link())
    visitor.go("setup/connect")
    visitor.sees("Its text was shown once")
    visitor.click("Create another token")

    visitor.sees("Copy it now")


def test_without_a_network_it_says_so_and_goes_on_afterwards(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """What was shown stays."""
    visitor.open(acme.link())
    visitor.go("log")
    visitor.page.context.set_offline(True)
    visitor.page.get_by_label("Outcome").select_option("Rejected")
    visitor.sees("No network")
    visitor.page.context.set_offline(False)
    visitor.click("Try again")

    visitor.sees("No such requests")
    visitor.page.get_by_text("No network").wait_for(state="detached")


def test_a_setup_link_in_a_second_browser_asks_for_the_code_of_the_first(
    acme: Acme, connected: Connected, visit: Visit
):
    """The first browser shows it within a poll."""
    link = acme.link(purpose="setup", connection=connected.id)
    first, second = visit(), visit()
    first.open(link)
    second.page.goto(link)
    second.click("Open")
    second.page.get_by_label("Six-digit code").wait_for()
    shown = first.page.get_by_text(CODE).first
    shown.wait_for(timeout=20_000)
    [code] = CODE.findall(shown.inner_text())
    second.page.get_by_label("Six-digit code").fill(code)
    second.click("Open")

    second.page.locator("nav a[aria-current]").wait_for()
