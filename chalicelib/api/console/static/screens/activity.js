// Activity: who is signed in, who changed what, when and from where.
import { html, useState } from "../preact.js";
import { fetchCsv, query, send, useList, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { Change } from "../changes.js";

const { t, useConsole } = kit;
const PAGE = 50;
const ACTIONS = ["connection", "token", "user", "session", "console_link", "schema", "organisation"];

export const activity = () => {
  const { organisation } = useConsole().summary;
  const root = `organisations/${organisation.id}`;
  const [action, setAction] = useState("");
  const path = `${root}/audit`;
  const list = useList(`${path}${query({ limit: PAGE, action })}`);
  const download = async () => {
    const text = await fetchCsv(`${path}${query({ limit: 100, action })}`);
    kit.save(text, `activity-${organisation.id}.csv`, "text/csv");
  };
  const csv = html`<${kit.Button} class="quiet" act=${download}>${t("csv")}</${kit.Button}>`;
  const options = [{ id: "", title: t("activity.all") }, ...ACTIONS.map((id) => ({ id, title: t(`activity.of.${id}`) }))];
  return html`<${kit.Screen} title=${t("screen.activity")} lead=${t("activity.lead")} actions=${csv}>
    <${Sessions} root=${root} />
    <${kit.Section} title=${t("activity.changes")}>
      <${kit.Field}
        name="action"
        label=${t("activity.filter")}
        control=${(given) => html`<${kit.Select} ...${given} options=${options} value=${action} choose=${setAction} />`}
      />
      <${kit.Loaded} data=${list.items} error=${list.error} reload=${list.reload} lines=${6}>
        ${(items) => html`
          ${!items.length && html`<${kit.Empty} title=${t("activity.none")}><p>${t("activity.none.text")}</p></${kit.Empty}>`}
          <ol class="entries">${items.map((each) => html`<${Change} key=${each.at + each.request_id} change=${each} />`)}</ol>
          <${kit.More} list=${list} />
        `}
      </${kit.Loaded}>
    </${kit.Section}>
  </${kit.Screen}>`;
};

/** The sessions that go on; each may be ended from here, also the own one. */
function Sessions({ root }) {
  const { summary } = useConsole();
  const list = useLoaded(() => send("GET", `${root}/sessions`), [root]);
  const end = (session) => async () => {
    await send("DELETE", `${root}/sessions/${session.id}`);
    kit.announce(t("sessions.ended"));
    await list.reload();
  };
  const isOwn = (session) => session.id === summary.session.id;
  const columns = [
    { label: t("sessions.name"), cell: (each) => html`${each.name}${isOwn(each) && html` <span class="note">${t("sessions.own")}</span>`}` },
    { label: t("sessions.purpose"), cell: (each) => t(`sessions.${each.purpose}`) },
    { label: t("sessions.used"), cell: (each) => html`<${kit.Moment} at=${each.last_used} />` },
    {
      label: t("sessions.action"),
      cell: (each) => html`<${kit.Button} class="quiet" aria-label=${t("sessions.end.what", { name: each.name })} act=${end(each)}>${t("sessions.end")}</${kit.Button}>`,
    },
  ];
  return html`<${kit.Section} title=${t("sessions.title")} note=${t("sessions.note")}>
    <${kit.Loaded} ...${list}>
      ${(page) => html`<${kit.Table} label=${t("sessions.title")} columns=${columns} rows=${page.items} />`}
    </${kit.Loaded}>
  </${kit.Section}>`;
}
