"""The restore drill of docs/operate.md: a backup comes back, and secrets and copies are newer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from app import build
from chalicelib.storage.clock import timestamp
from chalicelib.stream import append_records
from dev.release.reach import Deployment
from dev.repair.repair import Options, repair_organisation
from dev.repair.settings import SecretNames
from dev.repair.verb import secret_lines
from passerelle_client import Admin, Consumer
from tests.clients.test_python_consumer import Memory
from tests.support.builders import Customer, a_customer, api_client, scim_client
from tests.support.client_transport import URL, InProcess
from tests.support.environment import OPERATOR_KEY
from tests.support.table_stream import reader_of, with_stream

RESTORED = "passerelle-test-restored"
DEACTIVATE = {"Operations": [{"op": "replace", "path": "active", "value": False}]}


@dataclass
class Drill:
    """A deployment on a restored table; what was made, revoked and read before and since."""

    services: Any
    context: Customer
    revoked: str
    late: str
    ada: str
    cursor: str
    own_cursor: str
    store: Memory

    @property
    def operator(self) -> Any:
        """Send requests with the operator key."""
        return api_client(build(self.services), OPERATOR_KEY)

    @property
    def tokens(self) -> str:
        """The path of the connection's tokens."""
        place = f"/admin/organisations/{self.context.organisation}"
        return f"{place}/connections/{self.context.connection}/tokens"

    def status(self, token: str) -> int:
        """Send a SCIM request with a token."""
        scim = scim_client(build(self.services), self.context.connection, token)
        return scim("GET", "/Users").status

    def consumer(self) -> Consumer:
        """Make the consumer of the copy."""
        transport = InProcess(api_client(build(self.services)))
        return Consumer(Admin(URL, OPERATOR_KEY, transport=transport), self.store)

    def play(self) -> None:
        """Give what has come in the stream to the feed."""
        for records in reader_of(self.services).read():
            append_records(self.services, records)


@pytest.fixture
def drill(services, dynamodb, manual_clock):
    """Provision, take a backup, go on for an hour, restore it as docs/operate.md says."""
    context = a_customer(services, identity_provider="other")
    drill = Drill(with_stream(services, dynamodb), context, "", "", "", "", "", Memory())
    scim = scim_client(build(drill.services), context.connection, context.token)
    drill.ada = scim.a_user("ada")["id"]
    revoked = drill.operator("POST", drill.tokens, {"name": "revoked since"}).body
    drill.play()
    backup = dynamodb.create_backup(TableName=services.table.name, BackupName="drill")
    manual_clock.advance(minutes=30)
    drill.late = drill.operator("POST", drill.tokens, {"name": "late"}).body["token"]
    drill.operator("DELETE", f"{drill.tokens}/{revoked['id']}")
    scim("PATCH", f"/Users/{drill.ada}", DEACTIVATE)
    scim.a_user("bob")
    drill.play()
    drill.cursor = drill.consumer().start()
    feed = f"/admin/changes?organisation={context.organisation}&after=now"
    drill.own_cursor = drill.operator("GET", feed).body["next"]
    manual_clock.advance(minutes=30)
    restored(drill, dynamodb, backup["BackupDetails"]["BackupArn"])
    return replace(drill, revoked=revoked["token"])


def restored(drill: Drill, dynamodb: Any, backup: str) -> None:
    """Restore a backup to a table of a new name, and serve that from the present time on."""
    dynamodb.restore_table_from_backup(TargetTableName=RESTORED, BackupArn=backup)
    now = drill.services.table.clock.now()
    settings = replace(drill.services.settings, table_name=RESTORED, feed_unbroken_since=now)
    table = replace(drill.services.table, name=RESTORED)
    served = replace(drill.services, table=table, settings=settings)
    drill.services = with_stream(served, dynamodb)


def test_credentials_are_accepted_or_401_never_503_for_ever(drill):
    """What was revoked since has no secret any more; what was made since is in no item."""
    assert drill.status(drill.context.token) == 200
    assert [drill.status(each) for each in (drill.revoked, drill.late)] == [401, 401]


def test_repair_names_the_credentials_that_are_out_of_step(drill, secretsmanager):
    """So that an admin is told which to create anew."""
    services, organisation = drill.services, drill.context.organisation
    prefix = services.settings.secrets_prefix
    deployment = Deployment(services.table, secretsmanager, prefix)
    assert repair_organisation(services.table, organisation, Options()) == []
    names = SecretNames(secretsmanager, prefix).of_tokens()
    found = [each.text for each in secret_lines(deployment, organisation, names, Options())]

    assert sorted("has no secret" in each for each in found) == [False, True]


def test_cursors_from_before_are_rejected(drill):
    """In both feeds; what follows them is not what followed then."""
    operator, organisation = drill.operator, drill.context.organisation
    scim_client(build(drill.services), drill.context.connection, drill.context.token).a_user("eve")
    drill.play()
    feeds = (
        f"/admin/changes?after={drill.cursor}",
        f"/admin/changes?organisation={organisation}&after={drill.own_cursor}",
    )
    found = [operator("GET", each) for each in feeds]
    fresh = operator("GET", f"/admin/changes?organisation={organisation}").body

    assert [each.status for each in found] == [400, 400]
    assert fresh["unbroken_since"] == timestamp(drill.services.table.clock.now())


def test_a_consumer_compares_and_is_equal_again(drill):
    """Its copy was of what came after the backup: bob goes, and ada is active again."""
    consumer, organisation = drill.consumer(), drill.context.organisation
    assert not consumer.is_equal(organisation)
    consumer.step(drill.cursor)

    (ada,) = drill.store.copy(organisation).users.values()
    assert (ada.id, ada.active) == (drill.ada, True)
    assert consumer.is_equal(organisation)


def test_the_identity_provider_brings_what_has_changed_since(drill):
    """Its next full synchronisation finds the table as it would any other."""
    scim = scim_client(build(drill.services), drill.context.connection, drill.context.token)
    assert scim("PATCH", f"/Users/{drill.ada}", DEACTIVATE).status == 200
    assert scim("POST", "/Users", {"userName": "bob"}).status == 201

    found = scim("GET", "/Users?sortBy=userName").body["Resources"]
    assert {each["userName"]: each["active"] for each in found} == {"ada": False, "bob": True}
