// What happened to one user or team: requests of the identity provider, and changes of admins.
import { html } from "../preact.js";
import { query, send, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { Entry } from "../entries.js";
import { Change } from "../changes.js";

const { t, useConsole } = kit;
const SHOWN = 50;

export function Story({ filter, connection, target }) {
  const { summary } = useConsole();
  const root = `organisations/${summary.organisation.id}`;
  const story = useLoaded(() => readStory(root, connection, filter, target), [target]);
  const own = summary.connections.find((each) => each.id === connection) ?? { id: connection };
  return html`<${kit.Section} title=${t("story.title")} note=${t("story.note")}>
    <${kit.Loaded} ...${story} lines=${5}>
      ${(events) => html`
        ${!events.length && html`<${kit.Empty} title=${t("story.none")}><p>${t("story.none.text")}</p></${kit.Empty}>`}
        <ol class="entries">
          ${events.map((each) =>
            each.action
              ? html`<${Change} key=${each.request_id + each.action} change=${each} />`
              : html`<${Entry} key=${each.request_id} entry=${each} connection=${own} />`,
          )}
        </ol>
      `}
    </${kit.Loaded}>
  </${kit.Section}>`;
}

/** Read both, the newest first. The audit has no filter by target: the last hundred are looked at. */
async function readStory(root, connection, filter, target) {
  const [log, audit] = await Promise.all([
    send("GET", `${root}/connections/${connection}/log${query({ limit: SHOWN, ...filter })}`),
    send("GET", `${root}/audit?limit=100`),
  ]);
  const changes = audit.items.filter((each) => each.target === target);
  return [...log.items, ...changes].sort((a, b) => b.at.localeCompare(a.at));
}
