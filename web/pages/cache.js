/** Cache: what the resolver remembers, and forgetting it. Route `#/cache?name=example.org&below=1&type=A&after=…`. */

import { html, useEffect, useSignal, useState } from '../ui/html.js';
import { Empty, ErrorPanel, Page } from '../ui/page.js';
import { Button } from '../ui/button.js';
import { DataTable } from '../ui/table.js';
import { usePages, useResource } from '../ui/resource.js';
import { useApp } from '../context.js';
import { href, setParams } from '../router.js';
import { t } from '../lib/i18n.js';
import { Part } from './part.js';
import { Filter } from './cache/rows.js';
import { columnsOf, phoneRow, rowActions } from './cache/rows.js';
import { CacheStats } from './cache/rows.js';
import { Warm } from './cache/forget.js';
import { forget } from './cache/forget.js';

/**
 * @typedef {import('./cache/rows.js').Entry} Entry
 * @typedef {{ name: string, below: boolean, type: string }} What
 */

/** @param {URLSearchParams} params @returns {What} */
const whatOf = (params) => ({ name: params.get('name') ?? '', below: params.get('below') === '1', type: params.get('type') ?? '' });

/** How the API is asked for it. @param {What} what */
export function paramsOf({ name, below, type }) {
  return { name: name || null, subtree: name && below ? true : null, type: type || null };
}

/** @param {{ route: import('../router.js').Route }} props */
export default function CachePage({ route }) {
  const app = useApp();
  const { http, session } = app;
  const [what, after] = [whatOf(route.params), route.params.get('after') ?? ''];
  const [warming, setWarming] = useState(false);
  const second = useSeconds();
  const stats = useResource('cache.stats', async (signal) => (await http.get('/cache/stats', { signal })).data, { every: 10_000 });
  const list = usePages(`cache ${JSON.stringify(what)}`, async (next, signal) =>
    (await http.get('/cache', { params: { ...paramsOf(what), after: next, limit: 100 }, signal })).data);
  const at = list.asOf ?? 0;
  const mayFlush = session.can('configure');
  const reload = () => { list.reload(); stats.reload(); };
  const off = /** @type {any} an ApiError if it is one */ (stats.error)?.status === 404;
  if (off) return html`<${Page} title=${t('cache.title')} question=${t('cache.question')}><${Empty} title=${t('cache.off')} why=${t('cache.offWhy')}
    action=${html`<a class="button" href=${href('config', ['settings', 'resolver'])}>${t('cache.offAction')}</a>`} /><//>`;
  const actions = mayFlush && html`<${Button} label=${t('cache.warm')} onClick=${() => setWarming(true)} />
    <${Button} label=${t('cache.forgetAll')} onClick=${() => forget(app, { name: '', below: false, type: '' }, reload)} />`;
  return html`<${Page} title=${t('cache.title')} question=${t('cache.question')} actions=${actions}>
    <${Part} res=${stats}>${(/** @type {any} StatsOut */ data) => html`<${CacheStats} stats=${data} logs=${session.can('read_logs')} />`}<//>
    <${Filter} key=${JSON.stringify(what)} what=${what} onForget=${mayFlush && (what.name || what.type) ? () => forget(app, what, reload) : null} />
    ${list.error && !list.data
      ? html`<${ErrorPanel} error=${list.error} onRetry=${list.reload} />`
      : html`<${DataTable} id="cache" caption=${t('cache.entries')} columns=${columnsOf(second, at)} rows=${list.items} busy=${list.loading}
          rowKey=${(/** @type {Entry} */ row) => `${row.name} ${row.type ?? ''} ${row.kind}`} phone=${phoneRow(second, at)}
          actions=${(/** @type {Entry} */ row) => rowActions(row, session.can('read_logs'), mayFlush ? (/** @type {What} */ gone) => forget(app, gone, reload) : null)}
          pages=${list.pages} empty=${html`<${Nothing} what=${what} after=${after} />`} />`}
    ${warming && html`<${Warm} onClose=${() => { setWarming(false); reload(); }} />`}
  <//>`;
}

/** A signal that changes each second, for TTLs that count down. */
function useSeconds() {
  const second = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) second.value = Date.now(); }, 1000);
    return () => clearInterval(timer);
  }, []);
  return second;
}

/** @param {{ what: What, after: string }} props */
function Nothing({ what, after }) {
  if (!what.name && !what.type && !after) return html`<${Empty} title=${t('cache.none')} why=${t('cache.noneWhy')} />`;
  const widen = what.name && !what.below ? { below: '1' } : { name: null, below: null, type: null, after: null };
  return html`<${Empty} title=${t('cache.noMatch')} why=${t('cache.noMatchWhy')}
    action=${html`<${Button} label=${what.name && !what.below ? t('cache.alsoBelow') : t('cache.clear')} onClick=${() => setParams(widen)} />`} />`;
}
