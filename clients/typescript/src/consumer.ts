// Keeps a copy of the directory equal to it: by events, by the feed, and by the digest.
//
// The application stores the copy: it gives a `Store`, and keeps the cursor. Every step reads what
// is so now and may be repeated, so an event that is told twice or late does no harm:
//
// - an event of a user or team whose version is not above the stored one is ignored;
// - a membership is set to its state; whom the copy does not know yet is read first;
// - a cursor that the feed no longer has leads to a new one, and to a comparison by the digest.

import { type Admin, ApiError, data, type Schemas } from "./admin.js";
import {
  type Copy,
  type Membership,
  type StoredTeam,
  type StoredUser,
  buckets,
  ofConnection,
  part,
} from "./digest.js";
import type { Event } from "./webhooks.js";

export type User = Schemas["User"];
export type Team = Schemas["Team"];

/**
 * What the application stores of the directory.
 *
 * Each method is one transaction. A user or team of a higher version is never overwritten; to
 * delete what is not there does nothing.
 */
export interface Store {
  user(user: string): Promise<StoredUser | undefined>;
  team(team: string): Promise<StoredTeam | undefined>;
  putUser(organisation: string, user: User): Promise<void>;
  /** Delete a user and their memberships: a leaver. */
  deleteUser(user: string): Promise<void>;
  putTeam(organisation: string, team: Team): Promise<void>;
  /** Delete a team and its memberships. */
  deleteTeam(team: string): Promise<void>;
  /** Let a user be in a team; both are stored. */
  putMembership(membership: Membership): Promise<void>;
  deleteMembership(membership: Membership): Promise<void>;
  /** Return all that is stored of an organisation. */
  copy(organisation: string): Promise<Copy>;
}

/** Where the feed goes on, for the application to store; and whether more is there already. */
export interface Step {
  cursor: string;
  more: boolean;
}

/** What a comparison has found and corrected; of a membership, its user. */
export interface Difference {
  type: "user" | "team" | "membership" | "connection";
  id: string;
}

// A copy that differs in more buckets is read by lists.
const MANY_BUCKETS = 64;
// While the directory changes, a comparison is repeated.
const ROUNDS = 3;
const LONGEST_PREFIX = 8;
const HEXADECIMAL = [..."0123456789abcdef"];
const IDLE_SECONDS = 1;

const ORGANISATION = "/admin/organisations/{organisation}";
const DIGEST = `${ORGANISATION}/connections/{connection}/digest` as const;

/** Keeps the copy of one store equal to the directory. */
export class Consumer {
  /** The key of `admin` needs the scopes `directory:read` and `changes`. */
  constructor(
    private readonly admin: Admin,
    private readonly store: Store,
  ) {}

  // --- the feed

  /** Read everything; return the cursor from which `follow` misses nothing. */
  async start(): Promise<string> {
    const cursor = await this.now();
    for (const organisation of await this.organisations()) await this.readOrganisation(organisation);
    return cursor;
  }

  /**
   * Apply the page of the feed after a cursor. Store the cursor of the result last.
   *
   * Where the feed no longer has what follows (the table was restored, or 90 days went by), the
   * copy is compared with the directory, and the result has a new cursor.
   */
  async step(cursor: string): Promise<Step> {
    const query = { after: cursor };
    const page = await data(this.admin.GET("/admin/changes", { params: { query } })).catch(
      only(400, null),
    );
    if (page === null) return { cursor: await this.restart(), more: true };
    for (const event of page.items) await this.apply(event as Event);
    return { cursor: page.next, more: page.more };
  }

  /**
   * Follow the feed until nothing newer is there; return the cursor to store.
   *
   * Without a cursor ("") everything is read first.
   */
  async catchUp(cursor: string): Promise<string> {
    let step = { cursor: cursor || (await this.start()), more: true };
    while (step.more) step = await this.step(step.cursor);
    return step.cursor;
  }

  /** Compare everything by the digest; return a new cursor. */
  async restart(): Promise<string> {
    const cursor = await this.now();
    for (const organisation of await this.organisations()) await this.reconcile(organisation);
    return cursor;
  }

