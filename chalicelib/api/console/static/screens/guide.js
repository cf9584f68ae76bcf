// The steps in the portal of the chosen identity provider, with its own words.
import { html } from "../preact.js";
import { useLoaded } from "../api.js";
import * as kit from "../kit.js";

const { t } = kit;

/** The guide of a provider; that of any other where the provider has none. */
const fetchGuide = (provider) =>
  kit.fetchTexts(`guides/${provider}`).catch(() => kit.fetchTexts("guides/other"));

/** A step or an error that names `ways` is for these ways to sign in only. */
const isFor = (way) => (each) => !each.ways || each.ways.includes(way);

export function Guide({ provider, way }) {
  const guide = useLoaded(() => fetchGuide(provider), [provider, kit.currentLanguage()]);
  return html`<${kit.Section} title=${t("guide.title", { provider: kit.providerName(provider) })}>
    <${kit.Loaded} ...${guide} lines=${8}>
      ${(found) => html`
        <ol class="guide">${found.steps.filter(isFor(way)).map((each) => html`<${Step} key=${each.title} step=${each} />`)}</ol>
        <${Errors} errors=${found.errors.filter(isFor(way))} />
      `}
    </${kit.Loaded}>
  </${kit.Section}>`;
}

const Step = ({ step }) =>
  html`<li>
    <b>${step.title}</b>
    <p>${kit.withNames(step.text)}</p>
    ${step.fields?.length > 0 &&
    html`<dl>
      ${step.fields.map(
        (each) => html`<div key=${each.label}>
          <dt>${each.label}</dt>
          <dd>${t(`guide.${each.value}`) === `guide.${each.value}` ? each.value : t(`guide.${each.value}`)}</dd>
        </div>`,
      )}
    </dl>`}
  </li>`;

const Errors = ({ errors }) =>
  html`<details>
    <summary>${t("guide.errors")}</summary>
    <dl>
      ${errors.map(
        (each) => html`<div key=${each.seen}>
          <dt>${each.seen}</dt>
          <dd>${kit.withNames(`${each.means} ${each.fix}`)}</dd>
        </div>`,
      )}
    </dl>
  </details>`;
