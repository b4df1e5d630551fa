/** The zones of this server: `#/zones`. Search, making, and what can be done with several at once. */
import { html, signal, useMemo } from '../ui/html.js';
import { newKey } from '../api/http.js';
import { useApp } from '../context.js';
import { href, setParams } from '../router.js';
import { t } from '../lib/i18n.js';
import { num } from '../lib/format.js';
import { shown, undotted } from '../lib/dns.js';
import { Button, LinkButton } from '../ui/button.js';
import { FilterBar } from '../ui/filterbar.js';
import { Menu } from '../ui/menu.js';
import { Empty, ErrorPanel, Page } from '../ui/page.js';
import { State } from '../ui/state.js';
import { DataTable } from '../ui/table.js';
import { Name } from '../ui/name.js';
import { condition, like, zoneFilter } from './zone/filter.js';
import { ImportDrawer } from './zone/import.js';
import { NewZone } from './zone/new.js';
import { Pager } from './zone/parts.js';
import { Progress, useSearch } from './zone/search.js';
import { stateOf } from './zone/state.js';

/** Zones of a page that is also looked through here. */
const SEARCHED = 1000;

/** What a filter of zones compares. */
const WAYS = /** @type {Record<string, (zone: any, value: string) => boolean>} */ ({
  '': (zone, value) => `${zone.name} ${zone.unicode ?? ''}`.toLowerCase().includes(value.toLowerCase()),
  name: (zone, value) => [zone.name.replace(/\.$/, ''), zone.name, zone.unicode ?? ''].some(like(value)),
  kind: (zone, value) => zone.settings.kind === value.toLowerCase(),
  state: (zone, value) => zone.state === value.toLowerCase() || (value === 'failing' && !!zone.transfer?.last_error),
  source: (zone, value) => zone.source === value.toLowerCase(),
  findings: (zone, value) => value === 'yes' ? zone.findings.count > 0 : zone.findings.count === 0,
});

/** @param {string[]} list */
const values = (list) => async (/** @type {string} */ prefix) => list.filter((value) => value.startsWith(prefix));

const keys = () => ({
  name: { title: t('zones.filter.name') },
  kind: { title: t('zones.filter.kind'), values: values(['primary', 'secondary']) },
  state: { title: t('zones.filter.state'), values: values(['serving', 'elsewhere', 'waiting', 'expired', 'failing']) },
  source: { title: t('zones.filter.source'), values: values(['journal', 'configuration', 'file']) },
  findings: { title: t('zones.filter.findings'), values: values(['yes', 'no']) },
});

/** @param {string} filter */
function useZones(filter) {
  const { http } = useApp();
  const { params, rest } = useMemo(() => zoneFilter(filter), [filter]);
  const { fits, unknown } = useMemo(() => condition(rest, WAYS), [rest]);
  const list = useSearch(`zones:${filter}`, async (after, limit, signal) => {
    const { data } = await http.get('/zones', { params: { ...params, after, limit: rest.length ? SEARCHED : limit }, signal });
    return { items: data.items.filter(fits), next: data.next };
  });
  return { ...list, unknown };
}

