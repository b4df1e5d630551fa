/** Several changes taken back by one: what the records have to become. Plain data, no requests; used by revertmany.js. */
import { same } from '../../rr/text.js';
import { isNothing, keyOf } from './model.js';

/**
 * @typedef {import('./model.js').ZoneDiff} ZoneDiff
 * @typedef {import('./model.js').Rrset} Rrset
 * @typedef {import('./model.js').Change} Change
 * @typedef {import('./model.js').DiffRecord} DiffRecord
 * @typedef {{id: number, diff: ZoneDiff}} Done what a change did to a zone
 */

/** What of a SOA record is not its serial. @param {DiffRecord} record */
const withoutSerial = ({ ttl, data }) => ({ ttl, ...data, serial: 0 });

/** Whether a SOA record is another one, not only of another serial. @param {ZoneDiff} diff */
function hasNewSoa({ removed, added }) {
  const of = (/** @type {DiffRecord[]} */ list) => list.filter(({ type }) => type === 'SOA').map(withoutSerial);
  return !same(of(removed), of(added));
}

/** Whether a change can be taken back only by itself: more than records changed, or it is too long to be known. @param {ZoneDiff} diff */
export const isAlone = (diff) => diff.action !== 'edit' || diff.truncated || hasNewSoa(diff);

/** The record sets that changes touch, each once, with its zone. @param {Done[]} done @returns {{zone: string, name: string, type: string}[]} */
export function touchedBy(done) {
  const found = new Map();
  for (const { diff } of done) {
    for (const { name, type } of [...diff.removed, ...diff.added]) if (type !== 'SOA') found.set(keyOf(name, type, diff.zone), { zone: diff.zone, name, type });
  }
  return [...found.values()];
}

/**
 * One step back. Null as `rrset`: there is none; `clash`: something else has changed it since.
 * @param {Rrset | null} rrset @param {ZoneDiff} diff @param {string} key
 * @returns {{rrset: Rrset | null, clash: boolean}}
 */
function stepBack(rrset, diff, key) {
  const of = (/** @type {DiffRecord[]} */ list) => list.filter((record) => keyOf(record.name, record.type, diff.zone) === key);
  const [gone, came] = [of(diff.removed), of(diff.added)];
  const [first] = [...gone, ...came];
  if (!first) return { rrset, clash: false };
  const now = rrset?.records ?? [];
  const kept = now.filter((data) => !came.some((record) => same(record.data, data)));
  const clash = now.length - kept.length !== came.length || gone.some(({ data }) => kept.some((other) => same(other, data))) || came.some(({ ttl }) => ttl !== rrset?.ttl);
  const records = [...kept, ...gone.map(({ data }) => data)];
  const ttl = gone[0]?.ttl ?? rrset?.ttl ?? first.ttl;
  return { rrset: records.length ? { name: first.name, type: first.type, ttl, records } : null, clash };
}

/**
 * What takes changes back, and which of them cannot be, since others have changed the same records in between or afterwards.
 * @param {Done[]} done the latest first
 * @param {Map<string, Rrset | null>} now the record sets that they touch, by `keyOf(name, type, zone)`
 * @returns {{changes: Change[], clashes: number[]}}
 */
export function undo(done, now) {
  const changes = /** @type {Change[]} */ ([]);
  const clashes = /** @type {Set<number>} */ (new Set());
  for (const { zone, name, type } of touchedBy(done)) {
    const key = keyOf(name, type, zone);
    let rrset = now.get(key) ?? null;
    for (const { id, diff } of done) {
      if (diff.zone !== zone) continue;
      const step = stepBack(rrset, diff, key);
      rrset = step.rrset;
      if (step.clash) clashes.add(id);
    }
    const change = /** @type {Change} */ (rrset ? { zone, op: 'replace', name, type, ttl: rrset.ttl, records: rrset.records } : { zone, op: 'delete', name, type });
    if (!isNothing(change, now.get(key))) changes.push(change);
  }
  return { changes, clashes: [...clashes] };
}
