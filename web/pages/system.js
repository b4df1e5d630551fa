/** System: how the server is, its backups and the level of its log. Route `#/system`. */

import { html, useState } from '../ui/html.js';
import { newKey } from '../api/http.js';
import { useApp } from '../context.js';
import { bytes, duration, num, TimeEl } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { Button, CopyButton } from '../ui/button.js';
import { Form, Select } from '../ui/field.js';
import { Empty, Facts, Page, Panel, Ticked } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { State } from '../ui/state.js';
import { DataTable } from '../ui/table.js';
import { all } from './listing.js';
import { Nodes } from './nodes.js';
import { Part } from './part.js';

export default function SystemPage() {
  const { http, session } = useApp();
  const health = useResource('health', async (signal) => /** @type {Health} */ ((await http.get('/health', { signal })).data), { every: 10_000 });
  const facts = useResource('system.facts', async (signal) => {
    const [status, setup] = await Promise.all([http.get('/status', { signal }), http.get('/setup', { signal })]);
    return { ...setup.data, ...status.data };
  }, { every: 10_000 });
  return html`<${Page} title=${t('system.title')} question=${health.data ? attention(health.data) : t('system.question')}>
    <div class="stack">
      <${Part} res=${health}>${(/** @type {Health} */ data) => html`<${Checks} health=${data} />`}<//>
      <div class="grid-2">
        <${Part} title=${t('system.server')} res=${facts}>${(/** @type {any} the answers of two calls in one */ data) => html`<${ServerFacts} server=${data} />`}<//>
        <${LogLevel} />
      </div>
      <${Nodes} />
      ${session.can('admin') && health.data && (inCluster(health.data) ? html`<${NoBackups} />` : html`<${Backups} />`)}
    </div>
  <//>`;
}

/**
 * @typedef {{ name: string, state: 'ok' | 'warn' | 'fail', since_ms?: number, reason?: string, advice?: string }} Check
 * @typedef {{ status: string, ready: boolean, checks: Check[] }} Health
 */

/** Where what a check is about can be seen or changed. @type {Record<string, () => string>} */
const PLACES = {
  configuration: () => href('config', ['text']),
  upstreams: () => href('upstreams'),
  root: () => href('upstreams'),
  zones: () => href('zones'),
  signing: () => href('dnssec'),
  certificates: () => href('config', ['settings', 'web']),
  log: () => href('config', ['settings', 'logging']),
};

/** The state of all in a sentence. @param {Health} health */
export function attention(health) {
  const wrong = health.checks.filter((check) => check.state !== 'ok').length;
  return wrong ? t('system.wrong', { n: wrong, all: health.checks.length }) : t('system.allPass', { n: health.checks.length });
}

/** Whether the journal is that of a cluster, whose brokers this check is about. @param {Health} health */
const inCluster = ({ checks }) => checks.some((check) => check.name === 'cluster');

/** @param {string} name */
function titleOf(name) {
  const key = `system.check.${name}`;
  const title = t(key);
  return title === key ? name : title;
}

/** @param {{ check: Check }} props */
function Wrong({ check }) {
  const place = PLACES[check.name];
  return html`<li class=${`health-check health-${check.state}`}>
    <h2 class="check-head"><${State} kind=${check.state === 'fail' ? 'bad' : 'warn'} word=${t(`system.state.${check.state}`)} /> ${titleOf(check.name)}</h2>
    ${check.reason && html`<p class="check-reason"><${Ticked} text=${check.reason} /></p>`}
    ${check.advice && html`<p class="check-advice"><strong>${t('system.advice')}</strong> <${Ticked} text=${check.advice} /></p>`}
    <p class="meta">${check.since_ms ? html`${t('system.since')} <${TimeEl} at=${check.since_ms} as="datetime" />` : ''}
      ${place && html` <a href=${place()}>${t('system.look')}</a>`}</p>
  </li>`;
}

/** @param {{ health: Health }} props */
export function Checks({ health }) {
  const wrong = health.checks.filter((check) => check.state !== 'ok').sort((a, b) => Number(b.state === 'fail') - Number(a.state === 'fail'));
  const well = health.checks.filter((check) => check.state === 'ok');
  return html`<section class="health-checks" aria-label=${t('system.checks')}>
    ${wrong.length > 0 && html`<ul class="check-list">${wrong.map((check) => html`<${Wrong} key=${check.name} check=${check} />`)}</ul>`}
    <details class="panel checks-well">
      <summary>${wrong.length ? html`<${State} kind="ok" word=${t('system.pass', { n: well.length })} />` : t('system.whatPasses')}</summary>
      <${Facts} items=${well.map((check) => [titleOf(check.name),
        html`${check.reason ?? ''}${check.since_ms ? html` <span class="meta">${t('system.since')} <${TimeEl} at=${check.since_ms} as="datetime" /></span>` : ''}`])} />
    </details>
  </section>`;
}

