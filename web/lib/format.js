/**
 * Numbers, times and sizes as people read them, in the language of the page. Times are those of the browser, or UTC
 * where the settings say so (`utc.value`).
 */

import { html, signal } from '../ui/html.js';
import { locale, t } from './i18n.js';

/** Whether times are UTC; app.js keeps it as in the settings. */
export const utc = signal(false);

/** @type {Map<string, Intl.NumberFormat|Intl.DateTimeFormat|Intl.RelativeTimeFormat>} */
const formats = new Map();

/**
 * @template {Intl.NumberFormat|Intl.DateTimeFormat|Intl.RelativeTimeFormat} T
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
function format(key, make) {
  const full = `${locale.value} ${utc.value} ${key}`;
  let value = formats.get(full);
  if (!value) formats.set(full, (value = make()));
  return /** @type {T} */ (value);
}

/** What stands where there is no value. */
export const NONE = '–';

/** @param {unknown} n */
const missing = (n) => n === null || n === undefined || Number.isNaN(n);

/**
 * A number with separators; below 10 with as many digits as say something.
 * @param {number|null|undefined} n
 * @param {number} [digits] behind the point, at most
 */
export function num(n, digits) {
  if (n === null || n === undefined || Number.isNaN(n)) return NONE;
  const size = Math.abs(n);
  const most = digits ?? (Number.isInteger(n) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return format(`n${most}`, () => new Intl.NumberFormat(locale.value, { maximumFractionDigits: most })).format(n);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** @param {number|null|undefined} n octets */
export function bytes(n) {
  if (n === null || n === undefined) return NONE;
  let [value, unit] = [n, 0];
  while (Math.abs(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${num(value, unit === 0 || Math.abs(value) >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** @param {number|null|undefined} n milliseconds */
export function ms(n) {
  if (n === null || n === undefined) return NONE;
  if (Math.abs(n) >= 10_000) return `${num(n / 1000, 1)} s`;
  return `${num(n, Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2)} ms`;
}

/** @param {number|null|undefined} x 1 is 100 % */
export function pct(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return NONE;
  const size = Math.abs(x * 100);
  const digits = size === 0 || size >= 10 ? 0 : size >= 1 ? 1 : 2;
  return format(`p${digits}`, () => new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: digits })).format(x);
}

/** @typedef {number|string|Date|null|undefined} Instant milliseconds since 1970, or RFC 3339 */

/** @param {Instant} at */
const date = (at) => (at instanceof Date ? at : new Date(/** @type {number|string} */ (at)));

/**
 * @param {string} key
 * @param {Instant} at
 * @param {Intl.DateTimeFormatOptions} options
 */
function written(key, at, options) {
  if (missing(at) || Number.isNaN(date(at).getTime())) return NONE;
  const zone = utc.value ? { timeZone: 'UTC' } : {};
  return format(`d${key}`, () => new Intl.DateTimeFormat(locale.value, { hourCycle: 'h23', ...options, ...zone })).format(date(at));
}

const CLOCK = /** @type {const} */ ({ hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The time of day. @param {Instant} at @param {{fraction?: boolean}} [options] `fraction`: with milliseconds */
export function time(at, { fraction = false } = {}) {
  return fraction ? written('tf', at, { ...CLOCK, fractionalSecondDigits: 3 }) : written('t', at, CLOCK);
}

/** The day. @param {Instant} at */
export const day = (at) => written('day', at, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

/** Day and time, and the zone where it is UTC. @param {Instant} at */
export function dateTime(at) {
  const text = written('dt', at, { day: 'numeric', month: 'short', year: 'numeric', ...CLOCK });
  return utc.value && text !== NONE ? `${text} UTC` : text;
}

/** The name of the zone that times are in. */
export const zoneName = () => (utc.value ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone);

const STEPS = /** @type {const} */ ([[60, 'second'], [60, 'minute'], [24, 'hour'], [30, 'day'], [12, 'month'], [Infinity, 'year']]);

/** How long ago, or in how long. @param {Instant} at @param {number} [now] */
export function ago(at, now = Date.now()) {
  if (missing(at)) return NONE;
  let value = (date(at).getTime() - now) / 1000;
  if (Math.abs(value) < 5) return t('common.now');
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) < size) {
      return format('r', () => new Intl.RelativeTimeFormat(locale.value, { numeric: 'always', style: 'short' })).format(Math.trunc(value), unit);
    }
    value /= size;
  }
  return NONE;
}

/** A span in two units at most: `2 d 3 h`, `4 min 5 s`, `120 ms`. @param {number|null|undefined} span milliseconds */
export function duration(span) {
  if (span === null || span === undefined) return NONE;
  if (Math.abs(span) < 1000) return ms(span);
  const total = Math.round(span / 1000);
  const parts = [[Math.floor(total / 86_400), 'd'], [Math.floor(total / 3600) % 24, 'h'], [Math.floor(total / 60) % 60, 'min'], [total % 60, 's']];
  const first = parts.findIndex(([value]) => value !== 0);
  return parts.slice(first, first + 2).filter(([value]) => value !== 0).map(([value, unit]) => `${num(/** @type {number} */ (value))} ${unit}`).join(' ');
}

/**
 * A time: short in the text, whole in the title.
 * @param {{at: Instant, as?: 'ago'|'time'|'datetime'|'day', fraction?: boolean}} props
 */
export function TimeEl({ at, as = 'ago', fraction = false }) {
  if (missing(at) || Number.isNaN(date(at).getTime())) return html`<span>${NONE}</span>`;
  const text = as === 'ago' ? ago(at) : as === 'time' ? time(at, { fraction }) : as === 'day' ? day(at) : dateTime(at);
  return html`<time datetime=${date(at).toISOString()} title=${`${dateTime(at)} (${zoneName()})`}>${text}</time>`;
}
