// Queries: what was asked, by whom, and what was said. The address of the page holds the filter, the time, the place and the open row.
import { html, useEffect, useMemo, useRef, useState } from '../ui/html.js';
import { t } from '../lib/i18n.js';
import { useApp } from '../context.js';
import { href, setParams, useRoute } from '../router.js';
import { keep, recall } from '../lib/store.js';
import { cutTerms, joinTerms } from '../lib/terms.js';
import { withAddresses } from '../lib/devices.js';
import { Empty, ErrorPanel, Loading, Page } from '../ui/page.js';
import { Button, IconButton } from '../ui/button.js';
import { Icon } from '../ui/icons.js';
import { DataTable } from '../ui/table.js';
import { useNarrow } from '../ui/name.js';
import { FilterBar } from '../ui/filterbar.js';
import { Choice } from './live/choice.js';
import { Menu } from '../ui/menu.js';
import { TimeRange, rangeText, rangeWords, spanOf } from '../ui/timerange.js';
import { ExplainDrawer } from '../ui/explaindrawer.js';
import { PAGE_ROWS, addGroups, addRows, createSearch } from './queries/search.js';
import { columnsOf, phoneRow, termItems, termsOf } from './queries/row.js';
import { filterError, presets, queryKeys } from './queries/keys.js';
import { useDevices } from './queries/devices.js';
import { Grouped } from './queries/grouped.js';
import { Progress } from './queries/progress.js';
import { Views } from './queries/views.js';
import { shownColumns } from '../ui/columns.js';

/** What is shown unless the address says something else. */
const RANGE = '1h';

/** What the address says. @param {URLSearchParams} params */
function viewOf(params) {
  const [from, to] = [params.get('from'), params.get('to')];
  return {
    filter: params.get('filter') ?? '',
    time: from || to ? `${from ?? ''}..${to ?? ''}` : params.get('range') ?? RANGE,
    after: params.get('after'),
    grouped: params.get('view') === 'grouped',
    by: params.get('by') === 'client' ? 'client' : 'name',
    id: params.get('id'),
    tab: params.get('tab') === 'now' ? 'now' : 'then',
  };
}

/** The columns that the address names, which are shown in place of the person's own. @param {URLSearchParams} params @param {{key: string}[]} columns */
function givenColumns(params, columns) {
  const keys = (params.get('columns') ?? '').split('.').filter((key, at, all) => all.indexOf(key) === at && columns.some((column) => column.key === key));
  return keys.length ? { keys, onChange: (/** @type {string[] | null} */ next) => setParams({ columns: next ? next.join('.') : null }) } : null;
}

/** The search of the page; it starts anew when what is wanted changes. @param {ReturnType<typeof viewOf>} view @param {any[]} devices @param {number} turn */
function useSearch(view, devices, turn) {
  const { http } = useApp();
  const rows = useMemo(() => createSearch((wanted, limit, signal) => http.get('/queries', { params: { ...wanted, limit }, signal }).then(({ data }) => data), addRows, (have) => have.length), []);
  const groups = useMemo(() => createSearch((wanted, _limit, signal) => http.get('/queries/groups', { params: { ...wanted, by: by.current, limit: 200 }, signal }).then(({ data }) => data), addGroups, () => 0), []);
  const by = useRef(view.by);
  by.current = view.by;
  const filter = withAddresses(view.filter, devices);
  useEffect(() => {
    const { from, to } = spanOf(view.time);
    const search = view.grouped ? groups : rows;
    search.start({ filter, from, to, after: view.grouped ? null : view.after });
    return () => search.end();
  }, [filter, view.time, view.after, view.grouped, view.by, turn]);
  return { rows, groups, filter };
}

