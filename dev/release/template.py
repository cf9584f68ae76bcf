"""Build the additions that `make package` merges into the template of `chalice package`.

They are the content of `.chalice/resources.json`, with the parameter Stage fixed to the packaged
stage, and the settings that Chalice does not know: the names of the functions, the dead-letter
queue, the gateway responses and the access log. Chalice merges dictionaries deeply and replaces
lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dev.release import front
from dev.run import resources

Template = dict[str, Any]

# Chalice's own names in the template.
API, HANDLER, SWEEP = "RestAPI", "APIHandler", "Sweep"


def build_additions(stage: str) -> Template:
    """Return the additions to the template of one stage."""
    base: Template = resources.read_json(resources.DEFINITIONS)
    # IAM policies contain the stage: deployed under another name, it would have the wrong ones.
    only_stage = {"Default": stage, "AllowedValues": [stage]}
    parameters = {**base["Parameters"], "Stage": {**base["Parameters"]["Stage"], **only_stage}}
    return {
        **base,
        "Parameters": parameters,
        "Resources": {**base["Resources"], **_functions(), **_api()},
    }


def _functions() -> Mapping[str, Any]:
    # The names that `chalice deploy` would choose, so that policies and log groups are the same.
    return {
        HANDLER: {
            "DependsOn": ["ApiLog"],
            "Properties": {"FunctionName": {"Fn::Sub": "passerelle-${Stage}"}},
        },
        SWEEP: {
            "DependsOn": ["SweepLog"],
            "Properties": {
                "FunctionName": {"Fn::Sub": "passerelle-${Stage}-sweep"},
                "DeadLetterQueue": {
                    "Type": "SQS",
                    "TargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
                },
            },
        },
    }


def _api() -> Mapping[str, Any]:
    destination = {"Fn::GetAtt": ["AccessLog", "Arn"]}
    log = {"DestinationArn": destination, "Format": front.ACCESS_LOG_FORMAT}
    responses = {
        f"Response{each['ResponseType'].title().replace('_', '')}": {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {"RestApiId": {"Ref": API}, **each},
        }
        for each in front.gateway_responses()
    }
    return {API: {"Properties": {"AccessLogSetting": log}}, **responses}
