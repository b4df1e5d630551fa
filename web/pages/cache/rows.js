/** Entries and figures of the cache, and which entries are shown. Used by the cache page. */

import { html, useState } from '../../ui/html.js';
import { bytes, duration, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { go, href, setParams } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Field } from '../../ui/field.js';
import { State } from '../../ui/state.js';
import { Name } from '../../ui/name.js';
import { Tile } from '../../ui/tile.js';

/**
 * @typedef {{ name: string, type: string | null, kind: string, security: string, age_s: number, ttl: number, ttl_left_s: number,
 *   hits: number, last_use_s?: number, origin?: string, reason?: { code: number, name?: string, text: string }, size_bytes: number }} Entry
 * @typedef {import('../../ui/html.js').Signal<number>} Second
 */

/** What is left of a TTL; it counts down. @param {{ row: Entry, second: Second, at: number }} props */
function Left({ row, second, at }) {
  const left = Math.max(0, row.ttl_left_s - Math.floor(Math.max(0, second.value - at) / 1000));
  if (left === 0) return html`<span class="meta">${t('cache.expired')}</span>`;
  return html`<span title=${t('cache.ofTtl', { ttl: duration(row.ttl * 1000) })}>${duration(left * 1000)}</span>`;
}

/** @param {string} security */
const stateOf = (security) => (security === 'secure' ? 'ok' : security === 'bogus' ? 'bad' : 'off');

/** @param {{ row: Entry }} props */
function KindCell({ row }) {
  const reason = row.reason ? [row.reason.name, row.reason.text].filter(Boolean).join(': ') : '';
  return html`${t(`cache.kind.${row.kind}`)}${reason && html` <span class="meta">${reason}</span>`}`;
}

/** @param {Second} second @param {number} at When the rows came. */
export function columnsOf(second, at) {
  return [
    { key: 'name', title: t('cache.name'), wide: true, mono: true, cell: (/** @type {Entry} */ row) => html`<${Name} name=${row.name} />` },
    { key: 'type', title: t('cache.type'), cell: (/** @type {Entry} */ row) => row.type ?? t('cache.anyType') },
    { key: 'kind', title: t('cache.kind'), cell: (/** @type {Entry} */ row) => html`<${KindCell} row=${row} />` },
    { key: 'left', title: t('cache.left'), align: /** @type {const} */ ('end'), cell: (/** @type {Entry} */ row) => html`<${Left} row=${row} second=${second} at=${at} />` },
    { key: 'hits', title: t('cache.hits'), align: /** @type {const} */ ('end'), cell: (/** @type {Entry} */ row) => num(row.hits) },
    { key: 'used', title: t('cache.used'), off: true, cell: (/** @type {Entry} */ row) => (row.last_use_s === undefined ? '–' : t('cache.ago', { time: duration(row.last_use_s * 1000) })) },
    { key: 'security', title: t('cache.security'), cell: (/** @type {Entry} */ row) => html`<${State} kind=${stateOf(row.security)} word=${t(`cache.security.${row.security}`)} />` },
    { key: 'origin', title: t('cache.origin'), mono: true, cell: (/** @type {Entry} */ row) => row.origin ?? '–' },
  ];
}

/** Two lines for phones. @param {Second} second @param {number} at */
export function phoneRow(second, at) {
  return (/** @type {Entry} */ row) => html`<span class="line-1"><${Name} name=${row.name} /> <strong>${row.type ?? ''}</strong></span>
    <span class="line-2 line-text">${t(`cache.kind.${row.kind}`)} · <${Left} row=${row} second=${second} at=${at} /> · ${t('cache.hitCount', { n: row.hits })} · ${t(`cache.security.${row.security}`)}</span>`;
}

/**
 * @param {Entry} row @param {boolean} logs whether queries may be seen
 * @param {((what: { name: string, below: boolean, type: string }) => void) | null} forget
 */
export function rowActions(row, logs, forget) {
  const items = [
    { label: t('cache.seeBelow'), onSelect: () => go(href('cache', [], { name: row.name, below: '1' })) },
    ...(logs ? [{ label: t('cache.seeQueries'), onSelect: () => go(href('queries', [], { filter: `name:${row.name}` })) }] : []),
  ];
  if (!forget) return items;
  if (row.type) items.push({ label: t('cache.forgetType', { type: row.type }), onSelect: () => forget({ name: row.name, below: false, type: row.type ?? '' }) });
  items.push({ label: t('cache.forgetName'), onSelect: () => forget({ name: row.name, below: false, type: '' }) });
  items.push({ label: t('cache.forgetBelow'), onSelect: () => forget({ name: row.name, below: true, type: '' }) });
  return items;
}

