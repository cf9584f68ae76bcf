"""What CloudFormation would make of the template: translated by AWS's own translator of SAM."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.release import event_source, versions
from dev.release.stages import FUNCTIONS
from dev.release.template import STREAM_EVENT
from dev.run.gateway import GATEWAY_ERRORS
from tests.deploy import stack_calls
from tests.deploy.cloud import DOMAIN, EMULATOR, RESERVED, allowed_to_deployers
from tests.examples.test_terraform import EXAMPLE

pytestmark = pytest.mark.deploy

Resources = dict[str, dict[str, Any]]
STAGE_ID = "RestAPIdevStage"
MAPPING = f"Stream{STREAM_EVENT}"


@pytest.fixture(scope="module")
def template(packaged: Path) -> Any:
    """Read the template of stage dev, which has a domain."""
    return json.loads((packaged / "sam.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(template: Any) -> Resources:
    """Translate it."""
    return translate(template)


def translate(template: Any) -> Resources:
    """Translate a template into the resources of CloudFormation."""
    done = subprocess.run(  # noqa: S603 - our own script
        [str(EMULATOR), "-I", str(Path(__file__).with_name("translate.py"))],
        input=json.dumps(template),
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-west-1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Resources = json.loads(done.stdout)["Resources"]
    return found


def of_type(resources: Resources, name: str) -> Resources:
    """Return the resources of one type."""
    return {key: each for key, each in resources.items() if each["Type"] == f"AWS::{name}"}


def after(resources: Resources, name: str) -> set[str]:
    """Return all that CloudFormation makes before a resource: what it refers to, and so on."""
    found: set[str] = set()
    left = [name]
    while left:
        for each in set(_references(resources[left.pop()])) & resources.keys() - found:
            found.add(each)
            left.append(each)
    return found


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)[.}]", text)
        case dict():
            yield from [value["DependsOn"]] if isinstance(value.get("DependsOn"), str) else ()
            yield from value["DependsOn"] if isinstance(value.get("DependsOn"), list) else ()
            for each in value.values():
                yield from _references(each)
        case list():
            for each in value:
                yield from _references(each)


def test_there_is_one_stage_and_one_deployment(made: Resources):
    """D2: without a version of OpenAPI SAM adds a stage that nobody asked for."""
    stages = of_type(made, "ApiGateway::Stage")

    assert [each["Properties"]["StageName"] for each in stages.values()] == ["dev"]
    assert len(of_type(made, "ApiGateway::Deployment")) == 1


def test_the_deployment_has_the_gateway_responses(made: Resources):
    """D2: they are in the document that is deployed, and not resources that come later."""
    (api,) = of_type(made, "ApiGateway::RestApi").values()
    responses = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]

    assert set(responses) == set(GATEWAY_ERRORS)
    assert of_type(made, "ApiGateway::GatewayResponse") == {}
    assert "RestAPI" in after(made, next(iter(of_type(made, "ApiGateway::Deployment"))))


def test_stage_and_function_have_their_limits(made: Resources):
    """Throttle and reserved concurrency, as `make deploy` sets them."""
    (stage,) = of_type(made, "ApiGateway::Stage").values()
    reserved = made["APIHandler"]["Properties"]["ReservedConcurrentExecutions"]

    assert stage["Properties"]["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": 2_000,
            "ThrottlingBurstLimit": 2_000,
        }
    ]
    assert reserved == RESERVED
    assert "ReservedConcurrentExecutions" not in made["Sweep"]["Properties"]


def test_a_changed_text_is_deployed(template: Any, made: Resources):
    """D2: CloudFormation deploys an API anew where its document differs."""
    other = copy.deepcopy(template)
    document = other["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    document["x-amazon-apigateway-gateway-responses"]["THROTTLED"]["statusCode"] = "429"

    before, now = (of_type(each, "ApiGateway::Deployment") for each in (made, translate(other)))

    assert before.keys() != now.keys()


def test_the_domain_waits_for_the_stage(made: Resources):
    """D3: a mapping to a stage that is not there yet fails the stack."""
    (mapping,) = of_type(made, "ApiGateway::BasePathMapping")

    assert made[mapping]["Properties"]["Stage"] == {"Ref": STAGE_ID}
    assert {STAGE_ID, "ApiGatewayCustomDomain"} <= after(made, mapping)
    assert made["ApiGatewayCustomDomain"]["Properties"]["DomainName"] == DOMAIN


def test_the_table_is_made_when_all_else_is(made: Resources):
    """D4: it is protected, so a first try that fails could not take it back."""
    waited = after(made, "Table")
    can_fail = {
        "APIHandlerAliaslive",
        "SweepAliaslive",
        STAGE_ID,
        "DeadLetters",
        "ApiGatewayCustomDomainMapping",
    }

    assert can_fail | {"StreamAliaslive", "Send"} <= waited
    assert [name for name in made if "Table" in after(made, name)] == [MAPPING]


def test_the_stream_of_the_stacks_table_is_the_source_of_events(made: Resources):
    """The same settings as `make deploy` makes; only the mapping can wait for the table."""
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    properties = made[MAPPING]["Properties"]

    assert made["Table"]["Properties"]["StreamSpecification"] == {
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    }
    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert event_source.mapping(queue).items() <= properties.items()


def test_what_is_retained_is_retained_but_for_a_failed_first_try(made: Resources):
    """D4: the second try found `already exists`."""
    policies = {name: each.get("DeletionPolicy") for name, each in made.items()}

    assert {name: each for name, each in policies.items() if each not in {None, "Delete"}} == {
        "Table": "RetainExceptOnCreate"
    }
    assert made["Table"]["UpdateReplacePolicy"] == "Retain"


def test_roles_have_names_of_cloudformation(made: Resources):
    """D8: two regions of one account share IAM's names."""
    roles = of_type(made, "IAM::Role")

    assert len(roles) == len(FUNCTIONS)
    assert not [name for name, each in roles.items() if "RoleName" in each["Properties"]]


