"""`make providers`: each client of the corpus on the presets of the identity providers.

On the connection that suits it (`corpus.CLIENTS`) a client gets every response that it needs. On
another preset it may not, but then the health of the connection says which setting to change:
nobody keeps access and no group loses its members without that. ARGS=--write puts the table into
docs/connect-other.md, and ARGS='--only keycloak' plays one client.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.api.admin.dialogue_player import Send, Step
from chalicelib.storage.connection_settings import PRESETS, SETTINGS
from dev.measure.pages import Section
from dev.play.corpus import CLIENTS, CORPUS, Client, wire
from dev.play.corpus_files import Dialogue, load, play
from dev.run import demo

SECTION = Section("connect-other.md", "providers")

# The first preset of those with the same settings, which is all that tells them apart.
COLUMNS = tuple(
    next(name for name, each in PRESETS.items() if each.settings == settings)
    for settings in dict.fromkeys(each.settings for each in PRESETS.values())
)

WORKS, ADVICE, FAILS = "works", "advice", "fails"
SEVERITY = (WORKS, ADVICE, FAILS)

# RFC 7644 section 3.5.2 leaves the choice between these to the server; a preset makes it.
PATCHED = frozenset({200, 204})


class Trial(NamedTuple):
    """A new connection of one dialogue: what sends to it, and what reads its health."""

    send: Send
    health: Callable[[], Mapping[str, Any]]


# Makes a connection of a provider with settings of its own.
Connect = Callable[[str, Mapping[str, str]], AbstractContextManager[Trial]]


@dataclass(frozen=True, slots=True)
class Line:
    """A client: the outcome on its own connection, and on the presets of each column."""

    client: Client
    own: str
    presets: Mapping[str, str]  # of each column

    @property
    def holds(self) -> bool:
        """Tell whether its own connection suits it, and every other one says what to change."""
        return self.own == WORKS and FAILS not in self.presets.values()


def outcome(dialogue: Dialogue, trial: Trial) -> str:
    """Play a dialogue: did every response suit the client, and if not, does the health say why?"""
    if not play(dialogue, trial.send):
        return WORKS
    return ADVICE if advised(trial.health()) else FAILS


def advised(health: Mapping[str, Any]) -> frozenset[str]:
    """Return the settings that the advice of a connection's health names."""
    text = json.dumps(health.get("advice", []))
    return frozenset(name for name in SETTINGS if name in text)


def on_any_preset(dialogue: Dialogue) -> Dialogue:
    """Let a PATCH return the resource or nothing: the reads after it see what it has changed."""
    return dialogue.model_copy(update={"steps": tuple(map(_on_any_preset, dialogue.steps))})


def _on_any_preset(step: Step) -> Step:
    if step.method != "PATCH" or not PATCHED & {*step.statuses}:
        return step
    return step.model_copy(update={"status": (200, 204), "expected": None})


def try_client(client: Client, dialogues: Sequence[Dialogue], connect: Connect) -> Line:
    """Play the dialogues of a client on its own connection, then on the preset of each column."""

    def worst(played: Sequence[Dialogue], provider: str, settings: Mapping[str, str]) -> str:
        outcomes = []
        for each in played:
            with connect(provider, settings) as trial:
                outcomes.append(outcome(each, trial))
        return max(outcomes, key=SEVERITY.index)

    tolerant = [on_any_preset(each) for each in dialogues]
    return Line(
        client=client,
        own=worst(dialogues, client.identity_provider, client.settings),
        presets={name: worst(tolerant, name, {}) for name in COLUMNS},
    )


def table(lines: Sequence[Line]) -> str:
    """Return the table of all clients, in Markdown."""
    head = ["client", "its own connection", "", *(f"`{name}`" for name in COLUMNS)]
    rows = [
        [each.client.title, _connection(each.client), each.own, *each.presets.values()]
        for each in lines
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def _connection(client: Client) -> str:
    settings = "".join(f", `{name}`: `{value}`" for name, value in client.settings.items())
    return f"`{client.identity_provider}`{settings}"


def main(arguments: Sequence[str]) -> int:
    """Play on the server that LOCAL_DIR describes; 0 when every line holds.

    Raises:
        DemoFailed: no server runs there.
    """
    connect = _on_server(demo.running(os.environ))
    only = arguments[arguments.index("--only") + 1 :] if "--only" in arguments else [*CLIENTS]
    lines = []
    for folder in only:
        lines.append(try_client(CLIENTS[folder], [*load(CORPUS / folder).values()], connect))
        print(f"  {'ok' if lines[-1].holds else 'FAILED':6} {lines[-1].client.title}", flush=True)
    print()
    SECTION.publish(table(lines), arguments)
    return 0 if all(each.holds for each in lines) else 1


def _on_server(described: Mapping[str, Any]) -> Connect:
    @contextmanager
    def connect(provider: str, settings: Mapping[str, str]) -> Any:
        made = demo.beside(described, provider, settings)
        admin = demo.Admin(described["admin_url"], described["operator_key"])
        path = f"/organisations/{made.organisation}/connections/{made.connection}"
        with wire(made.scim_url, made.token) as send:
            yield Trial(send, lambda: (admin.get(path) or {})["health"])

    return connect
