"""`make caches`: the memory of a process that serves many connections with the largest schemas.

    python -m dev.measure.caches [--connections 100] [--write]

A server of its own (`make run` in a temporary folder) gets connections; ten schemas of the largest
size each are put into their table, and a user with a value for each attribute is sent through each
of them over HTTP. Ten thousand of them are put into the cache of this process.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import tracemalloc
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from chalicelib.directory.extensions import MAX_CACHED_BYTES, Cached, UserTypes, user_type_of
from chalicelib.organisations.extensions import MAX_ATTRIBUTES, MAX_SCHEMAS
from chalicelib.scim import catalog
from chalicelib.storage import grants
from chalicelib.storage.expressions import Put, Update
from chalicelib.storage.keys import OrganisationKeys
from chalicelib.storage.records import with_schema
from chalicelib.storage.retries import Deadline
from chalicelib.storage.table import Table
from dev.errors import VerbError
from dev.measure.pages import Section
from dev.progress import progress
from dev.run import background, demo, resources, serve

SECTION = Section("performance.md", "caches")

CACHED = 10_000
CONNECTIONS = 100
# A schema has nearly the most characters that it may have with so many canonical values; those of
# two letters take the most memory for their length.
VALUES = [f"{one}{other}" for one in "abcdefghij" for other in "0123456789ABCDE"]
CHANGES = 30
STORE_SECONDS = 60.0


def schema(number: int, values: Sequence[str] = VALUES) -> dict[str, Any]:
    """Write one of the ten schemas of a connection, as the operator sends it."""
    attributes = [
        {"name": f"a{n}", "type": "string", "canonicalValues": list(values)}
        for n in range(MAX_ATTRIBUTES)
    ]
    return {"id": f"urn:example:{number}:User", "name": "Own", "attributes": attributes}


def stored() -> list[str]:
    """Write the ten schemas as the table has them."""
    loaded = (catalog.load(schema(number)) for number in range(MAX_SCHEMAS))
    return [json.dumps(catalog.dump(each), separators=(",", ":")) for each in loaded]


def full_cache(connections: int = CACHED) -> tuple[UserTypes, int]:
    """Return a cache that so many connections have gone through, and its bytes.

    Each of the last ones has an entry that is parsed for it, more than the cache can hold; before
    that the entries are shared, and only counted.
    """
    documents = stored()
    fresh = MAX_CACHED_BYTES // user_type_of(documents, 1).size + 1
    gc.collect()
    tracemalloc.start()
    cache = UserTypes()
    entry: Cached | None = None
    for number in range(connections):
        if entry is None or number >= connections - fresh:
            entry = user_type_of(documents, 1)
        cache.keep(f"c{number}", entry)
    del entry
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return cache, size


@dataclass(frozen=True, slots=True)
class Server:
    """A server of `make run`, its process, and the admin API."""

    process: subprocess.Popen[bytes]
    admin: demo.Admin
    table: Table

    @property
    def megabytes(self) -> float:
        """The memory of its process now: what is resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (each for each in status.splitlines() if each.startswith("VmRSS:"))
        return int(line.split()[1]) / 1_000

    def store_schemas(self, connection: demo.Demo, documents: Sequence[str]) -> None:
        """Put the ten schemas of a connection into the table, as ten PUTs would."""
        keys = OrganisationKeys(connection.organisation)
        deadline = Deadline.after(STORE_SECONDS, self.table.clock)
        items = self.table.namespace(grants.administration(keys), deadline)
        version = Update(keys.connection(connection.connection), set={"schemas_version": 1})
        puts = (
            Put(
                keys.schema(connection.connection, f"urn:example:{number}:User"),
                with_schema({"doc": text}),
            )
            for number, text in enumerate(documents)
        )
        items.commit([version, *puts])

    def put_schema(self, connection: demo.Demo, document: Mapping[str, Any]) -> None:
        """PUT one of a connection's schemas."""
        path = f"/organisations/{connection.organisation}/connections/{connection.connection}"
        url = f"{self.admin.url}{path}/schemas/{document['id']}"
        headers = {"Authorization": f"Bearer {self.admin.key}"}
        _check(requests.put(url, json=document, headers=headers, timeout=60))

    def create_user(self, connection: demo.Demo, name: str) -> None:
        """POST a user with a value for each attribute of the ten schemas."""
        values = {f"a{n}": VALUES[n % len(VALUES)] for n in range(MAX_ATTRIBUTES)}
        own = {f"urn:example:{number}:User": values for number in range(MAX_SCHEMAS)}
        body: dict[str, Any] = {"userName": name, **own}
        headers = {"Authorization": f"Bearer {connection.token}"}
        url = f"{connection.scim_url}/Users"
        _check(requests.post(url, json=body, headers=headers, timeout=60))


def _check(response: requests.Response) -> None:
    if not response.ok:
        raise VerbError(f"{response.request.method} returned {response.status_code}.")


@contextmanager
def server() -> Iterator[Server]:
    """Run a server with an empty table in a temporary folder while the block runs.

    Raises:
        VerbError: it was not ready in a minute.
    """
    with tempfile.TemporaryDirectory() as folder, background.running(Path(folder)) as started:
        described = started.described
        admin = demo.Admin(described["admin_url"], described["operator_key"])
        yield Server(started.process, admin, _table(Path(folder)))


def _table(folder: Path) -> Table:
    urls = json.loads((folder / serve.ENGINE_FILE).read_text(encoding="utf-8"))
    account = boto3.Session("local", "local", region_name=urls["region"])
    client = account.client("dynamodb", endpoint_url=urls["dynamodb"])
    return Table(client, resources.define({"Stage": serve.STAGE})["Table"]["TableName"])


Figure = tuple[str, float]


def measured(count: int) -> Iterator[Figure]:
    """Measure a server step by step: what it has served so far, and its memory in MB."""
    with server() as running:
        first = demo.create(running.admin)
        yield "one connection without schemas", running.megabytes
        made, documents = [], stored()
        for number in progress(range(count), count, "connections"):
            connection = demo.create(running.admin)
            running.store_schemas(connection, documents)
            running.create_user(connection, f"user{number}")
            made.append(connection)
        yield f"{count} connections, each with ten schemas of the largest size", running.megabytes
        for connection in progress(made, count, "once more"):
            running.create_user(connection, "again")
        yield "another request of each of them", running.megabytes
        for turn in progress(range(CHANGES), CHANGES, "changes"):
            running.put_schema(first, schema(turn % MAX_SCHEMAS, VALUES[: 50 + turn]))
            running.create_user(first, f"user{turn}")
        yield f"{CHANGES} changes of one connection's schemas, a user after each", running.megabytes


HEAD = "| the process of the server has served | memory, MB |\n|---|---|\n"


def table(figures: Sequence[Figure], cached: int) -> str:
    """Return the table of a server, and below it the sentence about the cache."""
    rows = "".join(f"| {what} | {megabytes:.0f} |\n" for what, megabytes in figures)
    held = f"{cached / 1e6:.0f} MB, of {MAX_CACHED_BYTES / 1e6:.0f} that it may have"
    return (
        f"{HEAD}{rows}\nThe cache of schemas after {CACHED:,} such connections, "
        f"measured with its values: {held}.\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Print the table, and put it into the page where that is asked for."""
    parser = ArgumentParser("make caches")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    _, cached = full_cache()
    figures = list(measured(asked.connections))
    SECTION.publish(table(figures, cached), ["--write"] if asked.write else [])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
