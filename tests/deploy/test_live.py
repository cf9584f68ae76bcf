"""A service in an account: deployed from nothing, again, by Chalice alone, and taken away.

The commands are those of docs/deploy.md. Tests stand in the order of the steps.
"""

from __future__ import annotations

import json
import re

import pytest

from dev.play.corpus import ENTRA, wire
from dev.play.corpus_files import load, play
from dev.release import event_source
from tests.deploy.cloud import (
    DOMAIN,
    PUBLIC_URL,
    RESERVED,
    AdminPrincipal,
    Cloud,
    Connected,
    Project,
    connect,
    secret_names,
    table_names,
    told,
    works,
)

pytestmark = pytest.mark.deploy

# --- from nothing -----------------------------------------------------------------------------


def test_deploy_tells_where_it_is_and_what_comes_next(first: str, project: Project):
    """An engineer goes on from what the command says, not from a console."""
    assert f"works at {project.url()}" in first
    assert f"The URL for customers is {PUBLIC_URL}" in first
    assert "docs/deploy.md, 'Connect a tenant'" in first


def test_an_identity_provider_works_with_it(connected: Connected):
    """Test connection, create, patch, a group and its members, filter: through the live URL."""
    user = works(connected.principal, "ada@example.com")

    assert user["displayName"] == "Ada"
    assert len(user["groups"]) == 1  # type: ignore[arg-type]  # a list of groups


def test_locations_are_below_the_public_url(connected: Connected):
    """Customers paste PUBLIC_URL and clients follow `location`: both must be the same for life."""
    connection = connected.principal.url.rpartition("/")[2]
    users = connected.principal.need(200, "GET", "/Users")["Resources"]

    assert connected.scim_url == f"{PUBLIC_URL}/scim/v2/{connection}"
    assert [each["meta"]["location"] for each in users] == [
        f"{connected.scim_url}/Users/{each['id']}" for each in users
    ]


def test_the_domain_leads_to_it(cloud: Cloud, connected: Connected):
    """The address that customers have is the domain's: no stage in it, nothing of the API's."""
    path = connected.scim_url.removeprefix(PUBLIC_URL)
    scim = AdminPrincipal(cloud.url + path, connected.principal.credential, host=DOMAIN)

    found = scim.need(200, "GET", "/Users?count=1")

    assert found["Resources"][0]["meta"]["location"].startswith(connected.scim_url)


def test_entra_gets_the_responses_that_it_needs(admin: AdminPrincipal):
    """The recorded dialogues hold through the gateway, its Lambda and IAM too."""
    scim = connect(admin).principal
    with wire(scim.url, scim.credential) as send:
        faults = {name: play(each, send) for name, each in load(ENTRA).items()}

    assert {name: found for name, found in faults.items() if found} == {}


def test_the_commands_that_connect_a_tenant_connect_one(
    project: Project, page: dict[str, str], first: str
):
    """The guide's reader copies these lines; what they print is pasted into Entra ID."""
    said = project.run(page["Connect a tenant"])

    assert f"Tenant URL    {PUBLIC_URL}/scim/v2/" in said
    assert "Secret token  psl_scim_" in said
    assert '"totalResults":0' in said


def test_the_commands_for_operator_keys_make_and_list_one(
    cloud: Cloud, project: Project, page: dict[str, str], first: str
):
    """The new key works at once, for what it was made for."""
    said = project.run(page["Operator keys"])

    key = re.search(r"psl_op_\w+", said)
    assert key
    assert re.search(r"live .* sign-in  sign-in-page", said)
    send = AdminPrincipal(project.url(), key[0])
    assert send("POST", "/sign-in", {"email": "ada@example.com"}).status == 200
    assert send("GET", "/admin/organisations").status == 403


def test_an_unknown_path_is_not_found_in_scims_form(admin: AdminPrincipal):
    """API Gateway itself would say 403 and `Missing Authentication Token`."""
    response = admin("GET", "/scim/v3")

    assert response.status == 404
    assert response.headers["content-type"] == "application/scim+json"
    assert response.body["status"] == "404"


