/** Tab Records: the RRsets of a zone, page by page, with the changes of the draft in them. */
import { html, signal, useEffect, useMemo } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { go, href, setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { duration } from '../../lib/format.js';
import { relative, visible } from '../../lib/dns.js';
import { toText } from '../../rr/text.js';
import { Button, LinkButton } from '../../ui/button.js';
import { FilterBar } from '../../ui/filterbar.js';
import { Empty, ErrorPanel } from '../../ui/page.js';
import { DataTable } from '../../ui/table.js';
import { Name } from '../../ui/name.js';
import { AsOf } from './asof.js';
import { ExplainDrawer } from '../../ui/explaindrawer.js';
import { Editor } from './editor.js';
import { ImportDrawer } from './import.js';
import { useRrsets } from './list.js';
import { keyOf, toRows } from './model.js';
import { Pager } from './parts.js';
import { Progress } from './search.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */
/** @typedef {import('./model.js').Row} Row */

/** Records of one RRset that are shown before the rest is folded. */
const SHOWN = 6;
const SIGNS = { same: '', changed: '~', added: '+', removed: '−' };

/** @param {{view: ZoneView, params: URLSearchParams}} props */
export default function Records({ view, params }) {
  if (params.has('serial') || params.has('time')) return html`<${AsOf} view=${view} params=${params} />`;
  return html`<${Now} view=${view} params=${params} />`;
}

/** The filter's keys. */
const keys = () => Object.fromEntries(['name', 'type', 'data', 'ttl', 'from'].map((key) => [key, { title: t(`zone.filter.${key}`) }]));

/** @param {{view: ZoneView, params: URLSearchParams}} props */
function Now({ view, params }) {
  const filter = params.get('filter') ?? '';
  const list = useRrsets({ view, path: `${view.path}/rrsets`, filter });
  const selection = useMemo(() => signal(/** @type {Set<string>} */ (new Set())), [view.name]);
  const rows = toRows(list.items, view.draft.changes.value.values(), {
    zone: view.name, isFirst: list.isFirst, isLast: list.isLast, fits: list.wanted.here,
  });
  const canEdit = !view.why;
  const edit = params.get('edit');
  useShortcuts(canEdit);
  const problem = filterProblem(list);
  return html`<div class="zone-records">
    <div class="bar"><${FilterBar} id="record-filter" value=${filter} onChange=${(/** @type {string} */ text) => setParams({ filter: text, after: null }, { push: true })}
        keys=${keys} error=${problem} placeholder=${t('zone.filter.placeholder')} label=${t('zone.filter.label')} />
      <div class="bar-actions">
        ${canEdit && html`<${Button} tone="primary" label=${t('zone.record.new')} onClick=${() => setParams({ edit: '+' })} />
        <${Button} label=${t('zone.import.open')} onClick=${() => setParams({ import: '1' })} />`}
        <${Export} view=${view} /></div></div>
    ${list.error && !problem && html`<${ErrorPanel} error=${list.error} onRetry=${list.reload} />`}
    <${DataTable} id="rrsets" caption=${t('zone.records.caption', { zone: view.name })} rows=${rows} rowKey=${(/** @type {Row} */ row) => row.key}
      columns=${columns(view)} busy=${list.loading} selection=${canEdit ? selection : undefined} onOpen=${(/** @type {Row} */ row) => setParams({ edit: `${row.name}/${row.type}` })}
      actions=${(/** @type {Row} */ row) => actions(row, view, list.serial)} phone=${(/** @type {Row} */ row) => phone(row, view)}
      tone=${(/** @type {Row} */ row) => `row-${row.state}`} open=${edit && keyOf(edit.slice(0, edit.lastIndexOf('/')), edit.slice(edit.lastIndexOf('/') + 1))}
      bulk=${() => html`<${Bulk} view=${view} rows=${rows} selection=${selection} serial=${list.serial} />`}
      empty=${html`<${Nothing} filter=${filter} list=${list} view=${view} />`} />
    <${Pager} onPrevious=${list.pages.newer} onNext=${list.pages.older}>
      ${list.isSearch && html`<${Progress} list=${list} name=${(/** @type {string} */ at) => relative(at.slice(0, at.lastIndexOf('/')), view.name)} />`}<//>
    ${edit && html`<${Editor} key=${edit} view=${view} edit=${edit} serial=${list.serial ?? view.info.serial} />`}
    ${params.get('ask') && html`<${Ask} ask=${params.get('ask')} />`}
    ${params.has('import') && html`<${ImportDrawer} view=${view} onClose=${() => setParams({ import: null })} />`}
  </div>`;
}

/** What is wrong with the filter: a key that there is not, or what the server says. @param {ReturnType<typeof useRrsets>} list */
function filterProblem(list) {
  if (list.wanted.unknown) return { message: t('zone.filter.unknown', { key: list.wanted.unknown.key }) };
  const error = /** @type {any} */ (list.error);
  const bad = error?.status === 400 && error.errors?.find((/** @type {any} */ one) => ['name', 'type', 'contains', 'ttl_min', 'ttl_max'].includes(one.parameter));
  return bad ? { message: bad.detail } : null;
}

/** `n` opens a new record. @param {boolean} canEdit */
function useShortcuts(canEdit) {
  const { keys: shortcuts } = useApp();
  useEffect(() => canEdit ? shortcuts.on('n', () => setParams({ edit: '+' }), t('zone.record.new')) : undefined, [canEdit]);
}

/** @param {ZoneView} view */
const columns = (view) => [
  { key: 'name', title: t('zone.col.name'), cell: (/** @type {Row} */ row) => html`<span class="rr-owner">${row.state !== 'same' && html`<span class="rr-sign" aria-hidden="true">${SIGNS[row.state]}</span>`}<${Owner} row=${row} zone=${view.name} /></span>` },
  { key: 'ttl', title: t('zone.col.ttl'), align: /** @type {const} */ ('end'), cell: (/** @type {Row} */ row) => html`<${Ttl} row=${row} />` },
  { key: 'type', title: t('zone.col.type'), cell: (/** @type {Row} */ row) => html`<span class="mono">${row.type}</span>` },
  { key: 'data', title: t('zone.col.data'), wide: true, cell: (/** @type {Row} */ row) => html`<${Data} row=${row} types=${view.types} />` },
];

/** @param {{row: Row, zone: string}} props */
function Owner({ row, zone }) {
  const name = relative(row.name, zone);
  return html`<${Name} name=${name} />
    ${row.state !== 'same' && html`<span class=${`rr-state rr-${row.state}`}>${t(`zone.row.${row.state}`)}</span>`}`;
}

/** @param {{row: Row}} props */
function Ttl({ row }) {
  const was = row.was && row.was.ttl !== row.ttl ? html`<del>${row.was.ttl}</del> ` : '';
  return html`<span title=${duration(row.ttl * 1000)}>${was}${row.ttl}</span>`;
}

/** @param {{row: Row, types: import('./types.js').Types}} props */
function Data({ row, types }) {
  const text = (/** @type {any} */ data) => toText(types.get(row.type), data);
  const now = row.records.map(text);
  const gone = row.state === 'changed' ? (row.was?.records ?? []).map(text).filter((line) => !now.includes(line)) : [];
  const line = (/** @type {string} */ one) => html`<li title=${one.length > 120 ? one.slice(0, 2000) : undefined}>${visible(one.length > 400 ? `${one.slice(0, 400)} …` : one)}</li>`;
  return html`<ul class="rr-data mono">${now.slice(0, SHOWN).map(line)}
    ${now.length > SHOWN && html`<li class="muted">${t('zone.records.more', { n: now.length - SHOWN })}</li>`}
    ${gone.slice(0, SHOWN).map((one) => html`<li class="rr-was"><span class="visually-hidden">${t('zone.row.was')} </span><del>${visible(one.slice(0, 400))}</del></li>`)}</ul>`;
}

/** @param {Row} row @param {ZoneView} view */
const phone = (row, view) => html`<span class="rr-card"><span class="rr-card-head"><b class="mono">${row.type}</b> <${Owner} row=${row} zone=${view.name} /> <span class="muted"><${Ttl} row=${row} /> s</span></span>
  <span><${Data} row=${row} types=${view.types} /></span></span>`;

/** @param {Row} row @param {ZoneView} view @param {number | null} serial */
function actions(row, view, serial) {
  const { draft, name: zone } = view;
  const open = (/** @type {Record<string, string>} */ params) => setParams(params, { push: true });
  const change = /** @type {const} */ ({ zone, op: 'delete', name: row.name, type: row.type });
  const items = [{ label: t(view.why ? 'zone.menu.show' : 'zone.menu.edit'), onSelect: () => open({ edit: `${row.name}/${row.type}` }) }];
  if (!view.why) {
    items.push({ label: t('zone.menu.copy'), onSelect: () => open({ edit: `+${row.name}/${row.type}` }) });
    if (row.state !== 'same') items.push({ label: t('zone.menu.undo'), onSelect: () => draft.drop([keyOf(row.name, row.type, zone)]) });
    if (row.state === 'same' || row.state === 'changed') {
      items.push({ label: t('zone.menu.delete'), onSelect: () => draft.set(change, row.was ?? row, serial) });
    }
  }
  items.push({ label: t('zone.menu.ask'), onSelect: () => open({ ask: `${row.name}/${row.type}` }) });
  items.push({ label: t('zone.menu.history'), onSelect: () => go(href('zone', [zone, 'history'], { name: row.name, type: row.type })) });
  items.push({ label: t('zone.menu.queries'), onSelect: () => go(href('queries', [], { filter: `name:${row.name.replace(/\.$/, '')}` })) });
  return items;
}

/** How this server would answer. @param {{ask: string}} props */
function Ask({ ask }) {
  const at = ask.lastIndexOf('/');
  return html`<${ExplainDrawer} name=${ask.slice(0, at)} type=${ask.slice(at + 1)} tab="now" onClose=${() => setParams({ ask: null })} />`;
}

/** What can be done with the rows that are selected. @param {{view: ZoneView, rows: Row[], selection: {value: Set<string>}, serial: number | null}} props */
function Bulk({ view, rows, selection, serial }) {
  const picked = rows.filter((row) => selection.value.has(row.key));
  const remove = () => {
    picked.forEach((row) => view.draft.set({ zone: view.name, op: 'delete', name: row.name, type: row.type }, row.state === 'added' ? null : row.was ?? row, serial));
    selection.value = new Set();
  };
  const ttl = (/** @type {Event} */ event) => {
    const select = /** @type {HTMLSelectElement} */ (event.currentTarget);
    const seconds = Number(select.value);
    picked.filter((row) => row.state !== 'removed').forEach((row) => view.draft.set({ zone: view.name, op: 'replace', name: row.name, type: row.type, ttl: seconds, records: row.records }, row.was ?? (row.state === 'added' ? null : row), serial));
    selection.value = new Set();
  };
  return html`<label class="bulk-ttl">${t('zone.bulk.ttl')} <select onChange=${ttl}><option value="" selected disabled>–</option>
      ${[60, 300, 3600, 14400, 86400].map((value) => html`<option value=${value}>${value} (${duration(value * 1000)})</option>`)}</select></label>
    <${Button} label=${t('zone.bulk.delete')} onClick=${remove} />`;
}

/** @param {{view: ZoneView}} props */
function Export({ view }) {
  const { http } = useApp();
  if (view.info.serial === null) return null;
  return html`<${LinkButton} href=${http.url(`${view.path}/export`)} download=${`${view.name.replace(/\.$/, '') || 'root'}.zone`} label=${t('zone.export')} />`;
}

/** @param {{filter: string, list: ReturnType<typeof useRrsets>, view: ZoneView}} props */
function Nothing({ filter, list, view }) {
  if (list.error || list.loading) return null;
  if (filter) {
    return html`<${Empty} title=${t('zone.empty.filter')} why=${t(list.search.progress.value.next ? 'zone.empty.filterMore' : 'zone.empty.filterWhy', { filter })}
      action=${html`<${Button} label=${t('zone.empty.clear')} onClick=${() => setParams({ filter: null, after: null })} />`} />`;
  }
  return html`<${Empty} title=${t('zone.empty.title')} why=${t(view.info.state === 'waiting' ? 'zone.empty.waiting' : 'zone.empty.why')} />`;
}
