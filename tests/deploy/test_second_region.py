"""The same stage in a second region, from a folder of its own; and there with a restored table.

Roles are the account's, of all regions: what one region's stage deletes, the other's must not use.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dev.release import roles, stages
from tests.deploy.cloud import (
    REGION,
    AdminPrincipal,
    Cloud,
    Connected,
    Project,
    a_project,
    connect,
    operator,
    table_names,
    told,
    works,
)

pytestmark = pytest.mark.deploy

RESTORED = "passerelle-dev-restored"


@pytest.fixture(scope="module")
def elsewhere(cloud: Cloud) -> Cloud:
    """Reach a region that no other test uses."""
    return replace(cloud, region="eu-central-1")


@pytest.fixture(scope="module")
def second(
    elsewhere: Cloud,
    connected: Connected,
    page: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """Deploy the stage there, while that of the first region is live."""
    project = a_project(tmp_path_factory.mktemp("second") / "passerelle", elsewhere)
    project.without_domain()
    project.run(page["Deploy"])
    return project


@pytest.fixture(scope="module")
def tenant(elsewhere: Cloud, second: Project) -> AdminPrincipal:
    """Connect an identity provider there, which makes a user."""
    scim = connect(operator(elsewhere, second.url())).principal
    works(scim, "eve@example.com")
    return scim


@pytest.fixture(scope="module")
def restored(elsewhere: Cloud, second: Project, tenant: AdminPrincipal) -> str:
    """Restore the table as the guide says, and deploy again; gives what the command said."""
    elsewhere.client("dynamodb").restore_table_to_point_in_time(
        SourceTableName="passerelle-dev",
        TargetTableName=RESTORED,
        UseLatestRestorableTime=True,
    )
    second.without_domain(TABLE_NAME=RESTORED)
    return second.run("make deploy STAGE=dev")


@pytest.fixture(scope="module")
def away(second: Project, restored: str) -> str:
    """Take the stage of the second region away, with its data."""
    return second.run("make destroy STAGE=dev CONFIRM=dev DATA=delete")


def users(scim: AdminPrincipal) -> set[str]:
    """List the names of all users."""
    found = scim.need(200, "GET", "/Users")["Resources"]
    return {each["userName"] for each in found}


def policies(cloud: Cloud, region: str) -> dict[str, Any]:
    """Read the policy of each role of a region's stage."""
    iam, stage = cloud.client("iam"), stages.read("dev")
    names = [roles.name_of(stage, region, function) for function in stages.FUNCTIONS]
    return {n: iam.get_role_policy(RoleName=n, PolicyName=n)["PolicyDocument"] for n in names}


def test_both_regions_serve_their_own_customers(connected: Connected, tenant: AdminPrincipal):
    """D8: each has its own table; a deployment of the one leaves the other as it is."""
    works(connected.principal, "near@example.com")

    assert "eve@example.com" in users(tenant)
    assert "near@example.com" not in users(tenant)
    assert "eve@example.com" not in users(connected.principal)


def test_a_restored_table_serves_what_was_in_it(
    elsewhere: Cloud, tenant: AdminPrincipal, restored: str
):
    """D9: the same tokens and users; what is new goes there, and the old table is left alone."""
    before = elsewhere.client("dynamodb").scan(TableName="passerelle-dev")["Count"]

    assert users(tenant) == {"eve@example.com"}
    works(tenant, "later@example.com")
    assert elsewhere.client("dynamodb").scan(TableName="passerelle-dev")["Count"] == before


def test_events_come_from_the_restored_table(
    elsewhere: Cloud, second: Project, tenant: AdminPrincipal, restored: str
):
    """AWS restores it without a stream: the same as a stage that had none is deployed again."""
    table = elsewhere.client("dynamodb").describe_table(TableName=RESTORED)["Table"]
    functions = elsewhere.client("lambda")
    found = functions.list_event_source_mappings(FunctionName="passerelle-dev-stream")

    user = works(tenant, "restored@example.com")

    sources = [each["EventSourceArn"] for each in found["EventSourceMappings"]]
    assert sources == [table["LatestStreamArn"]]
    assert told(operator(elsewhere, second.url()), str(user["id"]))[0] == "created"


def test_the_feed_of_a_restored_table_begins_with_its_deployment(second: Project, restored: str):
    """Consumers with cursors of the table before are told to compare, and nobody enters a time."""
    again = second.run("make deploy STAGE=dev")

    assert "The feed is unbroken since 20" in restored
    assert "The feed is unbroken" not in again
    assert "runs with another" not in second.run("make doctor STAGE=dev || true")


def test_a_restored_table_is_kept_safe(elsewhere: Cloud, restored: str):
    """D9: AWS restores it without protection, recovery and the end of items."""
    dynamodb = elsewhere.client("dynamodb")
    ending = dynamodb.describe_time_to_live(TableName=RESTORED)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=RESTORED)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    assert dynamodb.describe_table(TableName=RESTORED)["Table"]["DeletionProtectionEnabled"]
    assert ending["TimeToLiveStatus"] == recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_policies_name_the_restored_table_there_and_the_usual_one_here(
    cloud: Cloud, elsewhere: Cloud, restored: str
):
    """D8, D9: the roles of one region do not follow the settings of the other."""
    for document in policies(cloud, elsewhere.region).values():
        assert f"table/{RESTORED}" in json.dumps(document)
        assert 'table/passerelle-dev"' not in json.dumps(document)
    for document in policies(cloud, REGION).values():
        assert RESTORED not in json.dumps(document)


def test_what_is_destroyed_in_one_region_is_kept_in_the_other(
    cloud: Cloud, elsewhere: Cloud, connected: Connected, away: str
):
    """D8: it was the roles of both; the old table is not the stage's any more."""
    names = {each["RoleName"] for each in cloud.client("iam").list_roles(MaxItems=100)["Roles"]}

    assert "Gone, with all data." in away
    assert not [each for each in names if elsewhere.region in each]
    assert elsewhere.client("lambda").list_functions()["Functions"] == []
    assert RESTORED not in table_names(elsewhere)
    works(connected.principal, "after@example.com")
