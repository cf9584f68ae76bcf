"""Each alarm looks at a metric that there is, and fires when what it is about happens."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from chalicelib import stream, sweeper
from chalicelib.auth.secrets import Secrets
from chalicelib.errors import Unavailable
from chalicelib.events import leavers
from chalicelib.observability import record_alert, record_deadline
from chalicelib.storage.alert_items import ALERT_TYPES
from chalicelib.storage.clock import timestamp
from chalicelib.storage.retries import Deadline
from dev.release import alarms, stages
from dev.release.template import build_additions

STAGE = replace(stages.read("dev"), alarm_topic="arn:aws:sns:eu-west-1:111122223333:alarms")
BUILT = {each["AlarmName"].partition("/")[2]: each for each in alarms.build(STAGE)}
OWN = {name for name, each in BUILT.items() if each["Namespace"] == "Passerelle"}

# What AWS itself measures, with the dimensions by which it does.
OF_AWS = {
    ("AWS/ApiGateway", "5XXError"): ("ApiName", "Stage"),
    ("AWS/ApiGateway", "Latency"): ("ApiName", "Stage"),
    ("AWS/DynamoDB", "ReadThrottleEvents"): ("TableName",),
    ("AWS/DynamoDB", "WriteThrottleEvents"): ("TableName",),
    ("AWS/Lambda", "ConcurrentExecutions"): ("FunctionName",),
    ("AWS/Lambda", "Errors"): ("FunctionName",),
    ("AWS/Lambda", "Invocations"): ("FunctionName",),
    ("AWS/Lambda", "IteratorAge"): ("FunctionName",),
    ("AWS/Lambda", "Throttles"): ("FunctionName",),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName",),
}
# Of each alarm: figures of one period after another where nothing is wrong, and where it is.
FIGURES = {
    "api-5xx": ([0, 40, 0, 3], [12, 15]),
    "api-p99": ([900, 6_000, 6_000, 900], [6_000] * 3),
    "errors-api": ([0, 0], [1]),
    "errors-sweep": ([0, 2], [3]),
    "errors-stream": ([0, 2], [3]),
    "errors-send": ([0, 2], [3]),
    "throttles": ([0, 0], [1]),
    "concurrency": ([10, 790], [810]),
    "sweeper-stopped": ([5, 4, 5], [None]),
    "pending-change": ([None, 60, 900], [4_000]),
    "dead-letters": ([0, 0], [1]),
    "iterator-age": ([None, 900], [301_000]),
    "table-read-throttles": ([0, 9], [11]),
    "table-write-throttles": ([0, 9], [11]),
}


def fires(alarm, figures):
    """Evaluate an alarm as CloudWatch does: the last periods; None: a period without a figure."""
    periods = alarm["EvaluationPeriods"]
    threshold, missing = alarm["Threshold"], alarm["TreatMissingData"] == "breaching"
    above = alarm["ComparisonOperator"] == "GreaterThanThreshold"

    def is_breached(figure):
        if figure is None:
            return missing
        return figure > threshold if above else figure < threshold

    windows = [figures[at : at + periods] for at in range(len(figures) - periods + 1)]
    return any(all(map(is_breached, window)) for window in windows)


@pytest.mark.parametrize("name", FIGURES)
def test_an_alarm_fires_when_it_should(name):
    """And not on what an ordinary day has."""
    quiet, wrong = FIGURES[name]

    assert not fires(BUILT[name], quiet)
    assert fires(BUILT[name], wrong)


def test_the_metrics_of_aws_have_its_names_and_dimensions():
    """CloudWatch accepts an alarm on a metric that does not exist, and it never fires."""
    for name in BUILT.keys() - OWN:
        alarm = BUILT[name]
        dimensions = tuple(each["Name"] for each in alarm["Dimensions"])
        assert dimensions == OF_AWS[alarm["Namespace"], alarm["MetricName"]], name


class Unreachable:
    """Secrets Manager, where nothing responds."""

    def get_secret_value(self, **_):
        """Fail as boto3 does."""
        raise EndpointConnectionError(endpoint_url="https://secretsmanager")


def lose_secrets(services):
    """Read a token's secret six times while Secrets Manager does not respond."""
    client: Any = Unreachable()
    for _ in range(6):
        deadline = Deadline.after(0.5, services.table.clock)
        with pytest.raises(Unavailable):
            Secrets(client, "passerelle/test").digest_of("c" * 16, "t" * 12, deadline)


