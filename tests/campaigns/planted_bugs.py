"""The bugs that `make planted` plants: one edit each, and the quickest test that finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """An edit of one file: `old`, which occurs once, becomes `new`.

    `found_by` says in words what finds it, `test` are the arguments of pytest that select it.
    """

    name: str
    file: str
    old: str
    new: str
    found_by: str
    test: Sequence[str]


DELETES = "chalicelib/directory/deletes.py"
GROUPS = "chalicelib/directory/groups.py"
MEMBERS = "chalicelib/directory/members.py"
RATES = "chalicelib/api/rate_limit.py"
PENDING = "chalicelib/directory/pending_changes.py"
USERS = "chalicelib/directory/users.py"

RACES = "tests/local/test_races.py"
FAULTS = "tests/local/test_faults.py"
HALF_VISIBLE = "tests/local/test_half_visible.py"


BUGS: Sequence[Bug] = (
    # What must hold when two requests meet.
    Bug(
        "a user who joins a group while being deleted stays a member",
        DELETES,
        "    return len(found.group_ids) != user.joins and joined_lately\n",
        "    return user.joins < 0\n",
        "a membership that is half visible during a user's delete",
        [HALF_VISIBLE, "-k", "deleted and user"],
    ),
    Bug(
        "a step of a large change does not check its lease",
        PENDING,
        "condition=lease_unchanged(before),",
        "",
        "a step that comes when another process has completed the change",
        ["tests/directory/test_members.py", "-k", "lease_is_lost"],
    ),
    Bug(
        "a change ignores the lease of another one",
        GROUPS,
        'condition = EXISTS & absent("lease")',
        "condition = EXISTS",
        "two large additions to one group",
        [RACES, "-k", "two and large and additions"],
    ),
    Bug(
        "a PUT of members does not notice members that were added meanwhile",
        GROUPS,
        '        condition &= equals("m", before.memberships)',
        "        pass",
        "two PUTs of members",
        [RACES, "-k", "two and replaces and not many"],
    ),
    Bug(
        "a change of a user overwrites another one",
        USERS,
        'equals("v", before.version) & absent("lease")',
        'absent("lease")',
        "two PATCHes of a user",
        [RACES, "-k", "two and PATCHes"],
    ),
    Bug(
        "removing a member does not check that they still are one",
        MEMBERS,
        "        yield Delete(keys.member(gid, uid), EXISTS)\n"
        "        yield Delete(keys.reverse(uid, gid), EXISTS)",
        "        yield Delete(keys.member(gid, uid))\n        yield Delete(keys.reverse(uid, gid))",
        "a removal during a user's delete",
        [RACES, "-k", "user and delete and end"],
    ),
    Bug(
        "a user gets a userName that another user has",
        USERS,
        'Put(keys.user_name(user.document["userName"]), {"uid": user.id}, NEW)',
        'Put(keys.user_name(user.document["userName"]), {"uid": user.id})',
        "a create with a userName in use",
        ["tests/directory/test_users.py", "-k", "letter_case"],
    ),
    Bug(
        "a DELETE that another request has finished is 404",
        DELETES,
        "            _go_on(context, uid, started)\n            return",
        "            continue",
        "a membership that meets a delete in 40 groups",
        [RACES, "-k", "40 and membership"],
    ),
    Bug(
        "a delete that a rejected request finishes is told as that request's",
        DELETES,
        "_go_on(context.on_behalf_of(lease.change_id), uid, lease)",
        "_go_on(context, uid, lease)",
        "a PATCH that meets a delete that has crashed",
        ["tests/directory/test_deletes.py", "-k", "who_began"],
    ),
    # What must hold when AWS fails or a process dies.
    Bug(
        "a repeated transaction gets a new token",
        "chalicelib/storage/transactions.py",
        "client.transact_write_items(**request)",
        'client.transact_write_items(**request | {"ClientRequestToken": deadline.clock.new_id()})',
        "a lost response to a creation",
        [FAULTS, "-k", "single and fault and create"],
    ),
    Bug(
        "keys that DynamoDB left unprocessed count as absent",
        "chalicelib/storage/table.py",
        'response.get("UnprocessedKeys", {})',
        'response.get("ProcessedKeys", {})',
        "a batch that comes back in part",
        ["tests/storage/test_table.py"],
    ),
    Bug(
        "keys that were asked for ahead, and left unprocessed, count as absent",
        "chalicelib/storage/table.py",
        'if response.get("UnprocessedKeys"):',
        'if response.get("ProcessedKeys"):',
        "a batch that comes back in part, ahead",
        ["tests/storage/test_table.py", "-k", "unprocessed"],
    ),
    Bug(
        "a group's delete removes the group's half of a membership first",
        DELETES,
        "        context.items.batch_delete(context.keys.reverse(uid, gid) for uid in page)\n"
        "        context.items.batch_delete(context.keys.member(gid, uid) for uid in page)",
        "        context.items.batch_delete(context.keys.member(gid, uid) for uid in page)\n"
        "        context.items.batch_delete(context.keys.reverse(uid, gid) for uid in page)",
        "a crash between the two",
        ["tests/directory/test_deletes.py", "-k", "sweeper and crashed"],
    ),
    Bug(
        "a large change leaves out the last part",
        PENDING,
        "            yield Delta(add=frozenset(part))",
        "            if len(part) == ADDS_PER_STEP:\n"
        "                yield Delta(add=frozenset(part))",
        "two large additions to one group",
        [RACES, "-k", "two and large and additions"],
    ),
    # What must hold when half of a transaction is visible, and over the attempts of a request.
    Bug(
        "a retried PATCH does not check that what was settled still is",
        MEMBERS,
        "        *(Check(member(gid, uid), EXISTS) for uid in sorted(settled.add)),\n",
        "",
        "another PATCH between two attempts of one",
        [HALF_VISIBLE, "-k", "retried"],
    ),
    Bug(
        "a group is read with whatever members are visible",
        "chalicelib/storage/directory_items.py",
        "return len(uids) == self.size and checksum_of(uids) == self.checksum",
        "return True",
        "a member whose item is not visible yet",
        [HALF_VISIBLE, "-k", "acknowledged"],
    ),
    Bug(
        "the members of a group are only counted when they are read",
        "chalicelib/storage/directory_items.py",
        "return len(uids) == self.size and checksum_of(uids) == self.checksum",
        "return len(uids) == self.size",
        "one member replaced by another between the two reads",
        [HALF_VISIBLE, "-k", "one_member_by_another"],
    ),
    Bug(
        "a change item names who was asked for, not who came",
        GROUPS,
        'Change("membership", plan.gid, added=delta.add, removed=delta.remove)',
        'Change("membership", plan.gid, added=delta.add | plan.settled.add)',
        "a member who is there already, in the log of the request",
        ["tests/api/admin/test_log.py", "-k", "who_came"],
    ),
    Bug(
        "two PATCHes of a group with one If-Match both succeed",
        GROUPS,
        "if before and (wanted.precondition or wanted.members.replace is not None):",
        "if before and wanted.members.replace is not None:",
        "a PATCH between the read and the transaction of another",
        ["tests/api/scim/test_versions.py", "-k", "one_if_match"],
    ),
    Bug(
        "a name that a group has already is not kept from a rename meanwhile",
        GROUPS,
        "if before and (wanted.edit or wanted.precondition):",
        "if before and wanted.precondition:",
        "a rename between the read and the transaction of a PATCH with this name",
        ["tests/api/scim/test_versions.py", "-k", "rename_meanwhile"],
    ),
    Bug(
        "lastModified of a group stays in a large change",
        PENDING,
        'modified = {"modified": context.now()} if step else {}',
        "modified: dict[str, str] = {}",
        "lastModified of a group with 40 new members",
        ["tests/api/scim/test_versions.py", "-k", "last_modified"],
    ),
    Bug(
        "a user's ETag stays when the groups in the body change",
        "chalicelib/directory/resources.py",
        "user_version(user, joined)",
        "user_version(user)",
        "If-None-Match after joining a group",
        ["tests/api/scim/test_versions.py", "-k", "304"],
    ),
    Bug(
        "a group's delete is complete whatever it could see",
        DELETES,
        "if group is None or group.has_exactly(found):",
        "if True:",
        "a member of a deleted group who is not visible",
        [HALF_VISIBLE, "-k", "deleted_group"],
    ),
    Bug(
        "an entry of the feed says what its change did, not what is so",
        "chalicelib/organisations/feed.py",
        "present=bool(entry.keys) and all(key in there for key in entry.keys)",
        "present=entry.user in set(entry.change.added)",
        "an add that is committed after a removal and stands before it",
        ["tests/api/admin/test_feed.py", "-k", "either_order"],
    ),
    # What must hold of the counters, of names and of lists.
    Bug(
        "a large change does not count the members that it adds",
        PENDING,
        "add=step.counted if step else {},",
        'add={"m": 1} if step else {},',
        "the size of a group and its members",
        [FAULTS, "-k", "single and fault and 40 and create"],
    ),
    Bug(
        "a user's delete leaves the sizes of groups as they are",
        DELETES,
        "add=Delta(remove=frozenset({uid})).counted,",
        'add={"m": 1},',
        "the size of a group and its members",
        [RACES, "-k", "user and delete and end"],
    ),
    Bug(
        "a user's delete does not decrement the number of users",
        DELETES,
        '        Update(keys.counter("U", user.id), add={"n": -1}),\n',
        "",
        "the number of users after a delete",
        ["tests/directory/test_deletes.py", "-k", "deleted_user_is_gone"],
    ),
    Bug(
        "the cursor of a page skips an item",
        "chalicelib/organisations/paging.py",
        "cursor_of(items[size - 1])",
        "cursor_of(items[size])",
        "a list read page by page",
        ["tests/organisations/test_organisation_users.py"],
    ),
    Bug(
        "a change of a user sets the default role of today",
        USERS,
        "update(keys.user(uid), after, ",
        "update(\n"
        "            keys.user(uid),\n"
        "            replace(after, granted_role=context.default_role),\n"
        '            also=["granted_role"],\n'
        "            condition=",
        "the role of a user after a PATCH",
        ["tests/directory/test_users.py", "-k", "role"],
    ),
    # What must hold of secrets and of tenants.
    Bug(
        "a revoked token is accepted",
        "chalicelib/auth/authenticate.py",
        "if token is None or not token.live(now):",
        "if token is None:",
        "a request with a token after its revocation",
        ["tests/auth/test_authenticate.py"],
    ),
    Bug(
        "a grant covers every prefix that begins like its own",
        "chalicelib/storage/grants.py",
        'return f"{self.prefix}#" if self.whole else self.prefix',
        "return self.prefix",
        "a connection whose id begins like another's",
        ["tests/storage/test_grants.py"],
    ),
    Bug(
        "the provisioning log shows what it should mask",
        "chalicelib/scim/masking.py",
        'return f"{text[0]}{HIDDEN} ({length})"',
        'return f"{text} ({length})"',
        "values that must not be in a log entry",
        ["tests/scim/test_masking.py"],
    ),
    # Fair share.
    Bug(
        "each process accepts the whole rate of a connection",
        RATES,
        "            self.times = times if self.times == 1 else (self.times + times) / 2\n",
        "            self.times = 1.0\n",
        "a connection at 20 times its limit",
        ["tests/campaigns/test_crowded.py"],
    ),
    Bug(
        "the requests of a connection are counted by each process alone",
        "chalicelib/api/scim/handler.py",
        "take_shared(limit, principal.plan.rate, services.table, items.deadline)",
        "take(limit, principal.plan.rate)",
        "two processes with one connection",
        ["tests/api/test_rates.py"],
    ),
    Bug(
        "each request reports",
        RATES,
        "limit.asked if limit.asked >= REPORT else 0",
        "limit.asked",
        "calls for each request of a crowd",
        ["tests/campaigns/test_crowded.py"],
    ),
    Bug(
        "reports of other processes look like more requests",
        RATES,
        "        self.shared.left -= asked\n"
        "        self.shared.fill(self.rate.per_second, _shared_burst(self.rate), now)\n",
        "        self.shared.fill(self.rate.per_second, _shared_burst(self.rate), now)\n"
        "        self.shared.left -= asked\n",
        "a provider at nine tenths of its limit",
        ["tests/campaigns/test_crowded.py"],
    ),
)
