/** Who changed what, in all zones: `#/changes`. */
import { html, useEffect, useMemo, useState } from '../ui/html.js';
import { subscribeEvents } from '../api/sse.js';
import { useApp } from '../context.js';
import { href, setParams } from '../router.js';
import { t } from '../lib/i18n.js';
import { Button, LinkButton } from '../ui/button.js';
import { FilterBar } from '../ui/filterbar.js';
import { Lazy } from '../ui/lazy.js';
import { Banner, Empty, ErrorPanel, Loading, Page } from '../ui/page.js';
import { usePages } from '../ui/resource.js';
import { ChangeTimeline } from '../ui/timeline.js';
import { condition, like, terms } from './zone/filter.js';
import { scan } from './zone/model.js';
import { Pager } from './zone/parts.js';
import { RevertDrawer } from './zone/revert.js';
import { useTypes } from './zone/types.js';

/** @typedef {import('../ui/timeline.js').ChangeRow} ChangeRow */

const PAGE = 50;
const SEARCHED = 500;

/** @param {string} text @param {string} value */
const has = (text, value) => text.toLowerCase().includes(value.toLowerCase());

const WAYS = /** @type {Record<string, (change: ChangeRow, value: string) => boolean>} */ ({
  '': (change, value) => has(`${change.who} ${change.why} ${change.zones.map((one) => one.zone).join(' ')}`, value),
  zone: (change, value) => change.zones.some((one) => [one.zone, one.zone.replace(/\.$/, '')].some(like(value))),
  who: (change, value) => has(change.who, value),
  why: (change, value) => has(change.why, value),
  action: (change, value) => change.zones.some((one) => one.action === value),
  id: (change, value) => String(change.id) === value,
});

const keys = () => Object.fromEntries(Object.keys(WAYS).filter(Boolean).map((key) => [key, {
  title: t(`changes.filter.${key}`),
  ...(key === 'action' ? { values: async (/** @type {string} */ prefix) => ['create', 'edit', 'replace', 'configure', 'delete'].filter((value) => value.startsWith(prefix)) } : {}),
}]));

/** @param {string} filter */
function useChanges(filter) {
  const { http } = useApp();
  const wanted = useMemo(() => {
    const list = terms(filter);
    // The history of one zone is a list of its own on the server, also of a zone that is gone.
    const zone = list.find((term) => term.key === 'zone' && !term.minus && term.values.length === 1 && !term.text.includes('*'));
    const rest = list.filter((term) => term !== zone);
    return { ...condition(rest, WAYS), path: zone ? `/zones/${encodeURIComponent(zone.text)}/changes` : '/changes', isAny: rest.length === 0 };
  }, [filter]);
  const page = usePages(`changes:${filter}`, async (after, signal) => {
    const load = async (/** @type {string | null} */ from) => (await http.get(wanted.path, { params: { after: from, limit: wanted.isAny ? PAGE : SEARCHED }, signal })).data;
    return wanted.isAny ? { ...await load(after), read: 0 } : scan(load, wanted.fits, { after, want: PAGE });
  });
  return { ...page, wanted, read: /** @type {any} */ (page.data)?.read ?? 0 };
}

