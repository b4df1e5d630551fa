/** The servers that are asked: figures, times of reply, who is asked most, and the settings behind it. Used by the upstreams page. */

import { html } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { duration, ms, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../router.js';
import { Empty, Facts } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { sparkline, Tile } from '../../ui/tile.js';
import { Part } from '../part.js';
import { quantile, serverOf, since } from './metrics.js';

/**
 * @typedef {import('./metrics.js').Times} Times
 * @typedef {import('../upstreams.js').Sample} Sample
 * @typedef {{ key: string, label: string, protocol: string, insecure: boolean, scope: string, role: 'forward' | 'stub' | 'iterate', all: Times | null, recent: Times | null, series: number[] }} ServerRow
 */

/** The port that a protocol has without one. @type {Record<string, number>} */
const PORTS = { UDP: 53, TCP: 53, DoT: 853, DoH: 443 };

/** The address and port that metrics name a server by. @param {string} text */
export function addressOf(text) {
  const { protocol, address } = serverOf(text);
  const place = address.includes('@') ? address.slice(address.lastIndexOf('@') + 1) : address.replace(/\/.*$/, '');
  if (/^\[.*\]:\d+$/.test(place) || /^[\d.]+:\d+$/.test(place)) return place;
  const bare = place.replace(/^\[|\]$/g, '');
  return bare.includes(':') ? `[${bare}]:${PORTS[protocol]}` : `${bare}:${PORTS[protocol]}`;
}

/** The address alone, as the history has it. @param {string} text */
const hostOf = (text) => addressOf(text).replace(/:\d+$/, '').replace(/^\[|\]$/g, '');

/** @param {Sample[]} samples @param {string} server */
function timesOf(samples, server) {
  const seen = samples.map((sample) => sample.reading.servers.get(server));
  const [first, all] = [seen[0], seen.at(-1) ?? null];
  const series = seen.slice(1).map((times, index) => (times ? since(times, seen[index]).count : 0));
  return { all, recent: all && samples.length > 1 ? since(all, first) : null, series };
}

/** @param {Record<string, any>} values @param {Sample[]} samples @returns {ServerRow[]} */
export function rowsOf(values, samples) {
  /** @param {string} text @param {string} scope @param {'forward' | 'stub'} role */
  const row = (text, scope, role) => {
    const { protocol, insecure } = serverOf(text);
    // Servers of stub zones are asked as those of any zone: they have no times of their own.
    const times = role === 'stub' ? { all: null, recent: null, series: [] } : timesOf(samples, addressOf(text));
    return { key: `${role} ${scope} ${text}`, label: text, protocol, insecure, scope, role, ...times };
  };
  const zones = (/** @type {string} */ path, /** @type {'forward' | 'stub'} */ role) =>
    (values[path] ?? []).flatMap((/** @type {{ name: string, servers: string[] }} */ zone) => zone.servers.map((text) => row(text, zone.name, role)));
  /** @type {ServerRow[]} */
  const rows = [
    ...(values.upstream_servers ?? []).map((/** @type {string} */ text) => row(text, '', 'forward')),
    ...zones('resolver.forward_zones', 'forward'), ...zones('resolver.stub_zones', 'stub'),
  ];
  const iterate = timesOf(samples, 'iterate');
  if (!values.upstream_servers?.length || iterate.all?.count) {
    rows.push({ key: 'iterate', label: '', protocol: 'UDP', insecure: false, scope: '', role: 'iterate', ...iterate });
  }
  return rows;
}

/**
 * What is known of a server: its times, and whether the history has answers of it. Times alone do not say that: a server
 * that refuses connections is quick.
 * @param {{ row: ServerRow, slow: number, answered: Set<string> | null }} props `answered`: addresses that gave answers in the last hour, if that is known
 */
function StateCell({ row, slow, answered }) {
  if (row.role === 'stub') return html`<span class="meta">${t('upstreams.notMeasured')}</span>`;
  if (!row.all?.count) return html`<${State} kind="off" word=${t('upstreams.notAsked')} />`;
  const median = quantile(row.recent?.count ? row.recent : row.all, 0.5) ?? 0;
  if (row.role === 'forward' && answered && !answered.has(hostOf(row.label))) return html`<${State} kind="warn" word=${t('upstreams.silent')} />`;
  if (median >= slow) return html`<${State} kind="warn" word=${t('upstreams.slow')} />`;
  return answered ? html`<${State} kind="ok" word=${t('upstreams.replies')} />` : html`<${State} kind="info" word=${t('upstreams.isAsked')} />`;
}

/** @param {ServerRow} row */
const nameOf = (row) => (row.role === 'iterate'
  ? html`${t('upstreams.internet')}`
  : html`<span class="mono">${row.label}</span>${row.insecure && html` <${State} kind="warn" word=${t('upstreams.insecure')} />`}`);

/** @param {ServerRow} row */
const scopeOf = (row) => (row.scope ? html`<span class="mono">${row.scope}</span>` : row.role === 'iterate' ? t('upstreams.rest') : t('upstreams.everything'));

/** @param {ServerRow} row @param {number} part */
function timeAt(row, part) {
  const times = row.recent?.count ? row.recent : row.all;
  const value = times ? quantile(times, part) : null;
  return value === null ? '–' : ms(value);
}

/** @param {{ rows: ServerRow[], values: Record<string, any>, answered: Set<string> | null, may: boolean }} props values differ by key */
export function Servers({ rows, values, answered, may }) {
  const slow = Number(values['resolver.retry_interval_ms'] ?? 400);
  const end = /** @type {const} */ ('end');
  const columns = [
    { key: 'server', title: t('upstreams.server'), wide: true, cell: nameOf },
    { key: 'protocol', title: t('upstreams.protocol'), cell: (/** @type {ServerRow} */ row) => row.protocol },
    { key: 'scope', title: t('upstreams.for'), cell: scopeOf },
    { key: 'state', title: t('upstreams.state'), cell: (/** @type {ServerRow} */ row) => html`<${StateCell} row=${row} slow=${slow} answered=${answered} />` },
    { key: 'p50', title: 'p50', align: end, cell: (/** @type {ServerRow} */ row) => timeAt(row, 0.5) },
    { key: 'p99', title: 'p99', align: end, cell: (/** @type {ServerRow} */ row) => timeAt(row, 0.99) },
    { key: 'questions', title: t('upstreams.questions'), align: end, cell: (/** @type {ServerRow} */ row) => (row.all ? num(row.all.count) : '–') },
    { key: 'now', title: t('upstreams.sinceOpened'), hide: /** @type {const} */ ('phone'), cell: (/** @type {ServerRow} */ row) => (row.series.length > 1
      ? html`<svg class="sparkline" viewBox="0 0 96 28" aria-hidden="true" preserveAspectRatio="none"><polyline points=${sparkline(row.series)} /></svg><span class="visually-hidden">${t('upstreams.asked', { n: row.recent?.count ?? 0 })}</span>` : '–') },
  ];
  const phone = (/** @type {ServerRow} */ row) => html`<span class="line-1">${nameOf(row)} <${StateCell} row=${row} slow=${slow} answered=${answered} /></span>
    <span class="line-2 line-text">${row.protocol} · ${scopeOf(row)} · p50 ${timeAt(row, 0.5)} · p99 ${timeAt(row, 0.99)} · ${t('upstreams.asked', { n: row.all?.count ?? 0 })}</span>`;
  return html`<${DataTable} id="upstreams" caption=${t('upstreams.servers')} columns=${columns} rows=${rows} phone=${phone} rowKey=${(/** @type {ServerRow} */ row) => row.key}
      empty=${html`<${Empty} title=${t('upstreams.none')} />`} />
    <p class="meta">${t('upstreams.measured', { slow: ms(slow) })} ${may && html`<a href=${href('config', ['settings'], { q: 'upstream_servers' })}>${t('upstreams.change')}</a>`}</p>`;
}


/** All servers together. @param {Map<string, Times>} servers @returns {Times} */
function together(servers) {
  /** @type {Times} */
  const sum = { bounds: [], counts: [], sum: 0, count: 0 };
  for (const times of servers.values()) {
    sum.bounds = times.bounds;
    sum.counts = times.counts.map((count, index) => count + (sum.counts[index] ?? 0));
    sum.sum += times.sum;
    sum.count += times.count;
  }
  return sum;
}

/** @param {import('./metrics.js').Reading} reading */
const questionsIn = (reading) => [...reading.questions.values()].reduce((sum, n) => sum + n, 0);

/** @param {{ samples: Sample[], logs: boolean }} props `logs`: queries may be seen */
export function Figures({ samples, logs }) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) return null;
  const questions = questionsIn(last.reading);
  const series = samples.slice(1).map((sample, index) => {
    const before = /** @type {Sample} */ (samples[index]);
    return (questionsIn(sample.reading) - questionsIn(before.reading)) / Math.max(0.001, (sample.at - before.at) / 1000);
  });
  const all = together(last.reading.servers);
  const fresh = since(all, samples.length > 1 ? together(first.reading.servers) : undefined);
  const times = fresh.count ? fresh : all;
  const when = fresh.count && samples.length > 1 ? t('upstreams.whileOpen') : t('upstreams.sinceStart');
  const time = (/** @type {number} */ part) => { const value = quantile(times, part); return value === null ? '–' : ms(value); };
  const { timeouts } = last.reading;
  const rowsOf = (/** @type {string} */ filter) => (logs ? href('queries', [], { filter }) : undefined);
  return html`<div class="tiles tiles-even">
    <${Tile} label=${t('upstreams.rate')} value=${series.length ? num(Math.round((series.at(-1) ?? 0) * 10) / 10) : '–'} series=${series.length > 1 ? series : undefined} note=${t('upstreams.inAll', { n: questions })} href=${rowsOf('upstream:*')} />
    <${Tile} label=${t('upstreams.median')} value=${time(0.5)} note=${when} />
    <${Tile} label=${t('upstreams.slowest')} value=${time(0.99)} note=${when} href=${rowsOf('upstream:* time:>500ms')} />
    <${Tile} label=${t('upstreams.timeouts')} value=${questions ? pct(timeouts / questions) : '–'} note=${t('upstreams.timeoutsOf', { n: timeouts })} href=${rowsOf('upstream:* code:SERVFAIL')} />
  </div>`;
}

