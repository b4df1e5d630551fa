// A span of time: presets that go on with the clock, or two moments; earlier, later, shorter, longer. Used by queries and live view.
import { html, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { dateTime } from '../lib/format.js';
import { isRangeError, parseRange } from '../lib/time.js';
import { IconButton } from './button.js';
import { Lazy } from './lazy.js';

/** @typedef {{from: number | null, to: number | null}} Span milliseconds; null: open */

const HOUR_MS = 3_600_000;
const PRESETS = ['15m', '1h', '24h', '7d'];

/**
 * The moments of a text. A preset has no end: it goes on with the clock.
 * @param {string} text @param {number} [now]
 * @returns {Span}
 */
export function spanOf(text, now = Date.now()) {
  const got = parseRange(text, now);
  if (isRangeError(got)) return { from: now - HOUR_MS, to: null };
  const isOpen = (got.relative && text !== 'yesterday') || text.endsWith('..');
  return { from: got.from, to: isOpen ? null : got.to };
}

/** Two moments as a text. @param {number | null} from @param {number | null} to */
export function rangeText(from, to) {
  const text = (/** @type {number | null} */ at) => (at === null ? '' : new Date(Math.round(at)).toISOString().replace('.000Z', 'Z'));
  return `${text(from)}..${text(to)}`;
}

/**
 * A span moved, or made longer or shorter around its middle.
 * @param {Span} span @param {'earlier' | 'later' | 'in' | 'out'} how @param {number} now
 * @returns {Span}
 */
export function changed(span, how, now) {
  const to = span.to ?? now;
  const from = span.from ?? to - HOUR_MS;
  const length = Math.max(1000, to - from);
  if (how === 'earlier') return { from: from - length, to: to - length };
  if (how === 'later') return to + length >= now ? { from: now - length, to: now } : { from: from + length, to: to + length };
  const next = how === 'in' ? length / 4 : length;
  const end = how === 'in' ? to - next : Math.min(now, to + next / 2);
  return { from: how === 'in' ? from + next : end - 2 * length, to: end };
}

/** A span in words. @param {string} value */
export function rangeWords(value) {
  if (PRESETS.includes(value)) return t(`data.range${value}`);
  const { from, to } = spanOf(value);
  return `${dateTime(from)} – ${to === null ? '…' : dateTime(to)}`;
}

/**
 * @param {{value: string, onChange: (text: string) => void, presets?: string[]}} props
 */
export function TimeRange({ value, onChange, presets = PRESETS }) {
  const [open, setOpen] = useState(false);
  const isPreset = presets.includes(value);
  const span = spanOf(value);
  /** @param {'earlier' | 'later' | 'in' | 'out'} how */
  const change = (how) => {
    const next = changed(span, how, Date.now());
    onChange(rangeText(next.from, next.to));
  };
  return html`<div class="timerange" role="group" aria-label=${t('data.rangeOf')}>
    <select class="input select" aria-label=${t('data.rangeOf')} value=${isPreset ? value : 'own'} onChange=${(/** @type {any} */ event) => {
      const next = event.currentTarget.value;
      if (next === 'custom') { setOpen(true); event.currentTarget.value = isPreset ? value : 'own'; } else if (next !== 'own') onChange(next);
    }}>
      ${presets.map((preset) => html`<option key=${preset} value=${preset} selected=${preset === value}>${t(`data.range${preset}`)}</option>`)}
      ${!isPreset && html`<option value="own" selected>${rangeWords(value)}</option>`}
      <option value="custom">${t('data.custom')}</option>
    </select>
    <${IconButton} icon="left" label=${t('data.earlier')} onClick=${() => change('earlier')} />
    <${IconButton} icon="right" label=${t('data.later')} disabled=${span.to === null} onClick=${() => change('later')} />
    <${IconButton} icon="minus" label=${t('data.zoomOut')} onClick=${() => change('out')} />
    <${IconButton} icon="plus" label=${t('data.zoomIn')} onClick=${() => change('in')} />
    ${open && html`<${Lazy} load=${() => import('./timecustom.js')} name="Custom" span=${span} onClose=${() => setOpen(false)} onChange=${onChange} />`}
  </div>`;
}
