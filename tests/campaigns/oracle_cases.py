"""Random users, filters and PATCH requests, for the engine and its oracle to be compared on.

A case is made from a number and is the same on every machine. Values are few, so that filters
match users and operations meet existing values. Knows the forms of the protocol, not the
correct results.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.scim.catalog import ENTERPRISE_USER, USER
from chalicelib.scim.filters import COMPARISONS
from chalicelib.scim.messages import PATCH_URN

Document = dict[str, Any]

ENTERPRISE = ENTERPRISE_USER.id
TEXTS = ("Ada", "ada", "ADA LOVELACE", "Straße", "b", "work")
WORK, HOME = "work", "home"
ADDRESSES = ("ada@example.com", "Ada@example.com", "b@example.org")
MOMENTS = ("2027-01-31T12:00:00Z", "2027-01-31T13:00:00+01:00", "2027-01-31T12:00:00.5Z")
DATES = (*MOMENTS, "2026-12-31T23:59:59Z")


@dataclass(frozen=True, slots=True)
class Case:
    """A question to both: its type, the user that it is about, and what is asked."""

    kind: str
    user: Document
    asked: Any


def case(number: int) -> Case:
    """Make the case of a number."""
    random = Random(number)  # noqa: S311 - the same number, the same case
    kind = random.choice(("user", "filter", "patch"))
    return Case(kind, a_user(random), _ASKED[kind](random))


# --- users ------------------------------------------------------------------------------------


def a_user(random: Random) -> Document:
    """Make a canonical user, as it is stored and represented."""
    chances: Mapping[str, Callable[[Random], Any]] = {
        "externalId": _text,
        "displayName": _text,
        "title": _text,
        "active": _flag,
        "name": _name,
        "emails": _emails,
        "roles": _roles,
        ENTERPRISE: _enterprise,
    }
    user = {"userName": _text(random)} | {
        name: make(random) for name, make in chances.items() if _perhaps(random)
    }
    meta = {"resourceType": "User", "lastModified": random.choice(DATES)}
    return user | {"id": random.choice(("u1", "u2")), "meta": meta}


def _perhaps(random: Random) -> bool:
    return random.random() < 0.6


def _text(random: Random) -> str:
    return random.choice(TEXTS)


def _flag(random: Random) -> bool:
    return random.random() < 0.5


def _name(random: Random) -> Document:
    return _some(random, {"givenName": _text, "familyName": _text})


def _some(random: Random, parts: Mapping[str, Callable[[Random], Any]]) -> Document:
    """Make an object with at least one of these."""
    names = random.sample(sorted(parts), random.randint(1, len(parts)))
    return {name: parts[name](random) for name in names}


def _email(random: Random) -> Document:
    kind = {"type": random.choice((WORK, HOME))} if _perhaps(random) else {}
    return {"value": random.choice(ADDRESSES)} | kind


def _emails(random: Random) -> list[Document]:
    return _with_primary(random, _different(_email(random) for _ in range(random.randint(1, 3))))


def _role(random: Random) -> Document:
    return {"value": _text(random)} | ({"display": _text(random)} if _perhaps(random) else {})


def _roles(random: Random) -> list[Document]:
    return _with_primary(random, _different(_role(random) for _ in range(random.randint(1, 3))))


def _different(elements: Any) -> list[Document]:
    return list({(each["value"].lower(), each.get("type")): each for each in elements}.values())


def _with_primary(random: Random, elements: list[Document]) -> list[Document]:
    chosen = random.choice(elements)
    return [each | {"primary": each is chosen} for each in elements] if _flag(random) else elements


def _enterprise(random: Random) -> Document:
    parts: Mapping[str, Callable[[Random], Any]] = {
        "department": _text,
        "employeeNumber": _text,
        "manager": _a_superior,
    }
    return _some(random, parts)


def _a_superior(random: Random) -> Document:
    uid = random.choice(("u1", "u2"))
    return {"value": uid, "$ref": f"../Users/{uid}"}


ODD_PARTS: Sequence[Document] = (
    {},
    {"title": None},
    {"userName": None, "USERNAME": "Ada"},
    {"active": "True"},
    {"active": "yes"},
    {"active": 1},
    {"emails": []},
    {"emails": "a@example.com"},
    {"emails": [{"value": 5}]},
    {"emails": [{"value": "", "type": "work"}]},
    {"name": {"givenName": ""}},
    {"name": "Ada"},
    {"name": {"GivenName": "Ada"}},
    {"roles": [{"value": "b", "primary": True}, {"value": "c", "primary": True}]},
    {"userName": ""},
    {"userName": 5},
    {"groups": [{"value": "g1"}]},
    {"shoeSize": 44},
)


def _body(random: Random) -> Document:
    """Make what a client sends to create a user: spelled as it likes, with what is not kept."""
    body = {name: value for name, value in a_user(random).items() if name != "meta"}
    schemas = [USER.schema.id, *([ENTERPRISE] if ENTERPRISE in body else [])]
    return {"schemas": schemas} | body | random.choice(ODD_PARTS)


# --- filters ----------------------------------------------------------------------------------


PLACES: Mapping[str, Sequence[Any]] = {
    "userName": TEXTS,
    "title": TEXTS,
    "externalId": TEXTS,
    "id": ("u1", "U1", "u2"),
    "active": (True, False),
    "name.familyName": TEXTS,
    "emails": ADDRESSES,
    "emails.value": ADDRESSES,
    "emails.type": (WORK, HOME),
    "emails.primary": (True, False),
    "roles.display": TEXTS,
    "meta.lastModified": DATES,
    f"{USER.schema.id}:displayName": TEXTS,
    f"{ENTERPRISE}:department": TEXTS,
    f"{ENTERPRISE}:manager": ("u1", "u2"),
    f"{ENTERPRISE}:manager.value": ("u1", "u2"),
    "shoeSize": (44,),
}
ELEMENTS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "emails": {"type": (WORK, HOME), "value": ADDRESSES, "primary": (True, False)},
    "roles": {"value": TEXTS, "display": TEXTS},
}
ODD_VALUES = (None, 5, "True", "", "2027-01-31")


def a_filter(random: Random, depth: int = 2) -> str:
    """Write a filter."""
    form = random.randrange(6 if depth else 3)
    if form == 0:
        name = random.choice(sorted(ELEMENTS))
        return f"{name}[{_choice(random, ELEMENTS[name])}]"
    if form < 3:
        return _term(random, PLACES)
    parts = [f"({a_filter(random, depth - 1)})" for _ in range(random.randint(2, 3))]
    return f"not {parts[0]}" if form == 3 else random.choice((" and ", " or ")).join(parts)


def _choice(random: Random, places: Mapping[str, Sequence[Any]]) -> str:
    terms = [_term(random, places) for _ in range(random.randint(1, 2))]
    return random.choice((" and ", " or ")).join(terms)


def _term(random: Random, places: Mapping[str, Sequence[Any]]) -> str:
    place = random.choice(sorted(places))
    op = random.choice((*COMPARISONS, "eq", "eq", "pr"))
    if op == "pr":
        return f"{place} pr"
    odd = random.random() < 0.1
    value = random.choice(ODD_VALUES if odd else places[place])
    return f"{place} {op} {json.dumps(value, ensure_ascii=False)}"


# --- PATCH ------------------------------------------------------------------------------------


VALUES: Mapping[str, Callable[[Random], Any]] = {
    "title": _text,
    "active": _flag,
    "userName": _text,
    "name": _name,
    "name.familyName": _text,
    "emails": _emails,
    'emails[type eq "work"]': _email,
    'emails[type eq "work"].value': lambda random: random.choice(ADDRESSES),
    'emails[value sw "ada"].type': lambda random: random.choice((WORK, HOME)),
    "emails[primary eq true].primary": _flag,
    'emails[type eq "home"].primary': _flag,
    "roles": _roles,
    'roles[value eq "b"].display': _text,
    f"{ENTERPRISE}:department": _text,
    f"{ENTERPRISE}:manager": _a_superior,
    ENTERPRISE: _enterprise,
    "id": _text,
    "shoeSize": _text,
}
WHOLE = ("title", "active", "userName", "name", "emails", "roles", ENTERPRISE)
ODD: Sequence[Any] = (None, "", [], {}, 5)


def a_patch(random: Random) -> Document:
    """Write the body of a PATCH."""
    operations = [_operation(random) for _ in range(random.randint(1, 3))]
    return {"schemas": [PATCH_URN], "Operations": operations}


def _operation(random: Random) -> Document:
    op = random.choice(("add", "replace", "remove", "Replace"))
    if op != "remove" and random.random() < 0.25:
        names = random.sample(WHOLE, random.randint(1, 2))
        return {"op": op, "value": {name: VALUES[name](random) for name in names}}
    path = random.choice(sorted(VALUES))
    if op == "remove":
        return {"op": op, "path": path}
    odd = random.random() < 0.1
    return {"op": op, "path": path, "value": random.choice(ODD) if odd else VALUES[path](random)}


_ASKED: Mapping[str, Callable[[Random], Any]] = {
    "user": _body,
    "filter": a_filter,
    "patch": a_patch,
}
