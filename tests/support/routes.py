"""List all routes of the app, for tests that must cover each of them."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ROUTES
from chalicelib.api.scim.routes import METHODS, spelled_paths
from chalicelib.api.scim.scim_request import ROOT

DECLARED = {(route.method, route.path): route.access for route in ROUTES}


class Route(NamedTuple):
    """A method and a path of the app; `access` is None for a SCIM route."""

    method: str
    path: str
    access: Access | None

    @property
    def is_scim(self) -> bool:
        """Tell whether it is a SCIM route."""
        return self.path.startswith("/scim/v2/")


def all_routes() -> list[Route]:
    """List the routes of the app, in an order in which all of them can be requested.

    DELETE comes last, that of a nested resource before that of its parent, and sign-out at the end.
    """
    found = [
        *(Route(method, ROOT + path, None) for path, _ in spelled_paths() for method in METHODS),
        *(Route(method, path, access) for (method, path), access in DECLARED.items()),
    ]
    return sorted(found, key=lambda each: (each.method == "DELETE", "/" not in each.path[7:], each))
