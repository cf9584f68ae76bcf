"""Fixtures of the tests in a browser: one service and one browser for all, an organisation each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser, sync_playwright

from chalicelib.storage.alert_items import Watched
from chalicelib.storage.clock import Clock
from chalicelib.storage.keys import Key, watched_connection
from chalicelib.storage.records import to_item
from chalicelib.storage.table import Table
from dev.measure.scene import write
from dev.run.serve import ENGINE_FILE
from tests.support import browsers
from tests.support.browsers import Acme, Connected, Visitor


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Path:
    """Make the directory of the service."""
    directory: Path = tmp_path_factory.mktemp("served")
    return directory


@pytest.fixture(scope="session")
def demo(served: Path) -> Iterator[Mapping[str, Any]]:
    """Run the service."""
    with browsers.running(served) as demo:
        yield demo


@pytest.fixture
def table(served: Path, demo: Mapping[str, Any]) -> Table:
    """Reach the table of the service: no test waits for minutes."""
    engine = json.loads((served / ENGINE_FILE).read_text(encoding="utf-8"))
    session = boto3.Session("local", "local", region_name=engine["region"])
    client = session.client("dynamodb", endpoint_url=engine["dynamodb"])
    [name] = client.list_tables()["TableNames"]
    return Table(client, name, Clock())


@pytest.fixture
def find(table: Table) -> Callable[..., None]:
    """Write what the sweeper's look at a connection has found: its open alerts, and since when."""

    def find(connection: str, **alerts: str) -> None:
        found = Watched(id=connection, version=1, state="active", alerts=alerts)
        key = watched_connection(connection)
        write(table, [{"PK": key.pk, "SK": key.sk, **to_item(found)}])

    return find


@pytest.fixture
def age(table: Table) -> Callable[..., None]:
    """Set attributes of an item in the table, as if time had passed."""

    def age(key: Key, **moments: str) -> None:
        for attribute, moment in moments.items():
            table.client.update_item(
                TableName=table.name,
                Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}},
                UpdateExpression="SET #name = :moment",
                ExpressionAttributeNames={"#name": attribute},
                ExpressionAttributeValues={":moment": {"S": moment}},
            )

    return age


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    if not browsers.CHROMIUM.exists():
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{browsers.CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = browsers.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def acme(demo) -> Acme:
    """Create an organisation without a connection."""
    return browsers.create_organisation(demo)


@pytest.fixture
def connected(acme: Acme) -> Connected:
    """Create its connection, with a token."""
    return acme.connect()


@pytest.fixture
def visit(chromium) -> Iterator[Callable[..., Visitor]]:
    """Open new browsers; in none may an error occur or the policy reject anything."""
    visitors: list[Visitor] = []

    def visit(**context: Any) -> Visitor:
        options = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **context}
        opened = chromium.new_context(**options)
        opened.grant_permissions(["clipboard-read", "clipboard-write"])
        visitor = Visitor(opened.new_page())
        visitor.watch()
        visitors.append(visitor)
        return visitor

    yield visit
    for each in visitors:
        each.page.context.close()
    assert [fault for each in visitors for fault in each.faults] == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Open one browser."""
    return visit()
