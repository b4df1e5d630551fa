/** The bar at the top of every page: where one is, search, whether the page is live, the pause of blocking, messages, the user. */

import { useApp } from '../context.js';
import { LANGUAGES, t } from '../lib/i18n.js';
import { href } from '../router.js';
import { html, useEffect, useState } from '../ui/html.js';
import { Icon } from '../ui/icons.js';
import { Menu, Popup } from '../ui/menu.js';
import { ToastHistory } from '../ui/toast.js';
import { PauseMenu } from './pausemenu.js';

/** @typedef {import('../lib/store.js').Theme} Theme */

/** @param {{onSearch: () => void, onHelp: () => void}} props */
export function TopBar({ onSearch, onHelp }) {
  const { session } = useApp();
  return html`<div class="topbar">
    <span class="topbar-where" title=${t('shell.this_server')}>${location.host}</span>
    <span class="topbar-space"></span>
    <button type="button" class="topbar-search" onClick=${onSearch} title=${t('shell.search')} aria-keyshortcuts="Control+K Meta+K">
      <${Icon} name="search" /><span>${t('shell.search_short')}</span><kbd>${isMac() ? '⌘ K' : `${t('shell.key_ctrl')} K`}</kbd></button>
    <${Connection} />
    ${session.can('read') && html`<${PauseMenu} />`}
    <${Bell} />
    <${UserMenu} onHelp=${onHelp} />
  </div>`;
}

const isMac = () => /mac|iphone|ipad/i.test(navigator.platform);

/** How the page and the server are connected, in words. */
export function useConnection() {
  const { live, health, session } = useApp();
  if (health.lostAt.value !== null) return { state: 'offline', retryAt: live.retryAt.value };
  if (!session.can('read_logs')) return { state: health.data.value ? 'live' : 'reconnecting', retryAt: null };
  return { state: live.state.value, retryAt: live.retryAt.value };
}

/** The seconds until then, counted down. @param {number|null} at */
export function useSecondsUntil(at) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (at === null) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [at]);
  return at === null ? null : Math.max(0, Math.ceil((at - now) / 1000));
}

function Connection() {
  const { state, retryAt } = useConnection();
  const seconds = useSecondsUntil(state === 'live' ? null : retryAt);
  const word = state === 'reconnecting' && seconds ? t('shell.reconnecting_in', { seconds }) : t(`shell.conn.${state}`);
  return html`<span class=${`conn conn-${state}`} title=${t(`shell.conn.${state}.title`)}>
    <span class="conn-dot" aria-hidden="true"></span><span>${word}</span></span>
    <span class="visually-hidden" role="status">${state === 'live' ? '' : t(`shell.conn.${state}.title`)}</span>`;
}

function Bell() {
  const { toast } = useApp();
  const count = toast.unread.value;
  const label = count > 0 ? t('shell.messages_new', { n: count }) : t('shell.messages');
  const badge = html`${count > 0 && html`<span class="topbar-count" aria-hidden="true">${count}</span>`}`;
  const seen = () => (toast.unread.value = 0);
  return html`<${Popup} label=${label} icon="alerts" hideLabel button=${badge} class="topbar-button" onOpen=${seen}>
    ${() => html`<h2 class="menu-title">${t('shell.messages')}</h2><${ToastHistory} toasts=${toast} />`}
  </${Popup}>`;
}

/** @param {{onHelp: () => void}} props */
function UserMenu({ onHelp }) {
  const { session, settings, dialogs } = useApp();
  const me = session.me.value;
  const theme = settings.theme.value;
  const leave = async () => {
    const text = t('shell.log_out_text');
    if (!document.querySelector('[data-unsaved]') || (await dialogs.confirm({ title: t('shell.log_out'), text, action: t('shell.log_out') }))) session.logOut();
  };
  /** @type {import('../ui/menu.js').MenuItem[]} */
  const items = [
    { title: t('shell.logged_in_as', { name: me?.displayName ?? '', roles: me?.roles.join(', ') || t('shell.no_role') }) },
    { label: t('shell.account'), icon: 'user', href: href('access', ['account']) },
    { line: true },
    { title: t('shell.theme') },
    ...(/** @type {Theme[]} */ (['system', 'light', 'dark'])).map((key) => ({ label: t(`shell.theme.${key}`), checked: theme === key, onSelect: () => settings.theme.set(key) })),
    { title: t('shell.language') },
    ...['', ...LANGUAGES].map((key) => ({ label: t(`shell.language.${key || 'browser'}`), checked: settings.lang.value === key, onSelect: () => settings.lang.set(key) })),
    { title: t('shell.rows') },
    ...(/** @type {const} */ (['auto', 'dense', 'roomy'])).map((key) => ({ label: t(`shell.rows.${key}`), checked: settings.density.value === key, onSelect: () => settings.density.set(key) })),
    { line: true },
    { label: t(settings.utc.value ? 'shell.times_local' : 'shell.times_utc'), icon: 'clock', onSelect: () => settings.utc.set(!settings.utc.value) },
    { label: t('shell.help'), icon: 'help', hint: html`<kbd>?</kbd>`, onSelect: onHelp },
    { label: t('shell.log_out'), icon: 'out', onSelect: leave },
  ];
  const initials = (me?.displayName ?? '?').split(/\s+/).map((word) => word.charAt(0)).join('').slice(0, 2);
  return html`<${Menu} label=${`${t('shell.user_menu', { name: me?.displayName ?? '' })} (${initials})`} hideLabel class="topbar-button topbar-user" items=${items}
    button=${html`<span class="avatar" aria-hidden="true">${initials}</span>`} />`;
}
