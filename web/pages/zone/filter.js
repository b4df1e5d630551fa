/**
 * The filters of lists of which the server knows a part: what it is asked for, and the condition for the rest. Pure; used by
 * the records of a zone, the list of zones and the changes.
 */
import { cutTerms, termKey } from '../../lib/terms.js';

/**
 * @typedef {{key: string, minus: boolean, values: string[], text: string}} Term
 */

/** @param {string} filter @returns {Term[]} */
export function terms(filter) {
  return cutTerms(filter).map((term) => {
    const { minus, key, rest } = termKey(term.text);
    const bare = rest.replace(/^"(.*)"$/, '$1');
    return { key, minus: minus === '-', values: bare.split(',').filter((value) => value !== ''), text: bare };
  }).filter((term) => term.values.length > 0);
}

/** A pattern with `*` in it, as a condition on text. @param {string} pattern @returns {(text: string) => boolean} */
export function like(pattern) {
  const source = pattern.toLowerCase().split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*');
  const regex = new RegExp(`^${source}$`, 's');
  return (text) => regex.test(text.toLowerCase());
}

/** @param {string} text `<300`, `>=60`, `300` @returns {((value: number) => boolean) | null} */
export function compare(text) {
  const match = /^(<=|>=|<|>|)(\d+)$/.exec(text);
  if (!match) return null;
  const bound = Number(match[2]);
  const ways = /** @type {Record<string, (value: number) => boolean>} */ ({
    '<': (value) => value < bound, '>': (value) => value > bound, '<=': (value) => value <= bound, '>=': (value) => value >= bound, '': (value) => value === bound,
  });
  return ways[match[1]];
}

/**
 * A condition on items from terms. Keys that are not known make an error, with the term.
 * @template T
 * @param {Term[]} list
 * @param {Record<string, (item: T, value: string) => boolean>} ways What each key compares; '' is bare text.
 * @returns {{fits: (item: T) => boolean, unknown: Term | null}}
 */
export function condition(list, ways) {
  const unknown = list.find((term) => !(term.key in ways)) ?? null;
  const known = list.filter((term) => term.key in ways);
  return { fits: (item) => known.every((term) => term.values.some((value) => ways[term.key](item, value)) !== term.minus), unknown };
}

/** The longest text that whatever fits a pattern has in it; '' if none is sure. @param {string} pattern */
export function literal(pattern) {
  const parts = pattern.replace(/\.$/, '').split('*').filter((part) => /^[^\s@"\\]+$/.test(part));
  const longest = parts.reduce((one, other) => (other.length > one.length ? other : one), '');
  return longest.length > 255 ? '' : longest;
}

/** Whether the server may be asked for a term by itself. @param {Term} term */
const isPlain = (term) => !term.minus && term.values.length === 1;

/** @typedef {import('./model.js').Rrset} Rrset */
/** @typedef {{name?: string, type?: string, contains?: string, ttl_min?: number, ttl_max?: number}} RrsetParams */

/** The bounds of a term on the TTL. @param {RrsetParams} params @param {string} text */
function boundTtl(params, text) {
  const [, sign, digits] = /^(<=|>=|<|>|)(\d{1,9})$/.exec(text) ?? [];
  if (digits === undefined) return false;
  const bound = Number(digits);
  if (sign === '<' && bound === 0) return false;
  if (sign !== '<' && sign !== '<=') params.ttl_min = Math.max(params.ttl_min ?? 0, sign === '>' ? bound + 1 : bound);
  if (sign !== '>' && sign !== '>=') params.ttl_max = Math.min(params.ttl_max ?? Infinity, sign === '<' ? bound - 1 : bound);
  return true;
}

/**
 * What a filter of records asks of the server, and what is left to do here.
 * @param {string} filter
 * @param {{relative: (name: string) => string, text: (rrset: Rrset) => string}} help
 * @returns {{params: RrsetParams, from: string | null, fits: ((rrset: Rrset) => boolean) | null, here: (rrset: Rrset) => boolean, unknown: Term | null}}
 *   `fits`: the rest, null if there is none; `here`: all of it, for what the server does not have
 */
export function recordFilter(filter, { relative, text }) {
  const params = /** @type {RrsetParams} */ ({});
  let from = /** @type {string | null} */ (null);
  const all = terms(filter).filter((term) => {
    if (term.key === 'from' && isPlain(term)) from = term.text;
    return term.key !== 'from' || !isPlain(term);
  });
  const rest = all.filter((term) => {
    if (!isPlain(term)) return true;
    const isExact = !term.text.includes('*');
    if (term.key === '' && !params.contains) params.contains = term.text;
    else if (term.key === 'name' && isExact && !params.name) params.name = term.text;
    else if (term.key === 'type' && isExact && !params.type) params.type = term.text.toUpperCase();
    else if (term.key !== 'ttl' || !boundTtl(params, term.text)) return true;
    return false;
  });
  // Of a pattern the server can look for a part.
  const part = rest.find((term) => isPlain(term) && (term.key === 'name' || term.key === 'data') && literal(term.text));
  if (part && !params.contains) params.contains = literal(part.text);
  const names = (/** @type {Rrset} */ { name }) => [name.replace(/\.$/, ''), relative(name)];
  const ways = /** @type {Record<string, (item: Rrset, value: string) => boolean>} */ ({
    '': (rrset, value) => `${rrset.name} ${rrset.unicode ?? ''}\n${text(rrset)}`.toLowerCase().includes(value.toLowerCase()),
    name: (rrset, value) => names(rrset).some(like(value.replace(/\.$/, ''))),
    type: (rrset, value) => like(value)(rrset.type),
    ttl: (rrset, value) => compare(value)?.(rrset.ttl) ?? false,
    data: (rrset, value) => text(rrset).toLowerCase().includes(value.toLowerCase()) || like(value)(text(rrset)),
  });
  const { fits: here, unknown } = condition(all, ways);
  return { params, from, fits: rest.length ? condition(rest, ways).fits : null, here, unknown };
}

/** States by which the server searches zones. */
const STATES = ['serving', 'elsewhere', 'waiting', 'expired', 'failing'];

/**
 * What a filter of zones asks of the server, and the terms that are left to do here.
 * @param {string} filter
 * @returns {{params: {contains?: string, kind?: string, state?: string}, rest: Term[]}}
 */
export function zoneFilter(filter) {
  const params = /** @type {{contains?: string, kind?: string, state?: string}} */ ({});
  const rest = terms(filter).filter((term) => {
    if (!isPlain(term)) return true;
    const value = term.text.toLowerCase();
    if (term.key === '' && !params.contains) params.contains = term.text;
    else if (term.key === 'kind' && !params.kind && ['primary', 'secondary'].includes(value)) params.kind = value;
    else if (term.key === 'state' && !params.state && STATES.includes(value)) params.state = value;
    else if (term.key === 'findings' && !params.state && value === 'yes') params.state = 'findings';
    else return true;
    return false;
  });
  const part = rest.find((term) => isPlain(term) && term.key === 'name' && literal(term.text));
  if (part && !params.contains) params.contains = literal(part.text);
  return { params, rest };
}
