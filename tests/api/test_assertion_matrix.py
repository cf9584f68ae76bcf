"""Every assertion over HTTP: its OAuth error, and the reason that the admin sees."""

from __future__ import annotations

from app import build
from tests.support.assertion_forms import ADDRESSES, matrix
from tests.support.oauth_provider import provider_of, trusting


def test_each_assertion_has_its_error_and_its_reason(services, context, record_property):
    """The table itself is in tests/support/assertion_forms.py; `make assertions` prints it."""
    app = build(trusting(services, ADDRESSES, fetch_seconds=0.3))
    provider = provider_of(app, context.connection, services.table.clock.now)

    rows = list(matrix(provider))

    assert [row for row in rows if row.seen != row.expected] == []
    assert len(rows) >= 60
    record_property("assertions over HTTP", len(rows))
