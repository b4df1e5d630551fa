// How charts look: options of uPlot from the properties of a chart. Used by chart.js.
import { num, time } from '../lib/format.js';

/** @typedef {import('./chart.js').ChartProps} ChartProps */

/** @param {string} name of a colour of tokens.css, without the dashes */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || 'CanvasText';

/**
 * Sums for areas that lie one on the other: the first series has the sum of all, and is drawn first.
 * @param {{values: ArrayLike<number | null>}[]} series
 * @returns {Array<Array<number | null>>}
 */
export function stacked(series) {
  /** @type {Array<Array<number | null>>} */
  const out = [];
  /** @type {Array<number | null>} */
  let above = [];
  for (const one of [...series].reverse()) {
    const next = Array.from(one.values, (value, index) => {
      const under = above[index] ?? null;
      return value === null || value === undefined ? under : value + (under ?? 0);
    });
    out.unshift(next);
    above = next;
  }
  return out;
}

/**
 * @param {{current: ChartProps & {onAt: (at: number | null) => void}}} latest
 * @param {number} width @param {number} height
 */
export function optionsOf(latest, width, height) {
  const { series, stack, sync, onRange, format = num } = latest.current;
  const [text, grid, surface] = [color('text3'), color('border'), color('surface')];
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  /** @param {any} plot */
  const onSelect = (plot) => {
    if (plot.select.width < 4) return;
    const moments = [plot.select.left, plot.select.left + plot.select.width].map((left) => Math.round(plot.posToVal(left, 'x') * 1000));
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    latest.current.onRange?.(moments[0], moments[1]);
  };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { sync: sync ? { key: sync, setSeries: false } : undefined, drag: { x: Boolean(onRange), y: false, setScale: false }, points: { show: !stack, size: 6 } },
    select: { show: Boolean(onRange), left: 0, top: 0, width: 0, height: 0 },
    scales: { x: { time: true }, y: { range: (/** @type {any} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, space: 70, size: 26, values: (/** @type {any} */ plot, /** @type {number[]} */ ticks) => ticks.map((tick, index) => tickText(tick, ticks, index, plot)) },
      { ...axis, gap: 6, size: (/** @type {any} */ _plot, /** @type {string[] | null} */ texts) => 16 + widest(texts ?? ['00'], font), values: (/** @type {any} */ _plot, /** @type {number[]} */ ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [{}, ...series.map((one) => stack
      ? { label: one.label, stroke: surface, width: 1, fill: color(one.color), points: { show: false } }
      : { label: one.label, stroke: color(one.color), width: 2, dash: one.dash, points: { show: false }, spanGaps: false })],
    hooks: {
      setSelect: [onSelect],
      setCursor: [(/** @type {any} */ plot) => latest.current.onAt(plot.cursor.idx ?? null)],
    },
  };
}

/** The room that the widest of some texts takes. @param {string[]} texts @param {string} font */
function widest(texts, font) {
  const pen = document.createElement('canvas').getContext('2d');
  if (!pen) return 60;
  pen.font = font;
  return Math.ceil(Math.max(...texts.map((text) => pen.measureText(text).width)));
}

/**
 * The text of a mark on the axis: the time, or the day where one begins.
 * @param {number} tick @param {number[]} ticks @param {number} index @param {any} _plot
 */
function tickText(tick, ticks, index, _plot) {
  const at = new Date(tick * 1000);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
  const isDay = step >= 86400 || (at.getHours() === 0 && at.getMinutes() === 0);
  if (isDay) return new Intl.DateTimeFormat(document.documentElement.lang || undefined, { day: 'numeric', month: 'short' }).format(at);
  const text = time(tick * 1000);
  return step >= 60 ? text.replace(/(\d\d?:\d\d):\d\d.*?(?= |$)/, '$1') : text.replace(/\.\d+/, '');
}
