// The requests of the identity provider as they come, rejected ones with their mistake by name.
import { html, useEffect, useRef } from "../preact.js";
import { connectionPath, send, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { describe, meaning, reasonText } from "../entries.js";

const { t, useConsole } = kit;
const POLL_SECONDS = 2;
// The service writes rejected requests one by one for as long as a page asks for it.
const LISTEN_SECONDS = 120;
const SHOWN = 20;

/** `quiet` shows the last request only, and nothing before it. `onGood` is called at the first good one. */
export function Live({ quiet, onGood }) {
  const { connection } = useConsole();
  const since = useRef(new Date(Date.now() - 60_000).toISOString());
  const path = connectionPath(connection);
  useLoaded(() => send("POST", `${path}/listen`), [path], LISTEN_SECONDS);
  const reasons = useLoaded(() => kit.fetchTexts("texts/reasons"), [kit.currentLanguage()]);
  const polled = useLoaded(() => readBoth(path, since.current), [path], POLL_SECONDS);
  const events = polled.data ?? [];
  const isGood = events.some((each) => each.outcome === "success");
  useEffect(() => isGood && onGood?.(), [isGood]);
  useEffect(() => events[0] && kit.announce(sentence(events[0], reasons.data)), [events[0]?.id]);
  if (quiet && !events.length) return html`<p class="note listening">${t("live.listening")}</p>`;
  return html`<${kit.Section} title=${t("live.title")}>
    ${!events.length && html`<p class="listening">${t("live.waiting")}</p>`}
    <ol class="live">${(quiet ? events.slice(0, 1) : events).map((each) => html`<${Event} key=${each.id} event=${each} reasons=${reasons.data} />`)}</ol>
    <${kit.Problem} error=${polled.error} />
  </${kit.Section}>`;
}

/** Read accepted and rejected requests since a moment, the newest first. */
async function readBoth(path, since) {
  const [log, rejected] = await Promise.all([
    send("GET", `${path}/log?limit=${SHOWN}&from=${since}`),
    send("GET", `${path}/rejected?limit=${SHOWN}&after=${since}`),
  ]);
  const accepted = log.items.map((each) => ({ ...each, id: each.request_id }));
  return [...accepted, ...rejected.items].sort((a, b) => b.at.localeCompare(a.at)).slice(0, SHOWN);
}

const sentence = (event, reasons) =>
  event.reason ? reasonText(reasons ?? {}, event).title : describe(event);

function Event({ event, reasons }) {
  const isGood = event.outcome === "success";
  const { title, fix } = event.reason ? reasonText(reasons ?? {}, event) : { title: describe(event), fix: !isGood && meaning(event) };
  return html`<li class=${isGood ? "good" : "bad"}>
    <time datetime=${event.at}>${kit.clock(event.at)}</time>
    <div>
      <b>${title}</b>
      ${fix && html`<p>${fix}</p>`}
      ${event.detail && html`<q class="note" lang="en">${event.detail}</q>`}
      <span class="note">${event.method} ${event.path?.split("?")[0]} ${event.user_agent}</span>
    </div>
  </li>`;
}