WRONG_URLS = [
    ("/scim/v2", "application/scim+json"),
    ("/scim/v2/", "application/scim+json"),
    ("/scim/v2/Users", "application/scim+json"),
    ("/SCIM/V2/Users", "application/scim+json"),
    ("/v2/Users", "application/problem+json"),
    ("/Users", "application/problem+json"),
    ("/", "application/problem+json"),
    ("/admin/nothing", "application/problem+json"),
]


@pytest.mark.parametrize(("path", "media_type"), WRONG_URLS)
def test_a_wrong_url_is_explained_to_a_bearer(admin: AdminPrincipal, path: str, media_type: str):
    """API Gateway itself would say 403 and `Invalid key=value pair` to a bearer token."""
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = admin(method, path)
        assert (answer.status, answer.headers["content-type"]) == (404, media_type)


def test_a_slash_at_the_end_of_the_url_does_no_harm(connected: Connected):
    """A provider then asks for `//Users`."""
    assert connected.principal.need(200, "GET", "//Users?count=0")["itemsPerPage"] == 0


def test_what_happens_becomes_an_event(admin: AdminPrincipal, connected: Connected):
    """The stream is on, its function reads it and appends to the feed."""
    user = works(connected.principal, "told@example.com")

    assert told(admin, str(user["id"]))[0] == "created"


def test_the_functions_of_events_are_set_as_the_template_sets_them(cloud: Cloud, first: str):
    """Filter, halves of a batch that fails, where a record goes that cannot be appended."""
    found = cloud.client("lambda").list_event_source_mappings(FunctionName="passerelle-dev-stream")
    (mapping,) = found["EventSourceMappings"]
    queue = f"arn:aws:sqs:{cloud.region}:000000000000:passerelle-dev-dead-letters"

    assert event_source.mapping(queue).items() <= mapping.items()
    assert (mapping["State"], mapping["BatchSize"]) == ("Enabled", 100)


