"""Values as providers really send them, over HTTP: what is cleared, kept, ignored and rejected."""

from __future__ import annotations

import json

import pytest

from app import build
from chalicelib.organisations import settings
from chalicelib.storage import grants
from chalicelib.storage.expressions import Delete, Put, Update, equals
from chalicelib.storage.keys import ConnectionKeys
from tests.support.builders import a_customer, scim_client

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def op(op="replace", path=None, value=..., **more):
    """Write one operation of a PATCH; ... leaves the value out."""
    path = {} if path is None else {"path": path}
    return {"op": op, **path, **({} if value is ... else {"value": value}), **more}


def patched(scim, user, operations):
    """Send a PATCH of a user."""
    return scim("PATCH", f"/Users/{user['id']}", {"Operations": operations})


def in_bulk(scim, method, path, data):
    """Send one operation in a bulk request; return its result."""
    operation = {"method": method, "path": path, "data": data}
    (result,) = scim("POST", "/Bulk", {"Operations": [operation]}).body["Operations"]
    return result


@pytest.fixture
def strict(services):
    """Send SCIM requests to a connection that rejects what its schemas do not have."""
    chosen = {"unknown_attributes": "strict"}
    customer = a_customer(services, identity_provider="other", settings=chosen)
    return scim_client(build(services), customer.connection, customer.token)


# --- A user is always active or inactive --------------------------------------------------------

CLEARING = [
    op("Replace", "active", ""),
    op("replace", "active", None),
    op("replace", "active", []),
    op("replace", "active", [None]),
    op("replace", "active", [""]),
    op("replace", "active", {"value": ""}),
    op("replace", "active", [{"$ref": None, "value": None}]),
    op("add", "Active", ""),
    op("Remove", "active"),
    op("remove", "active", value=True),
    op("remove", f"{CORE}:active"),
    op("replace", f"{CORE}.active", ""),
    op("replace", CORE, {"active": ""}),
    op("replace", None, {"active": None}),
    op("add", None, {"ACTIVE": []}),
    op("replace", None, {f"{CORE}:active": ""}),
    op("replace", None, {CORE: {"active": ""}}),
]


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("operation", CLEARING, ids=str)
def test_a_patch_that_clears_active_changes_nothing_of_it(scim, operation, active):
    """A deactivated user stays deactivated; the rest of the request takes effect."""
    user = scim.a_user(active=active)

    changed = patched(scim, user, [operation, op("replace", "title", "Guide")])

    assert (changed.status, changed.body["active"], changed.body["title"]) == (200, active, "Guide")
    found = scim("GET", f"/Users?filter=active%20eq%20{str(active).lower()}").body
    assert found["totalResults"] == 1


@pytest.mark.parametrize("active", [None, "", [], [None], [""], {"value": None}, ...])
def test_a_put_that_clears_active_leaves_it_as_it_is(scim, active):
    """Sent alone and in a bulk request."""
    user = scim.a_user(active=False)
    body = {"userName": "ada", "title": "Guide"} | ({} if active is ... else {"active": active})

    changed = scim("PUT", f"/Users/{user['id']}", body)
    in_bulk(scim, "PUT", f"/Users/{user['id']}", body | {"title": "Cook"})

    assert (changed.status, changed.body["active"]) == (200, False)
    read = scim("GET", f"/Users/{user['id']}").body
    assert (read["active"], read["title"]) == (False, "Cook")


@pytest.mark.parametrize("operation", [CLEARING[0], CLEARING[8], CLEARING[13]], ids=str)
def test_active_is_not_cleared_in_a_bulk_request(scim, operation):
    """Its operations are handled as if they had come alone."""
    user = scim.a_user(active=False)

    in_bulk(scim, "PATCH", f"/Users/{user['id']}", {"Operations": [operation]})

    assert scim("GET", f"/Users/{user['id']}").body["active"] is False


@pytest.mark.parametrize("active", [None, "", [], ...])
def test_a_new_user_is_active_unless_the_request_says_otherwise(scim, active):
    """RFC 7643 has no default for `active`; a provider creates who may come in."""
    sent = {} if active is ... else {"active": active}

    assert scim.a_user(**sent)["active"] is True


