"""What the composition root fixes for every request."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app import ONCE, renew_randomness
from chalicelib.api.services import DEADLINE_SECONDS, LOG_SECONDS, LONGEST_CALL
from chalicelib.storage.clock import Clock
from chalicelib.sweeper import SECONDS_PER_RUN
from dev.run.resources import read_json


def test_a_call_that_hangs_at_the_deadline_is_given_up_before_lambda_gives_up_the_request():
    """Otherwise the gateway responds 502 or 504, without Retry-After."""
    options: Any = ONCE
    longest = options.connect_timeout + options.read_timeout

    assert longest <= LONGEST_CALL
    assert DEADLINE_SECONDS + longest <= LOG_SECONDS - longest
    assert max(LOG_SECONDS, SECONDS_PER_RUN + longest) < read_json("config.json")["lambda_timeout"]


def test_copies_of_one_process_do_not_make_the_same_ids():
    """Lambda's SnapStart starts many from one: what makes ids and tokens keeps nothing."""
    with pytest.raises(NotImplementedError):
        Clock().random.getstate()


def test_copies_of_one_process_do_not_go_on_alike():
    """Python's own generator has a state, which libraries share."""
    copied = random.getstate()
    renew_randomness()
    first = random.getstate()
    random.setstate(copied)
    renew_randomness()

    assert len({copied, first, random.getstate()}) == 3
