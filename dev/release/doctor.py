"""`make doctor STAGE=dev`: look at what a deployed stage needs, and say what is wrong. Reads only.

It ends with status 1 where something is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.release import account_setup, alarms, event_source, restored, smoke, stages
from dev.release.account import Account, api_of, find_account, operator_key, url_of
from dev.release.stages import Stage

# ACM renews a certificate 60 days before its end; one that is nearer was not renewed.
RENEWED = timedelta(days=45)

Check = Callable[[Stage, Account], Iterator[str]]


def main(arguments: Sequence[str]) -> int:
    """Look at a stage; 1 where something is wrong.

    Raises:
        WrongSettings: .chalice/config.json has no such stage, or wrong settings for it.
        NoAccess: there are no credentials, or the stage is not deployed from this folder.
        ClientError: AWS rejects a call.
    """
    stage, account = stages.read(arguments[0] if arguments else "dev"), find_account()
    table = account.client("dynamodb").describe_table(TableName=stage.table)["Table"]
    stage = replace(stage, stream_arn=table.get("LatestStreamArn", ""))
    wrong = 0
    for title, check in CHECKS.items():
        found = list(check(stage, account))
        wrong += len(found)
        print(f"{title}: {'in order' if not found else ''}")
        for each in found:
            print(f"  {each}")
    return 1 if wrong else 0


def _quota(_: Stage, account: Account) -> Iterator[str]:
    found = account_setup.concurrency_quota(account)
    if found < account_setup.ENOUGH_CONCURRENCY:
        yield f"The account may run {found} functions at once; each more request gets 503."


def _role(_: Stage, account: Account) -> Iterator[str]:
    if not account.client("apigateway").get_account().get("cloudwatchRoleArn"):
        yield "API Gateway has no role to write logs with: make account"


def _table(stage: Stage, account: Account) -> Iterator[str]:
    dynamodb, name = account.client("dynamodb"), {"TableName": stage.table}
    table = dynamodb.describe_table(**name)["Table"]
    backups = dynamodb.describe_continuous_backups(**name)["ContinuousBackupsDescription"]
    expiry = dynamodb.describe_time_to_live(**name)["TimeToLiveDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    states = {
        "deletion protection": table.get("DeletionProtectionEnabled", False),
        "point-in-time recovery": recovery == "ENABLED",
        "the end of items by `ttl`": expiry["TimeToLiveStatus"] == "ENABLED",
        "the stream": table.get("StreamSpecification", {}).get("StreamEnabled", False),
    }
    yield from (f"{name} is off: make deploy" for name, is_on in states.items() if not is_on)


def _events(stage: Stage, account: Account) -> Iterator[str]:
    yield from event_source.faults(account.client("lambda"), stage)


def _settings(stage: Stage, account: Account) -> Iterator[str]:
    """Yield what runs with other settings than the stage has; their names alone."""
    functions = account.client("lambda")
    wanted = {**stages.environment_of(stage.name), "STREAM_ARN": stage.stream_arn}
    since = restored.environment(functions, stage).get(restored.NAME, "")
    if stage.has_restored_table and not since:
        yield f"Cursors from before the restore are accepted: no {restored.NAME}: make deploy"
    wanted = {**wanted, restored.NAME: since}
    for name in stage.functions:
        try:
            found = functions.get_function_configuration(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            yield f"There is no function {name}: make deploy"
            continue
        there = found.get("Environment", {}).get("Variables", {})
        other = sorted(
            key for key in {*wanted, *there} if wanted.get(key, "") != there.get(key, "")
        )
        if other:
            yield f"{name} runs with another {', '.join(other)} than the stage has: make deploy"


def _throttle(stage: Stage, account: Account) -> Iterator[str]:
    gateway = account.client("apigateway")
    found = gateway.get_stage(restApiId=api_of(stage), stageName=stage.api_stage)
    every = found.get("methodSettings", {}).get("*/*", {})
    there = every.get("throttlingRateLimit"), every.get("throttlingBurstLimit")
    if there != (stage.throttle.per_second, stage.throttle.burst):
        yield f"The throttle of the API is {there}, not that of the stage: make deploy"


def _alarms(stage: Stage, account: Account) -> Iterator[str]:
    there = alarms.names(account.client("cloudwatch"), stage)
    missing = [each["AlarmName"] for each in alarms.build(stage) if each["AlarmName"] not in there]
    if missing:
        yield f"{len(missing)} alarms are missing, as {missing[0]}: make deploy"
    if not stage.alarm_topic:
        yield "Alarms go nowhere: set alarm_topic in .chalice/config.json, and deploy"
        return
    topic = account.client("sns").list_subscriptions_by_topic(TopicArn=stage.alarm_topic)
    confirmed = [e for e in topic["Subscriptions"] if e["SubscriptionArn"].startswith("arn:")]
    if not confirmed:
        yield f"Nobody has confirmed a subscription to {stage.alarm_topic}"


def _domain(stage: Stage, account: Account) -> Iterator[str]:
    if not stage.domain:
        yield "It has no domain: customers would paste an address that is gone when the API is"
        return
    gateway = account.client("apigateway")
    try:
        found = gateway.get_domain_name(domainName=stage.domain)
    except gateway.exceptions.NotFoundException:
        yield f"API Gateway has no domain {stage.domain}: make deploy"
        return
    arn = found.get("regionalCertificateArn") or found.get("certificateArn", "")
    yield from _certificate(account.client("acm"), arn)


def _certificate(acm: Any, arn: str) -> Iterator[str]:
    found: Mapping[str, Any] = {}
    with suppress(acm.exceptions.ResourceNotFoundException):
        found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    if found.get("Status") != "ISSUED":
        yield f"The certificate {arn} is {found.get('Status', 'not there')}"
    elif found["NotAfter"] < datetime.now(UTC) + RENEWED:
        yield (
            f"The certificate ends on {found['NotAfter']:%Y-%m-%d} and was not renewed: look "
            "whether its DNS record is still there"
        )


def _requests(stage: Stage, account: Account) -> Iterator[str]:
    yield from smoke.faults(url_of(stage, account), operator_key(stage, account), seconds=0)


CHECKS: Mapping[str, Check] = {
    "Quota of the account": _quota,
    "Role of API Gateway": _role,
    "Table": _table,
    "Events": _events,
    "Settings": _settings,
    "Throttle": _throttle,
    "Alarms": _alarms,
    "Domain and certificate": _domain,
    "Requests": _requests,
}
