// A request of the identity provider in one sentence, as the log and the live list show it.
import { html, useState } from "./preact.js";
import { useLoaded } from "./api.js";
import * as kit from "./kit.js";

const { Moment, Pill, announce, currentLanguage, fetchTranslations, hasText, short, t, translate, useConsole, withNames } = kit;

const TONES = { success: "good", refused: "bad", failed: "warn" };

export const Outcome = ({ entry }) =>
  html`<${Pill} tone=${TONES[entry.outcome]}>${t(`outcome.${entry.outcome}`)}</${Pill}>`;

/** Say what a request did: "created a user", "asked for a user that does not exist". */
export function describe(entry) {
  const [, root, id] = entry.path.split("?")[0].split("/");
  const resource = { Users: "user", Groups: "team" }[root];
  if (entry.outcome === "failed") return t("did.failed");
  if (entry.outcome === "refused") return attempt(entry, resource, id);
  if (root === "Bulk") return t("did.bulk", { n: entry.operations.length });
  if (!resource) return t("did.discovery");
  return t(`did.${resource}.${act(entry, id)}`, changed(entry));
}

/** Say what a rejected request wanted: "could not create a user". */
function attempt({ status, method }, resource, id) {
  if (status === 404) return t("did.missing");
  if (!resource) return t("did.rejected");
  const verbs = { POST: "create", PUT: "change", PATCH: "change", DELETE: "delete", GET: id ? "read" : "search" };
  return t(`could.not.${verbs[method]}.${resource}`);
}

/** Name what a successful request for users or teams did. */
function act(entry, id) {
  const { method, path, after } = entry;
  if (method === "POST") return path.includes(".search") ? "list" : "created";
  if (method === "DELETE") return "deleted";
  if (method === "GET" && id) return "read";
  if (method === "GET" && !path.includes("filter=")) return "list";
  if (method === "GET") return entry.ids.length ? "found" : "absent";
  if (after?.active === false) return "deactivated";
  if (after?.active === true && Object.keys(after).length === 1) return "reactivated";
  if (after?.members && Object.keys(after).length === 1) return "members";
  return after ? "changed" : "same";
}

function changed({ after }) {
  const { added = 0, removed = 0 } = after?.members ?? {};
  const names = Object.keys(after ?? {}).map((name) => name.split(":").at(-1));
  return { added, removed, names: names.join(", ") };
}

/** The title and the fix of a reason; the API's own text where the page has none yet. */
export const reasonText = (reasons, rejected) => ({
  title: reasons[rejected.reason]?.title ?? rejected.reason,
  fix: reasons[rejected.reason]?.fix ?? rejected.fix,
});

/** What an error of the log means and what to do, by its scimType or status: the name of a text. */
export const causeOf = ({ scim_type, status }) =>
  [`meaning.${scim_type}`, `meaning.${status}`, "meaning.other"].find(hasText);

export const meaning = (entry) => t(causeOf(entry));

/** An entry as text, for the support of the identity provider: nothing in it identifies a person. */
export function forSupport(entry, connection) {
  const lines = {
    Time: entry.at,
    Request: `${entry.method} ${entry.path}`,
    Status: entry.status,
    scimType: entry.scim_type,
    Detail: entry.detail,
    "Request id": entry.request_id,
    Connection: connection.id,
    Provider: connection.identity_provider,
    Sent: entry.after && JSON.stringify(entry.after),
  };
  const given = Object.entries(lines).filter(([, value]) => value);
  return given.map(([name, value]) => `${name}: ${value}`).join("\n");
}

const Values = ({ title, values }) =>
  values &&
  html`<div class="values">
    <b>${title}</b>
    <pre tabindex="0">${JSON.stringify(values, null, 2)}</pre>
  </div>`;

/** A request of the log: one line that unfolds to what was sent and what it means. */
export function Entry({ entry, connection }) {
  const [open, setOpen] = useState(false);
  return html`<li class="entry ${entry.outcome}">
    <button type="button" class="line" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Moment} at=${entry.at} write=${short} />
      <${Outcome} entry=${entry} />
      <span class="what">
        ${describe(entry)} ${entry.detail && html`<span class="note" lang="en">${entry.detail}</span>`}
      </span>
    </button>
    ${open && html`<${Unfolded} entry=${entry} connection=${connection} />`}
  </li>`;
}

/** The part of an address for the user or team that a request was about: "users/abc". */
function targetOf({ path, target }) {
  const page = { Users: "users", Groups: "teams" }[path.split(/[/?]/)[1]];
  return page && target ? `${page}/${target}` : null;
}

function Unfolded({ entry, connection }) {
  const { summary } = useConsole();
  const translations = useLoaded(fetchTranslations, [currentLanguage()]);
  const target = targetOf(entry);
  const hasPage = target && entry.method !== "DELETE" && summary.session.purpose === "admin";
  const copy = async () => {
    await navigator.clipboard.writeText(forSupport(entry, connection));
    announce(t("copied", { what: t("entry.support") }));
  };
  return html`<div class="unfolded">
    <p class="mono">${entry.method} ${entry.path} → ${entry.status} ${entry.scim_type} · ${entry.duration_ms} ms</p>
    ${entry.detail && html`<p>${t("entry.response")} <q lang="en">${entry.detail}</q></p>`}
    ${entry.outcome !== "success" && html`<p>${meaning(entry)}</p>`}
    ${entry.advice.map((each) => html`<p key=${each}>${withNames(translate(translations.data ?? {}, each))}</p>`)}
    ${entry.ignored.length > 0 && html`<p>${t("entry.ignored", { names: entry.ignored.join(", ") })}</p>`}
    <${Values} title=${t("entry.before")} values=${entry.before} />
    <${Values} title=${t("entry.after")} values=${entry.after} />
    ${entry.operations.length > 0 && html`<${Values} title=${t("entry.operations")} values=${entry.operations} />`}
    <p class="note">${t("entry.credential", { token: entry.token })} · ${t("entry.id", { id: entry.request_id })}</p>
    <div class="actions">
      ${hasPage && html`<a class="button quiet" href=${`#/${target}`}>${t("entry.open")}</a>`}
      ${target && html`<a class="button quiet" href=${`#/log/${target}`}>${t("entry.same")}</a>`}
      <button type="button" class="quiet" onClick=${copy}>${t("entry.support")}</button>
    </div>
  </div>`;
}

