/** The areas that strings are split into, and which of them each page shows at once. Used by lib/i18n.js and tests. */

export const AREAS = [
  'common', 'shell', 'data', 'live', 'queries', 'explain', 'zones', 'zone', 'dnssec', 'changes', 'blocking', 'clients', 'security',
  'upstreams', 'cache', 'alerts', 'config', 'access', 'system',
];

/** Areas that are there before anything is drawn. */
export const FIRST = ['common', 'shell'];

/** @type {Record<string, string[]>} areas of a page beside that of its own name; others come when they are asked for */
export const OF_PAGE = {
  live: ['data'],
  queries: ['data'],
  zones: ['data'],
  zone: ['data', 'zones', 'changes'],
  dnssec: ['data'],
  changes: ['data', 'zone'],
  blocking: ['data'],
  clients: ['data', 'blocking'],
  security: ['data'],
  upstreams: ['data'],
  cache: ['data'],
  alerts: ['data'],
  config: ['data'],
  access: ['data'],
  system: ['data'],
};