  /** Follow the feed for ever: yield each cursor to store; wait where nothing is new. */
  async *follow(
    cursor: string,
    idle = IDLE_SECONDS,
    sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  ): AsyncGenerator<string> {
    for (let at = cursor; ; ) {
      const step = await this.step(at);
      if (step.cursor !== at) {
        at = step.cursor;
        yield at;
      }
      if (!step.more) await sleep(idle);
    }
  }

  // --- one event

  /** Apply an event: of the feed, or the `data` of a delivery that `verify` has accepted. */
  async apply(event: Event): Promise<void> {
    if (event.type === "membership") {
      const membership = { team: event.team, user: event.user };
      if (event.state === "absent") await this.store.deleteMembership(membership);
      else await this.addMember(event.organisation, membership);
    } else if (event.type === "connection") {
      await this.readOrganisation(event.organisation);
    } else if (event.type === "role" || event.type === "account") {
      await this.readUser(event.organisation, event.subject);
    } else if (event.type === "user") {
      await this.applyUser(event);
    } else if (event.type === "team") {
      await this.applyTeam(event);
    }
  }

  private async applyUser(event: Schemas["ToldChange"]): Promise<void> {
    if (event.version === null) return this.store.deleteUser(event.subject);
    const stored = await this.store.user(event.subject);
    if ((stored?.version ?? 0) < event.version) {
      await this.readUser(event.organisation, event.subject);
    }
  }

  private async applyTeam(event: Schemas["ToldChange"]): Promise<void> {
    if (event.version === null) return this.store.deleteTeam(event.subject);
    const stored = await this.store.team(event.subject);
    if ((stored?.version ?? 0) < event.version) {
      await this.readTeam(event.organisation, event.subject);
    }
  }

  /** Store a membership; read first whom the copy does not know yet. */
  private async addMember(organisation: string, membership: Membership): Promise<void> {
    const { team, user } = membership;
    if (!(await this.store.user(user))) await this.readUser(organisation, user);
    if (!(await this.store.team(team))) await this.readTeam(organisation, team);
    const known = (await this.store.user(user)) && (await this.store.team(team));
    if (known) await this.store.putMembership(membership);
  }

  private async readUser(organisation: string, user: string): Promise<void> {
    const params = { path: { organisation, user } };
    const read = data(this.admin.GET(`${ORGANISATION}/users/{user}`, { params }));
    const found = await read.catch(only(404, null));
    await (found ? this.store.putUser(organisation, found) : this.store.deleteUser(user));
  }

  private async readTeam(organisation: string, team: string): Promise<void> {
    const params = { path: { organisation, team } };
    const read = data(this.admin.GET(`${ORGANISATION}/teams/{team}`, { params }));
    const found = await read.catch(only(404, null));
    await (found ? this.store.putTeam(organisation, found) : this.store.deleteTeam(team));
  }

  // --- a whole organisation

  /** Read all users, teams and memberships of an organisation by lists. */
  async readOrganisation(organisation: string): Promise<void> {
    const before = await this.store.copy(organisation);
    const [users, teams] = [await this.users(organisation), await this.teams(organisation)];
    await this.forgetLater(before, users, teams);
    for (const user of users) await this.store.putUser(organisation, user);
    for (const team of teams) await this.store.putTeam(organisation, team);
    // Who is not in the lists is read: they may have come since.
    for (const { id } of without(before.users, users)) await this.readUser(organisation, id);
    for (const { id } of without(before.teams, teams)) await this.readTeam(organisation, id);
    const members = users.flatMap((user) =>
      (user.teams ?? []).map((team) => ({ team: team.id, user: user.id })),
    );
    const stored = [...(await this.store.copy(organisation)).memberships];
    for (const each of differing(stored, members)) await this.store.deleteMembership(each);
    for (const each of differing(members, stored)) await this.addMember(organisation, each);
  }