/** @param {{route: import('../router.js').Route}} props */
export default function ChangesPage({ route }) {
  const { http } = useApp();
  const types = useTypes();
  const filter = route.params.get('filter') ?? '';
  const list = useChanges(filter);
  const [revert, setRevert] = useState(/** @type {ChangeRow | null} */ (null));
  const [picked, setPicked] = useState(/** @type {Map<number, ChangeRow>} */ (new Map()));
  const [isMany, setMany] = useState(false);
  const [news, setNews] = useState(0);
  useEffect(() => subscribeEvents((event) => { if (event.type === 'change') setNews((count) => count + 1); }, { base: http.base }), []);
  const fresh = () => { setNews(0); if (route.params.has('after')) setParams({ after: null }); else void list.reload(); };
  useEffect(() => { if (news && !route.params.has('after') && !revert && !isMany) fresh(); }, [news]);
  const pick = (/** @type {ChangeRow} */ row, /** @type {boolean} */ on) => { const next = new Map(picked); on ? next.set(row.id, row) : next.delete(row.id); setPicked(next); };
  const problem = list.wanted.unknown ? { message: t('zone.filter.unknown', { key: list.wanted.unknown.key }) } : null;
  return html`<${Page} title=${t('changes.title')} question=${t('changes.question')}>
    <${FilterBar} id="change-filter" value=${filter} keys=${keys} error=${problem} onChange=${(/** @type {string} */ text) => setParams({ filter: text, after: null }, { push: true })} placeholder=${t('changes.filter.placeholder')} label=${t('changes.filter.label')} />
    ${news > 0 && html`<${Banner} tone="info" action=${html`<${Button} small label=${t('changes.newest')} onClick=${fresh} />`}>${t('changes.news', { n: news })}</${Banner}>`}
    ${picked.size > 0 && html`<${Picked} count=${picked.size} onRevert=${() => setMany(true)} onClear=${() => setPicked(new Map())} />`}
    ${list.error && html`<${ErrorPanel} error=${list.error} onRetry=${list.reload} />`}
    ${list.first && html`<${Loading} />`}
    ${list.data && (list.items.length ? html`<${ChangeTimeline} rows=${list.items} types=${types} load=${async (/** @type {number} */ id) => (await http.get(`/changes/${id}/diff`)).data} busy=${list.loading}
        open=${route.params.get('open')} onOpen=${(/** @type {string | null} */ id) => setParams({ open: id })} actions=${(/** @type {ChangeRow} */ row) => html`<${Actions} row=${row} isPicked=${picked.has(row.id)} onPick=${(/** @type {boolean} */ on) => pick(row, on)} onRevert=${() => setRevert(row)} />`} />`
      : html`<${Empty} title=${t(filter ? 'changes.empty.filter' : 'changes.empty.title')} why=${t(filter ? 'changes.empty.filterWhy' : 'changes.empty.why')}
        action=${filter ? html`<${Button} label=${t('zone.empty.clear')} onClick=${() => setParams({ filter: null, after: null })} />` : html`<${LinkButton} href=${href('zones')} label=${t('zones.title')} />`} />`)}
    <${Pager} onPrevious=${list.pages.newer} onNext=${list.pages.older}>${!list.wanted.isAny && html`<span class="muted" role="status">${t('changes.read', { n: list.read })}</span>`}<//>
    ${revert && html`<${RevertDrawer} row=${revert} types=${types} onClose=${() => setRevert(null)} onDone=${() => void list.reload()} />`}
    ${isMany && html`<${Lazy} load=${() => import('./zone/revertmany.js')} name="RevertManyDrawer" rows=${[...picked.values()]} types=${types} onClose=${() => setMany(false)} onDone=${() => { setPicked(new Map()); void list.reload(); }} />`}
  <//>`;
}

/** What can be done with the changes that are picked. @param {{count: number, onRevert: () => void, onClear: () => void}} props */
const Picked = ({ count, onRevert, onClear }) => html`<div class="bulk" role="toolbar" aria-label=${t('data.bulk')}>
  <span role="status">${t('changes.many.picked', { n: count })}</span>
  <${Button} small icon="revert" label=${t('changes.many.revert')} onClick=${onRevert} />
  <button type="button" class="link-button" onClick=${onClear}>${t('data.unselect')}</button></div>`;

/** @param {{row: ChangeRow, isPicked: boolean, onPick: (on: boolean) => void, onRevert: () => void}} props */
function Actions({ row, isPicked, onPick, onRevert }) {
  const [zone] = row.zones;
  const isDelete = zone.action === 'delete';
  // What a primary sends is not taken back here.
  const canRevert = !row.who.startsWith('transfer:');
  // Only changes of records are taken back together with others; what signing does is done again.
  const canPick = canRevert && row.who !== 'signing' && row.zones.every(({ action }) => action === 'edit');
  return html`${canPick && html`<label class="timeline-pick"><input type="checkbox" checked=${isPicked} aria-label=${t('changes.many.pickOf', { id: String(row.id) })} onChange=${(/** @type {Event} */ event) => onPick(/** @type {HTMLInputElement} */ (event.currentTarget).checked)} /> ${t('changes.many.pick')}</label>`}
    ${canRevert && html`<${Button} small icon="revert" label=${t(isDelete ? 'changes.restore' : 'changes.revert')} onClick=${onRevert} />`}
    ${row.zones.length === 1 && zone.to !== null && zone.from !== zone.to && html`<${LinkButton} small href=${href('zone', [zone.zone, 'records'], { serial: zone.to })} label=${t('changes.asOf')} />`}`;
}
