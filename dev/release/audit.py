"""`make audit`: what is known against the packages of the archive, by the advisories of osv.dev.

Where the service cannot be reached, nothing is audited, and that is said. The rest is pip-audit's.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import requests

PACKED = Path(__file__).parents[2] / "requirements.txt"
SERVICE = "https://api.osv.dev/v1/query"
QUERY = '{"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}'
SECONDS = 10


def main(_: Sequence[str]) -> int:
    """Audit requirements.txt; 1 where a package has a known vulnerability."""
    return audit(SERVICE)


def audit(service: str) -> int:
    """Ask a service like osv.dev; 0 where it knows nothing, or cannot be reached."""
    if not _can_be_reached(service):
        print(f"make audit: {service} cannot be reached. NOT AUDITED: requirements.txt")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--osv-url", service]
    # Each package is pinned, those that others need too: there is nothing to resolve.
    command += ["--requirement", str(PACKED), "--no-deps", "--disable-pip"]
    return subprocess.run(command, check=False).returncode


def _can_be_reached(service: str) -> bool:
    try:
        return requests.post(service, data=QUERY, timeout=SECONDS).ok
    except requests.RequestException:
        return False
