"""The engine and scim2-models give the same results, except for intended differences."""

from __future__ import annotations

import pytest

from tests.campaigns import oracle
from tests.campaigns.oracle_cases import Case, case

pytestmark = pytest.mark.campaign


def test_the_engine_and_scim2_models_give_the_same_results(record_property):
    """Users, filters of all operators and PATCH sequences, as many as `make oracle` takes."""
    unexplained, explained = oracle.compare(range(oracle.CASES))

    assert unexplained == []
    record_property("random questions answered as scim2-models answers them", oracle.CASES)
    record_property("of them different for a reason that is named", explained.total())


@pytest.mark.parametrize("rule", oracle.RULES, ids=lambda rule: rule.name)
def test_each_deliberate_difference_is_seen(rule: oracle.Rule):
    """A rule that explains nothing would hide the next fault that looks like it."""
    asked = case(rule.example)

    assert rule.explains(asked, oracle.ours(asked), oracle.theirs(asked))


FAULTS = [
    ("filter", 'userName eq "Ada"', True, False),
    ("filter", 'shoeSize eq 44 or userName eq "Ada"', True, False),
    ("patch", [{"op": "add", "path": "title", "value": "b"}], {"title": "b"}, {"title": "c"}),
    ("user", {"userName": "Ada"}, oracle.REJECTED, {"userName": "Ada"}),
]


@pytest.mark.parametrize(("kind", "asked", "ours", "theirs"), FAULTS)
def test_a_fault_is_not_explained_away(kind, asked, ours, theirs):
    """The rules name questions and how the results differ, not a part of the engine."""
    question = Case(kind, {"userName": "Ada"}, asked)

    assert not any(rule.explains(question, ours, theirs) for rule in oracle.RULES)
