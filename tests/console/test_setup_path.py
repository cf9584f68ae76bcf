"""Set up in a browser: from a link to the first good request."""

from __future__ import annotations

import time

import pytest

from dev.play import idp
from dev.play.idp import Provider

pytestmark = pytest.mark.console


def test_from_a_setup_link_to_green_in_twelve_clicks(acme, visitor):
    """With nothing but the link, and the provider of `make idp`; in less than 90 seconds."""
    started = time.monotonic()
    visitor.open(acme.link(purpose="setup", contact="it@acme.example"))
    page = visitor.page
    page.get_by_label("Microsoft Entra ID").check()
    visitor.clicks += 1
    visitor.click("Save and continue")
    page.get_by_label("Secret token").check()
    visitor.clicks += 1
    visitor.click("Create the token")
    visitor.click("Copy: Tenant URL (SCIM URL)")
    scim_url = page.evaluate("() => navigator.clipboard.readText()")
    visitor.click("Copy: Secret token")
    token = page.evaluate("() => navigator.clipboard.readText()")
    visitor.click("I have entered everything", role="link")

    idp.play(Provider(scim_url, token), "console.example.com")

    visitor.sees("Connected", seconds=10)
    visitor.sees("as in a connection test")
    assert visitor.clicks <= 12
    assert time.monotonic() - started < 90


def tab_to(page, name, limit=60):
    """Press Tab until the focus is on what has this name."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label')"
            " ?? document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText"
        )
        if focused and name in focused:
            return
    pytest.fail(f"the keyboard does not reach {name}")


# What is pressed on each; in a group of choices the arrows choose.
KEYS = {
    "Open": ["Enter"],
    "Save and continue": ["Enter"],
    "Workload identity": ["ArrowDown", "ArrowDown"],
    "Create the token": ["Enter"],
    "Copy: Secret token": ["Enter"],
}


def test_the_same_path_by_keyboard_alone(acme, visitor):
    """Each step is reached by Tab and done by Enter or the arrows."""
    page = visitor.page
    page.goto(acme.link(purpose="setup"))
    for name, keys in KEYS.items():
        page.locator("main button:not(.language button)").first.wait_for()
        tab_to(page, name)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(500)
    token = page.evaluate("() => navigator.clipboard.readText()")
    tab_to(page, "I have entered everything")
    page.keyboard.press("Enter")
    visitor.sees("Waiting for a request")

    [connection] = acme.send("GET", "/connections")["items"]
    Provider(connection["scim_url"], token).look_up("/Users?count=1", 0)

    visitor.sees("Connected", seconds=10)
    assert "Connected" in page.locator("#announcements").inner_text()
