"""The routes of the app, by its own table, for tests that no route may escape."""

from __future__ import annotations

from typing import NamedTuple

from chalicelib.api.admin.requests import Access
from chalicelib.api.admin.routes import ROUTES
from chalicelib.api.scim.routes import METHODS, spellings
from chalicelib.api.scim.scim_request import ROOT
from chalicelib.api.services import Services

DECLARED = {(route.method, route.path): route.access for route in ROUTES}


class Call(NamedTuple):
    """A method and a path of the app; `access` is None for SCIM's own."""

    method: str
    path: str
    access: Access | None

    @property
    def is_scim(self) -> bool:
        """Tell whether identity providers call it."""
        return self.path.startswith("/scim/v2/")


def calls_of(services: Services) -> list[Call]:
    """List the app's routes as API Gateway gets them; those that delete come last.

    Of what deletes, the inner things come before those that they are in, and the session last.
    """
    found = [
        *(Call(method, ROOT + path, None) for path, _ in spellings() for method in METHODS),
        *(Call(method, path, access) for (method, path), access in DECLARED.items()),
    ]
    return sorted(found, key=lambda call: (call.method == "DELETE", "/" not in call.path[7:], call))
