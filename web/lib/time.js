/**
 * Ranges of time: `15m`, `24h`, `7d` back from now, `today`, `yesterday`, or two times `A..B`. A relative range freezes
 * into two times when somebody pages.
 */

/** @typedef {{from: number, to: number, relative: boolean}} Range milliseconds since 1970 */
/** @typedef {{error: 'form'|'order'|'future', offset: number}} RangeError */

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * @param {string} text `15m`; what `5m` is in milliseconds, or null
 */
export function span(text) {
  const parts = /^(\d{1,6})\s*([smhdw])$/i.exec(text.trim());
  if (!parts) return null;
  const value = Number(parts[1]) * UNITS[/** @type {keyof typeof UNITS} */ ((parts[2] ?? 'm').toLowerCase())];
  return value > 0 ? value : null;
}

/** @param {number} now @param {number} days */
function midnight(now, days) {
  const at = new Date(now);
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() + days);
  return at.getTime();
}

/**
 * A time: milliseconds, RFC 3339, `2025-11-20 12:03`, `12:03` of today, or `now`; null: none of them.
 * @param {string} text
 * @param {number} [now]
 */
export function parseTime(text, now = Date.now()) {
  const clean = text.trim();
  if (clean === 'now') return now;
  if (/^\d{12,14}$/.test(clean)) return Number(clean);
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(clean);
  if (clock) {
    const [hour, minute, second] = [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)];
    if (hour > 23 || minute > 59 || second > 59) return null;
    const at = new Date(now);
    at.setHours(hour, minute, second, 0);
    return at.getTime();
  }
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(clean)) return null;
  const at = Date.parse(clean.length === 10 ? `${clean}T00:00:00` : clean.replace(' ', 'T'));
  return Number.isNaN(at) ? null : at;
}

/**
 * @param {string} text
 * @param {number} [now]
 * @returns {Range|RangeError}
 */
export function parseRange(text, now = Date.now()) {
  const clean = text.trim().toLowerCase();
  if (clean === 'today') return { from: midnight(now, 0), to: now, relative: true };
  if (clean === 'yesterday') return { from: midnight(now, -1), to: midnight(now, 0), relative: true };
  const back = span(clean);
  if (back !== null) return { from: now - back, to: now, relative: true };
  const cut = text.indexOf('..');
  if (cut < 0) return { error: 'form', offset: 0 };
  const from = parseTime(text.slice(0, cut), now);
  if (from === null) return { error: 'form', offset: 0 };
  const rest = text.slice(cut + 2).trim();
  const to = rest === '' ? now : parseTime(rest, now);
  if (to === null) return { error: 'form', offset: cut + 2 };
  if (to <= from) return { error: 'order', offset: cut + 2 };
  if (from > now) return { error: 'future', offset: 0 };
  return { from, to, relative: false };
}

/** @param {Range|RangeError} range @returns {range is RangeError} */
export const isRangeError = (range) => 'error' in range;

/** A time as a field of two shows it: `2025-11-20 12:03:11`. @param {number} at */
export function fieldText(at) {
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const date = new Date(at);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}
