// The page: a link is exchanged for a session, then the screens are shown, each loaded when opened.
import { html, render, useEffect, useRef, useState } from "./preact.js";
import { ApiError, keepToken, onState, send, useAction, useTimer } from "./api.js";
import * as kit from "./kit.js";

const { Console, t } = kit;
const LINK = /^#(psl_link_\w+)$/;
const POLL_SECONDS = 15;

const brand = {
  name: document.body.dataset.brand,
  logo: document.body.dataset.logo,
  parents: document.body.dataset.parents.split(" ").filter(Boolean),
};

// What a screen of the menu is: who sees it, and the module that has it. The first is the start.
const SCREENS = {
  overview: { module: "overview", forSetup: true, needs: "connection" },
  setup: { module: "setup", forSetup: true },
  users: { module: "people" },
  teams: { module: "people" },
  log: { module: "log", forSetup: true, needs: "connection" },
  test: { module: "self_test", forSetup: true, needs: "connection" },
  credentials: { module: "credentials", forSetup: true, needs: "connection" },
  settings: { module: "settings", needs: "connection" },
  activity: { module: "activity" },
};

/** The language, the session and what it may see; decides what the page is showing. */
function App() {
  const [link, setLink] = useState(() => location.hash.match(LINK)?.[1] ?? null);
  const [summary, setSummary] = useState(null);
  const [ended, setEnded] = useState(false);
  const [closed, setClosed] = useState(null);
  const [, setLanguage] = useState(kit.currentLanguage());

  const load = async () => {
    try {
      setSummary(await send("GET", "summary"));
      setEnded(false);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setEnded(error.status === 401);
    }
  };
  const open = (next = null) => {
    setLink(next);
    if (next === null) {
      // Back must not lead to the link again.
      history.replaceState(null, "", "#/");
      return load();
    }
    return undefined;
  };
  const speak = async (chosen) => {
    await kit.chooseLanguage(chosen);
    kit.keepLanguage(chosen);
    setLanguage(chosen);
  };

  // Another browser that opens the link asks for a code, which this one shows.
  useTimer(load, summary?.session.purpose === "setup" && !ended && !closed ? POLL_SECONDS : 0, []);
  useEffect(() => {
    if (!link) load();
    askParent(open);
    const follow = () => LINK.test(location.hash) && setLink(location.hash.match(LINK)[1]);
    addEventListener("hashchange", follow);
    const stop = onState((state) => state === "ended" && setEnded(true));
    return () => [stop(), removeEventListener("hashchange", follow)];
  }, []);

  if (link) return html`<${Greeting} key=${link} link=${link} open=${open} speak=${speak} />`;
  if (closed) return html`<${Closing} how=${closed} back=${summary.session.return_url} speak=${speak} />`;
  if (ended && !summary) return html`<${Closing} how="ended" speak=${speak} />`;
  return html`<${Shell} summary=${summary} ended=${ended} refresh=${load} close=${setClosed} speak=${speak} />`;
}

/** An embedded page that was loaded again has no session: its parent may send a new link. */
function askParent(open) {
  if (window.parent === window) return;
  addEventListener("message", (event) => {
    const link = event.data?.passerelle_link;
    if (brand.parents.includes(event.origin) && LINK.test(`#${link}`)) open(link);
  });
  if (!LINK.test(location.hash)) {
    brand.parents.forEach((origin) => parent.postMessage({ passerelle: "link" }, origin));
  }
}

// --- before there is a session ---------------------------------------------------------------

const Brand = () =>
  html`<p class="brand">${brand.logo && html`<img src=${brand.logo} alt="" />`}<span>${brand.name}</span></p>`;

const Language = ({ speak }) =>
  html`<div class="language" role="group" aria-label=${t("language")}>
    ${Object.entries(kit.LANGUAGES).map(
      ([id, name]) =>
        html`<button
          type="button"
          key=${id}
          lang=${id}
          title=${name}
          aria-pressed=${id === kit.currentLanguage()}
          onClick=${() => speak(id)}
        >
          ${id.toUpperCase()}<span class="hidden"> ${name}</span>
        </button>`,
    )}
  </div>`;

