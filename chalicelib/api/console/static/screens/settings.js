// Settings of the connection: what it is for, how it behaves, pause, and disconnecting.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { PROVIDERS } from "../providers.js";

const { t, useConsole } = kit;
const FIELDS = ["name", "workspace", "default_role", "identity_provider"];
// How a connection may behave: the values of each setting, in the order in which they are offered.
const BEHAVIOURS = {
  put_without_members: ["keep", "clear"],
  unknown_attributes: ["lenient", "strict"],
  group_patch_answer: ["auto", "204"],
  creates_missing_values: [true, false],
};
const CHOICES = ["keep", "deactivate", "delete"];

export const settings = () =>
  useConsole().place[0] === "disconnect" ? html`<${Disconnect} />` : html`<${Settings} />`;

const Settings = () => {
  const { connection } = useConsole();
  return html`<${kit.Screen} title=${t("screen.settings")} lead=${t("settings.lead")}>
    <${Form} key=${connection.last_modified} connection=${connection} />
    <${Pause} connection=${connection} />
    <${kit.Section} title=${t("disconnect.title")} note=${t("disconnect.note")}>
      <p><a class="button danger" href="#/settings/disconnect">${t("disconnect.preview")}</a></p>
    </${kit.Section}>
  </${kit.Screen}>`;
};

function Form({ connection }) {
  const { summary, refresh } = useConsole();
  const [form, setForm] = useState(() => Object.fromEntries(FIELDS.map((name) => [name, connection[name]])));
  const [behaviours, setBehaviours] = useState({});
  const set = (name) => (value) => setForm({ ...form, [name]: value });
  const changed = Object.fromEntries(FIELDS.filter((name) => form[name] !== connection[name]).map((name) => [name, form[name]]));
  const isChanged = Object.keys({ ...changed, ...behaviours }).length > 0;
  kit.useUnsaved(isChanged);
  const { busy, error, run } = useAction(async () => {
    await send("PATCH", connectionPath(connection), { ...changed, ...(Object.keys(behaviours).length && { settings: behaviours }) });
    kit.announce(t("settings.saved"));
    await refresh();
  });
  const { organisation } = summary;
  const roles = organisation.roles.filter((each) => each.may_be_default || each.id === connection.default_role);
  const select = (options, name) => (given) => html`<${kit.Select} ...${given} options=${options} value=${form[name]} choose=${set(name)} />`;
  return html`<form onSubmit=${(event) => [event.preventDefault(), run()]}>
    <${kit.Section} title=${t("settings.connection")}>
      <${kit.Field}
        name="name"
        label=${t("settings.name")}
        error=${error?.of("name")}
        control=${(given) => html`<input ...${given} required value=${form.name} onInput=${(event) => set("name")(event.target.value)} />`}
      />
      <${kit.Field} name="workspace" label=${t("workspace")} hint=${t("settings.workspace.hint")} error=${error?.of("workspace")} control=${select(named(organisation.workspaces), "workspace")} />
      <${kit.Field} name="default_role" label=${t("setup.role")} hint=${t("setup.role.hint")} error=${error?.of("default_role")} control=${select(named(roles), "default_role")} />
      <${kit.Field} name="identity_provider" label=${t("setup.provider")} hint=${t("settings.provider.hint")} control=${select(PROVIDERS.map((id) => ({ id, title: t(`provider.${id}`) })), "identity_provider")} />
    </${kit.Section}>
    <${kit.Section} title=${t("settings.behaviour")} note=${t("settings.behaviour.note", { provider: kit.providerName(form.identity_provider) })}>
      ${Object.entries(BEHAVIOURS).map(([name, values]) => html`<${Behaviour} key=${name} name=${name} values=${values} value=${behaviours[name] ?? connection.settings[name]} choose=${(value) => setBehaviours({ ...behaviours, [name]: value })} />`)}
    </${kit.Section}>
    <${kit.Problem} error=${error?.problem.errors?.some((each) => FIELDS.includes(each.field)) ? null : error} />
    <p class="next">
      <button class="primary" aria-disabled=${busy} disabled=${!isChanged}>${t(busy ? "busy" : "settings.save")}</button>
      ${!isChanged && html`<span class="note">${t("settings.unchanged")}</span>`}
    </p>
  </form>`;
}

const named = (items) => items.map(({ id, name }) => ({ id, title: name }));

const Behaviour = ({ name, values, value, choose }) =>
  html`<${kit.Choices}
    legend=${t(`behaviour.${name}`)}
    name=${name}
    value=${String(value)}
    options=${values.map((each) => ({ id: String(each), title: t(`behaviour.${name}.${each}`), text: t(`behaviour.${name}.${each}.text`) }))}
    choose=${(id) => choose(values.find((each) => String(each) === id))}
  />`;

function Pause({ connection }) {
  const { refresh } = useConsole();
  const isPaused = connection.state === "paused";
  const name = isPaused ? "resume" : "pause";
  const change = async () => {
    await send("PATCH", connectionPath(connection), { state: isPaused ? "active" : "paused" });
    kit.announce(t(`${name}.done`));
    await refresh();
  };
  return html`<${kit.Section} title=${t(`${name}.title`)} note=${t(`${name}.note`)}>
    ${isPaused
      ? html`<p><${kit.Button} class="primary" act=${change}>${t("resume.title")}</${kit.Button}></p>`
      : html`<p><${kit.Confirm} label=${t("pause.title")} text=${t("pause.text")} act=${change} /></p>`}
  </${kit.Section}>`;
}

// --- disconnecting ---------------------------------------------------------------------------

/** What each choice would do is asked of the service before anything is done. */
function Disconnect() {
  const { connection, refresh } = useConsole();
  const [choice, choose] = useState("keep");
  const target = (users, more = "") => `${connectionPath(connection)}?users=${users}${more}`;
  const preview = useLoaded(() => send("DELETE", target(choice, "&preview=true")), [choice]);
  const end = async () => {
    await send("DELETE", target(choice));
    kit.announce(t("disconnect.done"));
    location.hash = "#/setup";
    await refresh();
  };
  const options = CHOICES.map((id) => ({ id, title: t(`disconnect.${id}`), text: t(`disconnect.${id}.text`) }));
  return html`<${kit.Screen} title=${t("disconnect.title")} lead=${t("disconnect.lead")} back=${{ href: "#/settings", label: t("screen.settings") }}>
    <${kit.Section}>
      <${kit.Choices} legend=${t("disconnect.users")} name="users" value=${choice} options=${options} choose=${choose} />
    </${kit.Section}>
    <${kit.Section} title=${t("disconnect.what")}>
      <${kit.Loaded} ...${preview} lines=${2}>
        ${(counts) => html`<${Preview} counts=${counts} />
          <${kit.Confirm} class="danger" label=${t("disconnect.now")} text=${t(`disconnect.${choice}.text`)} name=${connection.name} act=${end} />`}
      </${kit.Loaded}>
    </${kit.Section}>
  </${kit.Screen}>`;
}

const Preview = ({ counts }) =>
  html`<dl class="figures">
    ${["users", "teams", "members", "tokens"].map(
      (name) => html`<div key=${name}><dt>${t(`preview.${name}`)}</dt><dd>${kit.number(counts[name])}</dd></div>`,
    )}
  </dl>`;
