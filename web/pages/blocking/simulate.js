/** Tries a list on the queries of the last days, before it blocks anything. Slices of the search are summed up. */

import { html, useEffect, useRef, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Segments } from '../../ui/choice.js';
import { Form, Select, TextArea } from '../../ui/field.js';
import { Empty, ErrorPanel, Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { Name } from '../../ui/name.js';
import { useApp } from '../../context.js';
import { allItems } from '../../api/policy.js';
import { dateTime, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';

/** @typedef {import('../../api/types.js').BlockListOut} BlockList */
/** @typedef {import('../../api/types.js').SimulationOut & {next?: string | null, done: boolean, scanned_to_ms?: number | null}} Slice */

/**
 * What slices have come to so far.
 * @typedef {object} Sum
 * @property {number} listNames
 * @property {number} listRules
 * @property {number} rows
 * @property {number} queries
 * @property {number} already
 * @property {Map<string, number>} top
 * @property {number | null} scannedTo
 * @property {boolean} done
 * @property {boolean} partial  a slice had more names than it shows
 */

const DAY_MS = 24 * 3600_000;
const SHOWN = 50;

/**
 * A slice more.
 * @param {Sum | null} sum
 * @param {Slice} slice
 * @returns {Sum}
 */
export function added(sum, slice) {
  const top = new Map(sum?.top);
  for (const { name, count } of slice.top) top.set(name, (top.get(name) ?? 0) + count);
  return {
    listNames: slice.list_names,
    listRules: slice.list_rules,
    rows: (sum?.rows ?? 0) + slice.rows,
    queries: (sum?.queries ?? 0) + slice.queries,
    already: (sum?.already ?? 0) + slice.already_blocked,
    top,
    scannedTo: slice.scanned_to_ms ?? sum?.scannedTo ?? null,
    done: slice.done || !slice.next,
    partial: (sum?.partial ?? false) || slice.names > slice.top.length,
  };
}

/** What is tried, and over how long. @param {{params: URLSearchParams, lists: BlockList[], busy: boolean, onStart: (body: object, days: number) => void, onStop: () => void}} props */
function What({ params, lists, busy, onStart, onStop }) {
  const list = params.get('list') ?? '';
  const [text, setText] = useState('');
  const days = params.get('days') ?? '1';
  const options = [{ value: '', label: t('blocking.simulate.paste') }, ...[...new Set([...lists.map((one) => one.name), ...(list ? [list] : [])])].map((one) => ({ value: one, label: one }))];
  const submit = () => onStart(list ? { list } : { text }, Number(days));
  return html`
    <${Form} onSubmit=${submit} busy=${busy}>
      <${Select} label=${t('blocking.simulate.what')} value=${list} options=${options} onChange=${(/** @type {string} */ value) => setParams({ list: value || null })} />
      ${!list && html`<${TextArea} label=${t('blocking.simulate.text')} help=${t('blocking.simulate.text.help')} mono rows=${5} value=${text} onInput=${setText} />`}
      <${Segments} legend=${t('blocking.simulate.days')} value=${days} options=${['1', '7', '31'].map((key) => [key, t('blocking.days', { n: Number(key) })])}
        onChange=${(/** @type {string} */ value) => setParams({ days: value })} />
      <div class="acts">
        <${Button} type="submit" tone="primary" busy=${busy} disabled=${!list && !text.trim()} label=${t('blocking.simulate.do')} />
        ${busy && html`<${Button} label=${t('blocking.simulate.stop')} onClick=${onStop} />`}
      </div>
    <//>`;
}

/** What came of it. @param {{sum: Sum, busy: boolean, fromMs: number, startedMs: number}} props */
function Result({ sum, busy, fromMs, startedMs }) {
  const part = sum.done ? 1 : sum.scannedTo ? Math.min(1, (startedMs - sum.scannedTo) / (startedMs - fromMs)) : 0;
  const fresh = sum.queries - sum.already;
  const names = [...sum.top].sort((a, b) => b[1] - a[1]);
  const state = sum.done ? t('blocking.simulate.finished', { rows: num(sum.rows) })
    : t(busy ? 'blocking.simulate.running' : 'blocking.simulate.stopped', { rows: num(sum.rows), time: sum.scannedTo ? dateTime(sum.scannedTo) : '–' });
  return html`
    <${Panel} title=${t('blocking.simulate.result')}>
      <progress class="slices" max="1" value=${part} aria-label=${t('blocking.simulate.progress')}></progress>
      <p role="status" class="dim">${state}</p>
      <p class="check-verdict">${sum.queries ? t('blocking.simulate.sentence', { n: fresh, part: sum.rows ? pct(fresh / sum.rows) : '–', already: num(sum.already) }) : t('blocking.simulate.none')}</p>
      <p class="dim">${t('blocking.simulate.list', { names: num(sum.listNames), rules: num(sum.listRules) })}</p>
      ${names.length > 0 && html`
        <h3>${t('blocking.simulate.top')}</h3>
        <ul class="share-bars">${names.slice(0, SHOWN).map(([name, count]) => html`
          <li key=${name}><span class="bar-name"><a href=${href('queries', [], { filter: `name:${name.replace(/\.$/, '')}` })}><${Name} name=${name} /></a></span>
            <span class="share-line" aria-hidden="true"><span style=${{ inlineSize: `${(100 * count) / names[0][1]}%` }}></span></span>
            <span class="bar-value">${num(count)}</span></li>`)}</ul>
        ${names.length > SHOWN && html`<p class="dim">${t(sum.partial ? 'blocking.simulate.more.least' : 'blocking.simulate.more', { n: names.length - SHOWN })}</p>`}`}
    <//>`;
}

/** @param {{params: URLSearchParams}} props */
export function Simulate({ params }) {
  const { http } = useApp();
  const lists = useResource('blocking.lists', (/** @type {AbortSignal} */ signal) => /** @type {Promise<BlockList[]>} */ (allItems(http, '/blocking/lists', { signal })));
  const [sum, setSum] = useState(/** @type {Sum | null} */ (null));
  const [run, setRun] = useState({ busy: false, fromMs: 0, startedMs: 0 });
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const stop = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => stop.current?.abort(), []);
  const start = async (/** @type {object} */ what, /** @type {number} */ days) => {
    stop.current?.abort();
    const control = new AbortController();
    stop.current = control;
    setError(null);
    setSum(null);
    const startedMs = Date.now();
    const span = { fromMs: startedMs - days * DAY_MS, startedMs };
    setRun({ busy: true, ...span });
    /** @type {Sum | null} */
    let so = null;
    let after = null;
    try {
      do {
        const { data } = await http.post('/blocking/simulate', { ...what, days, after }, { signal: control.signal });
        so = added(so, data);
        after = data.next;
        setSum(so);
      } while (after && !control.signal.aborted);
    } catch (reason) {
      if (!control.signal.aborted) setError(reason);
    }
    if (stop.current === control) setRun({ busy: false, ...span });
  };
  return html`
    <div class="split">
      <${Panel} title=${t('blocking.simulate.title')}>
        <p class="dim">${t('blocking.simulate.why')}</p>
        <${What} params=${params} lists=${lists.data ?? []} busy=${run.busy} onStart=${start} onStop=${() => stop.current?.abort()} />
      <//>
      <div>
        ${error && html`<${ErrorPanel} error=${error} />`}
        ${sum ? html`<${Result} sum=${sum} ...${run} />` : !error && !run.busy && html`<${Empty} title=${t('blocking.simulate.empty')} why=${t('blocking.simulate.empty.why')} />`}
      </div>
    </div>`;
}
