/** The frame around every page: skip link, bars, navigation, banners, the page itself, and what lies over it. */

import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { HOME, go, href, setParams, useRoute } from '../router.js';
import { Dialog } from '../ui/dialog.js';
import { ConfirmDialog } from '../ui/dialogs.js';
import { html, useEffect, useRef, useState } from '../ui/html.js';
import { Mark } from '../ui/icons.js';
import { ExplainDrawer } from '../ui/explaindrawer.js';
import { Lazy } from '../ui/lazy.js';
import { ToastList } from '../ui/toast.js';
import { Banners } from './banners.js';
import { BottomBar, Nav } from './nav.js';
import { Outlet } from './outlet.js';
import { allowedPages } from './pages.js';
import { TopBar } from './topbar.js';

/** @param {{outdated: boolean}} props */
export function Frame({ outdated }) {
  const app = useApp();
  const [over, setOver] = useState(/** @type {''|'palette'|'help'} */ (''));
  useShortcuts(app, setOver);
  useHome(app.session);
  const close = () => setOver('');
  return html`<div class="shell">
    <a class="skip" href="#main" onClick=${skip}>${t('shell.skip')}</a>
    <header class="top" role="banner">
      <a class="brand" href=${href('live')} aria-label="Headwater"><${Mark} /><span class="brand-word">Headwater</span></a>
      <${TopBar} onSearch=${() => setOver('palette')} onHelp=${() => setOver('help')} />
    </header>
    <${Nav} />
    <main class="main" id="main" tabindex="-1"><${Banners} outdated=${outdated} /><${Outlet} /></main>
    <${BottomBar} />
    ${over === 'palette' && html`<${Search} onClose=${close} />`}
    ${over === 'help' && html`<${Lazy} load=${() => import('./help.js')} name="Help" onClose=${close} />`}
    <${Explain} />
    <${ConfirmDialog} dialogs=${app.dialogs} />
    ${app.session.asked.value && html`<${Lazy} load=${() => import('../pages/login.js')} name="LogInDialog" />`}
    <${ToastList} toasts=${app.toast} />
  </div>`;
}

/** The palette; what is typed before it is there is not lost. @param {{onClose: () => void}} props */
function Search({ onClose }) {
  const typed = useRef('');
  const wait = html`<${Dialog} title=${t('shell.palette')} class="palette" onClose=${onClose}><div class="palette-field">
    <input class="input" autofocus aria-label=${t('shell.palette_label')} onInput=${(/** @type {any} */ event) => (typed.current = event.currentTarget.value)} /></div></${Dialog}>`;
  return html`<${Lazy} load=${() => import('./commands.js')} name="Commands" start=${typed} onClose=${onClose} fallback=${wait} />`;
}

/** @param {Event} event the hash is the route: it must not become `#main` */
function skip(event) {
  event.preventDefault();
  /** @type {HTMLElement|null} */ (document.querySelector('#main h1') ?? document.getElementById('main'))?.focus();
}

/** Without a hash, who may not see Live gets the first page that they may. @param {import('../session.js').Session} session */
function useHome(session) {
  useEffect(() => {
    const pages = allowedPages(session).map(({ page }) => page);
    if (/^#?\/?$/.test(location.hash) && !pages.includes(HOME)) go(href(pages[0] ?? 'access'), { replace: true });
  }, []);
}

/**
 * @param {import('../context.js').App} app
 * @param {(over: ''|'palette'|'help') => void} setOver
 */
function useShortcuts(app, setOver) {
  const pages = allowedPages(app.session);
  const names = pages.map(({ page }) => page).join(' ');
  const lang = t('shell.help');
  useEffect(() => {
    const { keys } = app;
    const ends = [
      keys.on('Mod+k', () => setOver('palette'), t('shell.palette')),
      keys.on('?', () => setOver('help'), t('shell.help')),
      keys.on('t', app.settings.toggleTheme, t('shell.action_theme')),
      keys.on('/', focusFilter, t('shell.key_filter')),
      ...pages.map(({ page, key }) => keys.on(`g ${key}`, () => go(href(page)), t(`shell.page.${page}`))),
    ];
    return () => ends.forEach((end) => end());
  }, [names, lang]);
}

/** The filter of the page gets the focus: what is marked as one, or the first search field. */
function focusFilter() {
  const field = document.querySelector('#main [data-filter], #main .filterbar input, #main [role=combobox], #main input[type=search]');
  /** @type {HTMLElement|null} */ (field)?.focus();
}

/** `?explain=NAME TYPE` on any page asks how a question would be answered. */
function Explain() {
  const asked = useRoute().params.get('explain');
  const [name = '', type = 'A'] = (asked ?? '').split(' ');
  if (!asked) return null;
  return html`<${ExplainDrawer} key=${asked} name=${name} type=${type} onClose=${() => setParams({ explain: null })} />`;
}
