"""When are two values equal, and which is the greater? RFC 7643 sections 2.2, 2.3.5 and 2.4.

The only place that folds case, compares values of attributes or reads date-times. Values are
brought into a form that Python compares as SCIM does: `comparable_form` says which.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple

from chalicelib.scim.schema import Attribute


def comparable_form(attribute: Attribute) -> Callable[[Any], Any]:
    """Return the function that brings a value of a simple attribute into its comparable form."""
    return _FORMS[attribute.type](attribute)


def partial_form(attribute: Attribute) -> Callable[[Any], Any]:
    """Return the form in which parts are compared: blanks at the ends of a group's name count."""
    if attribute.is_group_name:
        return lambda name: fold(without_joiners(name))
    return comparable_form(attribute)


# -- Text


def fold(text: str) -> str:
    """Bring a text into the form in which two that differ in case only are equal.

    Character by character, so that a text never equals one of another length: "ß" is not "ss".
    Canonically equivalent texts (NFC) are equal too.
    """
    if text.isascii():
        return text.lower()
    composed = compose(text)
    folded = composed.casefold()
    # Folding never shortens: as many characters as before means that each became one.
    if len(folded) != len(composed):
        folded = "".join(map(_fold_character, composed))
    return compose(folded)


def _fold_character(character: str) -> str:
    """Fold one character to one: where full folding gives several, its lower case if that is one.

    See CaseFolding.txt of Unicode, status S.
    """
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def fold_group_name(name: str) -> str:
    """Fold a group's name: blanks at its ends and joiners tell no two groups apart."""
    return fold(without_joiners(name).strip())


def without_joiners(text: str) -> str:
    """Leave out U+200C and U+200D, which shape scripts and emoji and have no width."""
    return text if text.isascii() else text.replace("\u200c", "").replace("\u200d", "")


def compose(text: str) -> str:
    """Bring a text whose case matters into the form in which it is compared: NFC."""
    return text if text.isascii() else normalized("NFC", text)


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """Bring a text into a normal form of Unicode, in time in proportion to its length.

    Python sorts each run of combining marks by insertion: 64 KB of them take seconds. It finds
    those of a long text sorted here.
    """
    if len(text) > _LONG:
        text = _with_sorted_marks(text, "NFD" if form == "NFC" else "NFKD")
    return unicodedata.normalize(form, text)


def _with_sorted_marks(text: str, form: Literal["NFD", "NFKD"]) -> str:
    """Decompose each character, and put combining marks into the canonical order (UAX #15)."""
    decomposed = "".join(unicodedata.normalize(form, character) for character in text)
    runs = groupby(decomposed, key=lambda character: unicodedata.combining(character) > 0)
    return "".join(
        "".join(sorted(run, key=unicodedata.combining) if are_marks else run)
        for are_marks, run in runs
    )


# Of so many characters, which nearly no name has, even the slowest run takes microseconds.
_LONG: Final = 200


# -- Date-times


class Instant(NamedTuple):
    """A point in time: whole seconds since year 1, UTC, and the digits of the fraction.

    Not a datetime: `0001-01-01T00:00:00+14:00` lies before the first one that Python has, and
    Microsoft sends seven digits. Digits without trailing zeros sort as the fractions do.
    """

    seconds: int
    fraction: str


def instant(text: str) -> Instant | None:
    """Read a date-time of a filter, or a bare date; None where it is neither.

    Without an offset it is read as UTC.
    """
    found = _DATE_TIME_READ.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        days = date(year, month, day).toordinal()
    except ValueError:
        return None
    seconds = ((days * 24 + hour) * 60 + minute - _offset_minutes(found["offset"])) * 60 + second
    return Instant(seconds, (found["fraction"] or "").rstrip("0"))


def is_date_time(text: str) -> bool:
    """Tell whether a text may be stored as a dateTime: an xsd:dateTime (RFC 7643 section 2.3.5).

    No leap second and no hour 24: they could not be compared with other instants.
    """
    return _DATE_TIME_STORED.fullmatch(text) is not None and instant(text) is not None


_DATE_TIME_READ: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.(?P<fraction>[0-9]{1,12}))?"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-5][0-9])?)?"
)
_DATE_TIME_STORED: Final = re.compile(
    r"[0-9-]{10}T[0-9:]{8}(?:\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)


def _offset_minutes(text: str | None) -> int:
    if text is None or text in "Zz":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:])
    return -minutes if text[0] == "-" else minutes


# -- Types


def unchanged(value: Any) -> Any:
    """Return a value that Python compares as SCIM does: a number, a boolean."""
    return value


def _text_form(attribute: Attribute) -> Callable[[Any], Any]:
    if attribute.is_group_name:
        return fold_group_name
    return compose if attribute.case_exact else fold


# RFC 7643 section 2.3: adding a type is adding a line.
_FORMS: Final[Mapping[str, Callable[[Attribute], Callable[[Any], Any]]]] = {
    "string": _text_form,
    "reference": _text_form,
    "binary": lambda _: compose,
    "boolean": lambda _: unchanged,
    "integer": lambda _: unchanged,
    "decimal": lambda _: unchanged,
    "dateTime": lambda _: instant,
}
