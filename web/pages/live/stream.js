// The stream of queries on the live page: its filter, its pause, and the drawer of a row. Used by pages/live.js.
import { html, untracked, useCallback, useEffect, useMemo, useRef, useSignalEffect, useState } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { useApp } from '../../context.js';
import { href, setParams, useRoute } from '../../router.js';
import { ms, num, time } from '../../lib/format.js';
import { withAddresses } from '../../lib/devices.js';
import { Button } from '../../ui/button.js';
import { FilterBar } from '../../ui/filterbar.js';
import { Name } from '../../ui/name.js';
import { Result } from '../../ui/state.js';
import { StreamList, createStream, shareWords } from '../../ui/stream.js';
import { ExplainDrawer } from '../../ui/explaindrawer.js';
import { filterError, presets, queryKeys } from '../queries/keys.js';
import { Client } from '../queries/client.js';

/** A polite line at most as often. */
const SAY_MS = 10_000;

/**
 * @param {{devices: any[], device: import('../queries/client.js').Finder, narrow: boolean}} props
 */
export function LiveStream({ devices, device, narrow }) {
  const { http, live, keys } = useApp();
  const typed = useRoute().params.get('filter') ?? '';
  const filter = withAddresses(typed, devices);
  const [fault, setFault] = useState(/** @type {any} */ (null));
  const stream = useMemo(() => createStream((wanted, rate, onFrame) => live.rows(wanted, rate, (frame) => {
    if (frame.t === 'error') setFault({ errors: [{ parameter: 'filter', offset: frame.offset ?? 0, detail: frame.detail }] });
    else onFrame(frame);
  })), []);
  useEffect(() => { setFault(null); stream.start(filter); }, [filter]);
  useEffect(() => stream.stop, []);
  useEffect(() => keys.on('Space', () => (stream.paused.value ? stream.resume() : stream.pause('person')), t('live.pauseKey')), []);
  const setFilter = (/** @type {string} */ next) => setParams({ filter: next || null });
  return html`<section class="live-stream" aria-labelledby="live-stream-title">
    <header class="stream-head"><h2 id="live-stream-title">${t('live.stream')}</h2>
      <${FilterBar} id="live-filter" value=${typed} onChange=${setFilter} keys=${() => queryKeys(http, devices)} presets=${presets} error=${filterError(fault, typed, filter)} label=${t('live.streamFilter')} />
      <${Control} stream=${stream} />
      <a href=${href('queries', [], { filter: typed || null })}>${t('live.asLog')}</a></header>
    <${Polite} stream=${stream} />
    <${Rows} stream=${stream} device=${device} narrow=${narrow} typed=${typed} />
  </section>`;
}

/** Pause and go on, and how much of what passes is shown. @param {{stream: import('../../ui/stream.js').StreamStore}} props */
function Control({ stream }) {
  const paused = Boolean(stream.paused.value);
  const words = shareWords(stream.share.value);
  return html`<${Button} icon=${paused ? 'play' : 'pause'} label=${t(paused ? 'live.resume' : 'live.pause')} onClick=${() => (paused ? stream.resume() : stream.pause('person'))} />
    <span class="stream-share quiet">${paused ? t('live.isPaused') : words}</span>`;
}

/** The rows, and the drawer of one. @param {{stream: import('../../ui/stream.js').StreamStore, device: import('../queries/client.js').Finder, narrow: boolean, typed: string}} props */
function Rows({ stream, device, narrow, typed }) {
  const { params } = useRoute();
  const last = useRef(/** @type {any} */ (null));
  const id = params.get('id');
  const rows = stream.rows.value;
  const at = id ? rows.findIndex((row) => row.request_id === id) : -1;
  if (at >= 0) last.current = rows[at];
  const row = last.current?.request_id === id ? last.current : null;
  const line = useCallback((/** @type {any} */ one) => (narrow ? lines(one, device) : cells(one, device)), [narrow, device]);
  return html`<${StreamList} stream=${stream} line=${line} rowHeight=${narrow ? 52 : 30} open=${id ?? undefined} onOpen=${(/** @type {any} */ one) => { last.current = one; setParams({ id: one.request_id }, { push: !id }); }}
      href=${(/** @type {any} */ one) => href('queries', [], { id: one.request_id })} head=${narrow ? null : html`<${Titles} />`} empty=${html`<p class="quiet">${t(typed ? 'live.noMatch' : 'live.noRows')}</p>`} />
    ${id && html`<${ExplainDrawer} id=${id} row=${row} find=${device} tab=${params.get('tab') === 'now' ? 'now' : 'then'} onTab=${(/** @type {string} */ tab) => setParams({ tab: tab === 'now' ? 'now' : null })}
      onClose=${() => setParams({ id: null, tab: null })} onNewer=${at > 0 ? () => setParams({ id: rows[at - 1].request_id }) : null} onOlder=${at >= 0 && at + 1 < rows.length ? () => setParams({ id: rows[at + 1].request_id }) : null} />`}`;
}

/** Titles of the columns. */
function Titles() {
  return html`<div class="stream-titles" aria-hidden="true">${['time', 'client', 'name', 'type', 'result', 'ms'].map((key) => html`<span key=${key} class=${`s-${key}`}>${t(`live.col.${key}`)}</span>`)}</div>`;
}

/** A row with room. @param {any} row @param {import('../queries/client.js').Finder} device */
const cells = (row, device) => html`<span class="s-time"><time dateTime=${row.timestamp}>${time(row.timestamp, { fraction: true })}</time></span><span class="s-client"><${Client} address=${row.client_ip} device=${device} /></span>
  <span class="s-name"><${Name} name=${row.domain} /></span><span class="s-type">${row.query_type ?? '–'}</span><span class="s-result"><${Result} row=${row} /></span><span class="s-ms num">${num(row.response_time_ms)}</span>`;

/** A row of a phone. @param {any} row @param {import('../queries/client.js').Finder} device */
const lines = (row, device) => html`<span class="row-top"><${Name} name=${row.domain} /><${Result} row=${row} /></span>
  <span class="row-sub"><span class="client-name">${device(row.client_ip)?.name ?? row.client_ip}</span><span>${row.query_type ?? '–'}</span><span class="num">${ms(row.response_time_ms)}</span><time dateTime=${row.timestamp}>${time(row.timestamp)}</time></span>`;

/** For readers of the screen: how busy it is, now and then; and what passes while the stream is paused. @param {{stream: import('../../ui/stream.js').StreamStore}} props */
function Polite({ stream }) {
  const { live } = useApp();
  const [said, setSaid] = useState('');
  const at = useRef(0);
  useSignalEffect(() => {
    const stat = /** @type {any} */ (live.stat.value);
    if (!stat) return;
    untracked(() => {
      stream.passed(stat.qps);
      if (Date.now() - at.current < SAY_MS) return;
      at.current = Date.now();
      const share = stat.qps > 0 ? Math.round(((stat.sources?.blocked ?? 0) / stat.qps) * 100) : 0;
      setSaid(t(stream.paused.value ? 'live.saidPaused' : 'live.said', { rate: num(stat.qps, 0), blocked: num(share) }));
    });
  });
  return html`<p class="visually-hidden" role="status">${said}</p>`;
}
