"""`make sbom`: what the archive of a deployment contains, as CycloneDX 1.6 (build/sbom.json).

The packages and their hashes are those of requirements-hashes.txt, their licences those that they
state themselves; what is vendored is in `VENDORED`. Two runs write the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from chalicelib import VERSION
from dev.errors import VerbError

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "sbom.json"
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

# What is in the archive without being a line of requirements.txt; NOTICE says more of each.
VENDORED: Sequence[tuple[str, str, str, str]] = (
    ("pkg:pypi", "chalice", "1.34.0", "Apache-2.0"),
    ("pkg:npm", "htm", "3.1.1", "Apache-2.0"),
)


def main(_: Sequence[str]) -> int:
    """Write the bill of materials.

    Raises:
        VerbError: a package of it is not installed.
    """
    BUILT.parent.mkdir(exist_ok=True)
    BUILT.write_text(f"{json.dumps(document(), indent=2, sort_keys=True)}\n", encoding="utf-8")
    print(f"Written: {BUILT.relative_to(ROOT)}, {len(document()['components'])} components.")
    return 0


def document() -> dict[str, Any]:
    """Describe the archive as CycloneDX does."""
    components = [*_packages(), *_vendored()]
    application = _component("pkg:github", "passerelle", VERSION, "Apache-2.0")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**application, "type": "application"}},
        "components": sorted(components, key=lambda each: str(each["bom-ref"])),
    }


def pins() -> Mapping[tuple[str, str], Sequence[str]]:
    """Read requirements-hashes.txt: the SHA-256 of each file of a name and version."""
    found: dict[tuple[str, str], list[str]] = {}
    hashes: list[str] = []
    for line in (ROOT / "requirements-hashes.txt").read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            hashes = found.setdefault((pin["name"], pin["version"]), [])
        hashes += HASH.findall(line)
    return found


def _packages() -> Iterator[dict[str, Any]]:
    for (name, version), hashes in pins().items():
        files = {
            "type": "distribution",
            "url": f"https://pypi.org/project/{name}/{version}/#files",
            "hashes": [{"alg": "SHA-256", "content": each} for each in hashes],
        }
        component = _component("pkg:pypi", name, version, _licence(name))
        yield {**component, "externalReferences": [files]}


def _vendored() -> Iterator[dict[str, Any]]:
    return (_component(*each) for each in VENDORED)


def _component(registry: str, name: str, version: str, licence: str) -> dict[str, Any]:
    url = f"{registry}/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": url,
        "purl": url,
        "name": name,
        "version": version,
        "licenses": [{"license": {"name": licence}}],
    }


def _licence(name: str) -> str:
    """Return the licence that a package states: an expression, or its classifier.

    Raises:
        VerbError: the package is not installed.
    """
    try:
        stated = metadata(name)
    except ModuleNotFoundError:
        raise VerbError(f"{name} is not installed: make environment") from None
    classifiers = stated.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License")]
    found = [*(stated.get_all("License-Expression") or []), *named]
    return str(next(iter([*found, *(stated.get_all("License") or [])]), "unknown"))
