// The self-test: the provider's own requests on a copy of the connection, step by step.
import { html, useState } from "../preact.js";
import { connectionPath, send, useAction } from "../api.js";
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
  const provider = kit.providerName(connection.identity_provider);
  return html`<${kit.Screen} title=${t("screen.test")} lead=${t("test.lead", { provider })}>
    <p><button class="primary" aria-disabled=${busy} onClick=${run}>${t(busy ? "test.running" : "test.run")}</button></p>
    <${kit.Problem} error=${error} />
    ${busy && !report && html`<${kit.Skeleton} lines=${8} />`}
    ${report && html`<${Report} report=${report} steps=${report.steps.slice(0, shown)} />`}
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

function Report({ report, steps }) {
  const isWhole = steps.length === report.steps.length;
  const failed = report.steps.filter((each) => each.outcome === "failed").length;
  return html`
    ${isWhole &&
    html`<${kit.Notice} tone=${TONES[report.outcome]} title=${t(`test.${report.outcome}`)}>
      <p>${t(`test.${report.outcome}.text`, { n: failed })}</p>
    </${kit.Notice}>`}
    ${isWhole && report.advice.map((each) => html`<${kit.Notice} key=${each} tone="off"><p lang="en">${kit.withNames(each)}</p></${kit.Notice}>`)}
    <${kit.Section} title=${t("test.steps")}>
      <ol class="checks">${steps.map((each) => html`<${Step} key=${each.name} step=${each} />`)}</ol>
    </${kit.Section}>
  `;
}

const Step = ({ step }) =>
  html`<li lang="en">
    <${kit.Pill} tone=${TONES[step.outcome]}>${t(`step.${step.outcome}`)}</${kit.Pill}>
    <div>
      <b>${step.name}</b>
      ${step.request && html`<p class="note mono">${step.request}</p>`}
      <p class="note">${kit.withNames(step.detail)}</p>
      ${step.fix && html`<p>${kit.withNames(step.fix)}</p>`}
    </div>
  </li>`;
