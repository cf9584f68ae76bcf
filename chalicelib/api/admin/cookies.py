"""The console's cookie: how it is set, read and ended, and when what it bears is believed.

A browser sends a cookie with whatever page makes it send one. So a request that changes something
is believed by its cookie only where it says that the console's own page has sent it: `Origin` is
this deployment's address, and a header is there that no other site's page can set without being
asked by the browser, which nobody here answers. A bearer token is never sent by itself and needs
none of this.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from chalicelib.api.edge import Request
from chalicelib.auth.sessions import SESSION_LIFE
from chalicelib.auth.tokens import parse
from chalicelib.errors import Forbidden

# The prefix makes browsers refuse one that was set for a whole domain, or over plain HTTP.
NAME = "__Host-psl_session"
ATTRIBUTES = "Path=/; HttpOnly; Secure; SameSite=Strict"

SAFE = frozenset({"GET", "HEAD"})
OWN_PAGE = ("x-passerelle", "console")

FOREIGN_PAGE = (
    "A session by cookie changes something only from the console's own page: `Origin` must be "
    "this deployment's and `X-Passerelle: console` be there. A script sends the session's token as "
    "`Authorization: Bearer ...` instead."
)


def write(session: str) -> str:
    """Write Set-Cookie for a session's text."""
    return f"{NAME}={session}; Max-Age={int(SESSION_LIFE.total_seconds())}; {ATTRIBUTES}"


def ended() -> str:
    """Write Set-Cookie that makes the browser forget the session."""
    return f"{NAME}=; Max-Age=0; {ATTRIBUTES}"


def read(request: Request) -> str:
    """Read the session's text from the cookies; "" unless there is exactly one, and of that kind.

    The operator key is no cookie: no browser shall ever hold it.
    """
    pairs = [pair.strip() for line in request.headers.get("cookie", ()) for pair in line.split(";")]
    found = [value for name, _, value in (pair.partition("=") for pair in pairs) if name == NAME]
    claimed = parse(found[0]) if len(found) == 1 else None
    return found[0] if claimed is not None and claimed.kind == "session" else ""


def require_own_page(request: Request) -> None:
    """Believe a request by cookie that changes something.

    Raises:
        Forbidden: it does not come from the console's own page.
    """
    if request.method in SAFE:
        return
    address = urlsplit(request.base_url)
    header, value = OWN_PAGE
    if (
        request.header("origin") != f"{address.scheme}://{address.netloc}"
        or request.header(header) != value
    ):
        raise Forbidden(FOREIGN_PAGE)
