"""What stands in front of the functions is the same in every way that it is made."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from app import app
from dev.release import front, template
from dev.run.gateway import GATEWAY_ERRORS
from tests.deploy.page import PAGE, commands

RUN_BY_TESTS = {
    "Deploy",
    "Connect a tenant",
    "Deploy again",
    "Chalice alone",
    "With a pipeline",
    "Take it away",
    "With its data",
}


def resources() -> dict[str, Any]:
    """Read the resources that are merged into the template of stage dev."""
    return dict(template.build_additions("dev")["Resources"])


@pytest.mark.parametrize("kind", GATEWAY_ERRORS)
def test_a_rejection_of_the_gateway_says_what_the_local_gateway_says(kind: str):
    """`make run` and AWS respond alike: status, media type and SCIM's Error body."""
    (found,) = [each for each in front.gateway_responses() if each["ResponseType"] == kind]
    body = json.loads(found["ResponseTemplates"]["application/json"])

    assert found["StatusCode"] == body["status"] == str(GATEWAY_ERRORS[kind].status)
    assert body["detail"] == GATEWAY_ERRORS[kind].detail
    assert (
        found["ResponseParameters"]["gatewayresponse.header.Content-Type"]
        == "'application/scim+json'"
    )


def test_a_busy_response_says_when_to_retry():
    """A job whose provider is not told goes on at once, or gives up."""
    later = [each for each in front.gateway_responses() if each["StatusCode"] == "503"]

    assert {each["ResponseType"] for each in later} == {
        "THROTTLED",
        "INTEGRATION_TIMEOUT",
        "INTEGRATION_FAILURE",
    }
    assert all("gatewayresponse.header.Retry-After" in e["ResponseParameters"] for e in later)


def test_a_template_text_holds_nothing_that_the_gateway_would_replace():
    """In a gateway response `$` begins a variable."""
    for each in front.gateway_responses():
        assert "$" not in each["ResponseTemplates"]["application/json"]


def test_the_template_has_every_gateway_response():
    """A pipeline makes the same gateway responses as `make deploy`."""
    found = [
        each["Properties"]
        for each in resources().values()
        if each.get("Type") == "AWS::ApiGateway::GatewayResponse"
    ]

    assert {each["ResponseType"] for each in found} == set(GATEWAY_ERRORS)
    assert all(each["RestApiId"] == {"Ref": "RestAPI"} for each in found)


def test_a_template_is_for_the_stage_that_it_was_packaged_for():
    """Its policies name that stage, so another parameter would leave the functions without."""
    parameter = template.build_additions("prod")["Parameters"]["Stage"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("prod", ["prod"])


def test_what_must_not_be_lost_survives_the_stack():
    """Table and operator key outlive a deleted stack and a change that replaces them."""
    for name in ("Table", "OperatorKeySecret"):
        assert resources()[name]["DeletionPolicy"] == "Retain"
        assert resources()[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("source", app.event_sources, ids=lambda each: each.name)
def test_lambda_finds_each_scheduled_function(source: Any):
    """It looks the handler up by module and name; a blueprint's is not where Chalice says."""
    module, _, name = source.handler_string.rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


def test_each_command_of_the_guide_is_run_by_a_test():
    """What needs a real account is marked as such; the rest must not be a guess."""
    assert set(commands()) == RUN_BY_TESTS


def test_a_command_that_is_not_run_says_why():
    """`sh account` blocks stand in a section that says that it needs an account."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        if "```sh account" in section:
            assert "*Real account*" in section
