// Copy and connect: how the provider signs in, and what is pasted into which field of its portal.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { waysOf } from "../providers.js";
import { Addresses, NO_TRUST, NewSecret, Trust, TrustFields, accept, isLive, otherThanTrust, trustOf } from "../ways.js";
import { Live } from "./live.js";
import { Guide } from "./guide.js";

const { t, useConsole } = kit;

// The text of a credential is shown once. It stays here until the page is closed, never stored.
let shown = null;

export function Connect() {
  const { connection, summary, brand } = useConsole();
  const path = connectionPath(connection, "credentials");
  const loaded = useLoaded(() => send("GET", path), [path]);
  const provider = connection.identity_provider;
  const ways = waysOf(provider, summary.organisation.authentication);
  if (!ways.length) {
    const values = { provider: kit.providerName(provider), brand: brand.name };
    return html`<${kit.Notice} role="alert" title=${t("way.unknown", values)}><p>${t("way.unknown.text", values)}</p></${kit.Notice}>`;
  }
  return html`<${kit.Loaded} ...${loaded} lines=${8}>
    ${(page) => html`<${Chosen} ways=${ways} credentials=${page.items.filter(isLive)} path=${path} reload=${loaded.reload} />`}
  </${kit.Loaded}>`;
}

function Chosen({ ways, credentials, path, reload }) {
  const { connection, summary, refresh } = useConsole();
  const [way, choose] = useState(() => firstOf(ways, connection, credentials));
  const [made, setMade] = useState(shown?.connection === connection.id ? shown.credential : null);
  const create = async (trust = {}) => {
    await accept(connection, summary, way, credentials);
    const name = t(`provider.${connection.identity_provider}`);
    const credential = await send("POST", path, { name, type: way, ...trust });
    shown = { connection: connection.id, credential };
    setMade(credential);
    await Promise.all([reload(), refresh()]);
  };
  const own = credentials.filter((each) => each.type === way);
  const screen = { connection, own, create, made: made?.type === way ? made : null };
  return html`<div class="columns">
    <div class="stack">
      ${ways.length > 1 && html`<${Ways} provider=${kit.providerName(connection.identity_provider)} ways=${ways} way=${way} choose=${choose} others=${credentials.length - own.length} />`}
      ${way === "federated" ? html`<${Federated} ...${screen} />` : html`<${WithSecret} way=${way} ...${screen} />`}
      <p class="next"><a class="button primary" href="#/setup/test">${t("setup.entered")}</a></p>
      <${Live} quiet />
    </div>
    <${Guide} provider=${connection.identity_provider} way=${way} />
  </div>`;
}

/** The way that is in use; else one that was chosen for the connection, else the best. */
function firstOf(ways, connection, credentials) {
  const inUse = credentials.at(-1)?.type;
  const chosen = connection.authentication.find((way) => way !== "token");
  return [inUse, chosen].find((way) => ways.includes(way)) ?? ways[0];
}

const Ways = ({ provider, ways, way, choose, others }) =>
  html`<${kit.Section}>
    <${kit.Choices}
      legend=${t("way.legend", { provider })}
      name="way"
      value=${way}
      options=${ways.map((id) => ({ id, title: t(`way.${id}`), text: t(`way.${id}.text`) }))}
      choose=${choose}
    />
    <p class="note">${others > 0 ? t("way.others", { n: others }) : t("way.which")}</p>
  </${kit.Section}>`;

function WithSecret({ connection, way, own, made, create }) {
  const [known, ...others] = own;
  const button = t(`setup.${way}.${known ? "another" : "create"}`);
  return html`<${kit.Section} title=${t("setup.values")} note=${t("setup.values.note", { provider: kit.providerName(connection.identity_provider) })}>
    <${Addresses} connection=${connection} way=${way} />
    ${made
      ? html`<${NewSecret} made=${made} />`
      : html`<p>${known ? t(`setup.${way}.known`, { hint: known.hint, n: others.length + 1 }) : t(`setup.${way}.none`)}</p>
          <${kit.Button} class=${known ? "" : "primary"} act=${() => create()}>${button}</${kit.Button}>`}
  </${kit.Section}>`;
}

/** First the portal's values are entered here, then these are pasted there. */
function Federated({ connection, own, create }) {
  const [isOpen, open] = useState(own.length === 0);
  const provider = connection.identity_provider;
  const save = async (trust) => {
    await create(trust);
    open(false);
  };
  return html`<${kit.Section} title=${t("setup.trust", { provider: kit.providerName(provider) })} note=${t("setup.trust.note")}>
      ${own.map((each) => html`<${Trust} key=${each.id} credential=${each} />`)}
      ${isOpen
        ? html`<${TrustForm} provider=${provider} save=${save} />`
        : html`<button type="button" onClick=${() => open(true)}>${t("setup.trust.another")}</button>`}
    </${kit.Section}>
    <${kit.Section} title=${t("setup.values")} note=${t("setup.values.note", { provider: kit.providerName(connection.identity_provider) })}>
      <${Addresses} connection=${connection} way="federated" />
    </${kit.Section}>`;
}

function TrustForm({ provider, save }) {
  const [value, set] = useState(NO_TRUST);
  const { busy, error, run } = useAction(() => save(trustOf(value)));
  kit.useUnsaved(Object.values(value).some(Boolean));
  return html`<form onSubmit=${(event) => [event.preventDefault(), run()]}>
    <${TrustFields} provider=${provider} value=${value} set=${set} error=${error} />
    <${kit.Problem} error=${otherThanTrust(error)} />
    <p><button class="primary" aria-disabled=${busy}>${t(busy ? "busy" : "setup.trust.save")}</button></p>
  </form>`;
}
