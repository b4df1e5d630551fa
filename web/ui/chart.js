// A chart over time: lines or stacked areas by uPlot, which is loaded when the first chart is shown; a sentence, a legend for
// the keyboard, and the same figures as a table.
import { html, useEffect, useRef, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { num, time } from '../lib/format.js';
import { optionsOf, stacked } from './chartoptions.js';

/**
 * @typedef {object} Series
 * @property {string} key
 * @property {string} label
 * @property {string} color name of a colour of tokens.css: `c1`
 * @property {ArrayLike<number | null>} values
 * @property {number[]} [dash]
 */

/**
 * @typedef {object} ChartProps
 * @property {string} title
 * @property {Series[]} series
 * @property {ArrayLike<number>} x moments in milliseconds
 * @property {string} summary what the chart shows, in a sentence
 * @property {(from: number, to: number) => void} [onRange] a part was drawn over with the pointer
 * @property {boolean} [stack] areas one on the other
 * @property {string} [sync] charts with the same name show the same moment
 * @property {(value: number) => string} [format]
 * @property {number} [height]
 * @property {any} [actions] beside the title
 */

/** Rows of the table. */
const TABLE_ROWS = 60;

/** Changes when the theme does, so that colours are read anew. */
function useTheme() {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const change = () => setTheme((count) => count + 1);
    const observer = new MutationObserver(change);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class'] });
    const forced = matchMedia('(forced-colors: active)');
    forced.addEventListener('change', change);
    return () => { observer.disconnect(); forced.removeEventListener('change', change); };
  }, []);
  return theme;
}

/** @param {ChartProps} props */
export function Chart(props) {
  const { title, series, x, summary, stack, format = num } = props;
  const [hidden, setHidden] = useState(/** @type {string[]} */ ([]));
  const [asTable, setAsTable] = useState(false);
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const visible = series.filter((one) => !hidden.includes(one.key));
  /** @param {string} key */
  const toggle = (key) => setHidden(hidden.includes(key) ? hidden.filter((one) => one !== key) : hidden.length + 1 < series.length ? [...hidden, key] : []);
  const isEmpty = x.length === 0;
  return html`<figure class="chart">
    <figcaption class="chart-head"><h2>${title}</h2><span class="chart-actions">${props.actions}
      <button type="button" class="link-button" aria-pressed=${String(asTable)} onClick=${() => setAsTable(!asTable)}>${t(asTable ? 'data.asChart' : 'data.asTable')}</button></span></figcaption>
    ${isEmpty ? html`<p class="quiet chart-none">${t('data.chartNone')}</p>`
      : asTable ? html`<${ChartTable} ...${props} series=${visible} format=${format} />`
      : html`<div class="chart-image" role="img" aria-label=${`${title}. ${summary}`}><${Plot} ...${props} series=${visible} stack=${stack} onAt=${setAt} /></div>`}
    <p class="chart-summary">${summary}</p>
    <ul class="legend" aria-label=${t('data.chartSeries')}>
      ${series.map((one) => {
        const off = hidden.includes(one.key);
        const value = at === null ? null : one.values[at];
        return html`<li key=${one.key}><button type="button" aria-pressed=${String(!off)} onClick=${() => toggle(one.key)}>
          <svg class=${`swatch ${one.color}`} width="22" height="8" aria-hidden="true"><line x1="0" y1="4" x2="22" y2="4" stroke-width=${stack ? 8 : 2.5} stroke-dasharray=${stack ? undefined : one.dash?.join(' ')} /></svg>
          <span>${one.label}</span>${at !== null && html`<b class="num">${value === null || value === undefined ? '–' : format(value)}</b>`}</button></li>`;
      })}
      ${at !== null && html`<li class="quiet">${time(x[at])}</li>`}
    </ul>
  </figure>`;
}

/** @param {ChartProps & {format: (value: number) => string}} props */
function ChartTable({ title, series, x, format }) {
  const step = Math.max(1, Math.ceil(x.length / TABLE_ROWS));
  const places = Array.from({ length: Math.floor(x.length / step) }, (_, index) => x.length - 1 - index * step);
  return html`<div class="chart-table" tabIndex="0" role="region" aria-label=${title}><table>
    <thead><tr><th scope="col">${t('data.time')}</th>${series.map((one) => html`<th scope="col" class="end" key=${one.key}>${one.label}</th>`)}</tr></thead>
    <tbody>${places.map((place) => html`<tr key=${x[place]}><th scope="row">${time(x[place])}</th>
      ${series.map((one) => html`<td class="end" key=${one.key}>${one.values[place] === null || one.values[place] === undefined ? '–' : format(/** @type {number} */ (one.values[place]))}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** What uPlot draws. @param {ChartProps & {onAt: (at: number | null) => void}} props */
function Plot(props) {
  const { series, x, stack, height = 180 } = props;
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef(props);
  latest.current = props;
  const theme = useTheme();
  const shape = series.map((one) => `${one.key}:${one.color}:${one.label}`).join(' ');
  const data = () => [Float64Array.from(latest.current.x, (ms) => ms / 1000), ...(stack ? stacked(latest.current.series) : latest.current.series.map((one) => one.values))];
  useEffect(() => {
    let gone = false;
    const element = place.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    import('../vendor/uplot.mjs').then(({ default: UPlot }) => {
      if (gone) return;
      const options = optionsOf(latest, element.clientWidth, height);
      plot.current = new UPlot(/** @type {any} */ (options), /** @type {any} */ (data()), element);
      observer.observe(element);
    });
    return () => { gone = true; observer.disconnect(); plot.current?.destroy(); plot.current = null; };
  }, [theme, shape, stack, height]);
  useEffect(() => { plot.current?.setData(data()); }, [x, series]);
  return html`<div ref=${place} class="plot" style=${{ height: `${height}px` }}></div>`;
}
