/** Signed zones: which need somebody, what a stage means, and what registrars ask for. Pure. */

/** @typedef {import('../api/types.js').SignedZoneOut} SignedZone */
/** @typedef {import('../ui/state.js').StateKind} StateKind */

/** @type {Record<string, StateKind>} */
const KINDS = { failing: 'bad', broken: 'bad', withdrawing: 'info', unsigning: 'info', pending: 'info', secure: 'ok', waiting: 'warn', insecure: 'info' };

/** @param {string} stage @returns {StateKind} */
export const stageKind = (stage) => KINDS[stage] ?? 'warn';

/**
 * How much a zone needs somebody: 0: something is wrong, 1: the parent has to do something, 2: it looks after itself.
 * @param {SignedZone} zone
 */
export function need(zone) {
  if (zone.error || zone.refusal || zone.is_urgent) return 0;
  return zone.next?.what === 'parent' ? 1 : 2;
}

/** Those first that need somebody, then by name. @param {SignedZone[]} zones */
export const byNeed = (zones) => [...zones].sort((one, other) => need(one) - need(other) || one.zone.localeCompare(other.zone));

/** What digests are called. @type {Record<number, string>} */
export const DIGESTS = { 1: 'SHA-1', 2: 'SHA-256', 4: 'SHA-384' };

/**
 * The fields of a DNSKEY record, as forms of registrars ask for them; null: it is none.
 * @param {string} line as zone files have it
 */
export function dnskeyFields(line) {
  const match = /\sDNSKEY\s+(\d+)\s+(\d+)\s+(\d+)\s+(.+)$/.exec(line);
  if (!match) return null;
  const [, flags = '', protocol = '', algorithm = '', key = ''] = match;
  return { flags, protocol, algorithm, key: key.replace(/\s+/g, '') };
}
