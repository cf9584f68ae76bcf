"""`make gallery`: what Microsoft's validation for the Entra app gallery asks of a SCIM endpoint.

Its 25 tests by name, on the running demo: what Entra ID sends for the 14 of users and groups, the
requests that the validation sends itself for the others. In the place of the tenant is an issuer
on this machine, with two keys, which it replaces in the middle. Workflows, names, demands and the
overall result are those of Microsoft's public template of the validation
(SCIM-Validation-Test-Overview, June 2026, and version 5 of August 2026); nobody at Microsoft has
seen this report.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from dev.play.idp import ENTERPRISE, FOUND, GROUP, Provider, Unexpected, a_user, operation
from dev.run import demo
from dev.run.fake_issuer import FakeIssuer, SigningKey, fake_issuer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUBJECT, AUDIENCE = "0f6b2d5e-sync-fabric", "api://5c1f0a7e-passerelle"
# How long an access token may live, in seconds.
LIFETIMES = range(3600, 21601)
PAGES_OF = 11
PAGE = 5

# What Entra ID maps by default.
MAPPED = (
    "userName",
    "active",
    "displayName",
    "title",
    'emails[type eq "work"].value',
    "preferredLanguage",
    "name.givenName",
    "name.familyName",
    "name.formatted",
    'addresses[type eq "work"].formatted',
    'addresses[type eq "work"].streetAddress',
    'addresses[type eq "work"].locality',
    'addresses[type eq "work"].region',
    'addresses[type eq "work"].postalCode',
    'addresses[type eq "work"].country',
    'phoneNumbers[type eq "work"].value',
    'phoneNumbers[type eq "mobile"].value',
    'phoneNumbers[type eq "fax"].value',
    "externalId",
    f"{ENTERPRISE}:employeeNumber",
    f"{ENTERPRISE}:department",
    f"{ENTERPRISE}:manager",
)
OPTIONAL = ("displayName", "title", "name.givenName", 'emails[type eq "work"].value')


class Failed(Unexpected):
    """A test of the validation failed; says what it expected."""


def show_nothing(_: str) -> None:
    """Leave the single requests out of the report."""


@dataclass(slots=True, kw_only=True)
class Target(Provider):
    """The connection that is validated; `token` is the access token of the moment."""

    token_url: str
    client: Mapping[str, str] = field(repr=False)
    issuer: FakeIssuer

    def count(self, endpoint: str, attribute: str, value: str) -> int:
        """Count what a filter finds."""
        path = f"/{endpoint}?filter={attribute}+eq+%22{value.replace(' ', '%20')}%22"
        return int(self.send("GET", path, FOUND)["totalResults"])

    def new_token(self, **form: str) -> Mapping[str, Any]:
        """Get an access token.

        Raises:
            Failed: none is issued, or it lives for another time than the gallery accepts.
        """
        sent = {"grant_type": "client_credentials", **form}
        response = requests.post(self.token_url, data=sent, timeout=30)
        _expect(response.status_code == 200, f"token: {response.status_code} {response.text}")  # noqa: PLR2004
        issued: Mapping[str, Any] = response.json()
        _expect(issued["expires_in"] in LIFETIMES, f"expires_in: {issued['expires_in']}")
        return issued

    def assertion(self, key: SigningKey) -> dict[str, str]:
        """Return what Entra ID sends for workload identity federation, signed by a key."""
        now = int(time.time())
        claims = {"iss": self.issuer.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now}
        signed = key.sign({**claims, "exp": now + 3600})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads like assert
    if not holds:
        raise Failed(otherwise)


def _name() -> str:
    return f"{uuid.uuid4().hex[:8]}.example.com"


def _new_user() -> dict[str, Any]:
    return a_user("Ada", "Lovelace", _name())


def _new_group() -> dict[str, Any]:
    return {"schemas": [GROUP], "externalId": str(uuid.uuid4()), "displayName": f"Team {_name()}"}


# --- through Entra ID: users and groups -------------------------------------------------------


def create_user(target: Target) -> None:
    """Search, create, and find them."""
    user = _new_user()
    _expect(target.count("Users", "userName", user["userName"]) == 0, "found before it exists")
    target.create("Users", user)
    _expect(target.count("Users", "userName", user["userName"]) == 1, "not found")


def update_user(target: Target) -> None:
    """Change mapped attributes."""
    path = target.create("Users", _new_user())
    department = f"{ENTERPRISE}:department"
    target.patch(path, operation("Add", "title", "Countess"), operation("Add", department, "R&D"))
    read = target.send("GET", path, FOUND)
    _expect((read["title"], read[ENTERPRISE]["department"]) == ("Countess", "R&D"), str(read))


def disable_user(target: Target) -> None:
    """Set `active` as Entra ID spells it."""
    path = target.create("Users", _new_user())
    target.patch(path, operation("Replace", "active", "False"))
    _expect(target.send("GET", path, FOUND)["active"] is False, "still active")


def delete_user(target: Target) -> None:
    """Delete, and look for them."""
    user = _new_user()
    target.delete(target.create("Users", user))
    _expect(target.count("Users", "userName", user["userName"]) == 0, "still found")


def update_manager(target: Target) -> None:
    """Add, replace and clear the manager."""
    path, *managers = (target.create("Users", _new_user()) for _ in range(3))
    manager = f"{ENTERPRISE}:manager"
    for op, found in zip(("Add", "Replace"), managers, strict=True):
        target.patch(path, operation(op, manager, found.removeprefix("/Users/")))
        read = target.send("GET", path, FOUND)[ENTERPRISE]["manager"]["value"]
        _expect(found.endswith(read), f"manager: {read}")
    target.patch(path, operation("Replace", manager, ""))
    _expect("manager" not in target.send("GET", path, FOUND).get(ENTERPRISE, {}), "still there")


def restore_user(target: Target) -> None:
    """Create, unassign, which deletes, and assign again."""
    user = _new_user()
    target.delete(target.create("Users", user))
    target.create("Users", user)
    _expect(target.count("Users", "userName", user["userName"]) == 1, "not found")


def update_group(target: Target) -> None:
    """Rename a group."""
    path = target.create("Groups", _new_group())
    target.patch(path, operation("Replace", "displayName", f"Renamed {path}"))
    read = target.send("GET", f"{path}?excludedAttributes=members", FOUND)["displayName"]
    _expect(read == f"Renamed {path}", read)


def create_group(target: Target) -> None:
    """Search, create, and find it."""
    group = _new_group()
    _expect(target.count("Groups", "displayName", group["displayName"]) == 0, "found too early")
    target.create("Groups", group)
    _expect(target.count("Groups", "displayName", group["displayName"]) == 1, "not found")


def delete_group(target: Target) -> None:
    """Delete, and look for it."""
    group = _new_group()
    target.delete(target.create("Groups", group))
    _expect(target.count("Groups", "displayName", group["displayName"]) == 0, "still found")


def restore_group(target: Target) -> None:
    """Create, unassign, which deletes, and assign again."""
    group = _new_group()
    target.delete(target.create("Groups", group))
    target.create("Groups", group)


def _members(target: Target, path: str) -> set[str]:
    return {each["value"] for each in target.send("GET", path, FOUND)["members"]}


def add_member(target: Target) -> None:
    """Add two members in one request."""
    ids = [target.create("Users", _new_user()).removeprefix("/Users/") for _ in range(2)]
    path = target.create("Groups", _new_group())
    target.patch(path, operation("Add", "members", [{"$ref": None, "value": id_} for id_ in ids]))
    _expect(_members(target, path) == set(ids), "other members")


def remove_member(target: Target) -> None:
    """Remove one of two members."""
    ids = [target.create("Users", _new_user()).removeprefix("/Users/") for _ in range(2)]
    members = [{"value": id_} for id_ in ids]
    path = target.create("Groups", {**_new_group(), "members": members})
    target.patch(path, operation("Remove", "members", [{"$ref": None, "value": ids[0]}]))
    _expect(_members(target, path) == {ids[1]}, "other members")


# --- directly ---------------------------------------------------------------------------------


def schema_discoverability(target: Target) -> None:
    """Every mapped attribute stands in /Schemas, flattened as the validation does it."""
    schemas = target.send("GET", "/Schemas", FOUND)["Resources"]
    found = {name for schema in schemas for name in _flattened(schema)}
    _expect(GROUP in {schema["id"] for schema in schemas}, "no Group schema")
    missing = [name for name in MAPPED if name.lower() not in found | {"externalid"}]
    _expect(not missing, f"missing: {', '.join(missing)}")


def _flattened(schema: Mapping[str, Any]) -> Iterator[str]:
    prefix = "" if ":core:" in schema["id"] else f"{schema['id']}:"
    for attribute in schema["attributes"]:
        name, subs = f"{prefix}{attribute['name']}".lower(), attribute.get("subAttributes", [])
        yield name
        kinds = next((sub.get("canonicalValues") for sub in subs if sub["name"] == "type"), None)
        for sub in subs:
            yield f"{name}.{sub['name']}".lower()
            for kind in kinds or () if attribute["multiValued"] else ():
                yield f'{name}[type eq "{kind}"].{sub["name"]}'.lower()


def null_update(target: Target) -> None:
    """Clear optional attributes by "" and by null."""
    path = target.create("Users", {**_new_user(), "title": "Countess"})
    for empty in ("", None):
        target.patch(path, *(operation("Replace", name, empty) for name in OPTIONAL))
        read = target.send("GET", path, FOUND)
        left = {"displayName", "title", "emails"} & read.keys()
        _expect(not left and "givenName" not in read.get("name", {}), f"left: {left}")


def user_create(target: Target) -> None:
    """POST a user; every attribute comes back."""
    user = _new_user()
    read = target.send("GET", target.create("Users", user), FOUND)
    differing = [name for name in ("userName", "name", "emails") if read[name] != user[name]]
    _expect(not differing, f"differs: {differing}")


def user_update(target: Target) -> None:
    """PATCH attributes to generated values."""
    path, value = target.create("Users", _new_user()), f"upd-{uuid.uuid4()}"
    target.patch(path, operation("Replace", "name.familyName", value))
    _expect(target.send("GET", path, FOUND)["name"]["familyName"] == value, "not changed")


def _paginate(target: Target, endpoint: str, make: Callable[[], Mapping[str, Any]]) -> None:
    for _ in range(PAGES_OF):
        target.create(endpoint, make())
    total, start = PAGES_OF, 1
    seen: list[str] = []
    while start <= total:
        page = target.send("GET", f"/{endpoint}?startIndex={start}&count={PAGE}", FOUND)
        _expect(page["startIndex"] == start, f"startIndex: {page['startIndex']}")
        total, seen = page["totalResults"], [*seen, *(each["id"] for each in page["Resources"])]
        start += PAGE
    _expect(len(set(seen)) == len(seen) == total, "pages overlap or have gaps")


def user_pagination(target: Target) -> None:
    """Read all users by pages of five."""
    _paginate(target, "Users", _new_user)


def group_pagination(target: Target) -> None:
    """Read all groups by pages of five."""
    _paginate(target, "Groups", _new_group)


# --- authentication ---------------------------------------------------------------------------


def validate_credentials(target: Target) -> None:
    """Get an access token by client id and client secret, and use it."""
    target.token = target.new_token(**target.client)["access_token"]
    target.send("GET", "/Users?count=1", FOUND)


def federated_identity(target: Target) -> None:
    """Get an access token by an assertion, also after the tenant has replaced its keys."""
    target.token = target.new_token(**target.assertion(target.issuer.keys[0]))["access_token"]
    target.send("GET", "/Users?count=1", FOUND)
    target.issuer.keys[0] = SigningKey.rsa(f"key-{uuid.uuid4()}")
    sent = target.assertion(target.issuer.keys[1])
    target.token = target.new_token(**sent)["access_token"]
    target.send("GET", "/Users?count=1", FOUND)


Check = Callable[[Target], None]

# The workflows of the validation with their tests, in its order.
TESTS: Mapping[str, Mapping[str, Check]] = {
    "UserTests_Workflow": {
        "Create_User_Test": create_user,
        "Update_User_Test": update_user,
        "Disable_User_Test": disable_user,
        "Delete_User_Test": delete_user,
        "User_Update_Manager_Test": update_manager,
        "Restore_User_Test": restore_user,
        "POD_User_Test": create_user,
    },
    "GroupTests_Workflow": {
        "Create_Group_Test": create_group,
        "Update_Group_Test": update_group,
        "Delete_Group_Test": delete_group,
        "Group_Update_Add_Member_Test": add_member,
        "Group_Update_Remove_Member_Test": remove_member,
        "POD_Group_Test": create_group,
        "Restore_Group_Test": restore_group,
    },
    "SCIMTests_Workflow": {
        "Schema_Discoverability_Test": schema_discoverability,
        "SCIM_Null_Update_Test": null_update,
        "SCIM_User_Create_Test": user_create,
        "SCIM_User_Update_Test": user_update,
        "SCIM_Group_Create_Test": create_group,
        "SCIM_Group_Update_Test": update_group,
        "Validate_Credentials_Test": validate_credentials,
        "Federated_Identity_Test": federated_identity,
        "SCIM_User_Pagination_Test": user_pagination,
        "SCIM_Group_Pagination_Test": group_pagination,
        "SCIM_Update_Manager_Test": update_manager,
    },
}
AUTHENTICATION = frozenset({"Validate_Credentials_Test", "Federated_Identity_Test"})
# A failure of these is a warning.
OPTIONAL_TESTS = frozenset(
    {"Delete_User_Test", "Delete_Group_Test", "Restore_Group_Test", "SCIM_Group_Pagination_Test"}
)


def verdict(failed: AbstractSet[str]) -> str:
    """Return the overall result: all mandatory tests must pass, of authentication one of two."""
    blocking = failed - OPTIONAL_TESTS - AUTHENTICATION
    return "Failed" if blocking or failed >= AUTHENTICATION else "Succeeded"


@contextmanager
def a_target(described: Mapping[str, Any]) -> Iterator[Target]:
    """Make a connection that accepts what the gallery does, and no static token."""
    made = demo.beside(described, "entra")
    admin = demo.Admin(described["admin_url"], described["operator_key"])
    path = f"/organisations/{made.organisation}/connections/{made.connection}"
    admin.patch(path, {"authentication": ["client_secret", "federated"]})
    secret = admin.post(f"{path}/credentials", {"name": "Entra", "type": "client_secret"})
    client = {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
    token_url = f"{made.scim_url.partition('/scim/')[0]}/oauth2/{made.connection}/token"
    with fake_issuer() as issuer:
        trust = {"issuer": issuer.url, "subject": SUBJECT, "audience": f"{AUDIENCE}/.default"}
        admin.post(f"{path}/credentials", {"name": "Entra", "type": "federated", **trust})
        target = Target(
            scim_url=made.scim_url,
            token="",
            show=show_nothing,
            token_url=token_url,
            client=client,
            issuer=issuer,
        )
        target.token = target.new_token(**client)["access_token"]
        yield target


def run(target: Target) -> Iterator[tuple[str, str, str | None]]:
    """Run all tests; yields the workflow and the name of each, and what failed."""
    for workflow, tests in TESTS.items():
        for name, test in tests.items():
            try:
                test(target)
                yield workflow, name, None
            except (Unexpected, KeyError) as failure:
                yield workflow, name, str(failure)
            for path in list(reversed(target.created)):
                target.delete(path)


def main(_: Sequence[str]) -> int:
    """Run the validation on the server that LOCAL_DIR describes; 0 when all tests pass.

    Raises:
        DemoFailed: no server runs there.
        Failed: the token endpoint issues no access token.
    """
    failed, total, shown = set[str](), sum(map(len, TESTS.values())), ""
    with a_target(demo.running(os.environ)) as target:
        for workflow, name, failure in run(target):
            if workflow != shown:
                print(f"\n{workflow}")
                shown = workflow
            bad = "WARNING" if name in OPTIONAL_TESTS else "FAILED"
            print(f"  {name:34}{f'{bad}  {failure}' if failure else 'PASSED'}", flush=True)
            failed |= {name} if failure else set()
    print(f"\n{total - len(failed)} of {total} PASSED\noverallLogicAppResult: {verdict(failed)}")
    return 1 if failed else 0