@pytest.fixture
def without_active(services, context, scim):
    """Return a user as the first release could store one."""
    user = scim.a_user(emails=[{"value": "ada@example.com"}])
    keys = ConnectionKeys(context.connection)
    items = services.table.namespace(grants.scim(keys), services.deadline())
    document = '{"emails":[{"value":"ada@example.com"}],"userName":"ada"}'
    items.commit([Update(keys.user(user["id"]), set={"doc": document})])
    return user


def test_a_stored_user_without_active_reads_as_inactive(scim, without_active):
    """One by one, in lists and by filters, until a request says otherwise."""
    uid = without_active["id"]

    assert scim("GET", f"/Users/{uid}").body["active"] is False
    assert scim("GET", "/Users").body["Resources"][0]["active"] is False
    assert scim("GET", "/Users?filter=active%20eq%20true").body["totalResults"] == 0
    assert scim("GET", "/Users?filter=active%20eq%20false").body["totalResults"] == 1
    assert scim("GET", "/Users?filter=not%20(active%20pr)").body["totalResults"] == 0


@pytest.mark.parametrize("operation", [op("replace", "title", "x"), CLEARING[0], CLEARING[8]])
def test_a_patch_of_a_stored_user_without_active_leaves_them_inactive(
    scim, without_active, operation
):
    """Only `true` lets somebody in."""
    patched(scim, without_active, [operation])
    assert scim("GET", f"/Users/{without_active['id']}").body["active"] is False

    patched(scim, without_active, [op("replace", "active", "True")])
    assert scim("GET", f"/Users/{without_active['id']}").body["active"] is True


def test_the_saas_sees_a_stored_user_without_active_as_inactive(
    scim, operator, context, without_active
):
    """The list, the look-up and the sign-in."""
    settings.put_domain(context.admin, "example.com")
    root = f"/admin/organisations/{context.organisation}"

    assert operator("GET", f"{root}/users").body["items"][0]["active"] is False
    assert operator("GET", f"{root}/users/{without_active['id']}").body["active"] is False
    told = operator("POST", "/sign-in", {"email": "ada@example.com"}).body
    assert told["method"] == "inactive"


# --- A value of which nothing is understood -----------------------------------------------------

KEPT = {
    "name": {"givenName": "Ada"},
    "emails": [{"value": "ada@example.com", "type": "work"}],
    "roles": [{"value": "guide"}],
    ENTERPRISE: {"department": "Tours", "manager": {"value": "1"}},
}
NOT_UNDERSTOOD = [
    ({"emails": {"email": [{"value": "w@example.com"}]}}, "emails"),
    ({"emails": [{"address": "w@example.com"}]}, "emails"),
    ({"roles": [{"id": "1"}]}, "roles"),
    ({"roles": [{"id": "1"}, {"name": "x"}]}, "roles"),
    ({"roles": {"roles": [{"id": "1"}]}}, "roles"),
    ({"name": {"first": "A"}}, "name"),
    ({"name": [{"first": "A"}]}, "name"),
    ({CORE: {"name": {"first": "A"}}}, "name"),
    ({f"{CORE}:name": {"first": "A"}}, "name"),
    ({ENTERPRISE: {"dept": "x"}}, ENTERPRISE),
    ({"manager": {"id": "2"}}, ENTERPRISE),
    ({f"{ENTERPRISE}:manager": {"id": "2"}}, ENTERPRISE),
]


@pytest.mark.parametrize(("sent", "name"), NOT_UNDERSTOOD, ids=str)
def test_a_put_keeps_an_attribute_of_whose_value_nothing_is_understood(scim, sent, name):
    """The deactivation in the same request must not be lost, and neither the address."""
    user = scim("POST", "/Users", {"userName": "ada", **KEPT}).body
    expected = KEPT[name]
    if name == ENTERPRISE and ENTERPRISE not in sent:
        expected = {"manager": {"value": "1"}}

    changed = scim("PUT", f"/Users/{user['id']}", {"userName": "ada", "active": "False", **sent})

    assert (changed.status, changed.body["active"], changed.body[name]) == (200, False, expected)


CLEARED = [
    {},
    {"emails": [], "roles": None, "name": "", ENTERPRISE: {}},
    {"emails": [{}], "name": {}, "roles": [], "manager": ""},
    {"emails": {"emails": []}, "name": [], ENTERPRISE: None},
]


