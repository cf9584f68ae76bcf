"""The judge of concurrent histories: it must find what is wrong and pass what is right."""

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
    """Note writes of one membership."""
    log = Log()
    for so, begin, end in writes:
        log.wrote(MEMBER, Times(begin, end), so=so)
    return log


@pytest.mark.parametrize(("writes", "read", "right"), READS.values(), ids=READS)
def test_a_read_is_right_if_some_order_of_the_writes_explains_it(writes, read, right):
    """I9: the value is that of an operation not followed by a later opposite one."""
    log = a_log(writes)
    log.saw(MEMBER, Times(*read[1:]), so=read[0])
    history = History([log])

    assert (not list(history.wrong_reads(history.reads([log])))) is right


def test_a_whole_list_says_who_is_not_in_it():
    """A member who is missing from a list that was read is a lost membership."""
    log = a_log([(True, 1, 2)])
    log.wrote(Register("user", "ada"), Times(0, 0.5), so=True)
    log.read_whole.append(Whole("member", "tour", frozenset(), Times(3, 4)))
    history = History([log])

    assert len(list(history.wrong_reads(history.reads([log])))) == 1


def test_who_departs_leaves_his_teams_and_names():
    """A user's delete is the end of his memberships, and his name is free."""
    log = a_log([(True, 1, 2)])
    log.wrote(Register("holds", "ada", "name"), Times(1, 2), so=True)
    log.departed.append(("ada", Times(3, 4)))
    log.saw(MEMBER, Times(5, 6), so=False)
    log.named.append(Named("name", None, Times(5, 6)))
    history = History([log])

    assert not list(history.wrong_reads(history.reads([log])))
    assert not list(history.wrong_names(log.named))


# what was seen of a name that Ada has held since 2 and Bob, who has another, never
NAMES = {
    "its holder": (Named("name", "ada", Times(3, 4)), True),
    "nobody": (Named("name", None, Times(3, 4)), False),
    "nobody, before": (Named("name", None, Times(0, 0.5)), True),
    "somebody else": (Named("name", "bob", Times(3, 4)), False),
    "taken": (Named("name", "bob", Times(3, 4), taken=True), True),
    "taken, by the very one who asks": (Named("name", "ada", Times(3, 4), taken=True), False),
    "taken, before": (Named("name", None, Times(0, 0.5), taken=True), False),
}


@pytest.mark.parametrize(("seen", "right"), NAMES.values(), ids=NAMES)
def test_a_name_is_refused_only_if_another_holds_it(seen, right):
    """I10: no false 409; a look-up finds the holder and nobody else."""
    log = Log()
    log.wrote(Register("holds", "ada", "name"), Times(1, 2), so=True)
    log.wrote(Register("holds", "bob", "other"), Times(1, 2), so=True)

    assert (not list(History([log]).wrong_names([seen]))) is right


def test_a_name_may_be_held_by_whom_a_lost_creation_made():
    """Its caller was told to come later; the user may be there all the same."""
    log = Log(lost_creations=[("name", 1.0)])

    assert not list(History([log]).wrong_names([Named("name", "somebody", Times(3, 4))]))
    assert list(History([log]).wrong_names([Named("name", "somebody", Times(0, 0.5))]))


def test_two_changes_never_make_the_same_version():
    """I13: of two who change the same version one starts over or is refused."""
    assert list(same_versions([Log(versions=[("ada", "2")]), Log(versions=[("ada", "2")])]))
    assert not list(same_versions([Log(versions=[("ada", "2"), ("ada", "3")])]))
