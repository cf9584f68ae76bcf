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
from chalicelib.errors import FieldError, InvalidFields
from chalicelib.scim.errors import InvalidSyntax
from chalicelib.scim.strict_json import parse_json, parse_value

M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 1_000_000
MOST_FIELD_CHARACTERS = 100

NO_LIST = "The body is no JSON list."

Location = tuple[int | str, ...]


def read_body(model: type[M], request: Request) -> M:
    """Read a request's body.

    Raises:
        PayloadTooLarge: more than 1 MB.
        InvalidSyntax: no JSON object, or one that could be read in two ways.
        InvalidFields: names each field that is missing, unknown or wrong.
    """
    return _read(model, parse_json(request.body, MOST_BYTES))


def read_optional_body(model: type[M], request: Request) -> M:
    """Read a request's body, of which no field is required: none at all is an empty one.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as above.
    """
    return read_body(model, request) if request.body else _read(model, {})


def read_named(model: type[M], request: Request, field: str, value: str) -> M:
    """Read the body of a PUT, one field of which stands in the path and may be repeated.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as above; or it names another one.
    """
    document = parse_json(request.body, MOST_BYTES) if request.body else {}
    if document.get(field, value) != value:
        raise InvalidFields(FieldError(field, "is not the one that the path names"))
    return _read(model, document | {field: value})


def read_list(model: type[M], request: Request, field: str) -> M:
    """Read a body that is a list: the value of `field`, or an object that has it.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as above; or it is neither.
    """
    sent = parse_value(request.body, MOST_BYTES)
    if not isinstance(sent, list | dict):
        raise InvalidSyntax(NO_LIST)
    return _read(model, {field: sent} if isinstance(sent, list) else sent)


def _read(model: type[M], document: Any) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidFields(*(_fault(model, fault) for fault in faults)) from None


def _fault(model: type[BaseModel], fault: ErrorDetails) -> FieldError:
    say = MESSAGES.get(fault["type"])
    message = say(model, fault["loc"]) if say else fault["msg"]
    return FieldError(field_name(fault["loc"])[:MOST_FIELD_CHARACTERS], message)


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
