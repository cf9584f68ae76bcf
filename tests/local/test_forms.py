"""The ways in which identity providers change a group, at every size that they send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from app import build
from chalicelib.api.services import Services
from chalicelib.auth.secrets import Secrets
from chalicelib.settings import Settings
from dev.measure.population import populate
from tests.support.builders import ApiClient, Response, a_customer, api_client
from tests.support.invariants import assert_sound

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Uids = Sequence[str]

# The largest is sent once in each of the three things that may be done: to add, remove, replace.
SIZES = (1, 33, 300)
# Enough for sixty transactions; `make scale` goes on to 20,000.
AND_MANY = (*SIZES, 2_000)
OTHERS = 3


def patch(*operations: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Write a PATCH."""
    return "PATCH", {"schemas": [PATCH_URN], "Operations": list(operations)}


def values(uids: Uids, **more: Any) -> list[dict[str, Any]]:
    """Write members."""
    return [{"value": uid, **more} for uid in uids]


@dataclass(frozen=True, slots=True)
class Form:
    """A way to name members: what is sent, and whether they are members afterwards.

    `whole`: those who are not named go.
    """

    send: Callable[[Uids], tuple[str, dict[str, Any]]]
    joins: bool = True
    whole: bool = False
    sizes: Sequence[int] = SIZES


FORMS = {
    "Entra adds": Form(
        lambda uids: patch({"op": "Add", "path": "members", "value": values(uids, type="User")}),
        sizes=AND_MANY,
    ),
    "Entra removes": Form(
        lambda uids: patch({"op": "Remove", "path": "members", "value": values(uids)}), joins=False
    ),
    "Entra adds one by one": Form(
        lambda uids: patch(
            *({"op": "Add", "path": "members", "value": values([uid])} for uid in uids)
        ),
    ),
    "Okta adds": Form(
        lambda uids: patch({"op": "add", "path": "members", "value": values(uids, display="Ada")})
    ),
    "Okta removes": Form(
        lambda uids: patch(
            *({"op": "remove", "path": f'members[value eq "{uid}"]'} for uid in uids)
        ),
        joins=False,
    ),
    "Okta replaces": Form(
        lambda uids: patch({"op": "replace", "path": "members", "value": values(uids)}), whole=True
    ),
    "Okta puts": Form(
        lambda uids: ("PUT", {"displayName": "Tour", "members": values(uids)}),
        whole=True,
        sizes=AND_MANY,
    ),
    "JumpCloud adds again": Form(
        lambda uids: patch(*[{"op": "add", "path": "members", "value": values(uids)}] * 2)
    ),
    "JumpCloud removes": Form(
        lambda uids: patch({"op": "remove", "path": "members", "value": values(uids)}),
        joins=False,
        sizes=AND_MANY,
    ),
}
# Each form with each size, of which none or a third are there already; of the largest a third.
CASES = {
    f"{name}, {size}, {there} there": (form, size, there)
    for name, form in FORMS.items()
    for size in form.sizes
    for there in sorted({0 if size in SIZES else size // 3, size // 3})
}


@dataclass(frozen=True, slots=True)
class Place:
    """A connection on the reference engine with users, some of whom are in the group."""

    services: Services
    scim: ApiClient
    root: str
    uids: Uids
    team: str

    def send(self, method: str, body: dict[str, Any]) -> Response:
        """Change the group."""
        return self.scim(method, f"{self.root}/Groups/{self.team}", body)

    def members(self) -> list[str]:
        """Read the group's members, page by page."""
        found: list[str] = []
        next_cursor = ""
        while True:
            path = f"{self.root}/Groups/{self.team}/members?count=1000&cursor={next_cursor}"
            page = self.scim("GET", path).body
            found += [each["value"] for each in page["Resources"]]
            next_cursor = page.get("nextCursor", "")
            if not next_cursor:
                return found


@pytest.fixture
def place(table, secretsmanager) -> Callable[[int, int], Place]:
    """Set up a connection with so many users, the first of them in the group."""

    def make(users: int, there: int) -> Place:
        settings = Settings.from_environment()
        services = Services(table, Secrets(secretsmanager, settings.secrets_prefix), settings)
        context = a_customer(services, identity_provider="other")
        there_is = populate(table, users, joined=there, connection=context.connection)
        scim = api_client(build(services), context.token)
        root = f"/scim/v2/{context.connection}"
        return Place(services, scim, root, there_is.uids, there_is.group)

    return make


def quick_first(case: tuple[Form, int, int]) -> Any:
    """Leave the largest to `make campaigns-test`."""
    return case if case[1] in SIZES else pytest.param(case, marks=pytest.mark.campaign)


@pytest.mark.parametrize("case", [*map(quick_first, CASES.values())], ids=CASES)
def test_only_the_named_users_are_added_or_removed(place, case):
    """Three others are in the group as well; the response comes when the change is complete."""
    form, size, there = case
    made = place(size + OTHERS, there + OTHERS)
    others, named = made.uids[:OTHERS], made.uids[OTHERS:]

    response = made.send(*form.send(named))

    assert response.status in {200, 204}, response.body
    left = [] if form.whole else others
    assert made.members() == sorted([*left, *(named if form.joins else [])])
    assert_sound(made.services.table)


@pytest.mark.parametrize("size", SIZES)
def test_a_team_may_be_created_with_its_members(place, size):
    """Okta and Google create a group and name its members in one request."""
    made = place(size, 0)

    body = {"displayName": "Tour", "members": values(made.uids)}
    gid = made.scim("POST", f"{made.root}/Groups", body).body["id"]

    assert len(Place(made.services, made.scim, made.root, (), gid).members()) == size
