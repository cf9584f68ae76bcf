// Credentials: what is accepted, create, rotate with the moment the new one was first used, revoke.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";
import { Addresses, NO_TRUST, NewSecret, Trust, TrustFields, acceptedWays, isLive, otherThanTrust, trustOf } from "../ways.js";

const { t, useConsole } = kit;
const POLL_SECONDS = 5;
const YEAR = 365;
const LIVES = [90, 180, YEAR, 2 * YEAR];
const OVERLAPS = [24, 8, 1, 0];
const TONES = { live: "good", expired: "bad", revoked: "off" };
const WAYS = ["federated", "client_secret", "token"];

export const credentials = () => {
  const { connection } = useConsole();
  const path = connectionPath(connection, "credentials");
  const [made, setMade] = useState(null);
  const list = useLoaded(() => send("GET", `${path}?limit=100`), [path], made ? POLL_SECONDS : 0);
  const show = async (credential, replaced = null) => {
    setMade({ ...credential, replaced });
    await list.reload();
  };
  return html`<${kit.Screen} title=${t("screen.credentials")} lead=${t("credentials.lead")}>
    ${made && html`<${Made} made=${made} list=${list} path=${path} close=${() => setMade(null)} />`}
    <${kit.Loaded} ...${list}>
      ${(page) => html`
        <${Accepted} items=${page.items.filter(isLive)} reload=${list.reload} />
        <${kit.Section}>
          ${page.items.length
            ? html`<ul class="tokens">${page.items.map((each) => html`<${Credential} key=${each.id} credential=${each} isNew=${each.id === made?.id} all=${page.items} path=${path} show=${show} reload=${list.reload} />`)}</ul>`
            : html`<${kit.Empty} title=${t("credentials.none")}><p>${t("credentials.none.text")}</p></${kit.Empty}>`}
        </${kit.Section}>
        <${Create} path=${path} show=${show} />
      `}
    </${kit.Loaded}>
  </${kit.Screen}>`;
};

/** A new credential with its text; after a rotation, when it was first used and the end of the old one. */
function Made({ made, list, path, close }) {
  const { connection } = useConsole();
  const current = list.data?.items.find((each) => each.id === made.id);
  const old = list.data?.items.find((each) => each.id === made.replaced);
  const used = current?.last_used_at;
  const end = async () => {
    await send("DELETE", `${path}/${old.id}`);
    await list.reload();
  };
  const done = t(made.type === "federated" ? "credentials.done" : "credentials.close");
  return html`<${kit.Section} title=${t("credentials.made", { name: made.name })} actions=${html`<button type="button" class="quiet" onClick=${close}>${done}</button>`}>
    <${Addresses} connection=${connection} way=${made.type} />
    <${NewSecret} made=${made} />
    ${old?.state === "live" &&
    html`<div role="status">
      ${used
        ? html`<p>${t("credentials.used", { at: kit.moment(used) })}</p>
            <${kit.Button} class="danger" act=${end}>${t("credentials.end.old")}</${kit.Button}>`
        : html`<p class="listening">${t("credentials.waiting", { at: kit.moment(old.expires_at) })}</p>`}
    </div>`}
  </${kit.Section}>`;
}

// --- what is accepted ------------------------------------------------------------------------

/** The ways that the organisation allows, each accepted or not, with what a change would cut off. */
function Accepted({ items, reload }) {
  const { connection, summary, refresh } = useConsole();
  const accepted = acceptedWays(connection, summary);
  const typed = (way) => summary.session.embedded && t(`way.${way}`);
  const allowed = WAYS.filter((way) => summary.organisation.authentication.includes(way));
  const change = async (ways) => {
    await send("PATCH", connectionPath(connection), { authentication: ways });
    kit.announce(t("settings.saved"));
    await Promise.all([refresh(), reload()]);
  };
  const moved = movedTo(accepted, items);
  return html`<${kit.Section} title=${t("accepted.title")} note=${t("accepted.note")}>
    ${moved &&
    html`<${kit.Notice} tone="good" title=${t("accepted.moved", { way: t(`way.${moved.type}`), at: kit.moment(moved.last_used_at) })}>
      <p>${t("accepted.moved.text")}</p>
      <${kit.Confirm} class="danger" label=${t("accepted.only", { way: t(`way.${moved.type}`) })} text=${cutOff(items.filter((each) => each.type !== moved.type))} name=${typed(moved.type)} act=${() => change([moved.type])} />
    </${kit.Notice}>`}
    <ul class="roles">
      ${allowed.map(
        (way) => html`<${Way}
          key=${way}
          way=${way}
          isAccepted=${accepted.includes(way)}
          isOnly=${accepted.length === 1}
          typed=${typed(way)}
          own=${items.filter((each) => each.type === way)}
          add=${() => change([...accepted, way])}
          end=${() => change(accepted.filter((each) => each !== way))}
        />`,
      )}
    </ul>
  </${kit.Section}>`;
}

