/** Shows the page of the route; its module and its strings are loaded when it is gone to. */

import { useApp } from '../context.js';
import { loadPage, t } from '../lib/i18n.js';
import { href, useRoute } from '../router.js';
import { LinkButton } from '../ui/button.js';
import { html, useState } from '../ui/html.js';
import { loadStyle, useModule } from '../ui/lazy.js';
import { Busy, Empty, ErrorPanel, Loading, Page } from '../ui/page.js';
import { GROUPS, KNOWN, STYLE, allowedPages, navPage } from './pages.js';

/** @param {string} page */
async function loadModule(page) {
  const [module] = await Promise.all([import(`../pages/${page}.js`), loadPage(page), STYLE[page] && loadStyle(STYLE[page])]);
  return module;
}

export function Outlet() {
  const { session } = useApp();
  const route = useRoute();
  const { page } = route;
  const allowed = allowedPages(session).some((info) => info.page === navPage(page));
  const known = KNOWN.has(page);
  const loaded = useModule(known && allowed ? page : null, () => loadModule(page));
  if (!known) return html`<${Unknown} />`;
  if (!allowed) return html`<${Forbidden} page=${page} />`;
  if (loaded.key === page && loaded.error) {
    return html`<${Page} title=${t(`shell.page.${navPage(page)}`)}><${ErrorPanel} error=${loaded.error} title=${t('shell.page_failed')} onRetry=${loaded.again} /></${Page}>`;
  }
  if (!loaded.module) return html`<div class="page"><${Loading} /></div>`;
  const waits = loaded.key !== page;
  // What is there stays until the next page can be drawn; its route is not its own any more, so it is not drawn anew.
  return html`<div class="outlet" aria-busy=${waits || undefined}>${waits && html`<${Busy} />`}
    <${Shown} key=${`${loaded.key} ${loaded.key === 'zone' ? route.path[0] : ''}`} component=${loaded.module.default} route=${route} frozen=${waits} /></div>`;
}

/** @param {{component: any, route: import('../router.js').Route, frozen: boolean}} props components of pages differ: any */
function Shown({ component, route, frozen }) {
  const [last, setLast] = useState(route);
  if (!frozen && last !== route) setLast(route);
  return html`<${component} route=${frozen ? last : route} />`;
}

function Unknown() {
  return html`<${Page} title=${t('shell.unknown')}>
    <${Empty} title=${t('shell.unknown_text')} action=${html`<${LinkButton} href=${href('live')} tone="primary" label=${t('shell.unknown_action')} />`} /></${Page}>`;
}

/** @param {{page: string}} props */
function Forbidden({ page }) {
  const { session } = useApp();
  const first = allowedPages(session)[0]?.page ?? 'access';
  const info = GROUPS.flatMap(({ pages }) => pages).find((one) => one.page === navPage(page));
  const verb = info?.page === 'queries' || info?.page === 'security' ? 'read_logs' : 'read';
  return html`<${Page} title=${t(`shell.page.${navPage(page)}`)}>
    <${Empty} icon="lock" title=${t('shell.forbidden')} why=${t('shell.forbidden_text', { verb })}
      action=${html`<${LinkButton} href=${href(first)} tone="primary" label=${t('shell.forbidden_action', { page: t(`shell.page.${first}`) })} />`} /></${Page}>`;
}
