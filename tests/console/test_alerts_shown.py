"""Each alert of a connection, as its admin sees it: what is wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.storage.clock import timestamp
from chalicelib.storage.counters import hour
from chalicelib.storage.keys import ConnectionKeys, OrganisationKeys
from tests.support import browsers
from tests.support.browsers import Acme, Connected, Visitor, violations

pytestmark = pytest.mark.console

SINCE = timestamp(datetime.now(UTC) - timedelta(hours=5))

SHOWN = {
    "mass_change": ("Many users have lost their access", "De nombreux utilisateurs ont perdu"),
    "failing": ("Too many requests fail", "Trop de requêtes échouent"),
    "silent": ("Your identity provider has fallen silent", "n’envoie plus rien"),
    "credential_1_day": ("“first” ends in one day", "« first » expire dans un jour"),
    "credential_7_days": ("“first” ends in 7 days", "« first » expire dans 7 jours"),
    "credential_30_days": ("“first” ends in 30 days", "« first » expire dans 30 jours"),
}


@pytest.fixture
def alarm(
    acme: Acme, connected: Connected, age: Callable[..., None], find: Callable[..., None]
) -> Callable[[str], None]:
    """Raise an alert, and let what it says be so: a request long ago, a credential that ends."""

    def alarm(alert: str) -> None:
        now = datetime.now(UTC)
        connected.request(f"Bearer {connected.token}")
        if alert == "silent":
            age(ConnectionKeys(connected.id).health(hour(now)), last=SINCE)
        if days := re.findall(r"credential_(\d+)_", alert):
            token = OrganisationKeys(acme.organisation).token(connected.id, connected.token_id)
            age(token, expires=timestamp(now + timedelta(days=int(days[0]))))
        find(connected.id, **{alert: SINCE})

    return alarm


@pytest.mark.parametrize("alert", SHOWN)
def test_an_alert_is_shown_in_both_languages(
    acme: Acme, alarm: Callable[[str], None], visitor: Visitor, alert: str
):
    """With what to do; axe-core finds nothing."""
    english, french = SHOWN[alert]
    alarm(alert)
    visitor.open(acme.link())
    visitor.sees(english)
    assert violations(visitor.page) == []
    visitor.click("FR Français")
    visitor.sees(french)


@pytest.mark.parametrize("alert", ["mass_change", "failing", "silent"])
def test_what_is_cleared_is_no_longer_shown(
    acme: Acme,
    connected: Connected,
    alarm: Callable[[str], None],
    find: Callable[..., None],
    visitor: Visitor,
    alert: str,
):
    """The page loads it again by itself."""
    alarm(alert)
    visitor.open(acme.link())
    visitor.sees(SHOWN[alert][0])
    find(connected.id)
    connected.request(f"Bearer {connected.token}")

    visitor.page.get_by_text(SHOWN[alert][0]).wait_for(state="detached", timeout=30_000)
    visitor.sees("Nothing to do")


def test_a_credential_that_has_ended_is_told(
    acme: Acme, alarm: Callable[[str], None], visitor: Visitor, connected: Connected
):
    """Also where nobody has sent a request since."""
    alarm("credential_1_day")
    acme.send("DELETE", f"{connected.path}/tokens/{connected.token_id}")
    visitor.open(acme.link())

    visitor.sees("The credential has ended")


def test_a_provider_without_cycles_is_silent_where_the_service_says_so(
    acme: Acme, age: Callable[..., None], find: Callable[..., None], visitor: Visitor
):
    """Of Okta the page knows no pause that is too long; the alert is learned from its past."""
    okta = acme.connect(identity_provider="okta")
    okta.request(f"Bearer {okta.token}")
    age(ConnectionKeys(okta.id).health(hour(datetime.now(UTC))), last=SINCE)
    find(okta.id, silent=SINCE)
    visitor.open(acme.link())

    visitor.sees("No more requests")
    visitor.sees(SHOWN["silent"][0])


def test_a_newer_credential_that_is_not_used_is_told(
    acme: Acme, alarm: Callable[[str], None], visitor: Visitor, connected: Connected
):
    """It was created, and never entered in the identity provider."""
    alarm("credential_7_days")
    acme.send("POST", f"{connected.path}/tokens", {"name": "next"})
    visitor.open(acme.link())

    visitor.sees("Your identity provider still uses a credential that ends soon")


def test_nobody_sees_the_alerts_of_another_organisation(
    demo, acme: Acme, connected: Connected, alarm: Callable[[str], None], visitor: Visitor
):
    """Neither its admin in the page, nor by the address of the connection."""
    other = browsers.create_organisation(demo)
    other.connect()
    alarm("mass_change")
    visitor.open(other.link())

    visitor.sees("Nothing to do")
    own = visitor.page.url.partition("/console")[0]
    path = f"{own}/admin/organisations/{acme.organisation}{connected.path}"
    assert visitor.page.request.get(path).status == 404
