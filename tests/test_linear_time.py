"""Every compiled expression of the service takes time in proportion to its text, whatever it is.

The texts are generated from the expression itself: each literal and class of it, alone and behind
what stands before it, repeated, and ended by what cannot match.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from re import _constants as kinds  # the parser has no public name
from re import _parser as parser
from typing import Any

import pytest

import chalicelib
from chalicelib.api.admin.csv_file import neutralised
from chalicelib.api.scim.recorder import clean_user_agent
from chalicelib.scim.catalog import USER
from chalicelib.scim.comparison import fold, fold_group_name
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.masking import masked_detail
from chalicelib.scim.names import check_new_names
from tests.support.processor_time import at_most, seconds

LENGTH = 10_000
# Below this many seconds of CPU a measurement is noise, and no attack either.
NOISE = 0.002
ENDS = ("", "\x00", "!", "\n", '"', "@", " ")


def patterns() -> dict[str, re.Pattern[str]]:
    """List the expressions in all modules of the service, by module and name."""
    found: dict[str, re.Pattern[str]] = {}
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found.setdefault(value.pattern, value)
                found[f"{module.name}.{name}"] = found.pop(value.pattern)
    return {name: each for name, each in found.items() if name.startswith("chalicelib.")}


def units(pattern: re.Pattern[str]) -> set[str]:
    """Write what an expression may repeat: its literals, a character of each class, and pairs."""
    single = {*_characters(parser.parse(pattern.pattern, pattern.flags)), "a", "0", " ", "\\"}
    pairs = {one + other for one in single for other in single if one != other}
    return single | (pairs if len(single) <= 9 else {"a ", "a@", '"\\', "a.", "a-", "\\u"})


def _characters(node: Any) -> Iterator[str]:
    for kind, value in node:
        if kind in (kinds.LITERAL, kinds.NOT_LITERAL):
            yield chr(value) if kind is kinds.LITERAL else "~"
        elif kind is kinds.IN:
            yield from _of_class(value)
        elif isinstance(value, Iterable) and not isinstance(value, str):
            yield from (c for part in _subpatterns(value) for c in _characters(part))


def _of_class(members: Any) -> Iterator[str]:
    for kind, value in members:
        if kind is kinds.LITERAL:
            yield chr(value)
        elif kind is kinds.RANGE:
            yield chr(value[0])
        elif kind is kinds.NEGATE:
            yield "~"


def _subpatterns(value: Any) -> Iterator[Any]:
    for part in value:
        if isinstance(part, parser.SubPattern):
            yield part
        elif isinstance(part, list):
            yield from (each for each in part if isinstance(each, parser.SubPattern))


def prefixes(pattern: re.Pattern[str]) -> set[str]:
    """Write what may have to stand before the repetition: beginnings of the literal text."""
    literals = "".join(
        chr(value) for kind, value in parser.parse(pattern.pattern) if kind is kinds.LITERAL
    )
    return {"", literals, literals[:1], '"'}


def texts(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Write texts of any length of which one might be slow."""
    for before in prefixes(pattern):
        for unit in units(pattern):
            for end in ENDS:
                yield lambda length, before=before, unit=unit, end=end: (  # type: ignore[misc]
                    before + unit * (length // len(unit)) + end
                )


def uses(pattern: re.Pattern[str]) -> tuple[Callable[[str], object], ...]:
    """Return the ways to use an expression: on a whole text, and everywhere in it."""
    return pattern.fullmatch, lambda text: pattern.sub("", text)


def is_linear(
    work: Callable[[str], object], text: Callable[[int], str], length: int = LENGTH
) -> bool:
    """Tell whether twice the text takes less than three times as long; measured again if not."""
    long, half = (partial(work, text(size)) for size in (length, length // 2))
    if seconds(long) < NOISE:
        return True
    return any(
        min(seconds(long) for _ in range(tries)) < 3 * min(seconds(half) for _ in range(tries))
        for tries in (1, 2, 3)
    )


@pytest.mark.parametrize("name", patterns())
def test_an_expression_is_linear(name):
    """Time at 10,000 characters over time at 5,000 is below 3."""
    pattern = patterns()[name]

    slow = {
        text(12) for work in uses(pattern) for text in texts(pattern) if not is_linear(work, text)
    }

    assert slow == set()


FORMER = [r"[^\s\"'<>]+@[^\s\"'<>]+", r"\s+$"]


@pytest.mark.parametrize("known", FORMER)
def test_the_families_find_what_is_slow(known):
    """The first was here; both are quadratic where it is looked for everywhere in a text."""
    pattern = re.compile(known)

    assert any(not is_linear(uses(pattern)[1], text, LENGTH // 4) for text in texts(pattern))


CLEANERS = [clean_user_agent, masked_detail]


@pytest.mark.parametrize("clean", CLEANERS)
@pytest.mark.parametrize("unit", ["a", "a ", "@", "a@", '"', '"a', "psl_", "psl_@", "\\", "<", "é"])
def test_what_cleans_texts_of_strangers_is_linear(clean, unit):
    """The former worst: 9,900 characters without `@` in a User-Agent took 0.6 s."""
    assert is_linear(clean, lambda length: unit * (length // len(unit)))
    with at_most(1.25):
        clean(unit * (9_900 // len(unit)))


def check_user_name(name: str) -> None:
    """Check a userName that is given."""
    with suppress(InvalidValue):
        check_new_names({"userName": name}, {}, USER)


READERS = [fold, fold_group_name, check_user_name, neutralised]
# Combining marks of several classes, in the order that Unicode does not have them in.
MARKS = ["\u0301\u0323", "\u0323\u0301", "\u0345\u0334", "\u3099\u0301", "\u0344", "\ufdfa", "İ"]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("unit", MARKS)
def test_a_text_of_unicode_takes_linear_time(read, unit):
    """A userName of 16,000 pairs of marks took four seconds: Python sorts them by insertion."""
    assert is_linear(read, lambda length: "a" + unit * (length // len(unit)))
    half = LENGTH // 2
    assert is_linear(read, lambda length: "a" + "".join(c * (length // 2) for c in unit))
    with at_most(2.5):
        read("a" + "\u0301" * half + "\u0323" * half)