def test_the_deployers_policy_is_enough_for_the_stack(made: Resources):
    """CloudFormation makes each resource with the rights of the deployer."""
    types = {each["Type"] for each in made.values()}

    assert types == stack_calls.CALLS.keys()
    assert stack_calls.of_all_types() - allowed_to_deployers() == set()


def test_the_api_may_invoke_its_alias_and_invokes_nothing_else(made: Resources):
    """A deployment changes what serves requests at once, and a snapshot is of a version."""
    alias = {"Ref": "APIHandlerAliaslive"}
    (api,) = of_type(made, "ApiGateway::RestApi").values()
    text = json.dumps(api["Properties"]["Body"])

    assert made["APIHandlerInvokePermission"]["Properties"]["FunctionName"] == alias
    assert text.count("${APIHandlerAliaslive}/invocations") == text.count("/invocations") > 0


def test_the_event_sources_invoke_an_alias(made: Resources):
    """As the API does: the schedule, the permission for it, and the mapping of the stream."""
    sweep = {"Ref": "SweepAliaslive"}

    assert made["SweepSweepEvent"]["Properties"]["Targets"][0]["Arn"] == sweep
    assert made["SweepSweepEventPermission"]["Properties"]["FunctionName"] == sweep
    assert made[MAPPING]["Properties"]["FunctionName"] == {"Ref": "StreamAliaslive"}


def test_terraform_passes_every_parameter_with_the_templates_default(template: Any):
    """A parameter that the example lacks could not be set."""
    passed = EXAMPLE["resource"]["aws_cloudformation_stack"]["passerelle"]["parameters"]
    variables = {name: EXAMPLE["variable"][each[6:-1]] for name, each in passed.items()}
    optional = {name: each["default"] for name, each in variables.items() if "default" in each}

    assert passed.keys() == template["Parameters"].keys()
    assert optional == {name: template["Parameters"][name]["Default"] for name in optional}
    assert template["Parameters"].keys() - optional.keys() == {"Stage"}


def test_terraform_reads_outputs_that_the_stack_has(template: Any):
    """Without the URL nothing can be built on the stack."""
    read = re.findall(r"passerelle\.outputs\b\.?(\w*)", json.dumps(EXAMPLE["output"]))

    assert "EndpointURL" in read
    assert set(read) <= template["Outputs"].keys()


def test_snapstart_is_off_and_follows_its_parameter(template: Any, made: Resources):
    """It costs money."""
    applied = made["APIHandler"]["Properties"]["SnapStart"]["ApplyOn"]

    assert template["Parameters"]["SnapStart"]["Default"] == "off"
    assert template["Conditions"]["SnapStartOn"] == {"Fn::Equals": [{"Ref": "SnapStart"}, "on"]}
    assert applied == {"Fn::If": ["SnapStartOn", "PublishedVersions", "None"]}


def test_another_value_of_snapstart_publishes_a_version(made: Resources):
    """Of the same archive too: each value has one of its own, to which the alias leads."""
    condition, *versions = made["APIHandlerAliaslive"]["Properties"]["FunctionVersion"]["Fn::If"]
    names = [each["Fn::GetAtt"][0] for each in versions]

    assert condition == "SnapStartOn"
    assert [made[name]["Condition"] for name in names] == ["SnapStartOn", "SnapStartOff"]
    assert {made[name]["Type"] for name in names} == {"AWS::Lambda::Version"}


def test_another_archive_or_setting_is_another_version(packaged: Path):
    """CloudFormation publishes where the template has another name for it; SAM's are the same."""
    text = (packaged / "sam.json").read_text(encoding="utf-8")
    first = re.findall(r"APIHandlerVersion\w{10}SnapStartOn", text)[0]
    new = text.replace(first[17:27], "")
    slower = new.replace('"Timeout": 28', '"Timeout": 20')

    found = {versions.complete(*each) for each in ((new, b"1"), (new, b"2"), (slower, b"1"))}

    assert len(found) == 3
    assert versions.complete(new, b"1") in found
