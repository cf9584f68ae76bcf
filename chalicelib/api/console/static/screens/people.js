// Users and teams: search, one of them with its story, and the roles of a user.
import { html, useState } from "../preact.js";
import { query, send, useAction, useList, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { Story } from "./story.js";

const { t, useConsole } = kit;
const PAGE = 25;
const FILTER_DELAY_MS = 300;

export const users = () => (useConsole().place[0] ? html`<${User} />` : html`<${Users} />`);
export const teams = () => (useConsole().place[0] ? html`<${Team} />` : html`<${Teams} />`);

// --- lists -----------------------------------------------------------------------------------

const Users = () =>
  html`<${Listing}
    name="users"
    columns=${[
      { label: t("users.name"), cell: (user) => html`<${PersonLink} user=${user} />` },
      { label: t("users.state"), cell: (user) => html`<${Active} user=${user} />` },
      { label: t("users.roles"), cell: (user) => html`<${Roles} user=${user} />` },
      { label: t("users.teams"), cell: (user) => user.teams?.map((each) => each.name).join(", ") },
    ]}
  />`;

const Teams = () =>
  html`<${Listing}
    name="teams"
    columns=${[
      { label: t("teams.name"), cell: (team) => html`<a href=${`#/teams/${team.id}`}>${team.name}</a>` },
      { label: t("teams.members"), cell: (team) => kit.number(team.members) },
      { label: t("teams.changed"), cell: (team) => html`<${kit.Moment} at=${team.last_modified} />` },
    ]}
  />`;

/** A list of users or teams that can be searched. */
function Listing({ name, columns }) {
  const { summary } = useConsole();
  const [search, setSearch] = useState("");
  const path = `organisations/${summary.organisation.id}/${name}${query({ limit: PAGE, search })}`;
  const list = useList(path);
  return html`<${kit.Screen} title=${t(`screen.${name}`)} lead=${t(`${name}.lead`)}>
    <${Search} label=${t(`${name}.search`)} find=${setSearch} />
    <${kit.Section}>
      <${kit.Loaded} data=${list.items} error=${list.error} reload=${list.reload} lines=${6}>
        ${(items) =>
          items.length
            ? html`<${kit.Table} label=${t(`screen.${name}`)} columns=${columns} rows=${items} />
                <${kit.More} list=${list} />`
            : html`<${Nothing} name=${name} search=${search} />`}
      </${kit.Loaded}>
    </${kit.Section}>
  </${kit.Screen}>`;
}

function Nothing({ name, search }) {
  const { connection } = useConsole();
  if (search) return html`<${kit.Empty} title=${t("search.none")}><p>${t(`${name}.search.none`)}</p></${kit.Empty}>`;
  const provider = connection && kit.providerName(connection.identity_provider);
  return html`<${kit.Empty} title=${t(`${name}.none`)}>
    <p>${provider ? t(`${name}.none.text`, { provider }) : t("none.connection")}</p>
    <a class="button" href="#/setup">${t("screen.setup")}</a>
  </${kit.Empty}>`;
}

function Search({ label, find }) {
  const [timer, setTimer] = useState(0);
  const wait = (text) => {
    clearTimeout(timer);
    setTimer(setTimeout(() => find(text.trim()), FILTER_DELAY_MS));
  };
  return html`<${kit.Field}
    name="search"
    label=${label}
    control=${(given) => html`<input ...${given} type="search" onInput=${(event) => wait(event.target.value)} />`}
  />`;
}

const PersonLink = ({ user }) =>
  html`<a href=${`#/users/${user.id}`}>${user.display_name ?? user.user_name}</a>
    ${user.display_name && html`<br /><span class="note">${user.user_name}</span>`}`;

const Active = ({ user }) =>
  html`<${kit.Pill} tone=${user.active ? "good" : "off"}>${t(user.active ? "user.active" : "user.inactive")}</${kit.Pill}>`;

const Roles = ({ user }) => {
  const { summary } = useConsole();
  return html`<span class="chips">
    ${user.roles.map((each) => html`<span class="chip" key=${`${each.role} ${each.workspace}`}>${nameOf(summary.organisation.roles, each.role)}</span>`)}
  </span>`;
};

const nameOf = (items, id) => items.find((each) => each.id === id)?.name ?? id;

// --- one user --------------------------------------------------------------------------------

function User() {
  const { summary, place } = useConsole();
  const path = `organisations/${summary.organisation.id}/users/${place[0]}`;
  const user = useLoaded(() => send("GET", path), [path]);
  const back = { href: "#/users", label: t("screen.users") };
  if (!user.data) return html`<${kit.Screen} title=${t("user.title")} back=${back}><${kit.Loaded} ...${user} lines=${6} /></${kit.Screen}>`;
  const found = user.data;
  return html`<${kit.Screen} key=${found.id} title=${found.display_name ?? found.user_name} lead=${found.user_name} back=${back}>
    <${kit.Section} title=${t("user.facts")}><${Facts} user=${found} /></${kit.Section}>
    <${EditRoles} user=${found} path=${path} reload=${user.reload} />
    <${Story} filter=${{ user: found.id }} connection=${found.connection} target=${found.id} />
  </${kit.Screen}>`;
}

function Facts({ user }) {
  const facts = {
    "users.state": html`<${Active} user=${user} />`,
    "user.emails": user.emails.map((each) => each.value).join(", "),
    "user.external": user.external_id,
    "users.teams": user.teams?.map((each, at) => html`${at ? ", " : ""}<a href=${`#/teams/${each.id}`}>${each.name}</a>`),
    "user.account": user.account,
    "user.created": kit.moment(user.created),
    "user.changed": kit.moment(user.last_modified),
  };
  const given = Object.entries(facts).filter(([, value]) => value?.length || value?.type);
  return html`<dl class="facts">
    ${given.map(([name, value]) => html`<div key=${name}><dt>${t(name)}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** Roles are the organisation's own: provisioning gives the first one and never changes them. */
function EditRoles({ user, path, reload }) {
  const { organisation } = useConsole().summary;
  const has = (role) => user.roles.some((each) => each.role === role.id && each.workspace === user.workspace);
  const others = organisation.roles.filter((each) => !has(each));
  const [chosen, choose] = useState(null);
  const role = others.find((each) => each.id === chosen) ?? others[0];
  const change = (method, target) => async () => {
    await send(method, target);
    kit.announce(t("roles.changed"));
    await reload();
  };
  const assigning = useAction(role && change("PUT", `${path}/roles/${role.id}`));
  return html`<${kit.Section} title=${t("users.roles")} note=${t("roles.note")}>
    ${!user.roles.length && html`<p>${t("roles.none")}</p>`}
    <ul class="roles">
      ${user.roles.map(
        (each) => html`<li key=${`${each.role} ${each.workspace}`}>
          <span>
            <b>${nameOf(organisation.roles, each.role)}</b>
            <span class="note"> ${nameOf(organisation.workspaces, each.workspace)} · ${t(`roles.${each.source}`)}</span>
          </span>
          <${kit.Button}
            class="quiet"
            aria-label=${t("roles.remove.what", { role: nameOf(organisation.roles, each.role) })}
            act=${change("DELETE", `${path}/roles/${each.role}${query({ workspace: each.workspace })}`)}
          >${t("roles.remove")}</${kit.Button}>
        </li>`,
      )}
    </ul>
    ${role &&
    html`<form class="filters" onSubmit=${(event) => [event.preventDefault(), assigning.run()]}>
      <${kit.Field}
        name="role"
        label=${t("roles.add")}
        control=${(given) =>
          html`<${kit.Select} ...${given} options=${others.map(({ id, name }) => ({ id, title: name }))} value=${role.id} choose=${choose} />`}
      />
      <button aria-disabled=${assigning.busy}>${t("roles.assign")}</button>
    </form>`}
    <${kit.Problem} error=${assigning.error} />
  </${kit.Section}>`;
}

// --- one team --------------------------------------------------------------------------------

function Team() {
  const { summary, place } = useConsole();
  const path = `organisations/${summary.organisation.id}/teams/${place[0]}`;
  const team = useLoaded(() => send("GET", path), [path]);
  const back = { href: "#/teams", label: t("screen.teams") };
  if (!team.data) return html`<${kit.Screen} title=${t("team.title")} back=${back}><${kit.Loaded} ...${team} lines=${6} /></${kit.Screen}>`;
  const found = team.data;
  return html`<${kit.Screen} key=${found.id} title=${found.name} lead=${t("team.members", { n: found.members })} back=${back}>
    <${Members} path=${path} />
    <${Story} filter=${{ group: found.id }} connection=${found.connection} target=${found.id} />
  </${kit.Screen}>`;
}

function Members({ path }) {
  const list = useList(`${path}/members${query({ limit: PAGE })}`);
  const columns = [
    { label: t("users.name"), cell: (user) => html`<${PersonLink} user=${user} />` },
    { label: t("users.state"), cell: (user) => html`<${Active} user=${user} />` },
    { label: t("users.roles"), cell: (user) => html`<${Roles} user=${user} />` },
  ];
  return html`<${kit.Section} title=${t("teams.members")}>
    <${kit.Loaded} data=${list.items} error=${list.error} reload=${list.reload}>
      ${(items) =>
        items.length
          ? html`<${kit.Table} label=${t("teams.members")} columns=${columns} rows=${items} /><${kit.More} list=${list} />`
          : html`<${kit.Empty} title=${t("team.empty")}><p>${t("team.empty.text")}</p></${kit.Empty}>`}
    </${kit.Loaded}>
  </${kit.Section}>`;
}
