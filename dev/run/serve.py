"""`make run`: start the engine, create table, operator key and demo, and serve the app.

The settings are environment variables: PORT (8000), LOCAL_DIR (.local), FRESH (1: start empty),
PUBLIC_URL (http://127.0.0.1:PORT; another one for a tunnel that an identity provider can reach),
ENGINE (ministack; dynamodb-local puts the table on Amazon DynamoDB Local, secrets stay), PLANS (as
on AWS, by default without a limit).
What Lambda would send to CloudWatch goes to LOCAL_DIR/server.log. The sweeper runs every minute.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractContextManager,
    ExitStack,
    contextmanager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
)
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from threading import Event, Thread
from typing import Any, Self, TextIO

import boto3

from chalicelib.auth.issuers import Issuers
from chalicelib.auth.signing_keys import KeyRing
from chalicelib.auth.tokens import mint
from chalicelib.outbound import OutboundClient
from dev.errors import VerbError
from dev.run import demo, dynamodb_local, engines, resources
from dev.run.gateway import Gateway
from dev.run.listener import HOST, listening
from dev.run.stream_reader import StreamReader

STAGE = "local"
# Where the engines are, for `make operator-key STAGE=local`; there while the server runs.
ENGINE_FILE = "engine.json"
MINISTACK, DYNAMODB_LOCAL = "ministack", "dynamodb-local"
SWEEP_SECONDS = 60.0
STREAM_SECONDS = 0.3
WATCH_SECONDS = 0.5

# With these boto3 reaches the engine and nothing else, whatever the engineer's own settings are.
FORGOTTEN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": engines.REGION,
    "AWS_DEFAULT_REGION": engines.REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

# The demo has no rate limit.
UNLIMITED = json.dumps({"free": {"scim": False}, "enterprise": {"scim": True, "rate": None}})


class CannotRun(VerbError):
    """The server cannot start with these settings; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings of `make run`."""

    port: int
    directory: Path
    fresh: bool
    public_url: str
    engine: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; one that is empty counts as absent.

        Raises:
            CannotRun: PORT is not a port, or ENGINE is not one of the two.
        """
        port = environment.get("PORT") or "8000"
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
            raise CannotRun(f"PORT is {port!r}; it must be a number from 1 to 65535.")
        engine = environment.get("ENGINE") or MINISTACK
        if engine not in (MINISTACK, DYNAMODB_LOCAL):
            raise CannotRun(f"ENGINE is {engine!r}; it must be {MINISTACK} or {DYNAMODB_LOCAL}.")
        return cls(
            port=int(port),
            directory=Path(environment.get("LOCAL_DIR") or ".local").resolve(),
            fresh=(environment.get("FRESH") or "0") != "0",
            public_url=environment.get("PUBLIC_URL") or f"http://{HOST}:{port}",
            engine=engine,
        )


class Terminated(Exception):
    """SIGTERM or SIGHUP was received."""


def main(_: Sequence[str]) -> int:
    """Serve until a signal: exit status 0 after SIGTERM and SIGHUP, 130 after Ctrl-C.

    Raises:
        VerbError: the server cannot start, or its engine has ended.
    """
    _turn_signals_into_exceptions()
    try:
        _run(Options.read(os.environ), started=time.monotonic())
    except (KeyboardInterrupt, Terminated) as signalled:
        print("\nStopped. Users, groups and tokens are kept.", flush=True)
        if isinstance(signalled, KeyboardInterrupt):
            raise
    return 0


def _turn_signals_into_exceptions() -> None:
    def interrupt(number: int, _frame: object) -> None:
        # Once: make and the terminal both send one, and the second must not disturb the shutdown.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    # Under nohup the server stays when the terminal closes.
    kept = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signals = [signal.SIGINT, signal.SIGTERM, *([] if kept else [signal.SIGHUP])]
    for each in signals:
        signal.signal(each, interrupt)


