"""Every path that the service responds to: SCIM's, the admin API's, the console's, and others."""

from __future__ import annotations

from functools import partial

from chalicelib.api import unknown_paths
from chalicelib.api.admin import routes as admin_routes
from chalicelib.api.console import console_page
from chalicelib.api.router import Router
from chalicelib.api.scim import routes as scim_routes
from chalicelib.api.services import Services


def all_paths(services: Services) -> Router:
    """Make the router of all endpoints."""
    endpoints = [
        *scim_routes.endpoints(services),
        *admin_routes.endpoints(services),
        *console_page.endpoints(),
    ]
    return Router(endpoints, partial(unknown_paths.endpoint, services))