@pytest.mark.parametrize("sent", CLEARED, ids=str)
def test_a_put_clears_what_it_leaves_out_or_sends_empty(scim, sent):
    """RFC 7643 section 2.5: null, the empty array and an absent attribute are the same."""
    user = scim("POST", "/Users", {"userName": "ada", **KEPT}).body

    changed = scim("PUT", f"/Users/{user['id']}", {"userName": "ada", **sent})

    assert changed.status == 200
    assert not KEPT.keys() & changed.body.keys()


def test_a_put_replaces_the_rest_of_an_extension_of_which_a_value_is_kept(scim):
    """What is understood takes effect."""
    user = scim("POST", "/Users", {"userName": "ada", **KEPT}).body
    extension = {"department": "Treks", "manager": {"id": "2"}}

    changed = scim("PUT", f"/Users/{user['id']}", {"userName": "ada", ENTERPRISE: extension})

    assert changed.body[ENTERPRISE] == {"department": "Treks", "manager": {"value": "1"}}


@pytest.mark.parametrize("sent", [{"roles": [{"id": "1"}]}, {"emails": {"a": 1}}])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_a_strict_connection_rejects_a_value_of_which_nothing_is_understood(strict, method, sent):
    """It names the attribute, and in a PATCH the operation."""
    user = strict.a_user()
    path = "/Users" if method == "POST" else f"/Users/{user['id']}"
    operations = {"Operations": [op("replace", "title", "x"), op("replace", None, sent)]}
    body = operations if method == "PATCH" else {"userName": "b", **sent}

    response = strict(method, path, body)

    assert (response.status, response.body["scimType"]) == (400, "invalidValue")
    where = "Operations[1]: " if method == "PATCH" else ""
    (name,) = sent
    assert response.body["detail"].startswith(f"{where}{name}.")


# --- A value filter that finds nothing ----------------------------------------------------------

MISSING = [
    (op("replace", 'emails[type eq "work"].value', "a@example.com"), 400),
    (op("replace", 'emails[type eq "work"]', {"value": "a@example.com"}), 400),
    (op("replace", f'{CORE}:emails[type eq "work"].value', "a@example.com"), 400),
    (op("replace", None, {'emails[type eq "work"].value': "a@example.com"}), 400),
    (op("replace", 'roles[value eq "x"].display', "X"), 400),
    (op("add", 'emails[type eq "work"].value', "a@example.com"), 200),
    (op("remove", 'emails[type eq "work"]'), 200),
    (op("remove", 'emails[type eq "work"].value'), 200),
    (op("replace", 'emails[type eq "work"].value', ""), 200),
    (op("replace", "emails", [{"type": "work", "value": "a@example.com"}]), 200),
]


@pytest.mark.parametrize(("operation", "status"), MISSING, ids=str)
def test_a_strict_connection_creates_no_value_that_a_replace_does_not_find(
    scim, strict, operation, status
):
    """RFC 7644 section 3.5.2.3: noTarget; a lenient connection creates it, as Entra ID expects."""
    user = strict.a_user()
    response = patched(strict, user, [op("add", "title", "x"), operation])

    assert patched(scim, scim.a_user(), [operation]).status == 200
    assert response.status == status
    if status == 400:
        assert response.body["scimType"] == "noTarget"
        assert response.body["detail"].startswith("Operations[1]: ")
        assert "title" not in strict("GET", f"/Users/{user['id']}").body


@pytest.mark.parametrize(
    ("provider", "chosen", "status"),
    [("entra", {}, 200), ("other", {"creates_missing_values": True}, 200), ("okta", {}, 400)],
)
def test_a_setting_says_whether_a_missing_value_is_created(services, provider, chosen, status):
    """Entra ID relies on it, so its preset says so on strict connections too."""
    settings = {"unknown_attributes": "strict", **chosen}
    customer = a_customer(services, identity_provider=provider, settings=settings)
    scim = scim_client(build(services), customer.connection, customer.token)

    assert patched(scim, scim.a_user(), [MISSING[0][0]]).status == status


UNKNOWN_PATHS = ["departement", "name.first", 'departement[type eq "x"].y', f"{ENTERPRISE}:dept"]


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
@pytest.mark.parametrize("verb", ["add", "replace", "remove"])
def test_an_unknown_path_is_an_invalid_path_on_a_strict_connection(strict, verb, path):
    """RFC 7644 table 9."""
    response = patched(strict, strict.a_user(), [op(verb, path, "x")])

    assert (response.status, response.body["scimType"]) == (400, "invalidPath")
    assert response.body["detail"].startswith("Operations[0]: ")


