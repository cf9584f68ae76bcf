"""A page of a list as a CSV file (RFC 4180) that a spreadsheet cannot take for formulas.

Every cell is quoted. A cell, or a part of it that a program with another idea of separators would
read as a cell of its own, that begins like a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence

MEDIA_TYPE = "text/csv"
# Without it a spreadsheet guesses, in Europe mostly Latin-1.
CONTENT_TYPE = f"{MEDIA_TYPE}; charset=utf-8"

# In their compatible forms (NFKC), which include the full-width, small and superscript ones.
FORMULA_SIGNS = frozenset("=+-@\N{MINUS SIGN}")
FIRST_SIGNS = ("\t", "\r", "\n")
SEPARATORS = re.compile("([;,|\t\r\n\uff1b\uff0c])")
# What may stand before a formula and leave it one: quotes, and what cannot be seen.
QUOTES = frozenset("\"'")
INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a header line and the rows; a value that is no text is written as JSON, null as ""."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return neutralised(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def neutralised(text: str) -> str:
    """Return a text in which no part can be taken for a formula."""
    safe = "".join(f"'{part}" if _is_formula(part) else part for part in SEPARATORS.split(text))
    return f"'{safe}" if safe.startswith(FIRST_SIGNS) else safe


def _is_formula(part: str) -> bool:
    first = next((sign for sign in part if not _is_skipped(sign)), "")
    return unicodedata.normalize("NFKC", first)[:1] in FORMULA_SIGNS


def _is_skipped(sign: str) -> bool:
    return sign in QUOTES or unicodedata.category(sign) in INVISIBLE
