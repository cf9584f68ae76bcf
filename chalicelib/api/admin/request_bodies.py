"""The body of an admin request: strict JSON in, a model that knows all its fields out.

Every error names its field. A value is never repeated: it may be a secret that was pasted into
the wrong field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chalicelib.api.edge import Request
from chalicelib.errors import MAX_FAULTS, FieldError, InvalidFields
from chalicelib.scim.errors import InvalidSyntax
from chalicelib.scim.sent_names import HIDDEN, NAME
from chalicelib.scim.strict_json import parse_json, parse_value

M = TypeVar("M", bound=BaseModel)

# A body that is read before its sender is known, or that has a few short fields at most.
SMALL = 4_096
# A few fields, two of which may be URLs of 2,000 characters.
MEDIUM = 16_384
# A list: all settings of an organisation, or the roles of a user.
LISTS = 131_072
# A list of schemas' attributes with their texts.
LARGE = 1_000_000
MAX_FIELD_CHARACTERS = 100

NOT_A_LIST = "The body is not a JSON list."

Location = tuple[int | str, ...]


def read_body(model: type[M], request: Request, max_bytes: int = MEDIUM) -> M:
    """Read a request's body.

    Raises:
        PayloadTooLarge: more than `max_bytes`.
        InvalidSyntax: not a JSON object, or one that could be read in two ways.
        InvalidFields: names each field that is missing, unknown or wrong.
    """
    return _read(model, parse_json(request.body, max_bytes))


def read_optional_body(model: type[M], request: Request) -> M:
    """Read a request's body, of which no field is required; it may be missing altogether.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as `read_body`.
    """
    return read_body(model, request, SMALL) if request.body else _read(model, {})


def read_named(model: type[M], request: Request, field: str, value: str) -> M:
    """Read the body of a PUT, one field of which is in the path and may be repeated.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as `read_body`; or the field differs from
            the path.
    """
    document = parse_json(request.body, SMALL) if request.body else {}
    if document.get(field, value) != value:
        raise InvalidFields(FieldError(field, "differs from the path"))
    return _read(model, document | {field: value})


def read_list(model: type[M], request: Request, field: str) -> M:
    """Read a body that is a list: the value of `field`, or an object that has it.

    Raises:
        PayloadTooLarge, InvalidSyntax, InvalidFields: as `read_body`; or it is neither.
    """
    sent = parse_value(request.body, LISTS)
    if not isinstance(sent, list | dict):
        raise InvalidSyntax(NOT_A_LIST)
    return _read(model, {field: sent} if isinstance(sent, list) else sent)


def _read(model: type[M], document: Any) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        faults = (_field_error(model, each) for each in details[:MAX_FAULTS])
        raise InvalidFields(*faults, left_out=max(0, len(details) - MAX_FAULTS)) from None


def _field_error(model: type[BaseModel], details: ErrorDetails) -> FieldError:
    write = MESSAGES.get(details["type"])
    message = write(model, details["loc"]) if write else details["msg"]
    return FieldError(field_name(details["loc"])[:MAX_FIELD_CHARACTERS], message)


def field_name(location: Location) -> str:
    """Write the path of a field: `sso.provider`, `workspaces[0].id`.

    An unknown field's name can be anything: `…` stands for one that has not the form of a name.
    """
    return "".join(map(_part, location)).removeprefix(".")


def _part(part: int | str) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part if NAME.fullmatch(part) else HIDDEN}"


def field_names(model: type[BaseModel], location: Location) -> list[str]:
    """Return the names of the fields that are allowed at `location`."""
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


# Our texts where those of pydantic do not say what to do.
MESSAGES: Mapping[str, Callable[[type[BaseModel], Location], str]] = {
    "missing": lambda _, __: "is required",
    "extra_forbidden": lambda model, location: (
        f"unknown field; expected one of {', '.join(field_names(model, location))}"
    ),
}