function Way({ way, isAccepted, isOnly, typed, own, add, end }) {
  const name = t(`way.${way}`);
  return html`<li>
    <div class="words">
      <div class="heading"><b>${name}</b> <${kit.Pill} tone=${isAccepted ? "good" : "off"}>${t(isAccepted ? "accepted.yes" : "accepted.no")}</${kit.Pill}></div>
      <span class="note">${t(`way.${way}.text`)}</span>
    </div>
    ${!isAccepted && html`<${kit.Button} class="quiet" aria-label=${t("accepted.add.what", { way: name })} act=${add}>${t("accepted.add")}</${kit.Button}>`}
    ${isAccepted && !isOnly && html`<${kit.Confirm} class="quiet danger" label=${t("accepted.end")} aria-label=${t("accepted.end.what", { way: name })} text=${cutOff(own)} name=${typed} act=${end} />`}
  </li>`;
}

/** Say which credentials would be rejected from the next request on. */
function cutOff(credentials) {
  if (!credentials.length) return t("accepted.cut.none");
  const names = credentials.map((each) => each.name).join(", ");
  const last = credentials.map((each) => each.last_used_at).filter(Boolean).sort().at(-1);
  const used = last ? t("credentials.last", { last: kit.relative(last) }) : t("credentials.never");
  return t("accepted.cut", { n: credentials.length, names, used });
}

/** The newest credential, once it is in use and none of another way was used after it. */
function movedTo(accepted, items) {
  const own = items.filter((each) => accepted.includes(each.type));
  const [newest] = own.sort((a, b) => b.created.localeCompare(a.created));
  const others = own.filter((each) => each.type !== newest.type);
  const isOver = newest?.last_used_at && !others.some((each) => each.last_used_at > newest.last_used_at);
  return isOver && accepted.length > 1 ? newest : null;
}

// --- each of them ----------------------------------------------------------------------------

function Credential({ credential, isNew, all, path, show, reload }) {
  const { summary, connection } = useConsole();
  const { name, type } = credential;
  const live = isLive(credential);
  const revoke = async () => {
    await send("DELETE", `${path}/${credential.id}`);
    kit.announce(t("credentials.revoked", { name }));
    await reload();
  };
  return html`<li>
    <div class="heading">
      <h2>${name}</h2>
      <${kit.Pill} tone=${TONES[credential.state]}>${t(`credential.${credential.state}`)}</${kit.Pill}>
      ${isNew && html`<span class="pill">${t("credential.new")}</span>`}
      <span class="note">${t(`way.${type}`)}</span>
    </div>
    ${type === "federated" ? html`<${Trust} credential=${credential} />` : html`<p class="mono">${credential.hint}</p>`}
    <p class="note">
      ${t("credentials.created", { by: creatorOf(credential), at: kit.day(credential.created) })} ·
      ${" "}${credential.last_used_at ? t("credentials.last", { last: kit.relative(credential.last_used_at), agent: credential.last_used_by ?? "–" }) : t("credentials.never")}
    </p>
    ${live && !acceptedWays(connection, summary).includes(type) && html`<${kit.Notice}><p>${t("credentials.not.accepted")}</p></${kit.Notice}>`}
    ${live && html`<${Expiry} credential=${credential} soon=${kit.endsSoon(credential, all)} />`}
    ${live &&
    html`<div class="actions">
      ${type !== "federated" && html`<${Rotate} credential=${credential} path=${path} show=${show} />`}
      <${kit.Confirm}
        class="quiet danger"
        label=${t("credentials.revoke")}
        text=${t(`credentials.revoke.${type}`)}
        name=${summary.session.embedded && name}
        act=${revoke}
      />
    </div>`}
  </li>`;
}

