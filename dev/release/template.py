"""What `make package` merges into the template of `chalice package`.

`.chalice/resources.json` with the parameter Stage fixed to the stage that is packaged, and what
belongs to the functions and the API: their names, the dead-letter queue, the gateway responses, the
access log. Chalice merges dictionaries deeply and replaces lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dev.release import front
from dev.run import resources

Template = dict[str, Any]

# Chalice's own names in the template.
API, HANDLER, SWEEP = "RestAPI", "APIHandler", "Sweep"


def addition(stage: str) -> Template:
    """Return what is merged in for a stage."""
    base: Template = resources.read_json(resources.DEFINITIONS)
    # The package is for one stage: with another name it would get the wrong policies.
    fixed = {"Default": stage, "AllowedValues": [stage]}
    parameters = {**base["Parameters"], "Stage": {**base["Parameters"]["Stage"], **fixed}}
    return {
        **base,
        "Parameters": parameters,
        "Resources": {**base["Resources"], **_functions(), **_api()},
    }


def _functions() -> Mapping[str, Any]:
    # Named as by `chalice deploy`, so that policies and log groups are the same.
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
