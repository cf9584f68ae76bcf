"""The admin API: a method for each operation.

Written by `make openapi` from the OpenAPI document: do not edit.
"""

from __future__ import annotations

from passerelle_client import types
from passerelle_client.http import HttpClient, part


class Admin(HttpClient):
    """The admin API of one deployment."""

    def list_deployment_audit(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        actor: str | None = None,
        action: str | None = None,
    ) -> types.Audit:
        """List deployment audit. What concerns the deployment, or outlives an organisation.
        Needs an operator key with the scope `admin`.
        """
        found: types.Audit = self.request(
            "GET",
            "/admin/audit",
            query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "actor": actor, "action": action},
        )
        return found

    def list_events(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        organisation: str | None = None,
    ) -> types.Changes | types.EventPage:
        """List events. After the cursor `after`; of one organisation with `organisation`. Needs
        an operator key with the scope `changes`.
        """
        found: types.Changes | types.EventPage = self.request(
            "GET",
            "/admin/changes",
            query={"limit": limit, "after": after, "organisation": organisation},
        )
        return found

    def list_all_connections(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        health: str | None = None,
        state: str | None = None,
    ) -> types.WatchedConnectionPage:
        """List all connections. Of all organisations, as the last look found them. Needs an
        operator key with the scope `directory:read`.
        """
        found: types.WatchedConnectionPage = self.request(
            "GET",
            "/admin/connections",
            query={"limit": limit, "cursor": cursor, "health": health, "state": state},
        )
        return found

    def list_erasures(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        organisation: str | None = None,
    ) -> types.ErasureRecordPage:
        """List erasures. The records of what was erased, each with its signature. Needs an
        operator key with the scope `admin`.
        """
        found: types.ErasureRecordPage = self.request(
            "GET",
            "/admin/erasures",
            query={"limit": limit, "cursor": cursor, "organisation": organisation},
        )
        return found

    def list_organisations(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        reference: str | None = None,
    ) -> types.ListedOrganisationPage:
        """List organisations. Needs an operator key with the scope `directory:read`."""
        found: types.ListedOrganisationPage = self.request(
            "GET",
            "/admin/organisations",
            query={"limit": limit, "cursor": cursor, "reference": reference},
        )
        return found

    def create_organisation(
        self,
        body: types.NewOrganisation,
        *,
        idempotency_key: str | None = None,
    ) -> types.Organisation:
        """Create organisation. Needs an operator key with the scope `admin`."""
        found: types.Organisation = self.request(
            "POST",
            "/admin/organisations",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def get_organisation(
        self,
        organisation: str,
    ) -> types.Organisation:
        """Get organisation. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.Organisation = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}",
        )
        return found

    def change_organisation(
        self,
        organisation: str,
        body: types.OrganisationChanges,
        *,
        if_match: str | None = None,
    ) -> types.Organisation:
        """Change organisation. Needs an operator key with the scope `admin`."""
        found: types.Organisation = self.request(
            "PATCH",
            f"/admin/organisations/{part(organisation)}",
            body=body,
            headers={"If-Match": if_match},
        )
        return found

    def delete_organisation(
        self,
        organisation: str,
        *,
        if_match: str | None = None,
        passerelle_confirm: str | None = None,
    ) -> types.Organisation:
        """Delete organisation. Begins now; at the end, some time after a minute, 404. Needs an
        operator key with the scope `admin`.
        """
        found: types.Organisation = self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}",
            headers={"If-Match": if_match, "Passerelle-Confirm": passerelle_confirm},
        )
        return found

    def acknowledge(
        self,
        organisation: str,
        body: types.Acknowledgement,
    ) -> types.Acknowledged:
        """Acknowledge. A leaver's access has ended; the first time counts. Needs an operator key
        with the scope `changes`.
        """
        found: types.Acknowledged = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/acknowledgements",
            body=body,
        )
        return found

    def list_audit(
        self,
        organisation: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        actor: str | None = None,
        action: str | None = None,
    ) -> types.Audit:
        """List audit. Needs a session of an admin, or an operator key with the scope `admin`."""
        found: types.Audit = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/audit",
            query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "actor": actor, "action": action},
        )
        return found

    def list_changes(
        self,
        organisation: str,
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> types.Changes:
        """List changes. After the cursor `after`, oldest first. Needs an operator key with the
        scope `changes`.
        """
        found: types.Changes = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/changes",
            query={"limit": limit, "after": after},
        )
        return found

    def list_connections(
        self,
        organisation: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> types.ConnectionPage:
        """List connections. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.ConnectionPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections",
            query={"limit": limit, "cursor": cursor},
        )
        return found

    def create_connection(
        self,
        organisation: str,
        body: types.NewConnection,
        *,
        idempotency_key: str | None = None,
    ) -> types.Connection:
        """Create connection. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        found: types.Connection = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def get_connection(
        self,
        organisation: str,
        connection: str,
    ) -> types.Connection:
        """Get connection. Needs a session, also one of a setup link, or an operator key with the
        scope `admin`.
        """
        found: types.Connection = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}",
        )
        return found

    def change_connection(
        self,
        organisation: str,
        connection: str,
        body: types.ConnectionChanges,
        *,
        if_match: str | None = None,
    ) -> types.Connection:
        """Change connection. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        found: types.Connection = self.request(
            "PATCH",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}",
            body=body,
            headers={"If-Match": if_match},
        )
        return found

    def delete_connection(
        self,
        organisation: str,
        connection: str,
        *,
        users: str | None = None,
        preview: bool | None = None,
        if_match: str | None = None,
    ) -> types.Preview | types.Connection | None:
        """Delete connection. Needs a session of an admin, or an operator key with the scope
        `admin`.
        """
        found: types.Preview | types.Connection | None = self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}",
            query={"users": users, "preview": preview},
            headers={"If-Match": if_match},
        )
        return found

    def list_credentials(
        self,
        organisation: str,
        connection: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> types.ConnectionCredentialPage:
        """List credentials. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        found: types.ConnectionCredentialPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/credentials",
            query={"limit": limit, "cursor": cursor},
        )
        return found

    def create_credential(
        self,
        organisation: str,
        connection: str,
        body: types.NewConnectionCredential,
        *,
        idempotency_key: str | None = None,
    ) -> types.NewCredentialShown:
        """Create credential. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        found: types.NewCredentialShown = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/credentials",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def revoke_credential(
        self,
        organisation: str,
        connection: str,
        token: str,
    ) -> None:
        """Revoke credential. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/credentials/{part(token)}",
        )

    def rotate_credential(
        self,
        organisation: str,
        connection: str,
        token: str,
        body: types.Rotation | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> types.NewCredentialShown:
        """Rotate credential. Needs a session, also one of a setup link, or an operator key with
        the scope `admin`.
        """
        found: types.NewCredentialShown = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/credentials/{part(token)}/rotate",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def get_digest(
        self,
        organisation: str,
        connection: str,
        *,
        bucket: str | None = None,
        after: str | None = None,
    ) -> types.Digest | types.DigestBucket:
        """Get digest. Needs an operator key with the scope `directory:read`."""
        found: types.Digest | types.DigestBucket = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/digest",
            query={"bucket": bucket, "after": after},
        )
        return found

    def listen(
        self,
        organisation: str,
        connection: str,
    ) -> types.Listening:
        """Listen. Rejected requests are written for five minutes. Needs a session, also one of a
        setup link, or an operator key with the scope `admin`.
        """
        found: types.Listening = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/listen",
        )
        return found

    def list_log(
        self,
        organisation: str,
        connection: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        outcome: str | None = None,
        user: str | None = None,
        group: str | None = None,
    ) -> types.LogEntryPage:
        """List log. Needs a session, also one of a setup link, or an operator key with the scope
        `admin`.
        """
        found: types.LogEntryPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/log",
            query={"limit": limit, "cursor": cursor, "from": from_, "to": to, "outcome": outcome, "user": user, "group": group},
        )
        return found

    def list_rejected(
        self,
        organisation: str,
        connection: str,
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> types.RejectedRequestPage:
        """List rejected. Those after `?after=`, the newest first. Needs a session, also one of a
        setup link, or an operator key with the scope `admin`.
        """
        found: types.RejectedRequestPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/rejected",
            query={"limit": limit, "after": after},
        )
        return found

    def list_schemas(
        self,
        organisation: str,
        connection: str,
    ) -> types.ExtensionSchemaPage:
        """List schemas. Needs a session of an admin, or an operator key with the scope `admin`."""
        found: types.ExtensionSchemaPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/schemas",
        )
        return found

    def get_schema(
        self,
        organisation: str,
        connection: str,
        urn: str,
    ) -> types.ExtensionSchema:
        """Get schema. Needs a session of an admin, or an operator key with the scope `admin`."""
        found: types.ExtensionSchema = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/schemas/{part(urn)}",
        )
        return found

    def put_schema(
        self,
        organisation: str,
        connection: str,
        urn: str,
        body: types.ExtensionSchema,
    ) -> types.ExtensionSchema:
        """Put schema. In force at the next SCIM request. Needs a session of an admin, or an
        operator key with the scope `admin`.
        """
        found: types.ExtensionSchema = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/schemas/{part(urn)}",
            body=body,
        )
        return found

    def delete_schema(
        self,
        organisation: str,
        connection: str,
        urn: str,
    ) -> None:
        """Delete schema. Needs a session of an admin, or an operator key with the scope `admin`."""
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/schemas/{part(urn)}",
        )

    def run_self_test(
        self,
        organisation: str,
        connection: str,
    ) -> types.TestReport:
        """Run self test. 200, whatever the outcome. Needs a session, also one of a setup link,
        or an operator key with the scope `admin`.
        """
        found: types.TestReport = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/test",
        )
        return found

    def list_tokens(
        self,
        organisation: str,
        connection: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> types.TokenPage:
        """List tokens. Needs a session, also one of a setup link, or an operator key with the
        scope `admin`.
        """
        found: types.TokenPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/tokens",
            query={"limit": limit, "cursor": cursor},
        )
        return found

    def create_token(
        self,
        organisation: str,
        connection: str,
        body: types.NewToken,
        *,
        idempotency_key: str | None = None,
    ) -> types.NewTokenShown:
        """Create token. Needs a session, also one of a setup link, or an operator key with the
        scope `admin`.
        """
        found: types.NewTokenShown = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/tokens",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def revoke_token(
        self,
        organisation: str,
        connection: str,
        token: str,
    ) -> None:
        """Revoke token. Needs a session, also one of a setup link, or an operator key with the
        scope `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/tokens/{part(token)}",
        )

    def rotate_token(
        self,
        organisation: str,
        connection: str,
        token: str,
        body: types.Rotation | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> types.NewTokenShown:
        """Rotate token. Needs a session, also one of a setup link, or an operator key with the
        scope `admin`.
        """
        found: types.NewTokenShown = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/connections/{part(connection)}/tokens/{part(token)}/rotate",
            body=body,
            headers={"Idempotency-Key": idempotency_key},
        )
        return found

    def list_console_links(
        self,
        organisation: str,
    ) -> types.ConsoleLinkPage:
        """List console links. Those that can still be used. Needs an operator key with the scope
        `admin`.
        """
        found: types.ConsoleLinkPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/console-links",
        )
        return found

    def create_console_link(
        self,
        organisation: str,
        body: types.NewConsoleLink,
    ) -> types.NewConsoleLinkShown:
        """Create console link. An admin link works for ten minutes, once; a setup link for days.
        Needs an operator key with the scope `admin`.
        """
        found: types.NewConsoleLinkShown = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/console-links",
            body=body,
        )
        return found

    def revoke_console_link(
        self,
        organisation: str,
        link: str,
        *,
        credentials: str | None = None,
    ) -> None:
        """Revoke console link. It cannot be used any more, and its sessions end. Needs an
        operator key with the scope `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/console-links/{part(link)}",
            query={"credentials": credentials},
        )

    def put_domain(
        self,
        organisation: str,
        domain: str,
        body: types.PutDomain | None = None,
    ) -> types.Domain:
        """Put domain. A body is not needed. Needs an operator key with the scope `admin`."""
        found: types.Domain = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/domains/{part(domain)}",
            body=body,
        )
        return found

    def delete_domain(
        self,
        organisation: str,
        domain: str,
    ) -> None:
        """Delete domain. Needs an operator key with the scope `admin`."""
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/domains/{part(domain)}",
        )

    def resolve(
        self,
        organisation: str,
        body: types.Identity,
    ) -> types.UserPage:
        """Resolve. Every user whom an assertion may mean. Needs an operator key with the scope
        `directory:read`.
        """
        found: types.UserPage = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/resolve",
            body=body,
        )
        return found

    def put_role(
        self,
        organisation: str,
        role: str,
        body: types.PutRole,
    ) -> types.Role:
        """Put role. Needs an operator key with the scope `admin`."""
        found: types.Role = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/roles/{part(role)}",
            body=body,
        )
        return found

    def delete_role(
        self,
        organisation: str,
        role: str,
    ) -> None:
        """Delete role. 409 where a connection uses it. Needs an operator key with the scope
        `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/roles/{part(role)}",
        )

    def list_sessions(
        self,
        organisation: str,
    ) -> types.ConsoleSessionPage:
        """List sessions. Those that go on. Needs a session of an admin, or an operator key with
        the scope `admin`.
        """
        found: types.ConsoleSessionPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/sessions",
        )
        return found

    def end_sessions(
        self,
        organisation: str,
        *,
        user: str | None = None,
    ) -> None:
        """End sessions. Ends those of `?user=`, by the SaaS's own id; without it all. Needs a
        session of an admin, or an operator key with the scope `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/sessions",
            query={"user": user},
        )

    def end_session(
        self,
        organisation: str,
        session: str,
    ) -> None:
        """End session. It is rejected from the next request on. Needs a session of an admin, or
        an operator key with the scope `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/sessions/{part(session)}",
        )

    def list_teams(
        self,
        organisation: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        search: str | None = None,
        include: str | None = None,
    ) -> types.TeamPage:
        """List teams. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.TeamPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/teams",
            query={"limit": limit, "cursor": cursor, "search": search, "include": include},
        )
        return found

    def get_team(
        self,
        organisation: str,
        team: str,
        *,
        include: str | None = None,
    ) -> types.Team:
        """Get team. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.Team = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/teams/{part(team)}",
            query={"include": include},
        )
        return found

    def list_members(
        self,
        organisation: str,
        team: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        include: str | None = None,
    ) -> types.UserPage:
        """List members. Users, without the other teams that they are in. Needs a session of an
        admin, or an operator key with the scope `directory:read`.
        """
        found: types.UserPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/teams/{part(team)}/members",
            query={"limit": limit, "cursor": cursor, "include": include},
        )
        return found

    def list_users(
        self,
        organisation: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        search: str | None = None,
        linked: bool | None = None,
        account: str | None = None,
        include: str | None = None,
    ) -> types.UserPage:
        """List users. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.UserPage = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/users",
            query={"limit": limit, "cursor": cursor, "search": search, "linked": linked, "account": account, "include": include},
        )
        return found

    def get_user(
        self,
        organisation: str,
        user: str,
        *,
        include: str | None = None,
    ) -> types.User:
        """Get user. Needs a session of an admin, or an operator key with the scope
        `directory:read`.
        """
        found: types.User = self.request(
            "GET",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}",
            query={"include": include},
        )
        return found

    def erase_user(
        self,
        organisation: str,
        user: str,
    ) -> types.ErasureRecord:
        """Erase user. Erase a person; returns the signed record. Needs an operator key with the
        scope `admin`.
        """
        found: types.ErasureRecord = self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}",
        )
        return found

    def link_account(
        self,
        organisation: str,
        user: str,
        body: types.AccountOfUser,
    ) -> types.User:
        """Link account. Needs an operator key with the scope `changes`."""
        found: types.User = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/account",
            body=body,
        )
        return found

    def unlink_account(
        self,
        organisation: str,
        user: str,
    ) -> None:
        """Unlink account. Needs an operator key with the scope `changes`."""
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/account",
        )

    def report_password_set(
        self,
        organisation: str,
        user: str,
    ) -> types.User:
        """Report password set. Needs an operator key with the scope `sign-in`."""
        found: types.User = self.request(
            "POST",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/password-set",
        )
        return found

    def replace_roles(
        self,
        organisation: str,
        user: str,
        body: types.RolesOfUser | list[types.RoleOfUser | str],
    ) -> types.User:
        """Replace roles. A list replaces all; an empty one leaves the user none. Needs a session
        of an admin, or an operator key with the scope `admin`.
        """
        found: types.User = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/roles",
            body=body,
        )
        return found

    def assign_role(
        self,
        organisation: str,
        user: str,
        role: str,
        *,
        workspace: str | None = None,
    ) -> types.User:
        """Assign role. Needs a session of an admin, or an operator key with the scope `admin`."""
        found: types.User = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/roles/{part(role)}",
            query={"workspace": workspace},
        )
        return found

    def withdraw_role(
        self,
        organisation: str,
        user: str,
        role: str,
        *,
        workspace: str | None = None,
    ) -> None:
        """Withdraw role. Needs a session of an admin, or an operator key with the scope `admin`."""
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/users/{part(user)}/roles/{part(role)}",
            query={"workspace": workspace},
        )

    def put_workspace(
        self,
        organisation: str,
        workspace: str,
        body: types.PutWorkspace,
    ) -> types.Workspace:
        """Put workspace. Needs an operator key with the scope `admin`."""
        found: types.Workspace = self.request(
            "PUT",
            f"/admin/organisations/{part(organisation)}/workspaces/{part(workspace)}",
            body=body,
        )
        return found

    def delete_workspace(
        self,
        organisation: str,
        workspace: str,
    ) -> None:
        """Delete workspace. 409 where a connection uses it. Needs an operator key with the scope
        `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/organisations/{part(organisation)}/workspaces/{part(workspace)}",
        )

    def create_session(
        self,
        body: types.Exchange,
    ) -> types.Session:
        """Create session. A session for a link, as a cookie, for a script as a token too. Open
        to anyone.
        """
        found: types.Session = self.request(
            "POST",
            "/admin/sessions",
            body=body,
        )
        return found

    def end_own_session(
        self,
    ) -> None:
        """End own session. It is rejected from the next request on. Needs a session, also one of
        a setup link, or an operator key with the scope `admin`.
        """
        self.request(
            "DELETE",
            "/admin/sessions/current",
        )

    def finish_setup(
        self,
    ) -> None:
        """Finish setup. The setup link and all sessions of it end. Needs a session, also one of
        a setup link, or an operator key with the scope `admin`.
        """
        self.request(
            "POST",
            "/admin/sessions/current/finish",
        )

    def get_summary(
        self,
    ) -> types.Summary:
        """Get summary. The session, its organisation and the connections that it may manage.
        Needs a session, also one of a setup link, or an operator key with the scope `admin`.
        """
        found: types.Summary = self.request(
            "GET",
            "/admin/summary",
        )
        return found

    def list_webhooks(
        self,
    ) -> types.WebhookPage:
        """List webhooks. All of them. Needs an operator key with the scope `admin`."""
        found: types.WebhookPage = self.request(
            "GET",
            "/admin/webhooks",
        )
        return found

    def create_webhook(
        self,
        body: types.NewWebhook,
    ) -> types.NewWebhookSecret:
        """Create webhook. Needs an operator key with the scope `admin`."""
        found: types.NewWebhookSecret = self.request(
            "POST",
            "/admin/webhooks",
            body=body,
        )
        return found

    def get_webhook(
        self,
        webhook: str,
    ) -> types.Webhook:
        """Get webhook. Needs an operator key with the scope `admin`."""
        found: types.Webhook = self.request(
            "GET",
            f"/admin/webhooks/{part(webhook)}",
        )
        return found

    def change_webhook(
        self,
        webhook: str,
        body: types.WebhookChanges,
    ) -> types.Webhook:
        """Change webhook. Needs an operator key with the scope `admin`."""
        found: types.Webhook = self.request(
            "PATCH",
            f"/admin/webhooks/{part(webhook)}",
            body=body,
        )
        return found

    def delete_webhook(
        self,
        webhook: str,
    ) -> None:
        """Delete webhook. Nothing more is sent. Needs an operator key with the scope `admin`."""
        self.request(
            "DELETE",
            f"/admin/webhooks/{part(webhook)}",
        )

    def list_dead_letters(
        self,
        webhook: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> types.DeadLetterPage:
        """List dead letters. What was given up, the newest first. Needs an operator key with the
        scope `admin`.
        """
        found: types.DeadLetterPage = self.request(
            "GET",
            f"/admin/webhooks/{part(webhook)}/dead-letters",
            query={"limit": limit, "cursor": cursor},
        )
        return found

    def clear_dead_letters(
        self,
        webhook: str,
    ) -> None:
        """Clear dead letters. They are not sent any more. Needs an operator key with the scope
        `admin`.
        """
        self.request(
            "DELETE",
            f"/admin/webhooks/{part(webhook)}/dead-letters",
        )

    def list_deliveries(
        self,
        webhook: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> types.DeliveryPage:
        """List deliveries. Of seven days, the newest first. Needs an operator key with the scope
        `admin`.
        """
        found: types.DeliveryPage = self.request(
            "GET",
            f"/admin/webhooks/{part(webhook)}/deliveries",
            query={"limit": limit, "cursor": cursor},
        )
        return found

    def replay(
        self,
        webhook: str,
        body: types.Replay,
    ) -> None:
        """Replay. From a cursor on, or what was given up. Needs an operator key with the scope
        `admin`.
        """
        self.request(
            "POST",
            f"/admin/webhooks/{part(webhook)}/replay",
            body=body,
        )

    def rotate_webhook(
        self,
        webhook: str,
    ) -> types.NewWebhookSecret:
        """Rotate webhook. For a day deliveries have both signatures. Needs an operator key with
        the scope `admin`.
        """
        found: types.NewWebhookSecret = self.request(
            "POST",
            f"/admin/webhooks/{part(webhook)}/rotate",
        )
        return found

    def send_test_event(
        self,
        webhook: str,
    ) -> types.Delivery:
        """Send test event. Sends one event now, and ends a pause if accepted. Needs an operator
        key with the scope `admin`.
        """
        found: types.Delivery = self.request(
            "POST",
            f"/admin/webhooks/{part(webhook)}/test",
        )
        return found

    def get_health(
        self,
    ) -> types.Health:
        """Get health. That it runs, and which version. Open to anyone."""
        found: types.Health = self.request(
            "GET",
            "/health",
        )
        return found

    def get_openapi(
        self,
    ) -> types.OpenApi:
        """Get openapi. Open to anyone."""
        found: types.OpenApi = self.request(
            "GET",
            "/openapi.json",
        )
        return found

    def find_sign_in_method(
        self,
        body: types.Visitor,
    ) -> types.NextStep:
        """Find sign in method. Needs an operator key with the scope `sign-in`."""
        found: types.NextStep = self.request(
            "POST",
            "/sign-in",
            body=body,
        )
        return found
