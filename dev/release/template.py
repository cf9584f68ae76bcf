"""Build the additions that `make package` merges into the template of `chalice package`.

They are the content of `.chalice/resources.json`, with the parameter Stage fixed to the packaged
stage, and the settings that Chalice does not know: the names of the functions, their versions, the
dead-letter queue, which records of the stream become events, the gateway responses, the access log,
the throttle, and the alarms with their dashboard. Chalice merges dictionaries deeply
and replaces lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dev.release import alarms, event_source, front, versions
from dev.release.stages import Stage
from dev.release.versions import HANDLER
from dev.run import resources

Template = dict[str, Any]

# Chalice's own names in the template.
API, SWEEP = "RestAPI", "Sweep"
STREAM, SEND, STREAM_EVENT = "Stream", "Send", "StreamDynamodbEventSource"
MAPPING = "ApiGatewayCustomDomainMapping"
QUEUE_ARN = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"


def build_additions(stage: Stage) -> Template:
    """Return the additions to the template of one stage."""
    base: Template = resources.read_json(resources.DEFINITIONS)
    # IAM policies contain the stage: deployed under another name, it would have the wrong ones.
    only_stage = {"Default": stage.name, "AllowedValues": [stage.name]}
    of_stage = {**base["Parameters"]["Stage"], **only_stage}
    others = {name: each for name, each in base["Resources"].items() if name != "Table"}
    table = _table(stage, base["Resources"]["Table"])
    return {
        **base,
        "Parameters": {**base["Parameters"], "Stage": of_stage, **versions.PARAMETER},
        "Conditions": versions.CONDITIONS,
        "Resources": {
            **others,
            **table,
            **_functions(),
            **versions.of_api(),
            **_events(stage),
            **_alarms(stage),
            **_api(stage),
        },
    }


def _functions() -> Mapping[str, Any]:
    # The names that `chalice deploy` would choose, so that policies and log groups are the same.
    return {
        HANDLER: {
            "DependsOn": ["ApiLog"],
            "Metadata": versions.NOT_LINTED,
            "Properties": {
                "FunctionName": {"Fn::Sub": "passerelle-${Stage}"},
                "SnapStart": versions.SNAP_START,
            },
        },
        SWEEP: {
            "DependsOn": ["SweepLog"],
            "Properties": {
                "FunctionName": {"Fn::Sub": "passerelle-${Stage}-sweep"},
                **versions.OF_EVENTS,
                "DeadLetterQueue": {"Type": "SQS", "TargetArn": QUEUE_ARN},
            },
        },
    }


def _events(stage: Stage) -> Mapping[str, Any]:
    """Define the functions of events; none where the stack does not know the table's stream."""
    if not stage.stream_arn:
        return {}
    properties = event_source.mapping(QUEUE_ARN)
    properties["DestinationConfig"]["OnFailure"]["Type"] = "SQS"
    if stage.stream_arn == event_source.OF_THE_STACK:
        properties["Stream"] = {"Fn::GetAtt": ["Table", "StreamArn"]}
    return {
        STREAM: {
            "DependsOn": ["StreamLog"],
            "Properties": {
                "FunctionName": {"Fn::Sub": "passerelle-${Stage}-stream"},
                **versions.OF_EVENTS,
                "Events": {STREAM_EVENT: {"Properties": properties}},
            },
        },
        SEND: {
            "DependsOn": ["SendLog"],
            "Properties": {"FunctionName": {"Fn::Sub": "passerelle-${Stage}-send"}},
        },
    }


def _alarms(stage: Stage) -> Mapping[str, Any]:
    found = {
        f"Alarm{number:02}": {"Type": "AWS::CloudWatch::Alarm", "Properties": each}
        for number, each in enumerate(alarms.build(stage))
    }
    body = {"Fn::Sub": alarms.dashboard(stage, "${AWS::Region}")}
    properties = {"DashboardName": stage.function, "DashboardBody": body}
    return {**found, "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def _api(stage: Stage) -> Mapping[str, Any]:
    destination = {"Fn::GetAtt": ["AccessLog", "Arn"]}
    log = {"DestinationArn": destination, "Format": front.ACCESS_LOG_FORMAT}
    api = {
        "Properties": {
            "AccessLogSetting": log,
            "MethodSettings": [
                {
                    "ResourcePath": "/*",
                    "HttpMethod": "*",
                    "ThrottlingRateLimit": stage.throttle.per_second,
                    "ThrottlingBurstLimit": stage.throttle.burst,
                }
            ],
            # Part of the API's document, so that they are deployed with its routes: as resources
            # of their own they would come after the deployment, which does not wait for them.
            "DefinitionBody": {GATEWAY_RESPONSES: dict(front.documented_responses())},
            # Without it SAM makes a second stage, named Stage.
            "OpenApiVersion": "2.0",
        }
    }
    # Chalice writes the name of the stage here, and the mapping would not wait for it.
    mapping = {"Properties": {"Stage": {"Ref": f"{API}.Stage"}}}
    return {API: api, **({MAPPING: mapping} if stage.domain else {})}


def _table(stage: Stage, defined: Mapping[str, Any]) -> Mapping[str, Any]:
    """Define the table as the last thing of a new stack; a restored one is not the stack's."""
    if stage.has_restored_table:
        return {}
    # The reference makes it wait. CloudFormation cannot delete a protected table, so a first try
    # that fails must not have got that far.
    aliases = [versions.alias_of(name) for name in (HANDLER, SWEEP, STREAM)]
    after = [*aliases, SEND, "AccessLog", *([MAPPING] if stage.domain else [])]
    tags = [{"Key": "stage", "Value": {"Ref": f"{API}.Stage"}}]
    properties = {**defined["Properties"], "Tags": tags}
    return {"Table": {**defined, "DependsOn": after, "Properties": properties}}
