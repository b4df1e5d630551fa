/** Names for addresses backwards, and the zones of this server that have them. Used by the editor of addresses. */

/**
 * The name under which an address has its PTR record; null: it is no address.
 * @param {string} address
 * @returns {string | null}
 */
export function reverseName(address) {
  if (/^\d+(\.\d+){3}$/.test(address)) return `${address.split('.').reverse().join('.')}.in-addr.arpa.`;
  if (!/^[0-9a-f:.]+$/i.test(address) || !address.includes(':')) return null;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (/** @type {string} */ high, /** @type {string} */ low) => (Number(high) * 256 + Number(low)).toString(16);
  const text = dotted ? `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}` : address;
  const sides = text.split('::').map((side) => side.split(':').filter((part) => part !== ''));
  const missing = 8 - sides.flat().length;
  if (sides.length > 2 || missing < 0 || (sides.length === 1 && missing > 0)) return null;
  const groups = [...sides[0], ...Array.from({ length: missing }, () => '0'), ...sides[1] ?? []];
  const digits = groups.map((group) => group.padStart(4, '0')).join('').toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) ? `${[...digits].reverse().join('.')}.ip6.arpa.` : null;
}

/**
 * The deepest of the zones that has a name.
 * @param {string} name @param {string[]} zones
 * @returns {string | null}
 */
export function zoneOf(name, zones) {
  const having = zones.filter((zone) => name === zone || name.endsWith(`.${zone}`));
  return having.sort((a, b) => b.length - a.length)[0] ?? null;
}

/**
 * The zones for addresses backwards whose records can be changed here.
 * @param {import('../../api/http.js').Http} http
 * @returns {Promise<string[]>}
 */
export async function reverseZones(http) {
  // In canonical order all names below arpa come in one piece.
  const { data } = await http.get('/zones', { params: { after: 'arpa.', limit: 1000 } });
  const fits = data.items.filter((/** @type {any} */ zone) => /\.arpa\.$/.test(zone.name) && zone.source !== 'file' && zone.settings.kind === 'primary');
  return fits.map((/** @type {any} */ zone) => zone.name);
}
