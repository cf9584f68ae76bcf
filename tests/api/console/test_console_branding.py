"""The console shows the SaaS's name, logo and colour, in frames of the origins that may have it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app import build
from chalicelib.settings import Branding, InvalidSettings, Settings
from tests.support.builders import api_client
from tests.support.environment import ENVIRONMENT

LOGO = "data:image/png;base64,iVBORw0KGgo="


def test_the_page_shows_name_logo_and_colour_and_may_be_framed(services):
    """They are written into the page and its stylesheet, and escaped."""
    brand = Branding(name="Acme <b>", logo=LOGO, colour="#005a9c")
    origins = ["https://app.example.com"]
    settings = replace(services.settings, branding=brand, embedding_origins=origins)
    get = api_client(build(replace(services, settings=settings)))
    page = get("GET", "/console/")
    assert "Acme &lt;b&gt;" in page.body
    assert LOGO in page.body
    assert "frame-ancestors https://app.example.com;" in page.headers["content-security-policy"]
    assert "--colour: #005a9c;" in get("GET", "/console/any/style.css").body


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "#ffcc00"},
        {"colour": "red"},
        {"logo": "https://example.com/a.png"},
        {"logo": "data:text/html,x"},
        {"logo": f"data:image/png;base64,{'A' * 20_480}"},
        {"name": ""},
    ],
)
def test_what_cannot_be_read_or_is_no_picture_is_rejected(wrong):
    """The deployment does not start, and says why."""
    with pytest.raises(InvalidSettings, match=f"BRANDING: {next(iter(wrong))}: "):
        Settings.from_environment({**ENVIRONMENT, "BRANDING": json.dumps(wrong)})
