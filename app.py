"""Passerelle's composition root: settings and clients in, routes and event sources out."""

from __future__ import annotations

import gc
import json
import os
import random
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

# What an import makes stays; to look for garbage among it would be a tenth of a cold start.
gc.disable()

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from chalice.app import Chalice, CloudWatchEvent, ConvertToMiddleware, DynamoDBEvent, Rate

from chalicelib.api import router, routes
from chalicelib.api.chalice_errors import rewrite_chalice_errors
from chalicelib.api.services import Services
from chalicelib.auth.issuers import Issuers
from chalicelib.auth.secrets import Secrets
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.observability import log_fault, logger
from chalicelib.settings import Settings
from chalicelib.storage.table import Table

# The only retry loop is storage.retries: it knows the deadline, the SDK's does not. A call that
# hangs at the deadline is given up before Lambda gives up the request.
ONCE = Config(
    retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=3, max_pool_connections=50
)

# How many records of the stream one invocation gets at most.
MAX_RECORDS = 100


class TwoServices(Loader):
    """Loads what botocore knows of the two services, without listing the folders of all 400."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - as botocore's
        """List the services that this app uses."""
        return ["dynamodb", "secretsmanager"]


def services_of(settings: Settings) -> Services:
    """Make the clients of this deployment, once per process."""
    session = botocore.session.get_session()
    session.register_component("data_loader", TwoServices())
    client = partial(boto3.Session(botocore_session=session).client, config=ONCE)
    return Services(
        table=Table(client("dynamodb"), settings.table_name),
        secrets=Secrets(client("secretsmanager"), settings.secrets_prefix),
        settings=settings,
        key_ring=KeyRing(Issuers(settings.federated_issuers)),
    )


def build(services: Services) -> Chalice:
    """Register the routes and event sources; tests call it with services of their own."""
    # Chalice's logger has the same name as powertools': left to itself, Chalice sets its level to
    # ERROR wherever stdout is not the one of the import.
    application = Chalice(app_name="passerelle", configure_logs=False)
    application.api.binary_types = []
    application.register_middleware(ConvertToMiddleware(logger.inject_lambda_context))
    application.register_middleware(rewrite_chalice_errors, "http")
    application.register_blueprint(router.blueprint(services, routes.all_paths(services)))
    schedule_sweep(application, services)
    if services.settings.stream_arn:
        subscribe_to_stream(application, services)
    return application


def schedule_sweep(application: Chalice, services: Services) -> None:
    """Register the scheduled function.

    Not with a blueprint: Lambda would look for the handler `sweep` in that module; registered
    with the app itself, it is looked for here.
    """

    @application.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
    def sweep(_event: CloudWatchEvent) -> None:
        # A cold start that serves a request needs none of it.
        from chalicelib import sweeper  # noqa: PLC0415

        if services.settings.stream_arn:
            wake_due(services)
        sweeper.sweep(services)


def subscribe_to_stream(application: Chalice, services: Services) -> None:
    """Register the functions of events, as `schedule_sweep` does its own."""

    @application.on_dynamodb_record(
        stream_arn=services.settings.stream_arn,
        batch_size=MAX_RECORDS,
        starting_position="TRIM_HORIZON",
        name="stream",
    )
    def stream(event: DynamoDBEvent) -> None:
        from chalicelib import stream  # noqa: PLC0415 - as in `schedule_sweep`

        if stream.append(services, event.to_dict()["Records"]):
            wake_due(services)

    @application.lambda_function(name="send")
    def send(event: Mapping[str, str], _context: object) -> None:
        from chalicelib import stream  # noqa: PLC0415 - as in `schedule_sweep`

        if stream.send(services, event["webhook"]):
            wake_senders(services, [event["webhook"]])


def wake_due(services: Services) -> None:
    """Wake the senders of the webhooks that have something to send, best effort.

    If the function of the stream failed here, Lambda would have it append the same events again.
    The next minute wakes them in any case.
    """
    from chalicelib import stream  # noqa: PLC0415 - as in `schedule_sweep`

    try:
        wake_senders(services, stream.list_due(services))
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays out of the log
        log_fault("senders were not woken", error)


def wake_senders(services: Services, webhooks: Sequence[str]) -> None:
    """Invoke the function that sends, once for each webhook, and do not wait for it."""
    if not webhooks:
        return
    functions = boto3.client("lambda", config=ONCE)
    for webhook in webhooks:
        functions.invoke(
            FunctionName=f"passerelle-{services.settings.stage}-send",
            InvocationType="Event",
            Payload=json.dumps({"webhook": webhook}),
        )


def renew_randomness() -> None:
    """Take new random bits where a copy of this process would go on with those of the others.

    Ids, tokens and tags do not need it: they come from the operating system (`Clock`). Keys of TLS
    connections come from OpenSSL, and what libraries choose at random from Python.
    """
    random.seed()
    ssl.RAND_add(os.urandom(32), 32)


# Lambda's own; with SnapStart, many containers begin as copies of one.
with suppress(ModuleNotFoundError):
    from snapshot_restore_py import register_after_restore

    register_after_restore(renew_randomness)

SETTINGS = Settings.from_environment()
if not SETTINGS.stream_arn:
    # Chalice prints it while it deploys, and each function of it logs it at a cold start.
    logger.info("no events are made: STREAM_ARN is not set (docs/deploy.md)")
app = build(services_of(SETTINGS))
# Lambda finds the other functions by their names in this module.
sweep = app.handler_map["sweep"]
stream = app.handler_map.get("stream")
send = app.handler_map.get("send")

# Later collections need not look at it either.
gc.freeze()
gc.enable()