/** What a link opens. Only a click exchanges it: what merely fetches addresses uses none up. */
function Greeting({ link, open, speak }) {
  const [code, setCode] = useState("");
  const [nonce] = useState(() => crypto.randomUUID());
  const { busy, error, run } = useAction(async () => {
    const session = await exchange({ link, nonce, ...(code && { code }) });
    keepToken(session.token ?? null);
    await open();
  });
  const needsCode = Boolean(error?.problem.code_required);
  const isUsed = error?.status === 401 && !needsCode;
  return html`<main class="greeting">
    <${Brand} />
    <h1>${t(isUsed ? "greeting.used" : "greeting.title", { brand: brand.name })}</h1>
    <p>${t(isUsed ? "greeting.used.text" : "greeting.text", { brand: brand.name })}</p>
    <form onSubmit=${(event) => [event.preventDefault(), run()]}>
      ${needsCode && html`<${Code} code=${code} setCode=${setCode} />`}
      ${!isUsed && html`<button class="primary" aria-disabled=${busy}>${t(busy ? "busy" : "greeting.open")}</button>`}
    </form>
    <${kit.Problem} error=${error} />
    <${Language} speak=${speak} />
  </main>`;
}

const Code = ({ code, setCode }) =>
  html`<${kit.Field}
    name="code"
    label=${t("greeting.code")}
    hint=${t("greeting.code.hint")}
    control=${(given) =>
      html`<input
        ...${given}
        class="code"
        inputmode="numeric"
        autocomplete="one-time-code"
        maxlength="6"
        value=${code}
        onInput=${(event) => setCode(event.target.value.trim())}
      />`}
  />`;

/** Exchange a link. Where it was used in this browser already, its session goes on. */
async function exchange(body) {
  try {
    return await send("POST", "sessions", body);
  } catch (error) {
    if (error.status !== 401 || error.problem.code_required) throw error;
    await send("GET", "summary").catch(() => {
      throw error;
    });
    return {};
  }
}

/** What is shown when a session is over: it was "left", "finished", or has "ended". */
function Closing({ how, back, speak }) {
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), []);
  return html`<main class="greeting">
    <${Brand} />
    <h1 tabindex="-1" ref=${heading}>${t(`${how}.title`)}</h1>
    <p>${t(`${how}.text`, { brand: brand.name })}</p>
    ${back && html`<p><${Back} href=${back} class="button primary" /></p>`}
    <${Language} speak=${speak} />
  </main>`;
}

/** The page of the SaaS that the link came from; also out of a frame. */
const Back = (given) => html`<a ...${given} target="_top">${t("back.to", { brand: brand.name })}</a>`;

// --- the screens -----------------------------------------------------------------------------

/** The part of the address that says which screen is open: `#/users/abc` is ["users", "abc"]. */
const routeOf = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

