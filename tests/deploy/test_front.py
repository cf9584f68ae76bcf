"""Both ways to deploy, and `make run`, give API Gateway the same settings."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from typing import Any

import pytest

from app import app
from dev.release import front, source, stages, template
from dev.run.gateway import GATEWAY_ERRORS
from tests.deploy.page import PAGE, commands

RUN_BY_TESTS = {
    "Deploy",
    "Connect a tenant",
    "Operator keys",
    "Deploy again",
    "Roll back",
    "Chalice alone",
    "Once for each account and region",
    "With a pipeline",
    "Take it away",
    "With its data",
}


def resources() -> dict[str, Any]:
    """Read the resources that are merged into the template of stage dev."""
    return dict(template.build_additions(stages.read("dev"))["Resources"])


@pytest.mark.parametrize("response_type", GATEWAY_ERRORS)
def test_a_rejection_of_the_gateway_says_what_the_local_gateway_says(response_type: str):
    """`make run` and AWS respond alike: status, media type and SCIM's Error body."""
    (found,) = [each for each in front.gateway_responses() if each["ResponseType"] == response_type]
    body = json.loads(found["ResponseTemplates"]["application/json"])

    assert found["StatusCode"] == body["status"] == str(GATEWAY_ERRORS[response_type].status)
    assert body["detail"] == GATEWAY_ERRORS[response_type].detail
    assert (
        found["ResponseParameters"]["gatewayresponse.header.Content-Type"]
        == "'application/scim+json'"
    )


def test_a_busy_response_says_when_to_retry():
    """Without Retry-After a provider repeats the request at once, or gives up."""
    later = [each for each in front.gateway_responses() if each["StatusCode"] == "503"]

    assert {each["ResponseType"] for each in later} == {
        "THROTTLED",
        "INTEGRATION_TIMEOUT",
        "INTEGRATION_FAILURE",
        "DEFAULT_5XX",
    }
    assert all("gatewayresponse.header.Retry-After" in e["ResponseParameters"] for e in later)


def test_a_response_template_contains_no_variable():
    """API Gateway would replace a text that begins with `$`."""
    for each in front.gateway_responses():
        assert "$" not in each["ResponseTemplates"]["application/json"]


def test_the_template_has_every_gateway_response():
    """A pipeline makes the same gateway responses as `make deploy`, with the API's routes."""
    document = resources()["RestAPI"]["Properties"]["DefinitionBody"]

    assert set(document["x-amazon-apigateway-gateway-responses"]) == set(GATEWAY_ERRORS)


def test_a_template_is_for_the_stage_that_it_was_packaged_for():
    """Its policies contain the stage; with another parameter the functions would have none."""
    parameter = template.build_additions(stages.read("prod"))["Parameters"]["Stage"]

    assert (parameter["Default"], parameter["AllowedValues"]) == ("prod", ["prod"])


def test_the_table_survives_the_stack():
    """The table outlives a deleted stack and a change that replaces it, but no failed first try."""
    assert resources()["Table"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources()["Table"]["UpdateReplacePolicy"] == "Retain"


def test_policies_and_template_follow_a_restored_table():
    """D9: the functions may use the table that TABLE_NAME names, and the stack does not make it."""
    stage = replace(stages.read("dev"), table="passerelle-dev-restored")

    policies = [json.dumps(source.policy(stage, each)) for each in stages.FUNCTIONS]

    assert all(":table/passerelle-dev-restored" in each for each in policies)
    assert not [each for each in policies if ':table/passerelle-dev"' in each]
    assert "Table" not in template.build_additions(stage)["Resources"]


def test_events_may_be_sent_to_the_queues_of_the_stage_alone():
    """By the sender, and by the API for the test of a webhook; in another account too."""
    queue = "arn:aws:sqs:eu-west-1:111122223333:events.fifo"
    stage = replace(stages.read("dev"), event_queues=(queue,))

    found = {each: json.dumps(source.policy(stage, each)) for each in stages.FUNCTIONS}

    assert {each for each, policy in found.items() if queue in policy} == {"api_handler", "send"}
    assert "EventQueues" not in json.dumps(source.policy(stages.read("dev"), "send"))


@pytest.mark.parametrize("event_source", app.event_sources, ids=lambda each: each.name)
def test_lambda_finds_each_scheduled_function(event_source: Any):
    """Lambda imports it by module and name; Chalice writes a wrong one for a blueprint."""
    module, _, name = event_source.handler_string.rpartition(".")

    assert callable(getattr(importlib.import_module(module), name))


def test_each_command_of_the_guide_is_run_by_a_test():
    """Commands that need a real account are marked; every other one is tested."""
    assert set(commands()) == RUN_BY_TESTS


def test_a_command_that_is_not_run_says_why():
    """A section with an `sh account` block says *Real account*."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        if "```sh account" in section:
            assert "*Real account*" in section
