"""Comments, docstrings, texts and pages use the words of docs/glossary.md, and no old ones.

`python tests/test_words.py` counts the old words, file by file.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

ROOT = Path(__file__).parent.parent

# What an old word looks like -> what to write instead.
OLD: dict[str, str] = {
    r"\b(?:is|are) due\b": "expected",
    r"(?-i:\b(?:is|are) none\b)": "does not exist; is not a ...",
    r"\bwhoever\b": "a person who; a client that",
    r"\b(?:he|his|him|himself)\b": "they",
    r"\brefus\w+": "reject",
    r"\bmend(?:s|ed|ing)?\b": "correct",
    r"\b(?:is|are) taken\b": "accepted; in use",
    r"\bbears?\b": "has",
    r"\bturn(?:s|ed|ing)? away\b": "reject",
    r"\blet(?:s|ting)? go\b": "release",
    r"\bwork(?:s|ed|ing)? off\b": "complete",
    r"\bse(?:e|es|en|eing) through\b": "complete",
    r"\bcallers?\b": "principal; client",
    r"\banswer(?:s|ed|ing)?\b": "response; respond, return",
    r"\brows?\b": "item",
    r"\bteams?\b": "group",
    r"\bkinds?\b": "type",
    r"\b(?:surroundings|endings|tally|tallies)\b": "snapshot; disconnect; counters",
    r"\bdoors?\b|\bgates?\b": "check",
    r"\blocks? rows?\b": "uniqueness item",
}

# What may stand although it matches: (place, pattern of the text around it) -> why. A place is
# the beginning of a file's path.
ALLOWED: dict[tuple[str, str], str] = {
    ("docs/administer.md", r"group a \*team\*"): "the page says so",
    ("docs/connect-", r"shows a (?:pushed )?group as a team"): "what the SaaS's customers see",
    ("docs/console.md", r"teams?"): "the console's own word",
    ("docs/glossary.md", r"see it as a \*team\*"): "the page says so",
    ("docs/musts.md", r"earlier row|a row names"): "rows of a page's table",
    ("docs/conformance.md", r"rows of its tables"): "rows of the RFC's tables",
    ("chalicelib/api/admin/", r"[Tt]eams?"): "the admin API's own word",
    ("dev/release/openapi", r"[Tt]eams?"): "the admin API's own word",
    ("clients/", r"[Tt]eams?"): "the admin API's own word",
    ("tests/clients/", r"[Tt]eams?"): "the admin API's own word",
    ("chalicelib/organisations/disconnect.py", r"teams"): "a text that an admin reads",
    ("chalicelib/organisations/feed.py", r"users and teams"): "a text that the SaaS reads",
    ("chalicelib/organisations/self_test_checks.py", r"teams"): "a text that an admin reads",
    ("chalicelib/storage/connection_settings.py", r"the team|a team"): "texts that an admin reads",
    ("docs/administer.md", r"the team|a team"): "texts that an admin reads",
    ("chalicelib/organisations/users.py", r"users and teams|a team"): "a text that an admin reads",
    ("tests/", r"[Rr]ows? M?\d+"): "rows of the tables of requirements and of dialects",
    ("tests/scim/test_filter_tables.py", r"row by row|their row|Each row of"): "rows of the RFC",
    ("chalicelib/api/admin/csv_file.py", r"rows?"): "rows of a CSV file",
    ("dev/play/corpus_files.py", r"row of the catalogue"): "rows of a page's table",
    ("chalicelib/api/admin/dialogue_player.py", r"the caller passes"): "the caller of a function",
}


# A name of the code, of stored data or of the public JSON.
NAME = re.compile(r"`[^`]*`")


def blank(found: re.Match[str]) -> str:
    """Replace a name by as many blanks."""
    return " " * len(found[0])


class Text(NamedTuple):
    """A comment, a string or a line of a page, and where it is."""

    file: str
    line: int
    text: str


def texts() -> Iterator[Text]:
    """Read all comments and strings of the code, and all lines of the pages."""
    folders = ("chalicelib", "clients/python", "dev", "tests", "examples")
    sources = [ROOT / "app.py", *(p for name in folders for p in (ROOT / name).rglob("*.py"))]
    folders_of_pages = (ROOT, ROOT / "docs", ROOT / ".chalice", *(ROOT / "clients").iterdir())
    pages = [page for folder in folders_of_pages for page in folder.glob("*.md")]
    for path in sorted(sources):
        if path != Path(__file__):
            yield from comments_and_strings(path)
    for path in [ROOT / "Makefile", ROOT / "pyproject.toml", *sorted(pages)]:
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from (Text(str(path.relative_to(ROOT)), n, line) for n, line in enumerate(lines, 1))


def comments_and_strings(path: Path) -> Iterator[Text]:
    """Read what a person reads in a source file: no names, and no data of tests."""
    name = str(path.relative_to(ROOT))
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(name, token.start[0], token.string)
    tree = ast.parse(source)
    data = {*ast.walk(tree)} - docstrings(tree) if name.startswith("tests") else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in data and is_prose(node.value):
            lines = node.value.splitlines()
            yield from (Text(name, node.lineno + n, line) for n, line in enumerate(lines))


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Return the strings that document something."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def is_prose(value: object) -> TypeGuard[str]:
    """Tell a text from the name of a JSON field, a path or a pattern: it has several words."""
    return isinstance(value, str) and len(value.split()) > 1


@cache
def pattern() -> re.Pattern[str]:
    """Join the old words into one pattern."""
    return re.compile("|".join(OLD), re.IGNORECASE)


def is_allowed(text: Text, found: re.Match[str]) -> bool:
    """Look for an exception that covers a match."""
    return any(
        text.file.startswith(place)
        and any(
            each.start() <= found.start() and found.end() <= each.end()
            for each in re.finditer(allowed, text.text)
        )
        for place, allowed in ALLOWED
    )


def offenders() -> list[tuple[Text, str]]:
    """Find every old word that no exception allows."""
    return [
        (text, found[0])
        for text in texts()
        for found in pattern().finditer(NAME.sub(blank, text.text))
        if not found[0].isupper() and not is_allowed(text, found)
    ]


def test_no_old_word_is_left():
    """docs/glossary.md has the words; OLD says which of them replaces which old one."""
    found = [f"{text.file}:{text.line}: {word}: {text.text.strip()}" for text, word in offenders()]

    assert not found, "\n".join(["", *found])


def test_every_exception_is_used():
    """An exception without a use would allow the next mistake."""
    lines = [*texts()]
    unused = [
        (place, allowed)
        for place, allowed in ALLOWED
        if not any(each.file.startswith(place) and re.search(allowed, each.text) for each in lines)
    ]

    assert unused == []


def main() -> None:
    """Count the old words by word and by file."""
    found = offenders()
    for counts in (Counter(word.lower() for _, word in found), Counter(t.file for t, _ in found)):
        for name, count in counts.most_common():
            print(f"{count:6,}  {name}")  # noqa: T201 - it is run by hand
    print(f"{len(found):6,}  in all")  # noqa: T201 - as above


if __name__ == "__main__":
    main()
