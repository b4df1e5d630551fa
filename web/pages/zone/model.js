/**
 * Changes of a zone that are not made yet, as plain data: how they look in a draft, in the list of records, and beside
 * what others did. No requests here; used by draft.js and the parts of the zone page.
 */
import { absolute } from '../../lib/dns.js';
import { same } from '../../rr/text.js';

/**
 * @typedef {{name: string, type: string, ttl: number, records: any[], unicode?: string}} Rrset
 * @typedef {{zone: string, op: 'replace' | 'delete' | 'add', name: string, type: string, ttl?: number, records?: any[]}} Change
 * @typedef {{name: string, type: string, ttl: number, data: any}} DiffRecord
 * @typedef {{zone: string, action: string, from: number | null, to: number | null, removed: DiffRecord[], added: DiffRecord[],
 *   truncated: boolean, settings_before?: any, settings_after?: any}} ZoneDiff
 * @typedef {Rrset & {key: string, state: 'same' | 'changed' | 'added' | 'removed', was?: Rrset}} Row
 * @typedef {{key: string, base: Rrset | null, theirs: Rrset | null, mine: Change, who: string}} Clash
 */

/** What tells RRsets apart. @param {string} name @param {string} type @param {string} [zone] @returns {string} */
export const keyOf = (name, type, zone = '') => `${zone}|${name.toLowerCase()}|${type}`;

/** @param {Change} change @returns {string} */
export const changeKey = (change) => keyOf(change.name, change.type, change.zone);

/** Whether two lists have the same records, in any order. @param {any[]} a @param {any[]} b @returns {boolean} */
export const sameRecords = (a, b) => a.length === b.length && a.every((one) => b.some((other) => same(one, other)));

/** Whether a change leaves an RRset as it is. @param {Change} change @param {Rrset | null | undefined} now @returns {boolean} */
export function isNothing(change, now) {
  if (change.op === 'delete') return !now;
  return !!now && change.op === 'replace' && change.ttl === now.ttl && sameRecords(change.records ?? [], now.records);
}

/**
 * The steps of a draft.
 * @param {Iterable<Change>} changes
 * @param {string} zone The zone whose serial is known.
 * @param {number | null} base Its serial when the changes were written.
 * @returns {any[]}
 */
export function toSteps(changes, zone, base) {
  const steps = /** @type {Map<string, any>} */ (new Map());
  for (const { zone: of, ...change } of changes) {
    const step = steps.get(of) ?? { zone: of, action: 'edit', changes: [] };
    if (of === zone && base !== null) step.if_serial = base;
    step.changes.push(change);
    steps.set(of, step);
  }
  return [...steps.values()];
}

/**
 * What a draft has. Others may have written it, with names as they stand in zone files.
 * @param {any[]} steps
 * @param {string} zone
 * @returns {{changes: Map<string, Change>, base: number | null}}
 */
export function fromSteps(steps, zone) {
  const all = steps.flatMap((step) => (step.changes ?? []).map((/** @type {any} */ change) => ({ ...change, name: absolute(change.name, step.zone), type: change.type.toUpperCase(), zone: step.zone })));
  const base = steps.find((step) => step.zone === zone)?.if_serial ?? null;
  return { changes: new Map(all.map((change) => [changeKey(change), change])), base };
}

/**
 * The canonical order of names (RFC 4034 6.1), near enough to put new rows where they belong.
 * @param {string} name
 * @returns {string}
 */
const place = (name) => (name.toLowerCase().replace(/\.$/, '').match(/(?:\\.|[^.\\])+/g) ?? []).reverse().join('\u0001');

/** @param {{name: string, type: string}} a @param {{name: string, type: string}} b */
const order = (a, b) => {
  const [x, y] = [place(a.name), place(b.name)];
  return x < y ? -1 : x > y ? 1 : 0;
};

/**
 * A page of RRsets with the changes of a draft in it. What is new stands where it would be; on a page that is not the
 * last, what comes behind it is left for the next.
 * @param {Rrset[]} page
 * @param {Iterable<Change>} changes
 * @param {{zone: string, isFirst: boolean, isLast: boolean, fits?: (row: Rrset) => boolean}} where
 * @returns {Row[]}
 */
