"""`make oracle`: the SCIM engine and scim2-models get the same random questions.

Each says what becomes of a user that is sent, whether a filter matches one, and
what a PATCH makes of one. Where they differ on purpose, a rule below says when and why; any other
difference fails.

    python -m tests.campaigns.oracle [CASES]    compare so many cases (2,000), and count
                                                what the rules explain
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from pydantic import ValidationError
from scim2_models import Context, EnterpriseUser, PatchOp, SCIMException, ScimFilter, ScimPolicy
from scim2_models import User as OracleUser

from chalicelib.errors import ApiError
from chalicelib.scim import messages, patch, patch_operations, validation
from chalicelib.scim.catalog import USER
from chalicelib.scim.filters import parse_filter
from chalicelib.scim.matching import matches
from dev.progress import progress
from tests.campaigns.oracle_cases import Case, Document, case

CASES = 2_000
REJECTED = "rejected"
MODEL = OracleUser[EnterpriseUser]
# What both allow: unknown attributes are ignored, and a choice that matches nothing creates.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
EMPTY: Sequence[Any] = (None, "", [], {})
# What a client does not write is compared nowhere.
OWN = ("schemas", "id", "meta", "groups", "password")


# --- ours -------------------------------------------------------------------------------------


def _our_user(asked: Case) -> Any:
    return _written(validation.check(asked.asked, USER))


def _our_filter(asked: Case) -> Any:
    return matches(parse_filter(asked.asked), asked.user, USER)


def _our_patch(asked: Case) -> Any:
    operations = patch_operations.normalise(messages.parse_patch(asked.asked), USER).operations
    return _written(patch.apply(operations, asked.user, USER))


def ours(asked: Case) -> Any:
    """Return the engine's result: a document, true or false, or that it is rejected."""
    try:
        return _OURS[asked.kind](asked)
    except ApiError:
        return REJECTED


# --- the oracle's -----------------------------------------------------------------------------


def _their_user(asked: Case) -> Any:
    context = Context.RESOURCE_CREATION_REQUEST
    return _told(MODEL.model_validate(asked.asked, scim_ctx=context, scim_policy=POLICY))


def _their_filter(asked: Case) -> Any:
    return ScimFilter[MODEL](asked.asked).match(_known(asked.user), strict=True)


def _their_patch(asked: Case) -> Any:
    context = Context.RESOURCE_PATCH_REQUEST
    user = _known(asked.user)
    with POLICY:
        message = PatchOp[MODEL].model_validate(asked.asked, scim_ctx=context, scim_policy=POLICY)
        message.patch(user, POLICY)
    return _told(user)


def theirs(asked: Case) -> Any:
    """Return the result of scim2-models, in the same form."""
    try:
        return _THEIRS[asked.kind](asked)
    except (SCIMException, ValidationError):
        return REJECTED


def _known(user: Document) -> Any:
    return MODEL.model_validate(copy.deepcopy(user), scim_policy=POLICY)


def _told(user: Any) -> Document:
    return _written(user.model_dump(scim_ctx=Context.DEFAULT))


def _written(document: Mapping[str, Any]) -> Document:
    """Leave what both write; what is empty is absent (RFC 7643 section 2.5)."""
    own = {name: _whole(value) for name, value in document.items() if name not in OWN}
    return {name: value for name, value in own.items() if value not in EMPTY}


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        parts = ((name, _whole(part)) for name, part in value.items())
        return {name: part for name, part in parts if part not in EMPTY}
    if isinstance(value, list):
        return [part for each in value if (part := _whole(each)) not in EMPTY]
    return value


_OURS: Mapping[str, Callable[[Case], Any]] = {
    "user": _our_user,
    "filter": _our_filter,
    "patch": _our_patch,
}
_THEIRS: Mapping[str, Callable[[Case], Any]] = {
    "user": _their_user,
    "filter": _their_filter,
    "patch": _their_patch,
}


# --- where they differ on purpose -------------------------------------------------------------


Answers = Callable[[Any, Any], bool]


def _only_they_reject(own: Any, other: Any) -> bool:
    return (own == REJECTED, other == REJECTED) == (False, True)


def _only_we_reject(own: Any, other: Any) -> bool:
    return (own == REJECTED, other == REJECTED) == (True, False)


