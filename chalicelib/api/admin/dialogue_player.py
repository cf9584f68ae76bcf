"""Dialogues of a client and a server, as data: steps that are played and compared. Pure.

A step is a request as it is sent, and what must hold of the response. How a request is sent is a
function that the caller passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCIM = "application/scim+json"
USUAL = {"Content-Type": f"{SCIM}; charset=utf-8"}

# In `expected`: "there, with any value", and, in a list, "there may be others".
ANY, OTHERS = "*", "..."


class Step(BaseModel):
    """One request and what must hold of its response; unknown fields are rejected.

    `${name}` in path, query and body stands for what an earlier step captured. In `expected` an
    object names some of the attributes, null one that must not be there; a list names all
    elements, in any order. `capture` gives names to values by dotted path: `Resources.0.id`.
    `name` says what the step is for, and `fix` what to do where it fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: str = ""
    headers: Mapping[str, str | None] = {}
    body: Any = None
    status: int | tuple[int, ...]
    expected: Any = None
    capture: Mapping[str, str] = {}
    name: str = ""
    fix: str = ""

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses that are expected, the best one first."""
        return (self.status,) if isinstance(self.status, int) else self.status


@dataclass(frozen=True, slots=True)
class Request:
    """One request below a connection's URL: `target` is path and query, as they are sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One response; `document` None is one without a body."""

    status: int
    media_type: str
    document: Any


Send = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Played:
    """A step that was played: where it was sent, the status that came, and what was wrong."""

    step: Step
    target: str
    status: int
    faults: tuple[str, ...]


def play(steps: Iterable[Step], send: Send) -> Iterator[Played]:
    """Play steps in order, up to the first that fails: those after it depend on it."""
    values: dict[str, str] = {}
    for step in steps:
        request = _request(step, values)
        response = send(request)
        faults = [*_faults(step, response, values)] or [*_capture(step, response, values)]
        yield Played(step, request.target, response.status, tuple(faults))
        if faults:
            return


def _request(step: Step, values: Mapping[str, str]) -> Request:
    query = f"?{_fill(step.query, values)}" if step.query else ""
    headers = {**USUAL, **step.headers}
    return Request(
        step.method,
        _fill(step.path, values) + query,
        {name: value for name, value in headers.items() if value is not None},
        b"" if step.body is None else json.dumps(_fill(step.body, values)).encode(),
    )


VARIABLE = re.compile(r"\$\{(\w+)\}")


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: values[found[1]], value)
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    if isinstance(value, dict):
        return {_fill(key, values): _fill(each, values) for key, each in value.items()}
    return value


def _faults(step: Step, response: Response, values: Mapping[str, str]) -> Iterator[str]:
    if response.status not in step.statuses:
        wanted = " or ".join(map(str, step.statuses))
        yield f"status {response.status} instead of {wanted}: {json.dumps(response.document)}"
        return
    yield from _violations(response)
    if step.expected is not None:
        yield from differences(_fill(step.expected, values), response.document)


def _capture(step: Step, response: Response, values: dict[str, str]) -> Iterator[str]:
    """Capture the values that later steps need; a missing one is a fault."""
    for name, path in step.capture.items():
        try:
            values[name] = str(_value_at(path, response.document))
        except (KeyError, IndexError, TypeError):
            yield f"{path} is not in {json.dumps(response.document)}"


def _value_at(path: str, document: Any) -> Any:
    for part in path.split("."):
        document = document[int(part) if isinstance(document, list) else part]
    return document


# --- what must hold of every response ----------------------------------------------------------


def _violations(response: Response) -> Iterator[str]:
    """Yield what no provider accepts, whatever the request: a wrong type, nulls, a missing id."""
    document = response.document
    if document is None:
        return
    if response.media_type.partition(";")[0] != SCIM:
        yield f"Content-Type {response.media_type!r} instead of {SCIM}"
    if not isinstance(document, dict) or not document.get("schemas"):
        yield "the body is not a SCIM object with schemas"
        return
    yield from (f"{path} is null" for path in _nulls(document, ""))
    if not isinstance(document.get("status", ""), str):
        yield "status is not a string (RFC 7644 section 3.12)"
    for resource in document.get("Resources", [document] if "meta" in document else []):
        is_resource = resource.get("meta", {}).get("resourceType") in {"User", "Group"}
        if is_resource and not resource.get("id"):
            yield "a resource without an id"


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    for key, each in _parts(value):
        yield from _nulls(each, f"{path}.{key}".lstrip("."))


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


# --- comparison --------------------------------------------------------------------------------


def differences(expected: Any, found: Any, path: str = "body") -> list[str]:
    """Return the differences from what is expected; see `Step` for how that is written."""
    if expected == ANY:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        return _object_differences(expected, found, path)
    if isinstance(expected, list) and isinstance(found, list):
        return _list_differences(expected, found, path)
    # True is not 1, though Python thinks so.
    if type(expected) is type(found) and expected == found:
        return []
    return [f"{path} is {json.dumps(found)} instead of {json.dumps(expected)}"]


def _object_differences(
    expected: Mapping[str, Any], found: Mapping[str, Any], path: str
) -> list[str]:
    unwanted = [name for name, value in expected.items() if value is None and name in found]
    missing = [name for name, value in expected.items() if value is not None and name not in found]
    common = [name for name, value in expected.items() if value is not None and name in found]
    return [
        *(f"{path}.{name} should not be there: {json.dumps(found[name])}" for name in unwanted),
        *(f"{path}.{name} is missing" for name in missing),
        *(each for n in common for each in differences(expected[n], found[n], f"{path}.{n}")),
    ]


def _list_differences(expected: Sequence[Any], found: Sequence[Any], path: str) -> list[str]:
    wanted = [each for each in expected if each != OTHERS]
    left = list(found)
    faults = []
    for each in wanted:
        match = next((one for one in left if not differences(each, one)), None)
        if match is None:
            faults.append(f"{path} has no {json.dumps(each)}: {json.dumps(found)}")
        else:
            left.remove(match)
    if left and len(wanted) == len(expected) and not faults:
        faults.append(f"{path} has more than is expected: {json.dumps(left)}")
    return faults
