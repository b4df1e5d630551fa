/** Limits at work: what is set, where that stands, and what each holds back. Figures are those of the server's metrics. */

import { html, useEffect, useState } from '../../ui/html.js';
import { Banner, Facts } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { useApp } from '../../context.js';
import { duration, num } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../router.js';
import { Part } from '../part.js';

/** @typedef {import('../../api/types.js').ConfigOut} Config */
/** @typedef {{at: number, counts: Map<string, number>, started: number}} Reading */

const EVERY_MS = 5000;

/** Each limit: its key, the label of its counter, the filter of its queries, and the settings that make it. */
const LIMITS = [
  { key: 'client', source: 'rate_limited', settings: ['rate_limit_per_ip'] },
  { key: 'responses', source: 'responses_limited', settings: ['rate_limit.responses_per_second'] },
  { key: 'client_misses', source: 'client_misses_limited', settings: ['rate_limit.client_misses_per_second', 'rate_limit.client_outstanding'] },
  { key: 'zone_misses', source: 'zone_misses_limited', settings: ['rate_limit.zone_misses_per_second'] },
  { key: 'networks', source: '', settings: ['denied_networks'] },
];

/**
 * The counters of limits, refusals and drops, by `family label`.
 * @param {string} text of the metrics
 * @returns {Reading}
 */
export function readCounts(text) {
  const counts = new Map();
  let started = 0;
  for (const line of text.split('\n')) {
    const found = /^headwater_(rate_limited|refused|dropped)_total\{\w+="([^"]*)"\} (\S+)/.exec(line);
    if (found) counts.set(`${found[1]} ${found[2]}`, Number(found[3]));
    else if (line.startsWith('process_start_time_seconds ')) started = Number(line.split(' ')[1]);
  }
  return { at: Date.now(), counts, started };
}

/** The reading before the last one, for rates. @param {Reading | null | undefined} reading */
function useBefore(reading) {
  const [pair, setPair] = useState(/** @type {{last: Reading | null, before: Reading | null}} */ ({ last: null, before: null }));
  useEffect(() => {
    if (reading && reading !== pair.last) setPair({ last: reading, before: pair.last });
  }, [reading]);
  return pair.before;
}

/**
 * The value of a setting.
 * @param {Config} config
 * @param {string} path  below `security.`
 * @returns {any} whatever the setting has
 */
function valueOf(config, path) {
  return config.settings.find((setting) => setting.path === `security.${path}`)?.value;
}

/**
 * What a limit is set to, in words; empty: it is off.
 * @param {Config} config
 * @param {string[]} settings
 * @returns {string}
 */
function setTo(config, settings) {
  const parts = settings.map((path) => {
    const value = valueOf(config, path);
    if (Array.isArray(value)) return value.length ? t('security.limit.networks', { n: value.length }) : '';
    return Number(value) > 0 ? t(`security.limit.set.${path.split('.').pop()}`, { n: Number(value) }) : '';
  });
  return parts.filter(Boolean).join(', ');
}

/** @param {{config: Config, reading: Reading, before: Reading | null}} props */
function LimitTable({ config, reading, before }) {
  const rate = (/** @type {string} */ name) => {
    if (!before || before.started !== reading.started) return '–';
    return num(((reading.counts.get(name) ?? 0) - (before.counts.get(name) ?? 0)) / Math.max(1, (reading.at - before.at) / 1000), 1);
  };
  const isDry = valueOf(config, 'rate_limit.dry_run') === true;
  return html`
    <div class="scroll-x"><table class="plain limits">
      <caption class="visually-hidden">${t('security.tab.limits')}</caption>
      <thead><tr><th scope="col">${t('security.limit')}</th><th scope="col">${t('security.limit.setto')}</th>
        <th scope="col" class="end">${t('security.limit.total')}</th><th scope="col" class="end">${t('security.limit.now')}</th></tr></thead>
      <tbody>${LIMITS.map(({ key, source, settings }) => {
        const words = setTo(config, settings);
        const name = `rate_limited ${key}`;
        const count = reading.counts.get(name) ?? 0;
        return html`
          <tr key=${key}>
            <th scope="row"><span>${t(`security.limit.${key}`)}</span><span class="dim">${t(`security.limit.${key}.what`)}</span></th>
            <td data-title=${t('security.limit.setto')}>${words ? html`<${State} kind=${isDry && key !== 'networks' ? 'info' : 'ok'} word=${words} />` : html`<${State} kind="off" word=${t('security.limit.off')} />`}
              <a class="small" href=${href('config', [], { find: `security.${settings[0]}` })} aria-label=${t('security.limit.change.of', { what: t(`security.limit.${key}`) })}>${t('security.limit.change')}</a></td>
            <td class="end" data-title=${t('security.limit.total')}>${count && source ? html`<a href=${href('queries', [], { filter: `source:${source}` })}>${num(count)}</a>` : num(count)}</td>
            <td class="end" data-title=${t('security.limit.now')}>${rate(name)}</td>
          </tr>`;
      })}</tbody>
    </table></div>`;
}