# --- Searches -----------------------------------------------------------------------------------

ATTRIBUTES = [
    ({"attributes": "userName"}, {"userName"}),
    ({"attributes": "userName,title"}, {"userName", "title"}),
    ({"attributes": ["userName", "title"]}, {"userName", "title"}),
    ({"attributes": "userName", "excludedAttributes": ""}, {"userName"}),
    ({"excludedAttributes": "title"}, {"userName", "meta", "active"}),
    ({"excludedAttributes": "title,meta"}, {"userName", "active"}),
    ({"attributes": None, "excludedAttributes": "meta"}, {"userName", "active", "title"}),
]


@pytest.mark.parametrize(("sent", "names"), ATTRIBUTES)
@pytest.mark.parametrize("path", ["/Users/.search", "/.search"])
def test_the_attributes_of_a_search_may_be_a_text(scim, path, sent, names):
    """As in a query; RFC 7644 section 3.4.3 has an array."""
    scim.a_user(title="Guide")

    (found,) = scim("POST", path, sent).body["Resources"]

    assert found.keys() - {"schemas", "id"} == names


@pytest.mark.parametrize("sent", [5, True, {}, [5], ["title", None]])
def test_attributes_of_a_search_that_are_no_names_are_rejected(scim, sent):
    """Ignoring them would return more than was asked for."""
    assert scim("POST", "/Users/.search", {"attributes": sent}).status == 400


PLUS = 'userName eq "a+b+c@example.com"'
FOUND = [
    (PLUS, 1),
    ('USERNAME EQ "a+b+c@example.com"', 1),
    (f'{CORE}:userName eq "a+b+c@example.com"', 1),
    ('emails.value eq "a+b+c@example.com"', 1),
    ('emails eq "a+b+c@example.com"', 1),
    ('userName eq "A+b+C@example.com"', 1),
    ('userName eq "a+b+c@exam+ple.com"', 0),
    ('userName eq "a+b+c"', 0),
    ('userName eq "a+b+c@example.com@example.com"', 0),
    ('userName ne "a+b+c@example.com" and active eq false', 0),
    ('userName eq "a+b+c@example.com" and active eq true', 0),
    ('userName sw "a+b+c@example.com"', 0),
    ('not (userName ne "a+b+c@example.com")', 0),
    ('emails[value eq "a+b+c@example.com"]', 0),
    ('externalId eq "a+b+c@example.com"', 0),
]


@pytest.mark.parametrize(("text", "total"), FOUND)
def test_a_plus_sign_that_a_client_does_not_encode_is_found(scim, text, total):
    """It arrives as a blank; the client would create the user, which is a conflict for ever."""
    address = "a+b+c@example.com"
    scim("POST", "/Users", {"userName": address, "emails": [{"value": address}]})
    raw = text.replace("%", "%25").replace('"', "%22").replace(" ", "%20")

    assert scim("GET", f"/Users?filter={raw}").body["totalResults"] == total
    assert scim("GET", f"/Users?filter={raw}&count=0").body["totalResults"] == total


def test_a_blank_that_was_meant_finds_who_has_it(scim):
    """Only where nobody is found are the blanks read as plus signs."""
    for name in ("a b@example.com", "a+b@example.com"):
        scim.a_user(name)

    found = scim("GET", "/Users?filter=userName%20eq%20%22a%20b@example.com%22").body

    assert [each["userName"] for each in found["Resources"]] == ["a b@example.com"]


@pytest.mark.parametrize("path", ["/Users/.search", "/.search"])
def test_blanks_in_the_body_of_a_search_are_blanks(scim, path):
    """JSON has no plus sign that stands for a blank."""
    scim.a_user("a+b@example.com")

    assert scim("POST", path, {"filter": 'userName eq "a b@example.com"'}).body["Resources"] == []


# --- Names that could be mistaken for others ----------------------------------------------------

LOOK_ALIKES = [("ada\ufe0f", "U+FE0F"), ("Ａda", "U+FF21"), ("ad\u200ba", "U+200B")]