  /** Delete what has a later version than the directory: that was restored to an earlier moment. */
  private async forgetLater(
    ours: Copy,
    users: readonly Versioned[],
    teams: readonly Versioned[],
  ): Promise<void> {
    for (const { id } of later(ours.users, users)) await this.store.deleteUser(id);
    for (const { id } of later(ours.teams, teams)) await this.store.deleteTeam(id);
  }

  // --- the digest

  /** Tell whether the copy of an organisation equals the directory, by the digest. */
  async isEqual(organisation: string): Promise<boolean> {
    const copy = await this.store.copy(organisation);
    const connections = await this.connections(organisation);
    if (copy.users.some((user) => !connections.includes(user.connection))) return false;
    for (const connection of connections) {
      if ((await this.differing(organisation, connection, copy)).length) return false;
    }
    return true;
  }

  /**
   * Compare the copy of an organisation by the digest and correct it; return what differed.
   *
   * Ends after three comparisons: what goes on changing is left to the feed.
   */
  async reconcile(organisation: string): Promise<Difference[]> {
    const found: Difference[] = [];
    const copy = await this.store.copy(organisation);
    const connections = await this.connections(organisation);
    const isGone = (each: { connection: string }) => !connections.includes(each.connection);
    for (const { id } of copy.users.filter(isGone)) {
      found.push({ type: "user", id });
      await this.readUser(organisation, id);
    }
    for (const { id } of copy.teams.filter(isGone)) {
      found.push({ type: "team", id });
      await this.readTeam(organisation, id);
    }
    for (const connection of connections) {
      found.push(...(await this.reconcileConnection(organisation, connection)));
    }
    return found;
  }

  private async reconcileConnection(organisation: string, connection: string) {
    const found: Difference[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const copy = await this.store.copy(organisation);
      const prefixes = await this.differing(organisation, connection, copy);
      if (!prefixes.length) break;
      if (prefixes.length > MANY_BUCKETS) {
        found.push({ type: "connection", id: connection });
        await this.readOrganisation(organisation);
        continue;
      }
      const own = ofConnection(copy, connection);
      for (const prefix of prefixes) {
        found.push(...(await this.correct(organisation, connection, prefix, part(own, prefix))));
      }
    }
    return found;
  }

  /** Read what differs among the ids that begin with `prefix`. */
  private async correct(
    organisation: string,
    connection: string,
    prefix: string,
    ours: Copy,
  ): Promise<Difference[]> {
    const params = { path: { organisation, connection }, query: { bucket: prefix } };
    const read = data(this.admin.GET(DIGEST, { params }));
    // A bucket with too many objects for one response is read in sixteen parts.
    const fallback = prefix.length < LONGEST_PREFIX ? only(400, null) : never;
    const listed = (await read.catch(fallback)) as Schemas["DigestBucket"] | null;
    if (listed === null) {
      const parts = HEXADECIMAL.map((digit) => prefix + digit);
      const all = [];
      for (const each of parts) {
        all.push(...(await this.correct(organisation, connection, each, part(ours, each))));
      }
      return all;
    }
    return this.correctObjects(organisation, connection, listed, ours);
  }

  private async correctObjects(
    organisation: string,
    connection: string,
    listed: Schemas["DigestBucket"],
    ours: Copy,
  ): Promise<Difference[]> {
    const found: Difference[] = [];
    await this.forgetLater(ours, listed.users, listed.groups);
    for (const id of ids(listed.users.map((each) => ({ ...each, connection })), ours.users)) {
      found.push({ type: "user", id });
      await this.readUser(organisation, id);
    }
    for (const id of ids(listed.groups.map((each) => ({ ...each, connection })), ours.teams)) {
      found.push({ type: "team", id });
      await this.readTeam(organisation, id);
    }
    for (const each of differing(ours.memberships, listed.memberships)) {
      found.push({ type: "membership", id: each.user });
      await this.store.deleteMembership(each);
    }
    for (const each of differing(listed.memberships, ours.memberships)) {
      found.push({ type: "membership", id: each.user });
      await this.addMember(organisation, each);
    }
    return found;
  }

