/** One list: where it comes from, how it is doing, what other lists have of it, and lines that have no effect. */

import { html } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Facts } from '../../ui/page.js';
import { useApp } from '../../context.js';
import { authorOf } from '../../api/policy.js';
import { TimeEl, bytes, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { ListState, forWords, worth } from './lists.js';

/** @typedef {import('../../api/types.js').BlockListOut} BlockList */
/** @typedef {ReturnType<typeof import('./lists.js').useListActions>} Actions */

/** @param {{list: BlockList}} props */
function Overlaps({ list }) {
  if (!list.overlaps.length || !list.names) return null;
  const sorted = [...list.overlaps].sort((a, b) => b.names - a.names);
  return html`
    <h3>${t('blocking.overlaps')}</h3>
    <p class="dim">${t('blocking.overlaps.own', { n: list.own_names, part: pct(list.own_names / list.names) })}</p>
    <ul class="share-bars">${sorted.map((overlap) => html`
      <li key=${overlap.list}><span class="bar-name">${overlap.list}</span>
        <span class="share-line" aria-hidden="true"><span style=${{ inlineSize: `${(100 * overlap.names) / list.names}%` }}></span></span>
        <span class="bar-value">${num(overlap.names)} · ${pct(overlap.names / list.names)}</span></li>`)}
    </ul>`;
}

/** @param {{list: BlockList}} props */
function Ignored({ list }) {
  if (!list.ignored.length) return null;
  const total = list.ignored.reduce((sum, one) => sum + one.count, 0);
  return html`
    <h3>${t('blocking.ignored', { n: total })}</h3>
    ${list.ignored.map((one) => html`
      <details key=${one.reason}><summary>${num(one.count)} · ${one.reason}</summary>
        <ul class="ignored">${one.examples.map((line) => html`<li key=${line.line}><span class="dim">${t('blocking.line', { n: line.line })}</span> <code class="breaks">${line.text}</code></li>`)}</ul>
      </details>`)}`;
}

/** @param {{list: BlockList, may: boolean, act: Actions, onClose: () => void}} props */
export function ListDrawer({ list, may, act, onClose }) {
  const { session } = useApp();
  const hits = t('blocking.hits.both', { day: num(list.hits_24h), week: num(list.hits_7d) });
  const at = (/** @type {number | null | undefined} */ ms) => (ms ? html`<${TimeEl} at=${ms} />` : '–');
  const isOwn = may && list.origin === 'api';
  const facts = /** @type {[string, any][]} what a cell shows */ ([
    [t('blocking.state'), html`<${ListState} list=${list} />`],
    [t(list.url ? 'blocking.list.url' : 'blocking.list.file'), html`<span class="mono breaks">${list.url ?? list.file}</span>`],
    [t('blocking.names'), t('blocking.names.of', { names: num(list.names), rules: num(list.rules), lines: num(list.lines) })],
    [t('blocking.hits'), session.can('read_logs') ? html`<a href=${href('queries', [], { filter: `list:"${list.name}"` })}>${hits}</a>` : hits],
    [t('blocking.for'), forWords(list.groups)],
    ...(list.url ? [[t('blocking.list.checked'), at(list.checked_at_ms)], [t('blocking.list.fetched'), at(list.fetched_at_ms)],
      [t('blocking.list.next'), at(list.next_at_ms)], [t('blocking.list.hours'), num(list.refresh_hours)]] : []),
    [t('blocking.list.size'), bytes(list.size_bytes)],
    [t('blocking.origin'), list.set ? html`${t('blocking.setby', { who: authorOf(list.set.by) })} <${TimeEl} at=${list.set.at_ms} />` : t('blocking.fromfile.long')],
    ...(list.sha256 ? [['SHA-256', html`<span class="mono breaks small">${list.sha256}</span>`]] : []),
  ]);
  return html`
    <${Drawer} title=${list.name} onClose=${onClose}>
      <div class="stack">
        ${list.problem && html`<div class="problem"><p>${list.problem}</p>${list.failures > 1 && html`<p>${t('blocking.list.failures', { n: list.failures })}</p>`}</div>`}
        ${worth(list) && html`<p class="list-worth">${worth(list)}</p>`}
        <${Facts} items=${facts} />
        <div class="acts">
          ${may && list.url && html`<${Button} label=${t('blocking.list.refresh')} busy=${list.state === 'fetching'} onClick=${() => act.refresh(list, list.state === 'failing')} />`}
          ${isOwn && html`<${Button} label=${t('blocking.edit')} onClick=${() => setParams({ edit: '1' }, { push: true })} />`}
          ${isOwn && html`<${Button} label=${t(list.enabled ? 'blocking.list.off' : 'blocking.list.on')} onClick=${() => act.toggle(list)} />`}
          ${isOwn && html`<${Button} label=${t('blocking.remove')} onClick=${() => { onClose(); act.remove(list); }} />`}
        </div>
        ${list.origin === 'file' && html`<p class="dim">${t('blocking.file.note')}</p>`}
        <${Overlaps} list=${list} />
        <${Ignored} list=${list} />
      </div>
    <//>`;
}
