"""The console's page is served: what a browser, a cache and a scanner of links get."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from app import build
from chalicelib.api.console.assets import FOLDER, MEDIA_TYPES
from tests.support.builders import a_customer, a_link, api_client

# htm 3.1.1 (npm), htm/preact/standalone.module.js, which has Preact in it.
PREACT = "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7"
FILES = sorted(p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*") if p.is_file())


@pytest.fixture
def get(services):
    """Send GET requests without a credential."""
    send = api_client(build(services))
    return lambda path, **headers: send("GET", path, headers=headers)


def version(get):
    """Read the version in the page's addresses."""
    [found] = re.findall(r'src="(\w+)/app\.js"', get("/console/").body)
    return found


def test_the_page_is_html_that_may_load_nothing_from_elsewhere(get):
    """No inline script or style, no frame around it, no address sent on."""
    page = get("/console/")

    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "{{" not in page.body


def test_without_a_slash_it_redirects_to_the_folder(get):
    """The addresses in the page are relative; a browser keeps the fragment with the code."""
    response = get("/console")

    assert response.status == 302
    assert response.headers["location"] == "https://id.example.com/console/"


@pytest.mark.parametrize("name", [name for name in FILES if name != "index.html"])
def test_every_file_is_served_for_a_year_at_the_address_of_its_version(get, name):
    """Its address changes with its content."""
    response = get(f"/console/{version(get)}/{name}")

    assert response.status == 200
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-type"].startswith(MEDIA_TYPES[f".{name.rpartition('.')[2]}"])


def test_an_older_page_gets_todays_files_and_does_not_keep_them(get):
    """A page that was opened before a deployment loads its screens after it."""
    response = get("/console/0123456789ab/app.js")

    assert response.status == 200
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/console/", "/console/0123456789ab/style.css"])
def test_a_browser_that_has_it_gets_304(get, path):
    """The entity tag stands for the content."""
    first = get(path)
    again = get(path, **{"If-None-Match": first.headers["etag"]})

    assert again.status == 304
    assert again.body is None
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("name", ["none.js", "..%2fassets.py", "pages.py", "texts/none.json"])
def test_no_other_file_is_served(get, name):
    """Names are looked up, never opened."""
    assert get(f"/console/0123456789ab/{name}").status == 404


def test_a_scanner_of_links_uses_none_up(services):
    """It fetches the address ten times; the link still opens the console."""
    send = api_client(build(services))
    link = a_link(services, a_customer(services).organisation)
    statuses = {send("GET", f"/console/?x={n}").status for n in range(10)}

    assert statuses == {200}
    assert send("POST", "/admin/sessions", {"link": link}).status == 201


def test_the_vendored_module_is_the_published_one():
    """Its licence stands in NOTICE."""
    assert sha256((FOLDER / "preact.js").read_bytes()).hexdigest() == PREACT
