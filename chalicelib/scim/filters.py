"""Read filters and PATCH paths into nodes that print themselves: RFC 7644 sections 3.4.2.2, 3.5.2.

Knows the grammar and nothing of schemas: `matching` says what a filter means, `patch_operations`
where a path points. Whatever is read prints back: `parse_filter(str(node)) == node`, and so for
paths.

Three things are accepted that the grammar does not have, because identity providers send them: a
sub-attribute after a value path in a filter, text without quotation marks, and a dot between a
URN and its attribute.

The length of a text, its terms and its nesting are limited, and the limits are checked before
anything recurses: 100,000 opening brackets have crashed other servers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.errors import BadRequest
from chalicelib.scim.errors import InvalidFilter, InvalidPath

MAX_CHARACTERS: Final = 4_096
MAX_TERMS: Final = 50
MAX_DEPTH: Final = 20

# compareOp of the grammar, in the order of RFC 7644 table 3; "pr" takes no value.
COMPARISONS: Final = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")

Scalar = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class AttrPath:
    """An attribute as a client names it; `schema.ResourceType.resolve` says what it is.

    The URN is whatever stands before the last colon, so the "2.0" within it is never split. In
    `urn:...:2.0:User.manager` it is `urn:...:2.0`, with `User` and `manager` as name and sub.
    """

    urn: str | None
    name: str
    sub: str | None = None

    def __str__(self) -> str:
        """Print as the grammar's attrPath."""
        prefix = "" if self.urn is None else f"{self.urn}:"
        return f"{prefix}{self.name}{_dotted(self.sub)}"


