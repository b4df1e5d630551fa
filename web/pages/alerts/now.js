/** Alerts that there are and were, and the rules that they come of. Used by the alerts page. */

import { html } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { shown } from '../../lib/dns.js';
import { duration, num, TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../router.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Empty, Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { all, whoOf } from '../listing.js';
import { Part } from '../part.js';

/**
 * @typedef {{ id: number, rule: string, labels: string, severity: 'info' | 'warning' | 'critical', status: 'pending' | 'firing' | 'resolved',
 *   summary: string, detail: string, value: number | null, since_ms: number, fired_ms: number | null, resolved_ms: number | null,
 *   acknowledged_by: string | null, acknowledged_ms: number | null, told: string[], silenced: boolean }} Alert
 */

const ORDER = ['critical', 'warning', 'info'];

/** @param {{ severity: Alert['severity'] }} props */
export function Severity({ severity }) {
  return html`<${State} kind=${severity === 'critical' ? 'bad' : severity === 'warning' ? 'warn' : 'info'} word=${t(`alerts.severity.${severity}`)} />`;
}

/** What an alert is about, out of its labels: `zone="example.org."`. @param {string} labels */
export function subject(labels) {
  return [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => ({ name: name ?? '', value: (value ?? '').replace(/\\(["\\])/g, '$1') }));
}

/** @param {{ labels: string }} props */
export function Labels({ labels }) {
  return html`${subject(labels).map(({ name, value }) => (name === 'zone'
    ? html` <a class="mono" href=${href('zone', [value, 'records'])}>${shown(value)}</a>`
    : html` <span class="chip">${name}: <span class="mono">${shown(value)}</span></span>`))}`;
}

/** What there is to do: where the alert's cause can be seen. @param {Alert} alert */
function place(alert) {
  const zone = subject(alert.labels).find((it) => it.name === 'zone')?.value;
  if (zone) return href('zone', [zone, 'transfers']);
  if (/upstream|root/.test(alert.rule)) return href('upstreams');
  if (/anomal/.test(alert.rule)) return href('security');
  return href('system');
}

/** @param {{ alert: Alert, may: boolean, onSilence: ((alert: Alert) => void) | null, onDone: () => void }} props */
function Card({ alert, may, onSilence, onDone }) {
  const { http, toast } = useApp();
  const acknowledge = async () => {
    try {
      await http.post(`/alerts/${alert.id}/acknowledge`);
      toast.ok(t('alerts.acknowledged'));
      onDone();
    } catch (error) { toast.error(error); }
  };
  const pending = alert.status === 'pending';
  return html`<li class=${`alert alert-${pending || alert.silenced ? 'quiet' : alert.severity}`}>
    <div class="alert-text">
      <h2 class="alert-head"><${Severity} severity=${alert.severity} /> <span>${alert.summary || alert.rule}</span><${Labels} labels=${alert.labels} /></h2>
      ${alert.detail && html`<p>${alert.detail}</p>`}
      <p class="meta"><span class="mono">${alert.rule}</span>${alert.value !== null && alert.value !== undefined && html` · ${t('alerts.value', { value: num(alert.value) })}`}${' · '}${pending ? t('alerts.pending') : t('alerts.firing')} <${TimeEl} at=${alert.fired_ms ?? alert.since_ms} />${alert.told.length > 0 && html` · ${t('alerts.told', { who: alert.told.join(', ') })}`}${alert.silenced && html` · ${t('alerts.isSilenced')}`}</p>
      ${alert.acknowledged_by && html`<p class="meta">${t('alerts.by', { who: whoOf(alert.acknowledged_by) })} <${TimeEl} at=${alert.acknowledged_ms} /></p>`}
    </div>
    <div class="row">
      <${LinkButton} small label=${t('alerts.look')} href=${place(alert)} />
      ${may && !pending && !alert.acknowledged_by && html`<${Button} small label=${t('alerts.acknowledge')} onClick=${acknowledge} />`}
      ${onSilence && !alert.silenced && html`<${Button} small label=${t('alerts.silence')} onClick=${() => onSilence(alert)} />`}
    </div>
  </li>`;
}

/** @param {{ res: import('../../ui/resource.js').Resource<Alert[]>, may: boolean, onSilence: ((alert: Alert) => void) | null, onDone: () => void }} props */
export function Now({ res, may, onSilence, onDone }) {
  return html`<${Part} res=${res}>${(/** @type {Alert[]} */ alerts) => {
    const sorted = [...alerts].sort((a, b) => Number(a.status === 'pending') - Number(b.status === 'pending') || ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || b.since_ms - a.since_ms);
    if (!sorted.length) return html`<${Panel}><${Empty} icon="check" title=${t('alerts.none')} why=${t('alerts.noneWhy')} action=${html`<${LinkButton} label=${t('alerts.seeRules')} href=${href('alerts', ['rules'])} />`} /><//>`;
    return html`<ul class="alert-list">${sorted.map((alert) => html`<${Card} key=${alert.id} alert=${alert} may=${may} onSilence=${onSilence} onDone=${onDone} />`)}</ul>`;
  }}<//>`;
}

export function History() {
  const { http } = useApp();
  const res = useResource('alerts.history', async (signal) => (await all(http, '/alerts/history', signal)).sort((a, b) => (b.resolved_ms ?? 0) - (a.resolved_ms ?? 0)));
  const columns = [
    { key: 'over', title: t('alerts.over'), cell: (/** @type {Alert} */ row) => html`<${TimeEl} at=${row.resolved_ms} />` },
    { key: 'severity', title: t('alerts.severity'), cell: (/** @type {Alert} */ row) => html`<${Severity} severity=${row.severity} />` },
    { key: 'what', title: t('alerts.what'), wide: true, cell: (/** @type {Alert} */ row) => html`${row.summary || row.rule}<${Labels} labels=${row.labels} />` },
    { key: 'rule', title: t('alerts.rule'), mono: true, off: true, cell: (/** @type {Alert} */ row) => row.rule },
    { key: 'lasted', title: t('alerts.lasted'), align: /** @type {const} */ ('end'), cell: (/** @type {Alert} */ row) => duration((row.resolved_ms ?? 0) - (row.fired_ms ?? row.since_ms)) },
    { key: 'ack', title: t('alerts.lookedAfterBy'), cell: (/** @type {Alert} */ row) => whoOf(row.acknowledged_by) },
    { key: 'told', title: t('alerts.toldTitle'), cell: (/** @type {Alert} */ row) => row.told.join(', ') || '–' },
  ];
  return html`<${Part} res=${res}>${(/** @type {Alert[]} */ rows) => html`
    <${DataTable} id="alerts-history" caption=${t('alerts.tab.history')} columns=${columns} rows=${rows.slice(0, 200)} rowKey=${(/** @type {Alert} */ row) => String(row.id)}
      phone=${(/** @type {Alert} */ row) => html`<span class="line-1"><${Severity} severity=${row.severity} /> ${row.summary || row.rule}</span><span class="line-2 line-text"><${TimeEl} at=${row.resolved_ms} /> · ${t('alerts.lastedFor', { time: duration((row.resolved_ms ?? 0) - (row.fired_ms ?? row.since_ms)) })}</span>`}
      empty=${html`<${Empty} title=${t('alerts.noHistory')} why=${t('alerts.noHistoryWhy')} />`} />
    ${rows.length > 200 && html`<p class="meta">${t('alerts.more', { n: rows.length - 200 })}</p>`}`}<//>`;
}

/** @typedef {{ name: string, when: string, for_seconds: number, severity: 'info' | 'warning' | 'critical', summary: string, recipients: string[] }} Rule */

/** @param {{ alerts: Alert[] }} props those that there are now */
export function Rules({ alerts }) {
  const { http, session } = useApp();
  const res = useResource('alerts.rules', async (signal) => (await http.get('/alerts/rules', { signal })).data);
  const now = (/** @type {Rule} */ row) => alerts.filter((alert) => alert.rule === row.name && alert.status === 'firing').length;
  const state = (/** @type {Rule} */ row) => (now(row) ? html`<${State} kind=${row.severity === 'critical' ? 'bad' : row.severity === 'warning' ? 'warn' : 'info'} word=${t('alerts.fires', { n: now(row) })} />` : html`<${State} kind="ok" word=${t('alerts.quiet')} />`);
  const columns = [
    { key: 'name', title: t('alerts.rule'), mono: true, cell: (/** @type {Rule} */ row) => row.name },
    { key: 'state', title: t('alerts.state'), cell: state },
    { key: 'severity', title: t('alerts.severity'), cell: (/** @type {Rule} */ row) => html`<${Severity} severity=${row.severity} />` },
    { key: 'when', title: t('alerts.when'), wide: true, cell: (/** @type {Rule} */ row) => html`${row.summary}${row.summary && html`<br />`}<code>${row.when}</code>` },
    { key: 'for', title: t('alerts.forAtLeast'), align: /** @type {const} */ ('end'), cell: (/** @type {Rule} */ row) => (row.for_seconds ? duration(row.for_seconds * 1000) : t('alerts.atOnce')) },
    { key: 'tells', title: t('alerts.tells'), cell: (/** @type {Rule} */ row) => row.recipients.join(', ') || t('alerts.everybody') },
  ];
  return html`<${Part} res=${res}>${(/** @type {Rule[]} */ rows) => html`
    <p class="muted">${t('alerts.rulesHelp')} ${session.can('admin') && html`<a href=${href('config', ['settings', 'alerts'])}>${t('alerts.rulesChange')}</a>`}</p>
    <${DataTable} id="alert-rules" caption=${t('alerts.tab.rules')} columns=${columns} rows=${rows} rowKey=${(/** @type {Rule} */ row) => row.name}
      phone=${(/** @type {Rule} */ row) => html`<span class="line-1"><span class="mono">${row.name}</span> ${state(row)}</span><span class="line-2 line-text">${row.summary}</span><span class="line-1"><code>${row.when}</code></span>`}
      empty=${html`<${Empty} title=${t('alerts.noRules')} />`} />`}<//>`;
}