@pytest.mark.parametrize(("name", "shown"), LOOK_ALIKES)
def test_a_look_alike_name_is_rejected_when_it_is_given(scim, name, shown):
    """On create and on a change of the name; a PATCH names its operation."""
    user = scim.a_user()
    operations = [op("replace", "title", "x"), op("replace", "userName", name)]
    responses = [
        scim("POST", "/Users", {"userName": name}),
        scim("PUT", f"/Users/{user['id']}", {"userName": name}),
        patched(scim, user, operations),
    ]

    assert [each.status for each in responses] == [400, 400, 400]
    assert all(shown in each.body["detail"] for each in responses)
    assert responses[2].body["detail"].startswith("Operations[1]: userName: ")


@pytest.mark.parametrize("name", [name for name, _ in LOOK_ALIKES], ids=ascii)
def test_a_stored_name_is_never_validated_again(services, context, scim, name):
    """A user who has it must be deactivated like any other."""
    user = scim.a_user("x")
    keys = ConnectionKeys(context.connection)
    items = services.table.namespace(grants.scim(keys), services.deadline())
    document = json.dumps({"userName": name, "active": True})
    items.commit(
        [
            Update(keys.user(user["id"]), set={"doc": document}),
            Delete(keys.user_name("x"), equals("uid", user["id"])),
            Put(keys.user_name(name), {"uid": user["id"]}),
        ]
    )
    path = f"/Users/{user['id']}"

    assert patched(scim, user, [op("replace", "title", "Guide")]).status == 200
    changes = {"userName": name, "active": "False"}
    assert patched(scim, user, [op("replace", None, changes)]).body["active"] is False
    assert scim("PUT", path, {"userName": name, "active": False}).body["active"] is False
    assert scim("PUT", path, {"userName": "ada"}).status == 200


# --- Which operation ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "members", [{"value": "0" * 32}]),
        op("add", "members", [{"value": "nobody"}]),
        op("replace", "members", {"value": "0" * 32}),
        op("add", None, {"members": [{"value": "0" * 32}]}),
        op("add", "members", [{"id": "1"}]),
        op("add", "members[value sw 1]", "x"),
        op("replace", "displayName", ""),
        op("replace", "displayName", 5),
    ],
    ids=str,
)
def test_an_error_of_a_patch_of_a_group_names_its_operation(scim, operation):
    """A value, a member who is not there, a path."""
    gid = scim("POST", "/Groups", {"displayName": "G"}).body["id"]
    operations = [op("replace", "externalId", "x"), op("add", "members", []), operation]

    response = scim("PATCH", f"/Groups/{gid}", {"Operations": operations})

    assert response.status == 400
    assert response.body["detail"].startswith("Operations[2]: ") or operation["value"] == ""


# --- Choices: docs/conformance.md has the reasons -----------------------------------------------

NUMBERS = [
    ("title", 5),
    ("externalId", 42),
    ("userName", 1.5),
    (ENTERPRISE, {"employeeNumber": 42}),
    ("emails", [{"value": 5}]),
    ("phoneNumbers", [5]),
    ("title", [5]),
    ("title", {"value": 5}),
]


@pytest.mark.parametrize(("name", "value"), NUMBERS, ids=str)
def test_a_number_is_not_read_as_a_text(scim, name, value):
    """How it is to be written is not known here; the text names the attribute."""
    user = scim.a_user()
    responses = [
        scim("POST", "/Users", {"userName": "bob", name: value}),
        scim("PUT", f"/Users/{user['id']}", {"userName": "ada", name: value}),
        patched(scim, user, [op("replace", name, value)]),
    ]

    assert {(each.status, each.body["scimType"]) for each in responses} == {(400, "invalidValue")}
    assert all("expected a string, got a number" in each.body["detail"] for each in responses)


UNQUOTED = ["userName eq Ada Lovelace", "displayName eq Ada L", "title eq a b and active eq true"]


@pytest.mark.parametrize("text", UNQUOTED)
def test_a_filter_without_quotation_marks_is_rejected_at_the_blank(scim, text):
    """Never an empty list; one bare word is a text."""
    scim.a_user("Ada", title="a")

    response = scim("GET", f"/Users?filter={text.replace(' ', '%20')}")
    bare = scim("GET", "/Users?filter=userName%20eq%20ada")

    assert (response.status, response.body["scimType"]) == (400, "invalidFilter")
    assert bare.body["totalResults"] == 1