def _run(options: Options, started: float) -> None:
    terminal = sys.stdout
    file = demo.DemoFile(options.directory)
    with ExitStack() as stack:
        stack.enter_context(_locked(options.directory))
        file.withdraw()
        if options.fresh:
            _empty(options.directory, file)
        print("Starting the engine, the table and the app ...", flush=True)
        log = stack.enter_context((options.directory / "server.log").open("a", buffering=1))
        engine = stack.enter_context(engines.running(options.directory / "engine"))
        table_engine = stack.enter_context(_table_engine(options, engine))
        key = stack.enter_context(_account(engine.url, table_engine.url, options))
        stack.enter_context(redirect_stdout(log))
        stack.enter_context(redirect_stderr(log))
        gateway = Gateway(_app(), STAGE, HOST, _reporter(terminal, log))
        stack.enter_context(listening(gateway, options.port))
        for other_function in (_sweeping(), _streaming(options)):
            stack.enter_context(other_function)
        stack.callback(file.withdraw)
        admin = demo.Admin(f"http://{HOST}:{options.port}/admin", key)
        ready = _describe(demo.provide(admin, file.known()), admin)
        file.publish(ready)
        print(_welcome(ready, options, time.monotonic() - started), file=terminal, flush=True)
        while engine.process.poll() is None and table_engine.process.poll() is None:
            time.sleep(WATCH_SECONDS)
        raise CannotRun(f"The engine has ended; see {options.directory}/engine.")


def _table_engine(
    options: Options, engine: engines.Engine
) -> AbstractContextManager[engines.Engine]:
    """Run the engine of the table: that of the secrets, or DynamoDB Local."""
    if options.engine == DYNAMODB_LOCAL:
        return dynamodb_local.running(options.directory / DYNAMODB_LOCAL)
    return nullcontext(engine)


def _sweeping() -> AbstractContextManager[None]:
    """Invoke the sweeper every minute, as EventBridge does in AWS."""
    # Late, as in `_app`: the logger writes to where stdout leads when it is imported.
    sweeper = importlib.import_module("chalicelib.sweeper")
    app = importlib.import_module("app")
    services = app.services_of(app.Settings.from_environment())
    return _repeating(lambda: sweeper.sweep_due(services), SWEEP_SECONDS, "the sweep failed")


def _streaming(options: Options) -> AbstractContextManager[None]:
    """Read the table's stream and send to webhooks, as Lambda does in AWS.

    DynamoDB Local has the records of an earlier run too, and a file says which were read; the
    emulator forgets them when it ends.
    """
    stream = importlib.import_module("chalicelib.stream")
    app = importlib.import_module("app")
    services = app.services_of(app.Settings.from_environment())
    # Only here, and by no setting: a receiver on this machine (make receiver).
    services = replace(services, outbound=OutboundClient(allow_loopback=True))
    was_read = options.directory / DYNAMODB_LOCAL / "stream.json"
    reader = StreamReader(
        boto3.client("dynamodbstreams"),
        services.settings.stream_arn,
        was_read if options.engine == DYNAMODB_LOCAL else None,
    )

    def play() -> None:
        for records in reader.read():
            stream.append(services, records)
        for webhook in stream.list_due(services):
            stream.send(services, webhook)

    return _repeating(play, STREAM_SECONDS, "the stream was not played")


@contextmanager
def _repeating(step: Callable[[], object], seconds: float, failure: str) -> Iterator[None]:
    """Take a step every so often while the block runs; one that fails is logged."""
    log_fault = importlib.import_module("chalicelib.observability").log_fault
    ended = Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - as in AWS, it is tried again
                log_fault(failure, error)

    thread = Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # What is made in it is for its owner only: users, tokens, the operator key and the log.
    os.umask(0o077)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _close_to_others(directory)
    except OSError as error:
        raise CannotRun(f"LOCAL_DIR cannot be created: {error}.") from None
    with (directory / "lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(
                f"Another server runs with LOCAL_DIR={directory}. Stop it, or start this one "
                "with another PORT and LOCAL_DIR."
            ) from None
        yield


def _close_to_others(directory: Path) -> None:
    """Take the rights of others from a folder of an earlier run, unless many share it: /tmp."""
    found = directory.stat()
    if found.st_uid == os.getuid() and not found.st_mode & stat.S_ISVTX:
        directory.chmod(0o700)
        for file in ("server.log", "lock", "demo.json", "demo.kept.json"):
            if (directory / file).exists():
                (directory / file).chmod(0o600)


