"""The handler of the SaaS's sign-in page: what must a user with this e-mail address do next?"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.api.admin.request_bodies import SMALL, read_body
from chalicelib.api.admin.requests import AdminRequest
from chalicelib.api.admin.responses import NO_STORE, NextStep, Ok
from chalicelib.organisations import sign_in
from chalicelib.organisations.inputs import Body

# A line break or no @ is mistyped; everything else is compared with the addresses that are there.
EMAIL_FORM = r"^[^\x00-\x1f\x7f]+@[^@\x00-\x20\x7f]+$"


class Visitor(Body):
    """The user on the sign-in page."""

    email: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=320, pattern=EMAIL_FORM)
    ]


def find_sign_in_method(request: AdminRequest) -> Ok[NextStep]:
    """POST /sign-in."""
    body = read_body(Visitor, request.http, SMALL)
    step = sign_in.next_step(request.services.table, body.email, request.deadline)
    document: NextStep = {"method": step.method}
    if step.redirect_url is not None:
        document["redirect_url"] = step.redirect_url
    if step.reset_required is not None:
        document["reset_required"] = step.reset_required
    return Ok(document, NO_STORE)
