"""One account for all tests of deployment, and what is deployed into it, step by step.

Each step is a fixture that begins where the one before it has ended: from an empty account to
one that holds only data. A test asks for the step that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.cloud import (
    AdminPrincipal,
    Cloud,
    Connected,
    Project,
    a_project,
    connect,
    operator,
)
from tests.deploy.cloud import running as running_cloud
from tests.deploy.page import commands

ROUTE = """

@app.route("/new")
def new():
    return '"answered"'
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploy again, and take the service away, in this order, whatever the files are called.

    A test that needs a later state of the stage runs after all that need an earlier one.
    """
    states = ("again", "plain", "gone", "erased")

    def state(item: pytest.Item) -> int:
        needed = getattr(item, "fixturenames", ())
        return max((at for at, name in enumerate(states, 1) if name in needed), default=0)

    items.sort(key=state)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Run an empty account that enforces IAM."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def project(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Copy the repository as an engineer has it."""
    return a_project(tmp_path_factory.mktemp("engineer") / "passerelle", cloud)


@pytest.fixture(scope="session")
def page() -> dict[str, str]:
    """Read the commands of the deployment guide."""
    return commands()


@pytest.fixture(scope="session")
def first(project: Project, page: dict[str, str]) -> str:
    """Deploy from nothing; gives what the command said."""
    return project.run(page["Deploy"])


@pytest.fixture(scope="session")
def admin(project: Project, cloud: Cloud, first: str) -> AdminPrincipal:
    """Call the live service with the operator key."""
    return operator(cloud, project.url())


@pytest.fixture(scope="session")
def connected(admin: AdminPrincipal) -> Connected:
    """Make a connection on the live service."""
    return connect(admin)


@pytest.fixture(scope="session")
def again(project: Project, page: dict[str, str], connected: Connected) -> str:
    """Deploy again, with a route that was not there before, in an account of the usual quota."""
    project.cloud.grant(concurrency=1_000)
    project.append("app.py", ROUTE)
    return project.run(page["Deploy again"])


@pytest.fixture(scope="session")
def plain(project: Project, page: dict[str, str], again: str) -> str:
    """Deploy by Chalice alone, with a second new route."""
    project.append("app.py", ROUTE.replace("new", "newer"))
    return project.run(page["Chalice alone"])


@pytest.fixture(scope="session")
def gone(project: Project, page: dict[str, str], plain: str) -> str:
    """Take the service away, and keep its data."""
    return project.run(page["Take it away"])


@pytest.fixture(scope="session")
def erased(project: Project, page: dict[str, str], gone: str) -> str:
    """Take the data away too."""
    return project.run(page["With its data"])


@pytest.fixture(scope="session")
def packaged(project: Project, page: dict[str, str]) -> Path:
    """Build archive and template; gives the folder that holds them."""
    project.run(page["With a pipeline"])
    return project.folder / "build"
