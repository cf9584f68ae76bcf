// The check of a delivery (Standard Webhooks): who sent it, and that it is not an old one.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Schemas } from "./admin.js";

export type Event = Schemas["ToldChange"] | Schemas["ToldMembership"];

/** A delivery (CloudEvents 1.0); `data` is what `Consumer.apply` takes. */
export interface CloudEvent {
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  data: Event;
}

/** The delivery was not signed with one of the secrets, or it is too old: respond with 401. */
export class InvalidSignature extends Error {}

const TOLERANCE_SECONDS = 300;
const PREFIX = "whsec_";

type Headers = Record<string, string | string[] | undefined>;

/**
 * Return the event of a delivery whose signature is right; throw InvalidSignature where it must not
 * be trusted.
 *
 * `body` is what was received, unchanged; the names of `headers` are in lower case, as Node.js
 * gives them. `secrets` has the secret of the webhook, and for the 24 hours after it was rotated
 * the one before too.
 */
export function verify(
  body: Buffer,
  headers: Headers,
  secrets: string[],
  now: number = Date.now() / 1000,
): CloudEvent {
  const sentAt = String(headers["webhook-timestamp"] ?? "");
  if (!/^\d+$/.test(sentAt) || Math.abs(now - Number(sentAt)) > TOLERANCE_SECONDS) {
    throw new InvalidSignature("webhook-timestamp is missing, or more than five minutes from now");
  }
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"] ?? ""}.${sentAt}.`), body]);
  const given = String(headers["webhook-signature"] ?? "").split(" ").map((each) => Buffer.from(each));
  const expected = secrets.map((secret) => signature(signed, secret));
  if (!expected.some((one) => given.some((each) => isEqual(one, each)))) {
    throw new InvalidSignature("webhook-signature has no signature by one of the secrets");
  }
  return JSON.parse(body.toString("utf8")) as CloudEvent;
}

function signature(signed: Buffer, secret: string): Buffer {
  const key = Buffer.from(secret.replace(PREFIX, ""), "base64");
  return Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