/** @param {{route?: any}} _props */
export default function Queries(_props) {
  const { http, keys, session } = useApp();
  const { params } = useRoute();
  const view = viewOf(params);
  const { devices, device } = useDevices();
  const [turn, setTurn] = useState(0);
  const outer = useRef(/** @type {HTMLElement | null} */ (null));
  const narrow = useNarrow(outer);
  const back = useRef(/** @type {(string | null)[]} */ ([]));
  const { rows, groups, filter } = useSearch(view, devices, turn);
  const search = view.grouped ? groups : rows;
  const progress = search.progress.value;
  const found = rows.found.value ?? [];
  const refresh = () => setTurn((count) => count + 1);
  useEffect(() => {
    const last = recall('filter.queries');
    if (!view.filter && last && !location.hash.includes('?')) setParams({ filter: last });
    return keys.on('r', refresh, t('queries.refresh'));
  }, []);
  useEffect(() => keep('filter.queries', view.filter || undefined), [view.filter]);

  /** @param {string} next */
  const setFilter = (next) => setParams({ filter: next || null, after: null, id: null }, { push: true });
  const addTerm = (/** @type {string} */ term) => setFilter(joinTerms([...cutTerms(view.filter).map((one) => one.text), term]));
  const setTime = (/** @type {string} */ next) => setParams({ ...rangeParams(next), after: null, id: null }, { push: true });
  const older = progress.next && !progress.busy && found.length >= PAGE_ROWS ? () => {
    back.current.push(view.after);
    // The hour that was meant stays the same from page to page.
    setParams({ ...rangeParams(frozen(view.time, progress.at)), after: progress.next, id: null }, { push: true });
    scrollTo(0, 0);
  } : null;
  const newer = view.after ? () => setParams({ after: back.current.pop() ?? null, id: null }, { push: true }) : null;
  const show = (/** @type {any} */ row) => setParams({ id: row.request_id }, { push: !view.id });
  const error = filterError(progress.error, view.filter, filter);
  const filterbar = html`<${FilterBar} id="query-filter" value=${view.filter} onChange=${setFilter} keys=${() => queryKeys(http, devices)} presets=${presets} error=${error} label=${t('queries.filter')} placeholder=${t('queries.placeholder')} />`;
  const views = html`<${Choice} label=${t('queries.view')} value=${view.grouped ? 'grouped' : 'rows'} options=${[['rows', t('queries.rows')], ['grouped', t('queries.grouped')]]}
    onChange=${(/** @type {string} */ next) => setParams(next === 'rows' ? { view: null, by: null, id: null } : { view: next, id: null, after: null })} />`;
  const columns = columnsOf(device);
  const given = givenColumns(params, columns);
  const { from, to } = spanOf(view.time);
  const exports = html`<${Menu} label=${t('queries.export')} icon="download" items=${['csv', 'jsonl'].map((format) => ({ label: t(`queries.export.${format}`), href: http.url('/queries/export', { format, filter: filter || null, from, to }), download: `queries.${format}` }))} />`;
  if (!session.can('read_logs')) return html`<${Page} title=${t('queries.title')}><${Empty} title=${t('queries.noRight')} why=${t('queries.noRightWhy')} /><//>`;
  const isOff = progress.error?.status === 404;
  const body = view.grouped
    ? html`<${Grouped} groups=${groups.found.value} by=${view.by} device=${device} busy=${progress.busy} onTerm=${(/** @type {string[]} */ terms) => setParams({ view: null, by: null, filter: joinTerms([...cutTerms(view.filter).map((one) => one.text), ...terms]) }, { push: true })} />`
    : html`<${DataTable} id="queries" caption=${t('queries.caption')} columns=${columns} given=${given} rows=${found} rowKey=${(/** @type {any} */ row) => row.request_id} busy=${progress.busy} open=${view.id ?? undefined}
        onOpen=${show} href=${(/** @type {any} */ row) => hrefOf(row.request_id)} phone=${(/** @type {any} */ row) => phoneRow(row, device)} pages=${{ newer, older, byTime: true }}
        cellMenu=${(/** @type {any} */ row, /** @type {string} */ column) => termItems(termsOf(row, column, device), addTerm)}
        actions=${(/** @type {any} */ row) => [{ label: t('queries.explain'), onSelect: () => show(row) }, ...termItems(['client', 'name', 'type', 'result'].flatMap((column) => termsOf(row, column, device).slice(0, 1)), addTerm)]}
        empty=${html`<${Nothing} view=${view} progress=${progress} onFilter=${setFilter} onTime=${() => setTime('7d')} />`} />`;
  return html`<${Page} title=${t('queries.title')} question=${t('queries.question')} docTitle=${[t('queries.title'), view.filter].filter(Boolean).join(' · ')}>
    <div class="queries" ref=${outer}>
      <${Bar} narrow=${narrow} view=${view} isWrong=${Boolean(error)} onRefresh=${refresh}><${TimeRange} value=${view.time} onChange=${setTime} />${filterbar}<div class="query-tools">${views}<${Views} params=${params} columns=${() => given?.keys ?? shownColumns('queries', columns)} />${exports}${!narrow && html`<${Button} icon="refresh" label=${t('queries.refresh')} onClick=${refresh} />`}</div><//>
      ${view.grouped && html`<${Choice} label=${t('queries.by')} value=${view.by} options=${[['name', t('queries.by.name')], ['client', t('queries.by.client')]]} onChange=${(/** @type {string} */ by) => setParams({ by: by === 'name' ? null : by })} />`}
      ${isOff ? html`<${Empty} title=${t('queries.off')} why=${t('queries.offWhy')} action=${html`<a class="button" href=${href('config', [], { key: 'history.enabled' })}>${t('queries.offAction')}</a>`} />`
        : html`${progress.error && !error && html`<${ErrorPanel} error=${progress.error} onRetry=${refresh} />`}
          ${error ? null : found.length === 0 && progress.busy && !view.grouped && !progress.scannedTo ? html`<${Loading} />` : body}
          <${Progress} progress=${progress} count=${view.grouped ? groups.found.value?.rows ?? 0 : found.length} grouped=${view.grouped} onStop=${search.stop} onFurther=${search.further} />`}
    </div>
    ${view.id && html`<${RowDrawer} id=${view.id} tab=${view.tab} rows=${found} device=${device} />`}
  <//>`;
}

