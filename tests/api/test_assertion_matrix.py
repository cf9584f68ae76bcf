"""Every assertion over HTTP: its OAuth error, and the reason that the admin sees."""

from __future__ import annotations

from app import build
from tests.support.assertion_forms import ADDRESSES, matrix
from tests.support.builders import a_customer
from tests.support.oauth_provider import provider_of, trusting


def test_each_assertion_has_its_error_and_its_reason(services, context, record_property):
    """The table itself is in tests/support/assertion_forms.py; `make assertions` prints it."""
    now = services.table.clock.now
    provider = provider_of(build(trusting(services, ADDRESSES)), context.connection, now)
    other = build(trusting(services, {}, fetch_seconds=0.2))
    impatient = provider_of(other, a_customer(services).connection, now)

    rows = list(matrix(provider, impatient=impatient))

    assert [row for row in rows if row.seen != row.expected] == []
    assert len(rows) >= 60
    record_property("assertions over HTTP", len(rows))
