// Calls that pages about blocking, devices and security share: whole lists, who there is, and the way back.

/** @typedef {ReturnType<typeof import('../context.js').useApp>['http']} Http */
/** @typedef {import('./types.js').SetOut} SetOut */
/** @typedef {import('./types.js').MatchesOut} MatchesOut */

/**
 * A device, as `GET /clients` has it.
 * @typedef {object} Device
 * @property {string} id
 * @property {string} name
 * @property {string[]} addresses
 * @property {string[]} macs
 * @property {string} group       empty: the default group
 * @property {string[]} tags
 * @property {'file' | 'api'} origin
 * @property {SetOut | null} set
 */

/**
 * Hours of a week at which something else holds.
 * @typedef {object} Schedule
 * @property {string[]} days
 * @property {string} from
 * @property {string} to
 * @property {string} [time_zone]
 * @property {'block_all' | 'no_blocking' | {lists: string[]}} action
 */

/**
 * A group, as `GET /groups` has it.
 * @typedef {object} Group
 * @property {string} name
 * @property {string[]} lists
 * @property {string[]} rules
 * @property {string[]} allow
 * @property {Schedule[]} schedules
 * @property {boolean | 'strict'} safe_search
 * @property {number} devices
 * @property {'file' | 'api'} origin
 * @property {SetOut | null} set
 */

/**
 * A pause, as `GET /blocking/pauses` has it.
 * @typedef {object} Pause
 * @property {string} id
 * @property {'all' | {group: string} | {device: string}} scope
 * @property {number} until_ms
 * @property {string} why
 * @property {string} by
 * @property {boolean} ended
 */

/** @typedef {{groups: Group[], devices: Device[]}} People */

/** The group of clients that no device has. */
export const DEFAULT_GROUP = 'default';

const PAGE = 1000;

/**
 * Items of a list, page after page, until there are no more or `max` of them.
 * @template T
 * @param {Http} http
 * @param {string} path
 * @param {{signal?: AbortSignal, params?: Record<string, string | number>, max?: number}} [options]
 * @returns {Promise<T[]>}
 */
export async function allItems(http, path, { signal, params = {}, max = 10_000 } = {}) {
  /** @type {T[]} */
  const items = [];
  let after = '';
  do {
    const { data } = await http.get(path, { signal, params: { ...params, limit: PAGE, ...(after ? { after } : {}) } });
    items.push(.../** @type {T[]} */ (data.items));
    after = data.next ?? '';
  } while (after && items.length < max);
  return items;
}

/**
 * Who there is: groups, with the default one first, and devices.
 * @param {Http} http
 * @param {AbortSignal} [signal]
 * @returns {Promise<People>}
 */
export async function people(http, signal) {
  const [groups, devices] = await Promise.all([
    /** @type {Promise<Group[]>} */ (allItems(http, '/groups', { signal })),
    /** @type {Promise<Device[]>} */ (allItems(http, '/clients', { signal })),
  ]);
  groups.sort((a, b) => Number(b.name === DEFAULT_GROUP) - Number(a.name === DEFAULT_GROUP));
  return { groups, devices };
}

/**
 * The names of the groups, the default one first, whether it is written down or not.
 * @param {Group[]} groups
 * @returns {string[]}
 */
export function groupNames(groups) {
  return [DEFAULT_GROUP, ...groups.map((group) => group.name).filter((name) => name !== DEFAULT_GROUP)];
}

/**
 * Takes back the change whose entity tag an answer had.
 * @param {Http} http
 * @param {string | null | undefined} etag
 * @returns {Promise<void>}
 */
export async function takeBack(http, etag) {
  await http.post(`/blocking/history/${(etag ?? '').replace(/\D/g, '')}/revert`);
}

/**
 * Takes back the latest change of something, such as that it was removed.
 * @param {Http} http
 * @param {'lists' | 'rules' | 'groups' | 'devices' | 'pauses'} collection
 * @param {string} id
 * @returns {Promise<void>}
 */
export async function takeBackLatest(http, collection, id) {
  const { data } = await http.get('/blocking/history', { params: { collection, id, limit: 1 } });
  if (data.items[0]) await takeBack(http, String(data.items[0].offset));
}

/**
 * The value of `If-Match` for something that was set by API.
 * @param {{set?: {version: number} | null}} item
 * @returns {string | undefined}
 */
export function versionTag(item) {
  return item.set ? `"${item.set.version}"` : undefined;
}

/**
 * An address or network as people write it: a network of one is an address.
 * @param {string} network
 * @returns {string}
 */
export function bare(network) {
  return network.replace(network.includes(':') ? /\/128$/ : /\/32$/, '');
}

/**
 * Who set something: users by their name alone.
 * @param {string} who
 * @returns {string}
 */
export function authorOf(who) {
  return who.replace(/^user:/, '');
}

/**
 * What a device is set to, without what the server adds.
 * @param {Device} device
 * @returns {Omit<Device, 'origin' | 'set'>}
 */
export function deviceBody({ id, name, addresses, macs, group, tags }) {
  return { id, name, addresses, macs, group, tags };
}
