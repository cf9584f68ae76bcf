"""A release that does not work is put back: requests get responses before it and after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dev.release import releases, stages
from dev.release.releases import CannotRollBack
from tests.deploy.cloud import (
    AdminPrincipal,
    Cloud,
    Connected,
    Project,
    a_project,
    connect,
    operator,
    works,
)

pytestmark = pytest.mark.deploy

# It fails in Lambda alone, so that Chalice can package it.
BROKEN = """

import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    raise RuntimeError("broken")
"""


@pytest.fixture(scope="module")
def elsewhere(cloud: Cloud) -> Cloud:
    """Reach a region that no other test uses."""
    return replace(cloud, region="ap-south-1")


@pytest.fixture(scope="module")
def deployed(elsewhere: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Deploy a release that works; take it away afterwards, as its roles are the account's."""
    project = a_project(tmp_path_factory.mktemp("rollback") / "passerelle", elsewhere)
    project.without_domain()
    project.run("make deploy STAGE=dev")
    yield project
    project.run("make destroy STAGE=dev CONFIRM=dev DATA=delete")


@pytest.fixture(scope="module")
def tenant(elsewhere: Cloud, deployed: Project) -> Connected:
    """Connect an identity provider, which makes a user."""
    made = connect(operator(elsewhere, deployed.url()))
    works(made.principal, "before@example.com")
    return made


@pytest.fixture(scope="module")
def broken(deployed: Project, tenant: Connected) -> str:
    """Deploy a release that does not work; returns what the command said."""
    deployed.append("app.py", BROKEN)
    with pytest.raises(AssertionError) as failed:
        deployed.run("make deploy STAGE=dev")
    return str(failed.value)


@pytest.fixture(scope="module")
def back(deployed: Project, broken: str, page: dict[str, str]) -> str:
    """Roll it back as the guide says; returns what the command said."""
    return deployed.run(page["Roll back"])


def test_a_release_that_does_not_work_is_named(broken: str, tenant: Connected):
    """By the smoke test, with the command that takes it back."""
    assert "the app starts: GET /health returned" in broken
    assert "make rollback STAGE=dev" in broken


def test_what_ran_before_responds_again(elsewhere: Cloud, tenant: Connected, back: str):
    """The same users, tokens and URL; the scheduled function too."""
    found = tenant.principal.need(200, "GET", "/Users")["Resources"]
    swept = elsewhere.client("lambda").invoke(FunctionName="passerelle-dev-sweep", Payload=b"{}")

    assert {each["userName"] for each in found} == {"before@example.com"}
    works(tenant.principal, "after@example.com")
    assert "broken" not in swept["Payload"].read().decode()
    assert "Stage dev works as before." in back


def test_there_is_nothing_before_the_first_release(elsewhere: Cloud, back: str):
    """It says so, and changes nothing."""
    with pytest.raises(CannotRollBack, match="Check out the release before"):
        releases.roll_back(elsewhere.client("lambda"), stages.read("dev"))


def test_health_names_the_release(deployed: Project, back: str):
    """Who looks at a stage from outside sees what runs."""
    assert AdminPrincipal(deployed.url()).need(200, "GET", "/health")["version"]
