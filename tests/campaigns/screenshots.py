"""`make screenshots`: draw each screen of the console anew, into docs/console/.

In both languages, light and dark, wide and as narrow as a phone, on a service of its own that
`make demo` has filled. `--only users` draws the screens whose name begins so.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from dev.play.idp import Provider
from dev.run import fill_demo
from tests.support import browsers
from tests.support.browsers import Acme, Visitor

COLOURS = 128
FOLDER = Path(__file__).parents[2] / "docs" / "console"
LANGUAGES = {"en": "en-GB", "fr": "fr-FR"}
APPEARANCES = ("light", "dark")
# As the portal of Entra ID shows it.
TRUST = {
    "type": "federated",
    "issuer": "https://login.microsoftonline.com/ce5f061f-abe6-4e40-9615-301f87bcb7f0/v2.0",
    "subject": "d2f8ee76-c549-45b8-a143-f5b640669704",
    "audience": "api://b5ba7a93-4452-4522-aeb4-a2b5da870c16/.default",
}
SCREENS = ("setup/choose", "setup/connect", "users", "teams", "log", "credentials", "settings")
WIDTHS = {"wide": {"width": 1280, "height": 860}, "phone": {"width": 360, "height": 760}}


def main(arguments: Sequence[str]) -> int:
    """Draw all screens; prints how large they are together."""
    parser = argparse.ArgumentParser(prog="make screenshots")
    parser.add_argument("--only", default="", help="the beginning of a screen's name")
    only = parser.parse_args(arguments).only
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, browsers.running(Path(directory)) as demo:
        acme = _filled(demo, directory)
        with sync_playwright() as playwright:
            browser = browsers.launch(playwright)
            for language, appearance, width in product(LANGUAGES, APPEARANCES, WIDTHS):
                _draw(browser, acme, (language, appearance, width), only)
                print(f"{language} {appearance} {width}", flush=True)
            browser.close()
    files = list(FOLDER.glob("*.png"))
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB")
    return 0


def _filled(demo: Mapping[str, Any], directory: str) -> Acme:
    """Fill the demo, and let some requests be rejected."""
    os.environ["LOCAL_DIR"] = directory
    fill_demo.main([])
    acme = Acme(demo, demo["organisation"])
    acme.send("PUT", "/roles/editor", {"name": "Editor", "may_be_default": True})
    _sign_in_by_all_ways(acme, f"/connections/{demo['connection']}")
    for text in (f'"{demo["token"]}"', demo["token"][:-9]):
        _request(demo, text)
    [user] = acme.send("GET", "/users?limit=1")["items"]
    acme.send("PUT", f"/users/{user['id']}/roles/editor")
    return acme


def _sign_in_by_all_ways(acme: Acme, path: str) -> None:
    ways = ["token", "client_secret", "federated"]
    acme.send("PATCH", path, {"identity_provider": "entra", "authentication": ways})
    for credential in ({"type": "client_secret"}, TRUST):
        acme.send("POST", f"{path}/credentials", {"name": "Entra ID gallery", **credential})


def _request(demo: Mapping[str, Any], token: str) -> None:
    provider = fill_demo.Provider(demo["scim_url"], token)
    provider.send("GET", "/Users?count=1")


def _ask_for_a_token(demo: Mapping[str, Any]) -> None:
    """Ask with the id of another client, as an admin who has pasted the wrong one."""
    url = demo["scim_url"].replace("/scim/v2/", "/oauth2/") + "/token"
    form = {"grant_type": "client_credentials", "client_id": "entra", "client_secret": "x"}
    requests.post(url, data=form, timeout=30)


def _draw(browser: Browser, acme: Acme, variant: tuple[str, str, str], only: str) -> None:
    """Draw all screens in one language, appearance and width."""
    language, appearance, width = variant
    options: Any = {
        "locale": LANGUAGES[language],
        "color_scheme": appearance,
        "viewport": WIDTHS[width],
        "reduced_motion": "reduce",
    }
    page = browser.new_context(**options).new_page()
    for name in _screens(Visitor(page), acme):
        if name.startswith(only):
            _save(page.screenshot(), FOLDER / f"{name}-{language}-{appearance}-{width}.png")
    page.context.close()


def _save(picture: bytes, path: Path) -> None:
    """Save a picture with a palette: a third of the size, and no eye sees the difference."""
    colours = (
        Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    )
    colours.save(path, optimize=True)


def _screens(visitor: Visitor, acme: Acme) -> Iterator[str]:
    """Open one screen after another; yields the name of each when it is shown."""
    page, demo = visitor.page, acme.demo
    page.goto(acme.link())
    page.locator("form button").wait_for()
    yield "greeting"
    page.locator("form button").click()
    page.locator(".figures").wait_for()
    yield _settled(page, "overview")
    for name in SCREENS:
        visitor.go(name)
        yield _settled(page, name)
    visitor.go("setup/connect")
    for way in ("client_secret", "token"):
        page.locator(f"input[value={way}]").check()
        yield _settled(page, f"setup/connect/{way.replace('_', '-')}")
    visitor.go("setup/test")
    _ask_for_a_token(demo)
    _request(demo, f"Bearer {demo['token']}")
    Provider(demo["scim_url"], demo["token"]).look_up('/Users?filter=userName eq "nobody"', 0)
    page.locator(".live li:first-child.good").wait_for()
    page.wait_for_timeout(2500)
    yield _settled(page, "setup/test")
    yield from _further_screens(visitor, acme)


def _further_screens(visitor: Visitor, acme: Acme) -> Iterator[str]:
    page = visitor.page
    for name in ("users", "teams"):
        [first] = acme.send("GET", f"/{name}?limit=1")["items"]
        visitor.go(f"{name}/{first['id']}")
        yield _settled(page, name.removesuffix("s"))
    visitor.go("settings/disconnect")
    yield _settled(page, "disconnect")
    visitor.go("activity")
    yield _settled(page, "activity")
    visitor.go("test")
    page.locator("button.primary").click()
    page.locator(".checks li").nth(6).wait_for(timeout=60_000)
    yield _settled(page, "test")


def _settled(page: Page, name: str) -> str:
    """Wait until what is loading is there; returns the name as one of a file."""
    page.locator("#screen h1").wait_for()
    page.locator(".skeleton").first.wait_for(state="detached")
    page.wait_for_timeout(200)
    return name.replace("/", "-")
