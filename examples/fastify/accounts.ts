// The SaaS's accounts beside the copy of the directory. In memory here: a SaaS has its own tables.
//
// The rule, which is the part to adapt: an address counts only in a verified domain of the
// organisation. There the account that has it is linked, if it is the only one, of no other
// organisation and without a protected role; where none has it, one is created. Whom the rule does
// not fit is held: a person decides, by PUT .../account. The sample deletes no account, sends no
// mail, never merges accounts, and does not follow the roles that an organisation's admins assign.

import { type Admin, data, MemoryCopy, type User } from "passerelle-client";

export interface Account {
  id: string;
  email: string;
  role: string;
  active: boolean;
  password: string | null;
  user: string | null;
  organisation: string | null;
}

const ORGANISATION = "/admin/organisations/{organisation}";

export class Accounts extends MemoryCopy {
  /** Why users are held, by their ids. */
  readonly held = new Map<string, string>();

  constructor(
    private readonly admin: Admin,
    readonly all: Account[],
  ) {
    super();
  }

  /** Give a user their account, or hold them; the copy comes last, so that this can be repeated. */
  override async putUser(organisation: string, user: User): Promise<void> {
    if (((await this.user(user.id))?.version ?? 0) > user.version) return;
    const linked = this.all.find((each) => each.user === user.id);
    // What the operator has linked by hand takes precedence.
    const known = user.account === null ? linked : this.all.find((each) => each.id === user.account);
    const decided = known ?? (user.account === null ? await this.decide(organisation, user) : GONE);
    const held = typeof decided === "string" ? decided : await this.link(organisation, user, decided);
    this.held.delete(user.id);
    if (held) this.held.set(user.id, held);
    await super.putUser(organisation, user);
  }

  /** End the access of a leaver; the account stays for a user who comes with its address. */
  override async deleteUser(user: string): Promise<void> {
    const account = this.all.find((each) => each.user === user);
    if (account) Object.assign(account, { active: false, user: null });
    this.held.delete(user);
    await super.deleteUser(user);
  }

  /** Apply the rule: return the account, a new one too, or why the user is held. */
  async decide(organisation: string, user: User): Promise<Account | string> {
    const own = await this.organisation(organisation);
    const isProtected = new Set(own.roles.filter((each) => each.protected).map((each) => each.id));
    const [email, found] = [address(user), this.withAddress(address(user))];
    const reasons: [string, boolean][] = [
      ["the address is not in a verified domain", !own.domains.includes(domain(email))],
      ["more than one account has this address", found.length > 1],
      [ELSEWHERE, found.some((each) => (each.organisation ?? organisation) !== organisation)],
      ["the account's role is protected", found.some((each) => isProtected.has(each.role))],
      ["the account is another user's", found.some((each) => each.user !== null)],
    ];
    const held = reasons.filter(([, applies]) => applies).map(([reason]) => reason);
    return held.length ? held.join("; ") : (found[0] ?? created(organisation, user));
  }

  /** Link an account, bring it up to date and tell Passerelle; return why not, or "". */
  private async link(organisation: string, user: User, account: Account): Promise<string> {
    if ((account.organisation ?? organisation) !== organisation) return ELSEWHERE;
    for (const each of this.all) if (each.user === user.id) each.user = null;
    if (!this.all.includes(account)) this.all.push(account);
    Object.assign(account, { user: user.id, organisation, active: user.active });
    const [email, before] = [address(user), account.email];
    // Outside the verified domains, and where another account has it, the account keeps its address.
    const isFree = this.withAddress(email).every((each) => each === account);
    if (email.toLowerCase() !== before.toLowerCase() && isFree) {
      const { domains } = await this.organisation(organisation);
      if (domains.includes(domain(email))) account.email = email;
    }
    if (user.account !== account.id) {
      const body = { id: account.id, password_set: account.password !== null };
      const path = { organisation, user: user.id };
      await this.admin.PUT(`${ORGANISATION}/users/{user}/account`, { params: { path }, body });
    }
    return "";
  }

  private organisation(organisation: string) {
    return data(this.admin.GET(ORGANISATION, { params: { path: { organisation } } }));
  }

  private withAddress(email: string): Account[] {
    return this.all.filter((each) => each.email.toLowerCase() === email.toLowerCase());
  }
}

const GONE = "there is no such account";
const ELSEWHERE = "the account is of another organisation";

function created(organisation: string, user: User): Account {
  const role = user.granted_role;
  const [id, email] = [`acc_${user.id}`, address(user)];
  return { id, email, role, active: true, password: null, user: null, organisation };
}

/** Return the user's primary e-mail address; without one, the first, or the userName. */
function address(user: User): string {
  const email = user.emails.find((each) => each.primary) ?? user.emails[0];
  return email?.value ?? user.user_name;
}

function domain(email: string): string {
  return email.slice(email.lastIndexOf("@") + 1).toLowerCase();
}