@dataclass(frozen=True, slots=True)
class ValuePath:
    """Elements of an attribute that satisfy a filter; in a comparison, a sub-attribute of them."""

    path: AttrPath
    filter: Filter
    sub: str | None = None

    def __str__(self) -> str:
        """Print as valuePath, with the sub-attribute that Entra ID puts after it."""
        return f"{self.path}[{self.filter}]{_dotted(self.sub)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An attribute compared with a value; the operator is in lower case."""

    path: AttrPath | ValuePath
    op: str
    value: Scalar

    def __str__(self) -> str:
        """Print as attrExp, text between quotation marks."""
        return f"{self.path} {self.op} {json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Present:
    """An attribute that has a value (`pr`)."""

    path: AttrPath | ValuePath

    def __str__(self) -> str:
        """Print as attrExp."""
        return f"{self.path} pr"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more terms that must all hold."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        """Print as logExp; terms that bind less closely are in brackets."""
        return " and ".join(_bracketed(term, (And, Or)) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more terms of which one must hold."""

    terms: tuple[Filter, ...]

    def __str__(self) -> str:
        """Print as logExp; `and` binds closer than `or`, so it needs no brackets."""
        return " or ".join(_bracketed(term, (Or,)) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Not:
    """A filter that must not hold."""

    term: Filter

    def __str__(self) -> str:
        """Print with the brackets that the grammar requires."""
        return f"not ({self.term})"


Filter = Comparison | Present | And | Or | Not | ValuePath


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a PATCH operation: an attribute, a value filter, a sub-attribute.

    The sub-attribute is always in `sub`, never in `attr.sub`.
    """

    attr: AttrPath
    filter: Filter | None = None
    sub: str | None = None

    def __str__(self) -> str:
        """Print as PATH of RFC 7644 section 3.5.2."""
        value_filter = "" if self.filter is None else f"[{self.filter}]"
        return f"{self.attr}{value_filter}{_dotted(self.sub)}"


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Raises:
        InvalidFilter: not of the grammar, with the position and what was expected there; or
            longer, deeper or with more terms than the limits.
    """
    scanner = _Scanner(text, InvalidFilter, "filter")
    node = _filter(scanner, 0)
    scanner.end("`and`, `or` or the end")
    return node


def parse_path(text: str) -> Path:
    """Read the path of a PATCH operation.

    PATH = attrPath / valuePath [subAttr]

    Raises:
        InvalidPath: not of the grammar, with the position and what was expected there.
    """
    scanner = _Scanner(text, InvalidPath, "path")
    attr = _attr_path(scanner)
    if scanner.take("["):
        path = Path(*_value_path(scanner, attr, 0))
    else:
        path = Path(replace(attr, sub=None), None, attr.sub)
    scanner.end("the end")
    return path


# --- the grammar, one function a production ---------------------------------------------------


def _filter(scanner: _Scanner, depth: int) -> Filter:
    """FILTER = attrExp / logExp / valuePath / *1"not" "(" FILTER ")", here as a sum of products.

    RFC 7644 section 3.4.2.2 orders the operators: grouping, then `not`, `and`, `or`.
    """
    terms = [_all_of(scanner, depth)]
    while scanner.keyword("or"):
        terms.append(_all_of(scanner, depth))
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


def _all_of(scanner: _Scanner, depth: int) -> Filter:
    """LogExp = FILTER SP ("and" / "or") SP FILTER, the part that `and` joins."""
    terms = [_term(scanner, depth)]
    while scanner.keyword("and"):
        terms.append(_term(scanner, depth))
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _term(scanner: _Scanner, depth: int) -> Filter:
    """*1"not" "(" FILTER ")", or one expression."""
    if scanner.keyword("not"):
        scanner.expect("(", "`(` after `not`")
        return Not(_group(scanner, ")", depth))
    if scanner.take("("):
        return _group(scanner, ")", depth)
    return _expression(scanner, depth)


def _group(scanner: _Scanner, closing: str, depth: int) -> Filter:
    """FILTER ")" or valFilter "]", one level deeper."""
    if depth == MAX_DEPTH:
        raise scanner.rejected(f"is nested deeper than {MAX_DEPTH} levels")
    node = _filter(scanner, depth + 1)
    scanner.expect(closing, f"`and`, `or` or `{closing}`")
    return node


def _expression(scanner: _Scanner, depth: int) -> Filter:
    """AttrExp = (attrPath SP "pr") / (attrPath SP compareOp SP compValue), or a valuePath.

    Entra ID also writes `emails[type eq "work"].value eq "x"`, which the grammar lacks.
    """
    scanner.count_term()
    path = _attr_path(scanner)
    if not scanner.take("["):
        return _comparison(scanner, path)
    value_path = ValuePath(*_value_path(scanner, path, depth))
    return value_path if value_path.sub is None else _comparison(scanner, value_path)


def _comparison(scanner: _Scanner, path: AttrPath | ValuePath) -> Filter:
    """SP "pr", or SP compareOp SP compValue; the operators in any case."""
    scanner.skip_blanks()
    start = scanner.at
    op = scanner.word().lower()
    if op == "pr":
        return Present(path)
    if op not in COMPARISONS:
        raise scanner.expected(f"an operator: {', '.join(COMPARISONS)} or pr", start)
    return Comparison(path, op, _value(scanner))


def _value_path(
    scanner: _Scanner, path: AttrPath, depth: int
) -> tuple[AttrPath, Filter, str | None]:
    """ValuePath = attrPath "[" valFilter "]", read after the "[", and [subAttr].

    Erratum 4690: valFilter is built of valFilters, so there is no value filter within another.
    """
    if scanner.in_value_filter:
        raise scanner.expected("an operator; value filters cannot be nested", scanner.at - 1)
    if path.sub is not None:
        if path.urn is None:
            raise scanner.expected("no sub-attribute before a value filter", scanner.at - 1)
        path = AttrPath(f"{path.urn}:{path.name}", path.sub)
    scanner.in_value_filter = True
    value_filter = _group(scanner, "]", depth)
    scanner.in_value_filter = False
    sub = scanner.name("a sub-attribute") if scanner.take_here(".") else None
    return path, value_filter, sub


def _attr_path(scanner: _Scanner) -> AttrPath:
    """AttrPath = [URI ":"] ATTRNAME *1subAttr; subAttr = "." ATTRNAME."""
    scanner.skip_blanks()
    start = scanner.at
    urn, colon, rest = scanner.word().rpartition(":")
    path = _in_urn(urn, rest) if colon else _dotted_path(None, rest.split("."))
    if path is None:
        raise scanner.expected(
            _A_SUB_ATTRIBUTE if scanner.in_value_filter else "the name of an attribute", start
        )
    return path


def _in_urn(urn: str, rest: str) -> AttrPath | None:
    """What follows a URN's last colon: a name and its sub, the end of the URN before them, or both.

    A version (`urn:scim:schemas:core:1.0`) is no attribute, but names a schema as a whole.
    """
    if not (urn and urn.isascii() and urn.isprintable()):
        return None
    if _VERSION.fullmatch(rest):
        return AttrPath(urn, rest)
    names = rest.split(".")
    if len(names) == _DOTTED_URN:
        return _dotted_path(f"{urn}:{names[0]}", names[1:])
    return _dotted_path(urn, names)


def _dotted_path(urn: str | None, names: Sequence[str]) -> AttrPath | None:
    if len(names) > _NAME_AND_SUB or not all(map(_NAME.fullmatch, names)):
        return None
    return AttrPath(urn, *names)


def _value(scanner: _Scanner) -> Scalar:
    """CompValue = false / null / true / number / string, as JSON writes them.

    Entra ID's documents have text without quotation marks (`externalId eq jyoung`): a bare word
    up to a blank or a closing bracket is a string.
    """
    scanner.skip_blanks()
    start = scanner.at
    if scanner.text.startswith('"', start):
        return scanner.quoted()
    word = scanner.bare_word()
    if not word or word.startswith("'"):
        raise scanner.expected('a value: text between ", a number, true, false or null', start)
    return _LITERALS[word.lower()] if word.lower() in _LITERALS else _number(word)


def _number(word: str) -> Scalar:
    """Number = [ minus ] int [ frac ] [ exp ] (RFC 8259), where it prints back the same.

    Otherwise it stays text (`007`, `1.50`, `1e999`): the schema, which is not known here, may
    want it as a string, and `matching` reads numbers from text as well.
    """
    if not _NUMBER.fullmatch(word):
        return word
    number = float(word) if _FRACTION.search(word) else int(word)
    return number if json.dumps(number) == word else word


# ATTRNAME = ALPHA *(nameChar); RFC 7643 section 2.1 adds the "$" of "$ref".
_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9$_-]*")
# The last part of a URN that ends in its version, such as urn:scim:schemas:core:1.0.
_VERSION = re.compile(r"[0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FRACTION = re.compile(r"[.eE]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LITERALS: Final[Mapping[str, Scalar]] = {"true": True, "false": False, "null": None}

_NAME_AND_SUB: Final = 2
_DOTTED_URN: Final = 3  # urn:...:User.name.familyName

# Elements have no index, as those of JSON Pointer do.
_A_SUB_ATTRIBUTE: Final = 'the name of a sub-attribute, as in [type eq "work"]'

_BLANKS: Final = frozenset(" \t")
# One class of characters each, so a match never backtracks.
_WORD = re.compile(r'[^ \t()\[\]"]*')
_BARE_WORD = re.compile(r"[^ \t)\]]*")


def _dotted(sub: str | None) -> str:
    return "" if sub is None else f".{sub}"


def _bracketed(term: Filter, node_types: tuple[type, ...]) -> str:
    return f"({term})" if isinstance(term, node_types) else str(term)


# --- the scanner ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Scanner:
    """A text and how far it has been read; reading only moves forward."""

    text: str
    error: type[BadRequest]
    noun: str
    at: int = 0
    terms: int = 0
    in_value_filter: bool = False

    def __post_init__(self) -> None:
        """Reject a text that is too long before it is read."""
        if len(self.text) > MAX_CHARACTERS:
            raise self.rejected(f"is longer than {MAX_CHARACTERS:,} characters")
        if _SURROGATE.search(self.text):
            raise self.rejected("contains an unpaired surrogate")

    def skip_blanks(self) -> None:
        """SP of the grammar, one or more."""
        while self.text[self.at : self.at + 1] in _BLANKS:
            self.at += 1

    def take(self, character: str) -> bool:
        """Read this character if it is next, after blanks."""
        self.skip_blanks()
        return self.take_here(character)

    def take_here(self, character: str) -> bool:
        """Read this character if it is next."""
        found = self.text.startswith(character, self.at)
        self.at += found
        return found

    def expect(self, character: str, what: str) -> None:
        """Read this character, or raise that `what` was expected."""
        if not self.take(character):
            raise self.expected(what)

    def end(self, what: str) -> None:
        """Check that the text ends here, or raise that `what` was expected."""
        self.skip_blanks()
        if self.at < len(self.text):
            raise self.expected(what)

    def keyword(self, wanted: str) -> bool:
        """Read this word, in any case, if it is next."""
        self.skip_blanks()
        start = self.at
        if self.word().lower() == wanted:
            return True
        self.at = start
        return False

    def word(self) -> str:
        """Read up to a blank, a bracket or a quotation mark."""
        return self._run(_WORD)

    def bare_word(self) -> str:
        """Read up to a blank or a closing bracket."""
        return self._run(_BARE_WORD)

    def name(self, what: str) -> str:
        """Read one ATTRNAME, or raise that `what` was expected."""
        start = self.at
        word = self.word()
        if not _NAME.fullmatch(word):
            raise self.expected(what, start)
        return word

    def quoted(self) -> str:
        """Read a JSON string; its escapes are JSON's, and it must be encodable as UTF-8."""
        try:
            value, end = _STRINGS.raw_decode(self.text, self.at)
            str(value).encode()
        except ValueError:
            raise self.expected('text that ends with ", escaped as in JSON') from None
        self.at = end
        return str(value)

    def count_term(self) -> None:
        """Count one more expression, up to the limit."""
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise self.rejected(f"has more than {MAX_TERMS} terms")

    def rejected(self, what: str) -> BadRequest:
        """Return the error for the text as a whole, for instance over a limit."""
        return self.error(f"The {self.noun} {what}.")

    def expected(self, what: str, at: int | None = None) -> BadRequest:
        """Return the error that points at a position, by default where reading stopped."""
        position = self.at if at is None else at
        return self.error(
            f"The {self.noun} is not valid at character {position + 1}: expected {what}."
            f"\n{_pointed(self.text, position)}"
        )

    def _run(self, characters: re.Pattern[str]) -> str:
        start = self.at
        found = characters.match(self.text, start)
        self.at = found.end() if found else start
        return self.text[start : self.at]


_STRINGS: Final = json.JSONDecoder()
_SHOWN: Final = 40  # characters before and after the position


def _pointed(text: str, position: int) -> str:
    """Print the text around a position with a caret below it, unprintable characters as "?"."""
    start = max(0, position - _SHOWN)
    shown = "".join(c if c.isprintable() else "?" for c in text[start : position + _SHOWN])
    return f"{shown}\n{' ' * (position - start)}^"
