"""The SCIM routes: every path with every method, so that a wrong one is answered in SCIM's form."""

from __future__ import annotations

from functools import partial

from chalice.app import Blueprint
from chalice.app import Response as ChaliceResponse

from chalicelib.api import edge
from chalicelib.api.scim import protocol
from chalicelib.api.scim.bulk import bulk
from chalicelib.api.scim.requests import Offer, scim_error
from chalicelib.api.services import Services

ROOT = "/scim/v2/{connection}"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(services: Services) -> Blueprint:
    """Make the blueprint of all SCIM routes."""
    blueprint = Blueprint(__name__)
    for path, offer in [*protocol.spellings(), ("/Bulk", {"POST": bulk})]:
        _register(blueprint, services, path, offer)
    return blueprint


def _register(blueprint: Blueprint, services: Services, path: str, offer: Offer) -> None:
    answer = edge.guarded(
        ROOT + path,
        partial(protocol.answer, services, offer),
        scim_error,
        services.table.clock.monotonic,
    )
    public_url = services.settings.base_url

    def view(**_: str) -> ChaliceResponse:
        return edge.write(answer(edge.read(blueprint.current_request, public_url)))

    view.__name__ = path.strip("/").replace("/", "_").replace("{id}", "id")
    register = blueprint.route(ROOT + path, methods=METHODS, content_types=edge.ACCEPTED)
    register(view)