def _neither_rejects(own: Any, other: Any) -> bool:
    return REJECTED not in (own, other)


def _in_elements_only(own: Any, other: Any) -> bool:
    """Both make a document of it, and all but e-mails and roles is the same."""
    return _neither_rejects(own, other) and _without_elements(own) == _without_elements(other)


def _without_elements(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in ("emails", "roles")}


def _but_for_labels(own: Any, other: Any) -> bool:
    """Both make the same document of it but for elements that say nothing but their type."""
    return _neither_rejects(own, other) and _without_labels(own) == _without_labels(other)


def _without_labels(document: Document) -> Document:
    emails = [each for each in document.get("emails", ()) if not each.keys() <= LABELS]
    return document | {"emails": emails}


LABELS = {"type", "primary"}


def _but_for_duplicates(own: Any, other: Any) -> bool:
    """Both make the same document of it, once each value has each type at most once."""
    return _neither_rejects(own, other) and _without_duplicates(own) == _without_duplicates(other)


def _without_duplicates(document: Document) -> Document:
    return document | {
        name: {(each.get("value", "").lower(), each.get("type", "").lower()) for each in elements}
        for name in ("emails", "roles")
        if (elements := document.get(name))
    }


def _but_for_active(own: Any, other: Any) -> bool:
    """Both make a document of it, and ours still has `active`; elements may differ, too."""
    if not _neither_rejects(own, other) or "active" in other:
        return False
    return _in_elements_only(own, other | {"active": own.get("active")})


@dataclass(frozen=True, slots=True)
class Rule:
    """An intended difference: in which questions, how the results differ, and why.

    `example` is the number of a case in which it is seen.
    """

    name: str
    example: int
    kinds: frozenset[str]
    asked: str
    responses: Answers
    reason: str

    def explains(self, asked: Case, own: Any, other: Any) -> bool:
        """Tell whether two results are intended to differ."""
        return (
            asked.kind in self.kinds
            and re.search(self.asked, json.dumps(asked.asked, ensure_ascii=False)) is not None
            and self.responses(own, other)
        )


USERS, FILTERS, PATCHES = frozenset({"user"}), frozenset({"filter"}), frozenset({"patch"})
CLEARING = r'"value": (null|\\?""|\[\]|\{\})'

