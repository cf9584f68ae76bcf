"""The body of an admin request: strict JSON in, a model of closed shape out.

Every fault is told by the field that has it. A value is never repeated: it may be a secret that
was pasted into the wrong field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chalicelib.api.edge import Request
from chalicelib.organisations.errors import Fault, InvalidFields
from chalicelib.scim.messages import parse_json

M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 1_000_000
MOST_FIELD_CHARACTERS = 100

Location = tuple[int | str, ...]


def read_body(model: type[M], request: Request) -> M:
    """Read a request's body.

    Raises:
        PayloadTooLarge: more than 1 MB.
        InvalidSyntax: no JSON object, or one that could be read in two ways.
        InvalidFields: names each field that is missing, unknown or wrong.
    """
    document = parse_json(request.body, MOST_BYTES)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidFields(*(_fault(model, fault) for fault in faults)) from None


def _fault(model: type[BaseModel], fault: ErrorDetails) -> Fault:
    say = MESSAGES.get(fault["type"])
    message = say(model, fault["loc"]) if say else fault["msg"]
    return Fault(field_name(fault["loc"])[:MOST_FIELD_CHARACTERS], message)


def field_name(location: Location) -> str:
    """Write where a field stands: `sso.provider`, `workspaces[0].id`."""
    written = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(written).removeprefix(".")


def offered(model: type[BaseModel], location: Location) -> list[str]:
    """Tell the fields that a body has beside the one at `location`."""
    for part in location[:-1]:
        if isinstance(part, str):
            model = next(_models_in(model.model_fields[part].annotation))
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the models in an annotation: in `Sso | None`, in `list[NewRole]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


# Ours where pydantic's own words do not say what to do.
MESSAGES: Mapping[str, Callable[[type[BaseModel], Location], str]] = {
    "missing": lambda _, __: "is required",
    "extra_forbidden": lambda model, location: (
        f"is not offered here; offered: {', '.join(offered(model, location))}"
    ),
}
