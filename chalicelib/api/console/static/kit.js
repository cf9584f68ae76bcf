// Texts, formats and the components that several screens use.
import { html, createContext, useContext, useEffect, useRef, useState } from "./preact.js";
import { ApiError, useAction } from "./api.js";

export const LANGUAGES = { en: "English", fr: "Français" };
const KEPT_LANGUAGE = "passerelle.language";
// Days before the end of a credential at which the page begins to say so.
const ENDS_SOON = 30;

// --- texts -----------------------------------------------------------------------------------

let texts = {};
let language = "en";

/** Fetch a file of this version that has one form per language: `texts`, `guides/okta`. */
export async function fetchTexts(name, of = language) {
  const response = await fetch(new URL(`./${name}.${of}.json`, import.meta.url)).catch(() => null);
  if (!response?.ok) throw new ApiError(response?.status ?? 0, {});
  return response.json();
}

export const currentLanguage = () => language;

/** Choose the language of the page: the one that was chosen before, else the browser's. */
export async function chooseLanguage(chosen = keptLanguage()) {
  texts = await fetchTexts("texts/console", chosen);
  language = chosen;
  document.documentElement.lang = chosen;
}

/** Keep a choice for the next visit. An embedded page may have no storage. */
export function keepLanguage(chosen) {
  try {
    localStorage.setItem(KEPT_LANGUAGE, chosen);
  } catch {
    // it is chosen for this visit
  }
}

function keptLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT_LANGUAGE);
  } catch {
    // as if nothing was kept
  }
  const wanted = [kept, ...navigator.languages].map((each) => each?.slice(0, 2));
  return wanted.find((each) => each in LANGUAGES) ?? "en";
}

/** Return a text with its values; `n` chooses between the forms `.one` and `.other`. */
export function t(key, values = {}) {
  const plural = "n" in values ? `.${new Intl.PluralRules(language).select(values.n)}` : "";
  const text = texts[key + plural] ?? texts[`${key}.other`] ?? texts[key] ?? key;
  const shown = { ...values, ...("n" in values && { n: number(values.n) }) };
  return text.replace(/\{(\w+)\}/g, (whole, name) => shown[name] ?? whole);
}

/** Whether there is a text of this name; reasons may come that this page does not know yet. */
export const hasText = (key) => key in texts;

