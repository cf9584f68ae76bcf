"""The tables of RFC 7644 section 3.4.2.2, row by row: which of three users a filter finds."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.scim.catalog import USER
from chalicelib.scim.errors import InvalidFilter
from chalicelib.scim.filters import COMPARISONS, parse_filter
from chalicelib.scim.matching import compile_filter

CORPUS = Path(__file__).parents[1] / "corpus" / "filters" / "rfc7644-3.4.2.2.json"
TABLES = json.loads(CORPUS.read_text(encoding="utf-8"))
ROWS = {
    *(f"table 3: {operator}" for operator in (*COMPARISONS, "pr")),
    *(f"table 4: {operator}" for operator in ("and", "or", "not")),
    *(f"table 5: {operator}" for operator in ("( )", "[ ]")),
}


def titled(cases):
    """The cases with their row and filter as title."""
    return [pytest.param(case, id=f"{case['row']}: {case['filter']}") for case in cases]


@pytest.mark.parametrize("case", titled(TABLES["cases"]))
def test_a_filter_finds_whom_the_table_says(case):
    """Each row of tables 3 to 5, and each example of figure 2."""
    holds = compile_filter(parse_filter(case["filter"]), USER)

    found = [name for name, user in TABLES["resources"].items() if holds(user)]

    assert found == case["matches"]


@pytest.mark.parametrize("case", titled(TABLES["refused"]))
def test_what_the_table_says_to_fail_is_rejected(case):
    """Table 3: booleans and binaries have no order, and the scimType is invalidFilter."""
    with pytest.raises(InvalidFilter, match=re.escape(case["filter"].split()[0])):
        compile_filter(parse_filter(case["filter"]), USER)


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_of_the_tables_has_a_case(row):
    """An operator without one would be believed, not shown."""
    assert row in {case["row"] for case in TABLES["cases"]}