export function toRows(page, changes, { zone, isFirst, isLast, fits = () => true }) {
  const mine = new Map([...changes].filter((change) => change.zone === zone).map((change) => [keyOf(change.name, change.type), change]));
  const rows = page.map((rrset) => {
    const key = keyOf(rrset.name, rrset.type);
    const change = mine.get(key);
    mine.delete(key);
    return changed(key, rrset, change);
  });
  const [first, last] = [page[0], page[page.length - 1]];
  for (const [key, change] of mine) {
    const row = /** @type {Row} */ ({ key, name: change.name, type: change.type, ttl: change.ttl ?? 3600, records: change.records ?? [], state: 'added' });
    const before = !isFirst && first && order(row, first) < 0;
    const behind = !isLast && last && order(row, last) > 0;
    if (change.op === 'delete' || before || behind || !fits(row)) continue;
    const at = rows.findIndex((other) => order(other, row) > 0);
    rows.splice(at < 0 ? rows.length : at, 0, row);
  }
  return rows;
}

/** @param {string} key @param {Rrset} rrset @param {Change | undefined} change @returns {Row} */
function changed(key, rrset, change) {
  if (!change) return { ...rrset, key, state: 'same' };
  if (change.op === 'delete') return { ...rrset, key, state: 'removed', was: rrset };
  const records = change.op === 'add' ? [...rrset.records, ...(change.records ?? [])] : change.records ?? [];
  return { ...rrset, key, ttl: change.ttl ?? rrset.ttl, records, state: 'changed', was: rrset };
}

/** The keys of RRsets that differences touch. @param {ZoneDiff[]} diffs @returns {Set<string>} */
export function touched(diffs) {
  const records = diffs.flatMap((diff) => [...diff.removed, ...diff.added]);
  return new Set(records.map((record) => keyOf(record.name, record.type)));
}

/**
 * An RRset before changes, from what it is now.
 * @param {Rrset | null} now
 * @param {string} key
 * @param {ZoneDiff[]} diffs The changes, the latest first.
 * @returns {Rrset | null}
 */
export function before(now, key, diffs) {
  let rrset = now;
  for (const diff of diffs) {
    const of = (/** @type {DiffRecord[]} */ list) => list.filter((record) => keyOf(record.name, record.type) === key);
    const [gone, came] = [of(diff.removed), of(diff.added)];
    if (!gone.length && !came.length) continue;
    const kept = (rrset?.records ?? []).filter((data) => !came.some((record) => same(record.data, data)));
    const records = [...kept, ...gone.map((record) => record.data)];
    const { name, type } = gone[0] ?? came[0];
    rrset = records.length ? { name, type, ttl: gone[0]?.ttl ?? rrset?.ttl ?? 0, records } : null;
  }
  return rrset;
}

/**
 * What a change makes of an RRset.
 * @param {Change} change
 * @returns {Rrset | null}
 */
export const result = (change) => change.op === 'delete' ? null
  : { name: change.name, type: change.type, ttl: change.ttl ?? 3600, records: change.records ?? [] };

/**
 * Searches a list page by page with a condition that the server does not know, until enough is found or read.
 * @template T
 * @param {(after: string | null) => Promise<{items: T[], next: string | null}>} load
 * @param {(item: T) => boolean} fits
 * @param {{after: string | null, want?: number, pages?: number}} bounds
 * @returns {Promise<{items: T[], next: string | null, read: number}>}
 */
export async function scan(load, fits, { after, want = 100, pages = 5 }) {
  const items = /** @type {T[]} */ ([]);
  let read = 0;
  let next = after;
  for (let i = 0; i < pages; i += 1) {
    const page = await load(next);
    read += page.items.length;
    items.push(...page.items.filter(fits));
    next = page.next;
    if (next === null || items.length >= want) break;
  }
  return { items, next, read };
}