REMOVALS = [
    lambda uid: op("remove", "members", {"members": [{"value": uid}]}),
    lambda uid: op("remove", "members", {"members": {"value": uid}}),
    lambda uid: op("remove", "members", {"Members": [uid]}),
    lambda uid: op("remove", "members", [{"value": uid}]),
    lambda uid: op("remove", "members", {"value": uid}),
    lambda uid: op("remove", f'members[value eq "{uid}"]'),
    lambda uid: op("remove", f'members[value eq "{uid}" and type eq "User"]'),
    lambda uid: op("remove", f'members[type eq "user" and value eq "{uid}"]'),
    lambda uid: op("remove", f'members[value eq "x" or (value eq "{uid}" and type eq "User")]'),
]


@pytest.mark.parametrize("write", REMOVALS)
def test_only_the_members_that_a_removal_names_are_removed(scim, write):
    """In whatever form it names them."""
    stays, leaves = (scim.a_user(name)["id"] for name in ("ada", "bob"))
    members = [{"value": stays}, {"value": leaves}]
    gid = scim("POST", "/Groups", {"displayName": "G", "members": members}).body["id"]

    response = scim("PATCH", f"/Groups/{gid}", {"Operations": [write(leaves)]})

    assert response.status == 200
    assert [each["value"] for each in response.body["members"]] == [stays]


@pytest.mark.parametrize("count", [2, 40])
def test_one_unknown_member_in_a_push_adds_nobody(scim, count):
    """All or nothing; the client sees which id it must correct."""
    uids = [scim.a_user(f"u{number}")["id"] for number in range(count)]
    gid = scim("POST", "/Groups", {"displayName": "G"}).body["id"]
    members = [{"value": uid} for uid in (*uids, "0" * 32)]

    response = scim("PATCH", f"/Groups/{gid}", {"Operations": [op("add", "members", members)]})

    assert response.status == 400
    assert response.body["detail"].startswith("Operations[0]: members: no user")
    assert scim("GET", f"/Groups/{gid}").body.get("members", []) == []


# --- What was ignored is in the log ------------------------------------------------------------

BOTH = ["departement", "roles.id"]
LOGGED = [
    ("POST", {"departement": "x"}, ["departement"]),
    ("PUT", {"departement": "x", "active": ""}, ["departement", "active"]),
    ("PUT", {"emails": [{"address": "x"}]}, ["emails.address"]),
    ("PUT", {ENTERPRISE: {"dept": "x"}}, [f"{ENTERPRISE}:dept"]),
    ("PUT", {"schemas": [CORE, "urn:x"], "meta": {}, "password": "p"}, []),
    ("PUT", {"ada@example.com": 1, "ada.lovelace": 1, "name": {"a b": 1}}, 3),
    ("PATCH", [op("remove", "active")], ["active"]),
    ("PATCH", [op("add", None, {"departement": "x", "roles": [{"id": 1}]})], BOTH),
    ("PATCH", [op("replace", 'emails[value eq "ada"]', {"address": 1})], ["emails.address"]),
    ("PATCH", [op("replace", 'shoes[value eq "ada"].size', 1)], 1),
    ("PATCH", [op("replace", "schemas", []), op("replace", "meta.version", "1")], []),
]


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("case", LOGGED, ids=str)
def test_the_log_names_what_was_ignored(scim, operator, context, bulk, case):
    """An admin sees from it that a mapping is wrong; a key that may be data is only counted."""
    method, sent, expected = case
    names, unnamed = ([], expected) if isinstance(expected, int) else (expected, 0)
    path = "/Users" if method == "POST" else f"/Users/{scim.a_user()['id']}"
    body = {"Operations": sent} if method == "PATCH" else {"userName": "bob", **sent}

    if bulk:
        operation = {"method": method, "path": path, "data": body, "bulkId": "1"}
        scim("POST", "/Bulk", {"Operations": [operation]})
    else:
        scim(method, path, body)

    root = f"/admin/organisations/{context.organisation}/connections/{context.connection}"
    entries = operator("GET", f"{root}/log").body["items"]
    assert [each["ignored"] for each in entries if each["ignored"]] == ([names] if names else [])
    assert sum(each["unnamed"] for each in entries) == unnamed
