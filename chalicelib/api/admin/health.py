"""The health check of the deployment."""

from __future__ import annotations

from chalicelib import VERSION
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import Health, Ok


def get_health(_: AdminRequest) -> Ok[Health]:
    """GET /health, open to anyone: that it runs, and which version."""
    return Ok({"ok": True, "version": VERSION})