def test_the_table_is_kept_safe(cloud: Cloud, first: str):
    """On demand, protected, restorable; items expire by themselves."""
    dynamodb = cloud.client("dynamodb")
    name = {"TableName": "passerelle-dev"}

    table = dynamodb.describe_table(**name)["Table"]
    ending = dynamodb.describe_time_to_live(**name)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(**name)["ContinuousBackupsDescription"]
    restorable = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]

    assert table["DeletionProtectionEnabled"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (ending["TimeToLiveStatus"], restorable) == ("ENABLED", "ENABLED")


def test_requests_are_logged_without_what_they_hold(cloud: Cloud, project: Project, first: str):
    """The access log has path and status of each request, and no query, header or body."""
    api = project.record()["rest_api"]["rest_api_id"]

    stage = cloud.client("apigateway").get_stage(restApiId=api, stageName="dev")
    logged = json.loads(stage["accessLogSettings"]["format"])

    assert stage["accessLogSettings"]["destinationArn"].endswith(":/aws/apigateway/passerelle-dev")
    assert {"$context.path", "$context.status", "$context.requestId"} <= set(logged.values())
    assert not [value for value in logged.values() if "query" in value or "header" in value]


# --- again ------------------------------------------------------------------------------------


def test_a_deployment_without_chalices_record_is_rejected(project: Project, connected: Connected):
    """Chalice would make a second API, and customers have the URL of the first."""
    record = project.folder / ".chalice" / "deployed" / "dev.json"
    aside = record.rename(record.with_suffix(".aside"))

    with pytest.raises(AssertionError, match="Copy the record"):
        project.run("make deploy STAGE=dev")

    aside.rename(record)


def test_a_second_deployment_serves_the_new_route_at_the_same_url(
    admin: AdminPrincipal, again: str
):
    """`make deploy` is how every change goes out."""
    assert admin.need(200, "GET", "/new") == "answered"


def test_a_second_deployment_keeps_what_was_there(connected: Connected, again: str):
    """Neither users nor tokens nor the operator key are made anew."""
    users = connected.principal.need(
        200, "GET", "/Users?filter=userName%20eq%20%22ada@example.com%22"
    )

    assert users["totalResults"] == 1


def test_an_unknown_path_is_still_not_found(admin: AdminPrincipal, again: str):
    """Chalice writes the API anew, and with it go the gateway responses: they are put again."""
    response = admin("GET", "/scim/v3")

    assert (response.status, response.body["status"]) == (404, "404")


def test_chalice_alone_leaves_a_working_service(
    admin: AdminPrincipal, connected: Connected, plain: str
):
    """An engineer who knows Chalice may use it as usual."""
    assert admin.need(200, "GET", "/newer") == "answered"
    works(connected.principal, "bob@example.com")


def test_chalice_alone_takes_the_events_away(admin: AdminPrincipal, cloud: Cloud, plain: str):
    """It knows no stream, and says so; the guide names the setting that keeps them."""
    functions = cloud.client("lambda").list_functions()["Functions"]
    response = admin("GET", "/admin/changes?after=now")

    assert {each["FunctionName"] for each in functions} == {
        "passerelle-dev",
        "passerelle-dev-sweep",
    }
    assert (response.status, "Set STREAM_ARN" in response.body["detail"]) == (409, True)


def limits(cloud: Cloud, project: Project) -> tuple[float, int, int | None]:
    """Read the throttle of the stage, and the concurrency that is reserved."""
    api = project.record()["rest_api"]["rest_api_id"]
    stage = cloud.client("apigateway").get_stage(restApiId=api, stageName="dev")
    every = stage["methodSettings"]["*/*"]
    function = cloud.client("lambda").get_function_concurrency(FunctionName="passerelle-dev")
    reserved = function.get("ReservedConcurrentExecutions")
    return every["throttlingRateLimit"], every["throttlingBurstLimit"], reserved


def test_a_new_account_gets_the_throttle_and_reserves_nothing(
    cloud: Cloud, project: Project, first: str
):
    """AWS would reject the reservation, and with it the first deployment."""
    assert limits(cloud, project) == (2_000, 2_000, None)


def test_the_doctor_finds_what_is_wrong_and_only_that(project: Project, cloud: Cloud, again: str):
    """After a deployment nothing but what it cannot make: a topic, and the certificate here."""
    said = project.run("make doctor STAGE=dev || true")
    cloud.client("lambda").update_function_configuration(
        FunctionName="passerelle-dev-send", Environment={"Variables": {"STAGE": "prod"}}
    )
    then = project.run("make doctor STAGE=dev || true")

    healthy = ("Quota of the account", "Role of API Gateway", "Table", "Events", "Settings")
    for title in (*healthy, "Throttle", "Requests"):
        assert f"{title}: in order" in said, said
    assert "Alarms go nowhere: set alarm_topic" in said
    assert (
        "The certificate arn:aws:acm:eu-west-1:000000000000:certificate/0f6c is not there" in said
    )
    assert "passerelle-dev-send runs with another" in then


def test_concurrency_is_reserved_where_the_quota_admits_it(
    cloud: Cloud, project: Project, again: str
):
    """The setting of the stage, once the account has the usual quota."""
    assert limits(cloud, project) == (2_000, 2_000, RESERVED)


def test_chalice_alone_keeps_throttle_and_reservation(cloud: Cloud, project: Project, plain: str):
    """It knows the one, and leaves the other as it is."""
    assert limits(cloud, project) == (2_000, 2_000, RESERVED)


# --- away -------------------------------------------------------------------------------------


def test_no_route_responds_any_more(admin: AdminPrincipal, cloud: Cloud, gone: str):
    """Functions, roles and API are gone."""
    assert admin("GET", "/health").status in {403, 404}
    assert cloud.client("lambda").list_functions()["Functions"] == []
    roles = cloud.client("iam").list_roles()["Roles"]
    assert not [role for role in roles if role["RoleName"].startswith("passerelle-dev")]


def test_data_stay(cloud: Cloud, gone: str):
    """A stage that is destroyed can be brought back with all that customers have in it."""
    assert "passerelle-dev" in table_names(cloud)
    assert secret_names(cloud)
    assert "Kept: passerelle-dev, passerelle/dev/*" in gone


def test_data_are_deleted_on_request(cloud: Cloud, erased: str):
    """DATA=delete leaves nothing that costs or that a customer could ask about."""
    assert "passerelle-dev" not in table_names(cloud)
    assert secret_names(cloud) == []
    assert cloud.client("sqs").list_queues().get("QueueUrls", []) == []
