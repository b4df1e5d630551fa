// A figure with what it was an hour before and a small line. The whole of it is a link to the rows behind the figure.
import { html } from './html.js';
import { t } from '../lib/i18n.js';

/**
 * @typedef {object} TileProps
 * @property {string} label
 * @property {any} value as text, with its unit
 * @property {{now: number | null, before: number | null, text?: (difference: number) => string} | null} [delta]
 * @property {ArrayLike<number | null>} [series]
 * @property {string} [href]
 * @property {string} [note] under the figure
 * @property {'grey'} [tone] the figure is old
 */

const WIDTH = 96;
const HEIGHT = 28;

/**
 * The points of a small line, as `points` of SVG has them; gaps are left out.
 * @param {ArrayLike<number | null>} series
 */
export function sparkline(series) {
  const values = Array.from(series);
  let low = 0;
  let high = 0;
  for (const value of values) if (value !== null && Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  const scale = high > low ? (HEIGHT - 4) / (high - low) : 0;
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  return values
    .map((value, index) => (value === null || !Number.isFinite(value) ? '' : `${(index * step).toFixed(1)},${(HEIGHT - 2 - (value - low) * scale).toFixed(1)}`))
    .filter(Boolean)
    .join(' ');
}

/**
 * How a figure has changed, in words.
 * @param {TileProps['delta']} delta
 */
export function deltaWords(delta) {
  if (!delta || delta.now === null || delta.before === null) return null;
  const difference = delta.now - delta.before;
  const size = Math.max(Math.abs(delta.before), Math.abs(delta.now));
  if (size === 0 || Math.abs(difference) < size * 0.02) return { arrow: '=', text: t('data.same') };
  const n = delta.text ? delta.text(Math.abs(difference)) : `${Math.round((Math.abs(difference) / (delta.before || size)) * 100)} %`;
  return difference > 0 ? { arrow: '↑', text: t('data.moreText', { n }) } : { arrow: '↓', text: t('data.lessText', { n }) };
}

/** @param {TileProps} props */
export function Tile({ label, value, delta, series, href, note, tone }) {
  const change = deltaWords(delta);
  const inner = html`<span class="tile-label">${label}</span>
    <span class="tile-value">${value}</span>
    ${(change || note) && html`<span class="tile-note">${change ? html`<span aria-hidden="true">${change.arrow} </span>${change.text}` : note}</span>`}
    ${series && html`<svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" preserveAspectRatio="none"><polyline points=${sparkline(series)} /></svg>`}`;
  const classes = `tile${tone === 'grey' ? ' is-grey' : ''}`;
  return href ? html`<a class=${classes} href=${href}>${inner}</a>` : html`<div class=${classes}>${inner}</div>`;
}
