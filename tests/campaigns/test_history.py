"""The check of concurrent histories finds what is wrong and accepts what is right."""

from __future__ import annotations

import pytest

from tests.campaigns.history import (
    NEVER,
    History,
    Log,
    Named,
    Register,
    Times,
    Whole,
    same_versions,
)

MEMBER = Register("member", "ada", "tour")

# (writes: value, begin, end), the read: value, begin, end, and whether some order explains it
READS = {
    "nothing was written": ([], (False, 1, 2), True),
    "what nobody wrote": ([], (True, 1, 2), False),
    "written before": ([(True, 1, 2)], (True, 3, 4), True),
    "lost": ([(True, 1, 2)], (False, 3, 4), False),
    "written meanwhile, seen": ([(True, 1, 5)], (True, 3, 4), True),
    "written meanwhile, not yet seen": ([(True, 1, 5)], (False, 3, 4), True),
    "from the future": ([(True, 5, 6)], (True, 3, 4), False),
    "taken away before": ([(True, 1, 2), (False, 3, 4)], (True, 5, 6), False),
    "taken away meanwhile": ([(True, 1, 2), (False, 3, 7)], (True, 5, 6), True),
    "two at the same time, the one": ([(True, 1, 4), (False, 2, 3)], (True, 5, 6), True),
    "two at the same time, the other": ([(True, 1, 4), (False, 2, 3)], (False, 5, 6), True),
    "never answered, seen late": ([(True, 1, NEVER)], (True, 8, 9), True),
    "never answered, never seen": ([(True, 1, NEVER)], (False, 8, 9), True),
    "taken away and never answered": ([(True, 1, 2), (False, 3, NEVER)], (True, 8, 9), True),
}


def a_log(writes):
    """Log writes of one membership."""
    log = Log()
    for value, begin, end in writes:
        log.wrote(MEMBER, Times(begin, end), value=value)
    return log


@pytest.mark.parametrize(("writes", "read", "right"), READS.values(), ids=READS)
def test_a_read_is_right_if_some_order_of_the_writes_explains_it(writes, read, right):
    """I9: the value is that of a write that no later opposite write follows."""
    log = a_log(writes)
    log.saw(MEMBER, Times(*read[1:]), value=read[0])
    history = History([log])

    assert (not list(history.wrong_reads(history.reads([log])))) is right


def test_a_whole_list_also_shows_who_is_missing():
    """A member who is missing from a list that was read is a lost membership."""
    log = a_log([(True, 1, 2)])
    log.wrote(Register("user", "ada"), Times(0, 0.5), value=True)
    log.read_whole.append(Whole("member", "tour", frozenset(), Times(3, 4)))
    history = History([log])

    assert len(list(history.wrong_reads(history.reads([log])))) == 1


def test_a_deleted_user_loses_groups_and_names():
    """Deleting a user ends all memberships and frees the name."""
    log = a_log([(True, 1, 2)])
    log.wrote(Register("holds", "ada", "name"), Times(1, 2), value=True)
    log.departed.append(("ada", Times(3, 4)))
    log.saw(MEMBER, Times(5, 6), value=False)
    log.named.append(Named("name", None, Times(5, 6)))
    history = History([log])

    assert not list(history.wrong_reads(history.reads([log])))
    assert not list(history.wrong_names(log.named))


# observations of a name that Ada has had since 2, and Bob, who has another one, never
NAMES = {
    "its holder": (Named("name", "ada", Times(3, 4)), True),
    "nobody": (Named("name", None, Times(3, 4)), False),
    "nobody, before": (Named("name", None, Times(0, 0.5)), True),
    "somebody else": (Named("name", "bob", Times(3, 4)), False),
    "taken": (Named("name", "bob", Times(3, 4), taken=True), True),
    "taken, by the user who asks": (Named("name", "ada", Times(3, 4), taken=True), False),
    "taken, before": (Named("name", None, Times(0, 0.5), taken=True), False),
}


@pytest.mark.parametrize(("seen", "right"), NAMES.values(), ids=NAMES)
def test_a_name_is_rejected_only_if_another_user_has_it(seen, right):
    """I10: no false 409; a search finds the user of that name and nobody else."""
    log = Log()
    log.wrote(Register("holds", "ada", "name"), Times(1, 2), value=True)
    log.wrote(Register("holds", "bob", "other"), Times(1, 2), value=True)

    assert (not list(History([log]).wrong_names([seen]))) is right


def test_a_creation_with_an_unknown_outcome_may_have_taken_the_name():
    """Its client got 503; the user may exist all the same."""
    log = Log(lost_creations=[("name", 1.0)])

    assert not list(History([log]).wrong_names([Named("name", "somebody", Times(3, 4))]))
    assert list(History([log]).wrong_names([Named("name", "somebody", Times(0, 0.5))]))


def test_two_changes_never_make_the_same_version():
    """I13: of two changes of the same version one starts over or is rejected."""
    assert list(same_versions([Log(versions=[("ada", "2")]), Log(versions=[("ada", "2")])]))
    assert not list(same_versions([Log(versions=[("ada", "2"), ("ada", "3")])]))
