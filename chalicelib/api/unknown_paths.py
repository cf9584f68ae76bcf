"""The response to a path that no endpoint has: mostly a SCIM URL that was entered with a slip.

It says how the URL differs from the connection's. Whether the connection exists is not said without
its token: below `/scim/v2/{connection}` a request without one gets the 401 of every other path, and
all other forms get the same 404 with every credential.
"""

from __future__ import annotations

from functools import partial

from chalicelib.api.admin.problems import problem
from chalicelib.api.edge import ErrorResponse, Request, Response, Segments
from chalicelib.api.router import Endpoint
from chalicelib.api.scim.handler import reject_url
from chalicelib.api.scim.routes import NAMES, ROUTES
from chalicelib.api.scim.scim_response import scim_error
from chalicelib.api.services import Services
from chalicelib.errors import Forbidden, NotFound, TooManyRequests, Unauthorized
from chalicelib.storage.settings_items import CONNECTION_ID

ROOT = ("scim", "v2")
# What a SCIM URL may begin with where a part of it was left out or written twice.
BEGINNINGS = frozenset({*ROOT, "v1"})

COPY = "Copy the SCIM URL from the connection's settings into the identity provider, unchanged"
FORM = "it has the form {url}."

INCOMPLETE = f"The SCIM URL is incomplete or misspelt: {FORM} {COPY}."
OTHER_BEGINNING = f"The SCIM URL begins differently: {FORM} {COPY}."
OTHER_LETTERS = f"The SCIM URL has other letters: {FORM} Paths tell capitals from small letters."
CONNECTION_ITSELF = (
    "This is the SCIM URL itself, and no endpoint. The identity provider is to add the endpoints: "
    "/Users, /Groups, /ServiceProviderConfig."
)
TOO_LONG = f"The SCIM URL is too long: {FORM} The identity provider adds the endpoint. {COPY}."
ENDPOINT_LETTERS = "Paths tell capitals from small letters: expected {endpoint}."
NO_ENDPOINT = (
    f"No SCIM endpoint has this path. The endpoints of a connection are {', '.join(ROUTES)}."
)
NO_ADMIN_PATH = "No route of the admin API has this path; /openapi.json lists them."
NOTHING = f"No route has this path. A SCIM URL has the form {{url}}. {COPY}."


def endpoint(services: Services, segments: Segments) -> Endpoint:
    """Return what responds to an unknown path: in SCIM's form below /scim, else as a problem."""
    return Endpoint("/{path}", partial(respond, services), error_response(segments))


def error_response(segments: Segments) -> ErrorResponse:
    """Return how an error of a path is written."""
    return scim_error if segments and segments[0].lower() == ROOT[0] else problem


def respond(services: Services, request: Request) -> Response:
    """Reject a request for an unknown path.

    Raises:
        NotFound: says what to correct; WrongUrl: the same, to the connection's own token.
        Unauthorized, Forbidden, TooManyRequests: below a connection's URL, as for every path there.
    """
    connection = find_connection(request.segments)
    detail = explain(request.segments, connection, request.base_url)
    if connection is not None:
        try:
            reject_url(services, request, connection, detail)
        except (Unauthorized, Forbidden, TooManyRequests):
            if request.segments[:3] == (*ROOT, connection):
                raise
    raise NotFound(detail)


def find_connection(segments: Segments) -> str | None:
    """Find the id of the connection in a path that may lack something before it, or have more."""
    for segment in segments:
        if CONNECTION_ID.fullmatch(segment.lower()):
            return segment.lower()
        if segment.lower() not in BEGINNINGS:
            return None
    return None


def explain(segments: Segments, connection: str | None, base_url: str) -> str:
    """Say what is wrong with a path, and what was expected; repeats nothing of it but the id."""
    url = f"{base_url}/scim/v2/{connection or '<id of the connection>'}"
    lower = tuple(segment.lower() for segment in segments)
    if connection is not None:
        at = lower.index(connection)
        return _of_connection(segments[: at + 1], segments[at + 1 :], connection, url)
    if lower[:1] == ("admin",):
        return NO_ADMIN_PATH
    is_scim = not lower or lower[0] in BEGINNINGS or lower[0] in NAMES
    return (INCOMPLETE if is_scim else NOTHING).format(url=url)


def _of_connection(before: Segments, after: Segments, connection: str, url: str) -> str:
    if tuple(segment.lower() for segment in before) != (*ROOT, connection):
        return OTHER_BEGINNING.format(url=url)
    if before != (*ROOT, connection):
        return OTHER_LETTERS.format(url=url)
    if not after:
        return CONNECTION_ITSELF
    if any(segment.lower() in NAMES for segment in after[1:]):
        return TOO_LONG.format(url=url)
    found = next((path for path in ROUTES if _is_in_other_letters(path, after)), None)
    return ENDPOINT_LETTERS.format(endpoint=found) if found else NO_ENDPOINT


def _is_in_other_letters(path: str, after: Segments) -> bool:
    expected = path.strip("/").split("/")
    return len(expected) == len(after) and all(
        own.startswith("{") or own.lower() == sent.lower()
        for own, sent in zip(expected, after, strict=True)
    )
