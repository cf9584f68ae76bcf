"""Since when the feed misses nothing: a restored table lacks a part of the one before.

`make deploy` sets FEED_UNBROKEN_SINCE where the functions get another table, and keeps it from then
on: cursors from before are rejected, and consumers compare. The time of the backup would be too
early, since consumers have read what came after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.storage.clock import timestamp
from dev.release.stages import Stage

NAME = "FEED_UNBROKEN_SINCE"


def unbroken_since(stage: Stage, there: Mapping[str, str], now: datetime) -> str:
    """Return the value that a deployment is to set, or ""; `there`: the variables that run now."""
    known = [each for each in (stage.feed_unbroken_since, there.get(NAME)) if each]
    is_other = there.get("TABLE_NAME", stage.table) != stage.table
    if is_other or (stage.has_restored_table and not known):
        return timestamp(now)
    return max(known, key=datetime.fromisoformat, default="")


def environment(functions: Any, stage: Stage) -> Mapping[str, str]:
    """Read the variables of the API's function; {} where it is not there yet.

    Raises:
        ClientError: AWS rejects the call.
    """
    try:
        found = functions.get_function_configuration(FunctionName=stage.function)
    except functions.exceptions.ResourceNotFoundException:
        return {}
    there: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
    return there
