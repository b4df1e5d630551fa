// Live: is the server well, and what goes through it now? Figures each second, what comes most often, and the stream of queries.
import { html, untracked, useMemo, useRef, useSignalEffect, useState } from '../ui/html.js';
import { t } from '../lib/i18n.js';
import { useApp } from '../context.js';
import { href, setParams, useRoute } from '../router.js';
import { TimeEl, ms, num, pct } from '../lib/format.js';
import { Empty, ErrorPanel, Page } from '../ui/page.js';
import { Button } from '../ui/button.js';
import { useResource } from '../ui/resource.js';
import { useNarrow } from '../ui/name.js';
import { TimeRange, spanOf, rangeText } from '../ui/timerange.js';
import { Tile } from '../ui/tile.js';
import { Setup } from '../shell/setup.js';
import { createFigures, mean } from './live/figures.js';
import { RateChart, TimeChart } from './live/charts.js';
import { Kinds, TopClients, TopNames, TopUpstreams } from './live/tops.js';
import { Choice } from './live/choice.js';
import { LiveStream } from './live/stream.js';
import { useDevices } from './queries/devices.js';

/** The charts' time unless the address says another. */
const RANGE = '15m';
/** Without a socket, figures are asked for as often. */
const POLL_MS = 10_000;
const HOUR_MS = 3_600_000;

/** @param {{route?: any}} _props */
export default function Live(_props) {
  const app = useApp();
  const { http, live, session } = app;
  const { params } = useRoute();
  const time = params.get('from') ? `${params.get('from')}..${params.get('to') ?? ''}` : params.get('range') ?? RANGE;
  const follows = time === RANGE;
  const outer = useRef(/** @type {HTMLElement | null} */ (null));
  const narrow = useNarrow(outer, 760);
  const { devices, device } = useDevices();
  const figures = useMemo(createFigures, []);
  const isLive = live.state.value === 'live';
  const mayRead = session.can('read_logs');
  const following = useRef(follows);
  following.current = follows;
  useSignalEffect(() => {
    const stat = live.stat.value;
    if (stat) untracked(() => figures.now(stat, following.current));
  });
  const past = useResource(`live/past/${time}`, async (signal) => {
    const { from, to } = spanOf(time);
    const { data } = await http.get('/stats', { params: { from, to }, signal });
    if (follows) figures.past(data); else figures.fixed(data);
    return data;
  }, { every: isLive && follows ? 0 : POLL_MS });
  const before = useResource('live/before', async (signal) => {
    const now = Date.now();
    const { data } = await http.get('/stats', { params: { from: now - HOUR_MS - 600_000, to: now - HOUR_MS, step: 60 }, signal });
    return data;
  }, { every: 300_000 });
  const isOld = !isLive && mayRead;
  const onRange = (/** @type {number} */ from, /** @type {number} */ to) => {
    const [start, end] = rangeText(from, to).split('..');
    setParams({ from: start, to: end, range: null }, { push: true });
  };
  const setTime = (/** @type {string} */ next) => {
    const [from, to] = next.includes('..') ? next.split('..') : [null, null];
    setParams({ from, to, range: from === null && next !== RANGE ? next : null }, { push: true });
  };
  const range = spanOf(time);
  const rows = href('queries', [], { from: range.from === null ? null : new Date(range.from).toISOString(), to: range.to === null ? null : new Date(range.to).toISOString() });
  const [chart, setChart] = useState('rate');
  return html`<${Page} title=${t('live.title')} question=${html`<${Headline} figures=${figures} live=${live} mayRead=${mayRead} />`}>
    <div class="live" ref=${outer}>
      <${FirstRun} figures=${figures} />
      <${Tiles} figures=${figures} before=${follows ? before.data : null} grey=${isOld} />
      ${past.error && html`<${ErrorPanel} error=${past.error} onRetry=${past.reload} />`}
      <div class="live-bar"><${TimeRange} value=${time} onChange=${setTime} presets=${['15m', '1h', '24h', '7d']} />
        ${!follows && html`<${Button} label=${t('live.toNow')} onClick=${() => setTime(RANGE)} />`}
        <a href=${rows}>${t('live.asLog')}</a>
        ${narrow && html`<${Choice} label=${t('live.charts')} value=${chart} options=${[['rate', t('live.rate')], ['times', t('live.times')]]} onChange=${setChart} />`}</div>
      <div class=${`live-charts${isOld ? ' is-grey' : ''}`}>
        ${(!narrow || chart === 'rate') && html`<div class="card"><${RateChart} store=${figures} onRange=${onRange} /></div>`}
        ${(!narrow || chart === 'times') && html`<div class="card"><${TimeChart} store=${figures} onRange=${onRange} /></div>`}
      </div>
      ${mayRead && html`<div class="live-cards"><${TopNames} grey=${isOld} /><${TopClients} device=${device} grey=${isOld} /><${Kinds} figures=${figures} grey=${isOld} /><${TopUpstreams} grey=${false} /></div>
        <${LiveStream} devices=${devices} device=${device} narrow=${narrow} />`}
      ${!mayRead && html`<${Empty} title=${t('live.noRight')} why=${t('live.noRightWhy')} />`}
    </div>
  <//>`;
}

