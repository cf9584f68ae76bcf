"""`make console-size`: what a first visit of the console loads, until its first screen can be used.

    python -m dev console-size            print the table
    python -m dev console-size --write    put it into docs/console.md

Bytes are those of the bodies as they are sent, without compression: a gateway may do better.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Response, sync_playwright

from dev.errors import VerbError
from dev.measure.pages import Section
from tests.support import browsers

SECTION = Section("console.md", "console-size")
MOST_REQUESTS = 7
MOST_BYTES = 150_000


def main(arguments: Sequence[str]) -> int:
    """Print the table.

    Raises:
        VerbError: the first screen needs more than the page may load.
    """
    with tempfile.TemporaryDirectory() as directory, browsers.running(Path(directory)) as demo:
        measured = {name: _weigh(loaded) for name, loaded in _visits(demo)}
    lines = [f"| {name} | {n} | {size / 1000:,.1f} kB |\n" for name, (n, size) in measured.items()]
    heading = "| until | requests | bytes |\n|---|---|---|\n"
    SECTION.publish(heading + "".join(lines), arguments)
    requests, size = next(iter(measured.values()))
    if requests > MOST_REQUESTS or size > MOST_BYTES:
        raise VerbError(f"at most {MOST_REQUESTS} requests and {MOST_BYTES:,} bytes are allowed.")
    return 0


def _visits(demo: Mapping[str, Any]) -> Iterator[tuple[str, list[Response]]]:
    """Yield what each part of a visit loads beyond the parts before it."""
    acme = browsers.Acme(demo, demo["organisation"])
    with sync_playwright() as playwright:
        page = browsers.launch(playwright).new_context(locale="en-GB").new_page()
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
