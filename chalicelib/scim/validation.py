"""Is a value what its schema says? RFC 7643 sections 2.2 to 2.4 and 7.

Turns what a client sent into the canonical document: names in the schema's spelling, values of
the attribute's type, nothing that is empty, read-only or unknown. It refuses to know which
message a value came in, what is stored already, and what an identity provider is called.

Lenient where leniency loses nothing: a boolean may come as text, one element without its array,
a reference as its bare id. No form is asked of URLs, languages, addresses or numbers, and
canonicalValues are suggestions. An error names the path of the value and never repeats it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from chalicelib.scim.comparison import is_date_time
from chalicelib.scim.errors import InvalidSyntax, InvalidValue, Mutability
from chalicelib.scim.schema import Attribute, Resource, ResourceType, Schema, Target

# What `check_value` answers where a client took the value away: RFC 7643 section 2.5 makes null,
# the empty array and an absent attribute the same, and Entra ID sends "" to the same end.
CLEARED: Final = None

# One user goes into one transaction with a row for each e-mail address, one team is rewritten
# with each change of its members: these bounds keep both affordable.
MAX_VALUES = 50
_MAX_VALUES_OF: Mapping[str, int | None] = {"emails": 20, "members": None}
_MAX_BYTES: Mapping[str, tuple[int, str]] = {"User": (102_400, "100 KB"), "Group": (4_096, "4 KB")}

# As the store bills it.
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# What says of which kind a value is, and nothing without one.
LABELS: Final = frozenset({"type", "primary"})

# Larger numbers lose digits in the JSON readers of many clients; this is what xsd:long holds.
_MAX_INTEGER = 2**63

# A name by which resources are told apart must not look like another one.
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
_INVISIBLE_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")

# What each type is called in an error, with the section that defines it.
_DUE: Mapping[str, str] = {
    "string": "a string is due (RFC 7643 section 2.3.1)",
    "boolean": "true or false is due (RFC 7643 section 2.3.2)",
    "decimal": "a number is due (RFC 7643 section 2.3.3)",
    "integer": "a whole number of at most 63 bits is due (RFC 7643 section 2.3.4)",
    "dateTime": "a time such as 2026-01-31T08:30:00Z is due (RFC 7643 section 2.3.5)",
    "binary": "base64 is due (RFC 7643 section 2.3.6)",
    "reference": "a string is due (RFC 7643 section 2.3.7)",
    "complex": "an object is due (RFC 7643 section 2.3.8)",
}


def check(document: Mapping[str, Any], resource_type: ResourceType) -> Resource:
    """Turn the body of a POST or PUT into the canonical document of a resource.

    Attributes of an extension may stand in its object, under a key of URN and name, or bare;
    sub-attributes may stand under a dotted key. Read-only attributes, `schemas`, `password` and
    whatever the schemas do not know are left out. `check(check(x)) == check(x)`.

    Raises:
        InvalidValue: a value is missing, of another type, or over a limit; names its path.
        InvalidSyntax: an attribute is sent twice, in two spellings.
    """
    resource: Resource = {}
    for key, value in document.items():
        attribute = resource_type.core(key)
        if attribute is not None:
            _put(resource, attribute, value, attribute.name)
        elif (target := resource_type.locate(key)) is not None:
            _put_at(resource, target, value, resource_type)
    for extension in resource_type.extensions:
        if not resource.get(extension.id, True):
            del resource[extension.id]
    required(resource, resource_type)
    limits(resource, resource_type)
    return resource


def unknown(document: Mapping[str, Any], resource_type: ResourceType) -> Iterator[str]:
    """Name what `check` leaves out because the schemas do not know it, schema URNs included."""
    known = {schema.id.lower() for schema in resource_type.schemas()}
    for key, value in document.items():
        target = resource_type.locate(key)
        if target is None:
            yield key
        elif target.attribute is None and target.extension is not None:
            yield from _unknown_in(value, target.extension)
        elif target.attribute is not None and target.attribute.name == "schemas":
            yield from (f"schemas: {urn}" for urn in value or () if str(urn).lower() not in known)
        elif target.attribute is not None and target.sub_attribute is None:
            yield from _unknown_subs(value, target.attribute, key)


def _unknown_in(value: Any, extension: Schema) -> Iterator[str]:
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        attribute = extension.find(name.partition(".")[0])
        if attribute is None:
            yield f"{extension.id}:{name}"
        else:
            yield from _unknown_subs(inner, attribute, f"{extension.id}:{name}")


def _unknown_subs(value: Any, attribute: Attribute, where: str) -> Iterator[str]:
    if attribute.type != "complex":
        return
    for element in value if isinstance(value, list) else [value]:
        if isinstance(element, Mapping):
            yield from (f"{where}.{name}" for name in element if attribute.sub(name) is None)


def check_value(value: Any, attribute: Attribute, where: str) -> Any:
    """Turn one attribute's value into its canonical form; `CLEARED` where there is none.

    `where` is the path that an error names, as in `emails` or `emails[2].value`. A value that is
    never returned is checked and then discarded: it answers `CLEARED`.

    Raises:
        InvalidValue: the value is not of the attribute's type, or over a limit.
        InvalidSyntax: a sub-attribute is sent twice, in two spellings.
    """
    if attribute.multi_valued:
        return _many(value, attribute, where)
    if isinstance(value, list):
        value = _lone(value, attribute, where)
    return check_element(value, attribute, where)


def required(resource: Resource, resource_type: ResourceType) -> None:
    """See that nothing required is missing; an extension asks for it only where it is used.

    Raises:
        InvalidValue: names the missing attribute (RFC 7643 section 2.2).
    """
    _complete(resource, resource_type.schema.attributes, "")
    for extension in resource_type.extensions:
        if extension.id in resource:
            _complete(resource[extension.id], extension.attributes, f"{extension.id}:")


def limits(resource: Resource, resource_type: ResourceType) -> None:
    """See that a canonical document is no larger than this service keeps; members do not count.

    Raises:
        InvalidValue: names the attribute or the limit.
    """
    for name, value in resource.items():
        if isinstance(value, list):
            _count(value, name, name)
    largest, limit = _MAX_BYTES[resource_type.name]
    counted = {name: value for name, value in resource.items() if name != "members"}
    if len(_COMPACT.encode(counted).encode()) > largest:
        raise InvalidValue(
            f"The {resource_type.name} is larger than the {limit} that this service keeps."
        )


def keep_immutable(document: Resource, present: Resource, resource_type: ResourceType) -> Resource:
    """Let a PUT change no immutable value; one that it leaves out stays (RFC 7644 section 3.5.1).

    Raises:
        Mutability: it has another value for one; names its path.
    """
    kept = _kept(document, present, resource_type.schema.attributes, "")
    for extension in resource_type.extensions:
        held, was = kept.get(extension.id, {}), present.get(extension.id, {})
        if inner := _kept(held, was, extension.attributes, f"{extension.id}:"):
            kept[extension.id] = inner
    return kept


def unchangeable(where: str) -> Mutability:
    """Make the refusal of another value for what is immutable."""
    return Mutability(f"{where} cannot be changed once it is set (RFC 7643 section 2.2).")


def _kept(
    document: Resource, present: Resource, attributes: Sequence[Attribute], prefix: str
) -> Resource:
    kept = dict(document)
    for attribute in attributes:
        if attribute.name in present:
            _keep(kept, attribute, present[attribute.name], f"{prefix}{attribute.name}")
    return kept


def _keep(kept: Resource, attribute: Attribute, was: Any, where: str) -> None:
    name = attribute.name
    if attribute.mutability == "immutable":
        if kept.setdefault(name, was) != was:
            raise unchangeable(where)
    elif attribute.type == "complex" and not attribute.multi_valued and name in kept:
        kept[name] = _kept(kept[name], was, attribute.sub_attributes, f"{where}.")


def _put_at(resource: Resource, target: Target, value: Any, resource_type: ResourceType) -> None:
    extension, attribute, sub = target.extension, target.attribute, target.sub_attribute
    if extension is not None and attribute is None:
        _put_extension(resource, extension, value, resource_type)
    elif attribute is not None:
        holder = resource if extension is None else resource.setdefault(extension.id, {})
        prefix = f"{extension.id}:" if extension else ""
        sent = value if sub is None else {sub.name: value}
        _put(holder, attribute, sent, f"{prefix}{attribute.name}")


def _put_extension(
    resource: Resource, schema: Schema, value: Any, resource_type: ResourceType
) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, dict):
        raise InvalidValue(f"{schema.id}: {_DUE['complex']}.")
    for key, found in value.items():
        name, _, sub = key.partition(".")
        target = resource_type.resolve(schema.id, name, sub or None)
        if target is not None:
            _put_at(resource, target, found, resource_type)


def _put(holder: Resource, attribute: Attribute, value: Any, where: str) -> None:
    if attribute.mutability == "readOnly" or attribute.name == "schemas":
        return
    checked = check_value(value, attribute, where)
    if checked is CLEARED:
        return
    if attribute.name in holder:
        checked = _joined(holder[attribute.name], checked, where)
    holder[attribute.name] = checked


def _joined(held: Any, checked: Any, where: str) -> Any:
    """Join `name` and `name.givenName`; what says the same thing twice cannot be joined."""
    if isinstance(held, dict) and isinstance(checked, dict) and not held.keys() & checked.keys():
        return held | checked
    raise _twice(where)


def _lone(value: Sequence[Any], attribute: Attribute, where: str) -> Any:
    """Unpack the array that some clients put around a single complex value (`manager`)."""
    if not value:
        return CLEARED
    if attribute.type == "complex" and len(value) == 1:
        return value[0]
    raise InvalidValue(f"{where}: one value is due, an array was sent (RFC 7643 section 2.2).")


def _many(value: Any, attribute: Attribute, where: str) -> Any:
    sent = value if isinstance(value, list) else [value]
    _count(sent, attribute.name, where)
    checked = [
        element
        for position, found in enumerate(sent)
        if (element := check_element(found, attribute, f"{where}[{position}]")) is not CLEARED
        and not _left_over(element, found)
    ]
    if attribute.type == "complex":
        _one_primary(checked, where)
    return checked or CLEARED


def _left_over(element: Any, sent: Any) -> bool:
    """Tell that all of an element is cleared but its labels: a work address that is none."""
    return isinstance(element, dict) and element.keys() <= LABELS and len(element) < len(sent)


def check_element(value: Any, attribute: Attribute, where: str) -> Any:
    """Turn one of an attribute's values, or a part of one, into its canonical form.

    Raises:
        InvalidValue, InvalidSyntax: as `check_value`.
    """
    if value is None or value == "":
        return CLEARED
    checked = _CHECKERS[attribute.type](value, attribute, where)
    return CLEARED if attribute.returned == "never" else checked


def _count(values: Sequence[Any], name: str, where: str) -> None:
    most = _MAX_VALUES_OF.get(name, MAX_VALUES)
    if most is not None and len(values) > most:
        raise InvalidValue(f"{where}: {len(values)} values, at most {most} are kept.")


def _one_primary(elements: Sequence[Resource], where: str) -> None:
    if sum(element.get("primary") is True for element in elements) > 1:
        raise InvalidValue(f"{where}: only one value may be primary (RFC 7643 section 2.4).")


def _complete(holder: Resource, attributes: Sequence[Attribute], prefix: str) -> None:
    for attribute in attributes:
        value = holder.get(attribute.name)
        if value is None:
            if attribute.required:
                raise InvalidValue(
                    f"{prefix}{attribute.name} is required (RFC 7643 section 2.2) and missing."
                )
        elif any(sub.required for sub in attribute.sub_attributes):
            for element in value if attribute.multi_valued else [value]:
                _complete(element, attribute.sub_attributes, f"{prefix}{attribute.name}.")


def _text(value: Any, attribute: Attribute, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(attribute, where)
    if "\0" in value:
        raise InvalidValue(f"{where}: holds U+0000, which cannot be kept.")
    if not value.isascii():
        _whole(value, where)
    if attribute.uniqueness != "none":
        _visible(value, where)
    return value


def _whole(value: str, where: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(f"{where}: holds half of a surrogate pair.") from None


def _visible(value: str, where: str) -> None:
    if value != value.strip():
        raise InvalidValue(f"{where}: begins or ends with white space.")
    if value.isascii() and value.isprintable():
        return
    for character in value:
        if (
            unicodedata.category(character) in _INVISIBLE_CATEGORIES
            or character in _INVISIBLE_LETTERS
        ):
            raise InvalidValue(f"{where}: holds U+{ord(character):04X}, which cannot be seen.")


def _boolean(value: Any, attribute: Attribute, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.lower()) in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[word]
    raise _wrong(attribute, where)


def _decimal(value: Any, attribute: Attribute, where: str) -> int | float:
    if isinstance(value, int):
        return _integer(value, attribute, where)
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _wrong(attribute, where)


def _integer(value: Any, attribute: Attribute, where: str) -> int:
    # A boolean is an int to Python.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_INTEGER:
        return value
    raise _wrong(attribute, where)


def _date_time(value: Any, attribute: Attribute, where: str) -> str:
    text = _text(value, attribute, where)
    if not is_date_time(text):
        raise _wrong(attribute, where)
    return text


def _binary(value: Any, attribute: Attribute, where: str) -> str:
    text = _text(value, attribute, where)
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(attribute, where) from None
    return text


def _complex(value: Any, attribute: Attribute, where: str) -> Resource | None:
    given = value if isinstance(value, dict) else _around(value, attribute, where)
    checked = _sub_values(given, attribute, where)
    if "value" not in checked and _identifies(attribute.sub("value")):
        raise InvalidValue(f"{where}.value is missing.")
    return checked or CLEARED


def _sub_values(given: Mapping[str, Any], attribute: Attribute, where: str) -> Resource:
    """Check each sub-attribute; where `value` is taken away, the rest says nothing any more."""
    checked: Resource = {}
    for key, found in given.items():
        sub = attribute.sub(key)
        if sub is None or sub.mutability == "readOnly":
            continue
        if sub.name in checked:
            raise _twice(f"{where}.{sub.name}")
        canonical = check_value(found, sub, f"{where}.{sub.name}")
        if canonical is not CLEARED:
            checked[sub.name] = canonical
        elif sub.name == "value":
            return {}
    return checked


def _identifies(value: Attribute | None) -> bool:
    """Tell whether an element is nobody without its `value`, which can never be given later."""
    return value is not None and value.mutability == "immutable"


def _around(value: Any, attribute: Attribute, where: str) -> Resource:
    """Put the object round a bare value, as in `"manager": "<id>"`."""
    if isinstance(value, list) or attribute.sub("value") is None:
        raise _wrong(attribute, where)
    return {"value": value}


def _wrong(attribute: Attribute, where: str) -> InvalidValue:
    return InvalidValue(f"{where}: {_DUE[attribute.type]}.")


def _twice(where: str) -> InvalidSyntax:
    return InvalidSyntax(
        f"{where}: sent twice; names are compared without case (RFC 7643 section 2.1)."
    )


_BOOLEAN_WORDS: Mapping[str, bool] = {"true": True, "false": False}

# RFC 7643 section 2.3: adding a type is adding a row.
_CHECKERS: Mapping[str, Callable[[Any, Attribute, str], Any]] = {
    "string": _text,
    "boolean": _boolean,
    "decimal": _decimal,
    "integer": _integer,
    "dateTime": _date_time,
    "binary": _binary,
    "reference": _text,
    "complex": _complex,
}
