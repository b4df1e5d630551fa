/** One device, or an address without a name: what is known of it, what it asks for, its group and its pause. */

import { html } from '../../ui/html.js';
import { PauseList, PauseButtons } from './pauses.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { ErrorPanel, Facts, Loading } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { Name } from '../../ui/name.js';
import { useApp } from '../../context.js';
import { authorOf, bare } from '../../api/policy.js';
import { TimeEl, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { NameForm } from './deviceform.js';
import { filterOf } from './model.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {{items: {value: string, count: number}[], rows: number, next?: string | null, done: boolean}} Top */

const DAY_MS = 24 * 3600_000;
const SLICES = 12;
const SHOWN = 10;

/**
 * The names that a row asked for most in the last day, and how many queries these were. Slices are added up.
 * @param {import('../../api/policy.js').Http} http
 * @param {{filter: string, by: string}} what
 * @param {AbortSignal} signal
 * @returns {Promise<{rows: number, top: [string, number][], done: boolean}>}
 */
async function topOf(http, { filter, by }, signal) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  let [rows, after, done] = [0, /** @type {string | null} */ (null), false];
  for (let slice = 0; slice < SLICES && !done; slice += 1) {
    const { data } = await http.get('/queries/top', { signal, params: { by, filter, from: Date.now() - DAY_MS, limit: 100, after } });
    const part = /** @type {Top} */ (data);
    for (const { value, count } of part.items) counts.set(value, (counts.get(value) ?? 0) + count);
    rows += part.rows;
    after = part.next ?? null;
    done = part.done || !after;
  }
  return { rows, top: [...counts].sort((a, b) => b[1] - a[1]).slice(0, SHOWN), done };
}

/** @param {{row: Row}} props */
function Asked({ row }) {
  const { http } = useApp();
  // Names of devices mean nothing to the API: it knows addresses.
  const addresses = row.device?.addresses.length ? row.device.addresses : row.addresses;
  const filter = `client:${addresses.join(',')}`;
  const res = useResource(addresses.length ? `top ${filter}` : null, async (/** @type {AbortSignal} */ signal) => {
    const [all, blocked] = await Promise.all([
      topOf(http, { filter, by: 'name' }, signal), topOf(http, { filter: `${filter} source:blocked`, by: 'name' }, signal)]);
    return { all, blocked };
  });
  if (res.error) return html`<${ErrorPanel} error=${res.error} onRetry=${res.reload} />`;
  if (!res.data) return addresses.length ? html`<${Loading} rows=${4} />` : null;
  const { all, blocked } = res.data;
  const list = (/** @type {[string, number][]} */ top, /** @type {string} */ more) => html`
    <ul class="share-bars">${top.map(([name, count]) => html`
      <li key=${name}><span class="bar-name"><a href=${href('queries', [], { filter: `${filterOf(row)} name:${name.replace(/\.$/, '')}${more}` })}><${Name} name=${name} /></a></span>
        <span class="share-line" aria-hidden="true"><span style=${{ inlineSize: `${(100 * count) / top[0][1]}%` }}></span></span>
        <span class="bar-value">${num(count)}</span></li>`)}</ul>`;
  return html`
    <h3>${t('clients.day')}</h3>
    <p class="dim">${t(all.done ? 'clients.day.sentence' : 'clients.day.least', { n: all.rows, blocked: num(blocked.rows), part: all.rows ? pct(blocked.rows / all.rows) : '–' })}</p>
    ${all.top.length > 0 && html`<h4>${t('clients.day.names')}</h4>${list(all.top, '')}`}
    ${blocked.top.length > 0 && html`<h4>${t('clients.day.blocked')}</h4>${list(blocked.top, ' source:blocked')}`}`;
}

/**
 * @param {{row: Row, pauses: import('../../api/policy.js').Pause[], people: import('../../api/policy.js').People, may: boolean, mayLogs: boolean,
 *   onClose: () => void, onChanged: () => void}} props
 */
export function DeviceDrawer({ row, pauses, people, may, mayLogs, onClose, onChanged }) {
  const { device } = row;
  const title = device?.name ?? row.addresses[0];
  const facts = [
    device && [t('clients.addresses'), html`<span class="mono breaks">${device.addresses.map(bare).join(', ') || '–'}</span>`],
    device && row.addresses.length > 0 && row.last && [t('clients.askedfrom'), html`<span class="mono breaks">${row.addresses.join(', ')}</span>`],
    [t('clients.group'), html`<a href=${href('clients', ['groups'])}>${row.group}</a>`],
    device && device.tags.length > 0 && [t('clients.tags'), html`<span class="mono">${device.tags.join(', ')}</span>`],
    row.first && [t('clients.first'), html`<${TimeEl} at=${row.first} />`],
    row.last && [t('clients.last'), html`<${TimeEl} at=${row.last} />`],
    row.queries > 0 && [t('clients.queries.since'), t('clients.queries.both', { n: row.queries, part: pct(row.blocked / row.queries) })],
    device && [t('blocking.origin'), device.set ? html`${t('blocking.setby', { who: authorOf(device.set.by) })} <${TimeEl} at=${device.set.at_ms} />` : t('blocking.fromfile.long')],
  ];
  return html`
    <${Drawer} title=${title} subtitle=${device ? undefined : t('clients.noname')} onClose=${onClose}>
      <div class="stack">
        ${!device && may && html`<${NameForm} address=${row.addresses[0]} people=${people} onDone=${() => { onClose(); onChanged(); }} onClose=${onClose} />`}
        <${Facts} items=${facts} />
        <div class="acts">
          ${mayLogs && html`<${LinkButton} href=${href('queries', [], { filter: filterOf(row) })} label=${t('clients.show.queries')} />`}
          ${device && may && device.origin === 'api' && html`<${Button} label=${t('blocking.edit')} onClick=${() => setParams({ edit: '1' }, { push: true })} />`}
        </div>
        ${device && device.origin === 'file' && html`<p class="dim">${t('clients.file.note')}</p>`}
        <${PauseList} pauses=${pauses} devices=${people.devices} may=${may} />
        ${device && may && html`<${PauseButtons} scope=${{ device: device.name }} name=${device.name} />`}
        ${mayLogs && html`<${Asked} row=${row} />`}
      </div>
    <//>`;
}
