"""What the product must do, point by point: each through HTTP, as the principal it is for.

M1   users and groups are created, changed and removed by a provider's requests
M2   Entra ID's set-up works from test connection to a group with its member
M3   Okta and Google Workspace are served as well
M4   an organisation's own admin configures provisioning
M5   users and groups belong to the workspace that the admin has chosen
M6   new users get the default role that the admin has chosen
M7   the admin copies a token, shown once, and a URL, always visible
M8   one connection per organisation, unless the plan has more
M9   only with a plan that includes SCIM; otherwise a text says that the plan lacks it
M10  a connection can be tested, by the provider and without it
M11  groups become groups of the SaaS, and their members follow
M12  roles are the organisation's own
M13  the login page asks by e-mail address
M14  where SSO is forced, everybody is sent to the provider
M15  where it is not, a password is set first
M16  forced SSO is recommended
M17  a user can be added, changed, deactivated, brought back, deleted and added again
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from app import build
from chalicelib.settings import Plan
from tests.support.builders import (
    ApiClient,
    Response,
    api_client,
    connection_body,
    organisation_body,
)
from tests.support.environment import OPERATOR_KEY

Call = Callable[..., Response]
EMAIL = "ada@acme.example.com"
ADA = {
    "userName": EMAIL,
    "externalId": "4f1c",
    "emails": [{"value": EMAIL, "type": "work", "primary": True}],
}
SSO = {"provider": "entra", "redirect_url": "https://sso.example.com/start", "forced": True}


@dataclass(frozen=True, slots=True)
class Customer:
    """An organisation whose admin has connected their identity provider."""

    operator: ApiClient
    admin: ApiClient
    organisation: str
    connection: str
    scim_url: str
    token: str

    def scim(self, method: str, path: str, body: object = None) -> Response:
        """Send a request as the identity provider, with the URL and the token from the admin."""
        root = self.scim_url.removeprefix("https://id.example.com")
        return self.operator.with_credential(self.token)(method, root + path, body)

    def provision(self, **attributes: object) -> str:
        """Provision a user; returns the path at which the SaaS reads them."""
        uid = self.scim("POST", "/Users", {**ADA, **attributes}).body["id"]
        return f"{self.organisation}/users/{uid}"

    def sign_in(self, email: str = EMAIL) -> object:
        """Ask as the login page does."""
        return self.operator("POST", "/sign-in", {"email": email}).body


def an_organisation(operator: ApiClient, **changes: object) -> str:
    """Create the organisation of a customer; return its path."""
    body = organisation_body(domains=["acme.example.com"], **changes)
    return f"/admin/organisations/{operator('POST', '/admin/organisations', body).body['id']}"


def admin_of(operator: ApiClient, organisation: str) -> ApiClient:
    """Let the organisation's admin in by a console link, as the SaaS does."""
    url = operator("POST", f"{organisation}/console-links", {"name": "Ada"}).body["url"]
    link = {"link": url.partition("#")[2]}
    return operator.with_credential(
        operator.with_credential("")("POST", "/admin/sessions", link).body["token"]
    )


def connected(operator: ApiClient, **changes: object) -> Customer:
    """Let an admin save a connection and make a token for it."""
    organisation = an_organisation(operator)
    admin = admin_of(operator, organisation)
    made = admin("POST", f"{organisation}/connections", connection_body(**changes)).body
    connection = f"{organisation}/connections/{made['id']}"
    token = admin("POST", f"{connection}/tokens", {"name": "Entra"}).body["token"]
    return Customer(operator, admin, organisation, connection, made["scim_url"], token)


@pytest.fixture
def customer(operator):
    """Make a customer with a connection."""
    return connected(operator, workspace="lab", default_role="editor")


def patch(path: str, value: object) -> object:
    """Write a PATCH as Entra ID does."""
    return {"Operations": [{"op": "Replace", "path": path, "value": value}]}


def add(uid: str) -> object:
    """Write the PATCH that adds a member."""
    return {"Operations": [{"op": "Add", "path": "members", "value": [{"value": uid}]}]}


def id_of(path: str) -> str:
    """Give the last part of a path."""
    return path.rpartition("/")[2]


