"""Date-times and folded text compare as SCIM has it: RFC 7643 sections 2.2 and 2.3.5."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.scim.comparison import fold, instant, normalized

# --- times ------------------------------------------------------------------------------------

ORDERED_TIMES = [
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "2011-05-13",
    "2011-05-13T04:42:34Z",
    "2011-05-13T04:42:34.05Z",
    "2011-05-13T04:42:34.5000001Z",
    "2011-05-13T04:42:34.51",
    "2011-05-13T04:42:34-01:30",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-14:00",
]


def test_times_are_ordered_as_instants():
    """Offsets and fractions count, and none overflows as Python's datetime does."""
    instants = [moment for text in ORDERED_TIMES if (moment := instant(text)) is not None]

    assert instants == sorted(instants)
    assert len(set(instants)) == len(ORDERED_TIMES)


EQUAL_TIMES = [
    ("2011-05-13T04:42:34Z", "2011-05-13t04:42:34z"),
    ("2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00"),
    ("2011-05-13T04:42:34Z", "2011-05-13T18:42:34+14:00"),
    ("2011-05-13T04:42:34Z", "2011-05-12T22:57:34-05:45"),
    ("2011-05-13T04:42:34Z", "2011-05-13T04:42:34.000"),
    ("2011-05-13T04:42:34.5Z", "2011-05-13T04:42:34.5000000Z"),
    ("2011-05-13", "2011-05-13T00:00:00"),
]


@pytest.mark.parametrize(("left", "right"), EQUAL_TIMES)
def test_one_instant_has_many_spellings(left, right):
    """A time without an offset is read as UTC."""
    assert instant(left) == instant(right)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2011", "2011-02-30", "0000-01-01", "2011-05-13T24:00:00Z", "2011-05-13T04:60:00Z"),
        *("2011-05-13T04:42Z", "2011-05-13 04:42:34", "٢٠١١-05-13", "2011-05-13T04:42:34.Z"),
    ],
)
def test_a_text_that_is_not_a_time_has_no_instant(text):
    """RFC 7643 section 2.3.5: an xsd:dateTime."""
    assert instant(text) is None


# --- folding ----------------------------------------------------------------------------------

FOLDED = [
    ("ABC", "abc"),
    ("ÄÖ", "äö"),
    ("Straße", "straße"),
    ("STRAẞE", "straße"),
    ("ΣΑΣ", "σασ"),
    ("İ", "İ"),
    ("E\u0301", "é"),
]


@pytest.mark.parametrize(("text", "folded"), FOLDED)
def test_folding_is_by_character(text, folded):
    """No user is found by a name that is only like theirs: "straße" is not "strasse"."""
    assert fold(text) == folded


def name_key(text):
    """The key under which the data model lets a userName exist once."""
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold())


def test_who_is_equal_by_folding_has_the_same_key():
    """A look-up reads one key and then compares: it must not miss anyone (every character)."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]

    assert [c for c in characters if name_key(c) != name_key(fold(c))] == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folding_twice_is_folding_once(text):
    """A folded name can be stored and compared with a folded one."""
    assert fold(fold(text)) == fold(text)
    assert name_key(fold(text)) == name_key(text)


MARKED = st.text(
    st.sampled_from("aé\u1100\u1161\u0301\u0323\u0345\u0344\u3099\u1e69\ufdfa\uff21"), min_size=1
)


@given(MARKED, st.sampled_from(["NFC", "NFKC"]))
def test_a_long_text_has_the_normal_form_of_unicode(text, form):
    """Its combining marks are sorted here: Python takes minutes for a megabyte of them."""
    long = text * (300 // len(text))

    assert normalized(form, long) == unicodedata.normalize(form, long)
