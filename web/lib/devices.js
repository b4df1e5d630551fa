// Which device an address belongs to, and filters that name devices. Used by the live view, the queries and the explain drawer.
import { cutTerms, joinTerms, termKey } from './terms.js';

/** @typedef {{name: string, addresses?: string[], group?: string}} Device */
/** @typedef {{bits: bigint, length: number, wide: boolean}} Network */

/**
 * An address or network as a number; null: it is none.
 * @param {string} text
 * @returns {Network | null}
 */
export function network(text) {
  const [address, prefix] = text.split('/');
  const wide = address.includes(':');
  const bits = wide ? wideBits(address) : shortBits(address);
  const size = wide ? 128 : 32;
  const length = prefix === undefined ? size : Number(prefix);
  return bits === null || !Number.isInteger(length) || length < 0 || length > size ? null : { bits, length, wide };
}

/** @param {string} text */
function shortBits(text) {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return null;
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

/** @param {string} text */
function wideBits(text) {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const low = shortBits(dotted[2]);
    if (low === null) return null;
    return wideBits(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const [head, tail, more] = text.split('::');
  if (more !== undefined) return null;
  const before = head ? head.split(':') : [];
  const behind = tail ? tail.split(':') : [];
  const gap = tail === undefined ? 0 : 8 - before.length - behind.length;
  const groups = [...before, ...Array(Math.max(0, gap)).fill('0'), ...behind];
  if (groups.length !== 8 || groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** @param {Network} one @param {Network} other an address */
const has = (one, other) => one.wide === other.wide && ((one.bits ^ other.bits) >> BigInt((one.wide ? 128 : 32) - one.length)) === 0n;

/**
 * A function from address to device: the longest prefix counts.
 * @param {Device[]} devices
 * @returns {(address: string) => Device | null}
 */
export function deviceFinder(devices) {
  const all = devices.flatMap((device) => (device.addresses ?? []).map((text) => ({ device, net: network(text) })));
  const known = /** @type {{device: Device, net: Network}[]} */ (all.filter((entry) => entry.net !== null)).sort((a, b) => b.net.length - a.net.length);
  /** @type {Map<string, Device | null>} */
  const found = new Map();
  return (address) => {
    const kept = found.get(address);
    if (kept !== undefined) return kept;
    const net = network(address);
    const device = net ? known.find((entry) => has(entry.net, net))?.device ?? null : null;
    if (found.size > 10_000) found.clear();
    found.set(address, device);
    return device;
  };
}

/**
 * A filter with the addresses of devices in the place of their names, as the server takes it.
 * @param {string} text @param {Device[]} devices
 */
export function withAddresses(text, devices) {
  if (!/client:/i.test(text)) return text;
  return joinTerms(cutTerms(text).map(({ text: term }) => {
    const { minus, key, rest } = termKey(term);
    if (key !== 'client') return term;
    const values = rest.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).flatMap((value) => {
      const name = value.replace(/^"(.*)"$/s, '$1').replace(/\\(.)/g, '$1').toLowerCase();
      const device = devices.find((one) => one.name.toLowerCase() === name);
      return device?.addresses?.length ? device.addresses : [value];
    });
    return `${minus}client:${values.join(',')}`;
  }));
}
