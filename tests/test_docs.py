"""What the documents say is so: links lead somewhere, verbs exist, numbers are the code's."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent

from pydantic import ValidationError

from chalicelib.api.admin.users import AccountOfUser, Identity
from chalicelib.api.scim import scim_request
from chalicelib.directory import context, search
from chalicelib.organisations import tokens
from chalicelib.organisations.inputs import (
    Body,
    ConnectionChanges,
    NewConnection,
    NewConnectionCredential,
    NewConsoleLink,
    NewOrganisation,
    NewRole,
    NewToken,
)
from chalicelib.scim import filters, messages, projection, strict_json, validation
from dev.play import suites
from dev.play.corpus_files import load
from tests.campaigns.oracle import RULES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted(
    path for folder in (ROOT, ROOT / "docs", ROOT / ".chalice") for path in folder.glob("*.md")
)
CONFORMANCE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")

LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
VERB = re.compile(r"\bmake (?:--\w+ )*([a-z][a-z-]*)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# The first word of a line, or of `NAME=$(...)`; `NAME=text` runs nothing.
COMMAND = re.compile(r"^(?:[A-Z_]+=\$\()?(\w+)\b(?!=)", re.MULTILINE)
FUNCTION = re.compile(r"^(\w+)\(\)", re.MULTILINE)
POSTED = re.compile(
    r"((?:/organisations|\$ROOT)[^\s\"]*)[^']*(?:'Content-Type: [^']*'[^']*)?-d '([^']*)'"
)
# A message in the tables of errors: it begins with a capital letter.
QUOTED = re.compile(r"^\| [45][^|]+ \| ([A-Z][^|]+) \|", re.MULTILINE)
SPOKEN = re.compile(r"`make (?:--\w+ )*([a-z][a-z-]*)[^`]*`")

# What a reader's machine has anyway.
PROGRAMS = {"make", "curl", "git", "python3", "aws", "cd", "echo", "eval", "export"}

# The config routes whose bodies the documents show, by the last part of the path.
SHAPES: dict[str, type[Body]] = {
    "organisations": NewOrganisation,
    "connections": NewConnection,
    "tokens": NewToken,
    "credentials": NewConnectionCredential,
    "$CONNECTION": ConnectionChanges,
    "console-links": NewConsoleLink,
    "admin": NewRole,
    "account": AccountOfUser,
    "resolve": Identity,
}


def verbs() -> set[str]:
    """List the Makefile's verbs."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def anchors(document: Path) -> set[str]:
    """List the anchors of a document's headings, as GitHub makes them."""
    headings = HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(document: Path, link: str) -> bool:
    """Tell whether the file of a link is there, and the heading that its anchor names."""
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    return target.exists() and (not anchor or anchor in anchors(target))


def blocks(document: Path) -> list[str]:
    """Return a document's shell blocks."""
    return [dedent(block) for block in BLOCK.findall(document.read_text(encoding="utf-8"))]


def test_the_readme_can_be_read_in_one_go():
    """What does not fit belongs in docs/."""
    assert len(README.read_text(encoding="utf-8").splitlines()) < 80


def test_links_lead_somewhere():
    """A file that moves takes its links along."""
    broken = [
        f"{document.name}: {link}"
        for document in DOCUMENTS
        for link in LINK.findall(document.read_text(encoding="utf-8"))
        if not link.startswith(("http://", "https://")) and not leads_somewhere(document, link)
    ]

    assert broken == []


def test_verbs_that_are_named_exist():
    """`make` is the only entrance that a newcomer is told about."""
    unknown = [
        f"{document.name}: make {verb}"
        for document in DOCUMENTS
        for text in [document.read_text(encoding="utf-8")]
        for verb in (*SPOKEN.findall(text), *VERB.findall("".join(blocks(document))))
        if verb not in verbs()
    ]

    assert unknown == []


def test_commands_are_of_programs_that_everybody_has():
    """A block is there to be pasted."""
    missing = [
        f"{document.name}: {command}"
        for document in DOCUMENTS
        for text in ["\n".join(blocks(document))]
        for command in {*COMMAND.findall(text)} - PROGRAMS - {*FUNCTION.findall(text)}
    ]

    assert missing == []


BODIES = [
    (document.name, path, sent)
    for document in DOCUMENTS
    for block in blocks(document)
    for path, sent in POSTED.findall(block)
]


