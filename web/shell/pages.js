/** The pages: their place in the navigation, their icon and shortcut, and what somebody must be allowed to see them. */

/**
 * @typedef {object} PageInfo
 * @property {string} page
 * @property {string} key letter behind `g`
 * @property {(session: import('../session.js').Session) => boolean} may
 */

/** @param {import('../session.js').Verb} verb @returns {PageInfo['may']} */
const server = (verb) => (session) => session.can(verb);

/** @param {import('../session.js').Verb} verb @returns {PageInfo['may']} */
const anywhere = (verb) => (session) => session.canSomewhere(verb);

/** @type {{group: string, pages: PageInfo[]}[]} */
export const GROUPS = [
  { group: 'watch', pages: [{ page: 'live', key: 'l', may: server('read') }, { page: 'queries', key: 'q', may: server('read_logs') }, { page: 'alerts', key: 'a', may: server('read') }] },
  { group: 'serve', pages: [{ page: 'zones', key: 'z', may: anywhere('read') }, { page: 'dnssec', key: 'd', may: anywhere('read') }, { page: 'changes', key: 'h', may: anywhere('read') }] },
  { group: 'resolve', pages: [{ page: 'upstreams', key: 'u', may: server('read') }, { page: 'cache', key: 'k', may: server('read') }] },
  { group: 'protect', pages: [{ page: 'blocking', key: 'b', may: server('read') }, { page: 'clients', key: 'c', may: server('read') }, { page: 'security', key: 's', may: server('read_logs') }] },
  { group: 'run', pages: [{ page: 'config', key: 'o', may: server('read') }, { page: 'access', key: 'i', may: () => true }, { page: 'system', key: 'y', may: server('read') }] },
];

/** What the bar of a phone has, beside More. */
export const BOTTOM = ['live', 'queries', 'zones', 'blocking'];

/** @param {import('../session.js').Session} session */
export function allowedPages(session) {
  return GROUPS.flatMap(({ group, pages }) => pages.filter(({ may }) => may(session)).map((info) => ({ ...info, group })));
}

/** Pages that there are a module for. */
export const KNOWN = new Set([...GROUPS.flatMap(({ pages }) => pages.map(({ page }) => page)), 'zone']);

/** The entry of the navigation that a page belongs to. @param {string} page */
export const navPage = (page) => (page === 'zone' ? 'zones' : page);

/** The style sheet of a page beside those of all pages. @type {Record<string, string>} */
export const STYLE = {
  zones: 'zones', zone: 'zones', dnssec: 'dnssec', changes: 'zones', blocking: 'protect', clients: 'protect', security: 'protect',
  upstreams: 'run', cache: 'run', alerts: 'run', config: 'run', access: 'run', system: 'run',
};
