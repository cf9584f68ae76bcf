"""How often an open page of the console asks, and what each of its requests costs.

The page is opened in a browser whose clock runs by itself for some minutes; its requests are then
sent to the app in this process, whose calls to DynamoDB are counted. `make console-size` prints it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import boto3
from moto import mock_aws
from playwright.sync_api import Browser, Page, Request

from chalicelib.storage.clock import timestamp
from chalicelib.storage.table import Table
from dev.measure.costs import ASSUMED, PRICES
from dev.measure.meter import Cost, Meter
from tests.support.browsers import Acme
from tests.support.builders import a_customer, a_session, api_client
from tests.support.clock import ManualClock
from tests.support.deployment import deploy

MINUTES = 4
# The screens that ask by themselves, and the purpose of the link that opens them.
SCREENS = {
    "setup/test": ("a set-up waits for the first request", "setup"),
    "overview": ("an admin has the overview open", "admin"),
}
# What follows the connection in an address, by the request that it is.
REQUESTS = {"": "GET connection", "log": "GET log", "rejected": "GET rejected"}
REQUESTS |= {"credentials": "GET credentials", "listen": "POST listen"}
QUERIES = {"log": "?limit=20&from={since}", "rejected": "?limit=20&after={since}"}
SUMMARY = "GET summary"
GB = 0.25


@dataclass(frozen=True, slots=True)
class Polled:
    """How often a page sends a request in a minute, and what one costs."""

    screen: str
    request: str
    a_minute: float
    cost: Cost

    @property
    def an_hour(self) -> float:
        """The price of an hour of it, in US dollars: what AWS asks for requests, time and units."""
        seconds = (ASSUMED.ms_own + ASSUMED.ms_per_call * self.cost.round_trips) / 1000
        each = (
            PRICES["API Gateway, a request"]
            + PRICES["Lambda, an invocation"]
            + PRICES["Lambda, a GB-second"] * GB * seconds
            + PRICES["DynamoDB, a read unit"] * self.cost.rcu
            + PRICES["DynamoDB, a write unit"] * self.cost.wcu
        )
        return 60 * self.a_minute * each


def table(browser: Browser, acme: Acme) -> str:
    """Measure, and return the table of docs/costs.md."""
    costs = dict(_costs())
    polled = [
        Polled(text, request, number / MINUTES, costs[request])
        for screen, (text, purpose) in SCREENS.items()
        for request, number in sorted(_polls(browser, acme, screen, purpose).items())
    ]
    lines = [
        f"| {each.screen} | {each.request} | {each.a_minute:g} | {each.cost.round_trips} | "
        f"{each.cost.rcu} | {each.cost.wcu} | ${each.an_hour:.4f} |\n"
        for each in polled
    ]
    heading = "| while | request | a minute | calls | RCU | WCU | an hour |\n" + "|---" * 7 + "|\n"
    return heading + "".join(lines)


def _polls(browser: Browser, acme: Acme, screen: str, purpose: str) -> Mapping[str, int]:
    """Count what an open screen sends, by request, while its clock runs for some minutes."""
    [connection] = acme.send("GET", "/connections")["items"]
    of_setup = {"connection": connection["id"]} if purpose == "setup" else {}
    page = browser.new_context(locale="en-GB").new_page()
    page.clock.install()
    page.goto(acme.link(purpose=purpose, **of_setup))
    page.get_by_role("button", name="Open").click()
    page.evaluate("screen => { location.hash = `#/${screen}`; }", screen)
    page.locator("#screen h1").wait_for()
    page.wait_for_load_state("networkidle")
    sent: Counter[str] = Counter()
    page.on("request", lambda request: sent.update(_named(request)))
    _pass(page)
    page.context.close()
    return sent


def _pass(page: Page) -> None:
    """Let minutes pass in the page, second by second, so that each response comes in its time."""
    for _ in range(MINUTES * 60):
        page.clock.run_for(1000)
        page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")


def _named(request: Request) -> Iterator[str]:
    path = request.url.split("?")[0]
    if path.endswith("/summary"):
        yield SUMMARY
    elif "/connections/" in path:
        yield REQUESTS["/".join(path.split("/connections/")[1].split("/")[1:])]


def _costs() -> Iterator[tuple[str, Cost]]:
    """Yield what each request of a session costs on a connection with a token and a short log."""
    with _service() as (send, root, meter, since):
        for below, request in [*REQUESTS.items(), (SUMMARY, SUMMARY)]:
            method = request.split()[0]
            path = "/admin/summary" if request == SUMMARY else f"{root}/{below}".rstrip("/")
            path += QUERIES.get(below, "").format(since=timestamp(since))
            meter.take()
            # What is logged and counted is printed where nobody collects it.
            with redirect_stdout(StringIO()):
                assert send(method, path).status in {200, 204}
            yield request, meter.take()


@contextmanager
def _service() -> Iterator[tuple[Any, str, Meter, datetime]]:
    logging.disable()
    from app import build  # noqa: PLC0415 - it reads the environment when it is imported

    session = boto3.Session("none", "none", region_name="eu-west-1")
    with mock_aws():
        dynamodb, secrets = session.client("dynamodb"), session.client("secretsmanager")
        deployed = deploy(dynamodb, secrets, ManualClock().clock())
        meter = Meter(dynamodb)
        counted = Table(meter, deployed.table.name, deployed.table.clock)  # type: ignore[arg-type]
        services = replace(deployed, table=counted)
        customer = a_customer(services)
        app = build(services)
        send = api_client(app, a_session(services, customer.organisation))
        root = f"/admin/organisations/{customer.organisation}/connections/{customer.connection}"
        scim = api_client(app, customer.token)
        with redirect_stdout(StringIO()):
            for _ in range(20):
                scim("GET", f"/scim/v2/{customer.connection}/Users")
            # The first request of a process reads what later ones keep.
            send("GET", root)
        yield send, root, meter, services.table.clock.now() - timedelta(minutes=1)
