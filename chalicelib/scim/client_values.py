"""Values as clients send them: taken out of the wrapping that providers put around them.

    "active": ["false"]                              an array around a single value
    "title": {"value": "x"}                          an object around a simple value
    "manager": [{"$ref": null, "value": "x"}]        both
    "emails": {"emails": [{"value": "x"}]}           the attribute's own name around its value

Each is removed once. A string that contains JSON is a string.
"""

from __future__ import annotations

from typing import Any, Final

from chalicelib.scim.schema import Attribute

# What may stand beside `value` in an object around a simple value.
_BESIDE_VALUE: Final = frozenset({"$ref", "type"})


def unwrap(value: Any, attribute: Attribute) -> Any:
    """Return an attribute's value without wrapping; None for an empty array around a single value.

    An array of several values of a single-valued attribute is returned as it is.
    """
    value = _without_own_name(value, attribute)
    if attribute.multi_valued:
        return value
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    return unwrap_element(value, attribute)


def unwrap_element(value: Any, attribute: Attribute) -> Any:
    """Return one value of an attribute without the object around a simple value."""
    if attribute.type == "complex" or not isinstance(value, dict):
        return value
    keys = {key.lower(): key for key in value}
    if "value" in keys and keys.keys() - {"value"} <= _BESIDE_VALUE:
        return value[keys["value"]]
    return value


def is_understood(value: Any, attribute: Attribute) -> bool:
    """Tell whether a complex value has any sub-attribute that the schema knows.

    An empty value is understood: it clears the attribute. So is one that is not an object, whose
    type is checked later, and a member without an id, which is an error wherever it is sent.
    """
    if attribute.type != "complex":
        return True
    value = unwrap(value, attribute)
    elements = value if isinstance(value, list) else [value]
    for element in elements:
        if not isinstance(element, dict) or not element:
            return True
        for name in element:
            if attribute.sub(name) is not None:
                return True
    identity = attribute.sub("value")
    return not elements or (identity is not None and identity.mutability == "immutable")


def _without_own_name(value: Any, attribute: Attribute) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key.lower() == attribute.name.lower() and attribute.sub(key) is None:
            return inner
    return value
