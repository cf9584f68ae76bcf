"""Load and play the corpus: requests of identity providers, one dialogue per file.

The steps, how they are sent and how their responses are compared are in
`chalicelib.api.admin.dialogue_player`, because the self-test of a connection plays steps too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from chalicelib.api.admin import dialogue_player
from chalicelib.api.admin.dialogue_player import Send, Step


class Dialogue(BaseModel):
    """One file of the corpus: requests of a client with the expected responses.

    `row` is the row of the catalogue in docs/conformance.md that the dialogue is an example of.
    `headers` are sent with each of its steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: str
    title: str
    source: str
    headers: Mapping[str, str | None] = {}
    steps: tuple[Step, ...]


def load(directory: Path) -> dict[str, Dialogue]:
    """Return the dialogues of a directory by file name, in order.

    Raises:
        pydantic.ValidationError: a file does not have the shape of a dialogue.
    """
    files = sorted(directory.glob("*.json"))
    return {file.stem: Dialogue.model_validate_json(file.read_bytes()) for file in files}


def play(dialogue: Dialogue, send: Send) -> list[str]:
    """Play a dialogue up to the first step that fails; return what was wrong there."""
    steps = (
        step.model_copy(update={"headers": {**dialogue.headers, **step.headers}})
        for step in dialogue.steps
    )
    for number, played in enumerate(dialogue_player.play(steps, send), start=1):
        where = f"step {number}, {played.step.method} {played.target.partition('?')[0]}"
        if played.faults:
            return [f"{where}: {fault}" for fault in played.faults]
    return []
