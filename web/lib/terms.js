// Terms of a filter as text: where they begin, and how they are put together. Used by filterbar.js; what they mean, the server says.

/** @typedef {{text: string, start: number, end: number}} Term */

/**
 * The terms of a filter: they have spaces between them, but for those in quotes and behind backslashes.
 * @param {string} text
 * @returns {Term[]}
 */
export function cutTerms(text) {
  /** @type {Term[]} */
  const out = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at])) { at += 1; continue; }
    const start = at;
    let quoted = false;
    while (at < text.length && (quoted || !/\s/.test(text[at]))) {
      if (text[at] === '\\') at += 1;
      else if (text[at] === '"') quoted = !quoted;
      at += 1;
    }
    at = Math.min(at, text.length);
    out.push({ text: text.slice(start, at), start, end: at });
  }
  return out;
}

/** @param {string[]} terms */
export const joinTerms = (terms) => [...new Set(terms)].join(' ');

/**
 * Which term is at a place, or ends before it; -1: none.
 * @param {Term[]} terms @param {number} at
 */
export function termAt(terms, at) {
  for (let index = terms.length - 1; index >= 0; index -= 1) if (terms[index].start <= at) return index;
  return terms.length ? 0 : -1;
}

/**
 * A term that is being typed: its minus, its key if there is a colon, and what is behind.
 * @param {string} text
 */
export function termKey(text) {
  const minus = text.startsWith('-') ? '-' : '';
  const match = /^([A-Za-z_]+):(.*)$/s.exec(text.slice(minus.length));
  return match ? { minus, key: match[1].toLowerCase(), rest: match[2] } : { minus, key: '', rest: text.slice(minus.length) };
}

/**
 * A value as a filter takes it: in quotes, or with backslashes, where it has characters with a meaning.
 * @param {string} value
 */
export function valueText(value) {
  if (!/[\s,"*<>\\]/.test(value) && value !== '') return value;
  return `"${value.replace(/["\\]/g, (found) => `\\${found}`)}"`;
}

/**
 * A name as a filter takes it: its escapes are those of filters already.
 * @param {string} name
 */
export const nameValue = (name) => (name === '' ? '.' : name.replace(/\\(?:\d{3}|.)|[\s,*<>:"]/gs, (found) => (found.startsWith('\\') ? found : `\\${found}`)));