/** Write names in `*stars*` bold, and those that the API's own texts have in backticks. */
export const withNames = (text) =>
  text.split(/[*`]/).map((part, at) => (at % 2 ? html`<b>${part}</b>` : part));

/** The translations of the API's own sentences: none in English. */
export const fetchTranslations = async () => (language === "en" ? {} : fetchTexts("texts/api"));

/** Return a sentence of the API in the page's language; `{}` in the translations is any value. */
export function translate(translations, sentence) {
  for (const [english, own] of Object.entries(translations)) {
    const parts = english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const found = sentence.match(new RegExp(`^${parts.join("(.*)")}$`, "s"));
    if (found) return found.slice(1).reduce((text, value) => text.replace("{}", () => value), own);
  }
  return sentence;
}

// --- formats ---------------------------------------------------------------------------------

/** The browser's own form of the language, so that a British reader gets British dates. */
const locale = () => navigator.languages.find((each) => each.startsWith(language)) ?? language;

export const number = (value) => new Intl.NumberFormat(locale()).format(value);
export const percent = (value) => new Intl.NumberFormat(locale(), { style: "percent" }).format(value / 100);

const dateFormat = (value, options) => new Intl.DateTimeFormat(locale(), options).format(new Date(value));

export const day = (value) => dateFormat(value, { dateStyle: "medium" });
export const clock = (value, timeStyle = "medium") => dateFormat(value, { timeStyle });
export const moment = (value) => dateFormat(value, { dateStyle: "medium", timeStyle: "medium" });

/** Write the moments in a sentence of the API as a person reads them. */
export const withMoments = (sentence) => sentence.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, moment);

/** The time of today, else the day with the time: short enough for a list. */
export const short = (value) =>
  new Date(value).toDateString() === new Date().toDateString()
    ? clock(value)
    : dateFormat(value, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** Say how far a moment is from now: "3 minutes ago", "in 20 days". */
export function relative(value, now = Date.now()) {
  const seconds = (new Date(value) - now) / 1000;
  const [unit, size] = UNITS.find((each) => Math.abs(seconds) >= each[1]) ?? UNITS.at(-1);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  return format.format(Math.trunc(seconds / size), unit);
}

/** Whether a credential ends soon and no newer one of its way has come in its place. */
export const endsSoon = (credential, all) =>
  credential.state === "live" &&
  daysUntil(credential.expires_at) <= ENDS_SOON &&
  !all.some((each) => each.state === "live" && each.type === credential.type && each.created > credential.created);

export const daysUntil = (value) => Math.ceil((new Date(value) - Date.now()) / 86_400_000);

/** A moment as a person reads it, `write` says how; the whole of it for those who point at it. */
export const Moment = ({ at, write = relative }) =>
  html`<time datetime=${at} title=${moment(at)}>${write(at)}</time>`;

/** The name of a provider within a sentence. */
export const providerName = (id) => t(id === "other" ? "provider.yours" : `provider.${id}`);

// --- what the whole page shares --------------------------------------------------------------

export const Console = createContext(null);
export const useConsole = () => useContext(Console);

/** Say something to those who do not see the page change. */
export function announce(text) {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}

// --- components ------------------------------------------------------------------------------

/** A screen: its heading gets the focus when the screen is opened, so that reading begins there. */
export function Screen({ title, lead, actions, back, children }) {
  const heading = useRef(null);
  const { brand } = useConsole();
  useEffect(() => {
    document.title = `${title} · ${brand.name}`;
    heading.current.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return html`<div class="screen">
    ${back && html`<p class="back"><a href=${back.href}>← ${back.label}</a></p>`}
    <div class="heading">
      <h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>
    ${lead && html`<p class="lead">${lead}</p>`} ${children}
  </div>`;
}

export const Section = ({ title, note, actions, children }) =>
  html`<section class="card">
    ${title &&
    html`<div class="heading">
      <h2>${title}</h2>
      ${actions && html`<div class="actions">${actions}</div>`}
    </div>`}
    ${note && html`<p class="note">${note}</p>`} ${children}
  </section>`;

/** A button that waits for its action; a second click does nothing. */
export function Button({ act, children, ...rest }) {
  const { busy, error, run } = useAction(act);
  return html`<span class="action">
    <button type="button" ...${rest} aria-disabled=${busy} onClick=${() => run()}>
      ${busy ? t("busy") : children}
    </button>
    <${Problem} error=${error} />
  </span>`;
}

export const Skeleton = ({ lines = 3 }) =>
  html`<div class="skeleton" role="status" aria-label=${t("loading")}>
    ${Array.from({ length: lines }, (_, at) => html`<i key=${at}></i>`)}
  </div>`;

/** What an error means to the person, and what to do. */
export function problemText(error) {
  if (error.status === 0) return t("problem.offline");
  const texts = error.problem.errors?.map((each) => `${each.field}: ${each.message}`);
  if (texts?.length) return texts.join(" ");
  if (error.status === 404) return t("problem.gone");
  if (error.status >= 500) return t("problem.fault", { id: error.problem.request_id ?? "" });
  return error.message || t("problem.fault", { id: "" });
}

export const Problem = ({ error }) =>
  error && error.status !== 401 && html`<p class="problem" role="alert">${problemText(error)}</p>`;

/** Shows what was loaded, a skeleton before, and what to do where loading failed. */
export function Loaded({ data, error, reload, lines, children }) {
  if (data) return children(data);
  if (!error) return html`<${Skeleton} lines=${lines} />`;
  return html`<${Problem} error=${error} />
    <button type="button" onClick=${reload}>${t("again")}</button>`;
}

const MARKS = { good: "✓", warn: "!", bad: "✕", off: "–", info: "i" };

/** A state: its colour, its mark and its word say the same. */
export const Pill = ({ tone, children }) =>
  html`<span class="pill ${tone}"><span aria-hidden="true">${MARKS[tone]}</span> ${children}</span>`;

export const Notice = ({ tone = "warn", title, children, role }) =>
  html`<div class="notice ${tone}" role=${role}>
    <span class="mark" aria-hidden="true">${MARKS[tone]}</span>
    <div>${title && html`<strong>${title}</strong>`} ${children}</div>
  </div>`;

export const Empty = ({ title, children }) =>
  html`<div class="empty">
    <p class="title">${title}</p>
    ${children}
  </div>`;

/**
 * A table; on a phone each row becomes a block with its labels. A column is `{name, label, cell}`;
 * the first is the heading of its row.
 */
export const Table = ({ label, columns, rows }) =>
  html`<table role="table" aria-label=${label}>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map((each) => html`<th key=${each.label} role="columnheader" scope="col">${each.label}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) => html`<tr key=${row.id} role="row">
          ${columns.map(
            (each, at) => html`<td key=${each.label} role=${at ? "cell" : "rowheader"} data-label=${each.label}>
              <div>${each.cell(row)}</div>
            </td>`,
          )}
        </tr>`,
      )}
    </tbody>
  </table>`;

export const More = ({ list }) =>
  list.more && html`<p class="more"><${Button} class="quiet" act=${list.more}>${t("more")}</${Button}></p>`;

/** A text to copy, with the button that copies it. `describe` names it for those who hear it. */
export function Copyable({ text, label }) {
  const [copied, setCopied] = useState(false);
  const field = useRef(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Not allowed in some frames: the text is selected, for the keyboard's own copy.
      field.current.select();
      document.execCommand("copy");
    }
    setCopied(true);
    announce(t("copied", { what: label }));
    setTimeout(() => setCopied(false), 2000);
  };
  return html`<div class="copyable">
    <label>
      <span>${label}</span>
      <input ref=${field} readonly spellcheck="false" value=${text} onFocus=${(event) => event.target.select()} />
    </label>
    <button type="button" onClick=${copy} aria-label=${t(copied ? "copied" : "copy.what", { what: label })}>
      ${copied ? t("copy.done") : t("copy")}
    </button>
  </div>`;
}

/**
 * A button whose action cannot be undone: a first click says what happens, a second one does it.
 * Where `name` is given, it must be typed. `tone` is "primary" where nothing is lost.
 */
export function Confirm({ label, text, name, act, tone = "danger", ...rest }) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const question = useRef(null);
  useEffect(() => open && question.current.focus(), [open]);
  if (!open) {
    return html`<button type="button" ...${rest} onClick=${() => setOpen(true)}>${label}</button>`;
  }
  const isReady = !name || typed === name;
  return html`<div class="confirm ${tone}" role="group" tabindex="-1" aria-label=${label} ref=${question}>
    <p>${text}</p>
    ${name &&
    html`<label>
      <span>${t("confirm.type", { name })}</span>
      <input value=${typed} autocomplete="off" onInput=${(event) => setTyped(event.target.value)} />
    </label>`}
    <div class="actions">
      <${Button} class=${tone} disabled=${!isReady} act=${act}>${label}</${Button}>
      <button type="button" class="quiet" onClick=${() => setOpen(false)}>${t("cancel")}</button>
    </div>
  </div>`;
}

/** A labelled field with what is wrong with it. The control gets the ids that tie them together. */
export function Field({ name, label, hint, error, control }) {
  const hintId = hint && `${name}-hint`;
  const errorId = error && `${name}-error`;
  const described = [hintId, errorId].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${name}>${label}</label>
    ${hint && html`<p class="hint" id=${hintId}>${hint}</p>`}
    ${control({ id: name, name, "aria-describedby": described, "aria-invalid": error ? "true" : undefined })}
    ${error && html`<p class="problem" id=${errorId}>${error}</p>`}
  </div>`;
}

/** One of a few, each with a sentence of its own. */
export const Choices = ({ legend, name, value, options, choose }) =>
  html`<fieldset class="choices">
    <legend>${legend}</legend>
    ${options.map(
      (each) => html`<label class="choice" key=${each.id}>
        <input
          type="radio"
          name=${name}
          value=${each.id}
          checked=${each.id === value}
          onChange=${() => choose(each.id)}
        />
        ${each.mark && html`<span class="provider ${each.id}" aria-hidden="true">${each.mark}</span>`}
        <span class="words">
          <b>${each.title}</b>
          ${each.text && html`<span class="note">${each.text}</span>`}
        </span>
      </label>`,
    )}
  </fieldset>`;

export const Select = ({ options, value, choose, ...rest }) =>
  html`<select ...${rest} value=${value} onChange=${(event) => choose(event.target.value)}>
    ${options.map((each) => html`<option key=${each.id} value=${each.id}>${each.title}</option>`)}
  </select>`;

/** Give a text to the browser as a file. */
export function save(text, name, mediaType) {
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}

/** Ask before the page is left while something that was typed is not saved. */
export function useUnsaved(isChanged) {
  const { guard } = useConsole();
  useEffect(() => {
    guard.current = isChanged;
    const ask = (event) => isChanged && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => {
      guard.current = false;
      removeEventListener("beforeunload", ask);
    };
  }, [isChanged]);
}
