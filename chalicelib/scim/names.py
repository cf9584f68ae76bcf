"""Which names a user or a group may be given: none that could be mistaken for another one.

A name is checked when it is given, never again: who has it can still be changed and deleted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.scim.comparison import compose, normalized, without_joiners
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.schema import ResourceType

# Controls, formats and separators: categories of Unicode.
_INVISIBLE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
# What a renderer may leave out, variation selectors and fillers included: the property
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt.
_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# They choose a form of the character before them, of an emoji most often.
_VARIATION: Final = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def check_new_names(
    after: Mapping[str, Any], before: Mapping[str, Any], resource_type: ResourceType
) -> None:
    """Check the name that a request gives to a resource; one that it has already is accepted.

    Raises:
        InvalidValue: it has a character that could be mistaken for another, or for none.
    """
    name, check = _CHECKS[resource_type.name]
    if name in after and after[name] != before.get(name):
        check(after[name], name)


def name_attribute(resource_type: ResourceType) -> str:
    """Return the attribute that `check_new_names` checks."""
    return _CHECKS[resource_type.name][0]


def check_visible(name: str, where: str) -> None:
    """Reject white space at the ends, and what cannot be seen."""
    if name != name.strip():
        raise InvalidValue(f"{where}: begins or ends with white space.")
    if name.isascii() and name.isprintable():
        return
    for character in name:
        if _is_invisible(character):
            raise _invisible(character, where)


def _check_group_name(name: str, where: str) -> None:
    """Accept what names of groups have in directories: blanks at the ends, joiners, emoji.

    Nobody signs in by it, and a group that is rejected never arrives.
    """
    if not _IGNORABLE.sub("", name).strip():
        raise InvalidValue(f"{where}: expected a name, got only what cannot be seen.")
    for character in _VARIATION.sub("", without_joiners(name)):
        if _is_invisible(character):
            raise _invisible(character, where)


def _is_invisible(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _INVISIBLE_CATEGORIES or _IGNORABLE.match(character) is not None


def _invisible(character: str, where: str) -> InvalidValue:
    return InvalidValue(f"{where}: contains {_shown(character)}, an invisible character.")


def _check_user_name(name: str, where: str) -> None:
    """Reject also what stands for another character, such as a full-width letter or a ligature."""
    check_visible(name, where)
    if name.isascii():
        return
    composed = compose(name)
    if normalized("NFKC", name) == composed:
        return
    for character in composed:
        plain = unicodedata.normalize("NFKC", character)
        if plain != unicodedata.normalize("NFC", character):
            raise InvalidValue(
                f"{where}: contains {_shown(character)}, a compatibility form of "
                f"{' '.join(map(_shown, plain))}. Use the plain form."
            )
    raise InvalidValue(f"{where}: expected a text that NFKC of Unicode leaves as it is.")


def _shown(character: str) -> str:
    return f"U+{ord(character):04X}"


# The name that is unique, by resource type, and how it is checked.
_CHECKS: Final[Mapping[str, tuple[str, Callable[[str, str], None]]]] = {
    "User": ("userName", _check_user_name),
    "Group": ("displayName", _check_group_name),
}
CHECKED_WHEN_GIVEN: Final = frozenset(name for name, _ in _CHECKS.values())
