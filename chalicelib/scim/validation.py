"""Is a value what its schema says? RFC 7643 sections 2.2 to 2.4 and 7.

Turns what a client sent into the canonical document: names in the schema's spelling, values of
the attribute's type, nothing that is empty, read-only or unknown. Knows nothing of the request
that a value came in, of what is stored, or of particular identity providers.

Lenient where nothing is lost by it: a boolean may be sent as text, one value without its array, a
reference as its bare id. The format of URLs, languages, addresses and phone numbers is not
checked, and canonicalValues are suggestions. An error names the path of the value, what was
expected and the JSON type received, never the value.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from chalicelib.scim.client_values import is_understood, unwrap, unwrap_element
from chalicelib.scim.comparison import comparable_form, is_date_time
from chalicelib.scim.errors import InvalidSyntax, InvalidValue, Mutability
from chalicelib.scim.ignored import Ignored, Reason
from chalicelib.scim.names import CHECKED_WHEN_GIVEN, check_new_names, check_visible
from chalicelib.scim.schema import Attribute, Resource, ResourceType, Schema, Target
from chalicelib.scim.strict_json import json_type

# What `check_value` returns where a client cleared the value: RFC 7643 section 2.5 makes null, the
# empty array and an absent attribute the same, and Entra ID sends "" to the same end.
CLEARED: Final = None

# A user is written in one transaction with an item for each e-mail address, and a group's item is
# written with each change of its members: these limits keep both affordable.
MAX_VALUES = 50
_MAX_VALUES_OF: Mapping[str, int | None] = {"emails": 20, "members": None}
_MAX_BYTES: Mapping[str, tuple[int, str]] = {"User": (102_400, "100 KB"), "Group": (4_096, "4 KB")}

# As DynamoDB counts it.
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# Sub-attributes that only describe a value, and mean nothing without one.
LABELS: Final = frozenset({"type", "primary"})

# Larger numbers lose digits in the JSON readers of many clients; this is what xsd:long holds.
_MAX_INTEGER = 2**63

# What an error says was expected, by the type of the attribute.
_EXPECTED: Mapping[str, str] = {
    "string": "a string",
    "boolean": "true or false",
    "decimal": "a number",
    "integer": "a whole number of at most 63 bits",
    "dateTime": "a date-time such as 2026-01-31T08:30:00Z",
    "binary": "base64",
    "reference": "a string",
    "complex": "an object",
}


def check(document: Mapping[str, Any], resource_type: ResourceType) -> Resource:
    """Turn the body of a POST or PUT into the canonical document of a resource.

    An attribute of an extension may be in the extension's object, under a key of URN and name, or
    under its bare name; one of the core in an object of the core schema's URN; a sub-attribute
    under a dotted key. Read-only attributes, `schemas`,
    `password` and attributes that the schemas do not know are left out.
    `check(check(x)) == check(x)`.

    Raises:
        InvalidValue: a value is missing, of another type, or over a limit; names its path.
        InvalidSyntax: an attribute is sent twice, in two spellings.
    """
    resource = read(document, resource_type)
    check_new_names(resource, {}, resource_type)
    check_complete(resource, resource_type)
    return resource


def read(document: Mapping[str, Any], resource_type: ResourceType) -> Resource:
    """Do as `check`, but let required attributes be missing: a PUT may keep them.

    Raises:
        InvalidValue, InvalidSyntax: as `check`.
    """
    resource: Resource = {}
    for key, value in entries(document, resource_type):
        attribute = resource_type.core(key)
        if attribute is not None:
            _put(resource, attribute, value, attribute.name)
        elif (target := resource_type.locate(key)) is not None:
            _put_at(resource, target, value, resource_type)
    for extension in resource_type.extensions:
        if not resource.get(extension.id, True):
            del resource[extension.id]
    return resource


def check_complete(resource: Resource, resource_type: ResourceType) -> None:
    """Check a canonical document as a whole: nothing required is missing, no limit is exceeded.

    Raises:
        InvalidValue: names the attribute or the limit.
    """
    check_required(resource, resource_type)
    check_limits(resource, resource_type)


# Attributes of the core that can be changed, but not cleared: a user without `active` would be
# neither active nor inactive.
ALWAYS_SET: Final = frozenset({"active"})


def ignored_in(document: Mapping[str, Any], resource_type: ResourceType) -> Iterator[Ignored]:
    """Yield the attributes and the URNs of `schemas` that `check` ignores as unknown."""
    known = {schema.id.lower() for schema in resource_type.schemas()}
    for key, value in entries(document, resource_type):
        target = resource_type.locate(key)
        if target is None:
            yield Ignored(key)
        elif target.attribute is None:
            if target.extension is not None:
                yield from _ignored_in_extension(value, target.extension)
        elif target.attribute.name == "schemas":
            urns = value if isinstance(value, list) else ()
            unknown = (urn for urn in urns if str(urn).lower() not in known)
            yield from (Ignored(f"schemas: {urn}", "unknown_schema") for urn in unknown)
        elif target.sub_attribute is None:
            yield from ignored_in_value(value, target, key)


def _ignored_in_extension(value: Any, extension: Schema) -> Iterator[Ignored]:
    names = value if isinstance(value, Mapping) else {}
    known = {name: extension.find(name.partition(".")[0]) for name in names}
    kept = None if any(known.values()) else Target(extension, None)
    for name, attribute in known.items():
        if attribute is None:
            yield Ignored(f"{extension.id}:{name}", target=kept)
        elif "." not in name:
            target = Target(extension, attribute)
            yield from ignored_in_value(names[name], target, f"{extension.id}:{name}")


def ignored_in_value(value: Any, target: Target, where: str) -> Iterator[Ignored]:
    """Yield the sub-attributes of an attribute's value that the schema does not have.

    Where it has none of them, the whole value is ignored; so is an empty value of an attribute
    that is always set.
    """
    attribute = cast("Attribute", target.attribute)
    if is_always_set(target) and unwrap(value, attribute) in (None, ""):
        yield Ignored(attribute.name, "always_set", target=target)
    if attribute.type != "complex" or attribute.mutability == "readOnly":
        return
    understood = is_understood(value, attribute)
    reason: Reason = "unknown" if understood else "not_understood"
    value = unwrap(value, attribute)
    elements = value if isinstance(value, list) else [value]
    names = (name for each in elements if isinstance(each, Mapping) for name in each)
    for name in names:
        if attribute.sub(name) is None:
            yield Ignored(f"{where}.{name}", reason, target=None if understood else target)


def is_always_set(target: Target) -> bool:
    """Tell whether an attribute can be changed, but not cleared."""
    attribute = target.attribute
    return target.extension is None and attribute is not None and attribute.name in ALWAYS_SET


def entries(document: Mapping[str, Any], resource_type: ResourceType) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a document with their values; those of the core schema's object, too.

    Raises:
        InvalidValue: the core schema's URN has a value that is not an object.
    """
    core = resource_type.schema.id.lower()
    for key, value in document.items():
        if key.lower() != core:
            yield key, value
        elif isinstance(value, Mapping):
            yield from value.items()
        elif value not in (None, ""):
            raise InvalidValue(f"{key}: expected an object, got {json_type(value)}.")


