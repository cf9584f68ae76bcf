"""`make console-size`: what a first visit of the console loads, and what an open page polls.

    python -m dev console-size            print both tables
    python -m dev console-size --write    put them into docs/console.md and docs/costs.md

Bytes are those of the bodies as they are sent, without compression: a gateway may do better.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, Response, sync_playwright

from dev.errors import VerbError
from dev.measure.pages import Section
from tests.campaigns import console_polls
from tests.support import browsers
from tests.support.browsers import Acme

SECTION = Section("console.md", "console-size")
POLLS = Section("costs.md", "console-polls")
# Requests and bytes until the first screen can be used, and until the overview is shown after it.
LIMITS = ((7, 150_000), (7, 150_000))


def main(arguments: Sequence[str]) -> int:
    """Print the tables.

    Raises:
        VerbError: a part of the first visit needs more than it may load.
    """
    with tempfile.TemporaryDirectory() as directory, browsers.running(Path(directory)) as demo:
        acme = browsers.Acme(demo, demo["organisation"])
        with sync_playwright() as playwright:
            browser = browsers.launch(playwright)
            measured = {name: _weigh(loaded) for name, loaded in _visits(browser, acme)}
            polls = console_polls.table(browser, acme)
    lines = [f"| {name} | {n} | {size / 1000:,.1f} kB |\n" for name, (n, size) in measured.items()]
    heading = "| until | requests | bytes |\n|---|---|---|\n"
    SECTION.publish(heading + "".join(lines), arguments)
    POLLS.publish(polls, arguments)
    for (requests, size), (most, most_bytes) in zip(measured.values(), LIMITS, strict=False):
        if requests > most or size > most_bytes:
            raise VerbError(f"at most {most} requests and {most_bytes:,} bytes are allowed.")
    return 0


def _visits(browser: Browser, acme: Acme) -> Iterator[tuple[str, list[Response]]]:
    """Yield what each part of a visit loads beyond the parts before it."""
    page = browser.new_context(locale="en-GB").new_page()
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.extend([response]))
    page.goto(acme.link())
    page.get_by_role("button", name="Open").wait_for()
    yield "a link has opened the page: its first screen", _taken(loaded)
    page.get_by_role("button", name="Open").click()
    page.locator(".figures").wait_for()
    yield "and a click has opened the overview", _taken(loaded)
    yield from _later(page, loaded)


def _later(page: Page, loaded: list[Response]) -> Iterator[tuple[str, list[Response]]]:
    page.wait_for_load_state("networkidle")
    loaded.clear()
    page.reload()
    page.locator(".figures").wait_for()
    # The browser has the rest: its addresses change only with a deployment.
    sent = [each for each in _taken(loaded) if not _is_kept(each)]
    yield "the overview is loaded again later", sent


def _taken(loaded: list[Response]) -> list[Response]:
    taken = [each for each in loaded if each.url.startswith("http")]
    loaded.clear()
    return taken


def _is_kept(response: Response) -> bool:
    return "immutable" in response.headers.get("cache-control", "")


def _weigh(loaded: Sequence[Response]) -> tuple[int, int]:
    return len(loaded), sum(len(each.body()) for each in loaded)
