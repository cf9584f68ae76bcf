"""The environment variables and the operator key of the deployment that tests run."""

from __future__ import annotations

from random import Random

from chalicelib.auth.tokens import mint

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "TABLE_NAME": "passerelle-test",
    "SECRETS_PREFIX": "passerelle/test",
    "STAGE": "test",
    "POWERTOOLS_SERVICE_NAME": "passerelle",
    "POWERTOOLS_METRICS_NAMESPACE": "Passerelle",
}
OPERATOR_KEY = mint("op", Random(1)).text  # noqa: S311 - nobody's key
