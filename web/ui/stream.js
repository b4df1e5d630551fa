// The stream of queries: newest on top, in its own scroller. A frame of the browser writes what came since the last one, so that a
// busy server costs as little as a calm one. Used by the live view.
import { batch, html, signal, useLayoutEffect, useRef, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { time } from '../lib/format.js';

/** Rows that are kept. */
export const KEPT = 500;
/** Rows a second that are asked for. */
export const RATE = 40;
/** Elements of rows at the most. */
const DRAWN = 32;

/** @typedef {import('../api/types.js').QueryOut} QueryRow */
/** @typedef {{rows: any[], seen: number, matched: number, sampled: number, lost: number}} Frame */
/** @typedef {{at: number, why: 'person' | 'scroll' | 'row', newer: number}} Pause */
/** @typedef {{matched: number, sampled: number, lost: number}} Share rows a second */

/**
 * @typedef {object} StreamStore
 * @property {{value: any[]}} rows the newest first
 * @property {{value: Share | null}} share
 * @property {{value: Pause | null}} paused
 * @property {(filter: string) => void} start
 * @property {(why: Pause['why']) => void} pause
 * @property {() => void} resume
 * @property {(answers: number) => void} passed answers that went by; they are counted while it is paused
 * @property {() => void} stop
 */

/** The latest first. @param {any} a @param {any} b */
const byTime = (a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0);

/** What frames of two seconds are by the second. @param {{frame: Frame}[]} frames @returns {Share} */
function shareOf(frames) {
  const sum = (/** @type {'matched' | 'sampled' | 'lost'} */ key) => frames.reduce((total, entry) => total + entry.frame[key], 0) / 2;
  return { matched: sum('matched'), sampled: sum('sampled'), lost: sum('lost') };
}

/**
 * @param {(filter: string, rate: number, onFrame: (frame: Frame) => void) => () => void} open asks for rows
 * @param {{now?: () => number, frame?: (draw: () => void) => void}} [host] what tests put in the place of the browser
 * @returns {StreamStore}
 */
export function createStream(open, host = {}) {
  const { now = Date.now, frame = requestAnimationFrame } = host;
  const rows = signal(/** @type {any[]} */ ([]));
  const share = signal(/** @type {Share | null} */ (null));
  const paused = signal(/** @type {Pause | null} */ (null));
  /** @type {any[]} */
  let fresh = [];
  /** @type {{at: number, frame: Frame}[]} */
  let frames = [];
  let dirty = false;
  let filter = '';
  /** @type {(() => void) | null} */
  let close = null;

  const flush = () => {
    dirty = false;
    if (paused.value) { fresh = []; return; }
    const horizon = now() - 2000;
    frames = frames.filter((entry) => entry.at > horizon);
    batch(() => {
      // Frames are samples: a row may be older than those of the frame before.
      if (fresh.length) rows.value = [...fresh.reverse(), ...rows.value].sort(byTime).slice(0, KEPT);
      share.value = shareOf(frames);
    });
    fresh = [];
  };
  /** @param {Frame} got */
  const onFrame = (got) => {
    fresh.push(...got.rows);
    if (fresh.length > KEPT) fresh = fresh.slice(-KEPT);
    frames.push({ at: now(), frame: got });
    if (!dirty) { dirty = true; frame(flush); }
  };
  const shut = () => { close?.(); close = null; };
  const ask = () => { shut(); close = open(filter, RATE, onFrame); };
  return {
    rows, share, paused,
    start(next) {
      filter = next;
      fresh = [];
      frames = [];
      batch(() => { rows.value = []; share.value = null; });
      if (!paused.value) ask();
    },
    pause(why) {
      if (paused.value) return;
      paused.value = { at: now(), why, newer: 0 };
      shut();
    },
    resume() {
      if (!paused.value) return;
      paused.value = null;
      frames = [];
      ask();
    },
    passed(answers) {
      if (paused.value && answers > 0) paused.value = { ...paused.value, newer: paused.value.newer + answers };
    },
    stop: shut,
  };
}

/**
 * What the stream shows of what passes, in words.
 * @param {Share | null} share
 */
export function shareWords(share) {
  if (!share) return t('live.waiting');
  const isAll = share.sampled >= share.matched;
  const text = isAll ? t('live.showsAll', { n: Math.round(share.matched) }) : t('live.showsSome', { some: Math.round(share.sampled), all: Math.round(share.matched) });
  return share.lost >= 1 ? `${text}, ${t('live.lost', { n: Math.round(share.lost) })}` : text;
}

/**
 * @typedef {object} StreamProps
 * @property {StreamStore} stream
 * @property {(row: any) => any} line what a row shows
 * @property {(row: any) => void} onOpen
 * @property {(row: any) => string} href
 * @property {string} [open] the row whose drawer is open
 * @property {number} rowHeight
 * @property {any} head titles of the columns
 * @property {any} [empty]
 */

/** @param {StreamProps} props */
export function StreamList({ stream, line, onOpen, href, open, rowHeight, head, empty }) {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const [top, setTop] = useState(0);
  const [active, setActive] = useState(/** @type {string | null} */ (null));
  const rows = stream.rows.value;
  const paused = stream.paused.value;
  const first = Math.max(0, Math.floor(top / rowHeight) - 6);
  const drawn = rows.slice(first, first + DRAWN);
  useLayoutEffect(() => {
    // New rows come on top: whoever is at the top stays there.
    if (!paused && scroller.current && scroller.current.scrollTop !== 0) { scroller.current.scrollTop = 0; setTop(0); }
  }, [paused, rows]);
  const onScroll = () => {
    const at = scroller.current?.scrollTop ?? 0;
    if (Math.abs(at - top) >= rowHeight || at === 0) setTop(at);
    if (at > rowHeight) stream.pause('scroll');
  };
  /** @param {any} row */
  const show = (row) => { stream.pause('row'); setActive(row.request_id); onOpen(row); };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const step = /** @type {Record<string, number>} */ ({ j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 })[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = rows.findIndex((row) => row.request_id === active);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (!next) return;
    stream.pause('scroll');
    setActive(next.request_id);
    requestAnimationFrame(() => /** @type {HTMLElement | null} */ (scroller.current?.querySelector(`[data-id="${CSS.escape(next.request_id)}"]`))?.focus());
  };
  const tab = drawn.some((row) => row.request_id === active) ? active : drawn[0]?.request_id;
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const id = /** @type {HTMLElement} */ (event.target).closest('[data-id]')?.getAttribute('data-id');
    const row = rows.find((one) => one.request_id === id);
    if (!row || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(row);
  };
  return html`<div class="stream" onKeyDown=${onKeyDown}>
    ${paused && html`<div class="stream-bar" role="status">
      <span><b>${t(`live.paused.${paused.why}`, { time: time(paused.at) })}</b> · <span aria-hidden="true">${t('live.newer', { n: Math.round(paused.newer) })}</span></span>
      <button type="button" class="button" onClick=${stream.resume}>${t('live.resume')}</button></div>`}
    ${head}
    <div class="stream-scroll" ref=${scroller} onScroll=${onScroll} role="log" aria-live="off" aria-label=${t('live.stream')} tabIndex=${rows.length ? -1 : 0}>
      ${rows.length === 0 ? html`<div class="stream-empty">${empty}</div>` : html`<div class="stream-rows" onClick=${onClick} style=${{ height: `${rows.length * rowHeight}px`, paddingTop: `${first * rowHeight}px` }}>${drawn.map((row) => html`<${Row} key=${row.request_id} row=${row} isOpen=${row.request_id === open} isTab=${row.request_id === tab} line=${line} href=${href} height=${rowHeight} />`)}</div>`}
    </div>
  </div>`;
}

/**
 * A row. What it shows never changes, so it is drawn once; `this` is the component, of which Preact asks whether it changes.
 * @type {(this: any, props: {row: any, isOpen: boolean, isTab: boolean, line: (row: any) => any, href: (row: any) => string, height: number}) => any}
 */
const Row = function Row(props) {
  const { row, isOpen, isTab, line, href, height } = props;
  this.shouldComponentUpdate = (/** @type {any} */ next) => next.isOpen !== isOpen || next.isTab !== isTab || next.line !== line || next.height !== height;
  return html`<a class=${`stream-row${isOpen ? ' is-open' : ''}`} data-id=${row.request_id} href=${href(row)} tabIndex=${isTab ? 0 : -1} style=${{ height: `${height}px` }}>${line(row)}</a>`;
};
