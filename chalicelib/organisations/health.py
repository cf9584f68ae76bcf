"""The health of a connection: its requests as counted by hour, and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.organisations.admin_context import AdminContext
from chalicelib.storage import lookups
from chalicelib.storage.counters import Counters, Health, health_of, hour
from chalicelib.storage.keys import ConnectionKeys
from chalicelib.storage.lookups import ConnectionScope

REQUESTS_OF = timedelta(hours=24)
# An older reason may have been fixed long ago.
REJECTIONS_OF = timedelta(days=7)

# What an admin does about rejected requests; the sender is not told the reason.
FIXES: Mapping[str, str] = {
    "missing": "The request had no token. Paste one into the identity provider.",
    "no_token": "The request had the word Bearer and nothing behind it. Paste a token into the "
    "identity provider's field for it.",
    "header_twice": "The request had two Authorization headers. Remove the one that was added as a "
    "custom header; the field for the token is enough.",
    "placeholder": "The request had a placeholder in the token's place. Paste the token itself, or "
    "give the variable its value.",
    "hint": "The shortened form of a token was pasted, as the console shows it in its list. A "
    "token is shown in full only once: create a new one and copy it whole.",
    "header_name": "The name of the header was pasted with the token. Enter the token only, "
    "beginning with psl_scim_.",
    "quotes": "There are quotation marks or brackets around the token. Enter it without them.",
    "bearer_twice": "The word Bearer was sent twice: the identity provider adds it itself. Enter "
    "the token only, beginning with psl_scim_.",
    "bearer_colon": "There is a colon or an equals sign behind the word Bearer. Expected: Bearer, "
    "one blank, the token.",
    "basic": "The identity provider sends a user name and a password (Basic). Choose bearer token, "
    "OAuth bearer token or HTTP header as the authentication mode, and paste the token there.",
    "url_as_token": "A URL was sent in the token's place. The SCIM URL and the token have fields "
    "of their own; check that they are not exchanged.",
    "percent": "The token was sent percent-encoded. Enter it as it is; it has letters, digits and "
    "underscores only.",
    "scheme": "The token was sent with another word than Bearer before it. Choose bearer token as "
    "the authentication mode, or begin the header's value with Bearer and one blank.",
    "blanks": "There is a blank, a line break or an invisible character in or around the token. "
    "Copy it again, without what stands before and behind it.",
    "joined": "There is no blank between the word Bearer and the token. Expected: Bearer, one "
    "blank, the token.",
    "bare": "The token was sent without the word Bearer. Choose bearer token as the authentication "
    "mode; where the value of the header is entered, begin it with Bearer and one blank.",
    "operator_key": "The operator key of the SaaS was sent. It must not be given to an identity "
    "provider: ask the SaaS's support to replace it, and paste a token of this connection.",
    "admin_link": "The code of an admin link was sent. Create a token for this connection and "
    "paste that.",
    "admin_session": "The token of an admin's session was sent. Create a token for this connection "
    "and paste that.",
    "secret_as_token": "The client secret was sent as a token. Choose OAuth 2.0 client "
    "credentials as the authentication mode and enter it as the client secret; or create a token "
    "here and paste that.",
    "jwt": "The identity provider sent a token of its own. Choose the authentication mode in which "
    "you enter a token yourself, and paste one of this connection.",
    "id_alone": "Only the id of a token was sent. Copy the whole token; if it is no longer shown, "
    "create a new one.",
    "letters": "The token has other letters: capitals and small letters differ. Copy it again.",
    "cut_off": "A part of the token is missing. Copy the whole token again; some forms cut what is "
    "longer than their field, so check its end.",
    "too_long": "There is something behind the token. Copy it again, without what follows it.",
    "mistyped": "The token has a typing error. Copy the whole token again, or create a new one.",
    "garbage": "What was sent is not a token of Passerelle. Copy the whole token again, or create "
    "a new one.",
    "wrong": "The secret part is wrong. Copy the whole token or client secret again, or create a "
    "new one.",
    "foreign": "It belongs to another connection. Create a token or client secret here, or correct "
    "the SCIM URL or token URL.",
    "other_url": "The token is right, but it was sent to the URL of another connection. Copy the "
    "SCIM URL of this connection into the identity provider, unchanged.",
    "revoked": "It was revoked. Create a new token or client secret in the console and paste it "
    "into your identity provider.",
    "expired": "It has expired. Create a new token or client secret in the console and paste it "
    "into your identity provider.",
    "type": "The connection does not accept credentials of this type any more. Use one of the "
    "types that its settings name, or let it accept this one too.",
    "access_expired": "The access token has expired. The identity provider gets the next one by "
    "itself; if this goes on, its clock may be wrong.",
    "token_request": "The request for an access token was no form of the client credentials grant. "
    "Choose OAuth 2.0 client credentials in the identity provider; it sends grant_type and the "
    "credential in the body, each once.",
    "client_missing": "The request for an access token had no client secret and no assertion. "
    "Enter client identifier and client secret in the identity provider.",
    "client_twice": "The request for an access token had two credentials at once. Choose one way "
    "of authentication in the identity provider.",
    "client_scheme": "The request for an access token had an Authorization header that cannot be "
    "read. Expected: Basic, with client identifier and client secret.",
    "client_id": "The client identifier is not the one of this connection. Copy it again, and "
    "the token endpoint too.",
    "client_secret": "What was sent as the client secret is something else, or a part of it is "
    "missing. Copy the whole secret again, or create a new one.",
    "token_as_secret": "A secret token was sent as the client secret. Create a client secret "
    "here and paste that, or choose bearer token as the authentication mode.",
    "scope": "Another scope than scim was asked for. Enter scim, or leave the field empty.",
    "assertion_form": "The assertion cannot be read. Choose workload identity federation in the "
    "identity provider, and check the token endpoint.",
    "assertion_issuer": "The assertion comes from an issuer that no credential of this connection "
    "trusts. Compare the tenant id in the identity provider with the one entered here.",
    "assertion_key": "The assertion was signed with a key that its issuer does not publish. If the "
    "tenant id is right, ask the SaaS's support.",
    "keys_wait": "The assertion was signed with a key that is not known yet, and its issuer was "
    "asked for its keys less than a minute ago. The identity provider sends it again by itself; if "
    "this goes on, somebody may be sending forged assertions.",
    "keys_unreachable": "The keys of the assertion's issuer could not be read: it did not respond "
    "within 5 s, or its response was too long. The identity provider sends the assertion again by "
    "itself; if this goes on, ask the SaaS's support.",
    "keys_response": "The issuer of the assertion responded with something else than its keys; a "
    "redirect is not followed. Compare the tenant id in the identity provider with the one entered "
    "here.",
    "keys_address": "The keys of the assertion's issuer are at an address that this service does "
    "not read: it is not public, or not https. Ask the SaaS's support.",
    "assertion_algorithm": "The assertion was signed in a way that is not accepted. Expected: "
    "RS256, PS256 or ES256, with a key of its issuer.",
    "assertion_signature": "The signature of the assertion is wrong: it was changed on its way, or "
    "somebody tried to forge one.",
    "assertion_claims": "The assertion lacks a time, or has one that is no number.",
    "assertion_expired": "The assertion has expired. Check the clock of the identity provider.",
    "assertion_early": "The assertion is not valid yet. Check the clock of the identity provider.",
    "assertion_subject": "The assertion has another subject than the one entered here. Copy the "
    "subject again, as the portal of the identity provider shows it.",
    "assertion_audience": "The assertion is for another audience than the one entered here. Copy "
    "the audience again, as the portal of the identity provider shows it.",
    "url": "The token is right, but the SCIM URL in the identity provider is not: a part of it is "
    "missing, added or in other letters. Copy the SCIM URL of this connection again, unchanged; it "
    "ends with the id of the connection.",
    "ended": "This connection has ended. Use the SCIM URL and a token of another one.",
    "suspended": "The organisation is suspended. Ask the SaaS's support to set it to active again.",
    "plan": "The organisation's plan does not include SCIM. Ask the SaaS's support for one that "
    "does.",
    "paused": "The connection is paused. Set it to active.",
    "rate": "There were more requests than the plan allows; the identity provider sends them "
    "again. If it goes on, ask the SaaS's support for a higher limit.",
}


# What a request was done in one way of two, and what an admin does where it was the wrong one.
ADVICE: Mapping[str, str] = {
    "members_kept": "A PUT of a group came without `members`, and the group kept those it has. "
    "If the identity provider leaves `members` out when a group is empty, those who leave it last "
    "keep their access: set `put_without_members` to `clear`, and let it send its groups again.",
    "members_cleared": "A PUT of a group of several members came without `members`, and the group "
    "was emptied. If the identity provider leaves out what it does not change, set "
    "`put_without_members` to `keep`, and let it send its groups again.",
    "active_kept": "A request cleared `active`, and the user stayed as they were: a user is always "
    "active or inactive. If the identity provider meant to deactivate them, map `active` there so "
    "that it sends false.",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How many users and groups there are."""

    users: int
    teams: int


def read(admin: AdminContext, connection_id: str, waiting: Counters) -> Health:
    """Read the counters of a connection: one Query of 30 days of hours.

    `waiting` is what this process has counted and not written yet.
    """
    now = admin.now()
    written = admin.items.query(ConnectionKeys(connection_id).health_hours())
    since, rejected_since = hour(now - REQUESTS_OF), hour(now - REJECTIONS_OF)
    return health_of([*written, waiting.item(now)], since, rejected_since)


def size(admin: AdminContext, connection_id: str) -> Size:
    """Count users and groups exactly: two Queries of counters."""
    scope = ConnectionScope(admin.items, ConnectionKeys(connection_id))
    return Size(users=lookups.count(scope, "U"), teams=lookups.count(scope, "G"))
