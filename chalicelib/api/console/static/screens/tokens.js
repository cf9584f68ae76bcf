// Tokens: create, rotate with the moment the new one was first used, revoke.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";

const { t, useConsole } = kit;
const POLL_SECONDS = 5;
const YEAR = 365;
const LIVES = [90, 180, YEAR, 2 * YEAR];
const OVERLAPS = [24, 8, 1, 0];
const ENDS_SOON = 30;
const TONES = { live: "good", expired: "bad", revoked: "off" };

export const tokens = () => {
  const { connection } = useConsole();
  const path = connectionPath(connection, "tokens");
  const [made, setMade] = useState(null);
  const list = useLoaded(() => send("GET", `${path}?limit=100`), [path], made ? POLL_SECONDS : 0);
  const show = async (token, replaced = null) => {
    setMade({ ...token, replaced });
    await list.reload();
  };
  return html`<${kit.Screen} title=${t("screen.tokens")} lead=${t("tokens.lead")}>
    ${made && html`<${Made} made=${made} list=${list} path=${path} close=${() => setMade(null)} />`}
    <${kit.Loaded} ...${list}>
      ${(page) => html`
        <${kit.Section}>
          ${page.items.length
            ? html`<ul class="tokens">${page.items.map((each) => html`<${Token} key=${each.id} token=${each} path=${path} show=${show} reload=${list.reload} />`)}</ul>`
            : html`<${kit.Empty} title=${t("tokens.none")}><p>${t("tokens.none.text")}</p></${kit.Empty}>`}
        </${kit.Section}>
        <${Create} path=${path} show=${show} />
      `}
    </${kit.Loaded}>
  </${kit.Screen}>`;
};

/** A new token with its text; after a rotation, when it was first used and the end of the old one. */
function Made({ made, list, path, close }) {
  const current = list.data?.items.find((each) => each.id === made.id);
  const old = list.data?.items.find((each) => each.id === made.replaced);
  const used = current?.last_used_at;
  const end = async () => {
    await send("DELETE", `${path}/${old.id}`);
    await list.reload();
  };
  return html`<${kit.Section} title=${t("tokens.made", { name: made.name })} actions=${html`<button type="button" class="quiet" onClick=${close}>${t("tokens.close")}</button>`}>
    <${kit.NewToken} text=${made.token} />
    ${old?.state === "live" &&
    html`<div role="status">
      ${used
        ? html`<p>${t("tokens.used", { at: kit.moment(used) })}</p>
            <${kit.Button} class="danger" act=${end}>${t("tokens.end.old")}</${kit.Button}>`
        : html`<p class="listening">${t("tokens.waiting", { at: kit.moment(old.expires_at) })}</p>`}
    </div>`}
  </${kit.Section}>`;
}

function Token({ token, path, show, reload }) {
  const { summary } = useConsole();
  const isLive = token.state === "live";
  const revoke = async () => {
    await send("DELETE", `${path}/${token.id}`);
    kit.announce(t("tokens.revoked", { name: token.name }));
    await reload();
  };
  return html`<li>
    <div class="heading">
      <h2>${token.name}</h2>
      <${kit.Pill} tone=${TONES[token.state]}>${t(`token.${token.state}`)}</${kit.Pill}>
    </div>
    <p class="mono">${token.hint}</p>
    <p class="note">
      ${t("tokens.created", { by: token.created_by, at: kit.day(token.created) })} ·
      ${" "}${token.last_used_at ? t("tokens.last", { last: kit.relative(token.last_used_at) }) : t("tokens.never")}
    </p>
    ${isLive && html`<${Expiry} token=${token} />`}
    ${isLive &&
    html`<div class="actions">
      <${Rotate} token=${token} path=${path} show=${show} />
      <${kit.Confirm}
        class="quiet danger"
        label=${t("tokens.revoke")}
        text=${t("tokens.revoke.text")}
        name=${summary.session.embedded && token.name}
        act=${revoke}
      />
    </div>`}
  </li>`;
}

function Expiry({ token }) {
  const days = kit.daysUntil(token.expires_at);
  const text = t("tokens.ends", { n: days, at: kit.day(token.expires_at) });
  return days > ENDS_SOON ? html`<p class="note">${text}</p>` : html`<${kit.Notice}><p>${text}</p></${kit.Notice}>`;
}

/** A new token in the place of one that goes on for some hours, so that nothing is rejected. */
function Rotate({ token, path, show }) {
  const [open, setOpen] = useState(false);
  const [hours, setHours] = useState(OVERLAPS[0]);
  const rotate = async () => {
    const made = await send("POST", `${path}/${token.id}/rotate`, { overlap_hours: Number(hours) });
    setOpen(false);
    await show(made, token.id);
  };
  if (!open) return html`<button type="button" class="quiet" onClick=${() => setOpen(true)}>${t("tokens.rotate")}</button>`;
  return html`<div class="confirm calm" role="group" aria-label=${t("tokens.rotate")}>
    <${kit.Field}
      name=${`overlap-${token.id}`}
      label=${t("tokens.overlap")}
      hint=${t("tokens.overlap.hint")}
      control=${(given) =>
        html`<${kit.Select} ...${given} options=${OVERLAPS.map((id) => ({ id, title: t("tokens.hours", { n: id }) }))} value=${hours} choose=${setHours} />`}
    />
    <div class="actions">
      <${kit.Button} class="primary" act=${rotate}>${t("tokens.rotate")}</${kit.Button}>
      <button type="button" class="quiet" onClick=${() => setOpen(false)}>${t("cancel")}</button>
    </div>
  </div>`;
}

function Create({ path, show }) {
  const [form, setForm] = useState({ name: "", days: YEAR });
  const set = (name) => (value) => setForm({ ...form, [name]: value });
  const { busy, error, run } = useAction(async () => {
    const expires_at = new Date(Date.now() + form.days * 86_400_000).toISOString();
    const made = await send("POST", path, { name: form.name, expires_at });
    setForm({ name: "", days: YEAR });
    await show(made);
  });
  kit.useUnsaved(form.name !== "");
  return html`<${kit.Section} title=${t("tokens.create")}>
    <form onSubmit=${(event) => [event.preventDefault(), run()]}>
      <${kit.Field}
        name="name"
        label=${t("tokens.name")}
        hint=${t("tokens.name.hint")}
        error=${error?.of("name")}
        control=${(given) => html`<input ...${given} required value=${form.name} onInput=${(event) => set("name")(event.target.value)} />`}
      />
      <${kit.Field}
        name="days"
        label=${t("tokens.life")}
        control=${(given) =>
          html`<${kit.Select} ...${given} options=${LIVES.map((id) => ({ id, title: t("tokens.days", { n: id }) }))} value=${form.days} choose=${set("days")} />`}
      />
      ${error && !error.of("name") && html`<${kit.Problem} error=${error} />`}
      <p><button aria-disabled=${busy}>${t(busy ? "busy" : "tokens.create")}</button></p>
    </form>
  </${kit.Section}>`;
}
