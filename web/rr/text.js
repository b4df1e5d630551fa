/**
 * Record data between its two forms: zone-file text (RFC 1035 5.1, RFC 3597) and the objects of the API. Pure; used by
 * the record form, the diff and the record list.
 */

import { parameter, parameterLine } from './params.js';

/**
 * @typedef {{name: string, json: string, kind: string, expects: string, required: boolean}} FieldDef
 * @typedef {{name: string, number: number, doc: string, source: string, fields: FieldDef[]}} TypeDef
 * @typedef {Record<string, any>} Data One record: the properties that its type says, or `{data: 'HEX'}`.
 * @typedef {{bytes: number[], raw: string, quoted: boolean, start: number}} Token
 */

const encoder = new TextEncoder();
/** Octets of one character string (RFC 1035 3.3). */
const MAX_STRING = 255;

/** What is wrong with a line: a key of the strings, and the column from 0. */
export class TextError extends Error {
  /** @param {string} key @param {number} offset @param {Record<string, string | number>} [values] */
  constructor(key, offset, values = {}) {
    super(key);
    this.key = key;
    this.offset = offset;
    this.values = values;
  }
}

/** Octets of a text in UTF-8. @param {string} text @returns {number} */
export const octets = (text) => encoder.encode(text).length;

/**
 * Cuts a text into pieces of at most 255 octets, between characters.
 * @param {string} text
 * @returns {string[]}
 */
export function splitText(text) {
  const out = [];
  let piece = '';
  let size = 0;
  for (const char of text) {
    const more = octets(char);
    if (size + more > MAX_STRING) {
      out.push(piece);
      piece = '';
      size = 0;
    }
    piece += char;
    size += more;
  }
  out.push(piece);
  return out;
}

/**
 * The pieces as one text, if cutting it gives the same pieces; else null: where the borders are matters.
 * @param {string[]} pieces
 * @returns {string | null}
 */
export function joinTexts(pieces) {
  const text = pieces.join('');
  const again = splitText(text);
  return again.length === pieces.length && again.every((piece, i) => piece === pieces[i]) ? text : null;
}

/** Whether a character must not stand in text as it is: control, bidi and other invisible ones. @param {number} code */
function hides(code) {
  return code < 32 || (code >= 127 && code < 160) || code === 0xad || code === 0x61c || (code >= 0x200b && code <= 0x200f)
    || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code === 0xfeff;
}

/**
 * A text in quotes, with escapes.
 * @param {string} text
 * @returns {string}
 */
export function quote(text) {
  let out = '"';
  for (const char of text) {
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (hides(char.codePointAt(0) ?? 0)) for (const byte of encoder.encode(char)) out += `\\${String(byte).padStart(3, '0')}`;
    else out += char;
  }
  return `${out}"`;
}

/**
 * Splits a line into tokens. Parentheses and comments are taken as in zone files.
 * @param {string} line
 * @returns {Token[]}
 */
export function tokens(line) {
  const out = /** @type {Token[]} */ ([]);
  let at = 0;
  while (at < line.length) {
    const char = line[at];
    if (/[\s()]/.test(char)) at += 1;
    else if (char === ';') throw new TextError('zone.err.semicolon', at);
    else {
      const token = char === '"' ? quoted(line, at) : bare(line, at);
      out.push(token.token);
      at = token.end;
    }
  }
  return out;
}

/** @param {string} line @param {number} start */
function quoted(line, start) {
  const bytes = /** @type {number[]} */ ([]);
  let at = start + 1;
  while (line[at] !== '"') {
    if (at >= line.length) throw new TextError('zone.err.quote', start);
    at = unit(line, at, bytes);
  }
  return { token: { bytes, raw: line.slice(start + 1, at), quoted: true, start }, end: at + 1 };
}

/** @param {string} line @param {number} start */
function bare(line, start) {
  const bytes = /** @type {number[]} */ ([]);
  let at = start;
  while (at < line.length && !/[\s();]/.test(line[at])) {
    if (line[at] === '"') {
      // A value in quotes behind a key: alpn="h2".
      const inner = quoted(line, at);
      bytes.push(...inner.token.bytes);
      at = inner.end;
    } else at = unit(line, at, bytes);
  }
  return { token: { bytes, raw: line.slice(start, at), quoted: false, start }, end: at };
}

