// The digest of a copy, as docs/events.md defines it: equal digests, equal directories.

import { createHash } from "node:crypto";

export interface StoredUser {
  id: string;
  connection: string;
  version: number;
  active: boolean;
}

export interface StoredTeam {
  id: string;
  connection: string;
  version: number;
}

export interface Membership {
  team: string;
  user: string;
}

/** A copy of an organisation or of a part of it. */
export interface Copy {
  users: StoredUser[];
  teams: StoredTeam[];
  memberships: Membership[];
}

export type Buckets = Record<"users" | "groups" | "memberships", string[]>;

const BUCKETS = 256;

/** Return what belongs to one connection. */
export function ofConnection(copy: Copy, connection: string): Copy {
  const users = copy.users.filter((each) => each.connection === connection);
  const own = new Set(users.map((each) => each.id));
  return {
    users,
    teams: copy.teams.filter((each) => each.connection === connection),
    memberships: copy.memberships.filter((each) => own.has(each.user)),
  };
}

/** Return what belongs to ids that begin with `prefix`: of memberships, the user's. */
export function part(copy: Copy, prefix: string): Copy {
  return {
    users: copy.users.filter((each) => each.id.startsWith(prefix)),
    teams: copy.teams.filter((each) => each.id.startsWith(prefix)),
    memberships: copy.memberships.filter((each) => each.user.startsWith(prefix)),
  };
}

/** Compute the digests of the 256 buckets, by type. */
export function buckets(copy: Copy): Buckets {
  return {
    users: digests(copy.users, (u) => [u.id, `${u.id}:${u.version}:${u.active ? 1 : 0}`]),
    groups: digests(copy.teams, (t) => [t.id, `${t.id}:${t.version}`]),
    memberships: digests(copy.memberships, (m) => [m.user, `${m.team}:${m.user}`]),
  };
}

function digests<T>(objects: T[], described: (object: T) => [string, string]): string[] {
  const numbers = new BigUint64Array(BUCKETS);
  for (const object of objects) {
    const [sortedBy, text] = described(object);
    const bucket = Number.parseInt(sortedBy.slice(0, 2), 16);
    const number = createHash("sha256").update(text).digest().readBigUInt64BE();
    numbers[bucket] = (numbers[bucket] ?? 0n) ^ number;
  }
  return [...numbers].map((number) => number.toString(16).padStart(16, "0"));
}
