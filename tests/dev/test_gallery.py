"""The gallery's validation as we play it: its tests by name, and when it succeeds."""

from __future__ import annotations

import pytest

from dev.play.gallery import AUTHENTICATION, OPTIONAL_TESTS, TESTS, verdict


def test_it_has_the_25_tests_of_microsofts_template():
    """7 of users, 7 of groups, 11 that it sends itself, two of them of authentication."""
    names = [name for tests in TESTS.values() for name in tests]

    assert [len(tests) for tests in TESTS.values()] == [7, 7, 11]
    assert len({*names}) == 25
    assert {*names} >= AUTHENTICATION | OPTIONAL_TESTS


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ((), "Succeeded"),
        (OPTIONAL_TESTS, "Succeeded"),
        (("Federated_Identity_Test",), "Succeeded"),
        (("Validate_Credentials_Test",), "Succeeded"),
        (AUTHENTICATION, "Failed"),
        (("Disable_User_Test",), "Failed"),
        ((*OPTIONAL_TESTS, "Create_Group_Test"), "Failed"),
    ],
)
def test_what_must_pass(failed, expected):
    """All mandatory tests, and one of the two of authentication."""
    assert verdict({*failed}) == expected
