"""The guide's pipeline in a region that has nothing yet: a first try that fails, and the second."""

from __future__ import annotations

import pytest

from tests.deploy.cloud import (
    PUBLIC_URL,
    AdminPrincipal,
    Cloud,
    connect,
    secret_names,
    table_names,
    told,
    works,
)
from tests.deploy.conftest import OPERATOR_KEY
from tests.deploy.stack import STACK

pytestmark = pytest.mark.deploy


def test_a_first_try_that_fails_leaves_nothing(elsewhere: Cloud, failed: tuple[str, str]):
    """D4: the table is protected and would stay; the next try said `already exists`."""
    state, events = failed

    assert state == "ROLLBACK_COMPLETE"
    assert "CloudWatch Logs role" in events
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


def test_a_deleted_stack_leaves_the_data(elsewhere: Cloud, without_stack: str):
    """A wrong click must not delete every customer's directory."""
    assert elsewhere.client("lambda").list_functions()["Functions"] == []
    assert "passerelle-dev" in table_names(elsewhere)
    assert secret_names(elsewhere)
