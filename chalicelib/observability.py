"""Logger and metrics, on AWS Lambda Powertools.

Never logged: tokens, keys, e-mail addresses, names, bodies, query strings, and the texts of
exceptions, which may quote any of these. What identifies a
request is its request id, its route, its connection and its status.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import PurePath

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

# Service name and namespace come from POWERTOOLS_SERVICE_NAME and
# POWERTOOLS_METRICS_NAMESPACE, so that stages differ in settings only.
logger = Logger()


def record(method: str, route: str, status: int, milliseconds: int, **ids: str) -> None:
    """Log one request and its response, and count it by the class of its status."""
    logger.info(
        "request",
        extra={"method": method, "route": route, "status": status, "ms": milliseconds, **ids},
    )
    metrics = _metrics()
    metrics.add_metric(name=f"Responses{status // 100}xx", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=milliseconds)
    metrics.flush_metrics()


def log_fault(message: str, fault: BaseException, **ids: str) -> None:
    """Log an exception by types and frames: its own text may quote a value of a user."""
    chain = list(_chain(fault))
    logger.error(
        message,
        extra={
            "exception": [type(each).__qualname__ for each in chain],
            "frames": [frame for each in chain for frame in _frames(each)],
            **ids,
        },
    )


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what caused it, or what it was raised in the handling of."""
    seen: set[int] = set()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _frames(fault: BaseException) -> Iterator[str]:
    # Without the source lines: a literal there is ours, but a frame says enough.
    for frame in traceback.extract_tb(fault.__traceback__, limit=-30):
        yield f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"


def record_deadline(route: str, connection: str, request_id: str) -> None:
    """Count a request that ended at its deadline, in a log line of its own.

    The line says what the provisioning log may lack: the outage that ended the request may also
    keep its entry from being written.
    """
    metrics = _metrics()
    metrics.add_metric(name="RequestsAtDeadline", unit=MetricUnit.Count, value=1)
    for name, value in (("route", route), ("connection", connection), ("request_id", request_id)):
        metrics.add_metadata(key=name, value=value)
    metrics.flush_metrics()


def count(name: str) -> None:
    """Count an occurrence of what an alarm looks at."""
    metrics = _metrics()
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def record_age(name: str, seconds: float) -> None:
    """Record how old something is that an alarm looks at."""
    metrics = _metrics()
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=seconds)
    metrics.flush_metrics()


def record_alert(alert: str, of: str) -> None:
    """Count an alert that was raised, in a log line that names its connection or webhook."""
    metrics = _metrics()
    metrics.add_dimension(name="alert", value=alert)
    metrics.add_metric(name="AlertsRaised", unit=MetricUnit.Count, value=1)
    metrics.add_metadata(key="of", value=of)
    metrics.flush_metrics()


def record_end_of_access(seconds: int) -> None:
    """Record how long after the provider's request a leaver's access has ended in the SaaS."""
    metrics = _metrics()
    metrics.add_metric(name="AccessEndedAfter", unit=MetricUnit.Seconds, value=seconds)
    metrics.flush_metrics()


def _metrics() -> EphemeralMetrics:
    """Return an empty set of metrics, with the stage: stages of one account share the namespace.

    `EphemeralMetrics` because `Metrics` keeps one set of values for all threads of a process,
    and outside Lambda one process responds to many requests at once.
    """
    metrics = EphemeralMetrics()
    metrics.add_dimension(name="stage", value=os.environ["STAGE"])
    return metrics