/**
 * @typedef {{ value: string, count: number, failed: number, slow: number }} Busy
 * @typedef {{ items: Busy[], rows: number, done: boolean, from: number, answered: Set<string> }} Hour
 */

const HOUR_MS = 3_600_000;
const SHOWN = 15;

/**
 * @param {import('../../api/http.js').Http} http @param {AbortSignal} signal
 * @returns {Promise<Hour>}
 */
export async function loadHour(http, signal) {
  const from = Date.now() - HOUR_MS;
  const top = async (/** @type {string} */ filter) => (await http.get('/queries/top', { params: { by: 'upstream', filter, from, limit: 1000 }, signal })).data;
  const [all, failed, slow] = await Promise.all([top('upstream:*'), top('upstream:* code:SERVFAIL'), top('upstream:* time:>500ms')]);
  const countIn = (/** @type {{ items: { value: string, count: number }[] }} */ list, /** @type {string} */ value) => list.items.find((it) => it.value === value)?.count ?? 0;
  const items = all.items.slice(0, SHOWN).map((/** @type {{ value: string, count: number }} */ it) => ({ ...it, failed: countIn(failed, it.value), slow: countIn(slow, it.value) }));
  return { items, rows: all.rows, done: all.done && failed.done && slow.done, from, answered: new Set(all.items.map((/** @type {{ value: string }} */ it) => it.value)) };
}

