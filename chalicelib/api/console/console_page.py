"""Serve the console: the page at `/console/`, and what it loads below it.

Nothing here needs a credential, and nothing here knows one: the code of a console link stands in
the fragment, which no browser sends. So whatever follows links in mails uses none up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from http import HTTPStatus

from chalicelib.api.admin.problems import problem
from chalicelib.api.console.assets import Asset, Site, read_site
from chalicelib.api.edge import Request, Respond, Response
from chalicelib.api.router import Endpoint, find_handler
from chalicelib.errors import NotFound
from chalicelib.scim.preconditions import entity_tags
from chalicelib.settings import Settings

# Scripts and styles are files of this service, and data goes to it alone. A logo may be a data URI.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}; "
    "require-trusted-types-for 'script'"
)
PAGE_HEADERS: Mapping[str, str] = {
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# The browser asks whether it has changed.
REVALIDATED = "no-cache"
# The address changes with the content.
KEPT = "public, max-age=31536000, immutable"

NO_FILE = "The console has no file of this name. Load the page again."


def endpoints(settings: Settings) -> Iterator[Endpoint]:
    """Yield the endpoints of the page and its files, which are read at the first request."""
    site = cache(partial(read_site, settings))
    policy = POLICY.format(ancestors=" ".join(settings.embedding_origins) or "'none'")
    handlers: Mapping[str, Respond] = {
        "/console": lambda request: _page(request, site(), policy),
        "/console/{version}/{file}": lambda request: _file(request, site()),
        "/console/{version}/{folder}/{file}": lambda request: _file(request, site()),
    }
    for path, handler in handlers.items():
        yield Endpoint(path, partial(_respond, handler), problem)


def _respond(handler: Respond, request: Request) -> Response:
    return find_handler({"GET": handler}, request.method)(request)


def _page(request: Request, site: Site, policy: str) -> Response:
    """GET /console/; without the slash at its end the addresses in the page would lead elsewhere.

    A browser keeps the fragment where it follows a redirect without one.
    """
    if not request.is_folder:
        location = f"{request.base_url}/console/"
        return Response(HTTPStatus.FOUND, headers={"Location": location})
    headers = {"Content-Security-Policy": policy, **PAGE_HEADERS}
    return _asset(request, site.page, {"Cache-Control": REVALIDATED, **headers})


def _file(request: Request, site: Site) -> Response:
    """GET /console/{version}/{file}: with another version, as of an older page, not to be kept.

    Raises:
        NotFound: the page has no such file.
    """
    parts = (request.path[name] for name in ("folder", "file") if name in request.path)
    asset = site.assets.get("/".join(parts))
    if asset is None:
        raise NotFound(NO_FILE)
    is_current = request.path["version"] == site.version
    return _asset(request, asset, {"Cache-Control": KEPT if is_current else REVALIDATED})


def _asset(request: Request, asset: Asset, headers: Mapping[str, str]) -> Response:
    """Return a file, or 304 to a browser that has it (RFC 9110 section 13.1.2)."""
    headers = {**headers, "ETag": asset.etag}
    known = entity_tags(request.headers.get("if-none-match", ()))
    if known is not None and known.names(asset.etag):
        return Response(HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(HTTPStatus.OK, None, headers, asset.media_type, asset.text)
