"""The route that the SaaS's login page asks: what must somebody with this address do next?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from chalice.app import Blueprint
from pydantic import StringConstraints

from chalicelib.api.admin import requests
from chalicelib.api.admin.request_bodies import read_body
from chalicelib.api.admin.requests import NEVER_KEPT, AdminRequest, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import sign_in
from chalicelib.organisations.inputs import Body

# Who types a line break or no @ has mistyped; all else is for the look-up to know.
EMAIL_FORM = r"^[^\x00-\x1f\x7f]+@[^@\x00-\x20\x7f]+$"


class Visitor(Body):
    """Somebody on the login page."""

    email: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=320, pattern=EMAIL_FORM)
    ]


def routes(services: Services) -> Blueprint:
    """Make the blueprint of sign-in."""
    return requests.routes(services, ROUTES, __name__)


def what_next(request: AdminRequest) -> Response:
    """POST /sign-in."""
    body = read_body(Visitor, request.http)
    told = asdict(sign_in.next_step(request.services.table, body.email, request.deadline))
    document = {name: value for name, value in told.items() if value is not None}
    return requests.json(200, document, NEVER_KEPT)


ROUTES = (Route("POST", "/sign-in", Who.OPERATOR, what_next),)