/** @param {{ res: import('../../ui/resource.js').Resource<Hour> }} props */
export function Busiest({ res }) {
  const end = /** @type {const} */ ('end');
  const link = (/** @type {Busy} */ row, /** @type {string} */ more, /** @type {any} */ text) =>
    html`<a href=${href('queries', [], { filter: `upstream:${row.value}${more}`, from: res.data?.from ?? null })}>${text}</a>`;
  const columns = [
    { key: 'server', title: t('upstreams.server'), mono: true, wide: true, cell: (/** @type {Busy} */ row) => link(row, '', row.value) },
    { key: 'answers', title: t('upstreams.answers'), align: end, cell: (/** @type {Busy} */ row) => num(row.count) },
    { key: 'share', title: t('upstreams.share'), align: end, cell: (/** @type {Busy} */ row) => pct(res.data?.rows ? row.count / res.data.rows : 0) },
    { key: 'failed', title: t('upstreams.failed'), align: end, cell: (/** @type {Busy} */ row) => (row.failed ? link(row, ' code:SERVFAIL', num(row.failed)) : '0') },
    { key: 'slow', title: t('upstreams.over'), align: end, cell: (/** @type {Busy} */ row) => (row.slow ? link(row, ' time:>500ms', num(row.slow)) : '0') },
  ];
  return html`<${Part} title=${t('upstreams.busiest')} res=${res}>${(/** @type {{ items: Busy[], done: boolean }} */ data) => html`
    <${DataTable} id="upstreams-busiest" caption=${t('upstreams.busiest')} columns=${columns} rows=${data.items} rowKey=${(/** @type {Busy} */ row) => row.value}
      phone=${(/** @type {Busy} */ row) => html`<span class="line-1 mono">${row.value}</span><span class="line-2 line-text">${t('upstreams.busyLine', { answers: num(row.count), failed: num(row.failed), slow: num(row.slow) })}</span>`}
      empty=${html`<${Empty} title=${t('upstreams.noneAsked')} why=${t('upstreams.noneAskedWhy')} />`} />
    ${!data.done && html`<p class="meta">${t('upstreams.partly')}</p>`}`}<//>`;
}

