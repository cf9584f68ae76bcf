"""One account for all tests of deployment, and what is deployed into it, step by step.

Each step is a fixture that begins where the one before it has ended: from an empty account to
one that holds only data. A test asks for the step that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import WaiterError

from chalicelib.auth.tokens import mint
from chalicelib.storage.operator_keys import SCOPES
from tests.deploy import stack as stacks
from tests.deploy.cloud import (
    AdminPrincipal,
    Cloud,
    Connected,
    Project,
    a_project,
    connect,
    operator,
    operator_keys,
)
from tests.deploy.cloud import running as running_cloud
from tests.deploy.page import commands

OPERATOR_KEY = mint("op", Random(5)).text  # noqa: S311 - the key of an account in an emulator
ROUTE = """

@app.route("/new")
def new():
    return '"answered"'
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploy again, and take the service away, in this order, whatever the files are called.

    A test that needs a later state of the stage runs after all that need an earlier one.
    """
    states = ("again", "plain", "gone", "erased", "without_stack")

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


@pytest.fixture(scope="session")
def elsewhere(cloud: Cloud) -> Cloud:
    """Reach a second region of the account, where nobody has done anything."""
    return replace(cloud, region="us-east-1")


@pytest.fixture(scope="session")
def uploaded(elsewhere: Cloud, packaged: Path, erased: str) -> str:
    """Upload what the template needs; gives its URL."""
    return stacks.upload(elsewhere, packaged)


@pytest.fixture(scope="session")
def failed(elsewhere: Cloud, uploaded: str) -> tuple[str, str]:
    """Try it without `make account`; gives the state that the stack is in, and what is said."""
    with pytest.raises(WaiterError):
        stacks.create(elsewhere, uploaded)
    return str(stacks.describe(elsewhere)["StackStatus"]), " ".join(stacks.events(elsewhere))


@pytest.fixture(scope="session")
def stack(
    elsewhere: Cloud, project: Project, page: dict[str, str], uploaded: str, failed: tuple[str, str]
) -> dict[str, str]:
    """Delete what has failed, set up the account as the guide says, and try again."""
    stacks.delete(elsewhere)
    replace(project, cloud=elsewhere).run(page["Once for each account and region"])
    stacks.create(elsewhere, uploaded)
    operator_keys(elsewhere).create(OPERATOR_KEY, "first", list(SCOPES))
    made = stacks.describe(elsewhere)
    return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}


@pytest.fixture(scope="session")
def without_stack(elsewhere: Cloud, stack: dict[str, str]) -> str:
    """Delete the stack; gives its name."""
    stacks.delete(elsewhere)
    return stacks.STACK
