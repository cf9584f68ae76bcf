"""A browser in front of a running service: what the tests of the console's page need.

The service is that of `make run`, in a process of its own; each test has an organisation of its own
there, and a context of the browser without cookies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from dev.play.idp import Provider
from dev.run import background, npm

CHROMIUM = Path("/usr/bin/chromium")
# No sandbox: a container has no user namespaces. The others keep it from asking its maker anything.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The page of the SaaS is made up, so its address is not local as the service's is.
    "--disable-features=LocalNetworkAccessChecks",
    "--test-third-party-cookie-phaseout",
)
AXE = npm.Package(
    "axe-core@4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    inside="package/",
)
# Waits for what is fading in; the light that breathes while the page listens goes on for ever.
ANIMATED = """() => Promise.all(
    document.getAnimations()
        .filter((each) => each.effect.getComputedTiming().iterations !== Infinity)
        .map((each) => each.finished))"""

# The SaaS whose pages may show the console in a frame; the browser's tests stand in for it.
SAAS = "https://saas.example"

ROLES = [
    {"id": "reader", "name": "Reader", "may_be_default": True},
    {"id": "editor", "name": "Editor", "may_be_default": True},
    {"id": "owner", "name": "Owner", "protected": True},
]
ORGANISATION = {
    "name": "Acme",
    "plan": "enterprise",
    "workspaces": [{"id": "main", "name": "Main"}],
    "roles": ROLES,
}
CONNECTION = {
    "name": "Entra ID",
    "workspace": "main",
    "default_role": "reader",
    "identity_provider": "entra",
}


@contextmanager
def running(directory: Path) -> Iterator[Mapping[str, Any]]:
    """Run the service while the block runs; yields the content of its demo.json."""
    with background.running(directory, EMBEDDING_ORIGINS=json.dumps([SAAS])) as started:
        yield started.described


def launch(playwright: Playwright) -> Browser:
    """Start the browser that the machine has."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])


@dataclass(frozen=True, slots=True)
class Acme:
    """An organisation of the running service, with its operator and its identity provider."""

    demo: Mapping[str, Any]
    organisation: str

    def send(self, method: str, path: str = "", body: Any = None) -> Any:
        """Send a request of the operator about the organisation; returns the document."""
        response = requests.request(
            method,
            f"{self.demo['admin_url']}/organisations/{self.organisation}{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.demo['operator_key']}"},
            timeout=30,
        )
        assert response.ok, response.text
        return response.json() if response.content else None

    def link(self, name: str = "Ada Lovelace", **more: Any) -> str:
        """Create a console link; returns its URL."""
        url: str = self.send("POST", "/console-links", {"name": name, **more})["url"]
        return url

    def connect(self, **changes: Any) -> Connected:
        """Create a connection with a token."""
        made = self.send("POST", "/connections", CONNECTION | changes)
        path = f"/connections/{made['id']}"
        token = self.send("POST", f"{path}/tokens", {"name": "first"})
        return Connected(made["id"], path, made["scim_url"], token["token"], token["id"])


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection with a token."""

    id: str
    path: str
    scim_url: str
    token: str = field(repr=False)
    token_id: str

    @property
    def provider(self) -> Provider:
        """The identity provider of `make idp`, with this connection's URL and token."""
        return Provider(self.scim_url, self.token)

    def request(self, authorization: str | None, path: str = "/Users?count=1") -> int:
        """Send a request as a provider that is set up wrongly; returns its status."""
        headers = {} if authorization is None else {"Authorization": authorization}
        return requests.get(self.scim_url + path, headers=headers, timeout=30).status_code


def create_organisation(demo: Mapping[str, Any], **changes: Any) -> Acme:
    """Create an organisation on the running service."""
    response = requests.post(
        f"{demo['admin_url']}/organisations",
        json=ORGANISATION | changes,
        headers={"Authorization": f"Bearer {demo['operator_key']}"},
        timeout=30,
    )
    assert response.ok, response.text
    return Acme(demo, response.json()["id"])


@dataclass(slots=True)
class Visitor:
    """A person with a browser: opens links, and clicks, which are counted."""

    page: Page
    faults: list[str] = field(default_factory=list)
    clicks: int = 0

    def watch(self) -> None:
        """Write down what must not happen in the page: errors, and what its policy rejects."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.extend(_faults(message)))

    def click(self, name: str, role: Any = "button") -> None:
        """Click what has this name."""
        self.page.get_by_role(role, name=name, exact=True).click()
        self.clicks += 1

    def open(self, link: str) -> None:
        """Open a link and exchange it for a session; waits for the first screen."""
        self.page.goto(link)
        self.click("Open")
        self.page.locator("#screen h1").wait_for()

    def go(self, screen: str) -> None:
        """Open a screen by its address."""
        self.page.evaluate("screen => { location.hash = `#/${screen}`; }", screen)
        self.page.locator(".skeleton").first.wait_for(state="detached")

    def sees(self, text: str, seconds: float = 10) -> None:
        """Wait until a text is shown."""
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)


def _faults(message: ConsoleMessage) -> Iterator[str]:
    """Yield what the browser reports as an error, but for responses that the page shows itself."""
    if message.type == "error" and "Failed to load resource" not in message.text:
        yield message.text


def violations(page: Page) -> list[str]:
    """List what axe-core finds in the page, each with the first element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate((npm.provide(AXE) / "axe.min.js").read_text(encoding="utf-8"))
    # A screen that is being loaded has no heading yet; one that never gets it fails here.
    page.locator("h1").first.wait_for()
    page.evaluate(ANIMATED)
    found = page.evaluate("() => axe.run()")["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]
