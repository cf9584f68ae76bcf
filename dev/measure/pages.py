"""Put a table that a verb has computed into a page of docs/, between two marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a page between `<!-- name: begin -->` and `<!-- name: end -->`."""

    file: str
    name: str

    @property
    def page(self) -> Path:
        """The page."""
        return DOCS / self.file

    @property
    def begin(self) -> str:
        """The mark before it."""
        return f"<!-- {self.name}: begin -->\n"

    @property
    def end(self) -> str:
        """The mark after it."""
        return f"<!-- {self.name}: end -->\n"

    @property
    def marked(self) -> re.Pattern[str]:
        """The pattern that finds it, marks included."""
        return re.compile(re.escape(self.begin) + ".*" + re.escape(self.end), re.DOTALL)

    def publish(self, printed: str, arguments: Sequence[str]) -> None:
        """Print it; with `--write` among the arguments put it into the page too."""
        print(printed, end="")
        if "--write" in arguments:
            text = self.page.read_text(encoding="utf-8")
            new = f"{self.begin}{printed}{self.end}"
            self.page.write_text(self.marked.sub(lambda _: new, text), encoding="utf-8")
