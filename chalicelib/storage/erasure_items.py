"""The record that an organisation or a user was erased, which outlives them. Pure.

It has ids, the organisation's name and counts, and nothing of a person but an id that leads
nowhere any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure: who ordered it when, and when nothing was left.

    `user` is None where the whole organisation was erased. `left` counts what was found in the
    end. `text` is the statement that is signed, and `signature` its Ed25519 signature in base64,
    by the key of `public_key`; all three are None until the erasure is complete.
    """

    id: str
    organisation: str
    user: str | None = None
    name: str | None = None
    reference: str | None = None
    connection: str | None = None
    ordered: str
    by: str
    completed: str | None = None
    left: Mapping[str, int] = field(default_factory=dict)
    text: str | None = None
    signature: str | None = None
    public_key: str | None = None
