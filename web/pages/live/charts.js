// The two charts of the live view: queries a second, and response times by the way of the answer. Used by pages/live.js.
import { html, useState } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { ms, num } from '../../lib/format.js';
import { Chart } from '../../ui/chart.js';
import { Choice } from './choice.js';
import { CODES, PATHS, SOURCES, mean, most, thinned } from './figures.js';

/** Areas by how answers came about, or by code. @param {{store: ReturnType<typeof import('./figures.js').createFigures>, onRange: (from: number, to: number) => void}} props */
export function RateChart({ store, onRange }) {
  const figures = store.shown.value;
  const [by, setBy] = useState('source');
  const { x, columns } = figures;
  const parts = by === 'source' ? SOURCES : CODES;
  const few = thinned(figures, [...parts.map(([key]) => `${by}.${key}`), 'qps']);
  const series = parts.map(([key, color]) => ({ key, color, label: t(`live.${by}.${key}`), values: few.columns[`${by}.${key}`] })).filter((one) => most(one.values) > 0);
  const summary = x.length ? t('live.rateSummary', { mean: num(mean(columns.qps)), most: num(most(few.columns.qps)) }) : t('live.noFigures');
  return html`<${Chart} title=${t('live.rate')} series=${series.length ? series : [{ key: 'none', color: 'c0', label: t('live.answers'), values: few.columns.qps }]} x=${few.x} summary=${summary} stack sync="live" onRange=${onRange}
    actions=${html`<${Choice} label=${t('live.rate')} value=${by} options=${[['source', t('live.bySource')], ['code', t('live.byCode')]]} onChange=${setBy} />`} />`;
}

const DASHES = /** @type {Record<string, number[] | undefined>} */ ({ p50: undefined, p95: [6, 3], p99: [2, 3] });

/** Lines for one way at a time, since they differ by factors of thousand. @param {{store: ReturnType<typeof import('./figures.js').createFigures>, onRange: (from: number, to: number) => void}} props */
export function TimeChart({ store, onRange }) {
  const figures = store.shown.value;
  const [path, setPath] = useState('resolved');
  const { x, columns } = figures;
  const levels = /** @type {[string, string][]} */ ([['p50', 'c3'], ['p95', 'c2'], ['p99', 'c4']]);
  const keys = levels.map(([level]) => `${path}.${level}`);
  const few = thinned(figures, keys, { worst: true });
  const series = levels.map(([level, color]) => ({ key: level, color, label: level, dash: DASHES[level], values: few.columns[`${path}.${level}`] }));
  const has = x.length > 0 && series.some((one) => one.values.some((value) => value !== null));
  const summary = has ? t('live.timeSummary', { p50: ms(mean(columns[`${path}.p50`])), p99: ms(most(columns[`${path}.p99`])) }) : t('live.noTimes');
  return html`<${Chart} title=${t('live.times')} series=${series} x=${few.x} summary=${summary} sync="live" onRange=${onRange} format=${(/** @type {number} */ value) => ms(value)}
    actions=${html`<${Choice} label=${t('live.times')} value=${path} options=${PATHS.map((key) => [key, t(`live.path.${key}`)])} onChange=${setPath} />`} />`;
}