def check_value(value: Any, attribute: Attribute, where: str) -> Any:
    """Return the canonical form of an attribute's value; `CLEARED` where it is empty.

    `where` is the path that an error names, as in `emails` or `emails[2].value`. A value that is
    never returned is checked and then discarded as if it were empty.

    Raises:
        InvalidValue: the value is not of the attribute's type, or over a limit.
        InvalidSyntax: a sub-attribute is sent twice, in two spellings.
    """
    if isinstance(value, (dict, list)):
        value = unwrap(value, attribute)
    if attribute.multi_valued:
        return _many(value, attribute, where)
    if isinstance(value, list):
        raise InvalidValue(f"{where}: expected one value, got an array of {len(value)}.")
    return check_element(value, attribute, where)


def check_required(resource: Resource, resource_type: ResourceType) -> None:
    """Check that no required attribute is missing; those of an extension only where it is used.

    Raises:
        InvalidValue: names the missing attribute (RFC 7643 section 2.2).
    """
    _check_required(resource, resource_type.schema.attributes, "")
    for extension in resource_type.extensions:
        if extension.id in resource:
            _check_required(resource[extension.id], extension.attributes, f"{extension.id}:")


def check_limits(resource: Resource, resource_type: ResourceType) -> None:
    """Check that a canonical document is not larger than this service stores, without members.

    Raises:
        InvalidValue: names the attribute or the limit.
    """
    for name, value in resource.items():
        if isinstance(value, list):
            _check_count(value, name, name)
    limit, shown = _MAX_BYTES[resource_type.name]
    counted = {name: value for name, value in resource.items() if name != "members"}
    size = len(_COMPACT.encode(counted).encode())
    if size > limit:
        raise InvalidValue(
            f"The {resource_type.name} may have at most {shown} of JSON; this one has "
            f"{size:,} bytes."
        )