/** What a new server shows in place of figures. @param {{figures: ReturnType<typeof createFigures>}} props */
function FirstRun({ figures }) {
  const { live } = useApp();
  const counted = /** @type {any} */ (live.tops.value)?.counted;
  return html`<${Setup} empty=${counted === 0 && !figures.shown.value.latest?.qps} />`;
}

/** One line that says how it is. @param {{figures: ReturnType<typeof createFigures>, live: any, mayRead: boolean}} props */
function Headline({ figures, live, mayRead }) {
  const { latest } = figures.shown.value;
  if (mayRead && live.state.value !== 'live' && live.since.value) return html`<span>${t('live.gone')} <${TimeEl} at=${live.since.value} as="time" /></span>`;
  if (!latest) return html`<span>${t('live.waitingFigures')}</span>`;
  const failing = latest.qps > 0 ? (latest.results?.SERVFAIL ?? 0) / latest.qps : 0;
  return html`<span>${t(failing > 0.05 ? 'live.headlineBad' : 'live.headline', { rate: num(latest.qps), blocked: pct(latest.qps > 0 ? (latest.sources?.blocked ?? 0) / latest.qps : 0), failing: pct(failing) })}</span>`;
}

/** @param {{figures: ReturnType<typeof createFigures>, before: any, grey: boolean}} props */
function Tiles({ figures, before, grey }) {
  const { columns, latest } = figures.shown.value;
  const line = (/** @type {string} */ key) => columns[key].slice(-120);
  const was = (/** @type {(figures: any) => any} */ read) => (before ? mean(read(before) ?? []) : null);
  const part = (/** @type {any} */ series, /** @type {string} */ kind, /** @type {string} */ key) => series[kind]?.[key]?.map((/** @type {number | null} */ value, /** @type {number} */ at) => (value === null || !series.qps[at] ? null : value / series.qps[at]));
  const points = (/** @type {number} */ difference) => t('live.points', { n: num(difference * 100, 1) });
  const now = (/** @type {string} */ key) => mean(columns[key].slice(-60));
  const qps = latest?.qps ?? null;
  const tone = grey ? 'grey' : undefined;
  const resolved = latest?.latency_ms?.resolved;
  const lastOf = (/** @type {string} */ key) => columns[key].findLast((value) => value !== null) ?? null;
  return html`<div class="tiles">
    <${Tile} tone=${tone} label=${t('live.tile.qps')} value=${html`${num(qps)} <small>${t('live.unit.qps')}</small>`} series=${line('qps')} delta=${{ now: now('qps'), before: was((series) => series.qps) }} href=${href('queries')} />
    <${Tile} tone=${tone} label=${t('live.tile.times')} value=${html`${ms(resolved?.p50 ?? lastOf('resolved.p50'))} <small>p99 ${ms(resolved?.p99 ?? lastOf('resolved.p99'))}</small>`} series=${line('resolved.p50').filter((value) => value !== null)} delta=${{ now: now('resolved.p50'), before: was((series) => series.latency_ms.resolved.p50), text: ms }} href=${href('queries', [], { filter: 'source:resolved' })} />
    <${Tile} tone=${tone} label=${t('live.tile.hit')} value=${pct(latest?.hit_ratio ?? lastOf('hit'))} series=${line('hit').filter((value) => value !== null)} delta=${{ now: now('hit'), before: was((series) => series.hit_ratio), text: points }} href=${href('queries', [], { filter: 'cache:hit' })} />
    <${Tile} tone=${tone} label=${t('live.tile.blocked')} value=${pct(qps ? (latest?.sources?.blocked ?? 0) / qps : qps === null ? null : 0)} series=${line('blocked')} delta=${{ now: now('blocked'), before: was((series) => part(series, 'sources', 'blocked')), text: points }} href=${href('queries', [], { filter: 'action:blocked' })} />
    <${Tile} tone=${tone} label=${t('live.tile.servfail')} value=${pct(qps ? (latest?.results?.SERVFAIL ?? 0) / qps : qps === null ? null : 0)} series=${line('servfail')} delta=${{ now: now('servfail'), before: was((series) => part(series, 'results', 'SERVFAIL')), text: points }} href=${href('queries', [], { filter: 'code:SERVFAIL' })} />
  </div>`;
}