@pytest.mark.parametrize(
    ("kind", "body", "name"),
    [("Users", ADA, "displayName"), ("Groups", {"displayName": "Crew"}, "externalId")],
)
def test_m1_a_provider_creates_changes_and_removes(customer, kind, body, name):
    """A SCIM 2.0 endpoint, for users and for groups."""
    made = customer.scim("POST", f"/{kind}", body)
    path = f"/{kind}/{made.body['id']}"

    changed = customer.scim("PATCH", path, patch(name, "changed")).status
    assert (made.status, changed in {200, 204}) == (201, True)
    assert customer.scim("GET", path).body[name] == "changed"
    assert customer.scim("DELETE", path).status == 204
    assert customer.scim("GET", path).status == 404


def test_m2_entra_id_is_set_up_from_test_connection_to_a_team(customer):
    """Tenant URL and secret token, test connection, activate, add a user and a group."""
    probe = customer.scim("GET", '/Users?filter=userName+eq+"7e54-nobody"')
    uid = id_of(customer.provision())
    found = customer.scim("GET", f'/Users?filter=userName+eq+"{EMAIL}"').body["Resources"]
    gid = customer.scim("POST", "/Groups", {"displayName": "Crew", "externalId": "9"}).body["id"]
    customer.scim("PATCH", f"/Groups/{gid}", add(uid))

    assert (probe.status, probe.body["totalResults"]) == (200, 0)
    assert [each["id"] for each in found] == [uid]
    assert customer.scim("GET", f"/Groups/{gid}").body["members"][0]["value"] == uid


@pytest.mark.parametrize("provider", ["okta", "google"])
def test_m3_okta_and_google_workspace_are_served(operator, provider):
    """Each with the requests that it really sends, on a connection of its own type."""
    customer = connected(operator, identity_provider=provider)

    tested = customer.admin("POST", f"{customer.connection}/test").body

    assert tested["outcome"] == "passed"
    assert len(tested["steps"]) > 10


def test_m4_an_organisations_admin_configures_it_themselves(operator):
    """They use a link that the SaaS's settings page opens, without the operator's key."""
    organisation = an_organisation(operator)
    admin = admin_of(operator, organisation)
    made = admin("POST", f"{organisation}/connections", connection_body())

    path = f"{organisation}/connections/{made.body['id']}"
    changed = admin("PATCH", path, {"name": "Renamed", "state": "paused"})

    assert (made.status, changed.status) == (201, 200)
    assert (changed.body["name"], changed.body["state"]) == ("Renamed", "paused")


def test_m5_users_and_teams_land_in_the_chosen_workspace(customer):
    """They move when the admin chooses another workspace."""
    user = customer.provision()
    gid = customer.scim("POST", "/Groups", {"displayName": "Crew"}).body["id"]
    read = [user, f"{customer.organisation}/teams/{gid}"]

    assert {customer.admin("GET", path).body["workspace"] for path in read} == {"lab"}
    customer.admin("PATCH", customer.connection, {"workspace": "main"})
    assert {customer.admin("GET", path).body["workspace"] for path in read} == {"main"}


def test_m6_new_users_get_the_chosen_default_role(customer):
    """The one of the moment at which they come."""
    first = customer.provision()
    customer.admin("PATCH", customer.connection, {"default_role": "reader"})
    second = customer.provision(userName="bob")

    granted = [customer.admin("GET", each).body["granted_role"] for each in (first, second)]

    assert granted == ["editor", "reader"]


def test_m7_a_token_is_shown_once_and_the_url_always(customer):
    """The admin saves, and copies both to the provider."""
    read = customer.admin("GET", customer.connection).body
    listed = customer.admin("GET", f"{customer.connection}/tokens").body["items"]

    assert read["scim_url"] == customer.scim_url
    assert [each["name"] for each in listed] == ["Entra"]
    assert customer.token.split("_")[3] not in f"{read}{listed}"


def test_m8_an_organisation_has_one_connection_unless_its_plan_has_more(customer, services):
    """The limit is the plan's, in the settings of the deployment."""
    path = f"{customer.organisation}/connections"
    plans = {"enterprise": Plan(scim=True, max_connections=2)}
    larger = replace(services, settings=replace(services.settings, plans=plans))

    rejected = customer.admin("POST", path, connection_body())
    taken = api_client(build(larger), OPERATOR_KEY)("POST", path, connection_body())

    assert (rejected.status, taken.status) == (409, 201)


