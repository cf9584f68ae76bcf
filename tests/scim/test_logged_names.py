"""Which names of ignored attributes are shown: a key that a client sends may be data."""

from __future__ import annotations

import pytest

from chalicelib.scim.catalog import ENTERPRISE_USER, GROUP, USER
from chalicelib.scim.sent_names import logged_names

URN = ENTERPRISE_USER.id

SHOWN = {
    "a name": ("departement", "departement"),
    "a name with digits and signs": ("cost_center-2", "cost_center-2"),
    "the longest name": ("n" * 64, "n" * 64),
    "a sub-attribute": ("name.nick", "name.nick"),
    "a known URN": (URN, URN),
    "a known URN in other letters": (URN.upper(), URN),
    "an attribute of a known URN": (f"{URN}:cost", f"{URN}:cost"),
    "its URN in other letters": (f"{URN.lower()}:manager.room", f"{URN}:manager.room"),
    "the core URN": (f"{USER.schema.id}:shoe", f"{USER.schema.id}:shoe"),
    "a longer name": ("n" * 65, None),
    "an address": ("ada@example.com", None),
    "a phone number": ("+4912345", None),
    "a full name": ("Ada Lovelace", None),
    "a name in another script": ("Ад", None),
    "a digit first": ("2nd", None),
    "nothing": ("", None),
    "a line break behind it": ("name\n", None),
    "a sub-attribute that is data": ("name.ada@example.com", None),
    "three levels": ("a.b.c", None),
    "an unknown URN": ("urn:example:ada", None),
    "an attribute of an unknown URN": ("urn:example:2.0:User:ada", None),
    "data behind a known URN": (f"{URN}:ada lovelace", None),
    "a sub-attribute of no attribute": ("ada.lovelace", None),
    "an id": ("a" + "0" * 31, None),
    "a path with a filter": ('emails[value eq "ada"]', None),
}


@pytest.mark.parametrize(("name", "shown"), SHOWN.values(), ids=SHOWN)
def test_only_names_and_known_urns_are_shown(name, shown):
    """Everything else is counted."""
    found = logged_names([name], 20, (USER, GROUP))

    assert found == (((shown,), 0) if shown else ((), 1))


def test_twenty_names_are_shown_and_the_others_counted():
    """Each name once, in the order in which they came."""
    names = [f"a{number}" for number in range(25)]

    assert logged_names([*names, "a b", *names], 20, (USER,)) == (tuple(names[:20]), 6)