def is_accepted(path: str, sent: str) -> bool:
    """Read a body as its route does: an unknown field or a wrong type is rejected."""
    try:
        return bool(SHAPES[path.rpartition("/")[2]].model_validate_json(sent).model_fields_set)
    except ValidationError:
        return False


def test_bodies_that_are_shown_are_accepted():
    """The admin API rejects a field that it does not know."""
    rejected = [
        f"{name}: {path} {sent}" for name, path, sent in BODIES if not is_accepted(path, sent)
    ]

    assert rejected == []


def test_a_body_of_each_resource_is_shown():
    """An organisation, a connection, a token, an admin link, a role, an account, a look-up."""
    assert {path.rpartition("/")[2] for _, path, _ in BODIES} == set(SHAPES)


LIMITS = {
    "resources in one page": (messages.MAX_RESULTS, messages.DEFAULT_RESULTS),
    "body of a user's request": (scim_request.MAX_USER_BYTES,),
    "body of a group's request": (scim_request.MAX_GROUP_BYTES,),
    "response": (messages.MAX_RESPONSE_BYTES,),
    "nesting of a body": (strict_json.MAX_DEPTH,),
    "operations in a PATCH": (messages.MAX_OPERATIONS,),
    "operations in a PATCH, where each attribute of a value without a path counts as one": (
        messages.MAX_SPREAD_OPERATIONS,
    ),
    "names in `attributes` or `excludedAttributes`": (projection.MAX_NAMES,),
    "operations in a bulk request": (messages.MAX_BULK_OPERATIONS,),
    "body of a bulk request": (messages.MAX_BULK_BYTES,),
    "length of a filter": (filters.MAX_CHARACTERS,),
    "terms of a filter": (filters.MAX_TERMS,),
    "depth of a filter": (filters.MAX_DEPTH,),
    "values of an attribute": (validation.MAX_VALUES,),
    "resources that a filter without a key reads": (search.MAX_RESOURCES,),
    "members named in one request": (context.MAX_MEMBERS_PER_REQUEST,),
    "live tokens of a connection": (tokens.MAX_LIVE,),
}


def table(heading: str) -> list[list[str]]:
    """Read the table under a heading of docs/conformance.md, without its head."""
    section = CONFORMANCE.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_limits_are_those_of_the_code():
    """A client plans by them."""
    written = {
        name: tuple(int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", limit))
        for name, limit in table("## Limits")
    }

    assert written == LIMITS


def source_texts() -> str:
    """Join all texts of the service, and those that API Gateway is told to return."""
    files = [*(ROOT / "chalicelib").rglob("*.py"), ROOT / "dev" / "run" / "gateway.py"]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return "\n".join(text for text in texts if isinstance(text, str))


def test_the_messages_that_the_guides_quote_are_those_of_the_service():
    """An admin searches the page for what their provider shows; `...` stands for a part of it."""
    code = source_texts()
    guides = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("connect-*.md")]
    quoted = {text for guide in guides for text in QUOTED.findall(guide)}
    parts = {part.strip() for text in quoted for part in text.split("...")} - {""}

    assert len(quoted) >= 5
    assert [part for part in sorted(parts) if part not in code] == []


def test_every_row_of_the_dialect_is_documented_and_played():
    """The numbers are those of the files in tests/corpus/entra."""
    told = [row[0] for row in table("## Microsoft Entra ID's dialect (played)")]
    played = {dialogue.row for dialogue in load(ROOT / "tests" / "corpus" / "entra").values()}

    assert told == [str(number) for number in range(1, 24)]
    assert {f"1.2 #{number}" for number in told} <= played


def test_the_expected_failures_are_reported():
    """In the words that `make suites` prints."""
    told = {check.strip("`"): why for check, why in table("The failures are intended:")}

    assert told == suites.KNOWN


def test_each_deliberate_difference_to_the_oracle_is_documented():
    """With its reason, in the words of `tests.campaigns.oracle`."""
    told = table("## Where scim2-models differs")

    assert told == [[", ".join(sorted(each.kinds)), each.name, each.reason] for each in RULES]


def test_the_suites_are_those_that_are_installed():
    """Another version has other checks."""
    pins = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")

    for name, version in re.findall(r"\| (scim2?-[a-z]+) ([\d.]+)", CONFORMANCE):
        assert f"\n{name}=={version}\n" in pins
