// The overview: does it work, what needs attention, and what is new.
import { html } from "../preact.js";
import { connectionPath, send, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { reasonText } from "../entries.js";

const { t, useConsole } = kit;
const POLL_SECONDS = 15;
const HOURS = 48;

export const overview = () => {
  const { connection } = useConsole();
  const path = connectionPath(connection);
  const loaded = useLoaded(() => readAll(path), [path], POLL_SECONDS);
  const reasons = useLoaded(() => kit.fetchTexts("texts/reasons"), [kit.currentLanguage()]);
  return html`<${kit.Screen} title=${connection.name} lead=${connection.identity_provider !== "other" && kit.providerName(connection.identity_provider)}>
    <${kit.Loaded} ...${loaded} lines=${8}>
      ${([current, credentials]) => html`
        <${State} connection=${current} />
        <${Figures} health=${current.health} />
        <${Attention} health=${current.health} credentials=${credentials.items} reasons=${reasons.data ?? {}} />
        <${Hours} health=${current.health} />
      `}
    </${kit.Loaded}>
  </${kit.Screen}>`;
};

const readAll = (path) => Promise.all([send("GET", path), send("GET", `${path}/credentials`)]);

/** The state in one word and one sentence. */
function State({ connection }) {
  const { health } = connection;
  const name = stateOf(connection);
  const tone = { working: "good", waiting: "off", errors: "warn", rejected: "bad", paused: "warn" }[name];
  const last = health.last_call && kit.relative(health.last_call);
  return html`<div class="state ${tone}" role="status">
    <${kit.Pill} tone=${tone}>${t(`state.${name}`)}</${kit.Pill}>
    <p>${t(`state.${name}.text`, { last })}</p>
    ${name === "waiting" && html`<p><a class="button primary" href="#/setup">${t("overview.go.setup")}</a></p>`}
  </div>`;
}

function stateOf({ state, health }) {
  if (state === "paused") return "paused";
  const rejectedLast = health.refusals[0]?.last_at > (health.last_call ?? "");
  if (rejectedLast) return "rejected";
  if (!health.last_call) return "waiting";
  return health.errors_24h ? "errors" : "working";
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
function Attention({ health, credentials, reasons }) {
  const items = [
    ...credentials.filter((each) => kit.endsSoon(each, credentials)).map((each) => ({ key: each.id, tone: "warn", ...ending(each) })),
    ...health.refusals.map((each) => rejection(each, reasons)),
    ...health.advice.map((each) => ({ key: each.reason, tone: "warn", title: t(`advice.${each.reason}`), text: kit.withNames(each.text) })),
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

const ending = ({ name, type, expires_at }) => ({
  title: t("attention.ends", { name, n: Math.max(0, kit.daysUntil(expires_at)) }),
  text: kit.withNames(t(type === "federated" ? "attention.ends.federated" : "attention.ends.text")),
});

function rejection(rejected, reasons) {
  const { title, fix } = reasonText(reasons, rejected);
  const values = { n: rejected.count, last: kit.relative(rejected.last_at) };
  const note = `${t("attention.rejected", values)} ${rejected.user_agent}`;
  return { key: rejected.reason, tone: "bad", title, text: fix, note };
}

function ignored({ ignored: names, unnamed }) {
  if (!names.length && !unnamed) return [];
  const text = t("attention.ignored.text", { names: names.map((each) => each.name).join(", ") || "…" });
  return [{ key: "ignored", tone: "off", title: t("attention.ignored"), text }];
}

/** Two days, an hour in each square: grey without requests, green, or red where one failed. */
function Hours({ health }) {
  const known = new Map(health.hours.map((each) => [each.hour, each]));
  const hours = Array.from({ length: HOURS }, (_, at) => hourBefore(HOURS - 1 - at));
  return html`<${kit.Section} title=${t("hours.title")}>
    <ul class="hours">
      ${hours.map((hour) => html`<${Hour} key=${hour} hour=${hour} counted=${known.get(hour)} />`)}
    </ul>
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