/**
 * @typedef {{ version: string, server_name: string, uptime_s: number, zones: number, position: number, queries?: number,
 *   recursion: boolean, upstreams: string[], listeners: { address: string, protocols: string[] }[], web: string[],
 *   live?: { viewers: number, lost_frames: number, too_slow: number }, dropped?: number }} Server
 */

/** @param {{ server: Server }} props */
export function ServerFacts({ server: facts }) {
  /** @type {[string, import('../ui/html.js').Children][]} */
  const rows = [
    [t('system.version'), html`<span class="row">${facts.version}<${CopyButton} iconOnly text=${`Headwater ${facts.version}`} /></span>`],
    [t('system.name'), html`<span class="mono">${facts.server_name}</span>`],
    [t('system.uptime'), duration(facts.uptime_s * 1000)],
    [t('system.listeners'), html`<ul class="plain-list mono">${facts.listeners.map((it) => html`<li>${it.address} <span class="meta">${it.protocols.join(', ').toUpperCase()}</span></li>`)}</ul>`],
    [t('system.web'), html`<ul class="plain-list mono">${facts.web.map((address) => html`<li>${address}</li>`)}</ul>`],
    [t('system.resolving'), html`<a href=${href('upstreams')}>${!facts.recursion ? t('system.noRecursion') : facts.upstreams.length ? t('system.forwards', { n: facts.upstreams.length }) : t('system.iterates')}</a>`],
    [t('system.zones'), html`<a href=${href('zones')}>${num(facts.zones)}</a>`],
    [t('system.position'), html`<a href=${href('changes')}>${num(facts.position)}</a>`],
  ];
  if (facts.queries !== undefined) rows.push([t('system.queries'), num(facts.queries)]);
  if (facts.dropped !== undefined && facts.dropped > 0) rows.push([t('system.dropped'), t('system.perSecond', { n: num(facts.dropped) })]);
  if (facts.live) rows.push([t('system.viewers'), num(facts.live.viewers)]);
  return html`<${Facts} items=${rows} />`;
}

/**
 * @typedef {{ name: string, created_at_ms: number, size_bytes: number, position: number }} Backup
 * @typedef {{ sound: boolean, problems: string[] } | 'busy'} Verdict
 */

/** @param {{ verdict: Verdict | undefined }} props */
function VerdictCell({ verdict }) {
  if (!verdict) return html`<span class="meta">${t('system.notVerified')}</span>`;
  if (verdict === 'busy') return t('system.verifying');
  if (verdict.sound) return html`<${State} kind="ok" word=${t('system.sound')} />`;
  return html`<${State} kind="bad" word=${t('system.damaged')} /> <span>${verdict.problems.join('; ')}</span>`;
}

/** What to do in a cluster, where servers make no backups. */
function NoBackups() {
  const keep = ['key', 'signing', 'config'].map((what) => html`<li><${Ticked} text=${t(`system.clusterKeep.${what}`)} /></li>`);
  return html`<${Panel} title=${t('system.backups')}>
    <p><${Ticked} text=${t('system.clusterBackup')} /></p>
    <p>${t('system.clusterKeep')}</p>
    <ul class="keep-list">${keep}</ul>
    <p><a href=${href('zones')}>${t('system.clusterExport')}</a></p>
  <//>`;
}

