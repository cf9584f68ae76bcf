// The admin API: `admin.GET("/admin/organisations")` and so on, typed by the OpenAPI document.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];
export type Admin = Client<paths>;

/** What a client may be given instead of the network and the clock. */
export interface Outside {
  fetch?: typeof fetch;
  sleep?: (seconds: number) => Promise<void>;
}

const SECONDS = 30;
// In all about a minute.
const ATTEMPTS = 7;
const LONGEST_PAUSE = 20;
const BUSY = new Set([429, 502, 503, 504]);
const TOO_MANY = new Set([429]);
// What may be sent again though nobody knows whether it has arrived.
const REPEATABLE = new Set(["GET", "PUT", "DELETE"]);

/** A request was rejected; `problem.detail` says what is wrong (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Schemas["Problem"]>,
  ) {
    super(`${status}: ${problem.detail ?? "no detail"}`);
    this.name = "ApiError";
  }
}

/**
 * Return the client of a deployment: its URL, with or without `/admin`, and an operator key.
 *
 * A request that is rejected throws an ApiError. It is sent again where the service is busy (429,
 * 502, 503, 504) or does not respond, after the pause that it asks for; one that creates something
 * only where that is safe.
 */
export function createAdmin(url: string, key: string, outside: Outside = {}): Admin {
  const send = { fetch: outside.fetch ?? fetch, sleep: outside.sleep ?? pause };
  return createClient<paths>({
    baseUrl: url.replace(/\/+$/, "").replace(/\/admin$/, ""),
    headers: { Authorization: `Bearer ${key}`, Accept: "application/json" },
    fetch: (request) => respond(request, send),
  });
}

/** Return the document of a response: `await data(admin.GET(...))`. */
export async function data<T>(response: Promise<{ data?: T }>): Promise<T> {
  return (await response).data as T;
}

async function respond(request: Request, outside: Required<Outside>): Promise<Response> {
  const safe = REPEATABLE.has(request.method) || request.headers.has("Idempotency-Key");
  for (let attempt = 1; ; attempt++) {
    const last = attempt === ATTEMPTS;
    const response = await attempted(request.clone(), outside, safe && !last);
    if (response !== null && (last || !(safe ? BUSY : TOO_MANY).has(response.status))) {
      if (response.status < 300) return response;
      throw new ApiError(response.status, await response.json().catch(() => ({})));
    }
    const asked = Number(response?.headers.get("retry-after") ?? 2 ** attempt / 2);
    await outside.sleep(Math.min(Number.isFinite(asked) ? asked : 1, LONGEST_PAUSE));
  }
}

/** Send once; null where there was no response and it may be sent again. */
async function attempted(
  request: Request,
  outside: Required<Outside>,
  again: boolean,
): Promise<Response | null> {
  const limits = { signal: AbortSignal.timeout(SECONDS * 1000), redirect: "manual" } as const;
  try {
    return await outside.fetch(request, limits);
  } catch (error) {
    if (again) return null;
    throw error;
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