function useRoute(guard) {
  const [route, setRoute] = useState(routeOf);
  const shown = useRef(location.hash);
  useEffect(() => {
    const follow = () => {
      if (location.hash === shown.current) return;
      if (guard.current && !confirm(t("unsaved"))) {
        history.pushState(null, "", shown.current || "#/");
        return;
      }
      guard.current = false;
      shown.current = location.hash;
      setRoute(routeOf());
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function Shell({ summary, ended, refresh, close, speak }) {
  const guard = useRef(false);
  const [chosen, choose] = useState(null);
  const route = useRoute(guard);
  const connections = summary?.connections ?? [];
  const connection = connections.find((each) => each.id === chosen) ?? connections[0] ?? null;
  const visible = Object.keys(SCREENS).filter((name) => isVisible(SCREENS[name], summary, connection));
  const start = summary?.session.purpose === "setup" ? "setup" : visible[0];
  const name = visible.includes(route[0]) ? route[0] : start;
  const shared = { summary, connection, brand, guard, refresh, close, place: route.slice(1) };
  return html`<${Console.Provider} value=${shared}>
    <a class="skip" href="#screen" onClick=${skip}>${t("skip")}</a>
    <header>
      <${Brand} />
      ${connections.length > 1 && html`<${Connections} connections=${connections} chosen=${connection} choose=${choose} />`}
      <${Menu} visible=${visible} current=${name} />
      <${Foot} summary=${summary} close=${close} speak=${speak} />
    </header>
    <main id="screen" tabindex="-1">
      <${Banners} ended=${ended} />
      ${summary ? html`<${Loader} key=${`${name} ${route.slice(1)} ${connection?.id}`} name=${name} />` : html`<${kit.Skeleton} lines=${6} />`}
    </main>
    <p id="announcements" class="hidden" role="status"></p>
  </${Console.Provider}>`;
}

function isVisible(screen, summary, connection) {
  const isSetup = summary?.session.purpose === "setup";
  return (!isSetup || screen.forSetup) && (!summary || !screen.needs || connection !== null);
}

function skip(event) {
  event.preventDefault();
  document.getElementById("screen").focus();
}

function Menu({ visible, current }) {
  const list = useRef(null);
  // On a phone the menu is one line that scrolls.
  useEffect(() => {
    list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return html`<nav aria-label=${t("menu")} ref=${list}>
    <ul>
      ${visible.map(
        (name) =>
          html`<li key=${name}>
            <a href=${`#/${name}`} aria-current=${name === current ? "page" : undefined}>${t(`screen.${name}`)}</a>
          </li>`,
      )}
    </ul>
  </nav>`;
}

/** Which of several connections the screens are about. */
const Connections = ({ connections, chosen, choose }) =>
  html`<label class="connections">
    <span class="hidden">${t("settings.connection")}</span>
    <${kit.Select} options=${connections.map(({ id, name }) => ({ id, title: name }))} value=${chosen.id} choose=${choose} />
  </label>`;

function Foot({ summary, close, speak }) {
  const leave = async () => {
    await send("DELETE", "sessions/current");
    close("left");
  };
  return html`<div class="foot">
    <${Language} speak=${speak} />
    ${summary && html`<p class="note">${summary.session.name}<br />${summary.organisation.name}</p>`}
    ${summary?.session.return_url && html`<p class="note"><${Back} href=${summary.session.return_url} /></p>`}
    ${summary && html`<${kit.Button} class="quiet" act=${leave}>${t("leave")}</${kit.Button}>`}
  </div>`;
}

/** What holds on every screen: one sentence that says what to do. */
function Banners({ ended }) {
  const { summary, connection } = kit.useConsole();
  const [isOffline, setOffline] = useState(false);
  useEffect(() => onState((state) => state !== "ended" && setOffline(state === "offline")), []);
  const organisation = summary?.organisation;
  const shown = [
    isOffline && "offline",
    ended && "ended",
    organisation?.state === "suspended" && "suspended",
    organisation && !organisation.scim && "plan",
    connection?.state === "paused" && "paused",
    summary?.session.code && "code",
  ].filter(Boolean);
  return shown.map(
    (each) => html`<${kit.Notice} key=${each} tone=${each === "ended" ? "bad" : "warn"} role="alert">
      <p>${t(`banner.${each}`, { brand: brand.name, plan: organisation?.plan, code: summary?.session.code })}</p>
    </${kit.Notice}>`,
  );
}

/** Loads the module of a screen when it is opened. */
function Loader({ name }) {
  const [loaded, setLoaded] = useState({});
  const { module } = SCREENS[name];
  useEffect(() => {
    import(`./screens/${module}.js`).then(
      (screens) => setLoaded({ screen: screens[name] }),
      () => setLoaded({ failed: true }),
    );
  }, [name]);
  if (loaded.failed) return html`<${kit.Notice} role="alert"><p>${t("problem.module")}</p></${kit.Notice}>`;
  return loaded.screen ? html`<${loaded.screen} />` : html`<${kit.Skeleton} lines=${6} />`;
}

await kit.chooseLanguage();
const root = document.getElementById("console");
root.replaceChildren();
render(html`<${App} />`, root);
