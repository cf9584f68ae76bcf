// How an identity provider signs in: a token, a client secret, or the trust in its own signature.
import { html } from "./preact.js";
import { connectionPath, send } from "./api.js";
import * as kit from "./kit.js";

const { t } = kit;
const TENANT = /^[0-9a-f-]{36}$/i;
// Some of Microsoft's pages show the issuer without its end.
const MICROSOFT = /^(https:\/\/login\.[a-z.]+\/[0-9a-f-]{36})(?:\/|\/v2\.0\/?)?$/i;
const TRUST = ["issuer", "subject", "audience"];

export const isLive = (credential) => credential.state === "live";

/** The ways that a connection accepts and its organisation still allows. */
export const acceptedWays = (connection, { organisation }) =>
  connection.authentication.filter((way) => organisation.authentication.includes(way));

/** Let a connection accept a way; those whose credentials may be in use are accepted as before. */
export async function accept(connection, summary, way, credentials) {
  const accepted = acceptedWays(connection, summary);
  if (accepted.includes(way)) return;
  const used = new Set(credentials.filter(isLive).map((each) => each.type));
  const kept = accepted.filter((each) => used.has(each));
  await send("PATCH", connectionPath(connection), { authentication: [...kept, way] });
}

/** What is pasted into the portal beside the secret; each name is as the portals have it. */
export const Addresses = ({ connection, way }) =>
  html`<${kit.Copyable} label=${t("setup.url")} text=${connection.scim_url} />
    ${way !== "token" &&
    html`<${kit.Copyable} label=${t("way.token_url")} text=${connection.token_url} />
      <${kit.Copyable} label=${t("way.client_id")} text=${connection.id} />`}`;

/** The text of a new token or client secret, which no later response has. */
export const NewSecret = ({ made }) =>
  made.type !== "federated" &&
  html`<${kit.Copyable} label=${t(`secret.${made.type}`)} text=${made.token ?? made.client_secret} />
    <${kit.Notice}><p>${t("secret.once")}</p></${kit.Notice}>`;

/** Whose signature a credential trusts. */
export const Trust = ({ credential }) =>
  html`<dl class="facts">
    ${TRUST.map(
      (name) => html`<div key=${name}><dt>${t(`way.${name}`)}</dt><dd class="mono">${credential[name]}</dd></div>`,
    )}
  </dl>`;

/** What the portal shows and this page needs: whose signature is to be trusted. */
export const TrustFields = ({ provider, value, set, error }) =>
  TRUST.map(
    (name) => html`<${kit.Field}
      key=${name}
      name=${name}
      label=${t(`way.${name}`)}
      hint=${t(provider === "entra" ? `way.${name}.entra` : `way.${name}.hint`)}
      error=${wrongIn(error, name)}
      control=${(given) =>
        html`<input ...${given} required spellcheck="false" autocomplete="off" value=${value[name]} onInput=${(event) => set({ ...value, [name]: event.target.value })} />`}
    />`,
  );

export const NO_TRUST = { issuer: "", subject: "", audience: "" };

/** Read what was pasted: the id of a tenant stands for its issuer, with or without the end. */
export function trustOf(value) {
  const { issuer, ...rest } = Object.fromEntries(TRUST.map((name) => [name, value[name].trim()]));
  if (TENANT.test(issuer)) return { tenant: issuer.toLowerCase(), ...rest };
  return { issuer: issuer.replace(MICROSOFT, (_, tenant) => `${tenant.toLowerCase()}/v2.0`), ...rest };
}

const wrongIn = (error, name) =>
  name !== "issuer" ? error?.of(name) : (error?.of("issuer") ?? error?.of("tenant")) && t("way.issuer.wrong");

/** What is wrong elsewhere than in these fields. */
export const otherThanTrust = (error) => (TRUST.some((name) => wrongIn(error, name)) ? null : error);