  /** Return the buckets in which a copy differs, as two digits each. */
  private async differing(organisation: string, connection: string, copy: Copy): Promise<string[]> {
    const own = buckets(ofConnection(copy, connection));
    const found = new Set<string>();
    let after: string | null = "00";
    while (after !== null) {
      const params = { path: { organisation, connection }, query: { after } };
      const page = (await data(this.admin.GET(DIGEST, { params }))) as Schemas["Digest"];
      for (const type of ["users", "groups", "memberships"] as const) {
        page[type].buckets.forEach((theirs, at) => {
          if (theirs !== null && theirs !== own[type][at]) {
            found.add(at.toString(16).padStart(2, "0"));
          }
        });
      }
      after = page.next;
    }
    return [...found].sort();
  }

  // --- lists

  private async now(): Promise<string> {
    const params = { query: { after: "now" } };
    return (await data(this.admin.GET("/admin/changes", { params }))).next;
  }

  /** List the ids of all organisations. */
  async organisations(): Promise<string[]> {
    const listed = await pages((query) =>
      data(this.admin.GET("/admin/organisations", { params: { query } })),
    );
    return listed.map((each) => each.id);
  }

  /** List the connections that have users; none where the organisation is gone. */
  private async connections(organisation: string): Promise<string[]> {
    const path = { organisation };
    const read = pages((query) =>
      data(this.admin.GET(`${ORGANISATION}/connections`, { params: { path, query } })),
    );
    return (await read.catch(only(404, []))).map((each) => each.id);
  }

  private async users(organisation: string): Promise<User[]> {
    const path = { organisation };
    const read = pages((query) =>
      data(this.admin.GET(`${ORGANISATION}/users`, { params: { path, query } })),
    );
    return read.catch(only(404, []));
  }

  private async teams(organisation: string): Promise<Team[]> {
    const path = { organisation };
    const read = pages((query) =>
      data(this.admin.GET(`${ORGANISATION}/teams`, { params: { path, query } })),
    );
    return read.catch(only(404, []));
  }
}

/** Read all pages of a list: `read` gets the cursor of a page, none for the first. */
export async function pages<T>(
  read: (query: { cursor?: string }) => Promise<{ items: T[]; next: string | null }>,
): Promise<T[]> {
  let page = await read({});
  const items = [...page.items];
  while (page.next !== null) {
    page = await read({ cursor: page.next });
    items.push(...page.items);
  }
  return items;
}

/** Return what handles an error: `instead` where it has this status, else it is thrown on. */
function only<T>(status: number, instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof ApiError && error.status === status) return instead;
    throw error;
  };
}

function never(error: unknown): never {
  throw error;
}

function without<T extends { id: string }>(objects: T[], others: { id: string }[]): T[] {
  const known = new Set(others.map((each) => each.id));
  return objects.filter((each) => !known.has(each.id));
}

type Versioned = { id: string; version: number };

/** Return those of `ours` that have a later version than among `theirs`. */
function later(ours: readonly Versioned[], theirs: readonly Versioned[]): Versioned[] {
  const versions = new Map(theirs.map((each) => [each.id, each.version]));
  return ours.filter((each) => each.version > (versions.get(each.id) ?? each.version));
}

function differing(ones: Membership[], others: Membership[]): Membership[] {
  const known = new Set(others.map((each) => `${each.team}:${each.user}`));
  return ones.filter((each) => !known.has(`${each.team}:${each.user}`));
}

/** Return the ids of what only one side has, or has another version or state of. */
function ids<T extends { id: string; version: number; active?: boolean }>(
  theirs: T[],
  ours: T[],
): string[] {
  const text = (each: T) => `${each.id}:${each.version}:${each.active}`;
  const [one, other] = [new Set(theirs.map(text)), new Set(ours.map(text))];
  const found = [...theirs.filter((each) => !other.has(text(each)))];
  found.push(...ours.filter((each) => !one.has(text(each))));
  return [...new Set(found.map((each) => each.id))];
}
