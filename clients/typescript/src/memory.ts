// A `Store` in memory: versions, states and memberships, which is all that the digest needs. For
// tests and samples; an application has tables of the same form.

import type { Store, Team, User } from "./consumer.js";
import type { Copy, Membership, StoredTeam, StoredUser } from "./digest.js";

export class MemoryCopy implements Store {
  /** How often something was written. */
  writes = 0;
  private readonly whole = new Map<string, Copy>();

  async user(user: string): Promise<StoredUser | undefined> {
    return this.copies().flatMap((copy) => copy.users).find((each) => each.id === user);
  }

  async team(team: string): Promise<StoredTeam | undefined> {
    return this.copies().flatMap((copy) => copy.teams).find((each) => each.id === team);
  }

  async putUser(organisation: string, user: User): Promise<void> {
    this.writes++;
    const copy = await this.copy(organisation);
    const { id, connection, version, active } = user;
    const stored = copy.users.find((each) => each.id === id);
    if ((stored?.version ?? 0) > version) return;
    copy.users = [...copy.users.filter((each) => each !== stored), { id, connection, version, active }];
  }

  async deleteUser(user: string): Promise<void> {
    this.writes++;
    for (const copy of this.copies()) {
      copy.users = copy.users.filter((each) => each.id !== user);
      copy.memberships = copy.memberships.filter((each) => each.user !== user);
    }
  }

  async putTeam(organisation: string, team: Team): Promise<void> {
    this.writes++;
    const copy = await this.copy(organisation);
    const { id, connection, version } = team;
    const stored = copy.teams.find((each) => each.id === id);
    if ((stored?.version ?? 0) > version) return;
    copy.teams = [...copy.teams.filter((each) => each !== stored), { id, connection, version }];
  }

  async deleteTeam(team: string): Promise<void> {
    this.writes++;
    for (const copy of this.copies()) {
      copy.teams = copy.teams.filter((each) => each.id !== team);
      copy.memberships = copy.memberships.filter((each) => each.team !== team);
    }
  }

  async putMembership(membership: Membership): Promise<void> {
    await this.deleteMembership(membership);
    const own = this.copies().find((copy) => copy.users.some((each) => each.id === membership.user));
    own?.memberships.push(membership);
  }

  async deleteMembership({ team, user }: Membership): Promise<void> {
    this.writes++;
    for (const copy of this.copies()) {
      copy.memberships = copy.memberships.filter((m) => m.team !== team || m.user !== user);
    }
  }

  async copy(organisation: string): Promise<Copy> {
    const copy = this.whole.get(organisation) ?? { users: [], teams: [], memberships: [] };
    this.whole.set(organisation, copy);
    return copy;
  }

  private copies(): Copy[] {
    return [...this.whole.values()];
  }
}
