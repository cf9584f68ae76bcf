import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, createAdmin, data, pages } from "../src/index.js";

/** Return a client whose requests get these statuses, and what it has sent and waited. */
function client(...statuses: number[]) {
  const seen = { requests: [] as Request[], pauses: [] as number[] };
  const answers = [...statuses];
  const fetch = async (input: RequestInfo | URL) => {
    seen.requests.push(input as Request);
    const status = answers.shift() ?? 200;
    if (status === 0) throw new TypeError("fetch failed");
    const body = status < 300 ? { items: [], next: null } : { detail: "no" };
    return Response.json(body, { status, headers: { "retry-after": "1" } });
  };
  const sleep = async (seconds: number) => void seen.pauses.push(seconds);
  return { admin: createAdmin("https://id.example.com/admin", "key", { fetch, sleep }), seen };
}

const list = { params: { query: { limit: 1 } } };
const created = { body: { name: "Acme", plan: "free" } };

test("a request has the key, and the parts of the path are encoded", async () => {
  const { admin, seen } = client();
  const path = { organisation: "srx5kl4h4l", domain: "a/b" };
  await admin.PUT("/admin/organisations/{organisation}/domains/{domain}", { params: { path } });
  assert.equal(seen.requests[0]?.headers.get("authorization"), "Bearer key");
  assert.match(seen.requests[0]?.url ?? "", /id\.example\.com\/admin\/organisations\/.*\/a%2Fb$/);
});

for (const status of [429, 502, 503, 504, 0]) {
  test(`${status || "no response"}: it is asked again`, async () => {
    const { admin, seen } = client(status, status);
    await data(admin.GET("/admin/organisations", list));
    assert.equal(seen.requests.length, 3);
    assert.equal(seen.pauses.length, 2);
  });
}

test("a creation is not repeated where nobody knows whether it came true", async () => {
  for (const status of [503, 0]) {
    const { admin, seen } = client(status);
    await assert.rejects(admin.POST("/admin/organisations", created));
    assert.equal(seen.requests.length, 1);
  }
});

test("with an Idempotency-Key it is", async () => {
  const { admin, seen } = client(503);
  const params = { header: { "Idempotency-Key": "one" } };
  await admin.POST("/admin/organisations", { ...created, params });
  assert.equal(seen.requests.length, 2);
});

test("a redirect is no response: the key would go along", async () => {
  const { admin, seen } = client(302);
  await assert.rejects(admin.GET("/admin/organisations", list), ApiError);
  assert.equal(seen.requests.length, 1);
});

test("after a minute the last error is thrown", async () => {
  const { admin, seen } = client(...Array<number>(9).fill(503));
  await assert.rejects(admin.GET("/admin/organisations", list), { status: 503, message: "503: no" });
  assert.equal(seen.requests.length, 7);
});

test("all pages of a list are read, each from the cursor of the one before", async () => {
  const asked: unknown[] = [];
  const items = await pages<number>(async ({ cursor }) => {
    asked.push(cursor);
    return cursor === undefined ? { items: [1, 2], next: "2" } : { items: [3], next: null };
  });
  assert.deepEqual([items, asked], [[1, 2, 3], [undefined, "2"]]);
});
