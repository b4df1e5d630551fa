/** Upstreams: who is asked for names that are not ours, and how fast they reply. Route `#/upstreams?ask=www.example.org+AAAA`. */

import { html, useEffect, useRef, useState } from '../ui/html.js';
import { Empty, Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { useApp } from '../context.js';
import { href } from '../router.js';
import { t } from '../lib/i18n.js';
import { Part } from './part.js';
import { Ask } from './upstreams/ask.js';
import { Busiest, loadHour } from './upstreams/servers.js';
import { Ways } from './upstreams/servers.js';
import { Servers, rowsOf } from './upstreams/servers.js';
import { Figures } from './upstreams/servers.js';
import { read } from './upstreams/metrics.js';

/** @typedef {import('./upstreams/metrics.js').Reading} Reading */
/** @typedef {{ at: number, reading: Reading }} Sample */

const EVERY_MS = 5000;
/** Samples that are kept: ten minutes. */
const KEPT = 120;

/** @param {any} config ConfigOut @returns {Record<string, any>} values differ by key */
const valuesOf = (config) => Object.fromEntries(config.settings.map((/** @type {any} */ it) => [it.path, it.value]));

/** @param {{ route: import('../router.js').Route }} props */
export default function UpstreamsPage({ route }) {
  const { http, session } = useApp();
  const config = useResource('upstreams.config', async (signal) => valuesOf((await http.get('/config', { signal })).data));
  const metrics = useResource('upstreams.metrics', async (signal) =>
    /** @type {Sample} */ ({ at: Date.now(), reading: read((await http.get('/../metrics', { signal, as: 'text' })).data) }), { every: EVERY_MS });
  const hour = useResource(session.can('read_logs') ? 'upstreams.hour' : null, (signal) => loadHour(http, signal), { every: 60_000 });
  const answered = hour.data?.done ? hour.data.answered : null;
  const samples = useSamples(metrics.data);
  const values = config.data;
  if (values && values['resolver.enabled'] === false) {
    return html`<${Page} title=${t('upstreams.title')} question=${t('upstreams.isOff')}><${Empty} title=${t('upstreams.off')} why=${t('upstreams.offWhy')}
      action=${html`<a class="button" href=${href('config', ['settings', 'resolver'])}>${t('upstreams.offAction')}</a>`} /><//>`;
  }
  return html`<${Page} title=${t('upstreams.title')} question=${values ? sentence(values) : t('upstreams.question')}>
    <${Part} res=${metrics}>${() => html`<${Figures} samples=${samples} logs=${session.can('read_logs')} />`}<//>
    <${Part} title=${t('upstreams.servers')} res=${config}>${(/** @type {Record<string, any>} */ data) => html`<${Servers} rows=${rowsOf(data, samples)} values=${data} answered=${answered} may=${session.can('admin')} />`}<//>
    <${Ask} asked=${route.params.get('ask') ?? ''} />
    ${session.can('read_logs') && html`<${Busiest} res=${hour} />`}
    <${Part} title=${t('upstreams.ways')} res=${config}>${(/** @type {Record<string, any>} */ data) => html`<${Ways} values=${data} />`}<//>
  <//>`;
}

/** What is done with names that are not ours. @param {Record<string, any>} values */
function sentence(values) {
  const [all, zones] = [values.upstream_servers ?? [], (values['resolver.forward_zones'] ?? []).length];
  const main = all.length ? t('upstreams.forwards', { n: all.length }) : t('upstreams.iterates');
  return zones ? `${main} ${t('upstreams.andZones', { n: zones })}` : main;
}

/** The samples since the page was opened. @param {Sample | null | undefined} latest @returns {Sample[]} */
function useSamples(latest) {
  const kept = useRef(/** @type {Sample[]} */ ([]));
  const [, draw] = useState(0);
  useEffect(() => {
    if (!latest || kept.current.at(-1) === latest) return;
    // A server that started anew begins with 0.
    const same = kept.current.filter((sample) => sample.reading.started === latest.reading.started);
    kept.current = [...same, latest].slice(-KEPT);
    draw((n) => n + 1);
  }, [latest]);
  return kept.current;
}
