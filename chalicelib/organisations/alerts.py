"""Which alerts a connection or webhook has, by what is known of it. Pure.

A connection is looked at every 16 minutes, so an alert comes at most so much later; the one about
a mass change comes with the changes themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from chalicelib.storage.alert_items import AlertType
from chalicelib.storage.clock import timestamp

# No provider is silent after less, however often it sends something otherwise.
SHORTEST_SILENCE = timedelta(hours=3)
# What a provider usually does is learned from this much of the past ...
LEARNED_FROM = timedelta(days=14)
# ... if it has sent requests for a week, so that a weekend is among it, and in so many hours.
LEAST_KNOWN = timedelta(days=7)
LEAST_HOURS = 24
# Twice the longest pause that it has made.
PATIENCE = 2
NEVER = "never"

# Failures are counted in the present hour and these before.
FAILURES_OF = timedelta(hours=3)
# Entra ID quarantines a job where more than 40 % of its requests fail, beyond 5,000 failures; we
# warn of it much earlier.
QUARANTINE_SHARE = 0.4
LEAST_FAILURES = 20

# More than so many who lose access within an hour: a number, or a share of all users.
LEAVERS_OF = timedelta(minutes=60)
LEAST_LEAVERS = 20
USERS_PER_LEAVER = 100

CREDENTIAL_ENDS: Mapping[AlertType, timedelta] = {
    "credential_1_day": timedelta(days=1),
    "credential_7_days": timedelta(days=7),
    "credential_30_days": timedelta(days=30),
}
# A webhook fails that has accepted nothing so many times, or one event not at so many attempts:
# those are about 20 minutes.
LEAST_ATTEMPTS = 3
LEAST_ATTEMPTS_OF_ONE = 5

# What an alert means, and what to do about it.
TEXTS: Mapping[AlertType, str] = {
    "mass_change": "Many users were deactivated or deleted within an hour: more than 20, and more "
    "than one of a hundred. If that is not meant, pause the connection now, then correct the "
    "assignment in the identity provider and let it synchronise again.",
    "failing": "More than 40 % of the requests of the last hours fail; Entra ID stops its regular "
    "cycles then. Read the errors in the provisioning log and the rejected requests, and correct "
    "their cause.",
    "silent": "The identity provider has sent no request for much longer than it usually takes. "
    "Look whether its provisioning is switched off or in quarantine.",
    "credential_1_day": "The credential of the identity provider ends within a day, or has ended. "
    "Create a new one and enter it there.",
    "credential_7_days": "The credential of the identity provider ends within 7 days. Create a new "
    "one and enter it there.",
    "credential_30_days": "The credential of the identity provider ends within 30 days. Create a "
    "new one and enter it there.",
    "webhook_failing": "The webhook's receiver accepts no events, or has not accepted one at "
    "five attempts. Read its deliveries, correct the receiver, and send it a test event: when that "
    "is accepted, what waits is sent within a minute.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a connection at a moment.

    `requests` and `failures` are those of the last hours, `expected_by` is when the next request
    should have come, `credential_ends` when the credential in use ends, `leavers` how many of the
    `users` lost access within an hour.
    """

    requests: int = 0
    failures: int = 0
    expected_by: str = NEVER
    credential_ends: str | None = None
    leavers: int = 0
    users: int = 0


def connection_alerts(facts: Facts, before: Collection[str], now: datetime) -> frozenset[AlertType]:
    """Return the alerts that are open from now on; `before` are those that were until now."""
    found: set[AlertType] = {*_credential_alerts(facts.credential_ends, now)}
    if facts.expected_by < timestamp(now):
        found.add("silent")
    if is_failing(facts, was_failing="failing" in before):
        found.add("failing")
    if "mass_change" in before and is_mass_change(facts.leavers, facts.users):
        found.add("mass_change")
    return frozenset(found)


def _credential_alerts(ends: str | None, now: datetime) -> Iterator[AlertType]:
    """Yield the alert of the shortest time that is not over yet; none while there is enough."""
    if ends is None:
        return
    left = datetime.fromisoformat(ends) - now
    yield from islice((each for each, ahead in CREDENTIAL_ENDS.items() if left <= ahead), 1)


def is_failing(facts: Facts, *, was_failing: bool) -> bool:
    """Tell whether too many requests fail; without any it is as it was."""
    if not facts.requests:
        return was_failing
    too_many = facts.failures > QUARANTINE_SHARE * facts.requests
    return too_many and (was_failing or facts.failures >= LEAST_FAILURES)


def is_mass_change(leavers: int, users: int) -> bool:
    """Tell whether more users have lost access within an hour than people leave."""
    return leavers > max(LEAST_LEAVERS, users // USERS_PER_LEAVER)


def expected_by(hours: Sequence[str], last_request: str) -> str:
    """Return by when the next request should come; `hours` are those that had any, in order.

    Twice the longest pause of the last two weeks, so that what is usual at night, at weekends or
    where a provider sends changes only is not silence. Of a provider that is not known well enough
    nothing is expected.
    """
    moments = [datetime.fromisoformat(f"{hour}:00+00:00") for hour in hours]
    if len(moments) < LEAST_HOURS or moments[-1] - moments[0] < LEAST_KNOWN:
        return NEVER
    longest = max(after - before for before, after in pairwise(moments))
    wait = max(SHORTEST_SILENCE, PATIENCE * longest)
    return timestamp(datetime.fromisoformat(last_request).astimezone(UTC) + wait)


def webhook_alerts(failures: int, attempts: int) -> frozenset[AlertType]:
    """Return the alerts of a webhook: `attempts` is how often what waits was tried at most."""
    is_failing = failures >= LEAST_ATTEMPTS or attempts >= LEAST_ATTEMPTS_OF_ONE
    return frozenset({"webhook_failing"}) if is_failing else frozenset()
