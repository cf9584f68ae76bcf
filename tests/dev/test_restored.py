"""A deployment says since when its feed is unbroken: consumers have read more than a backup has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dev.release import restored, stages

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
NOW_TEXT = "2026-12-01T10:00:00.000Z"
EARLIER, LATER = "2026-11-01T10:00:00Z", "2026-11-02T10:00:00+01:00"
OWN, RESTORED = "passerelle-dev", "passerelle-dev-restored"

# The stage's table and setting, what its functions run with, and what they get.
CASES = [
    (OWN, "", {}, ""),
    (OWN, "", {"TABLE_NAME": OWN}, ""),
    (RESTORED, "", {}, NOW_TEXT),
    (RESTORED, "", {"TABLE_NAME": OWN}, NOW_TEXT),
    (RESTORED, "", {"TABLE_NAME": RESTORED}, NOW_TEXT),
    (RESTORED, "", {"TABLE_NAME": RESTORED, restored.NAME: EARLIER}, EARLIER),
    (RESTORED, LATER, {"TABLE_NAME": RESTORED, restored.NAME: EARLIER}, LATER),
    (RESTORED, EARLIER, {"TABLE_NAME": RESTORED, restored.NAME: LATER}, LATER),
    (RESTORED, EARLIER, {"TABLE_NAME": f"{OWN}-first"}, NOW_TEXT),
    (OWN, "", {"TABLE_NAME": RESTORED, restored.NAME: EARLIER}, NOW_TEXT),
    (OWN, "", {"TABLE_NAME": OWN, restored.NAME: EARLIER}, EARLIER),
]


@pytest.mark.parametrize(("table", "setting", "there", "wanted"), CASES)
def test_another_table_breaks_the_feed_and_a_deployment_of_the_same_does_not(
    table, setting, there, wanted
):
    """A setting that was forgotten let cursors of the old table go on in the new one."""
    stage = replace(stages.read("dev"), table=table, feed_unbroken_since=setting)

    assert restored.unbroken_since(stage, there, NOW) == wanted
