"""What is known of each connection and webhook by the last look at it, and its open alerts. Pure.

An alert says that somebody should look at one connection or webhook. It is raised once and cleared
once; the table's stream makes an event of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

AlertType = Literal[
    "mass_change",
    "failing",
    "silent",
    "credential_1_day",
    "credential_7_days",
    "credential_30_days",
    "webhook_failing",
]
# The most urgent first.
ALERT_TYPES: tuple[AlertType, ...] = get_args(AlertType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the last look at a connection or webhook has found.

    `alerts` says of each open alert since when it is open. All else is a connection's: when its
    identity provider sent the last request that was authenticated (to the hour), by when the next
    one is expected (`never` where nothing is known), and which credential it uses until when.
    """

    id: str
    version: int = 0
    alerts: Mapping[str, str] = field(default_factory=dict)
    state: str | None = None
    identity_provider: str | None = None
    last_request: str | None = None
    expected_by: str | None = None
    credential: str | None = None
    expires: str | None = None