export function Backups() {
  const { http, toast } = useApp();
  const res = useResource('backups', async (signal) => /** @type {Backup[]} */ (await all(http, '/backups', signal)).sort((a, b) => b.created_at_ms - a.created_at_ms));
  const [making, setMaking] = useState(false);
  const [verdicts, setVerdicts] = useState(/** @type {Record<string, Verdict | undefined>} */ ({}));
  const make = async () => {
    setMaking(true);
    try {
      const { data } = await http.post('/backups', undefined, { idempotencyKey: newKey() });
      toast.ok(t('system.backupMade', { name: data.name }));
      res.reload();
    } catch (error) {
      toast.error(error);
    }
    setMaking(false);
  };
  const verify = async (/** @type {string} */ name) => {
    const set = (/** @type {Verdict | undefined} */ verdict) => setVerdicts((before) => ({ ...before, [name]: verdict }));
    set('busy');
    try {
      set((await http.post(`/backups/${encodeURIComponent(name)}/verify`, undefined)).data);
    } catch (error) {
      set(undefined);
      toast.error(error);
    }
  };
  const columns = [
    { key: 'name', title: t('system.backupName'), mono: true, wide: true, cell: (/** @type {Backup} */ row) => row.name },
    { key: 'made', title: t('system.backupAt'), cell: (/** @type {Backup} */ row) => html`<${TimeEl} at=${row.created_at_ms} />` },
    { key: 'size', title: t('system.backupSize'), align: /** @type {const} */ ('end'), cell: (/** @type {Backup} */ row) => bytes(row.size_bytes) },
    { key: 'position', title: t('system.backupPosition'), align: /** @type {const} */ ('end'), cell: (/** @type {Backup} */ row) => num(row.position) },
    { key: 'verdict', title: t('system.backupState'), cell: (/** @type {Backup} */ row) => html`<${VerdictCell} verdict=${verdicts[row.name]} />` },
    { key: 'verify', title: t('system.verifyTitle'), plain: true, cell: (/** @type {Backup} */ row) => html`<${Button} label=${t('system.verify')} busy=${verdicts[row.name] === 'busy'} onClick=${() => verify(row.name)} />` },
  ];
  const button = html`<${Button} label=${t('system.makeBackup')} busy=${making} onClick=${make} />`;
  return html`<${Part} title=${t('system.backups')} actions=${button} res=${res}>${(/** @type {Backup[]} */ rows) => html`
    <p class="muted">${t('system.backupHelp')} <a href=${href('config', ['settings', 'journal'])}>${t('system.backupSchedule')}</a></p>
    <${DataTable} id="backups" caption=${t('system.backups')} columns=${columns} rows=${rows} rowKey=${(/** @type {Backup} */ row) => row.name}
      empty=${html`<${Empty} title=${t('system.noBackups')} why=${t('system.noBackupsWhy')} />`} />`}<//>`;
}

/**
 * @typedef {{ level: string, levels: Record<string, string> }} Levels
 * @typedef {Levels & { configured: Levels, until_ms: number | null }} LogLevels
 */

const LEVELS = ['ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'];
const SPANS = ['900', '3600', '28800', ''];

/** @param {Levels} levels */
const modules = (levels) => Object.entries(levels.levels).map(([module, level]) => `${module} ${level}`).join(', ');

export function LogLevel() {
  const { http, session } = useApp();
  const res = useResource('log.level', async (signal) => /** @type {LogLevels} */ ((await http.get('/log/level', { signal })).data), { every: 30_000 });
  return html`<${Part} title=${t('system.log')} res=${res}>${(/** @type {LogLevels} */ log) => {
    const configured = [log.configured.level, modules(log.configured)].filter(Boolean).join(', ');
    return html`<${Facts} items=${[
        [t('system.level'), html`<strong>${log.level}</strong> ${modules(log)}`],
        [t('system.configured'), html`${configured} ${session.can('admin') && html`<a href=${href('config', ['settings', 'logging'])}>${t('system.change')}</a>`}`],
        log.until_ms && [t('system.until'), html`<${TimeEl} at=${log.until_ms} as="datetime" />`],
      ]} />
      ${session.can('admin') && html`<${Change} key=${log.level} log=${log} onDone=${res.reload} />`}
      <p class="meta">${t('system.logPlace')}</p>`;
  }}<//>`;
}

/** @param {{ log: LogLevels, onDone: () => void }} props */
function Change({ log, onDone }) {
  const { http, toast } = useApp();
  const [level, setLevel] = useState(log.level);
  const [span, setSpan] = useState('900');
  const [busy, setBusy] = useState(false);
  const changed = log.level !== log.configured.level || modules(log) !== modules(log.configured);
  const put = async (/** @type {Record<string, unknown>} */ body) => {
    const before = log.level;
    setBusy(true);
    try {
      const { data } = await http.put('/log/level', body);
      toast.ok(t('system.levelSet', { level: data.level }), { undo: async () => { await http.put('/log/level', { level: before, levels: log.levels }); onDone(); } });
      onDone();
    } catch (error) {
      toast.error(error);
    }
    setBusy(false);
  };
  return html`<${Form} class="inline-form" busy=${busy} onSubmit=${() => put({ level, ...(span ? { for_seconds: Number(span) } : {}) })}>
    <${Select} label=${t('system.newLevel')} value=${level} onChange=${setLevel} options=${LEVELS.map((value) => ({ value, label: t(`system.level.${value}`) }))} />
    <${Select} label=${t('system.for')} value=${span} onChange=${setSpan} options=${SPANS.map((value) => ({ value, label: t(`system.span.${value || 'start'}`) }))} />
    <${Button} type="submit" busy=${busy} label=${t('system.setLevel')} />
    ${changed && html`<${Button} busy=${busy} label=${t('system.resetLevel')} onClick=${() => put({})} />`}
  <//>`;
}