/** Appends one character or escape; gives the place behind it. @param {string} line @param {number} at @param {number[]} bytes */
function unit(line, at, bytes) {
  if (line[at] !== '\\') {
    const char = String.fromCodePoint(line.codePointAt(at) ?? 0);
    bytes.push(...encoder.encode(char));
    return at + char.length;
  }
  const digits = /^\d{3}/.exec(line.slice(at + 1, at + 4));
  if (digits) {
    if (Number(digits[0]) > 255) throw new TextError('zone.err.escape', at);
    bytes.push(Number(digits[0]));
    return at + 4;
  }
  if (at + 1 >= line.length || /\d/.test(line[at + 1])) throw new TextError('zone.err.escape', at);
  const char = String.fromCodePoint(line.codePointAt(at + 1) ?? 0);
  bytes.push(...encoder.encode(char));
  return at + 1 + char.length;
}

/** The text of octets. @param {Token} token */
function plain(token) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(token.bytes));
  } catch {
    throw new TextError('zone.err.utf8', token.start);
  }
}

/**
 * A name as written, made whole.
 * @param {string} text `@` is the zone; without a final dot it is relative to it.
 * @param {string} zone
 * @returns {string}
 */
export function whole(text, zone) {
  if (text === '' || text.endsWith('.') && !/\\\.$/.test(text.replace(/\\\\/g, ''))) return text;
  const origin = zone === '.' ? '' : zone;
  return text === '@' ? zone : `${text}.${origin}`;
}

const UNITS = /** @type {Record<string, number>} */ ({ w: 604800, d: 86400, h: 3600, m: 60, s: 1 });

/**
 * Seconds of `3600` or `1h30m`; null: it is neither.
 * @param {string} text
 * @returns {number | null}
 */
export function seconds(text) {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+[wdhms])+$/i.test(text)) return null;
  let sum = 0;
  for (const [, count, by] of text.matchAll(/(\d+)([wdhms])/gi)) sum += Number(count) * UNITS[by.toLowerCase()];
  return sum;
}

/** Whether a field takes everything to the end of the line. @param {FieldDef} field @param {boolean} isLast */
function takesRest(field, isLast) {
  return ['array', 'object'].includes(field.json) || field.kind === 'location'
    || isLast && (field.kind === 'hex' || field.kind === 'base64');
}

/** @param {FieldDef} field */
const isOpaque = (field) => field.expects.startsWith('\\#');

/** The data of `\# LENGTH HEX` (RFC 3597 5). @param {Token[]} list */
function generic(list) {
  const hex = list.slice(2).map((token) => token.raw).join('').toUpperCase();
  const length = Number(list[1]?.raw ?? NaN);
  if (!/^([0-9A-F]{2})*$/.test(hex)) throw new TextError('zone.err.hex', list[2]?.start ?? 0);
  if (length * 2 !== hex.length) throw new TextError('zone.err.length', list[1]?.start ?? 0, { n: hex.length / 2 });
  return { data: hex };
}

