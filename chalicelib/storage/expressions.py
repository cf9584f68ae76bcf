"""Conditions and the actions of a transaction, as values that render themselves. Pure.

Nobody writes an expression string by hand: `equals("v", 3) & absent("lease")` prints the DynamoDB
condition, and a `Placeholders` object assigns the names and values it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

from chalicelib.storage.grants import Verb
from chalicelib.storage.keys import Key

Item = dict[str, Any]
Wire = dict[str, Any]

_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize


def to_wire(item: Mapping[str, Any]) -> Wire:
    """Write Python values as DynamoDB attribute values; None is left out."""
    return {name: _SERIALIZE(value) for name, value in item.items() if value is not None}


def from_wire(wire: Mapping[str, Any]) -> Item:
    """Read DynamoDB attribute values: numbers are whole, binaries are bytes."""
    return {name: _plain(_DESERIALIZE(value)) for name, value in wire.items()}


# boto3 reads numbers as Decimal and binaries as its own class; lists and maps hold them too.
PLAIN: Mapping[type, Callable[[Any], Any]] = {
    Decimal: int,
    Binary: bytes,
    list: lambda values: [_plain(value) for value in values],
    dict: lambda values: {name: _plain(value) for name, value in values.items()},
}


def _plain(value: Any) -> Any:
    reader = PLAIN.get(type(value))
    return value if reader is None else reader(value)


def key_of(item: Mapping[str, Any]) -> Key:
    """Return the key of an item."""
    return Key(item["PK"], item["SK"])


def key_on_wire(item: Mapping[str, Any]) -> Key:
    """Return the key of an item as DynamoDB sends it."""
    return key_of(from_wire({name: item[name] for name in ("PK", "SK")}))


class Placeholders:
    """The placeholders `#0`, `:0` ... for the names and values of one request."""

    def __init__(self) -> None:
        """Start without any."""
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def name(self, attribute: str) -> str:
        """Return the placeholder of an attribute name, or of a path such as `lease.change_id`."""
        return ".".join(
            self._names.setdefault(part, f"#{len(self._names)}") for part in attribute.split(".")
        )

    def value(self, value: Any) -> str:
        """Return the placeholder of a value."""
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def parameters(self) -> Wire:
        """Return the parameters for the expressions; DynamoDB rejects empty maps."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        parts = {
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_wire(self._values),
        }
        return {name: part for name, part in parts.items() if part}


Term = tuple[str, str, Any]
TERMS: Mapping[str, Callable[[Placeholders, str, Any], str]] = {
    "equals": lambda use, name, value: f"{use.name(name)} = {use.value(value)}",
    "equals_or_absent": lambda use, name, value: (
        f"(attribute_not_exists({use.name('PK')}) OR {use.name(name)} = {use.value(value)})"
    ),
    "present": lambda use, name, _: f"attribute_exists({use.name(name)})",
    "absent": lambda use, name, _: f"attribute_not_exists({use.name(name)})",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Terms that must all hold; `&` joins two conditions."""

    terms: tuple[Term, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        """Both must hold."""
        return Condition(self.terms + other.terms)

    def render(self, use: Placeholders) -> str:
        """Write the condition as an expression."""
        return " AND ".join(TERMS[term](use, name, value) for term, name, value in self.terms)


def equals(name: str, value: Any) -> Condition:
    """The attribute has this value."""
    return Condition((("equals", name, value),))


def equals_or_absent(name: str, value: Any) -> Condition:
    """The attribute has this value, or there is no such item."""
    return Condition((("equals_or_absent", name, value),))


def present(name: str) -> Condition:
    """The attribute is there."""
    return Condition((("present", name, None),))


def absent(name: str) -> Condition:
    """The attribute is not there."""
    return Condition((("absent", name, None),))


ANY = Condition()
EXISTS = present("PK")
NEW = absent("PK")


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole item; never over one in which other writers count."""

    key: Key
    item: Mapping[str, Any] = field(default_factory=dict)
    condition: Condition = ANY


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes of an item: set, add to numbers, remove. A value of None is not set."""

    key: Key
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    condition: Condition = ANY


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an item."""

    key: Key
    condition: Condition = ANY


@dataclass(frozen=True, slots=True)
class Check:
    """Change nothing, but make the transaction depend on an item."""

    key: Key
    condition: Condition


Action = Put | Update | Delete | Check

VERBS: Mapping[type[Action], Verb] = {
    Put: "put",
    Update: "update",
    Delete: "delete",
    Check: "read",
}


def render(action: Action, table: str) -> Wire:
    """Write an action as an entry of TransactItems.

    A failed condition returns the item as it was, so that nobody has to guess the reason.
    """
    use = Placeholders()
    operation, body = BODIES[type(action)]
    request: Wire = {"TableName": table} | body(action, use)
    if action.condition.terms:
        request["ConditionExpression"] = action.condition.render(use)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return {operation: request | use.parameters()}


def projection(attributes: Sequence[str]) -> Wire:
    """Return the parameters that read only these attributes and the key; none: all of them."""
    if not attributes:
        return {}
    use = Placeholders()
    names = ", ".join(use.name(each) for each in ("PK", "SK", *attributes))
    return {"ProjectionExpression": names} | use.parameters()


def wire_key(key: Key) -> Wire:
    """Write a key as DynamoDB attribute values."""
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def _item(action: Put, _: Placeholders) -> Wire:
    return {"Item": to_wire({**action.item, "PK": action.key.pk, "SK": action.key.sk})}


def _key(action: Delete | Check, _: Placeholders) -> Wire:
    return {"Key": wire_key(action.key)}


def _key_and_update(action: Update, use: Placeholders) -> Wire:
    set_to = [f"{use.name(n)} = {use.value(v)}" for n, v in action.set.items() if v is not None]
    added = [f"{use.name(name)} {use.value(value)}" for name, value in action.add.items()]
    removed = [use.name(name) for name in action.remove]
    clauses = (("SET", set_to), ("ADD", added), ("REMOVE", removed))
    expression = " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)
    return {"Key": wire_key(action.key), "UpdateExpression": expression}


BODIES: Mapping[type[Action], tuple[str, Callable[[Any, Placeholders], Wire]]] = {
    Put: ("Put", _item),
    Update: ("Update", _key_and_update),
    Delete: ("Delete", _key),
    Check: ("ConditionCheck", _key),
}
