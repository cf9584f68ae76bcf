// Against a running server: DEMO names its demo.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { type Copy, Consumer, createAdmin, data, type Event, MemoryCopy } from "../src/index.js";

const file = process.env["DEMO"];
const demo = file ? JSON.parse(readFileSync(file, "utf8")) : null;
const options = { skip: demo ? false : "no server runs: make clients-test starts one" };

const admin = createAdmin(demo?.admin_url ?? "", demo?.operator_key ?? "");
let organisation = "";
let scim: (method: string, path: string, body?: unknown) => Promise<any>;

before(async () => {
  if (!demo) return;
  const body = {
    name: "TypeScript",
    plan: "enterprise",
    workspaces: [{ id: "main", name: "Main" }],
    roles: [{ id: "reader", name: "Reader" }],
  };
  organisation = (await data(admin.POST("/admin/organisations", { body }))).id;
  scim = await connect();
});

async function connect() {
  const at = "/admin/organisations/{organisation}/connections";
  const made = await data(
    admin.POST(at, {
      params: { path: { organisation } },
      body: { name: "IdP", workspace: "main", default_role: "reader", identity_provider: "other" },
    }),
  );
  const path = { organisation, connection: made.id };
  const token = await data(
    admin.POST(`${at}/{connection}/tokens`, { params: { path }, body: { name: "one" } }),
  );
  return async (method: string, target: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token.token}`, "content-type": "application/json" };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(made.scim_url + target, { method, headers, ...sent });
    return response.status === 204 ? null : response.json();
  };
}

const aUser = async (name: string) => (await scim("POST", "/Users", { userName: name })).id;
const change = (path: string, value: unknown) => ({ Operations: [{ op: "replace", path, value }] });

/** Read the feed until the copy is equal. */
async function followed(consumer: Consumer, cursor: string) {
  for await (const _ of consumer.follow(cursor, 0.1)) {
    if (await consumer.isEqual(organisation)) return;
  }
}

test("a copy follows every change and equals the directory", options, async () => {
  const store = new MemoryCopy();
  const consumer = new Consumer(admin, store);
  const cursor = await consumer.start();
  const [ada, bob, eve] = [await aUser("ada"), await aUser("bob"), await aUser("eve")];
  const members = [{ value: ada }, { value: bob }];
  await scim("POST", "/Groups", { displayName: "first", members });
  await scim("PATCH", `/Users/${ada}`, change("userName", "ada@acme.example"));
  await scim("PATCH", `/Users/${bob}`, change("active", false));
  await scim("DELETE", `/Users/${eve}`);
  await followed(consumer, cursor);

  const copy: Copy = await store.copy(organisation);
  assert.deepEqual(copy.users.map((user) => user.id).sort(), [ada, bob].sort());
  assert.deepEqual(copy.users.map((user) => user.active).sort(), [false, true]);
  assert.equal(copy.memberships.length, 2);
});

test("hidden differences are found and corrected", options, async () => {
  const store = new MemoryCopy();
  const consumer = new Consumer(admin, store);
  await consumer.start();
  const copy = await store.copy(organisation);
  const [first, second] = copy.users;
  assert.ok(first && second);
  first.version += 7;
  copy.users = [first, { ...first, id: "f".repeat(32) }];
  copy.memberships = [];

  const found = await consumer.reconcile(organisation);
  const users = found.filter((each) => each.type === "user").map((each) => each.id);
  assert.deepEqual(users.sort(), [first.id, second.id, "f".repeat(32)].sort());
  assert.ok(await consumer.isEqual(organisation));
  assert.deepEqual(await consumer.reconcile(organisation), []);
});

test("an event that is told again changes nothing; a cursor that is gone compares", options, async () => {
  const store = new MemoryCopy();
  const consumer = new Consumer(admin, store);
  const query = { after: await consumer.start() };
  const eve = await aUser("eve");
  let items: Event[] = [];
  while (!items.length) {
    // What the tests before have done may still be told here.
    const { items: told } = await data(admin.GET("/admin/changes", { params: { query } }));
    items = (told as Event[]).filter((each) => "subject" in each && each.subject === eve);
  }
  for (const event of items) await consumer.apply(event);
  const writes = store.writes;
  for (const event of items) await consumer.apply(event);
  assert.equal(store.writes, writes);

  await scim("DELETE", `/Users/${eve}`);
  const step = await consumer.step("999999.0.0");
  assert.ok(step.more);
  assert.ok(await consumer.isEqual(organisation));
});
