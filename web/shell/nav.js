/** The navigation: a column, or a bar at the bottom of a phone with the rest behind More. */

import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { href, useRoute } from '../router.js';
import { Dialog } from '../ui/dialog.js';
import { html, useEffect, useState } from '../ui/html.js';
import { Icon } from '../ui/icons.js';
import { BOTTOM, GROUPS, allowedPages, navPage } from './pages.js';

/** How many checks of the server are not well, for the entry of System. */
function useBadge() {
  const { health } = useApp();
  const checks = health.data.value?.checks ?? [];
  const failing = checks.filter(({ state }) => state === 'fail').length;
  const warning = checks.filter(({ state }) => state === 'warn').length;
  return { count: failing + warning, tone: failing > 0 ? 'bad' : 'warn' };
}

/** @param {{page: string, current: string}} props */
function NavLink({ page, current }) {
  const { count, tone } = useBadge();
  return html`<a class="nav-link" href=${href(page)} aria-current=${page === current ? 'page' : undefined}>
    <${Icon} name=${page} /><span>${t(`shell.page.${page}`)}</span>
    ${page === 'system' && count > 0 && html`<span class=${`nav-badge nav-badge-${tone}`} title=${t('shell.checks_bad', { n: count })}>${count}<span class="visually-hidden"> ${t('shell.checks_bad', { n: count })}</span></span>`}
  </a>`;
}

/** @param {{current: string}} props */
function NavGroups({ current }) {
  const { session } = useApp();
  const shown = GROUPS.map(({ group, pages }) => ({ group, pages: pages.filter(({ may }) => may(session)) }));
  return shown.filter(({ pages }) => pages.length > 0).map(({ group, pages }) => html`<div class="nav-group" key=${group} role="group" aria-label=${t(`shell.group.${group}`)}>
    <p class="nav-title" aria-hidden="true">${t(`shell.group.${group}`)}</p>
    ${pages.map(({ page }) => html`<${NavLink} key=${page} page=${page} current=${current} />`)}
  </div>`);
}

export function Nav() {
  const current = navPage(useRoute().page);
  return html`<nav class="nav" aria-label=${t('shell.navigation')}><${NavGroups} current=${current} /></nav>`;
}

export function BottomBar() {
  const { session } = useApp();
  const current = navPage(useRoute().page);
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  const pages = allowedPages(session).map(({ page }) => page);
  const here = BOTTOM.filter((page) => pages.includes(page));
  const inMore = !here.includes(current);
  return html`<nav class="bottombar" aria-label=${t('shell.navigation')}>
    ${here.map((page) => html`<a key=${page} href=${href(page)} aria-current=${page === current ? 'page' : undefined}><${Icon} name=${page} /><span>${t(`shell.page.${page}`)}</span></a>`)}
    <button type="button" aria-haspopup="dialog" aria-expanded=${open} aria-current=${inMore ? 'page' : undefined} onClick=${() => setOpen(true)}><${Icon} name="menu" /><span>${t('shell.more')}</span></button>
    ${open && html`<${Dialog} title=${t('shell.all_pages')} class="sheet" onClose=${() => setOpen(false)}>
      <div class="more-pages" onClick=${(/** @type {Event} */ event) => event.target instanceof Element && event.target.closest('a') && setOpen(false)}><${NavGroups} current=${current} /></div>
    </${Dialog}>`}
  </nav>`;
}
