// 300 accounts adopt a running server: DEMO names its demo.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Consumer, createAdmin, data } from "passerelle-client";
import { type Account, Accounts } from "../accounts.js";
import { application } from "../server.js";

const demo = JSON.parse(readFileSync(process.env["DEMO"] ?? "", "utf8"));
const admin = createAdmin(demo.admin_url, demo.operator_key);
// A server may have run this before.
const RUN = Date.now().toString(36);
const [DOMAIN, ELSEWHERE] = [`fastify-${RUN}.example`, "mail.example"];

function existing(): Account[] {
  const of = (prefix: string, count: number, address: (n: number) => string, role = "reader") =>
    [...Array(count).keys()].map((n) => ({
      id: `${prefix}-${n}`,
      email: address(n),
      role,
      active: true,
      password: n % 3 ? "hash" : null,
      user: null,
      organisation: null,
    }));
  return [
    ...of("a", 120, (n) => `Person${n}@${DOMAIN}`),
    ...of("b", 5, (n) => `boss${n}@${DOMAIN}`, "admin"),
    ...of("c", 5, (n) => `person${n}@${ELSEWHERE}`),
    ...of("d", 170, (n) => `customer${n}@${DOMAIN}`),
  ];
}

const provisioned = [
  ...[...Array(120).keys()].map((n) => `person${n}@${DOMAIN}`),
  ...[...Array(5).keys()].map((n) => `boss${n}@${DOMAIN}`),
  ...[...Array(5).keys()].map((n) => `person${n}@${ELSEWHERE}`),
  ...[...Array(70).keys()].map((n) => `stranger${n}@${DOMAIN}`),
];

async function customer(domains: string[]) {
  const body = {
    name: "Fastify",
    plan: "enterprise",
    workspaces: [{ id: "main", name: "Main" }],
    roles: [{ id: "reader", name: "Reader" }, { id: "admin", name: "Admin", protected: true }],
    domains,
  };
  const organisation = (await data(admin.POST("/admin/organisations", { body }))).id;
  const connection = await data(
    admin.POST("/admin/organisations/{organisation}/connections", {
      params: { path: { organisation } },
      body: { name: "IdP", workspace: "main", default_role: "reader", identity_provider: "other" },
    }),
  );
  const { token } = await data(
    admin.POST("/admin/organisations/{organisation}/connections/{connection}/tokens", {
      params: { path: { organisation, connection: connection.id } },
      body: { name: "one" },
    }),
  );
  const scim = async (method: string, path: string, sent?: unknown) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const more = sent === undefined ? {} : { body: JSON.stringify(sent) };
    const response = await fetch(connection.scim_url + path, { method, headers, ...more });
    return (response.status === 204 ? {} : await response.json()) as { id: string };
  };
  return { organisation, scim };
}

/** Wait until something is so; a delivery takes a second. */
async function until(holds: () => boolean | Promise<boolean>) {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 3000, "it did not become so");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test("a SaaS with 300 accounts adopts it, and follows by push", { timeout: 900_000 }, async () => {
  const { organisation, scim } = await customer([DOMAIN]);
  const ids = new Map<string, string>();
  for (let at = 0; at < provisioned.length; at += 8) {
    const some = provisioned.slice(at, at + 8);
    const made = await Promise.all(some.map((userName) => scim("POST", "/Users", { userName })));
    made.forEach(({ id }, n) => ids.set(some[n] ?? "", id));
  }

  const accounts = new Accounts(admin, existing());
  const consumer = new Consumer(admin, accounts);
  await consumer.catchUp("");
  const of = (prefix: string) => accounts.all.filter((each) => each.id.startsWith(prefix));
  assert.equal(of("a-").filter((each) => each.user !== null).length, 120);
  assert.equal(of("acc_").filter((each) => each.organisation === organisation).length, 70);
  const held = [...ids.values()].filter((id) => accounts.held.has(id));
  assert.equal(held.length, 10);
  assert.ok(of("d-").every((each) => each.active && each.user === null));
  for (const [n, reset] of [true, false, false].entries()) {
    const step = await data(admin.POST("/sign-in", { body: { email: `person${n}@${DOMAIN}` } }));
    assert.equal(step.reset_required, reset, `person${n}`);
  }

  await followByPush(consumer, accounts, organisation, scim, ids);
});

async function followByPush(
  consumer: Consumer,
  accounts: Accounts,
  organisation: string,
  scim: (method: string, path: string, sent?: unknown) => Promise<{ id: string }>,
  ids: Map<string, string>,
) {
  const secrets: string[] = [];
  const app = application(consumer, secrets);
  const url = `${await app.listen({ port: 0, host: "127.0.0.1" })}/events`;
  const body = { url, organisations: [organisation] };
  const webhook = await data(admin.POST("/admin/webhooks", { body }));
  secrets.push(webhook.secret ?? "");
  const leaver = ids.get(`person1@${DOMAIN}`);
  const pause = { op: "replace", path: "active", value: false };
  await scim("DELETE", `/Users/${leaver}`);
  await scim("PATCH", `/Users/${ids.get(`person2@${DOMAIN}`)}`, { Operations: [pause] });
  await scim("POST", "/Users", { userName: `new@${DOMAIN}` });
  const account = (email: string) =>
    accounts.all.find((each) => each.email.toLowerCase() === email);
  await until(() => account(`person1@${DOMAIN}`)?.active === false);
  await until(() => account(`person2@${DOMAIN}`)?.active === false);
  await until(() => account(`new@${DOMAIN}`)?.active === true);
  await until(() => consumer.isEqual(organisation));

  const forged = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: "{}",
  });
  assert.equal(forged.status, 401);
  const path = { webhook: webhook.id };
  await admin.DELETE("/admin/webhooks/{webhook}", { params: { path } });
  await app.close();
}

test("an account is never linked across organisations", async () => {
  const [a, b] = [await customer([`one-${RUN}.example`]), await customer([`two-${RUN}.example`])];
  const chief = { id: "x", email: `ceo@two-${RUN}.example`, role: "reader", active: true, password: null };
  const accounts = new Accounts(admin, [{ ...chief, user: null, organisation: b.organisation }]);
  const { id } = await a.scim("POST", "/Users", { userName: `ceo@two-${RUN}.example` });
  await new Consumer(admin, accounts).readOrganisation(a.organisation);

  assert.match(accounts.held.get(id) ?? "", /another organisation/);
  assert.equal(accounts.all[0]?.user, null);
});
