"""Every path that the service responds to: of SCIM, admin API, console, OAuth, and all others."""

from __future__ import annotations

from functools import partial

from chalicelib.api import oauth, unknown_paths
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
        *console_page.endpoints(services.settings),
        *oauth.endpoints(services),
    ]
    return Router(endpoints, partial(unknown_paths.endpoint, services))
