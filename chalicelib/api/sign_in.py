"""The route that the SaaS's login page asks: what must somebody with this address do next?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from chalice.app import Blueprint
from pydantic import StringConstraints

from chalicelib.api import calls
from chalicelib.api.bodies import read_body
from chalicelib.api.calls import NEVER_KEPT, Call, Route, Who
from chalicelib.api.edge import Response
from chalicelib.api.services import Services
from chalicelib.organisations import sign_in
from chalicelib.organisations.requests import Body

# Who types a line break or no @ has mistyped; all else is for the look-up to know.
EMAIL_FORM = r"^[^\x00-\x1f\x7f]+@[^@\x00-\x20\x7f]+$"


class Visitor(Body):
    """Somebody on the login page."""

    email: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=320, pattern=EMAIL_FORM)
    ]


def routes(services: Services) -> Blueprint:
    """Make the blueprint of sign-in."""
    return calls.routes(services, ROUTES, __name__)


def what_next(call: Call) -> Response:
    """POST /sign-in."""
    body = read_body(Visitor, call.request)
    rows = call.services.table.namespace((), call.deadline)
    told = asdict(sign_in.next_step(rows, body.email))
    document = {name: value for name, value in told.items() if value is not None}
    return calls.json(200, document, NEVER_KEPT)


ROUTES = (Route("POST", "/sign-in", Who.OPERATOR, what_next),)
