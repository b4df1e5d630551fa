// The figures of the live view: the past comes from the statistics, each second from the socket; charts read them as columns.
import { signal } from '../../ui/html.js';

/** Seconds that are kept. */
export const POINTS = 900;

/** Ways of an answer, in the order in which they are drawn, and what each is in charts. */
export const SOURCES = /** @type {const} */ ([
  ['cache', 'c3'], ['resolved', 'c1'], ['zone', 'c2'], ['blocked', 'c6'], ['error', 'c4'], ['refused', 'c5'], ['local', 'c0'],
]);
export const CODES = /** @type {const} */ ([['NOERROR', 'c1'], ['NXDOMAIN', 'c2'], ['SERVFAIL', 'c4'], ['other', 'c5']]);
export const PATHS = /** @type {const} */ (['zone', 'cache', 'resolved']);
const LEVELS = /** @type {const} */ (['p50', 'p95', 'p99']);

/** Every column that is kept, with the place of its value in a figure. @type {Record<string, (figures: any) => number | null | undefined>} */
const COLUMNS = {
  qps: (figures) => figures.qps,
  hit: (figures) => figures.hit_ratio,
  dropped: (figures) => figures.dropped,
  blocked: (figures) => share(figures.sources?.blocked, figures.qps),
  servfail: (figures) => share(figures.results?.SERVFAIL, figures.qps),
};
for (const [source] of SOURCES) COLUMNS[`source.${source}`] = (figures) => (source === 'cache' ? sum(figures.sources?.cache, figures.sources?.stale) : figures.sources?.[source]);
for (const [code] of CODES) COLUMNS[`code.${code}`] = (figures) => figures.results?.[code];
for (const path of PATHS) for (const level of LEVELS) COLUMNS[`${path}.${level}`] = (figures) => figures.latency_ms?.[path]?.[level];

/** @param {number | null | undefined} part @param {number | null | undefined} whole */
const share = (part, whole) => (part === null || part === undefined || !whole ? null : part / whole);
/** @param {number | null | undefined} a @param {number | null | undefined} b */
const sum = (a, b) => (a === null || a === undefined ? a : a + (b ?? 0));

/** @typedef {{x: number[], columns: Record<string, (number | null)[]>, latest: any, live: boolean}} Figures */

/** The figures of a moment in a series of `GET /stats`. @param {any} series @param {number} at */
export function figuresAt(series, at) {
  /** @param {any} of @returns {any} a value, or values by name */
  const pick = (of) => (Array.isArray(of) ? of[at] ?? null : of && typeof of === 'object' ? Object.fromEntries(Object.entries(of).map(([key, value]) => [key, pick(value)])) : of);
  return { qps: pick(series.qps), results: pick(series.results), transports: pick(series.transports), sources: pick(series.sources), latency_ms: pick(series.latency_ms), hit_ratio: pick(series.hit_ratio), dropped: pick(series.dropped) };
}

export function createFigures() {
  const shown = signal(/** @type {Figures} */ ({ x: [], columns: emptied(), latest: null, live: false }));
  /** @type {number[]} */
  let x = [];
  let columns = emptied();

  /** @param {number} at @param {any} figures */
  function push(at, figures) {
    x.push(at);
    for (const [key, read] of Object.entries(COLUMNS)) columns[key].push(read(figures) ?? null);
  }
  function publish(/** @type {any} */ latest, /** @type {boolean} */ live) {
    const cut = live ? x.length - POINTS : 0;
    if (cut > 0) {
      x = x.slice(cut);
      columns = Object.fromEntries(Object.entries(columns).map(([key, column]) => [key, column.slice(cut)]));
    } else x = [...x];
    shown.value = { x, columns: { ...columns }, latest, live };
  }
  return {
    shown,
    /** What was before. What the socket has brought already stays. @param {any} series */
    past(series) {
      const [late, kept] = [x, columns];
      const end = series.from_ms + series.points * series.step_s * 1000;
      x = [];
      columns = emptied();
      for (let point = 0; point < series.points; point += 1) push(series.from_ms + point * series.step_s * 1000, figuresAt(series, point));
      late.forEach((at, index) => {
        if (at < end) return;
        x.push(at);
        for (const key of Object.keys(columns)) columns[key].push(kept[key][index]);
      });
      publish(shown.value.latest ?? figuresAt(series, series.points - 1), true);
    },
    /** A fixed time: nothing is added to it. @param {any} series */
    fixed(series) {
      x = [];
      columns = emptied();
      for (let point = 0; point < series.points; point += 1) push(series.from_ms + point * series.step_s * 1000, figuresAt(series, point));
      publish(shown.value.latest, false);
    },
    /** A second. @param {any} stat @param {boolean} follow whether charts go on with time */
    now(stat, follow) {
      if (!follow) { shown.value = { ...shown.value, latest: stat }; return; }
      if (x.length && stat.time_ms <= x[x.length - 1]) return;
      push(stat.time_ms, stat);
      publish(stat, true);
    },
  };
}

function emptied() {
  return /** @type {Record<string, (number | null)[]>} */ (Object.fromEntries(Object.keys(COLUMNS).map((key) => [key, []])));
}

/**
 * Columns with fewer points: each stands for a span of the same length, which does not move while time goes on.
 * @param {Figures} figures @param {string[]} keys @param {{points?: number, worst?: boolean}} [options] `worst`: the largest of a span, not its mean
 * @returns {{x: number[], columns: Record<string, (number | null)[]>}}
 */
export function thinned({ x, columns }, keys, { points = 180, worst = false } = {}) {
  const step = x.length > 1 ? (x[x.length - 1] - x[0]) / (x.length - 1) : 1;
  const size = Math.max(1, Math.ceil(x.length / points));
  if (size === 1) return { x, columns };
  const width = Math.max(1, Math.round(step / 1000) * 1000) * size;
  /** @type {number[]} */
  const starts = [];
  x.forEach((at, index) => { if (index === 0 || Math.floor(at / width) !== Math.floor(x[index - 1] / width)) starts.push(index); });
  const part = (/** @type {string} */ key) => starts.map((start, index) => {
    const values = columns[key].slice(start, starts[index + 1] ?? x.length);
    return worst && values.some((value) => value !== null) ? most(values) : mean(values);
  });
  return { x: starts.map((start) => Math.floor(x[start] / width) * width), columns: Object.fromEntries(keys.map((key) => [key, part(key)])) };
}

/** The mean of what there is; null: nothing. @param {ArrayLike<number | null>} values */
export function mean(values) {
  let total = 0;
  let count = 0;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value !== null && value !== undefined) { total += value; count += 1; }
  }
  return count ? total / count : null;
}

/** The largest of what there is. @param {ArrayLike<number | null>} values */
export function most(values) {
  let largest = 0;
  for (let index = 0; index < values.length; index += 1) largest = Math.max(largest, values[index] ?? 0);
  return largest;
}
