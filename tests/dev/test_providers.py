"""`make providers`: a client on a preset that does not suit it is seen, and so is the advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.api.admin.dialogue_player import Response, Step
from chalicelib.storage.connection_settings import PRESETS
from dev.play import providers
from dev.play.corpus import CLIENTS, Client
from dev.play.corpus_files import Dialogue
from dev.play.providers import ADVICE, COLUMNS, FAILS, WORKS, Line, Trial

CLIENT = Client("A client", "okta")
NAMED = {"advice": [{"text": "Set put_without_members to clear."}]}


def dialogue(**step: Any) -> Dialogue:
    """Write a dialogue of one step."""
    asked = Step(**{"method": "GET", "path": "/Users", "status": 200, **step})
    return Dialogue(row="x", title="x", source="x", steps=(asked,))


def trial(status: int, health: Mapping[str, Any]) -> Trial:
    """Make a connection whose responses and health are known."""
    return Trial(lambda _: Response(status, "application/scim+json", None), lambda: health)


@pytest.mark.parametrize(
    ("status", "health", "expected"),
    [
        (200, {}, WORKS),
        (200, {"advice": []}, WORKS),
        (200, {"advice": [{"text": "Nothing that a setting changes."}]}, WORKS),
        (200, NAMED, WORKS),
        (500, NAMED, ADVICE),
        (500, {}, FAILS),
        (500, {"advice": [{"text": "Nothing that a setting changes."}]}, FAILS),
    ],
)
def test_an_outcome_depends_on_the_responses_and_the_advice(status, health, expected):
    """An advice helps only if it names the setting to change; a client that works needs none."""
    assert providers.outcome(dialogue(), trial(status, health)) == expected


@pytest.mark.parametrize(
    ("step", "statuses"),
    [
        ({"method": "PATCH", "status": 204}, (200, 204)),
        ({"method": "PATCH", "status": 200, "expected": {"id": "*"}}, (200, 204)),
        ({"method": "PATCH", "status": 400}, (400,)),
        ({"method": "PUT", "status": 200}, (200,)),
    ],
)
def test_on_another_preset_a_patch_may_answer_both(step, statuses):
    """RFC 7644 section 3.5.2: an error is still an error."""
    tolerant = providers.on_any_preset(dialogue(**step)).steps[0]

    assert tolerant.statuses == statuses
    assert (tolerant.expected is None) or statuses != (200, 204)


def test_presets_of_the_same_settings_are_tried_once():
    """A connection for each of ten would show the same three times over."""
    connected = []

    @contextmanager
    def connect(provider: str, settings: Mapping[str, str]) -> Iterator[Trial]:
        connected.append(provider)
        yield trial(200 if provider == "okta" else 500, {} if provider == "okta" else NAMED)

    line = providers.try_client(CLIENT, [dialogue()], connect)

    assert len(connected) == 1 + len({preset.settings for preset in PRESETS.values()})
    assert (line.own, line.presets["okta"], line.presets["entra"]) == (WORKS, WORKS, ADVICE)
    assert line.holds


@pytest.mark.parametrize(
    ("own", "other", "holds"),
    [
        (WORKS, WORKS, True),
        (WORKS, ADVICE, True),
        (WORKS, FAILS, False),
        (ADVICE, WORKS, False),
        (FAILS, WORKS, False),
    ],
)
def test_a_client_works_on_its_own_connection_and_never_fails_silently(own, other, holds):
    """What the verb's exit status says."""
    assert Line(CLIENT, own, {"okta": WORKS, "other": other}).holds is holds


def test_the_table_has_a_column_for_each_set_of_settings():
    """As it stands in docs/connect-other.md."""
    line = Line(CLIENTS["nextcloud"], WORKS, dict.fromkeys(COLUMNS, ADVICE))
    head, _, row = providers.table([line]).splitlines()

    assert head.endswith(f"{' | '.join(f'`{name}`' for name in COLUMNS)} |")
    assert row.startswith("| Nextcloud | `other`, `put_without_members`: `keep` | works | advice |")


def test_the_page_shows_every_client_and_none_that_fails():
    """`make providers ARGS=--write` writes it, for a new client or a new set of settings."""
    page = providers.SECTION.page.read_text(encoding="utf-8")
    printed = page.partition(providers.SECTION.begin)[2].partition(providers.SECTION.end)[0]
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines()]

    assert [name.strip("`") for name in lines[0][3:]] == [*COLUMNS]
    assert [cells[0] for cells in lines[2:]] == [client.title for client in CLIENTS.values()]
    assert {cells[2] for cells in lines[2:]} == {WORKS}
    assert {cell for cells in lines[2:] for cell in cells[3:]} == {WORKS, ADVICE}
