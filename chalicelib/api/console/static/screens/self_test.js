// The self-test: the provider's own requests on a copy of the connection, step by step.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction, useLoaded } from "../api.js";
import * as kit from "../kit.js";

const { t, useConsole } = kit;
const TONES = { passed: "good", failed: "bad", skipped: "off" };
// How fast the steps of a report are shown one after another.
const STEP_MS = 60;

export const test = () => {
  const { connection } = useConsole();
  const [report, setReport] = useState(null);
  const [shown, setShown] = useState(0);
  const { busy, error, run } = useAction(async () => {
    setReport(null);
    const found = await send("POST", connectionPath(connection, "test"));
    setReport(found);
    await reveal(found.steps.length, setShown);
    kit.announce(t(`test.${found.outcome}`));
  });
  const translations = useLoaded(kit.fetchTranslations, [kit.currentLanguage()]);
  const own = (sentence) => kit.withNames(kit.withMoments(kit.translate(translations.data ?? {}, sentence)));
  const provider = kit.providerName(connection.identity_provider);
  return html`<${kit.Screen} title=${t("screen.test")} lead=${t("test.lead", { provider })}>
    <p><button class="primary" aria-disabled=${busy} onClick=${run}>${t(busy ? "test.running" : "test.run")}</button></p>
    <${kit.Problem} error=${error} />
    ${busy && !report && html`<${kit.Skeleton} lines=${8} />`}
    ${report && html`<${Report} report=${report} steps=${report.steps.slice(0, shown)} own=${own} />`}
  </${kit.Screen}>`;
};

/** Show steps one by one; all at once to those who want less motion. */
async function reveal(count, setShown) {
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (let shown = isStill ? count : 1; shown <= count; shown++) {
    setShown(shown);
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** `own` says a sentence of the API in the page's language. */
function Report({ report, steps, own }) {
  const isWhole = steps.length === report.steps.length;
  const failed = report.steps.filter((each) => each.outcome === "failed").length;
  return html`
    ${isWhole &&
    html`<${kit.Notice} tone=${TONES[report.outcome]} title=${t(`test.${report.outcome}`)}>
      <p>${t(`test.${report.outcome}.text`, { n: failed })}</p>
    </${kit.Notice}>`}
    ${isWhole && report.advice.map((each) => html`<${kit.Notice} key=${each} tone="info"><p>${own(each)}</p></${kit.Notice}>`)}
    <${kit.Section} title=${t("test.steps")}>
      <ol class="checks">${steps.map((each) => html`<${Step} key=${each.name} step=${each} own=${own} />`)}</ol>
    </${kit.Section}>
  `;
}

/** Of a request that passed, its response says nothing more. */
const Step = ({ step, own }) =>
  html`<li>
    <${kit.Pill} tone=${TONES[step.outcome]}>${t(`step.${step.outcome}`)}</${kit.Pill}>
    <div>
      <b>${own(step.name)}</b>
      ${step.request && html`<p class="note mono">${step.request}</p>`}
      ${!(step.request && step.outcome === "passed") && html`<p class="note">${own(step.detail)}</p>`}
      ${step.fix && html`<p>${own(step.fix)}</p>`}
    </div>
  </li>`;
