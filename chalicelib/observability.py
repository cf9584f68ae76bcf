"""Logger and metrics, on AWS Lambda Powertools.

Never logged: tokens, keys, e-mail addresses, names, bodies, query strings. What identifies a
request is its request id, its route, its connection and its status.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

# Service name and namespace come from POWERTOOLS_SERVICE_NAME and
# POWERTOOLS_METRICS_NAMESPACE, so that stages differ in settings only.
logger = Logger()


def record(method: str, route: str, status: int, milliseconds: int, **ids: str) -> None:
    """Log one request and its response, and count it by the class of its status.

    `EphemeralMetrics` because `Metrics` keeps one set of values for all threads of a process,
    and outside Lambda one process responds to many requests at once.
    """
    logger.info(
        "request",
        extra={"method": method, "route": route, "status": status, "ms": milliseconds, **ids},
    )
    metrics = EphemeralMetrics()
    metrics.add_metric(name=f"Responses{status // 100}xx", unit=MetricUnit.Count, value=1)
    metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=milliseconds)
    metrics.flush_metrics()
