"""CSV files: a spreadsheet must not take a cell, or a part of it, for a formula."""

from __future__ import annotations

import csv
import io

import pytest

from chalicelib.api.admin.csv_file import neutralised, write_csv
from tests.support.processor_time import at_most

SIGNS = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "⁺", "₋", "−", "﹫"]
BEFORE = ["", " ", "\u00a0", "\ufeff", "\u200b", "\x00", '"', "' "]
SEPARATORS = [";", ",", "|", "\t", "\r", "\n", "\r\n", "；", "，"]
HARMLESS = ["", "a", "2027-01-31T12:00:00Z", "a-b", "a=b", '{"a": ["b", 1]}', "/Users?a=b", "é €"]


def read(text, delimiter=","):
    """Read a file as a spreadsheet does."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("sign", SIGNS)
def test_a_cell_that_begins_like_a_formula_is_text(sign, before):
    """In the forms that spreadsheets convert, and behind what cannot be seen."""
    (row,) = read(write_csv(["a"], [[f"{before}{sign}cmd()"]]))[1:]

    assert row == [f"'{before}{sign}cmd()"]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("sign", SIGNS)
def test_no_part_of_a_cell_begins_like_a_formula(sign, separator):
    """A program with another separator, or that ignores the quotes, reads a part as a cell."""
    text = neutralised(f"a{separator} {sign}cmd(){separator}{sign}b")

    assert text == f"a{separator}' {sign}cmd(){separator}'{sign}b"


@pytest.mark.parametrize("sign", ["\t", "\r", "\n"])
def test_a_cell_does_not_begin_with_a_separator_of_lines_or_columns(sign):
    """OWASP's list of signs has them too."""
    assert neutralised(f"{sign}a") == f"'{sign}a"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text):
    """A time, a path and JSON are read by scripts."""
    assert read(write_csv(["a"], [[text]])) == [["a"], [text]]


def test_every_cell_is_quoted():
    """A `;` then separates nothing, wherever it is the separator of lists."""
    text = write_csv(["a", "b"], [["x;y", None], [1, ["é"]], ['"', True]])

    assert text.splitlines() == ['"a","b"', '"x;y",""', '"1","[""é""]"', '"""","true"']


@pytest.mark.parametrize("unit", ["\t", " ", ";", "=", '"', ";=", "\u200b"])
def test_the_time_grows_with_the_length(unit):
    """10,000 of whatever it is."""
    with at_most(2.5):
        neutralised(unit * 10_000)
