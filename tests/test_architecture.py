"""The rules that no linter knows: who may import whom, and which file names may occur twice."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

import chalicelib

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "chalicelib"
SHIPPED = [ROOT / "app.py", *sorted(LIBRARY.rglob("*.py"))]
DEV = sorted((ROOT / "dev").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# The world outside a function's arguments: a pure function uses none of it.
WORLD = {
    *("boto3", "botocore", "chalice", "aws_lambda_powertools", "logging", "os", "sys"),
    *("time", "random", "secrets", "uuid", "socket", "threading", "subprocess", "requests"),
}
CLOCKS = re.compile(r"\b(?:datetime|date)\.(?:now|utcnow|today)\(")
PATCHES = re.compile(r"\b(?:mocker|monkeypatch\b)[,).]")

# Names that several packages have, because each holds that package's part of one concept.
TWINS = {
    "alerts": "decided by organisations, listed by api/admin",
    "digest": "computed by organisations, served by api/admin",
    "discovery": "documents made by scim, served by api/scim",
    "errors": "plain HTTP errors for every package, SCIM errors in scim, those of verbs in dev",
    "extensions": "applied by directory, managed by organisations, served by api/admin",
    "feed": "read by organisations, served by api/admin",
    "groups": "kept by directory, listed by organisations, served by api/scim and api/admin",
    "local_users": "stored by storage, managed by organisations",
    "listening": "kept by organisations, served by api/admin",
    "log": "read by organisations, served by api/admin",
    "organisations": "kept by organisations, served by api/admin",
    "connections": "kept by organisations, served by api/admin",
    "audit": "kept by organisations, served by api/admin",
    "health": "read by organisations, served by api/admin beside that of the deployment",
    "resources": "SCIM resources in directory, AWS resources in dev/run",
    "routes": "one table for SCIM, one for the admin API",
    "self_test": "run by organisations, served by api/admin",
    "sessions": "kept by auth, served by api/admin",
    "settings": "of the deployment at the top, of an organisation in the packages",
    "sign_in": "decided by organisations, served by api/admin",
    "tokens": "made by auth, managed by organisations, served by api/admin",
    "webhooks": "kept by events, served by api/admin",
    "users": "kept by directory, listed by organisations, served by api/scim and api/admin",
    "operator_keys": "stored by storage, made and revoked by dev/run",
    "test_faults": "faults of AWS met by the directory, and by one unit",
    "test_musts": "what the RFCs demand, and the page that lists it",
    "clock": "the service's in storage, the one that tests set in tests/support",
    "environment": "virtual environments in dev/run, settings of tests in tests/support",
    "conftest": "pytest's own name",
    "__init__": "Python's own name",
}


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the full name of every module that a file imports, also inside its functions."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_levels(path: Path) -> set[str]:
    """Return the first segment of every import."""
    return {name.partition(".")[0] for name in imports(path)}


def name_of(path: Path) -> str:
    """Name a file for the list of offenders."""
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    """Name a file as Python imports it."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def station(module: str) -> str:
    """Name the line of the map that a module belongs to."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "chalicelib" else first


def module_graph() -> dict[str, frozenset[str]]:
    """Return what each module of app, chalicelib and dev imports of these."""
    files = {module_of(path): path for path in (*SHIPPED, *DEV)}
    return {name: (imports(path) & files.keys()) - {name} for name, path in files.items()}


def drawn_map() -> dict[str, set[str]]:
    """Read the map in the docstring of chalicelib, from the top down."""
    text = re.sub(r",\n {8}", ", ", chalicelib.__doc__ or "")
    lines = re.findall(r"^    (\w+) -> (.+)$", text, re.MULTILINE)
    return {name: set(below.split(", ")) - {"nothing"} for name, below in lines}


def test_the_map_of_the_packages_shows_every_import_and_no_other():
    """The docstring of chalicelib is where an engineer starts to read."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, used in module_graph().items():
        if station(module) not in {"", "dev"}:
            found[station(module)] |= {*map(station, used)} - {station(module), ""}

    assert dict(found) == drawn_map()


