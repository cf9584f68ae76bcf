"""`make alarms`: the alarms of a deployment, and the dashboard: one table for all that uses them.

    make alarms                what each means, as docs/operate.md has it
    make alarms ARGS=--write   put it into the page

`make deploy` makes them by calls and `make package` by the template, from the same properties:
those of CloudFormation are those of the call. The function's own metrics are in `observability`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from chalicelib.api.admin.alerts import HEALTH
from chalicelib.storage.alert_items import ALERT_TYPES, AlertType
from chalicelib.storage.retries import error_code
from chalicelib.storage.table import chunks
from dev.measure.pages import Section
from dev.release.stages import Stage

SECTION = Section("operate.md", "alarms")
Properties = Mapping[str, Any]
MINUTE = 60
AT_ONCE = 100  # alarms that one call deletes
NO_DASHBOARD = {"ResourceNotFound", "DashboardNotFoundError"}  # AWS's code and its documented name
# The usual quota of an account; a reservation takes its place.
CONCURRENCY = 1_000
ABOVE, BELOW = "GreaterThanThreshold", "LessThanThreshold"
APP = "passerelle"  # as it is named in .chalice/config.json


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: `metric` over `period` seconds is `above` (or `below`) in `times` of the periods.

    `dimensions` may name `{stage}`, `{function}`, `{table}`; `missing` says what a period is that
    has no figure; `is_share`: `above` is a share of what may run at once.
    """

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    above: float | None
    means: str
    look: str
    do: str
    period: int = 5 * MINUTE
    times: int = 1
    below: float | None = None
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    is_share: bool = False


API = {"ApiName": APP, "Stage": "{api_stage}"}
OWN = {"service": APP, "stage": "{stage}"}


def _function(suffix: str = "") -> Mapping[str, str]:
    return {"FunctionName": f"{{function}}{suffix}"}


def _errors(suffix: str, above: float, means: str, look: str, do: str) -> Alarm:
    name = f"errors{suffix or '-api'}"
    dimensions = _function(suffix)
    return Alarm(name, "AWS/Lambda", "Errors", dimensions, "Sum", above, means, look, do)


def _alert(alert: AlertType) -> Alarm:
    health = HEALTH.get(alert)
    of, look = "webhook", "`GET /admin/webhooks`: its `failures`; then its deliveries."
    if health:
        of, look = "connection", f"`GET /admin/connections?health={health}`: its `alerts`."
    return Alarm(
        *(f"alert-{alert.replace('_', '-')}", "Passerelle", "AlertsRaised"),
        *({**OWN, "alert": alert}, "Sum", 0),
        means=f"A {of} has the alert `{alert}`.",
        look=look,
        do="As the first table of docs/operate.md says.",
    )


