"""The table of the admin API: every method and path, who may use it, and its handler."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from chalicelib.api.admin import (
    acknowledgements,
    alerts,
    audit,
    connections,
    digest,
    erasures,
    events,
    extensions,
    feed,
    groups,
    health,
    listening,
    log,
    organisations,
    published,
    self_test,
    sessions,
    settings,
    sign_in,
    summary,
    tokens,
    users,
    webhooks,
)
from chalicelib.api.admin.problems import problem
from chalicelib.api.admin.requests import Access, Route, respond
from chalicelib.api.router import Endpoint
from chalicelib.api.services import Services
from chalicelib.storage.operator_keys import Scope

ANYONE, OPERATOR, OWN_ADMIN, SETUP = Access
# The scopes of operator keys that routes need; all others need `admin`.
SIGN_IN: Scope = "sign-in"
READ: Scope = "directory:read"
CHANGES: Scope = "changes"

ORGANISATIONS = "/admin/organisations"
ORGANISATION = f"{ORGANISATIONS}/{{organisation}}"
CONNECTION = f"{ORGANISATION}/connections/{{connection}}"
WORKSPACE = f"{ORGANISATION}/workspaces/{{workspace}}"
TOKEN = f"{CONNECTION}/tokens/{{token}}"
CREDENTIAL = f"{CONNECTION}/credentials/{{token}}"
CONSOLE_LINK = f"{ORGANISATION}/console-links/{{link}}"
SESSION = f"{ORGANISATION}/sessions/{{session}}"
TEAM = f"{ORGANISATION}/teams/{{team}}"
USER = f"{ORGANISATION}/users/{{user}}"
WEBHOOK = "/admin/webhooks/{webhook}"

ROUTES = (
    Route("GET", "/health", ANYONE, health.get_health),
    Route("GET", "/openapi.json", ANYONE, published.get_openapi),
    Route("POST", "/sign-in", OPERATOR, sign_in.find_sign_in_method, scope=SIGN_IN),
    Route("POST", "/admin/sessions", ANYONE, sessions.create_session),
    Route(
        "DELETE",
        "/admin/sessions/current",
        SETUP,
        sessions.end_own_session,
        allowed_while_suspended=True,
    ),
    Route(
        "POST",
        "/admin/sessions/current/finish",
        SETUP,
        sessions.finish_setup,
        allowed_while_suspended=True,
    ),
    Route("GET", "/admin/summary", SETUP, summary.get_summary),
    # An organisation
    Route("POST", ORGANISATIONS, OPERATOR, organisations.create_organisation),
    Route("GET", ORGANISATIONS, OPERATOR, organisations.list_organisations, scope=READ),
    Route("GET", ORGANISATION, OWN_ADMIN, organisations.get_organisation, scope=READ),
    Route("PATCH", ORGANISATION, OPERATOR, organisations.change_organisation),
    Route("DELETE", ORGANISATION, OPERATOR, organisations.delete_organisation),
    Route("PUT", WORKSPACE, OPERATOR, settings.put_workspace),
    Route("DELETE", WORKSPACE, OPERATOR, settings.delete_workspace),
    Route("PUT", f"{ORGANISATION}/roles/{{role}}", OPERATOR, settings.put_role),
    Route("DELETE", f"{ORGANISATION}/roles/{{role}}", OPERATOR, settings.delete_role),
    Route("PUT", f"{ORGANISATION}/domains/{{domain}}", OPERATOR, settings.put_domain),
    Route("DELETE", f"{ORGANISATION}/domains/{{domain}}", OPERATOR, settings.delete_domain),
    Route("POST", f"{ORGANISATION}/console-links", OPERATOR, sessions.create_console_link),
    Route("GET", f"{ORGANISATION}/console-links", OPERATOR, sessions.list_console_links),
    Route("DELETE", CONSOLE_LINK, OPERATOR, sessions.revoke_console_link),
    Route("GET", f"{ORGANISATION}/sessions", OWN_ADMIN, sessions.list_sessions),
    Route(
        "DELETE",
        f"{ORGANISATION}/sessions",
        OWN_ADMIN,
        sessions.end_sessions,
        allowed_while_suspended=True,
    ),
    Route(
        "DELETE",
        SESSION,
        OWN_ADMIN,
        sessions.end_session,
        allowed_while_suspended=True,
    ),
    Route("GET", f"{ORGANISATION}/audit", OWN_ADMIN, audit.list_audit),
    Route("GET", "/admin/erasures", OPERATOR, erasures.list_erasures),
    Route("DELETE", USER, OPERATOR, erasures.erase_user),
    Route("GET", "/admin/audit", OPERATOR, audit.list_deployment_audit),
    Route("GET", f"{ORGANISATION}/changes", OPERATOR, feed.list_changes, scope=CHANGES),
    Route(
        "POST",
        f"{ORGANISATION}/acknowledgements",
        OPERATOR,
        acknowledgements.acknowledge,
        scope=CHANGES,
    ),
    # Events of all organisations
    Route("GET", "/admin/changes", OPERATOR, events.list_events, scope=CHANGES),
    Route("POST", "/admin/webhooks", OPERATOR, webhooks.create_webhook),
    Route("GET", "/admin/webhooks", OPERATOR, webhooks.list_webhooks),
    Route("GET", WEBHOOK, OPERATOR, webhooks.get_webhook),
    Route("PATCH", WEBHOOK, OPERATOR, webhooks.change_webhook),
    Route("DELETE", WEBHOOK, OPERATOR, webhooks.delete_webhook),
    Route("POST", f"{WEBHOOK}/test", OPERATOR, webhooks.send_test_event),
    Route("POST", f"{WEBHOOK}/rotate", OPERATOR, webhooks.rotate_webhook),
    Route("POST", f"{WEBHOOK}/replay", OPERATOR, webhooks.replay),
    Route("GET", f"{WEBHOOK}/deliveries", OPERATOR, webhooks.list_deliveries),
    Route("GET", f"{WEBHOOK}/dead-letters", OPERATOR, webhooks.list_dead_letters),
    Route("DELETE", f"{WEBHOOK}/dead-letters", OPERATOR, webhooks.clear_dead_letters),
    Route("POST", f"{ORGANISATION}/resolve", OPERATOR, users.resolve, scope=READ),
    Route("GET", "/admin/connections", OPERATOR, alerts.list_all_connections, scope=READ),
    # Its connections
    Route(
        "POST",
        f"{ORGANISATION}/connections",
        SETUP,
        connections.create_connection,
        creates_connection=True,
    ),
    Route(
        "GET",
        f"{ORGANISATION}/connections",
        OWN_ADMIN,
        connections.list_connections,
        scope=READ,
    ),
    Route("GET", CONNECTION, SETUP, connections.get_connection),
    Route("PATCH", CONNECTION, SETUP, connections.change_connection),
    Route("DELETE", CONNECTION, OWN_ADMIN, connections.delete_connection),
    Route("POST", f"{CONNECTION}/tokens", SETUP, tokens.create_token),
    Route("GET", f"{CONNECTION}/tokens", SETUP, tokens.list_tokens),
    Route("DELETE", TOKEN, SETUP, tokens.revoke_token),
    Route("POST", f"{TOKEN}/rotate", SETUP, tokens.rotate_token),
    Route("POST", f"{CONNECTION}/credentials", SETUP, tokens.create_credential),
    Route("GET", f"{CONNECTION}/credentials", SETUP, tokens.list_credentials),
    Route("DELETE", CREDENTIAL, SETUP, tokens.revoke_credential),
    Route("POST", f"{CREDENTIAL}/rotate", SETUP, tokens.rotate_credential),
    Route(
        "POST",
        f"{CONNECTION}/test",
        SETUP,
        self_test.run_self_test,
        allowed_while_suspended=True,
    ),
    Route("GET", f"{CONNECTION}/log", SETUP, log.list_log),
    Route(
        "POST",
        f"{CONNECTION}/listen",
        SETUP,
        listening.listen,
        allowed_while_suspended=True,
    ),
    Route("GET", f"{CONNECTION}/rejected", SETUP, listening.list_rejected),
    Route("GET", f"{CONNECTION}/digest", OPERATOR, digest.get_digest, scope=READ),
    Route("GET", f"{CONNECTION}/schemas", OWN_ADMIN, extensions.list_schemas),
    Route("GET", f"{CONNECTION}/schemas/{{urn}}", OWN_ADMIN, extensions.get_schema),
    Route("PUT", f"{CONNECTION}/schemas/{{urn}}", OWN_ADMIN, extensions.put_schema),
    Route("DELETE", f"{CONNECTION}/schemas/{{urn}}", OWN_ADMIN, extensions.delete_schema),
    # Its users and groups
    Route("GET", f"{ORGANISATION}/users", OWN_ADMIN, users.list_users, scope=READ),
    Route("GET", USER, OWN_ADMIN, users.get_user, scope=READ),
    Route("PUT", f"{USER}/roles", OWN_ADMIN, users.replace_roles),
    Route("PUT", f"{USER}/roles/{{role}}", OWN_ADMIN, users.assign_role),
    Route("DELETE", f"{USER}/roles/{{role}}", OWN_ADMIN, users.withdraw_role),
    Route("PUT", f"{USER}/account", OPERATOR, users.link_account, scope=CHANGES),
    Route("DELETE", f"{USER}/account", OPERATOR, users.unlink_account, scope=CHANGES),
    Route("POST", f"{USER}/password-set", OPERATOR, users.report_password_set, scope=SIGN_IN),
    Route("GET", f"{ORGANISATION}/teams", OWN_ADMIN, groups.list_teams, scope=READ),
    Route("GET", TEAM, OWN_ADMIN, groups.get_team, scope=READ),
    Route(
        "GET",
        f"{TEAM}/members",
        OWN_ADMIN,
        groups.list_members,
        scope=READ,
    ),
)


def endpoints(services: Services) -> Iterator[Endpoint]:
    """Yield the endpoints of the admin API, one for each path."""
    by_path: dict[str, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES:
        by_path[route.path][route.method] = route
    for path, methods in by_path.items():
        yield Endpoint(path, partial(respond, services, methods), problem)