def replaced(
    document: Resource, present: Resource, ignored: Iterable[Ignored], resource_type: ResourceType
) -> Resource:
    """Return what a PUT makes of a resource: its document, with what it keeps.

    It keeps immutable values that it leaves out, attributes that are always set, and those of
    whose new value nothing was understood.

    Raises:
        InvalidValue: as `check_complete`.
        Mutability: as `keep_immutable`.
    """
    always = {name: present[name] for name in ALWAYS_SET & present.keys()}
    kept = keep_immutable(always | document, present, resource_type)
    for target in (each.target for each in ignored):
        if target is not None:
            _keep_target(kept, present, target)
    check_new_names(kept, present, resource_type)
    check_complete(kept, resource_type)
    return kept


def _keep_target(kept: Resource, present: Resource, target: Target) -> None:
    """Keep an attribute, or an extension, as it is; unless the document has it elsewhere."""
    extension, attribute = target.extension, target.attribute
    if extension is not None and extension.id in present:
        was = present[extension.id]
        if attribute is None:
            kept.setdefault(extension.id, was)
        elif attribute.name in was:
            within = {attribute.name: was[attribute.name]} | kept.get(extension.id, {})
            kept[extension.id] = within
    elif extension is None and attribute is not None and attribute.name in present:
        kept.setdefault(attribute.name, present[attribute.name])


def keep_immutable(document: Resource, present: Resource, resource_type: ResourceType) -> Resource:
    """Return the document of a PUT with the immutable values that it leaves out.

    RFC 7644 section 3.5.1.

    Raises:
        Mutability: it has another value for an immutable attribute; names its path.
    """
    kept = _kept(document, present, resource_type.schema.attributes, "")
    for extension in resource_type.extensions:
        held, was = kept.get(extension.id, {}), present.get(extension.id, {})
        if inner := _kept(held, was, extension.attributes, f"{extension.id}:"):
            kept[extension.id] = inner
    return kept


def immutable_error(where: str) -> Mutability:
    """Return the error for another value of an immutable attribute."""
    return Mutability(f"{where}: immutable, it cannot be changed once it is set.")


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
            raise immutable_error(where)
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
        raise InvalidValue(f"{schema.id}: expected an object, got {json_type(value)}.")
    for key, found in value.items():
        name, _, sub = key.partition(".")
        target = resource_type.resolve(schema.id, name, sub or None)
        if target is not None:
            _put_at(resource, target, found, resource_type)


def _put(holder: Resource, attribute: Attribute, value: Any, where: str) -> None:
    if attribute.mutability == "readOnly" or attribute.name == "schemas":
        return
    if attribute.type == "complex" and not is_understood(value, attribute):
        return
    checked = check_value(value, attribute, where)
    if checked is CLEARED:
        return
    if attribute.name in holder:
        checked = _joined(holder[attribute.name], checked, where)
    holder[attribute.name] = checked


def _joined(held: Any, checked: Any, where: str) -> Any:
    """Join `name` and `name.givenName`; the same name twice cannot be joined."""
    if isinstance(held, dict) and isinstance(checked, dict) and not held.keys() & checked.keys():
        return held | checked
    raise _sent_twice(where)


def _many(value: Any, attribute: Attribute, where: str) -> Any:
    sent = value if isinstance(value, list) else [value]
    _check_count(sent, attribute.name, where)
    checked = [
        element
        for position, found in enumerate(sent)
        if (element := check_element(found, attribute, f"{where}[{position}]")) is not CLEARED
        and not _has_labels_only(element, found)
    ]
    if attribute.type == "complex":
        checked = unique_values(checked, attribute)
        _check_primary(checked, where)
    return checked or CLEARED


def unique_values(elements: Sequence[Any], attribute: Attribute) -> list[Any]:
    """Return complex values without those whose `value` and `type` are those of an earlier one.

    RFC 7643 section 2.4. An absent type equals an absent type; `primary`, `display` and other
    sub-attributes of the later one win. Values without `value`, such as addresses, all stay.
    """
    if len(elements) < 2:  # noqa: PLR2004 - nothing to compare
        return list(elements)
    subs = [sub for name in ("value", "type") if (sub := attribute.sub(name)) is not None]
    forms = {sub.name: comparable_form(sub) for sub in subs}
    unique: dict[Any, Any] = {}
    for position, element in enumerate(elements):
        identity: Any = position
        if isinstance(element, dict) and "value" in element and "value" in forms:
            identity = tuple(
                form(element[name]) if name in element else None for name, form in forms.items()
            )
        known = unique.get(identity)
        unique[identity] = element if known is None else known | element
    return list(unique.values())


def _has_labels_only(element: Any, sent: Any) -> bool:
    """Tell that all of an element was cleared but its labels: a work address without address."""
    return isinstance(element, dict) and element.keys() <= LABELS and len(element) < len(sent)


