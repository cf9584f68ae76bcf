"""A site of django-scim2 on SQLite, as its guide builds one: two models, one token.

Run by gunicorn in the environment of the peers, which alone has Django. SITE_DIR has the database.
"""

# mypy: ignore-errors

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.http import HttpRequest

TOKEN = os.environ["SITE_TOKEN"]

settings.configure(
    SECRET_KEY="only for a measurement on this machine",  # noqa: S106 - signs nothing
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        f"{__package__}.django_app",
        "django_scim",
    ],
    MIDDLEWARE=[f"{__name__}.by_token", "django_scim.middleware.SCIMAuthCheckMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(os.environ["SITE_DIR"]) / "site.db",
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
        }
    },
    AUTH_USER_MODEL="django_app.User",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SCIM_SERVICE_PROVIDER={
        "NETLOC": "127.0.0.1",
        "SCHEME": "http",
        "GROUP_MODEL": f"{__package__}.django_app.models.Group",
        "AUTHENTICATION_SCHEMES": [{"type": "oauthbearertoken", "name": "token"}],
        "GET_IS_AUTHENTICATED_PREDICATE": f"{__name__}.is_client",
    },
)


class Client:
    """The identity provider: it has sent the token."""

    is_authenticated = True


def is_client(user: object) -> bool:
    """Tell whether a request has sent the token."""
    return isinstance(user, Client)


def by_token(respond: Callable[[HttpRequest], object]) -> Callable[[HttpRequest], object]:
    """Make the middleware that knows the token."""

    def answer(request: HttpRequest) -> object:
        sent = request.headers.get("Authorization", "")
        if hmac.compare_digest(sent, f"Bearer {TOKEN}"):
            request.user = Client()
        return respond(request)

    return answer


django.setup()

from django.core.management import call_command  # noqa: E402 - after the settings
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

urlpatterns = [path("scim/v2/", include("django_scim.urls", namespace="scim"))]
call_command("migrate", run_syncdb=True, verbosity=0)
application = get_wsgi_application()
