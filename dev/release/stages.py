"""The stages of `.chalice/config.json`, checked before anything is created in AWS.

Otherwise AWS would find a mistake minutes later and in its own words, or the first customer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.queues import QUEUE
from chalicelib.settings import RATE, InvalidSettings, Rate, Settings
from dev.errors import VerbError
from dev.run import resources

TOPIC = re.compile(r"arn:aws:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
FUNCTIONS = ("api_handler", "sweep", "stream", "send")

# The minor versions of Lambda's Python runtimes; Chalice uses that of its own interpreter.
RUNTIMES = range(10, 16)
# What API Gateway lets in for all customers together: what 50 processes can reject, which keeps
# each of them for 25 ms. Above that they would not be free for others.
THROTTLE = Rate(per_second=2_000, burst=2_000)
# API Gateway waits 29 s; a later response is lost.
MAX_SECONDS = 28


class WrongSettings(VerbError):
    """A stage does not exist or its settings are wrong; says what to change."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The settings of a stage that deployment needs.

    `stream_arn`: the stream of its table, once that is known; empty: it has no events.
    `alarm_topic`: the ARN of the SNS topic that alarms go to; empty: they go nowhere.
    `feed_unbroken_since`: when its table was restored, as RFC 3339; empty: never.
    `event_queues`: the ARNs of the FIFO queues of the SaaS that events may be sent to.
    """

    name: str
    api_stage: str
    public_url: str
    domain: str
    table: str
    throttle: Rate
    reserved_concurrency: int | None
    stream_arn: str = ""
    event_queues: tuple[str, ...] = ()
    alarm_topic: str = ""
    feed_unbroken_since: str = ""

    @property
    def has_restored_table(self) -> bool:
        """Whether TABLE_NAME names another table than the one that is made for the stage."""
        return self.table != table_of(self.name)

    def define(self) -> dict[str, resources.Properties]:
        """Return what .chalice/resources.json defines for this stage, with its table's name."""
        defined = resources.define({"Stage": self.name})
        return {**defined, "Table": {**defined["Table"], "TableName": self.table}}

    @property
    def function(self) -> str:
        """The name of the function behind the API."""
        return f"passerelle-{self.name}"

    @property
    def sweep(self) -> str:
        """The name of the scheduled function."""
        return f"{self.function}-sweep"

    @property
    def stream(self) -> str:
        """The name of the function that turns the table's stream into events."""
        return f"{self.function}-stream"

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of all functions."""
        return self.function, self.sweep, self.stream, f"{self.function}-send"


def read(name: str) -> Stage:
    """Read and check a stage.

    Raises:
        WrongSettings: with everything that is wrong.
    """
    config = resources.read_json("config.json")
    own = config["stages"].get(name)
    if own is None:
        known = ", ".join(sorted(config["stages"]))
        raise WrongSettings(
            f"There is no stage {name!r} in .chalice/config.json; it has {known}. For a "
            "new one copy another with its policy files, and change the name wherever it occurs."
        )
    wrong = list(faults(name, {**config, **own}, _environment(config, own)))
    if wrong:
        raise WrongSettings("\n  ".join([f"Stage {name} of .chalice/config.json:", *wrong]))
    environment = _environment(config, own)
    return Stage(
        name=name,
        api_stage=own.get("api_gateway_stage", "api"),
        public_url=environment.get("PUBLIC_URL", "").rstrip("/"),
        domain=own.get("api_gateway_custom_domain", {}).get("domain_name", ""),
        table=environment["TABLE_NAME"],
        throttle=_throttle({**config, **own}),
        reserved_concurrency=own["lambda_functions"]["api_handler"].get("reserved_concurrency"),
        stream_arn=environment.get("STREAM_ARN", ""),
        event_queues=tuple({**config, **own}.get("event_queues", ())),
        alarm_topic={**config, **own}.get("alarm_topic", ""),
        feed_unbroken_since=environment.get("FEED_UNBROKEN_SINCE", ""),
    )


def environment_of(name: str) -> Mapping[str, str]:
    """Return the environment variables that the functions of a stage are to have."""
    config = resources.read_json("config.json")
    return _environment(config, config["stages"][name])


def table_of(name: str) -> str:
    """Return the name of the table that is made for a stage."""
    return str(resources.define({"Stage": name})["Table"]["TableName"])


def faults(name: str, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a stage: its settings, its functions' environment variables."""
    yield from _wrong_names(name, environment)
    yield from _wrong_policies(settings)
    yield from _wrong_limits(settings)
    topic = settings.get("alarm_topic", "")
    if topic and TOPIC.fullmatch(topic) is None:
        yield f"alarm_topic: {topic!r} is not the ARN of an SNS topic."
    for each in settings.get("event_queues", ()):
        if QUEUE.fullmatch(each) is None:
            yield f"event_queues: {each!r} is not the ARN of a FIFO queue."
    domain = settings.get("api_gateway_custom_domain", {}).get("domain_name", "")
    url = environment.get("PUBLIC_URL", "")
    if domain and url.partition("://")[2].partition("/")[0] != domain:
        yield f"PUBLIC_URL is {url!r}, but the API's domain is {domain!r}."
    if (settings.get("lambda_timeout") or MAX_SECONDS + 1) > MAX_SECONDS:
        yield f"lambda_timeout must be {MAX_SECONDS} at most: API Gateway waits for 29 s."
    if sys.version_info.minor not in RUNTIMES:
        yield f"Lambda has no runtime for Python {sys.version_info.major}.{sys.version_info.minor}."


def _environment(config: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, str]:
    return {**config["environment_variables"], **own.get("environment_variables", {})}


def _wrong_names(name: str, environment: Mapping[str, str]) -> Iterator[str]:
    if environment.get("STAGE") != name:
        yield f"STAGE is {environment.get('STAGE')!r}; it must be {name!r}."
    table, own = environment.get("TABLE_NAME", ""), table_of(name)
    if table != own and not table.startswith(f"{own}-"):
        yield (
            f"TABLE_NAME is {table!r}; it must be {own!r}, or begin with '{own}-' where that is "
            "a table that was restored from a backup."
        )
    try:
        Settings.from_environment(environment)
    except InvalidSettings as error:
        yield from error.args


def _throttle(settings: Mapping[str, Any]) -> Rate:
    found: Rate = RATE(settings["throttle"]) if "throttle" in settings else THROTTLE
    return found


def _wrong_limits(settings: Mapping[str, Any]) -> Iterator[str]:
    try:
        _throttle(settings)
    except ValueError as error:
        yield f"throttle: {error}."
    handler = settings.get("lambda_functions", {}).get("api_handler", {})
    reserved = handler.get("reserved_concurrency")
    if reserved is not None and not (isinstance(reserved, int) and reserved > 0):
        yield "reserved_concurrency of api_handler must be a whole number from 1 on."


def _wrong_policies(settings: Mapping[str, Any]) -> Iterator[str]:
    for function in FUNCTIONS:
        file = settings.get("lambda_functions", {}).get(function, {}).get("iam_policy_file", "")
        if not file or not (resources.CHALICE / file).is_file():
            yield f"{function} has no iam_policy_file in .chalice."