def check_element(value: Any, attribute: Attribute, where: str) -> Any:
    """Return the canonical form of one of an attribute's values.

    Raises:
        InvalidValue, InvalidSyntax: as `check_value`.
    """
    if isinstance(value, dict):
        value = unwrap_element(value, attribute)
    if value is None or value == "":
        return CLEARED
    checked = _CHECKERS[attribute.type](value, attribute, where)
    return CLEARED if attribute.returned == "never" else checked


def _check_count(values: Sequence[Any], name: str, where: str) -> None:
    limit = _MAX_VALUES_OF.get(name, MAX_VALUES)
    if limit is not None and len(values) > limit:
        raise InvalidValue(
            f"{where}: at most {limit:,} values are stored; {len(values):,} were sent."
        )


def _check_primary(elements: Sequence[Resource], where: str) -> None:
    if sum(element.get("primary") is True for element in elements) > 1:
        raise InvalidValue(f"{where}: only one value may be primary (RFC 7643 section 2.4).")


def _check_required(holder: Resource, attributes: Sequence[Attribute], prefix: str) -> None:
    for attribute in attributes:
        value = holder.get(attribute.name)
        if value is None:
            if attribute.required:
                raise InvalidValue(f"{prefix}{attribute.name}: required, but missing.")
        elif any(sub.required for sub in attribute.sub_attributes):
            for element in value if attribute.multi_valued else [value]:
                _check_required(element, attribute.sub_attributes, f"{prefix}{attribute.name}.")


def _text(value: Any, attribute: Attribute, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, attribute, where)
    if "\0" in value:
        raise InvalidValue(f"{where}: contains U+0000, which cannot be stored.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(
            f"{where}: contains an unpaired surrogate, which cannot be stored."
        ) from None
    if attribute.uniqueness != "none" and attribute.name not in CHECKED_WHEN_GIVEN:
        check_visible(value, where)
    return value


def _boolean(value: Any, attribute: Attribute, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.lower()) in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[word]
    raise _wrong_type(value, attribute, where)


def _decimal(value: Any, attribute: Attribute, where: str) -> int | float:
    if isinstance(value, int):
        return _integer(value, attribute, where)
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _wrong_type(value, attribute, where)


def _integer(value: Any, attribute: Attribute, where: str) -> int:
    # Python counts booleans as integers.
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_INTEGER:
        return value
    raise _wrong_type(value, attribute, where)


def _date_time(value: Any, attribute: Attribute, where: str) -> str:
    text = _text(value, attribute, where)
    if not is_date_time(text):
        raise _wrong_type(value, attribute, where)
    return text


def _binary(value: Any, attribute: Attribute, where: str) -> str:
    text = _text(value, attribute, where)
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong_type(value, attribute, where) from None
    return text


def _complex(value: Any, attribute: Attribute, where: str) -> Resource | None:
    if isinstance(value, dict):
        checked = _sub_values(value, attribute, where)
    elif isinstance(value, list) or attribute.sub("value") is None:
        raise _wrong_type(value, attribute, where)
    else:  # a bare value, as in `"manager": "<id>"`
        checked = _sub_values({"value": value}, attribute, where)
    identity = attribute.sub("value")
    # An immutable `value`, such as a member's id, can never be given later.
    if "value" not in checked and identity is not None and identity.mutability == "immutable":
        raise InvalidValue(f"{where}.value: required, but missing.")
    return checked or CLEARED


def _sub_values(given: Mapping[str, Any], attribute: Attribute, where: str) -> Resource:
    """Check each sub-attribute; where `value` is cleared, the others describe nothing."""
    checked: Resource = {}
    for key, found in given.items():
        sub = attribute.sub(key)
        if sub is None or sub.mutability == "readOnly":
            continue
        if sub.name in checked:
            raise _sent_twice(f"{where}.{sub.name}")
        canonical = check_value(found, sub, f"{where}.{sub.name}")
        if canonical is not CLEARED:
            checked[sub.name] = canonical
        elif sub.name == "value":
            return {}
    return checked


def _wrong_type(value: Any, attribute: Attribute, where: str) -> InvalidValue:
    return InvalidValue(f"{where}: expected {_EXPECTED[attribute.type]}, got {json_type(value)}.")


def _sent_twice(where: str) -> InvalidSyntax:
    return InvalidSyntax(
        f"{where}: sent twice; names are compared without case (RFC 7643 section 2.1)."
    )


_BOOLEAN_WORDS: Mapping[str, bool] = {"true": True, "false": False}

# RFC 7643 section 2.3: adding a type is adding a line.
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