def _empty(directory: Path, file: demo.DemoFile) -> None:
    # Only our own files: LOCAL_DIR may contain others.
    file.forget()
    for folder in ("engine", DYNAMODB_LOCAL):
        shutil.rmtree(directory / folder, ignore_errors=True)
    (directory / "server.log").unlink(missing_ok=True)


@contextmanager
def _account(engine_url: str, table_url: str, options: Options) -> Iterator[str]:
    """Set the environment, make what is missing, and say where the engines are; gives the key."""
    for name in [*FORGOTTEN, *(n for n in os.environ if n.startswith("AWS_ENDPOINT_URL"))]:
        os.environ.pop(name, None)
    config = resources.read_json("config.json")["environment_variables"]
    endpoints = {
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_ENDPOINT_URL_DYNAMODB": table_url,
        "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": table_url,
    }
    os.environ.update({**config, **ACCOUNT, **endpoints})
    os.environ.update({"STAGE": STAGE, "PUBLIC_URL": options.public_url})
    os.environ.setdefault("PLANS", UNLIMITED)
    os.environ["TABLE_NAME"] = resources.define({"Stage": STAGE})["Table"]["TableName"]
    clients = boto3.client("dynamodb"), boto3.client("secretsmanager")
    key = resources.make(STAGE, *clients, lambda: mint("op", SystemRandom()).text)
    os.environ["STREAM_ARN"] = resources.make_stream(
        clients[0], resources.define({"Stage": STAGE})["Table"]
    )
    file = options.directory / ENGINE_FILE
    urls = {"secretsmanager": engine_url, "dynamodb": table_url, "region": engines.REGION}
    file.write_text(json.dumps(urls), encoding="utf-8")
    try:
        yield key
    finally:
        file.unlink(missing_ok=True)


def _app() -> Any:
    # Imported late: it reads the environment and makes its clients when it is imported.
    app = importlib.import_module("app")
    services = app.services_of(app.Settings.from_environment())
    # Only here, and by no setting: assertions of an issuer on this machine (make gallery).
    issuers = Issuers(services.settings.federated_issuers, trust_loopback=True)
    key_ring = KeyRing(issuers, OutboundClient(allow_loopback=True))
    outbound = OutboundClient(allow_loopback=True)
    return app.build(replace(services, key_ring=key_ring, outbound=outbound))


def _reporter(terminal: TextIO, log: TextIO) -> Callable[[str], None]:
    # A pipe that nothing reads would fill up and stop every request.
    target = terminal if terminal.isatty() else log

    def report(line: str) -> None:
        target.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        target.flush()

    return report


def _describe(made: demo.Demo, admin: demo.Admin) -> dict[str, str | None]:
    return {
        "scim_url": made.scim_url,
        "token": made.token,
        "admin_url": admin.url,
        "operator_key": admin.key,
        "console_url": demo.console_link(admin, made.organisation),
        "organisation": made.organisation,
        "connection": made.connection,
    }


def _welcome(ready: Mapping[str, str | None], options: Options, took: float) -> str:
    return f"""
Passerelle is ready ({took:.1f} s). Paste into the identity provider:

  Tenant URL     {ready["scim_url"]}
  Secret token   {ready["token"]}

A provider in the cloud needs a tunnel: make run PUBLIC_URL=https://<its address>

A first request to try:

  curl -H 'Authorization: Bearer {ready["token"]}' '{ready["scim_url"]}/Users?count=1'

A whole cycle of an identity provider, in another terminal in this folder:

  make idp{_again(options)}

The console, for ten minutes (make demo{_again(options)} fills it and prints another link):

  {ready["console_url"]}

The admin API is at {ready["admin_url"]}, with the operator key
{ready["operator_key"]}
All of this is in {options.directory}/demo.json while the server runs; its log is server.log.
Ctrl-C ends it and keeps the data. {KEPT[options.engine]}
"""


KEPT = {
    MINISTACK: "Killing the engine by force loses\nwhat was written since the start.",
    DYNAMODB_LOCAL: "A hard kill keeps all but new tokens.",
}


def _again(options: Options) -> str:
    usual = options.directory == Path(".local").resolve()
    return "" if usual else f" LOCAL_DIR={options.directory}"