def test_m9_a_plan_without_scim_is_shown_to_provider_and_admin(customer):
    """A failing test connection is never a riddle; with the plan everything comes back."""
    customer.operator("PATCH", customer.organisation, {"plan": "free"})
    probe = customer.scim("GET", "/Users")
    rejected = customer.admin("POST", f"{customer.organisation}/connections", connection_body())
    (told,) = customer.admin("GET", customer.connection).body["health"]["refusals"]
    customer.operator("PATCH", customer.organisation, {"plan": "enterprise"})

    assert (probe.status, "plan `free`" in probe.body["detail"]) == (403, True)
    assert (rejected.status, "free" in rejected.body["detail"]) == (403, True)
    assert (told["reason"], customer.scim("GET", "/Users").status) == ("plan", 200)


def test_m10_a_connection_can_be_tested_by_the_provider_and_without_it(customer):
    """Each provider's probe succeeds; the self-test says of each step what to do."""
    probes = ["/ServiceProviderConfig", "/Users?startIndex=1&count=1", "/Groups?count=1"]
    tested = customer.admin("POST", f"{customer.connection}/test").body

    assert [customer.scim("GET", probe).status for probe in probes] == [200] * 3
    assert (tested["outcome"], {each["outcome"] for each in tested["steps"]}) == (
        "passed",
        {"passed"},
    )


def test_m11_groups_are_teams_and_their_members_follow(customer):
    """Added and removed at the provider is added and removed here."""
    user = customer.provision()
    gid = customer.scim("POST", "/Groups", {"displayName": "Crew"}).body["id"]
    customer.scim("PATCH", f"/Groups/{gid}", add(id_of(user)))
    assert customer.admin("GET", user).body["teams"] == [{"id": gid, "name": "Crew"}]

    remove = [{"op": "Remove", "path": f'members[value eq "{id_of(user)}"]'}]
    customer.scim("PATCH", f"/Groups/{gid}", {"Operations": remove})
    assert customer.admin("GET", user).body["teams"] == []


def test_m12_roles_are_the_organisations_own(customer):
    """What a provider sends as roles neither adds nor removes any."""
    user = customer.provision()
    given = customer.admin("PUT", f"{user}/roles", ["reader"]).body["roles"]
    customer.scim("PUT", f"/Users/{id_of(user)}", {**ADA, "roles": [{"value": "admin"}]})
    customer.scim("PATCH", f"/Users/{id_of(user)}", patch("active", value=False))

    assert given == [{"role": "reader", "workspace": "lab", "source": "local"}]
    assert customer.admin("GET", user).body["roles"] == given


def test_m13_the_login_page_asks_by_e_mail(customer):
    """The response says what to do next, and is the same for a stranger and a new user."""
    customer.provision()

    assert customer.sign_in(EMAIL) == {"method": "password", "reset_required": True}
    assert customer.sign_in("nobody@acme.example.com") == customer.sign_in(EMAIL)


def test_m14_where_sso_is_forced_everybody_is_sent_to_the_provider(customer):
    """Every user with an address in one of the organisation's domains."""
    customer.provision()
    customer.operator("PATCH", customer.organisation, {"sso": SSO})

    assert customer.sign_in() == {"method": "sso", "redirect_url": SSO["redirect_url"]}


def test_m15_without_forced_sso_a_password_is_set_first(customer):
    """Until the SaaS says that it was."""
    user = customer.provision()
    assert customer.sign_in() == {"method": "password", "reset_required": True}

    customer.operator("POST", f"{user}/password-set")
    assert customer.sign_in() == {"method": "password", "reset_required": False}


def test_m16_forced_sso_is_recommended(customer):
    """The self-test advises it until it is so."""
    before = customer.admin("POST", f"{customer.connection}/test").body["advice"]
    customer.operator("PATCH", customer.organisation, {"sso": SSO})
    after = customer.admin("POST", f"{customer.connection}/test").body["advice"]

    assert any("SSO is not forced" in each for each in before)
    assert not any("SSO" in each for each in after)


def test_m17_a_user_goes_through_a_whole_life_cycle(customer):
    """Added, changed, deactivated, brought back, deleted, and added again as somebody new."""
    user = customer.provision()
    path = f"/Users/{id_of(user)}"
    customer.scim("PATCH", path, patch("displayName", "Ada"))
    assert customer.admin("GET", user).body["display_name"] == "Ada"

    for active in (False, True):
        customer.scim("PATCH", path, patch("active", active))
        assert customer.admin("GET", user).body["active"] is active

    assert customer.scim("DELETE", path).status == 204
    assert customer.admin("GET", user).status == 404
    assert customer.provision() != user
