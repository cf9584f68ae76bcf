"""The guide's pipeline in a region that has nothing yet: a first try that fails, and the second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from chalicelib.auth.tokens import mint
from chalicelib.storage.operator_keys import SCOPES
from tests.deploy.cloud import (
    PUBLIC_URL,
    AdminPrincipal,
    Cloud,
    Project,
    connect,
    operator_keys,
    secret_names,
    table_names,
    told,
    works,
)

pytestmark = pytest.mark.deploy

OPERATOR_KEY = mint("op", Random(5)).text  # noqa: S311 - the key of an account in an emulator
STACK = "passerelle-dev"


@pytest.fixture(scope="module")
def elsewhere(cloud: Cloud) -> Cloud:
    """Reach a second region of the account, where nobody has done anything."""
    return replace(cloud, region="us-east-1")


@pytest.fixture(scope="module")
def uploaded(elsewhere: Cloud, packaged: Path, erased: str) -> str:
    """Upload archive and template, as `aws cloudformation package` does; gives the URL."""
    template = json.loads((packaged / "sam.json").read_text(encoding="utf-8"))
    storage = elsewhere.client("s3")
    storage.create_bucket(Bucket="artefacts")
    storage.upload_file(str(packaged / "deployment.zip"), "artefacts", "deployment.zip")
    for each in template["Resources"].values():
        if "CodeUri" in each["Properties"]:
            each["Properties"]["CodeUri"] = "s3://artefacts/deployment.zip"
    storage.put_object(Bucket="artefacts", Key="template", Body=json.dumps(template).encode())
    return f"{elsewhere.url}/artefacts/template"


def create_stack(cloud: Cloud, template: str) -> None:
    """Create the stack, and wait for the end of it."""
    clouds = cloud.client("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    clouds.create_stack(StackName=STACK, TemplateURL=template, Capabilities=capabilities)
    clouds.get_waiter("stack_create_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def delete_stack(cloud: Cloud) -> None:
    """Delete the stack."""
    clouds = cloud.client("cloudformation")
    clouds.delete_stack(StackName=STACK)
    clouds.get_waiter("stack_delete_complete").wait(
        StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def described(cloud: Cloud) -> Any:
    """Describe the stack."""
    return cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]


@pytest.fixture(scope="module")
def failed(elsewhere: Cloud, uploaded: str) -> str:
    """Try it without `make account`; gives the state that the stack is in."""
    with pytest.raises(WaiterError):
        create_stack(elsewhere, uploaded)
    return str(described(elsewhere)["StackStatus"])


@pytest.fixture(scope="module")
def stack(
    elsewhere: Cloud, project: Project, page: dict[str, str], uploaded: str, failed: str
) -> dict[str, str]:
    """Delete what has failed, set up the account as the guide says, and try again."""
    delete_stack(elsewhere)
    replace(project, cloud=elsewhere).run(page["Once for each account and region"])
    create_stack(elsewhere, uploaded)
    operator_keys(elsewhere).create(OPERATOR_KEY, "first", list(SCOPES))
    made = described(elsewhere)
    return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}


def test_a_first_try_that_fails_leaves_nothing(elsewhere: Cloud, failed: str):
    """D4: the table is protected and would stay; the next try said `already exists`."""
    assert failed == "ROLLBACK_COMPLETE"
    assert "passerelle-dev" not in table_names(elsewhere)


def test_the_template_makes_the_same_service(elsewhere: Cloud, stack: dict[str, str]):
    """People with a pipeline get what `make deploy` makes."""
    api = f"{elsewhere.url}/_aws/execute-api/{stack['RestAPIId']}/dev"
    scim = connect(AdminPrincipal(api, OPERATOR_KEY)).principal

    user = works(scim, "eve@example.com")

    assert user["meta"]["location"].startswith(PUBLIC_URL)  # type: ignore[index]
    assert told(AdminPrincipal(api, OPERATOR_KEY), str(user["id"]))[0] == "created"
    assert AdminPrincipal(api)("GET", "/scim/v3").status == 404


def test_the_template_has_one_stage_with_the_gateways_texts(
    elsewhere: Cloud, stack: dict[str, str]
):
    """D2: `Stage` was a second one, and texts were never deployed."""
    gateway = elsewhere.client("apigateway")
    stages = gateway.get_stages(restApiId=stack["RestAPIId"])["item"]
    response = gateway.get_gateway_response(
        restApiId=stack["RestAPIId"], responseType="DEFAULT_5XX"
    )

    assert [each["stageName"] for each in stages] == ["dev"]
    assert response["statusCode"] == "503"


def test_the_template_names_functions_as_chalice_does(elsewhere: Cloud, stack: dict[str, str]):
    """Policies and log groups name them, so a generated name would have no rights."""
    functions = elsewhere.client("lambda").list_functions()["Functions"]

    suffixes = ("", "-send", "-stream", "-sweep")
    assert sorted(each["FunctionName"] for each in functions) == [f"{STACK}{s}" for s in suffixes]


def test_a_deleted_stack_leaves_the_data(elsewhere: Cloud, stack: dict[str, str]):
    """A wrong click must not delete every customer's directory."""
    delete_stack(elsewhere)

    assert elsewhere.client("lambda").list_functions()["Functions"] == []
    assert "passerelle-dev" in table_names(elsewhere)
    assert secret_names(elsewhere)
