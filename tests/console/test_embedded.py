"""The console in a frame of the SaaS's own page: another origin, and no cookie at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator

from dev.play.idp import Provider
from tests.support.browsers import SAAS, Acme, Connected, Visitor

pytestmark = pytest.mark.console

# The page of the SaaS: it shows the link, and gives another one where the console asks for it.
PARENT = """<!doctype html><title>SaaS</title><iframe src="{link}" width="1000" height="800"
 allow="clipboard-write"></iframe>"""
GIVES_LINK = """(link) => addEventListener("message", (event) => {
    if (event.data.passerelle === "link") {
        event.source.postMessage({ passerelle_link: link }, event.origin);
    }
})"""


def embed(visitor: Visitor, link: str, origin: str = SAAS) -> FrameLocator:
    """Open a page of an origin that shows a link in a frame."""
    body = PARENT.format(link=link)
    visitor.page.route(
        f"{origin}/", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    visitor.page.goto(f"{origin}/")
    return visitor.page.frame_locator("iframe")


def test_the_setup_path_works_in_a_frame(acme: Acme, visitor: Visitor):
    """The session is kept in the page's memory; the browser gets no cookie."""
    frame = embed(visitor, acme.link(purpose="setup", embedded=True))
    frame.get_by_role("button", name="Open").click()
    frame.get_by_role("button", name="Save and continue").click()
    frame.get_by_label("Secret token").check()
    frame.get_by_role("button", name="Create the token").click()
    token = frame.get_by_label("Secret token", exact=True).input_value()
    frame.get_by_role("link", name="I have entered everything").click()
    [connection] = acme.send("GET", "/connections")["items"]
    Provider(connection["scim_url"], token).look_up("/Users?count=1", 0)

    frame.locator("strong", has_text="Connected").wait_for(timeout=10_000)
    assert visitor.page.context.cookies() == []


def test_a_frame_that_is_loaded_again_gets_a_link_of_its_parent(
    acme: Acme, connected: Connected, visitor: Visitor
):
    """It asks by a message, to the origins of the setting only."""
    frame = embed(visitor, acme.link(embedded=True).partition("#")[0])
    visitor.page.evaluate(GIVES_LINK, acme.link(embedded=True).partition("#")[2])
    frame.locator("body").evaluate("() => location.reload()")
    frame.get_by_role("button", name="Open").click()

    frame.get_by_role("heading", name="Entra ID").wait_for()


def test_no_other_page_may_frame_it(acme: Acme, visit: Callable[..., Visitor]):
    """The browser shows nothing of it."""
    visitor = visit()
    frame = embed(visitor, acme.link(embedded=True), "https://other.example")
    visitor.page.wait_for_timeout(1000)

    assert frame.get_by_role("button", name="Open").count() == 0
    assert any("frame-ancestors" in fault for fault in visitor.faults)
    visitor.faults.clear()