/** @param {{config: Config}} props */
function Others({ config }) {
  const list = (/** @type {any} a setting that is a list */ value) => (Array.isArray(value) && value.length ? html`<span class="mono breaks">${value.join(', ')}</span>` : t('security.nobody'));
  const seconds = Number(valueOf(config, 'anomalies.block_seconds') ?? 0);
  return html`<${Facts} items=${[
    [t('security.allowed'), list(valueOf(config, 'allowed_networks'))],
    [t('security.denied'), list(valueOf(config, 'denied_networks'))],
    [t('security.exempt'), list(valueOf(config, 'rate_limit.exempt'))],
    [t('security.slip'), Number(valueOf(config, 'rate_limit.slip')) ? t('security.slip.each', { n: Number(valueOf(config, 'rate_limit.slip')) }) : t('security.slip.none')],
    [t('security.detection'), valueOf(config, 'anomalies.enabled') === false ? t('security.detection.off')
      : seconds ? t('security.detection.blocks', { time: duration(seconds * 1000) }) : t('security.detection.on')],
  ]} />`;
}

/** Why queries got no answer or a refusal since the start. @param {{reading: Reading}} props */
function Refusals({ reading }) {
  const rows = [...reading.counts].filter(([name, count]) => count > 0 && !name.startsWith('rate_limited')).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return html`<p class="dim">${t('security.refusals.none')}</p>`;
  return html`<ul class="share-bars">${rows.map(([name, count]) => {
    const [family, reason] = name.split(' ');
    const key = `security.${family}.${reason}`;
    const word = t(key);
    return html`<li key=${name}><span class="bar-name">${word === key ? reason.replace(/_/g, ' ') : word}</span>
      <span class="share-line" aria-hidden="true"><span style=${{ inlineSize: `${(100 * count) / rows[0][1]}%` }}></span></span><span class="bar-value">${num(count)}</span></li>`;
  })}</ul>`;
}

export function Limits() {
  const { http } = useApp();
  const config = useResource('config', async (/** @type {AbortSignal} */ signal) => /** @type {Config} */ ((await http.get('/config', { signal })).data));
  const metrics = useResource('security.metrics', async (/** @type {AbortSignal} */ signal) =>
    readCounts((await http.get('/../metrics', { signal, as: 'text' })).data), { every: EVERY_MS });
  const before = useBefore(metrics.data);
  const isDry = config.data && valueOf(config.data, 'rate_limit.dry_run') === true;
  const both = { ...metrics, data: config.data && metrics.data, error: config.error ?? metrics.error, reload: () => { config.reload(); metrics.reload(); } };
  return html`
    ${isDry && html`<${Banner} tone="warn">${t('security.dryrun')}<//>`}
    <${Part} title=${t('security.limits')} res=${both}>${() => config.data && metrics.data && html`
      <${LimitTable} config=${config.data} reading=${metrics.data} before=${before} />`}<//>
    <div class="split">
      <${Part} title=${t('security.networks')} res=${config}>${(/** @type {Config} */ data) => html`<${Others} config=${data} />`}<//>
      <${Part} title=${t('security.refusals')} res=${metrics}>${(/** @type {Reading} */ data) => html`<${Refusals} reading=${data} />`}<//>
    </div>`;
}
