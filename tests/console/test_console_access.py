"""The page for everybody: axe-core on each screen, focus, announcements, and two appearances."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dev.play.idp import a_user
from tests.support.browsers import Acme, Connected, Visitor, violations

pytestmark = pytest.mark.console

Visit = Callable[..., Visitor]

SCREENS = (
    *("overview", "setup/choose", "setup/connect", "setup/test", "users", "teams", "log"),
    *("test", "credentials", "settings", "settings/disconnect", "activity"),
)


# What can have the focus, in its order: the first of it, and what nobody sees or has taken out.
REACHED = """() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, summary")];
    const unseen = (each) => !each.checkVisibility() || each.tabIndex < 0;
    return { first: all[0].innerText, hidden: all.filter(unseen).map((each) => each.outerHTML) };
}"""


@pytest.fixture
def busy(acme: Acme, connected: Connected) -> str:
    """Provision a user and a group, let some requests be rejected; returns the user's id."""
    provider = connected.provider
    user = provider.create("Users", a_user("Ada", "Lovelace", "acme.example"))
    member = {"value": user.removeprefix("/Users/")}
    provider.create("Groups", {"displayName": "Research", "members": [member]})
    connected.request(f'Bearer "{connected.token}"')
    connected.request(f"Bearer {connected.token}", "/Users/none")
    return member["value"]


# Colours do not depend on the width, so a phone needs one appearance.
@pytest.mark.parametrize(("appearance", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_axe_finds_nothing_on_any_screen(
    acme: Acme, busy: str, visit: Visit, appearance: str, width: int
):
    """Contrast, names, roles and order; nothing is wider than the window."""
    visitor = visit(
        color_scheme=appearance,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    visitor.open(acme.link())
    team = acme.send("GET", "/teams")["items"][0]["id"]
    found: dict[str, list[str]] = {}
    for screen in (*SCREENS, f"users/{busy}", f"teams/{team}"):
        visitor.go(screen)
        visitor.page.locator("h1").wait_for()
        found[screen] = violations(visitor.page)
        if visitor.page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            found[screen].append("wider than the window")

    assert {screen: faults for screen, faults in found.items() if faults} == {}


def test_axe_finds_nothing_in_what_unfolds(acme: Acme, busy: str, visitor: Visitor):
    """An entry of the log, a confirmation, a rotation, a new token, a report."""
    visitor.open(acme.link())
    visitor.go("log")
    for line in visitor.page.locator(".entry .line").all():
        line.click()
    found = violations(visitor.page)
    visitor.go("credentials")
    visitor.click("Revoke")
    visitor.click("Rotate")
    found += violations(visitor.page)
    visitor.click("Rotate")
    visitor.sees("Copy it now")
    found += violations(visitor.page)
    visitor.go("test")
    visitor.click("Run the self-test")
    visitor.sees("All is well on this side", seconds=60)
    found += violations(visitor.page)

    assert found == []


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_axe_finds_nothing_before_there_is_a_session(
    acme: Acme, demo, visit: Visit, appearance: str
):
    """The greeting, one that asks for a code, no link, and the first step with nothing yet."""
    visitor = visit(color_scheme=appearance, reduced_motion="reduce")
    link = acme.link()
    visitor.page.goto(link)
    visitor.page.get_by_role("button", name="Open").wait_for()
    found = violations(visitor.page)
    setup = acme.link(purpose="setup")
    visitor.open(setup)
    found += violations(visitor.page)
    other = visit(color_scheme=appearance, reduced_motion="reduce")
    other.page.goto(link.partition("#")[0])
    other.sees("You are not signed in here")
    found += violations(other.page)
    other.page.goto(setup)
    other.click("Open")
    other.page.get_by_label("Six-digit code").wait_for()
    found += violations(other.page)

    assert found == []


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_axe_finds_nothing_where_there_is_nothing_yet(
    acme: Acme, connected: Connected, visit: Visit, appearance: str
):
    """Empty lists, a search that finds nobody, and what is not there any more; under all bars."""
    acme.send("PATCH", connected.path, {"state": "paused"})
    acme.send("DELETE", f"{connected.path}/tokens/{connected.token_id}")
    acme.send("PATCH", "", {"plan": "free", "state": "suspended"})
    visitor = visit(color_scheme=appearance, reduced_motion="reduce")
    visitor.open(acme.link())
    screens = ("overview", "setup/connect", "users", "teams", "log/refused", "credentials")
    found = {screen: _violations_on(visitor, screen) for screen in (*screens, "users/none")}
    visitor.go("users")
    visitor.page.get_by_label("Search by name or e-mail").fill("nobody")
    visitor.sees("Nobody found")
    found["nobody"] = violations(visitor.page)

    assert {screen: faults for screen, faults in found.items() if faults} == {}


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_axe_finds_nothing_where_something_is_wrong(
    acme: Acme, connected: Connected, visit: Visit, appearance: str
):
    """A field that is rejected, no network, and a session that has ended."""
    visitor = visit(color_scheme=appearance, reduced_motion="reduce")
    page = visitor.page
    visitor.open(acme.link())
    visitor.go("settings")
    page.get_by_label("Name", exact=True).fill("x" * 300)
    visitor.click("Save")
    page.locator(".problem").first.wait_for()
    found = {"field": violations(page)}
    page.context.set_offline(offline=True)
    visitor.click("Save")
    visitor.sees("No network")
    found["offline"] = violations(page)
    page.context.set_offline(offline=False)
    acme.send("DELETE", "/sessions")
    visitor.click("Save")
    visitor.sees("Your session has ended")
    found["ended"] = violations(page)

    assert {state: faults for state, faults in found.items() if faults} == {}


def _violations_on(visitor: Visitor, screen: str) -> list[str]:
    visitor.go(screen)
    visitor.page.locator("h1").wait_for()
    return violations(visitor.page)


def test_the_heading_has_the_focus_when_a_screen_opens(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """Reading begins there, and the window's title says where one is."""
    visitor.open(acme.link())
    visitor.page.get_by_role("link", name="Credentials").click()
    visitor.page.wait_for_function("() => document.title.startsWith('Credentials')")

    assert visitor.page.evaluate("() => document.activeElement.outerText") == "Credentials"
    assert visitor.page.evaluate("() => document.activeElement.tagName") == "H1"


def test_the_keyboard_reaches_everything_on_a_screen(acme: Acme, busy: str, visitor: Visitor):
    """By Tab, in the order in which it is read; the first stop skips the menu."""
    visitor.open(acme.link())
    page = visitor.page
    for screen in (
        "overview",
        "users",
        f"users/{busy}",
        "log",
        "credentials",
        "settings",
        "activity",
    ):
        visitor.go(screen)
        page.locator("#screen h1").wait_for()
        reached = page.evaluate(REACHED)
        assert reached["first"] == "Skip to the content"
        assert reached["hidden"] == [], screen
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("() => document.activeElement.tagName") != "BODY"


def test_what_changes_is_announced(acme: Acme, connected: Connected, visitor: Visitor):
    """For those who do not see it."""
    visitor.open(acme.link())
    visitor.go("setup/connect")
    visitor.click("Copy: Tenant URL (SCIM URL)")
    region = visitor.page.get_by_role("status").filter(has_text="Tenant URL (SCIM URL): copied")
    region.wait_for(state="attached")


def test_those_who_want_less_motion_get_none(acme: Acme, connected: Connected, visit: Visit):
    """No animation runs."""
    visitor = visit(reduced_motion="reduce")
    visitor.open(acme.link())
    visitor.go("setup/test")

    assert visitor.page.evaluate("() => document.getAnimations().length") == 0
