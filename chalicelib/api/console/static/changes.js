// A change of the audit in one line, which unfolds to its values before and after.
import { html, useState } from "./preact.js";
import { Moment, hasText, short, t } from "./kit.js";

/** Say what was done: "changed a role". An action that the page does not know shows its name. */
export const describeChange = (change) =>
  hasText(`action.${change.action}`) ? t(`action.${change.action}`) : change.action;

const actorOf = ({ type, name }) => (type === "operator" ? t("actor.operator", { name }) : name);

export function Change({ change }) {
  const [open, setOpen] = useState(false);
  return html`<li class="entry">
    <button type="button" class="line" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Moment} at=${change.at} write=${short} />
      <span>${actorOf(change.actor)}</span>
      <span class="what">${describeChange(change)}</span>
    </button>
    ${open &&
    html`<div class="unfolded">
      <${Values} before=${change.before} after=${change.after} />
      <p class="note">
        ${t("change.from", { address: change.address ?? "–", agent: change.user_agent ?? "–" })}<br />
        ${t("change.target", { target: change.target })} · ${t("entry.id", { id: change.request_id })}
      </p>
    </div>`}
  </li>`;
}

function Values({ before, after }) {
  const names = Object.keys({ ...before, ...after });
  if (!names.length) return null;
  return html`<dl class="facts">
    ${names.map(
      (name) => html`<div key=${name}>
        <dt>${name}</dt>
        <dd>${name in before && html`<del>${shown(before[name])}</del> `}${name in after && html`<ins>${shown(after[name])}</ins>`}</dd>
      </div>`,
    )}
  </dl>`;
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
