// The overview: does it work, what needs attention, and what is new.
import { html } from "../preact.js";
import { connectionPath, query, send, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { causeOf, reasonText } from "../entries.js";

const { t, useConsole } = kit;
const POLL_SECONDS = 15;
const HOURS = 48;
// How often a provider sends something by itself, in minutes; the others do when somebody changes.
const CYCLES = { entra: 40, authentik: 60 };
// A provider with cycles that was not heard of for so long has stopped, in hours.
const SILENT_HOURS = 3;
// Entra ID stops its cycles where so many requests fail, by its own documentation.
const QUARANTINE = { percent: 40, failures: 5000 };
const MINUTE = 60_000;

export const overview = () => {
  const { connection } = useConsole();
  const path = connectionPath(connection);
  const loaded = useLoaded(() => readAll(path), [path], POLL_SECONDS);
  const hasRejections = Boolean(loaded.data?.connection.health.refusals.length);
  const reasons = useLoaded(
    async () => (hasRejections ? kit.fetchTexts("texts/reasons") : {}),
    [hasRejections, kit.currentLanguage()],
  );
  return html`<${kit.Screen} title=${connection.name} lead=${leadOf(connection)}>
    <${kit.Loaded} ...${loaded} lines=${8}>
      ${(found) => html`
        <${State} connection=${found.connection} />
        <${Figures} health=${found.connection.health} />
        <${Attention} ...${found} reasons=${reasons.data ?? {}} />
        <${Hours} health=${found.connection.health} />
        <${Quarantine} connection=${found.connection} />
      `}
    </${kit.Loaded}>
  </${kit.Screen}>`;
};

/** The provider's name, unless the connection has the same or there is none to tell. */
function leadOf({ name, identity_provider }) {
  const provider = kit.providerName(identity_provider);
  return identity_provider !== "other" && provider !== name && provider;
}

/** Read the connection with its health, its credentials, and the errors of a day where there are any. */
async function readAll(path) {
  const [connection, credentials] = await Promise.all([send("GET", path), send("GET", `${path}/credentials`)]);
  const since = new Date(Date.now() - 24 * 60 * MINUTE).toISOString();
  const filter = query({ outcome: "refused", from: since, limit: 100 });
  const errors = connection.health.errors_24h ? await send("GET", `${path}/log${filter}`) : { items: [] };
  return { connection, credentials: credentials.items, errors: errors.items };
}

/** The state in one word and one sentence. */
function State({ connection }) {
  const { health } = connection;
  const name = stateOf(connection);
  const tone = { working: "good", waiting: "off", errors: "warn", silent: "warn", rejected: "bad", paused: "warn" }[name];
  const last = health.last_call && kit.relative(health.last_call);
  const next = nextCycle(connection);
  return html`<div class="state ${tone}" role="status">
    <${kit.Pill} tone=${tone}>${t(`state.${name}`)}</${kit.Pill}>
    <p>${t(`state.${name}.text`, { last })} ${next && name !== "silent" && name !== "paused" && t("state.next", { at: kit.clock(next, "short") })}</p>
    ${name === "waiting" && html`<p><a class="button primary" href="#/setup">${t("overview.go.setup")}</a></p>`}
  </div>`;
}

function stateOf({ state, health, identity_provider }) {
  if (state === "paused") return "paused";
  if (health.refusals[0] && !isOver(health.refusals[0], health)) return "rejected";
  if (!health.last_call) return "waiting";
  const isLate = Date.now() - new Date(health.last_call) > SILENT_HOURS * 60 * MINUTE;
  if (isLate && (identity_provider in CYCLES || alertOf(health, "silent"))) return "silent";
  return health.errors_24h ? "errors" : "working";
}

/** When the provider should have sent its next requests; null where it has no cycle, or is late. */
function nextCycle({ health, identity_provider }) {
  const minutes = CYCLES[identity_provider];
  const next = minutes && health.last_call && new Date(health.last_call).getTime() + minutes * MINUTE;
  return next > Date.now() ? next : null;
}

const Figures = ({ health }) =>
  html`<dl class="figures">
    ${["users", "teams", "calls_24h", "errors_24h"].map(
      (name) => html`<div key=${name}>
        <dt>${t(`figure.${name}`)}</dt>
        <dd>${kit.number(health[name])}</dd>
      </div>`,
    )}
  </dl>`;

/** What somebody should do something about, the most urgent first. */
function Attention({ connection, credentials, errors, reasons }) {
  const { health } = connection;
  const items = [
    ...alerts(connection, credentials),
    ...health.refusals.filter((each) => !isOver(each, health)).map((each) => rejection(each, reasons)),
    ...credentials.filter((each) => kit.endsSoon(each, credentials)).map((each) => ({ key: each.id, tone: "warn", ...ending(each) })),
    ...causes(errors),
    ...health.advice.map(({ reason }) => ({ key: reason, tone: "warn", title: t(`advice.${reason}`), text: kit.withNames(t(`advice.${reason}.text`)) })),
    ...health.refusals.filter((each) => isOver(each, health)).map((each) => ({ ...rejection(each, reasons, t("attention.over")), tone: "info" })),
    ...ignored(health),
  ];
  return html`<${kit.Section} title=${t("attention.title")}>
    ${!items.length && html`<${kit.Empty} title=${t("attention.none")}><p>${t("attention.none.text")}</p></${kit.Empty}>`}
    <ul class="attention">
      ${items.map(
        (each) => html`<li key=${each.key}>
          <${kit.Notice} tone=${each.tone} title=${each.title}>
            <p>${each.text}</p>
            ${each.note && html`<p class="note">${each.note}</p>`}
          </${kit.Notice}>
        </li>`,
      )}
    </ul>
  </${kit.Section}>`;
}

const alertOf = ({ alerts }, name) => alerts.find(({ alert }) => alert === name);

/** The alerts of the service; a credential that ends is shown by its name, unless the page sees none. */
function alerts(connection, credentials) {
  const { health } = connection;
  const ends = health.alerts.find(({ alert }) => alert.startsWith("credential_"));
  const isShown = credentials.some((each) => kit.endsSoon(each, credentials));
  const isEnded = !credentials.some(({ state }) => state === "live");
  return [
    alerted("mass_change", "bad", alertOf(health, "mass_change")),
    alerted("failing", "bad", alertOf(health, "failing")),
    stateOf(connection) === "silent" && alerted("silent", "warn", alertOf(health, "silent") ?? {}),
    !isShown && alerted(isEnded ? "ended" : "old", isEnded ? "bad" : "warn", ends),
  ].filter(Boolean);
}

const alerted = (key, tone, alert) =>
  alert && {
    key,
    tone,
    title: t(`attention.${key}`),
    text: kit.withNames(t(`attention.${key}.text`, { most: kit.percent(QUARANTINE.percent) })),
    note: alert.since && t("attention.since", { at: kit.relative(alert.since) }),
  };

const ending = ({ name, type, expires_at }) => ({
  title: t("attention.ends", { name, n: Math.max(0, kit.daysUntil(expires_at)) }),
  text: kit.withNames(t(type === "federated" ? "attention.ends.federated" : "attention.ends.text")),
});

/** Whether requests have been accepted since: what was wrong is corrected. */
const isOver = (rejected, health) => rejected.last_at < (health.last_call ?? "");

function rejection(rejected, reasons, since = "") {
  const { title, fix } = reasonText(reasons, rejected);
  const values = { n: rejected.count, last: kit.relative(rejected.last_at) };
  const note = `${t("attention.rejected", values)} ${rejected.user_agent} ${since}`;
  return { key: rejected.reason, tone: "bad", title, text: fix, note };
}

/** The errors of a day by their cause: the first sentence of what each means is its title. */
function causes(errors) {
  const found = Map.groupBy(errors, causeOf);
  return [...found].map(([cause, entries]) => {
    const [title, ...fix] = t(cause).split(". ");
    const values = { n: entries.length, last: kit.relative(entries[0].at) };
    const log = html`${t("attention.cause", values)} <a href="#/log/refused">${t("attention.log")}</a>`;
    return { key: cause, tone: "warn", title, text: fix.join(". "), note: log };
  });
}

function ignored({ ignored: names, unnamed }) {
  if (!names.length && !unnamed) return [];
  const text = t("attention.ignored.text", { names: names.map((each) => each.name).join(", ") || "…" });
  return [{ key: "ignored", tone: "info", title: t("attention.ignored"), text }];
}

/** Two days, an hour in each square: grey without requests, green, or red where one failed. */
function Hours({ health }) {
  const known = new Map(health.hours.map((each) => [each.hour, each]));
  const hours = Array.from({ length: HOURS }, (_, at) => hourBefore(HOURS - 1 - at));
  return html`<${kit.Section} title=${t("hours.title")}>
    <ul class="hours">
      ${hours.map((hour) => html`<${Hour} key=${hour} hour=${hour} counted=${known.get(hour)} />`)}
    </ul>
    <p class="note span"><span>${t("hours.from")}</span><span>${t("hours.now")}</span></p>
    <p class="note legend"><i class="good"></i>${t("hours.good")} <i class="bad"></i>${t("hours.bad")} <i></i>${t("hours.none")}</p>
  </${kit.Section}>`;
}

const hourBefore = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 13);

