/**
 * Changes as a timeline: day by day, who, what and why, with the difference inline. Rows and what can be done with them
 * come from the page; the difference is asked for when somebody opens it.
 */
import { html } from './html.js';
import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { TimeEl, day, time } from '../lib/format.js';
import { shown } from '../lib/dns.js';
import { href } from '../router.js';
import { Button } from './button.js';
import { Diff, DiffSize, sizeOf } from './diff.js';
import { ErrorPanel, Loading } from './page.js';
import { useResource } from './resource.js';
import { State } from './state.js';

/**
 * @typedef {{zone: string, action: string, from: number | null, to: number | null}} ZoneOutcome
 * @typedef {{id: number, at_ms: number, who: string, why: string, reverts?: number | null, zones: ZoneOutcome[]}} ChangeRow
 */

/** Zones of one change that are named. */
const MAX_ZONES = 5;

/** Who made a change, in words. @param {string} who @returns {string} */
export function whoText(who) {
  const [kind] = who.split(':', 1);
  const rest = who.slice(kind.length + 1);
  if (kind === 'user') return rest;
  if (kind === 'token') return t('changes.who.token', { name: rest.split(' ')[0], user: /user:(\S+)/.exec(rest)?.[1] ?? '' });
  if (kind === 'update') return t('changes.who.update', { name: rest });
  if (kind === 'transfer') return t('changes.who.transfer', { name: rest });
  return ['configuration', 'local'].includes(who) ? t(`changes.who.${who}`) : who;
}

/** @param {ZoneOutcome} one */
const serials = (one) => one.from === one.to ? '' : `${one.from ?? '–'} → ${one.to ?? '–'}`;

/**
 * @param {{rows: ChangeRow[], load: (id: number) => Promise<import('../pages/zone/model.js').ZoneDiff[]>, types: import('./diff.js').Types,
 *   zone?: string, open?: string | null, onOpen: (id: string | null) => void, actions: (row: ChangeRow) => any, busy?: boolean}} props
 *   `zone`: of whose history it is; `actions`: what stands at the end of a row.
 */
export function ChangeTimeline({ rows, load, types, zone, open, onOpen, actions, busy }) {
  const days = /** @type {Map<string, ChangeRow[]>} */ (new Map());
  rows.forEach((row) => days.set(day(row.at_ms), [...days.get(day(row.at_ms)) ?? [], row]));
  return html`<div class="timeline" aria-busy=${!!busy}>${[...days].map(([name, list]) => html`<section key=${name}>
    <h2 class="timeline-day">${name}</h2>
    <ol>${list.map((row) => html`<${Entry} key=${row.id} ...${{ row, load, types, zone, onOpen, actions }} isOpen=${open === String(row.id)} />`)}</ol></section>`)}</div>`;
}

/** @param {any} props One change: those of the timeline, and `isOpen`. */
function Entry({ row, load, types, zone, isOpen, onOpen, actions }) {
  const zones = zone ? row.zones.filter((/** @type {ZoneOutcome} */ one) => one.zone === zone) : row.zones;
  const others = zone ? row.zones.length - zones.length : Math.max(0, zones.length - MAX_ZONES);
  return html`<li class="timeline-row" id=${`change-${row.id}`}>
    <div class="timeline-head">
      <span class="timeline-time"><${TimeEl} at=${row.at_ms} as="time" /></span>
      <span class="timeline-what">
        <span><strong>${whoText(row.who)}</strong> ${zones.slice(0, MAX_ZONES).map((/** @type {ZoneOutcome} */ one) => html`<span class="timeline-zone">
          ${!zone && html`<a class="mono" href=${href('zone', [one.zone, 'history'])}>${shown(one.zone)}</a> `}${t(`changes.action.${one.action}`)}
          ${serials(one) && html` <span class="muted mono">${serials(one)}</span>`}</span>`)}
          ${others > 0 && html` <span class="muted">${t('changes.others', { n: others })}</span>`}</span>
        ${row.why && html`<q class="timeline-why">${row.why}</q>`}
        ${row.reverts && html`<span class="muted">${t('changes.reverts', { id: String(row.reverts) })}</span>`}
      </span>
      <span class="timeline-actions"><${Button} small label=${t(isOpen ? 'changes.close' : 'changes.show')} aria-expanded=${isOpen}
        aria-label=${t(isOpen ? 'changes.closeOf' : 'changes.showOf', { time: time(row.at_ms) })} onClick=${() => onOpen(isOpen ? null : String(row.id))} />${actions(row)}</span>
    </div>
    ${isOpen && html`<${Inline} id=${row.id} load=${load} types=${types} zone=${zone} />`}
  </li>`;
}

/** @param {{id: number, load: (id: number) => Promise<any>, types: import('./diff.js').Types, zone?: string}} props */
function Inline({ id, load, types, zone }) {
  const diff = useResource(`diff:${id}`, () => load(id));
  if (diff.error) return html`<${ErrorPanel} error=${diff.error} onRetry=${diff.reload} />`;
  if (!diff.data) return html`<${Loading} rows=${2} />`;
  const diffs = zone ? diff.data.filter((/** @type {any} */ one) => one.zone === zone) : diff.data;
  return html`<div class="timeline-diff"><${Receipts} id=${id} /><${DiffSize} size=${sizeOf(diffs, types)} /><${Diff} diffs=${diffs} types=${types} zone=${zone} /></div>`;
}

/** @typedef {{node: string, served_at_ms?: number, problem?: string}} Receipt */

/** Which servers of a cluster serve a change; nothing where there is one server. @param {{id: number}} props */
function Receipts({ id }) {
  const { http } = useApp();
  const res = useResource(`receipts:${id}`, async (signal) => /** @type {Receipt[]} */ ((await http.get(`/changes/${id}`, { signal })).data.receipts));
  if (!res.data || res.data.length < 2) return null;
  return html`<ul class="receipts plain-list" aria-label=${t('changes.receipts')}>${res.data.map((it) => html`<li key=${it.node}>${it.problem
    ? html`<${State} kind="warn" word=${t('changes.notServed', { node: it.node, problem: it.problem })} />`
    : html`<${State} kind="ok" word=${t('changes.served', { node: it.node, time: time(it.served_at_ms ?? 0, { fraction: true }) })} />`}</li>`)}</ul>`;
}
