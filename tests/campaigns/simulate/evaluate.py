"""Evaluate DynamoDB's expressions, those that chalicelib.storage writes and no others.

An expression is parsed once: the placeholders of our code are numbered, so few texts occur. What
is not known here is an error of the simulation, loudly: never a condition that holds by accident.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

Wire = dict[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]
Holds = Callable[[Wire, Names, Values], bool]
Path = tuple[str, ...]

TOKEN = re.compile(r"\s*(?:(?P<word>[#:]?[A-Za-z0-9_]+(?:\.#[0-9]+)*)|(?P<sign><>|<=|>=|[=<>(),]))")
CLAUSES = ("SET", "ADD", "REMOVE")


class UnknownExpression(Exception):
    """The simulation does not know this expression: teach it, and the differential suite too."""


def tokens_of(text: str) -> list[str]:
    """Split an expression into words and signs."""
    found, at = [], 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if match is None:
            raise UnknownExpression(text)
        found.append(match["word"] or match["sign"])
        at = match.end()
    return found


@lru_cache(maxsize=10_000)
def condition(text: str) -> Holds:
    """Parse a ConditionExpression: `=`, attribute_exists, attribute_not_exists, AND, OR, ()."""
    parser = _Parser(text, tokens_of(text))
    holds = parser.alternatives()
    if parser.rest:
        raise UnknownExpression(text)
    return holds


class _Parser:
    """Reads the tokens of one condition from the left."""

    def __init__(self, text: str, tokens: Sequence[str]) -> None:
        self.text = text
        self.rest = list(tokens)

    def alternatives(self) -> Holds:
        terms = [self.conjunction()]
        while self._next_is("OR"):
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else lambda *at: any(term(*at) for term in terms)

    def conjunction(self) -> Holds:
        terms = [self.term()]
        while self._next_is("AND"):
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else lambda *at: all(term(*at) for term in terms)

    def term(self) -> Holds:
        if self._next_is("("):
            inner = self.alternatives()
            self._expect(")")
            return inner
        word = self._take()
        if word in FUNCTIONS:
            self._expect("(")
            path = self._take()
            self._expect(")")
            return FUNCTIONS[word](path_of(path, self.text))
        sign, value = self._take(), self._take()
        if sign not in COMPARISONS or not value.startswith(":"):
            raise UnknownExpression(self.text)
        return COMPARISONS[sign](path_of(word, self.text), value)

    def _take(self) -> str:
        if not self.rest:
            raise UnknownExpression(self.text)
        return self.rest.pop(0)

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise UnknownExpression(self.text)

    def _next_is(self, token: str) -> bool:
        if self.rest[:1] != [token]:
            return False
        del self.rest[0]
        return True


def path_of(word: str, text: str) -> Path:
    """Return the placeholders of a path, `#0.#1`."""
    parts = tuple(word.split("."))
    if not all(part.startswith("#") for part in parts):
        raise UnknownExpression(text)
    return parts


def _find(item: Wire, path: Path, names: Names) -> Any:
    """Return the value at a path; None if it is not there."""
    found: Any = {"M": item}
    for part in path:
        found = found["M"].get(names[part]) if "M" in found else None
        if found is None:
            return None
    return found


FUNCTIONS: Mapping[str, Callable[[Path], Holds]] = {
    "attribute_exists": lambda path: lambda item, names, _: _find(item, path, names) is not None,
    "attribute_not_exists": lambda path: lambda item, names, _: _find(item, path, names) is None,
}


def _ordered(path: Path, value: str, holds: Callable[[Any, Any], bool]) -> Holds:
    """Compare two numbers or two strings; values of other types are never in order."""

    def compare(item: Wire, names: Names, values: Values) -> bool:
        found, limit = _find(item, path, names), values[value]
        if found is None or found.keys() != limit.keys():
            return False
        ((value_type, content),) = found.items()
        read: Any = {"N": int, "S": str.encode}[value_type]
        return holds(read(content), read(limit[value_type]))

    return compare


COMPARISONS: Mapping[str, Callable[[Path, str], Holds]] = {
    "=": lambda path, value: lambda item, names, values: _find(item, path, names) == values[value],
    "<": lambda path, value: _ordered(path, value, lambda a, b: a < b),
    "<=": lambda path, value: _ordered(path, value, lambda a, b: a <= b),
    ">": lambda path, value: _ordered(path, value, lambda a, b: a > b),
    ">=": lambda path, value: _ordered(path, value, lambda a, b: a >= b),
}


@lru_cache(maxsize=10_000)
def parse_update(text: str) -> tuple[tuple[str, str, str], ...]:
    """Parse an UpdateExpression: (clause, name, value) of each action; REMOVE has no value."""
    found: list[tuple[str, str, str]] = []
    clause, tokens = "", tokens_of(text)
    while tokens:
        if tokens[0] in CLAUSES:
            clause = tokens.pop(0)
        elif tokens[0] == ",":
            tokens.pop(0)
        words = {"SET": 3, "ADD": 2, "REMOVE": 1}.get(clause, len(tokens))
        action = [tokens.pop(0) for _ in range(words)]
        found.append((clause, action[0], action[-1] if words > 1 else ""))
        if "." in action[0] or not action[0].startswith("#") or (words == 3 and action[1] != "="):
            raise UnknownExpression(text)
    return tuple(found)


def updated(item: Wire, text: str, names: Names, values: Values) -> Wire:
    """Return the item after an update.

    Raises:
        TypeError: ADD of something that is not a number.
    """
    after = dict(item)
    for clause, placeholder, value in parse_update(text):
        name = names[placeholder]
        if clause == "SET":
            after[name] = values[value]
        elif clause == "REMOVE":
            after.pop(name, None)
        else:
            before = after.get(name, {"N": "0"})
            if "N" not in before:
                raise TypeError(name)
            after[name] = {"N": str(int(before["N"]) + int(values[value]["N"]))}
    return after


@lru_cache(maxsize=1_000)
def parse_projection(text: str) -> tuple[str, ...]:
    """Parse a ProjectionExpression of attribute names."""
    tokens = tokens_of(text)
    names = tokens[::2]
    if set(tokens[1::2]) - {","} or any("." in n or not n.startswith("#") for n in names):
        raise UnknownExpression(text)
    return tuple(names)


def projected(item: Wire, text: str | None, names: Names) -> Wire:
    """Return the attributes that are asked for; without an expression all."""
    if text is None:
        return dict(item)
    wanted = {names[each] for each in parse_projection(text)}
    return {name: value for name, value in item.items() if name in wanted}
