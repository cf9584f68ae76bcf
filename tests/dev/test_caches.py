"""`make caches` measures the cache of schemas that a function has."""

from __future__ import annotations

import re

from chalicelib.directory.extensions import MAX_CACHED_BYTES
from dev.measure import caches


def test_the_page_shows_each_step():
    """As the verb prints it; the cache stays within its bound."""
    (shown,) = caches.SECTION.marked.findall(caches.SECTION.page.read_text(encoding="utf-8"))
    rows = re.findall(r"^\| (.+) \| (\d+) \|$", shown, re.MULTILINE)
    (held,) = re.findall(r"values: (\d+) MB", shown)

    assert len(rows) == 4
    assert int(held) * 1e6 <= MAX_CACHED_BYTES
    assert caches.table([(what, float(size)) for what, size in rows], int(held) * 10**6) in shown
