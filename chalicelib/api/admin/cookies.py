"""The console's session cookie: how it is set, read and deleted, and when it is accepted.

A browser sends a cookie with requests of any page. So a request that changes something is
authenticated by its cookie only where it comes from the console's own page: `Origin` is the URL
of this deployment, and a header is there that the page of another site can send only where a CORS
preflight allows it, and none does. A bearer token is never sent by itself and needs none of this.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from chalicelib.api.edge import Request
from chalicelib.auth.tokens import SESSION, parse
from chalicelib.errors import Forbidden
from chalicelib.organisations.console import SESSION_LIFE

# With this prefix browsers reject a cookie that is set for a whole domain, or over plain HTTP.
NAME = "__Host-psl_session"
ATTRIBUTES = "Path=/; HttpOnly; Secure; SameSite=Strict"

SAFE_METHODS = frozenset({"GET", "HEAD"})
CONSOLE_HEADER = ("x-passerelle", "console")

# A browser sends at least one of them with a POST, and no page can leave it out or change it.
OF_BROWSERS = ("origin", "sec-fetch-site")

OTHER_ORIGIN = (
    "A page may exchange a console link only at its own address: expected `Origin` of this "
    "deployment. Open the link itself, or send it from a script, without `Origin`."
)
OTHER_PAGE = (
    "A session cookie may change something only from the console's own page: expected `Origin` of "
    "this deployment and `X-Passerelle: console`. A script sends the session's token as "
    "`Authorization: Bearer ...` instead."
)


def set_session(session: str, life: timedelta = SESSION_LIFE) -> str:
    """Return the Set-Cookie header of a session's text, which the browser keeps for a time."""
    return f"{NAME}={session}; Max-Age={int(life.total_seconds())}; {ATTRIBUTES}"


def delete_session() -> str:
    """Return the Set-Cookie header that makes the browser forget the session."""
    return f"{NAME}=; Max-Age=0; {ATTRIBUTES}"


def read_session(request: Request) -> str:
    """Return the session's text; "" unless there is exactly one cookie, with a session's token.

    An operator key is not accepted as a cookie: no browser is to have one.
    """
    pairs = [pair.strip() for line in request.headers.get("cookie", ()) for pair in line.split(";")]
    found = [value for name, _, value in (pair.partition("=") for pair in pairs) if name == NAME]
    credential = parse(found[0]) if len(found) == 1 else None
    return found[0] if credential is not None and credential.token_type == SESSION else ""


def require_console_page(request: Request) -> None:
    """Check that a request with a cookie may change something.

    Raises:
        Forbidden: it does not come from the console's own page.
    """
    if request.method in SAFE_METHODS:
        return
    header, value = CONSOLE_HEADER
    if not _has_own_origin(request) or request.header(header) != value:
        raise Forbidden(OTHER_PAGE, reason="other page")


def is_browser(request: Request) -> bool:
    """Return whether a browser sends a request to exchange a link; a script sends none of these.

    Raises:
        Forbidden: a browser, but the page is another site's, or a sandboxed one (`null`).
    """
    sent_by_browser = any(name in request.headers for name in OF_BROWSERS)
    if sent_by_browser and not _has_own_origin(request):
        raise Forbidden(OTHER_ORIGIN, reason="other page")
    return sent_by_browser


def _has_own_origin(request: Request) -> bool:
    """Return whether `Origin` is that of PUBLIC_URL, or of the domain that was asked."""
    url = urlsplit(request.base_url)
    return request.header("origin") == f"{url.scheme}://{url.netloc}"
