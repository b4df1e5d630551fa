/** Names and texts of DNS as people read them. Everything from DNS is text of strangers: control and bidi characters are shown. */

/** What would hide or turn round what stands beside it. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * A text with what cannot be seen written out.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * A name as it is shown: escaped, and what follows `xn--` also in the letters that it stands for.
 * @param {string|null|undefined} name
 * @returns {string} `bücher.example (xn--bcher-kva.example)`
 */
export function shown(name) {
  if (name === null || name === undefined) return '';
  const text = visible(name);
  const unicode = unicodeName(name);
  return unicode === null ? text : `${visible(unicode)} (${text})`;
}

/**
 * The letters of a name with A-labels; null: it has none, or they stand for nothing sound.
 * @param {string} name
 */
export function unicodeName(name) {
  if (!/(^|\.)xn--/i.test(name)) return null;
  const letters = (/** @type {string} */ label) => {
    const text = decodePunycode(label.slice(4).toLowerCase());
    return text === null || text === '' || visible(text) !== text || /^[\x00-\x7f]*$|\s|\./.test(text) ? label : text;
  };
  const labels = name.split('.').map((label) => (/^xn--/i.test(label) ? letters(label) : label));
  const text = labels.join('.');
  return text === name ? null : text;
}

/**
 * Punycode (RFC 3492 6.2).
 * @param {string} text
 * @returns {string|null}
 */
export function decodePunycode(text) {
  const cut = text.lastIndexOf('-');
  const points = cut < 0 ? [] : [...text.slice(0, cut)].map((char) => char.charCodeAt(0));
  let [n, i, bias] = [128, 0, 72];
  for (let at = cut + 1; at < text.length;) {
    const before = i;
    for (let [weight, k] = [1, 36]; ; k += 36) {
      const digit = digitOf(text.charCodeAt(at++));
      if (digit < 0 || i > 0x7fffffff) return null;
      i += digit * weight;
      const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    const length = points.length + 1;
    bias = adapt(i - before, length, before === 0);
    n += Math.floor(i / length);
    i %= length;
    if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) return null;
    points.splice(i++, 0, n);
  }
  return String.fromCodePoint(...points);
}

/** @param {number} code */
function digitOf(code) {
  if (code >= 97 && code <= 122) return code - 97;
  return code >= 48 && code <= 57 ? code - 22 : -1;
}

/**
 * @param {number} delta
 * @param {number} length
 * @param {boolean} first
 */
function adapt(delta, length, first) {
  let value = first ? Math.floor(delta / 700) : delta >> 1;
  value += Math.floor(value / length);
  let k = 0;
  for (; value > 455; k += 36) value = Math.floor(value / 35);
  return k + Math.floor((36 * value) / (value + 38));
}

/** A name with the dot at its end. @param {string} name */
export const dotted = (name) => (/(^|[^\\])(\\\\)*\.$/.test(name) ? name : `${name}.`);

/** A name without it, but for the root. @param {string} name */
export const undotted = (name) => (name === '.' ? name : dotted(name).slice(0, -1));

/**
 * A name that may be written as in its zone: `@`, `www`; with the zone's name at its end it is whole, with or without the dot.
 * @param {string} name
 * @param {string} zone
 */
export function absolute(name, zone) {
  const apex = dotted(zone);
  if (name === '@') return apex;
  if (dotted(name) === name || apex === '.') return dotted(name);
  return relative(name, apex) === dotted(name) ? `${name}.${apex}` : dotted(name);
}

/**
 * A name as seen from its zone: `@`, `www`; what is not in the zone stays whole.
 * @param {string} name
 * @param {string} zone
 */
export function relative(name, zone) {
  const [full, apex] = [dotted(name), dotted(zone)];
  if (full.toLowerCase() === apex.toLowerCase()) return '@';
  if (apex === '.') return full.slice(0, -1);
  return full.toLowerCase().endsWith(`.${apex.toLowerCase()}`) ? full.slice(0, -apex.length - 1) : full;
}
