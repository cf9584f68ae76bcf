"""The rules of the house that no linter knows: who may import whom, and what nothing is called."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from chalicelib import VERSION

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "chalicelib"
SHIPPED = [ROOT / "app.py", *sorted(LIBRARY.rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
OWN = [*SHIPPED, *sorted((ROOT / "dev").rglob("*.py")), *TESTS]

# app -> api -> auth | directory | organisations -> storage, and scim, which
# imports none of them. Settings and observability are read by all but the pure core.
MAY_IMPORT = {
    "scim": set(),
    "storage": {"scim"},
    "auth": {"scim", "storage"},
    "directory": {"scim", "storage"},
    "organisations": {"scim", "storage", "auth"},
    "api": {"scim", "storage", "auth", "directory", "organisations"},
    # The event source beside the routes.
    "sweeper.py": {"scim", "storage", "directory", "organisations", "api"},
}
COMMON = {"settings", "observability", "errors"}

# What a pure function has no use for: the world outside its arguments.
WORLD = {
    *("boto3", "botocore", "chalice", "aws_lambda_powertools", "logging", "os", "sys"),
    *("time", "random", "secrets", "uuid", "socket", "threading", "subprocess", "requests"),
}
CLOCKS = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(")


def imports(path: Path) -> Iterator[str]:
    """Give the full name of every module that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by dots; the full name shows the direction"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_levels(path: Path) -> set[str]:
    """Give the first segment of every import."""
    return {name.partition(".")[0] for name in imports(path)}


def packages_used(path: Path) -> set[str]:
    """Give the packages and modules of ours that a file imports: `storage`, `settings` ..."""
    ours = {entry.stem for entry in LIBRARY.iterdir()}
    found = {name.split(".")[1] for name in imports(path) if name.startswith("chalicelib.")}
    return found & ours


def name_of(path: Path) -> str:
    """Name a file for the list of cases."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.parent != ROOT], ids=name_of)
def test_imports_follow_the_arrow(path):
    """Nothing inner names what is outside of it."""
    package = path.relative_to(LIBRARY).parts[0]
    common = {"errors"} if package == "scim" else COMMON

    assert packages_used(path) <= {package} | MAY_IMPORT.get(package, set()) | common


def test_every_package_has_its_place_in_the_arrow():
    """A new package is drawn into the map before it is used."""
    found = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}

    assert found == {name for name in MAY_IMPORT if not name.endswith(".py")}


@pytest.mark.parametrize("path", sorted((LIBRARY / "scim").rglob("*.py")), ids=name_of)
def test_the_core_is_pure(path):
    """chalicelib/scim knows no AWS, Chalice, environment, clock, random or log (house rule 3)."""
    assert not top_levels(path) & WORLD
    assert not CLOCKS.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_chalice_is_known_at_the_edge_only(path):
    """No event and no Chalice object travels inwards (house rule 12)."""
    if LIBRARY / "api" not in path.parents and path not in {
        ROOT / "app.py",
        LIBRARY / "sweeper.py",
    }:
        assert "chalice" not in top_levels(path)


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_aws_is_known_to_the_adapters_only(path):
    """Foreign exceptions die at the adapter (house rule 8); app.py makes the clients."""
    adapters = {ROOT / "app.py", LIBRARY / "auth" / "secrets.py"}
    if path.parent != LIBRARY / "storage" and path not in adapters:
        assert not top_levels(path) & {"boto3", "botocore", "mypy_boto3_dynamodb"}


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_what_is_shipped_does_not_need_what_is_not(path):
    """Chalice packs app.py and chalicelib/ only: an import of dev/ fails on AWS alone."""
    assert not top_levels(path) & {"dev", "tests"}


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_no_name_says_that_the_concept_is_not_understood(path):
    """RFC words for things, verbs for functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = [node.name for node in ast.walk(tree) if isinstance(node, kinds)]

    # AWS Secrets Manager has its own name.
    vague = re.compile(
        "(?<!secrets)(?<!secrets_)manager|helper|processor|utils?$|^util", re.IGNORECASE
    )
    assert not [name for name in [*names, path.stem] if vague.search(name)]


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_tests_use_real_parts(path):
    """A fault is an argument, never a patch."""
    text = path.read_text(encoding="utf-8")

    assert not {name for name in imports(path) if name.startswith("unittest")}
    assert not re.search(r"\bmonkeypatch[,).]|\bmocker[,).]", text)


def pinned(name: str) -> dict[str, str]:
    """Read a requirements file: distribution -> version."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if "==" in line]
    return {name: version for name, _, version in pins}


def needed_by(distribution: str) -> set[str]:
    """List a distribution with all that it needs, as pip would install it without extras."""
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            asked = map(Requirement, requires(name) or [])
            here = [r for r in asked if not r.marker or r.marker.evaluate({"extra": ""})]
            waiting.extend(r.name.lower().replace("_", "-") for r in here)
    return found


def test_what_is_packed_is_what_is_imported():
    """Chalice packs all of requirements.txt: one too many is cold start, one too few a crash."""
    given = {"chalice", "boto3", "botocore", "mypy_boto3_dynamodb", "mypy_boto3_secretsmanager"}
    distributions = packages_distributions()
    used = {name for path in SHIPPED for name in top_levels(path)} & set(distributions) - given
    needed = {distributions[name][0].lower().replace("_", "-") for name in used}

    assert set().union(*map(needed_by, needed)) == set(pinned("requirements.txt"))


def test_the_version_is_one():
    """`GET /health` and the changelog's readers speak of the same release as the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == VERSION


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_everything_is_pinned(name):
    """Two installations of one commit are alike."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()

    loose = [line for line in lines if line and line[0] not in "#-" and "==" not in line]
    assert not loose
