"""Twelve mistakes of setting up, each named with its fix while the page listens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest

from chalicelib.api.console.assets import FOLDER
from tests.support import browsers
from tests.support.browsers import Acme, Connected, Visitor

pytestmark = pytest.mark.console

REASONS = json.loads((FOLDER / "texts/reasons.en.json").read_text(encoding="utf-8"))


class World(NamedTuple):
    """What a provider may mix up: its own connection and another organisation's."""

    own: Connected
    other: Connected
    operator_key: str


MISTAKES: dict[str, Callable[[World], object]] = {
    "bare": lambda world: world.own.request(world.own.token),
    "bearer_twice": lambda world: world.own.request(f"Bearer Bearer {world.own.token}"),
    "quotes": lambda world: world.own.request(f'Bearer "{world.own.token}"'),
    "foreign": lambda world: world.own.request(f"Bearer {world.other.token}"),
    "cut_off": lambda world: world.own.request(f"Bearer {world.own.token[:-9]}"),
    "operator_key": lambda world: world.own.request(f"Bearer {world.operator_key}"),
    "other_url": lambda world: world.other.request(f"Bearer {world.own.token}"),
    "url": lambda world: world.own.request(f"Bearer {world.own.token}", "/Users/Users"),
    "missing": lambda world: world.own.request(None),
}


@pytest.fixture
def listening(demo, acme: Acme, connected: Connected, visitor: Visitor) -> World:
    """Open the step that listens."""
    visitor.open(acme.link())
    visitor.go("setup/test")
    visitor.sees("Waiting for a request")
    other = browsers.create_organisation(demo).connect()
    return World(connected, other, demo["operator_key"])


def named(visitor: Visitor, reason: str) -> None:
    """Wait five seconds for a mistake's title and its fix."""
    event = visitor.page.locator(".live li", has_text=REASONS[reason]["title"]).first
    event.wait_for(timeout=5000)
    assert REASONS[reason]["fix"] in event.inner_text()


def test_each_mistake_with_token_or_url_is_named_with_its_fix(listening: World, visitor: Visitor):
    """Within five seconds of the request."""
    for reason, make in MISTAKES.items():
        make(listening)
        named(visitor, reason)


def test_each_state_that_rejects_is_named_with_its_fix(
    acme: Acme, listening: World, visitor: Visitor
):
    """A token that was revoked, a connection that is paused, a plan without SCIM."""
    own = listening.own
    acme.send("DELETE", f"{own.path}/tokens/{own.token_id}")
    own.request(f"Bearer {own.token}")
    named(visitor, "revoked")
    token = acme.send("POST", f"{own.path}/tokens", {"name": "second"})["token"]
    acme.send("PATCH", own.path, {"state": "paused"})
    own.request(f"Bearer {token}")
    named(visitor, "paused")
    acme.send("PATCH", own.path, {"state": "active"})
    acme.send("PATCH", "", {"plan": "free"})
    own.request(f"Bearer {token}")
    named(visitor, "plan")
