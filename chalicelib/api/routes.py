"""Every path that the service responds to: of SCIM, admin API, console, OAuth, and all others."""

from __future__ import annotations

from functools import cache

from chalicelib.api import unknown_paths
from chalicelib.api.edge import Segments
from chalicelib.api.router import Found, Router
from chalicelib.api.scim import routes as scim_routes
from chalicelib.api.services import Services


def all_paths(services: Services) -> Router:
    """Make the router of all endpoints.

    What no SCIM path needs is imported with the first other path: a cold start is mostly import,
    and an identity provider waits for it. Nothing else of the app is imported late but pyjwt.
    """

    @cache
    def others() -> Router:
        return _others(services)

    return Router(scim_routes.endpoints(services), lambda segments: others().find(segments))


def _others(services: Services) -> Router:
    from chalicelib.api import oauth  # noqa: PLC0415
    from chalicelib.api.admin import routes as admin_routes  # noqa: PLC0415
    from chalicelib.api.console import console_page  # noqa: PLC0415

    def unknown(segments: Segments) -> Found:
        return unknown_paths.endpoint(services, segments), {}

    endpoints = [
        *admin_routes.endpoints(services),
        *console_page.endpoints(services.settings),
        *oauth.endpoints(services),
    ]
    return Router(endpoints, unknown)