/** @param {{route: import('../router.js').Route}} props */
export default function ZonesPage({ route }) {
  const { session } = useApp();
  const filter = route.params.get('filter') ?? '';
  const list = useZones(filter);
  const selection = useMemo(() => signal(/** @type {Set<string>} */ (new Set())), []);
  const make = route.params.get('new');
  const close = () => setParams({ new: null });
  const canCreate = session.canSomewhere('create');
  const canAct = session.canSomewhere('transfer') || session.canSomewhere('delete');
  const isEmpty = !filter && !list.loading && list.items.length === 0 && !list.error;
  const { unknown } = list;
  return html`<${Page} title=${t('zones.title')} question=${t('zones.question')} actions=${canCreate && !isEmpty && html`<${Button} tone="primary" icon="plus" label=${t('zones.new.open')} onClick=${() => setParams({ new: 'primary' })} />
      <${Menu} label=${t('zones.new.more')} items=${['import', 'secondary'].map((kind) => ({ label: t(`zones.new.${kind}`), onSelect: () => setParams({ new: kind }) }))} />`}>
    ${!isEmpty && html`<${FilterBar} id="zone-filter" value=${filter} keys=${keys} onChange=${(/** @type {string} */ text) => setParams({ filter: text, after: null }, { push: true })}
      placeholder=${t('zones.filter.placeholder')} label=${t('zones.filter.label')} error=${unknown && { message: t('zone.filter.unknown', { key: unknown.key }) }} />`}
    ${list.error && html`<${ErrorPanel} error=${list.error} onRetry=${list.reload} />`}
    ${isEmpty ? html`<${FirstZone} canCreate=${canCreate} />` : html`<${DataTable} id="zones" caption=${t('zones.title')} rows=${list.items} rowKey=${(/** @type {any} */ zone) => zone.name} columns=${columns()} busy=${list.loading}
      href=${(/** @type {any} */ zone) => href('zone', [zone.name])} selection=${canAct ? selection : undefined} phone=${phone} bulk=${() => html`<${Bulk} list=${list} selection=${selection} />`}
      empty=${html`<${Nothing} filter=${filter} hasMore=${!!list.search.progress.value.next} />`} />`}
    <${Pager} onPrevious=${list.pages.newer} onNext=${list.pages.older}>${filter && html`<${Progress} list=${list} name=${undotted} />`}<//>
    ${make === 'import' ? html`<${ImportDrawer} onClose=${close} />` : (make === 'primary' || make === 'secondary') && html`<${NewZone} key=${make} kind=${make} onClose=${close} />`}
  <//>`;
}

const columns = () => [
  { key: 'name', title: t('zones.col.name'), wide: true, cell: (/** @type {any} */ zone) => html`<${Name} name=${undotted(zone.name)} />` },
  { key: 'kind', title: t('zones.col.kind'), cell: (/** @type {any} */ zone) => t(`zones.kind.${zone.settings.kind}`) },
  { key: 'source', title: t('zones.col.source'), cell: (/** @type {any} */ zone) => t(`zones.source.${zone.source}`) },
  { key: 'records', title: t('zones.col.records'), align: /** @type {const} */ ('end'), cell: (/** @type {any} */ zone) => num(zone.records) },
  { key: 'serial', title: t('zones.col.serial'), align: /** @type {const} */ ('end'), cell: (/** @type {any} */ zone) => zone.serial ?? '–' },
  { key: 'signed', title: t('zones.col.signed'), cell: (/** @type {any} */ zone) => zone.settings.dnssec || '–' },
  { key: 'state', title: t('zones.col.state'), cell: (/** @type {any} */ zone) => html`<${ZoneState} zone=${zone} />` },
];

/** @param {{zone: any}} props */
function ZoneState({ zone }) {
  const state = stateOf(zone);
  return html`<${State} kind=${state.kind} word=${state.word} title=${zone.transfer?.last_error} />${zone.findings.count > 0 && html` <span class="muted nowrap">${t('zones.findings', { n: zone.findings.count })}</span>`}`;
}

/** @param {any} zone */
const phone = (zone) => html`<span class="rr-card"><span class="rr-card-head"><${Name} name=${undotted(zone.name)} /></span>
  <span class="rr-card-head"><${ZoneState} zone=${zone} /> <span class="muted">${t(`zones.kind.${zone.settings.kind}`)}, ${t('zones.count', { n: zone.records })}</span></span></span>`;

