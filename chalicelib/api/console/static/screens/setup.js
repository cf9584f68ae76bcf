// Set up: choose, copy and connect, test. Every step can be left and found again.
import { html, useEffect, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { PROVIDERS, waysOf } from "../providers.js";
import { Connect } from "./connect.js";
import { Live } from "./live.js";

const { t, useConsole } = kit;
const STEPS = ["choose", "connect", "test"];

export const setup = () => {
  const { connection, place } = useConsole();
  const step = STEPS.includes(place[0]) && connection ? place[0] : connection ? "connect" : "choose";
  const screens = { choose: Choose, connect: Connect, test: Test };
  return html`<${kit.Screen} title=${t("setup.title")} lead=${t("setup.lead")}>
    <${Steps} current=${step} />
    ${step === "choose" && html`<${Recommendation} />`}
    <${screens[step]} />
  </${kit.Screen}>`;
};

/** Where single sign-on is not forced, it should come first: SCIM alone leaves passwords. */
function Recommendation() {
  const { summary, brand } = useConsole();
  if (summary.organisation.sso?.forced) return null;
  return html`<${kit.Notice} tone="info" title=${t("setup.sso.title")}>
    <p>${t("setup.sso.text", { brand: brand.name })}</p>
  </${kit.Notice}>`;
}

function Steps({ current }) {
  const { connection } = useConsole();
  return html`<ol class="steps">
    ${STEPS.map((name) => {
      const words = html`<b>${t(`setup.${name}.title`)}</b>`;
      const isOpen = connection || name === "choose";
      return html`<li key=${name} aria-current=${name === current ? "step" : undefined}>
        ${isOpen ? html`<a href=${`#/setup/${name}`}>${words}</a>` : html`<span>${words}</span>`}
      </li>`;
    })}
  </ol>`;
}

// --- choose ----------------------------------------------------------------------------------

function Choose() {
  const { summary, connection, refresh } = useConsole();
  const { organisation } = summary;
  const roles = organisation.roles.filter((each) => each.may_be_default);
  const [form, setForm] = useState({
    identity_provider: connection?.identity_provider ?? "entra",
    workspace: connection?.workspace ?? organisation.workspaces[0]?.id,
    default_role: connection?.default_role ?? roles[0]?.id,
  });
  const set = (name) => (value) => setForm({ ...form, [name]: value });
  const isChanged = connection !== null && Object.keys(form).some((name) => form[name] !== connection[name]);
  kit.useUnsaved(isChanged);
  const saving = useAction(async () => {
    await saveChoice(organisation, connection, form);
    await refresh();
    location.hash = "#/setup/connect";
  });
  if (!roles.length || !organisation.workspaces.length) return html`<${NothingToChoose} />`;
  return html`<form onSubmit=${(event) => [event.preventDefault(), saving.run()]}>
    <${kit.Section}>
      <${kit.Choices}
        legend=${t("setup.provider.legend")}
        name="provider"
        value=${form.identity_provider}
        options=${PROVIDERS.map((id) => ({ id, title: t(`provider.${id}`), mark: t(`provider.${id}`)[0] }))}
        choose=${set("identity_provider")}
      />
    </${kit.Section}>
    <${kit.Section} title=${t("setup.place")}>
      <${kit.Field}
        name="workspace"
        label=${t("workspace")}
        hint=${t("setup.workspace.hint")}
        error=${saving.error?.status && saving.error.of("workspace")}
        control=${(given) =>
          html`<${kit.Select} ...${given} options=${named(organisation.workspaces)} value=${form.workspace} choose=${set("workspace")} />`}
      />
      <${kit.Choices}
        legend=${t("setup.role")}
        name="role"
        value=${form.default_role}
        options=${roles.map((each) => ({ id: each.id, title: each.name }))}
        choose=${set("default_role")}
      />
      <p class="note">${t("setup.role.hint")}</p>
    </${kit.Section}>
    <${kit.Problem} error=${saving.error} />
    <p class="next">
      <button class="primary" aria-disabled=${saving.busy}>${t(saving.busy ? "busy" : "setup.save")}</button>
    </p>
  </form>`;
}

const named = (items) => items.map(({ id, name }) => ({ id, title: name }));

const NothingToChoose = () => {
  const { brand } = useConsole();
  return html`<${kit.Notice} role="alert"><p>${t("setup.nothing", { brand: brand.name })}</p></${kit.Notice}>`;
};

/** Create the connection, with the best way to sign in; or change the one that is there. */
function saveChoice(organisation, connection, form) {
  if (connection) return send("PATCH", connectionPath(connection), form);
  const name = t(`provider.${form.identity_provider}`);
  const best = waysOf(form.identity_provider, organisation.authentication).slice(0, 1);
  const body = { name, ...form, ...(best.length && { authentication: best }) };
  return send("POST", `organisations/${organisation.id}/connections`, body);
}

// --- test ------------------------------------------------------------------------------------

function Test() {
  const { connection, summary, close } = useConsole();
  const known = useLoaded(() => send("GET", connectionPath(connection)), [connection.id]);
  const [isSeen, setSeen] = useState(false);
  const isGood = isSeen || Boolean(known.data?.health.last_call);
  const provider = kit.providerName(connection.identity_provider);
  useEffect(() => isGood && kit.announce(t("setup.good.title")), [isGood]);
  const finish = async () => {
    await send("POST", "sessions/current/finish");
    close("finished");
  };
  return html`<div class="stack">
    ${isGood
      ? html`<${kit.Notice} tone="good" title=${t("setup.good.title")}><p>${t("setup.good.text", { provider })}</p></${kit.Notice}>`
      : html`<p>${kit.withNames(t("setup.test.text", { provider }))}</p>`}
    <p class="next actions">
      ${isGood && summary.session.purpose === "setup" && html`<${kit.Confirm} class="primary" tone="primary" label=${t("setup.finish")} text=${t("setup.finish.text")} act=${finish} />`}
      <a class="button ${isGood && summary.session.purpose === "admin" ? "primary" : ""}" href="#/overview">${t("setup.to.overview")}</a>
    </p>
    <${Live} onGood=${() => setSeen(true)} />
    ${!isGood && html`<p class="note">${t("setup.test.nothing", { provider })} <a href="#/setup/connect">${t("setup.test.back")}</a></p>`}
  </div>`;
}