def test_every_arrow_of_the_map_leads_down():
    """What a lower package imports of a higher one would make a cycle sooner or later."""
    order = list(drawn_map())
    up = [
        f"{name} -> {other}"
        for position, name in enumerate(order)
        for other in drawn_map()[name] - {*order[position + 1 :]}
    ]

    assert up == []
    assert order[0] == "app"
    assert not drawn_map()["scim"] - {"errors"}, "the core imports no other package"


def test_no_two_modules_import_each_other():
    """Neither between packages nor within one, directly or through others."""
    cycle: list[str] = []
    try:
        TopologicalSorter(module_graph()).prepare()
    except CycleError as error:
        cycle = list(error.args[1])

    assert cycle == []


def test_imports_name_the_whole_path():
    """`from . import x` hides the direction of an import."""
    assert [name_of(path) for path in SHIPPED if "." in imports(path)] == []


def test_the_core_is_pure():
    """`chalicelib/scim` knows no AWS, Chalice, environment, clock, random numbers or log."""
    core = [path for path in SHIPPED if LIBRARY / "scim" in path.parents]
    outside = {name_of(path): top_levels(path) & WORLD for path in core}
    clocks = [name_of(path) for path in core if CLOCKS.search(path.read_text(encoding="utf-8"))]

    assert {name: used for name, used in outside.items() if used} == {}
    assert clocks == []


def test_only_the_edges_know_chalice_and_aws():
    """No event, Chalice object or exception of boto3 travels inwards."""
    clients = {ROOT / "app.py", LIBRARY / "auth" / "secrets.py", LIBRARY / "queues.py"}
    aws = {"boto3", "botocore", "mypy_boto3_dynamodb"}
    inner = [path for path in SHIPPED if LIBRARY / "api" not in path.parents]
    not_storage = [path for path in SHIPPED if LIBRARY / "storage" not in path.parents]

    chalice = [p for p in inner if p != ROOT / "app.py" and "chalice" in top_levels(p)]
    adapters = [p for p in not_storage if p not in clients and top_levels(p) & aws]
    assert [*map(name_of, chalice)] == []
    assert [*map(name_of, adapters)] == []


def test_what_is_shipped_needs_nothing_that_is_not():
    """Chalice packs app.py and chalicelib/ only: an import of dev/ would fail on AWS alone."""
    assert [name_of(p) for p in SHIPPED if top_levels(p) & {"dev", "tests"}] == []


def test_tests_use_real_parts():
    """A fault is an argument, never a patch."""
    mocks = [p for p in TESTS if any(name.startswith("unittest") for name in imports(p))]
    patches = [p for p in TESTS if PATCHES.search(p.read_text(encoding="utf-8"))]

    assert [*map(name_of, mocks)] == []
    assert [*map(name_of, patches)] == []


def test_no_two_files_have_one_name_but_those_that_share_a_concept():
    """A test file may have two namesakes where the modules that it tests have."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in (*SHIPPED, *DEV, *TESTS):
        places[path.stem].append(name_of(path))
    twins = {name: found for name, found in places.items() if len(found) > 1}

    assert {n: f for n, f in twins.items() if not {n, n.removeprefix("test_")} & TWINS.keys()} == {}
    assert TWINS.keys() - twins.keys() == set(), "these are no twins any more"


def pinned(name: str) -> set[str]:
    """Read the distributions that a requirements file pins."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line}


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

    assert set().union(*map(needed_by, needed)) == pinned("requirements.txt")


def test_everything_is_pinned():
    """Two installations of one commit are alike."""
    loose = [
        f"{name}: {line}"
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        if line and line[0] not in "#-" and "==" not in line
    ]

    assert loose == []


def test_the_version_is_one():
    """`GET /health` and the changelog speak of the same release as the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == chalicelib.VERSION