/** Who created a credential; the operator is whom the admin knows as the support. */
const creatorOf = ({ created_by }) => (created_by === "operator" ? t("credentials.operator") : created_by);

function Expiry({ credential, soon }) {
  const text = t("credentials.ends", { n: kit.daysUntil(credential.expires_at), at: kit.day(credential.expires_at) });
  return soon ? html`<${kit.Notice}><p>${text}</p></${kit.Notice}>` : html`<p class="note">${text}</p>`;
}

/** A new secret in the place of one that goes on for some hours, so that nothing is rejected. */
function Rotate({ credential, path, show }) {
  const [open, setOpen] = useState(false);
  const [hours, setHours] = useState(OVERLAPS[0]);
  const rotate = async () => {
    const made = await send("POST", `${path}/${credential.id}/rotate`, { overlap_hours: Number(hours) });
    setOpen(false);
    await show(made, credential.id);
  };
  if (!open) return html`<button type="button" class="quiet" onClick=${() => setOpen(true)}>${t("credentials.rotate")}</button>`;
  return html`<div class="confirm calm" role="group" aria-label=${t("credentials.rotate")}>
    <${kit.Field}
      name=${`overlap-${credential.id}`}
      label=${t("credentials.overlap")}
      hint=${t("credentials.overlap.hint")}
      control=${(given) =>
        html`<${kit.Select} ...${given} options=${OVERLAPS.map((id) => ({ id, title: t("credentials.hours", { n: id }) }))} value=${hours} choose=${setHours} />`}
    />
    <div class="actions">
      <${kit.Button} class="primary" act=${rotate}>${t("credentials.rotate")}</${kit.Button}>
      <button type="button" class="quiet" onClick=${() => setOpen(false)}>${t("cancel")}</button>
    </div>
  </div>`;
}

// --- another one -----------------------------------------------------------------------------

const EMPTY = { name: "", days: YEAR, trust: NO_TRUST };

function Create({ path, show }) {
  const { connection, summary } = useConsole();
  const accepted = WAYS.filter((way) => acceptedWays(connection, summary).includes(way));
  const [form, setForm] = useState(EMPTY);
  const set = (name) => (value) => setForm({ ...form, [name]: value });
  const type = accepted.includes(form.type) ? form.type : accepted[0];
  const isFederated = type === "federated";
  const { busy, error, run } = useAction(async () => {
    const expires_at = new Date(Date.now() + form.days * 86_400_000).toISOString();
    const trust = isFederated ? trustOf(form.trust) : {};
    const made = await send("POST", path, { name: form.name, type, expires_at, ...trust });
    setForm(EMPTY);
    await show(made);
  });
  kit.useUnsaved(form.name !== "");
  if (!type) return null;
  return html`<${kit.Section} title=${t("credentials.create")}>
    <form onSubmit=${(event) => [event.preventDefault(), run()]}>
      ${accepted.length > 1 &&
      html`<${kit.Choices} legend=${t("way.legend", { provider: kit.providerName(connection.identity_provider) })} name="type" value=${type} options=${accepted.map((id) => ({ id, title: t(`way.${id}`) }))} choose=${set("type")} />`}
      <${kit.Field}
        name="name"
        label=${t("credentials.name")}
        hint=${t("credentials.name.hint")}
        error=${error?.of("name")}
        control=${(given) => html`<input ...${given} required value=${form.name} onInput=${(event) => set("name")(event.target.value)} />`}
      />
      ${isFederated && html`<${TrustFields} provider=${connection.identity_provider} value=${form.trust} set=${set("trust")} error=${error} />`}
      <${kit.Field}
        name="days"
        label=${t("credentials.life")}
        control=${(given) =>
          html`<${kit.Select} ...${given} options=${LIVES.map((id) => ({ id, title: t("credentials.days", { n: id }) }))} value=${form.days} choose=${set("days")} />`}
      />
      ${error && !error.of("name") && html`<${kit.Problem} error=${otherThanTrust(error)} />`}
      <p><button aria-disabled=${busy}>${t(busy ? "busy" : "credentials.create")}</button></p>
    </form>
  </${kit.Section}>`;
}