function Hour({ hour, counted }) {
  const { calls = 0, errors = 0, rejected = 0 } = counted ?? {};
  const failed = errors + rejected;
  const text = t("hours.one", { at: kit.short(`${hour}:00:00Z`), calls: calls + rejected, errors: failed });
  return html`<li class=${failed ? "bad" : calls ? "good" : ""} title=${text}><span class="hidden">${text}</span></li>`;
}

/** How far Entra ID is from its quarantine, in which it sends less and less, at last once a day. */
function Quarantine({ connection: { health, identity_provider } }) {
  if (identity_provider !== "entra" || !health.calls_24h) return null;
  const since = hourBefore(24);
  const rejected = health.hours.filter(({ hour }) => hour >= since).reduce((sum, each) => sum + each.rejected, 0);
  const failures = health.errors_24h + rejected;
  const percent = Math.round((100 * failures) / (health.calls_24h + rejected));
  return html`<${kit.Section} title=${t("quarantine.title")}>
    <p>${t("quarantine.now", { percent: kit.percent(percent), n: failures })}</p>
    <meter min="0" max="100" low="20" high=${QUARANTINE.percent} optimum="0" value=${percent} aria-label=${t("quarantine.title")}></meter>
    <p class="note">${t("quarantine.rule", { most: kit.percent(QUARANTINE.percent), least: kit.number(QUARANTINE.failures) })}</p>
  </${kit.Section}>`;
}
