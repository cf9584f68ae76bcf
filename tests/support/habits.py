"""When identity providers send requests: what is usual, for the tests of alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

# Of each hour, how probable requests are.
HABITS: Mapping[str, Callable[[datetime], float]] = {
    "entra, every 40 minutes": lambda _: 1.0,
    "okta, at work": lambda at: 0.4 if at.weekday() < 5 and 8 <= at.hour < 18 else 0.0,
    "google, now and then": lambda at: 0.3 if 6 <= at.hour < 22 else 0.1,
    "a small one, sometimes": lambda at: 0.02 if at.weekday() < 5 else 0.0,
    "nobody, for all of the month": lambda _: 0.0,
}
