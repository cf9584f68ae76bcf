// The admin API as the page uses it: one function that sends a request, and hooks that load and poll.
import { useCallback, useEffect, useRef, useState } from "./preact.js";

const ROOT = new URL("../../admin/", import.meta.url);
const TIMEOUT_MS = 35_000;
const JSON_TYPE = "application/json";
const MAX_FILE_PAGES = 50;

// The session of an embedded page, which gets no cookie. It is kept here only: a reload forgets it.
let sessionToken = null;

export const keepToken = (token) => {
  sessionToken = token;
};

// What the whole page shows, wherever it happens: "offline", "online", "ended".
const listeners = new Set();

export const onState = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const tell = (state) => listeners.forEach((listener) => listener(state));

/** What the API rejected, or status 0: it did not respond. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? "");
    this.status = status;
    this.problem = problem;
  }

  /** What is wrong with one field of the body. */
  of(field) {
    return this.problem.errors?.find((each) => each.field === field)?.message;
  }
}

/** Send a request; returns the document of the response, null without one. */
export async function send(method, path, body, headers = {}) {
  const response = await request(method, path, body, headers);
  const document = await read(response);
  if (response.ok) return document;
  if (response.status === 401 && path !== "sessions") tell("ended");
  throw new ApiError(response.status, document ?? {});
}

/** Fetch a list as a CSV file, page after page; the first line of each names the columns. */
export async function fetchCsv(path) {
  const parts = [];
  let target = path;
  while (target && parts.length < MAX_FILE_PAGES) {
    const response = await request("GET", target, undefined, { Accept: "text/csv" });
    if (!response.ok) throw new ApiError(response.status, (await read(response)) ?? {});
    const text = await response.text();
    parts.push(parts.length ? text.slice(text.indexOf("\n") + 1) : text);
    const next = response.headers.get("Link")?.match(/^<(.*)>/)?.[1];
    target = next && path.split("?")[0] + next;
  }
  return parts.join("");
}

async function request(method, path, body, headers) {
  const own = { Accept: JSON_TYPE, "X-Passerelle": "console", ...headers };
  if (sessionToken) own.Authorization = `Bearer ${sessionToken}`;
  if (body !== undefined) own["Content-Type"] = JSON_TYPE;
  try {
    const response = await fetch(new URL(path, ROOT), {
      method,
      headers: own,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: sessionToken ? "omit" : "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    tell("online");
    return response;
  } catch {
    tell("offline");
    throw new ApiError(0, {});
  }
}

async function read(response) {
  const isJson = response.headers.get("Content-Type")?.includes("json");
  return isJson ? response.json() : null;
}

/** The path of a connection, or of what is below it. */
export const connectionPath = (connection, below = "") =>
  `organisations/${connection.organisation}/connections/${connection.id}${below && `/${below}`}`;

/** Write a query; what has no value is left out. */
export const query = (parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

/**
 * Load something now, when `inputs` change, and every `seconds` while the page is visible.
 * What was loaded stays when a later try fails.
 */
export function useLoaded(load, inputs, seconds = 0) {
  const [state, setState] = useState({ data: null, error: null });
  const latest = useRef(0);
  const reload = useCallback(async () => {
    const own = ++latest.current;
    const show = (change) => own === latest.current && setState(change);
    try {
      const data = await load();
      show({ data, error: null });
    } catch (error) {
      show((known) => ({ ...known, error }));
    }
  }, inputs);
  useEffect(() => {
    setState({ data: null, error: null });
    reload();
    return () => latest.current++;
  }, inputs);
  useTimer(reload, seconds, inputs);
  return { ...state, reload };
}

/** Call a function every `seconds` while the page is visible, and when it is shown again. */
export function useTimer(act, seconds, inputs) {
  useEffect(() => {
    if (!seconds) return undefined;
    const tick = () => document.visibilityState === "visible" && act();
    const timer = setInterval(tick, seconds * 1000);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [seconds, ...inputs]);
}

/** A list page by page: `items` null while the first is loading, `more` loads the next. */
export function useList(path, inputs = [path]) {
  const [more, setMore] = useState({ items: [], next: null });
  const first = useLoaded(() => send("GET", path), inputs);
  useEffect(() => setMore({ items: [], next: first.data?.next ?? null }), [first.data]);
  const loadMore = async () => {
    const separator = path.includes("?") ? "&" : "?";
    const cursor = encodeURIComponent(more.next);
    const page = await send("GET", `${path}${separator}cursor=${cursor}`);
    setMore({ items: [...more.items, ...page.items], next: page.next });
  };
  return {
    items: first.data && [...first.data.items, ...more.items],
    error: first.error,
    reload: first.reload,
    more: more.next ? loadMore : null,
  };
}

/**
 * Run an action of a button: `busy` while it runs, so that a second click does nothing, and `error`
 * when it was rejected.
 */
export function useAction(act) {
  const [state, setState] = useState({ busy: false, error: null });
  const running = useRef(false);
  const run = async (...given) => {
    if (running.current) return;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      await act(...given);
      setState({ busy: false, error: null });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ busy: false, error });
    } finally {
      running.current = false;
    }
  };
  return { ...state, run };
}
