"""Names that could be mistaken for another are rejected when they are given, never later."""

from __future__ import annotations

import unicodedata

import pytest

from chalicelib.scim.catalog import GROUP, USER
from chalicelib.scim.errors import InvalidValue
from chalicelib.scim.names import check_new_names

IGNORABLE = [
    *("\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u180b", "\u180e"),
    *("\u180f", "\u200b", "\u200d", "\u200f", "\u202e", "\u2060", "\u2065", "\u206f", "\u3164"),
    *("\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\ufff0", "\U0001bca0", "\U0001d173", "\U000e0001"),
    *("\U000e0041", "\U000e0100", "\U000e01ef", "\U000e0fff", "\0", "\x7f", "\u2028", "\u0600"),
]


@pytest.mark.parametrize("character", IGNORABLE, ids=ascii)
@pytest.mark.parametrize("name", ["a{}b@example.com", "a{}", "é{}é"])
def test_an_invisible_character_is_named_by_its_code_point(name, character):
    """Two names that look alike would be two people."""
    with pytest.raises(InvalidValue, match=f"userName: .*(U\\+{ord(character):04X}|white space)"):
        check_new_names({"userName": name.format(character)}, {}, USER)


COMPATIBILITY = "Ａａ１＠ﬁﬀſĳ²½™①Ⅷ㎏ｱﾡℌ𝐚𝟘\u00a0\u2003\u2126\u212b\uff0e\ufe6b\ufb21\ufdfa\u1e9b"


@pytest.mark.parametrize("character", COMPATIBILITY, ids=ascii)
def test_a_compatibility_form_is_named_by_its_code_point(character):
    """What NFKC changes beyond NFC; a canonical equivalent (ohm, angstrom) is no such form."""
    name = f"a{character}b"
    composed = unicodedata.normalize("NFC", name)
    if unicodedata.normalize("NFKC", name) == composed:
        check_new_names({"userName": name}, {}, USER)
    else:
        with pytest.raises(InvalidValue, match=f"userName: contains U\\+{ord(character):04X}, "):
            check_new_names({"userName": name}, {}, USER)


NAMES = [
    "ana",
    "José",
    "Jose\u0301",
    "straße",
    "山田 太郎",
    "Ὀδυσσεύς",
    "한국",
    "हिन्दी",
    "☕",
    "µ".upper(),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_accepted(name):
    """Composed or not."""
    check_new_names({"userName": name}, {}, USER)


@pytest.mark.parametrize("name", ["a\ufe0f", "Ａda", " ada", "a\u200bda"], ids=ascii)
def test_a_name_that_a_user_has_is_not_checked_again(name):
    """Rules become stricter; who has a name can still be changed, and must be deactivated."""
    check_new_names({"userName": name}, {"userName": name}, USER)

    with pytest.raises(InvalidValue):
        check_new_names({"userName": name}, {"userName": f"{name}2"}, USER)


GROUP_NAMES = [
    *("Sales ", " Sales", "\u3000Sales\u00a0", "Fam\u200dily", "\u200cSales\u200d"),
    *("👨\u200d👩\u200d👧 Family", "❤\ufe0f Care", "می\u200cخواهم", "हिन्दी", "क्\u200dष"),
]


@pytest.mark.parametrize("name", GROUP_NAMES, ids=ascii)
def test_the_name_of_a_group_may_have_blanks_at_its_ends_joiners_and_emoji(name):
    """Directories have such groups, and one that is rejected never arrives."""
    check_new_names({"displayName": name}, {}, GROUP)


NO_NAMES = [" ", "\u00a0\u3000", "\u200d", "\u200c \u200d", "\ufe0f", "\u3164", "\u115f\u034f"]
CONTROLS = [
    "Sales\n",
    "\tSales",
    "Sa\0les",
    "Sales\u202e",
    "Sa\u2028les",
    "\ufeffSales",
    "a\u200bb",
]


@pytest.mark.parametrize("name", [*NO_NAMES, *CONTROLS], ids=ascii)
def test_a_group_has_a_name_that_is_seen_and_controls_nothing(name):
    """A joiner or a blank alone is no name."""
    with pytest.raises(InvalidValue, match="displayName: "):
        check_new_names({"displayName": name}, {}, GROUP)


def test_the_name_of_a_group_may_have_compatibility_forms():
    """Nobody signs in by it."""
    check_new_names({"displayName": "Team ① ﬁ"}, {}, GROUP)