RULES: Sequence[Rule] = (
    Rule(
        "only true and false are booleans",
        3,
        USERS,
        r'"active": ("yes"|1)',
        _only_we_reject,
        "also as text in any case, which Entra ID sends, but not yes or 1: a wrong guess here "
        "locks a user out, or lets them in",
    ),
    Rule(
        "one value is accepted for an array",
        1,
        USERS,
        r'"emails": "',
        _only_they_reject,
        "clients forget the brackets; adding them loses nothing",
    ),
    Rule(
        "an empty address is no address",
        32,
        USERS,
        r'"emails": \[\{"value": ""',
        _only_they_reject,
        "Entra ID sends an empty text for what a user does not have",
    ),
    Rule(
        "a required attribute is not empty",
        14,
        USERS | PATCHES,
        r'"userName": ""|"path": "userName", "value": (""|null|\[\])',
        _only_we_reject,
        "RFC 7643 section 2.5: an empty value is no value",
    ),
    Rule(
        "required attributes are checked at the end",
        1_289,
        PATCHES,
        r'"op": "remove", "path": "userName"',
        _only_they_reject,
        "one request may remove a name and set another; Microsoft's validator sends such sequences",
    ),
    Rule(
        "empty values clear",
        6,
        PATCHES,
        CLEARING,
        _only_they_reject,
        "Entra ID clears an attribute by replacing or adding null or an empty text",
    ),
    Rule(
        "active is never absent",
        243,
        PATCHES,
        r'"path": "active"',
        _but_for_active,
        "a user without it would be neither active nor deactivated, and could sign in",
    ),
    Rule(
        "a value and its type are kept once",
        569,
        PATCHES,
        r"(emails|roles)\[",
        _but_for_duplicates,
        "RFC 7643 section 2.4: the pair should not be repeated",
    ),
    Rule(
        "clearing a part of a missing element creates nothing",
        389,
        PATCHES,
        CLEARING,
        _in_elements_only,
        "the new element would be empty",
    ),
    Rule(
        "the value that becomes primary last is primary",
        1_672,
        PATCHES,
        r'\.primary", "value": true',
        _only_they_reject,
        "a value filter may match several; RFC 7644 section 3.5.2: the others are primary no more",
    ),
    Rule(
        "an e-mail is removed with its address",
        437,
        PATCHES,
        r"emails\[",
        _but_for_labels,
        "otherwise a type without an address would be left",
    ),
    Rule(
        "an element is identified by value and type",
        307,
        PATCHES,
        r'"op": "add".*(emails|roles)',
        _in_elements_only,
        "RFC 7643 section 2.4: that pair occurs once; adding it again completes the element",
    ),
    Rule(
        "an unknown attribute is rejected in every term",
        60,
        FILTERS,
        "shoeSize",
        _only_we_reject,
        "the result must not depend on what the terms before it match",
    ),
    Rule(
        "null can only be compared by eq and ne",
        12,
        FILTERS,
        r" (co|sw|ew|gt|ge|lt|le) null",
        _only_we_reject,
        "null has neither an order nor parts",
    ),
    Rule(
        "eq null is the opposite of pr",
        15_390,
        FILTERS,
        r"(emails|roles)\.\w+ (eq|ne) null",
        _neither_rejects,
        "for several values, too: null and no value are the same (RFC 7643 section 2.5)",
    ),
    Rule(
        "a value of another type is rejected",
        621,
        FILTERS,
        r'(meta\.lastModified|active|primary) \w\w (5|\\"\\"|\\"True\\")',
        _only_we_reject,
        "a number is not a time; any match would be an accident",
    ),
    Rule(
        "times are not compared as text",
        320,
        FILTERS,
        r"meta\.lastModified (co|sw|ew) ",
        _only_we_reject,
        "one moment can be written in many ways",
    ),
    Rule(
        "any text can be searched for",
        289,
        FILTERS,
        r'(emails(\.value)?|\bvalue) \w\w (5|\\"(|True|2027-01-31)\\")',
        _only_they_reject,
        "an address that cannot exist matches no user, which is a valid result",
    ),
    Rule(
        "a number may stand for text",
        398,
        FILTERS,
        r" \w\w 5",
        _only_they_reject,
        "clients write `externalId eq 42` without quotation marks",
    ),
    Rule(
        "ne is true if one of several values differs",
        238,
        FILTERS,
        r"(emails|roles)(\.\w+)? ne ",
        _neither_rejects,
        "RFC 7644 section 3.4.2.2: a filter matches if one value does, for each operator",
    ),
    Rule(
        "a manager is compared by id",
        674,
        FILTERS,
        r":manager \w\w ",
        _neither_rejects,
        "Entra ID asks `manager eq` with an id",
    ),
)


# --- the comparison ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that nothing explains."""

    number: int
    asked: Case
    ours: Any
    theirs: Any


def compare(numbers: Iterable[int]) -> tuple[list[Difference], Counter[str]]:
    """Compare on these cases: what nothing explains, and how many each rule does."""
    unexplained, explained = list[Difference](), Counter[str]()
    for number in numbers:
        asked = case(number)
        own, other = ours(asked), theirs(asked)
        if _same(own, other):
            continue
        rule = next((each for each in RULES if each.explains(asked, own, other)), None)
        if rule is None:
            unexplained.append(Difference(number, asked, own, other))
        else:
            explained[rule.name] += 1
    return unexplained, explained


def _same(own: Any, other: Any) -> bool:
    """Compare as JSON: true is not 1."""
    return json.dumps(own, sort_keys=True) == json.dumps(other, sort_keys=True)


def main(arguments: Sequence[str]) -> int:
    """Compare, and print what came of it; 0 where nothing is left unexplained."""
    cases = int(arguments[0]) if arguments else CASES
    unexplained, explained = compare(progress(range(cases), cases, "cases"))
    for found in unexplained:
        print(f"case {found.number}: {found.asked}\n  ours: {found.ours}\n  theirs: {found.theirs}")
    for name, count in explained.most_common():
        print(f"{count:7,}  {name}")
    version = metadata.version("scim2-models")
    print(f"{cases:,} cases against scim2-models {version}, {len(unexplained)} unexplained.")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
