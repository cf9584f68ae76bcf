"""What a SCIM request costs does not depend on the type of its credential."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from app import build
from chalicelib.settings import Plan
from dev.measure.meter import Cost, Meter
from dev.run.fake_issuer import fake_issuer
from tests.support.builders import ScimClient
from tests.support.oauth_provider import provider_of, trusting

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def costs(scim: ScimClient, meter: Meter, manual_clock) -> Iterator[Cost]:
    """Send requests of a user's life, each in another minute, and take the cost of each."""
    requests = [
        ("POST", "/Users", {"userName": "ada"}),
        ("GET", "/Users?filter=userName+eq+%22ada%22", None),
        ("GET", "/Users/{id}", None),
        (
            "PATCH",
            "/Users/{id}",
            {
                "schemas": [PATCH],
                "Operations": [{"op": "add", "path": "title", "value": "Countess"}],
            },
        ),
        ("DELETE", "/Users/{id}", None),
    ]
    user = ""
    for method, path, body in requests:
        manual_clock.advance(minutes=1)
        response = scim(method, path.replace("{id}", user), body)
        assert response.status < 300
        user = user or response.body["id"]
        yield meter.take()


def test_a_request_makes_as_many_calls_with_an_access_token_as_with_a_static_one(
    services, context, manual_clock
):
    """Once this process knows the credential; the access token is one item, 1 RCU, more."""
    meter = Meter(services.table.client)
    unlimited = replace(services.settings, plans={"enterprise": Plan(scim=True, rate=None)})
    metered = replace(services, table=replace(services.table, client=meter), settings=unlimited)
    provider = provider_of(
        build(trusting(metered, {})), context.connection, services.table.clock.now
    )
    with fake_issuer() as issuer:
        provider.federated(issuer.url)
        sent = provider.client_secret(), provider.assertion(issuer)
        access = [provider.token(**form).body["access_token"] for form in sent]
    measured = []
    for token in (context.token, *access):
        scim = provider.scim(token)
        assert scim("GET", "/Users").status == 200
        meter.take()
        measured.append([*costs(scim, meter, manual_clock)])

    static, *others = measured
    for other in others:
        assert [each.calls for each in other] == [each.calls for each in static]
        assert [each.rcu for each in other] == [each.rcu + 1 for each in static]
        assert [each.wcu for each in other] == [each.wcu for each in static]
