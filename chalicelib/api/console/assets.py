"""The files of the console's page, as they are served.

`/console/` is the page. What it loads has an address with a digest of all files in it,
`/console/1f0c7a52d3e4/app.js`: a browser keeps these for a year and asks for the page alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from pathlib import Path

from chalicelib.settings import Branding, Settings

FOLDER = Path(__file__).parent / "static"
PAGE = "index.html"
DIGEST_CHARACTERS = 12

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}

COLOUR = "--colour: {};"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: its text, its media type, and its entity tag (RFC 9110 8.8.3)."""

    text: str
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Site:
    """The page and what it loads, by name: `app.js`, `texts/en.json`."""

    page: Asset
    version: str
    assets: Mapping[str, Asset]


def read_site(settings: Settings) -> Site:
    """Read all files, with what the settings say of the SaaS: name and logo, and the colour."""
    brand = settings.branding
    parents = " ".join(settings.embedding_origins)
    paths = sorted(p for p in FOLDER.rglob("*") if p.suffix in MEDIA_TYPES and p.name != PAGE)
    colours = {COLOUR.format(Branding().colour): COLOUR.format(brand.colour)}
    assets = {path.relative_to(FOLDER).as_posix(): _asset(path, colours) for path in paths}
    version = _digest("".join(asset.etag for asset in assets.values()))
    values = {"version": version, "name": brand.name, "logo": brand.logo, "parents": parents}
    shown = {f"{{{{{name}}}}}": escape(value) for name, value in values.items()}
    return Site(_asset(FOLDER / PAGE, shown), version, assets)


def _asset(path: Path, values: Mapping[str, str]) -> Asset:
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(name, value)
    return Asset(text, MEDIA_TYPES[path.suffix], f'"{_digest(text)}"')


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]