/**
 * @typedef {{ hits: number, misses: number, hit_ratio: number, stale_hits: number, entries: number, size_bytes: number, max_size_bytes: number,
 *   evictions: number, expired: number, flushed: number, synthesised: number, inserts: number,
 *   types: { type: string, entries: number, hits: number, misses: number }[] }} Stats
 */

/** @param {{ stats: Stats, logs: boolean }} props `logs`: queries may be seen */
export function CacheStats({ stats, logs }) {
  const asked = stats.hits + stats.misses;
  const types = stats.types.filter((it) => it.entries + it.hits + it.misses > 0).sort((a, b) => b.hits + b.misses - a.hits - a.misses);
  return html`<div class="tiles tiles-even">
      <${Tile} label=${t('cache.ratio')} value=${asked ? pct(stats.hit_ratio) : '–'} note=${t('cache.ofQuestions', { n: asked })} href=${logs ? href('queries', [], { filter: 'cache:hit' }) : undefined} />
      <${Tile} label=${t('cache.entries')} value=${num(stats.entries)} note=${t('cache.inserted', { n: stats.inserts })} />
      <${Tile} label=${t('cache.memory')} value=${bytes(stats.size_bytes)} note=${t('cache.ofLimit', { limit: bytes(stats.max_size_bytes), part: pct(stats.max_size_bytes ? stats.size_bytes / stats.max_size_bytes : 0) })} href=${href('config', ['settings', 'cache'])} />
      <${Tile} label=${t('cache.evictions')} value=${num(stats.evictions)} note=${stats.evictions ? t('cache.evictionsWhy') : t('cache.evictionsNone')} />
      ${stats.stale_hits > 0 && html`<${Tile} label=${t('cache.stale')} value=${num(stats.stale_hits)} note=${t('cache.staleWhy')} href=${logs ? href('queries', [], { filter: 'cache:stale' }) : undefined} />`}
    </div>
    ${types.length > 0 && html`<details class="panel cache-types"><summary>${t('cache.byType')}</summary>
      <div class="table-scroll" tabindex="0" role="group" aria-label=${t('cache.byType')}><table><caption class="visually-hidden">${t('cache.byType')}</caption>
        <thead><tr><th scope="col">${t('cache.type')}</th>${['entries', 'typeHits', 'misses', 'ratio'].map((key) => html`<th scope="col" class="end">${t(`cache.${key}`)}</th>`)}</tr></thead>
        <tbody>${types.map((it) => html`<tr key=${it.type}><th scope="row">${it.type === 'other' ? t('cache.otherTypes') : it.type}</th>
          <td class="end">${num(it.entries)}</td><td class="end">${num(it.hits)}</td><td class="end">${num(it.misses)}</td>
          <td class="end">${it.hits + it.misses ? pct(it.hits / (it.hits + it.misses)) : '–'}</td></tr>`)}</tbody>
      </table></div></details>`}`;
}

/** @param {{ what: { name: string, below: boolean, type: string }, onForget: (() => void) | null }} props */
export function Filter({ what, onForget }) {
  const [name, setName] = useState(what.name);
  const [type, setType] = useState(what.type);
  const show = (/** @type {boolean} */ below) => setParams({ name: name.trim() || null, below: below && name.trim() ? '1' : null, type: type.trim().toUpperCase() || null, after: null }, { push: true });
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    show(what.name ? what.below : true);
  };
  return html`<form class="inline-form" role="search" onSubmit=${onSubmit}>
    <${Field} label=${t('cache.name')} value=${name} onInput=${setName} placeholder="example.org" mono />
    <${Field} label=${t('cache.type')} value=${type} onInput=${setType} placeholder="AAAA" class="short" mono />
    ${what.name && html`<${Checkbox} label=${t('cache.below')} checked=${what.below} onChange=${show} />`}
    <${Button} type="submit" label=${t('cache.show')} />
    ${(what.name || what.type) && html`<${Button} label=${t('cache.clear')} onClick=${() => setParams({ name: null, below: null, type: null, after: null }, { push: true })} />`}
    ${onForget && html`<${Button} label=${t('cache.forgetShown')} onClick=${onForget} />`}
  </form>`;
}
