/** Devices and addresses that asked, as one list; and which pause is for whom. Pure. */

import { DEFAULT_GROUP } from '../../api/policy.js';

/** @typedef {import('../../api/policy.js').Device} Device */
/** @typedef {import('../../api/policy.js').Pause} Pause */
/** @typedef {import('../../api/types.js').SeenClientOut} Seen */

/**
 * A device, or an address that no device has.
 * @typedef {object} Row
 * @property {string} key
 * @property {Device | null} device
 * @property {string[]} addresses  that asked; those of the device if none did
 * @property {string} group
 * @property {number} queries
 * @property {number} blocked
 * @property {number | null} first
 * @property {number | null} last
 */

/**
 * The rows: addresses without a name first, those that are new on top, then devices by name.
 * @param {Device[]} devices
 * @param {Seen[]} seen
 * @returns {Row[]}
 */
export function rowsOf(devices, seen) {
  /** @type {Map<string, Seen[]>} */
  const byDevice = new Map();
  for (const client of seen) {
    if (client.device) byDevice.set(client.device, [...(byDevice.get(client.device) ?? []), client]);
  }
  const unnamed = seen.filter((client) => !client.device).sort((a, b) => b.first_ms - a.first_ms || a.address.localeCompare(b.address));
  const known = [...devices].sort((a, b) => a.name.localeCompare(b.name));
  return [...unnamed.map((client) => row(null, [client])), ...known.map((device) => row(device, byDevice.get(device.name) ?? []))];
}

/**
 * @param {Device | null} device
 * @param {Seen[]} seen
 * @returns {Row}
 */
function row(device, seen) {
  const sum = (/** @type {'queries' | 'blocked'} */ key) => seen.reduce((total, client) => total + client[key], 0);
  return {
    key: device ? `d ${device.name}` : `a ${seen[0].address}`,
    device,
    addresses: seen.length ? seen.map((client) => client.address) : device?.addresses ?? [],
    group: device?.group || DEFAULT_GROUP,
    queries: sum('queries'),
    blocked: sum('blocked'),
    first: seen.length ? Math.min(...seen.map((client) => client.first_ms)) : null,
    last: seen.length ? Math.max(...seen.map((client) => client.last_ms)) : null,
  };
}

/**
 * The pauses that hold for a row now.
 * @param {Row} of
 * @param {Pause[]} pauses
 * @returns {Pause[]}
 */
export function pausesOf(of, pauses) {
  const key = of.device ? of.device.id || of.device.name : null;
  return pauses.filter(({ scope }) => scope === 'all' || ('group' in scope ? scope.group === of.group : scope.device === key));
}

/**
 * For whom a pause is, as `WhoSelect` has it.
 * @param {Pause['scope']} scope
 * @param {Device[]} devices
 * @returns {{kind: 'all' | 'group' | 'device', name: string}}
 */
export function scopeOf(scope, devices) {
  if (scope === 'all') return { kind: 'all', name: '' };
  if ('group' in scope) return { kind: 'group', name: scope.group };
  return { kind: 'device', name: devices.find((device) => (device.id || device.name) === scope.device)?.name ?? scope.device };
}

/**
 * What a filter of queries needs for a row.
 * @param {Row} of
 * @returns {string}
 */
export function filterOf(of) {
  if (!of.device) return `client:${of.addresses[0]}`;
  return `client:${/^[\w.-]+$/.test(of.device.name) ? of.device.name : `"${of.device.name.replace(/["\\]/g, '\\$&')}"`}`;
}