TABLE = (
    Alarm(
        *("api-5xx", "AWS/ApiGateway", "5XXError", API, "Sum", 10),
        means="More than 10 requests in 5 minutes got a 5xx, and so in the next 5.",
        look="The access log by `status`, then the function's log by the request id.",
        do="If it began with a release: `make rollback`. Identity providers repeat a 5xx.",
        times=2,
    ),
    Alarm(
        *("api-p99", "AWS/ApiGateway", "Latency", API, "p99", 5_000),
        means="One request of a hundred takes more than 5 s, for 15 minutes.",
        look="The dashboard: throttles of the table, concurrency, errors.",
        do="Remove the cause; Entra ID gives up a request after 30 s.",
        times=3,
    ),
    _errors(
        *("", 0, "A request ended without a response of ours: out of time or memory."),
        *("The function's log for `Task timed out` or `Runtime exited`.", "As for api-5xx."),
    ),
    _errors(
        *("-sweep", 2, "Three sweeps have failed within 5 minutes."),
        *("The log of `-sweep` for `the sweep failed`.", "The next sweep goes on by itself."),
    ),
    _errors(
        *("-stream", 2, "Events are not appended to the feed; the stream keeps them for 24 hours."),
        *("The log of `-stream`.", "Remove the cause within a day; nothing is lost until then."),
    ),
    _errors(
        *("-send", 2, "Sending to a webhook has failed on our side."),
        *("The log of `-send` for `a webhook was not sent to`.", "The sweeper wakes it again."),
    ),
    Alarm(
        *("throttles", "AWS/Lambda", "Throttles", _function(), "Sum", 0),
        means="Requests were rejected with 503, because no more may run at once.",
        look="Concurrency on the dashboard, and which connection sends so much (provisioning log).",
        do="Ask AWS for a higher quota, or raise `reserved_concurrency`.",
    ),
    Alarm(
        *("concurrency", "AWS/Lambda", "ConcurrentExecutions", _function(), "Maximum", 0.8),
        means="Four fifths of the executions that the quota or reservation allows run at once.",
        look="As for throttles.",
        do="As for throttles, before there are any.",
        is_share=True,
    ),
    Alarm(
        *("sweeper-stopped", "AWS/Lambda", "Invocations", _function("-sweep"), "Sum", None),
        means="The sweeper has not run for 5 minutes; it should every minute.",
        look="The rule `passerelle-<stage>-sweep-event` in EventBridge: is it enabled?",
        do="Enable it, or deploy again. Deletes and retries wait until then.",
        below=1,
        missing="breaching",
    ),
    Alarm(
        *("pending-change", "Passerelle", "OldestPendingChange", OWN, "Maximum", 3_600),
        means="A change that a request left unfinished is not finished after an hour.",
        look="The log of `-sweep` for `pending change cannot be finished`.",
        do="`make repair STAGE=<stage>` says what it is about.",
    ),
    Alarm(
        *("dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        *({"QueueName": "{function}-dead-letters"}, "Maximum", 0),
        means="A sweep has failed three times, or a record of the stream became no event.",
        look="The message in the queue `passerelle-<stage>-dead-letters`; the log at its time.",
        do="Remove the cause, delete the message. After a record: as for records-left-out.",
    ),
    Alarm(
        *("iterator-age", "AWS/Lambda", "IteratorAge", _function("-stream"), "Maximum", 300_000),
        means="Events are more than 5 minutes late.",
        look="As for errors-stream; throttles of the table.",
        do="As for errors-stream.",
    ),
    Alarm(
        *("records-left-out", "Passerelle", "StreamRecordsLeftOut", OWN, "Sum", 0),
        means="A record of the stream could not be read, so consumers lack an event.",
        look="The log of `-stream` for `a record of the stream is left out`.",
        do="Have the consumers compare by the digest. After a rollback it ends by itself.",
    ),
    Alarm(
        *("leavers-not-acknowledged", "Passerelle", "LeaversNotAcknowledged", OWN, "Sum", 0),
        means="The SaaS has not said within 5 minutes that the access of a leaver has ended.",
        look="The log of `-sweep` for `a leaver is not acknowledged`: event and connection.",
        do="End their access in the SaaS; look why its consumer is late (`webhook_failing`).",
    ),
    *(
        Alarm(
            *(f"table-{kind}-throttles", "AWS/DynamoDB", f"{kind.title()}ThrottleEvents"),
            *({"TableName": "{table}"}, "Sum", 10),
            means=f"More than 10 {kind}s of the table were throttled in 5 minutes.",
            look="Which partition is hot: CloudWatch Contributor Insights of the table.",
            do="Requests repeat them. If it stays: the limits of docs/capacity.md.",
        )
        for kind in ("read", "write")
    ),
    Alarm(
        *("secrets", "Passerelle", "SecretsManagerFaults", OWN, "Sum", 5),
        means="Secrets Manager does not respond, or rejects us; tokens not in memory get 503.",
        look="AWS's status page, and the policy of the function's role.",
        do="If a policy was changed: deploy again. 503 is repeated, no token is lost.",
    ),
    Alarm(
        *("deadline", "Passerelle", "RequestsAtDeadline", OWN, "Sum", 5),
        means="More than 5 requests in 5 minutes ended at their deadline of 19 s.",
        look="The line in the log names route and connection.",
        do="As for api-p99.",
    ),
    *(_alert(each) for each in ALERT_TYPES),
)


def build(stage: Stage) -> Iterator[dict[str, Any]]:
    """Yield the properties of a stage's alarms, for the call and for the template alike."""
    for each in TABLE:
        threshold = each.below if each.above is None else each.above
        assert threshold is not None  # noqa: S101 - one of the two is set
        is_percentile = each.statistic.startswith("p")
        actions = [stage.alarm_topic] if stage.alarm_topic else []
        yield {
            "AlarmName": f"{_prefix(stage)}{each.name}",
            "AlarmDescription": f"{each.means} {each.look} {each.do}",
            "Namespace": each.namespace,
            "MetricName": each.metric,
            "Dimensions": _dimensions(stage, each),
            "ExtendedStatistic" if is_percentile else "Statistic": each.statistic,
            "Period": each.period,
            "EvaluationPeriods": each.times,
            "Threshold": threshold * _at_once(stage) if each.is_share else threshold,
            "ComparisonOperator": BELOW if each.above is None else ABOVE,
            "TreatMissingData": each.missing,
            "AlarmActions": actions,
            "OKActions": actions,
        }


def _prefix(stage: Stage) -> str:
    # No name of a stage has a slash: that of another one may begin as this one's does.
    return f"{stage.function}/"


def _at_once(stage: Stage) -> int:
    return stage.reserved_concurrency or CONCURRENCY


def _dimensions(stage: Stage, alarm: Alarm) -> list[dict[str, str]]:
    names = {
        "stage": stage.name,
        "api_stage": stage.api_stage,
        "function": stage.function,
        "table": stage.table,
    }
    return [
        {"Name": name, "Value": value.format(**names)} for name, value in alarm.dimensions.items()
    ]


def dashboard(stage: Stage, region: str) -> str:
    """Return the body of the dashboard: one graph for each alarm's metric, with its threshold."""
    found = list(build(stage))
    return json.dumps({"widgets": [_widget(at, each, region) for at, each in enumerate(found)]})


def _widget(at: int, alarm: Properties, region: str) -> Properties:
    dimensions = [text for each in alarm["Dimensions"] for text in (each["Name"], each["Value"])]
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return {
        "type": "metric",
        "x": at % 3 * 8,
        "y": at // 3 * 6,
        "width": 8,
        "height": 6,
        "properties": {
            "title": alarm["AlarmName"],
            "region": region,
            "metrics": [[alarm["Namespace"], alarm["MetricName"], *dimensions]],
            "stat": statistic,
            "period": alarm["Period"],
            "annotations": {"horizontal": [{"value": alarm["Threshold"]}]},
        },
    }


def put(cloudwatch: Any, stage: Stage, region: str) -> None:
    """Make the alarms and the dashboard of a stage; delete those of an earlier release.

    Raises:
        ClientError: AWS rejects a call.
    """
    wanted = list(build(stage))
    for each in wanted:
        cloudwatch.put_metric_alarm(**each)
    cloudwatch.put_dashboard(DashboardName=stage.function, DashboardBody=dashboard(stage, region))
    _delete(cloudwatch, names(cloudwatch, stage) - {each["AlarmName"] for each in wanted})


def delete(cloudwatch: Any, stage: Stage) -> None:
    """Delete them; what is gone is no fault."""
    _delete(cloudwatch, names(cloudwatch, stage))
    try:
        cloudwatch.delete_dashboards(DashboardNames=[stage.function])
    except ClientError as error:
        if error_code(error) not in NO_DASHBOARD:
            raise


def names(cloudwatch: Any, stage: Stage) -> set[str]:
    """List the alarms of a stage that exist."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=_prefix(stage))
    return {each["AlarmName"] for page in pages for each in page["MetricAlarms"]}


def _delete(cloudwatch: Any, names: Iterable[str]) -> None:
    for some in chunks(sorted(names), AT_ONCE):
        cloudwatch.delete_alarms(AlarmNames=list(some))


def report() -> str:
    """Return the table of the page."""
    rows = (f"| `{a.name}` | {a.means} | {a.look} | {a.do} |" for a in TABLE)
    return "\n".join(["| alarm | means | look at | do |", "|---|---|---|---|", *rows, ""])


def main(arguments: Sequence[str]) -> int:
    """Print the table, and put it into the page where that is asked for."""
    SECTION.publish(report(), arguments)
    return 0