def leave_a_change(services, change_type="secret"):
    """Leave a change for two hours: a secret that cannot be deleted; then sweep."""
    at = timestamp(services.table.clock.now() - timedelta(hours=2))
    key = {"PK": "O#0", "SK": f"{at}#{'c' * 16}#1"}
    item = {**key, "change_type": change_type, "target": "t" * 12}
    table = {"TableName": services.table.name}
    services.table.client.put_item(**table, Item={name: {"S": each} for name, each in item.items()})
    sweeper.sweep_due(services)


def forget_a_leaver(services):
    """Acknowledge no leaver."""
    leave_a_change(services, leavers.CHANGE_TYPE)


def send_nonsense(services):
    """Give the stream's function a record that it cannot read."""
    stream.append_records(services, [{"dynamodb": {"Keys": {}}}])


def reach_the_deadline(_):
    """End six requests at their deadline."""
    for _ in range(6):
        record_deadline("/scim/v2", "c" * 16, "1")


def raise_alert(name):
    """Return what raises an alert of a type."""
    return lambda _: record_alert(name, "c" * 16)


CONDITIONS = {
    "secrets": lose_secrets,
    "pending-change": leave_a_change,
    "records-left-out": send_nonsense,
    "leavers-not-acknowledged": forget_a_leaver,
    "deadline": reach_the_deadline,
    **{f"alert-{each.replace('_', '-')}": raise_alert(each) for each in ALERT_TYPES},
}


def emitted(text, alarm):
    """Return the figures that the log has for an alarm's metric and all its dimensions."""
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    dimensions["stage"] = "test"
    found: list[float] = []
    for line in filter(lambda each: each.startswith("{"), text.splitlines()):
        document = json.loads(line)
        for metric in document.get("_aws", {}).get("CloudWatchMetrics", []):
            names = {each["Name"] for each in metric["Metrics"]}
            is_it = metric["Namespace"] == alarm["Namespace"] and alarm["MetricName"] in names
            if is_it and [*map({*dimensions}.__eq__, map(set, metric["Dimensions"]))] == [True]:
                figures = document[alarm["MetricName"]]
                has_all = all(document[name] == value for name, value in dimensions.items())
                found += figures if has_all else []
    return found


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_an_alarm_is_about_writes_its_metric(name, services, capsys):
    """The condition is made to come true; CloudWatch adds up what the log has."""
    CONDITIONS[name](services)

    figures = emitted(capsys.readouterr().out, BUILT[name])
    adds = BUILT[name]["Statistic"] == "Sum"
    assert fires(BUILT[name], [sum(figures) if adds else max(figures)])


@pytest.fixture
def cloudwatch():
    """Open an account without alarms."""
    with mock_aws():
        yield boto3.client("cloudwatch", region_name="eu-west-1")


def names(cloudwatch):
    """List the alarms of the account."""
    return {each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]}


def test_both_ways_to_deploy_make_the_same_alarms(cloudwatch):
    """From one table, with the topic of the stage; those of an earlier release go."""
    cloudwatch.put_metric_alarm(**{**BUILT["throttles"], "AlarmName": "passerelle-dev/before"})
    other = {**BUILT["throttles"], "AlarmName": "passerelle-dev-2/throttles"}
    cloudwatch.put_metric_alarm(**other)

    alarms.put(cloudwatch, STAGE, "eu-west-1")

    resources = build_additions(STAGE)["Resources"].values()
    of_template = [e["Properties"] for e in resources if e.get("Type") == "AWS::CloudWatch::Alarm"]
    assert of_template == list(alarms.build(STAGE))
    wanted = {each["AlarmName"] for each in of_template}
    assert names(cloudwatch) == {*wanted, "passerelle-dev-2/throttles"}
    alarms.delete(cloudwatch, STAGE)
    assert names(cloudwatch) == {"passerelle-dev-2/throttles"}


def test_what_is_gone_is_no_fault(cloudwatch):
    """`make destroy`, and then again with DATA=delete: the second one stopped here."""
    alarms.put(cloudwatch, STAGE, "eu-west-1")
    alarms.delete(cloudwatch, STAGE)
    alarms.delete(cloudwatch, STAGE)

    assert names(cloudwatch) == set()


def test_the_page_has_each_alarm():
    """Who is woken finds what it means and what to do."""
    page = alarms.SECTION.page.read_text(encoding="utf-8")

    assert f"{alarms.SECTION.begin}{alarms.report()}{alarms.SECTION.end}" in page


def test_a_stage_without_a_topic_has_alarms_that_tell_nobody():
    """They are on the dashboard; an empty ARN would be rejected."""
    built = list(alarms.build(replace(STAGE, alarm_topic="", reserved_concurrency=50)))

    assert all(each["AlarmActions"] == each["OKActions"] == [] for each in built)
    assert {e["Threshold"] for e in built if e["MetricName"] == "ConcurrentExecutions"} == {40}