/** @param {{list: any, selection: {value: Set<string>}}} props What is done with each of the zones that are selected. */
function Bulk({ list, selection }) {
  const { http, toast, dialogs } = useApp();
  const zones = list.items.filter((/** @type {any} */ zone) => selection.value.has(zone.name));
  const each = async (/** @type {string} */ what, /** @type {any[]} */ of, /** @type {(zone: any) => Promise<unknown>} */ run) => {
    const failed = /** @type {string[]} */ ([]);
    for (const zone of of) await run(zone).catch(() => failed.push(zone.name));
    if (failed.length) toast.error(t('zones.bulk.failed', { n: failed.length, names: failed.slice(0, 3).join(', ') }));
    else toast.ok(t(`zones.bulk.${what}Done`, { n: of.length }));
    selection.value = new Set();
    list.reload();
  };
  const path = (/** @type {any} */ zone) => `/zones/${encodeURIComponent(zone.name)}`;
  const remove = async () => {
    const own = zones.filter((/** @type {any} */ zone) => zone.source === 'journal');
    const yes = own.length > 0 && await dialogs.confirm({ title: t('zones.bulk.deleteTitle', { n: own.length }), text: t('zones.bulk.deleteText', { names: own.map((/** @type {any} */ zone) => shown(zone.name)).join(', ') }), action: t('zones.bulk.delete'), danger: true, type: String(own.length) });
    if (!yes) return;
    try {
      const { data } = await http.post('/changesets', { why: '', zones: own.map((/** @type {any} */ zone) => ({ zone: zone.name, action: 'delete' })) }, { idempotencyKey: newKey() });
      toast.ok(t('zones.bulk.deleteDone', { n: own.length }), { undo: async () => { await http.post(`/changes/${data.change}/revert`, {}); list.reload(); } });
      selection.value = new Set();
      list.reload();
    } catch (error) {
      toast.error(error);
    }
  };
  const secondaries = zones.filter((/** @type {any} */ zone) => zone.settings.kind === 'secondary');
  return html`<${Button} small label=${t('zones.bulk.notify')} onClick=${() => each('notify', zones, (zone) => http.post(`${path(zone)}/notify`))} />
    <${Button} small label=${t('zones.bulk.retransfer')} disabled=${secondaries.length === 0} onClick=${() => each('retransfer', secondaries, (zone) => http.post(`${path(zone)}/retransfer`))} />
    ${zones.length === 1 && html`<${LinkButton} small href=${http.url(`${path(zones[0])}/export`)} download=${`${zones[0].name.replace(/\.$/, '')}.zone`} label=${t('zone.export')} />`}
    <${Button} small label=${t('zones.bulk.delete')} disabled=${!zones.some((/** @type {any} */ zone) => zone.source === 'journal')} onClick=${remove} />`;
}

/** @param {{filter: string, hasMore: boolean}} props */
function Nothing({ filter, hasMore }) {
  if (!filter) return null;
  return html`<${Empty} title=${t('zones.empty.filter')} why=${t(hasMore ? 'zone.empty.filterMore' : 'zone.empty.filterWhy', { filter })}
    action=${html`<${Button} label=${t('zone.empty.clear')} onClick=${() => setParams({ filter: null, after: null })} />`} />`;
}

/** No zone yet: three ways to the first one. @param {{canCreate: boolean}} props */
function FirstZone({ canCreate }) {
  if (!canCreate) return html`<${Empty} title=${t('zones.empty.title')} why=${t('zones.empty.right')} />`;
  const card = (/** @type {string} */ kind, /** @type {boolean} */ isFirst) => html`<section class="zone-card"><h2>${t(`zones.new.${kind}`)}</h2><p>${t(`zones.empty.${kind}`)}</p>
    <${Button} tone=${isFirst ? 'primary' : 'plain'} label=${t(`zones.empty.${kind}Action`)} onClick=${() => setParams({ new: kind })} /></section>`;
  return html`<p class="zone-cards-head">${t('zones.empty.why')}</p><div class="zone-cards">${card('primary', true)}${card('import', false)}${card('secondary', false)}</div>`;
}
