/** Makes what all pages share, and draws them. Loaded by index.html; nothing else has effects of its own. */

import { createHttp } from './api/http.js';
import { createLive } from './api/live.js';
import { AppContext } from './context.js';
import { utc } from './lib/format.js';
import { loadArea, preferredLang, setLang } from './lib/i18n.js';
import { FIRST } from './strings/areas.js';
import { createKeys } from './lib/keys.js';
import { applyTheme, createSettings } from './lib/store.js';
import { navigations, route, startRouter } from './router.js';
import { createSession } from './session.js';
import { Frame } from './shell/frame.js';
import { createHealth } from './shell/health.js';
import { createPause } from './shell/pause.js';
import { isOutdated } from './shell/version.js';
import { createDialogs } from './ui/dialogs.js';
import { effect, html, render, signal } from './ui/html.js';
import { Lazy } from './ui/lazy.js';
import { createToasts } from './ui/toast.js';

/** @typedef {import('./context.js').App} App */

/** @returns {App} */
function makeApp() {
  const base = new URL('api/v1', document.baseURI).pathname;
  /** @type {import('./session.js').Session} */
  const session = createSession(() => http);
  const http = createHttp({ base, onUnauthorized: (byUser) => session.ask(byUser) });
  const settings = createSettings();
  const stream = new URL(`${base}/live`, document.baseURI);
  stream.protocol = stream.protocol === 'https:' ? 'wss:' : 'ws:';
  const live = createLive(stream.href, {
    onUnauthorized: () => session.ask(false),
    // What an opening failed for cannot be seen; a request says whether it was the session.
    onFailure: () => http.get('/session').then(() => true, (error) => error.status !== 401),
  });
  return {
    http, session, route, settings, live,
    toast: createToasts(),
    dialogs: createDialogs(),
    health: createHealth(http),
    pause: createPause(http),
    keys: createKeys(() => settings.keys.peek()),
  };
}

/** Has the page follow its settings. @param {App} app */
function followSettings({ settings }) {
  const root = document.documentElement;
  const media = matchMedia('(prefers-color-scheme: dark)');
  effect(() => applyTheme(settings.theme.value));
  media.addEventListener('change', () => applyTheme(settings.theme.peek()));
  effect(() => {
    utc.value = settings.utc.value;
  });
  effect(() => {
    const density = settings.density.value;
    if (density === 'auto') delete root.dataset.density;
    else root.dataset.density = density;
  });
  effect(() => void setLang(settings.lang.value || preferredLang()));
}

/** Looks at the server while somebody is logged in. @param {App} app */
function followSession({ session, live, health, pause }) {
  let name = '';
  let isLater = false;
  effect(() => {
    const me = session.me.value;
    const next = me?.name ?? '';
    if (next !== name) live.stop();
    // Who comes from the log-in page hears where they are.
    if (name === '' && next !== '' && isLater) navigations.value = navigations.peek() + 1;
    isLater = true;
    name = next;
    // Also for the same user: a log-in brings back what the end of a session has ended.
    if (me) {
      health.start();
      if (session.can('read')) pause.run();
      if (session.can('read_logs')) {
        live.start();
        live.retry();
      }
    } else {
      health.stop();
      pause.stop();
    }
  });
}

/** Tries the stream at once when the server answers again. @param {App} app */
function followServer({ live, health }) {
  let lost = false;
  effect(() => {
    const isLost = health.lostAt.value !== null;
    if (lost && !isLost) live.retry();
    lost = isLost;
  });
}

/** Whether the server has another version of these pages; looked at when it comes back after it was away. @param {App} app */
function followVersion({ live, health }) {
  const outdated = signal(false);
  let lost = false;
  effect(() => {
    const away = health.lostAt.value !== null || live.state.value === 'reconnecting';
    if (away && !lost) health.reload();
    if (lost && !away) isOutdated().then((is) => (outdated.value = is));
    lost = away;
  });
  return outdated;
}

async function start() {
  const app = makeApp();
  startRouter();
  followSettings(app);
  app.keys.start();
  const ready = signal(false);
  const failed = signal(/** @type {unknown} */ (null));
  const load = async () => {
    failed.value = null;
    try {
      await app.session.load();
    } catch (error) {
      failed.value = error;
    }
    ready.value = true;
  };
  await Promise.all([load(), setLang(app.settings.lang.peek() || preferredLang()), ...FIRST.map((area) => loadArea(area)), ...FIRST.map((area) => loadArea(area, 'en'))]);
  followSession(app);
  followServer(app);
  const outdated = followVersion(app);

  function Root() {
    if (!ready.value) return null;
    if (!app.session.me.value) return html`<${Lazy} load=${() => import('./pages/login.js')} name="LogInPage" failed=${failed.value} onRetry=${load} />`;
    return html`<${Frame} outdated=${outdated.value} />`;
  }
  const host = /** @type {HTMLElement} */ (document.getElementById('app'));
  host.replaceChildren();
  render(html`<${AppContext.Provider} value=${app}><${Root} /></${AppContext.Provider}>`, host);
}

start();
