"""The table's stream as the source of events: what Lambda gives the function of it, and when.

Chalice passes the stream, the size of a batch and where to start; the rest is set here, for both
ways to deploy. A batch that fails is halved until one record is left, which is tried for some hours
and then put into the queue: so one record that can never be appended holds up its shard for that
long, and an outage of the table loses none. The function appends all events of a batch or raises,
so it has no partial success to report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from dev.patience import Patience
from dev.release.account import deployed, forget
from dev.release.stages import Stage

Properties = Mapping[str, Any]

# What stands for the stream in a template: there the table, and with it the ARN, comes later.
OF_THE_STACK = "of the stack"
# The name of the mapping in Chalice's record.
RECORDED = "stream-dynamodb-event-source"
# At 20 s a try, the longest, nearly three hours.
MAXIMUM_RETRIES = 500
# How often to look, once a second, whether a deleted mapping is gone.
MOST_LOOKS = 120
CHANGEABLE = Patience(120, "the stream's mapping to its function", {"ResourceInUseException"})

SOME = [{"exists": True}]
CONNECTIONS = [{"prefix": "S#"}]
# How the ids begin of users, and of the connections and webhooks that are watched.
IDS = "0123456789abcdefghijklmnopqrstuvwxyz"


def filters() -> list[Properties]:
    """Return the patterns of the records that may be events; a record needs one of them.

    An account may have five for a function. Of a connection's items only users and groups have
    `doc`, and only what says that a user is in a group has `since`: nothing that a SCIM request
    writes beside them comes through. Of the rare changes of an organisation's settings, and of what
    the sweeper has found, some do in which the function finds no event.
    """
    settings = {"PK": {"S": _prefixes("C#", "L#", "H#")}, "SK": {"S": _prefixes("N#", "L#", *IDS)}}
    return [
        *(
            {"Keys": {"PK": {"S": CONNECTIONS}}, image: {attribute: {"S": SOME}}}
            for attribute in ("doc", "since")
            for image in ("NewImage", "OldImage")
        ),
        {"Keys": settings},
    ]


def _prefixes(*texts: str) -> list[Properties]:
    return [{"prefix": each} for each in texts]


def mapping(queue: Any) -> dict[str, Any]:
    """Return what Chalice does not set, as Lambda's API has it; `queue`: an ARN."""
    patterns = [{"Pattern": json.dumps({"dynamodb": each})} for each in filters()]
    return {
        "FilterCriteria": {"Filters": patterns},
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": MAXIMUM_RETRIES,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
    }


def release_others(functions: Any, stage: Stage) -> None:
    """Delete the mappings of other streams, as of the table before a restore, and wait for it.

    Chalice would update the one that it has recorded, then delete it, and make no other: so it is
    taken out of the record.

    Raises:
        ClientError: AWS rejects a call.
    """
    for each in _others(functions, stage):
        CHANGEABLE.repeat(partial(functions.delete_event_source_mapping, UUID=each["UUID"]))
    for _ in range(MOST_LOOKS):
        if not _others(functions, stage):
            break
        time.sleep(1)
    if deployed(stage).get(RECORDED, {}).get("stream_arn", stage.stream_arn) != stage.stream_arn:
        forget(stage, RECORDED)


def configure(functions: Any, stage: Stage, queue_arn: str) -> None:
    """Set what Chalice does not, on the mapping that it has made.

    Raises:
        ClientError: AWS rejects a call.
    """
    for each in _mappings(functions, stage):
        update = partial(functions.update_event_source_mapping, UUID=each["UUID"])
        CHANGEABLE.repeat(partial(update, **mapping(queue_arn)))


def faults(functions: Any, stage: Stage) -> Iterator[str]:
    """Yield why the stream's function is not invoked, for the smoke test."""
    found = _mappings(functions, stage)
    if [each["EventSourceArn"] for each in found] != [stage.stream_arn]:
        yield f"events: {stage.stream} does not read the stream {stage.stream_arn}"
    for each in found:
        if each["State"] != "Enabled":
            yield f"events: the stream's mapping to {stage.stream} is {each['State']}"
        if "PROBLEM" in each.get("LastProcessingResult", ""):
            yield f"events: {stage.stream}: {each['LastProcessingResult']}"


def _mappings(functions: Any, stage: Stage) -> list[Properties]:
    with suppress(functions.exceptions.ResourceNotFoundException):
        found = functions.list_event_source_mappings(FunctionName=stage.stream)
        return list(found["EventSourceMappings"])
    return []


def _others(functions: Any, stage: Stage) -> list[Properties]:
    found = _mappings(functions, stage)
    return [each for each in found if each["EventSourceArn"] != stage.stream_arn]
