import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { InvalidSignature, verify } from "../src/index.js";

const [secret, other] = [`whsec_${"MDEy".repeat(11)}`, `whsec_${"NDU2".repeat(11)}`];
const body = Buffer.from('{"id": "e1", "data": {"type": "user"}}');
const at = 1_800_000_000;

function headers(...secrets: string[]) {
  const signatures = secrets.map((each) => {
    const key = Buffer.from(each.slice(6), "base64");
    return `v1,${createHmac("sha256", key).update(`e1.${at}.${body}`).digest("base64")}`;
  });
  return {
    "webhook-id": "e1",
    "webhook-timestamp": `${at}`,
    "webhook-signature": signatures.join(" "),
  };
}

test("a delivery that was signed with the secret is trusted", () => {
  assert.equal(verify(body, headers(secret), [secret], at).id, "e1");
});

test("while a secret rotates either is enough", () => {
  assert.ok(verify(body, headers(secret, other), [secret], at));
  assert.ok(verify(body, headers(other), [secret, other], at));
});

const changes = [
  { "webhook-signature": "v1,AAAA" },
  { "webhook-signature": "" },
  { "webhook-id": "e2" },
  { "webhook-timestamp": `${at + 1}` },
  { "webhook-timestamp": "soon" },
];

test("another delivery is not: changed, signed by another secret, or old", () => {
  const check = (change: object, sent = body, now = at, secrets = [secret]) => () =>
    verify(sent, { ...headers(secret), ...change }, secrets, now);
  for (const change of changes) assert.throws(check(change), InvalidSignature);
  assert.throws(check({}, Buffer.concat([body, Buffer.from(" ")])), InvalidSignature);
  assert.throws(check({}, body, at + 301), InvalidSignature);
  assert.throws(check({}, body, at - 301), InvalidSignature);
  assert.throws(check({}, body, at, [other]), InvalidSignature);
});
