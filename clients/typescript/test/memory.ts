// A store in memory, of all organisations.

import type { Copy, Membership, Store, StoredTeam, StoredUser, Team, User } from "../src/index.js";

export class Memory implements Store {
  readonly names = new Map<string, string>();
  writes = 0;
  private readonly whole = new Map<string, Copy>();

  async user(user: string): Promise<StoredUser | undefined> {
    return this.all().flatMap((copy) => copy.users).find((each) => each.id === user);
  }

  async team(team: string): Promise<StoredTeam | undefined> {
    return this.all().flatMap((copy) => copy.teams).find((each) => each.id === team);
  }

  async putUser(organisation: string, user: User): Promise<void> {
    this.writes++;
    this.names.set(user.id, user.user_name);
    const copy = await this.copy(organisation);
    const { id, connection, version, active } = user;
    copy.users = [...copy.users.filter((each) => each.id !== id), { id, connection, version, active }];
  }

  async deleteUser(user: string): Promise<void> {
    this.writes++;
    for (const copy of this.all()) {
      copy.users = copy.users.filter((each) => each.id !== user);
      copy.memberships = copy.memberships.filter((each) => each.user !== user);
    }
  }

  async putTeam(organisation: string, team: Team): Promise<void> {
    this.writes++;
    const copy = await this.copy(organisation);
    const { id, connection, version } = team;
    copy.teams = [...copy.teams.filter((each) => each.id !== id), { id, connection, version }];
  }

  async deleteTeam(team: string): Promise<void> {
    this.writes++;
    for (const copy of this.all()) {
      copy.teams = copy.teams.filter((each) => each.id !== team);
      copy.memberships = copy.memberships.filter((each) => each.team !== team);
    }
  }

  async putMembership(membership: Membership): Promise<void> {
    await this.deleteMembership(membership);
    const own = this.all().find((copy) => copy.users.some((each) => each.id === membership.user));
    own?.memberships.push(membership);
  }

  async deleteMembership({ team, user }: Membership): Promise<void> {
    this.writes++;
    for (const copy of this.all()) {
      copy.memberships = copy.memberships.filter((m) => m.team !== team || m.user !== user);
    }
  }

  async copy(organisation: string): Promise<Copy> {
    const copy = this.whole.get(organisation) ?? { users: [], teams: [], memberships: [] };
    this.whole.set(organisation, copy);
    return copy;
  }

  private all(): Copy[] {
    return [...this.whole.values()];
  }
}