/** @param {{ values: Record<string, any> }} props values differ by key */
export function Ways({ values }) {
  const { http } = useApp();
  const health = useResource('health', async (signal) => (await http.get('/health', { signal })).data, { every: 10_000 });
  const check = (/** @type {string} */ name) => health.data?.checks.find((/** @type {{ name: string }} */ it) => it.name === name);
  const yes = (/** @type {boolean} */ on) => (on ? t('upstreams.yes') : t('upstreams.no'));
  const families = [values['resolver.ipv4'] && 'IPv4', values['resolver.ipv6'] && 'IPv6'].filter(Boolean).join(', ');
  const hints = values['resolver.root_hints'];
  /** @type {[string, string, any][]} the place in the settings, the name, what is shown */
  const rows = [
    ['upstream_fallback', t('upstreams.fallback'), values.upstream_fallback === 'iterate' ? t('upstreams.fallbackIterate') : t('upstreams.fallbackNone')],
    ['resolver.root_hints', t('upstreams.root'), hints ? html`<span class="mono">${hints}</span>` : t('upstreams.rootBuiltIn')],
    ['resolver.validate', t('upstreams.validate'), yes(values['resolver.validate'])],
    ['resolver.qname_minimisation', t('upstreams.minimise'), yes(values['resolver.qname_minimisation'])],
    ['resolver.ipv4', t('upstreams.families'), families || '–'],
    ['resolver.query_timeout_ms', t('upstreams.timeout'), duration(Number(values['resolver.query_timeout_ms'] ?? 0))],
    ['resolver.retry_interval_ms', t('upstreams.retry'), t('upstreams.retries', { time: ms(Number(values['resolver.retry_interval_ms'] ?? 0)), n: Number(values['resolver.retries'] ?? 0) })],
  ];
  const states = ['upstreams', 'root'].map((name) => {
    const it = check(name);
    return it && [t(`upstreams.check.${name}`), html`<${State} kind=${it.state === 'ok' ? 'ok' : it.state === 'warn' ? 'warn' : 'bad'} word=${t(`upstreams.health.${it.state}`)} /> ${it.reason ?? ''} ${it.advice ?? ''}`];
  });
  const facts = rows.map(([path, name, value]) => [name, html`${value} <a class="meta mono" href=${href('config', ['settings'], { q: path })}>${path}</a>`]);
  return html`<${Facts} items=${[...states, ...facts]} />`;
}
