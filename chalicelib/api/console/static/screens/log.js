// The log: each request of the identity provider, what was sent, what it means and what to do.
import { html, useState } from "../preact.js";
import { connectionPath, fetchCsv, query, useList } from "../api.js";
import * as kit from "../kit.js";
import { Entry } from "../entries.js";

const { t, useConsole } = kit;
const PAGE = 50;
const OUTCOMES = ["success", "refused", "failed"];
// The parameter of a log that is opened for one user or team: `#/log/users/abc`.
const TARGETS = { users: "user", teams: "group" };

export const log = () => {
  const { connection, place } = useConsole();
  const [outcome] = OUTCOMES.filter((each) => each === place[0]);
  const [filter, setFilter] = useState({ outcome: outcome ?? "", from: "", to: "" });
  const parameters = { outcome: filter.outcome, from: utc(filter.from), to: utc(filter.to), [TARGETS[place[0]]]: place[1] };
  const path = connectionPath(connection, "log");
  const list = useList(`${path}${query({ limit: PAGE, ...parameters })}`);
  const download = async () => {
    const text = await fetchCsv(`${path}${query({ limit: 100, ...parameters })}`);
    kit.save(text, `log-${connection.id}.csv`, "text/csv");
  };
  const csv = html`<${kit.Button} class="quiet" act=${download}>${t("csv")}</${kit.Button}>`;
  return html`<${kit.Screen} title=${t("screen.log")} lead=${t("log.lead")} actions=${csv}>
    <${Filters} filter=${filter} setFilter=${setFilter} />
    ${place[0] in TARGETS && html`<p>${t(`log.one.${TARGETS[place[0]]}`)} <a href="#/log">${t("log.everything")}</a></p>`}
    <${kit.Section}>
      <${kit.Loaded} data=${list.items} error=${list.error} reload=${list.reload} lines=${8}>
        ${(items) => html`
          ${!items.length && html`<${Nothing} isFiltered=${Object.values(filter).some(Boolean)} />`}
          <ol class="entries">
            ${items.map((each) => html`<${Entry} key=${each.request_id} entry=${each} connection=${connection} />`)}
          </ol>
          <${kit.More} list=${list} />
        `}
      </${kit.Loaded}>
    </${kit.Section}>
  </${kit.Screen}>`;
};

const utc = (local) => local && new Date(local).toISOString();

function Filters({ filter, setFilter }) {
  const set = (name) => (value) => setFilter({ ...filter, [name]: value });
  const outcomes = [{ id: "", title: t("log.all") }, ...OUTCOMES.map((id) => ({ id, title: t(`outcome.${id}`) }))];
  const time = (name) => (given) =>
    html`<input ...${given} type="datetime-local" value=${filter[name]} onChange=${(event) => set(name)(event.target.value)} />`;
  return html`<div class="filters">
    <${kit.Field}
      name="outcome"
      label=${t("log.outcome")}
      control=${(given) => html`<${kit.Select} ...${given} options=${outcomes} value=${filter.outcome} choose=${set("outcome")} />`}
    />
    <${kit.Field} name="from" label=${t("log.from")} control=${time("from")} />
    <${kit.Field} name="to" label=${t("log.to")} control=${time("to")} />
  </div>`;
}

const Nothing = ({ isFiltered }) =>
  isFiltered
    ? html`<${kit.Empty} title=${t("log.none.filtered")}><p>${t("log.none.filtered.text")}</p></${kit.Empty}>`
    : html`<${kit.Empty} title=${t("log.none")}>
        <p>${t("log.none.text")}</p>
        <a class="button" href="#/setup">${t("screen.setup")}</a>
      </${kit.Empty}>`;