/** Text without quotes around it is the whole line, as the API takes it. @param {TypeDef} def @param {string} line */
function bareText(def, line) {
  const text = line.trim();
  if (def.fields.length !== 1 || def.fields[0].kind !== 'texts' || text === '' || /^["(]|^\\#/.test(text)) return null;
  if (text.includes('"')) throw new TextError('zone.err.quote', line.indexOf('"'));
  return { [def.fields[0].name]: splitText(text) };
}

/**
 * The data that a line of zone-file text stands for. What is within fields is left for the server to judge.
 * @param {TypeDef | undefined} def Nothing: a type without fields of its own.
 * @param {string} line
 * @param {string} zone
 * @returns {Data}
 * @throws {TextError}
 */
export function fromText(def, line, zone) {
  const bare = def && bareText(def, line);
  if (bare) return bare;
  const list = tokens(line);
  if (list[0]?.raw === '\\#') return generic(list);
  if (!def || def.fields.some(isOpaque)) throw new TextError('zone.err.generic', 0);
  const data = /** @type {Data} */ ({});
  let at = 0;
  def.fields.forEach((field, i) => {
    const token = list[at];
    if (takesRest(field, i === def.fields.length - 1)) {
      const value = rest(field, list.slice(at), zone);
      if (value === undefined && field.required) throw missing(field, line);
      if (value !== undefined) data[field.name] = value;
      at = list.length;
    } else if (skips(field, token)) {
      // It is not there.
    } else if (!token) {
      if (field.required) throw missing(field, line);
    } else {
      data[field.name] = single(field, token, zone);
      at += 1;
    }
  });
  if (at < list.length) throw new TextError('zone.err.more', list[at].start);
  return data;
}

/** @param {FieldDef} field @param {string} line */
const missing = (field, line) => new TextError('zone.err.missing', line.length, { field: field.name });

/** An address that the length before it leaves out. @param {FieldDef} field @param {Token | undefined} token */
const skips = (field, token) => field.kind === 'ipv6' && !field.required && !token?.raw.includes(':');

/** @param {FieldDef} field @param {Token} token @param {string} zone */
function single(field, token, zone) {
  switch (field.kind) {
    case 'number':
      if (!/^\d+$/.test(token.raw)) throw new TextError('zone.err.number', token.start, { field: field.name });
      return Number(token.raw);
    case 'mnemonic':
      return /^\d+$/.test(token.raw) ? Number(token.raw) : token.raw;
    case 'duration': {
      const value = seconds(token.raw);
      if (value === null) throw new TextError('zone.err.duration', token.start, { field: field.name });
      return value;
    }
    case 'boolean':
      if (!/^[01]$/.test(token.raw)) throw new TextError('zone.err.number', token.start, { field: field.name });
      return token.raw === '1';
    case 'name':
      return whole(token.raw, zone);
    case 'text':
      return plain(token);
    default:
      return token.raw;
  }
}

/** @param {FieldDef} field @param {Token[]} list @param {string} zone */
function rest(field, list, zone) {
  if (field.kind === 'service_parameters') return Object.fromEntries(list.map((token) => parameter(plain(token))));
  if (field.json !== 'array') {
    const text = list.map((token) => token.raw).join(field.kind === 'location' ? ' ' : '');
    if (text === '-' && field.kind === 'base64') return '';
    return list.length ? text : undefined;
  }
  if (field.kind === 'texts') return list.length ? list.map(plain) : undefined;
  if (field.kind === 'names') return list.map((token) => whole(token.raw, zone));
  if (field.kind === 'ports') return list.map((token) => /^\d+$/.test(token.raw) ? Number(token.raw) : token.raw);
  return list.map((token) => token.raw);
}

/**
 * The zone-file text of data.
 * @param {TypeDef | undefined} def
 * @param {Data} data
 * @returns {string}
 */
export function toText(def, data) {
  if (typeof data === 'string') return data;
  const isGeneric = Object.keys(data).length === 1 && typeof data.data === 'string';
  if (!def || isGeneric) {
    const hex = String(data.data ?? '').replace(/\s/g, '').replace(/^\\#\d*/, '');
    return `\\# ${hex.length / 2}${hex ? ` ${hex}` : ''}`;
  }
  const parts = def.fields.map((field) => fieldText(field, data[field.name]));
  return parts.filter((part) => part !== '').join(' ');
}

/**
 * The text of one field; empty: it is not there.
 * @param {FieldDef} field
 * @param {any} value
 * @returns {string}
 */
export function fieldText(field, value) {
  if (value === undefined || value === null) return '';
  switch (field.kind) {
    case 'text':
      return field.name === 'tag' ? value : quote(String(value));
    case 'texts':
      return list(value).flatMap(splitText).map(quote).join(' ');
    case 'boolean':
      return value ? '1' : '0';
    case 'service_parameters':
      return Object.entries(value).map((entry) => parameterLine(entry, quote)).join(' ');
    default:
      return Array.isArray(value) ? value.join(' ') : String(value);
  }
}

/** @param {any} value @returns {string[]} */
const list = (value) => Array.isArray(value) ? value.map(String) : [String(value)];

/**
 * A name in a line that looks whole, but is relative since it has no final dot: as written, and what it means.
 * @param {TypeDef | undefined} def @param {string} line @param {string} zone
 * @returns {{written: string, name: string} | null}
 */
export function relativeName(def, line, zone) {
  const fields = def?.fields.filter((field) => field.kind === 'name') ?? [];
  if (!fields.length || zone === '.') return null;
  const [data, rooted] = [fromText(def, line, zone), fromText(def, line, '.')];
  for (const { name } of fields) {
    const written = String(rooted[name] ?? '').slice(0, -1);
    if (data[name] !== rooted[name] && /[^\\]\../.test(written)) return { written, name: data[name] };
  }
  return null;
}

/**
 * Data as it is for a new record: what can be left out is not there.
 * @param {TypeDef | undefined} def
 * @returns {Data}
 */
export function blank(def) {
  if (!def) return { data: '' };
  const empty = /** @type {Record<string, any>} */ ({ array: [], object: {}, boolean: false, number: 0, string: '' });
  const fields = def.fields.filter((field) => field.required || field.json === 'object' || field.json === 'array');
  return Object.fromEntries(fields.map((field) => [field.name, structuredClone(field.kind === 'texts' ? [''] : empty[field.json])]));
}

/** Whether two records are the same, whatever the order of their properties. @param {any} a @param {any} b @returns {boolean} */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => same(a[key], b[key]));
}