/** The drawer of a row, and its way to the rows beside it. @param {{id: string, tab: string, rows: any[], device: import('./queries/row.js').Finder}} props */
function RowDrawer({ id, tab, rows, device }) {
  const at = rows.findIndex((row) => row.request_id === id);
  const step = (/** @type {number} */ to) => (at >= 0 && rows[to] ? () => setParams({ id: rows[to].request_id }) : null);
  return html`<${ExplainDrawer} id=${id} row=${rows[at] ?? null} find=${device} tab=${tab}
    onTab=${(/** @type {string} */ next) => setParams({ tab: next === 'now' ? 'now' : null })} onClose=${() => setParams({ id: null, tab: null })} onNewer=${step(at - 1)} onOlder=${step(at + 1)} />`;
}

/** The address of the page with a row open. @param {string} id */
function hrefOf(id) {
  const { page, path, params } = currentRoute();
  const next = new URLSearchParams(params);
  next.set('id', id);
  return href(page, path, next);
}

/** @returns {{page: string, path: string[], params: URLSearchParams}} */
const currentRoute = () => useRoute();

/**
 * The controls of the search; on phones one line says what they are set to, and opens them.
 * @param {{narrow: boolean, view: ReturnType<typeof viewOf>, isWrong: boolean, onRefresh: () => void, children?: any}} props
 */
function Bar({ narrow, view, isWrong, onRefresh, children }) {
  const [open, setOpen] = useState(false);
  if (!narrow) return html`<div class="query-bar">${children}</div>`;
  const count = cutTerms(view.filter).length;
  const shows = open || isWrong;
  return html`<div class="query-fold"><div class="query-fold-head">
      <button type="button" class="button" aria-expanded=${String(shows)} onClick=${() => setOpen(!shows)}><${Icon} name="filter" />${rangeWords(view.time)} · ${count ? t('queries.terms', { n: count }) : t('queries.noFilter')}<${Icon} name=${shows ? 'up' : 'down'} size=${12} /></button>
      <${IconButton} icon="refresh" label=${t('queries.refresh')} onClick=${onRefresh} /></div>
    ${shows && html`<div class="query-bar">${children}</div>`}</div>`;
}

/** @param {string} text of a time @returns {Record<string, string | null>} */
function rangeParams(text) {
  const [from, to] = text.includes('..') ? text.split('..') : [null, null];
  return { from: from || null, to: to || null, range: from === null && text !== RANGE ? text : null };
}

/** A time that does not move on any more. @param {string} text @param {number} now */
function frozen(text, now) {
  const { from, to } = spanOf(text, now);
  return rangeText(from, to ?? now);
}

/** Why there are no rows, and what brings some. @param {{view: any, progress: any, onFilter: (filter: string) => void, onTime: () => void}} props */
function Nothing({ view, progress, onFilter, onTime }) {
  const terms = cutTerms(view.filter);
  if (!progress.done) return html`<p class="quiet">${t(progress.stopped ? 'queries.stoppedNone' : 'queries.noneYet')}</p>`;
  if (terms.length) {
    const last = terms[terms.length - 1].text;
    return html`<${Empty} title=${t('queries.noneFilter')} why=${t('queries.noneFilterWhy')} action=${html`<${Button} label=${t('queries.dropTerm', { term: last })} onClick=${() => onFilter(joinTerms(terms.slice(0, -1).map((term) => term.text)))} />`} />`;
  }
  return html`<${Empty} title=${t('queries.none')} why=${t('queries.noneWhy')} action=${html`<${Button} label=${t('queries.longer')} onClick=${onTime} />`} />`;
}
