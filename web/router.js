/**
 * Hash routes and what stands in them. The URL is the state of a page: everybody reads it by `useRoute` and changes it
 * by `go` and `setParams`. app.js calls `startRouter` once.
 */

import { signal } from './ui/html.js';

/**
 * @typedef {object} Route
 * @property {string} page which page: the first part of the path; `zone` for `#/zones/NAME`
 * @property {string[]} path what follows it
 * @property {URLSearchParams} params what stands behind `?`
 */

/** The page without a hash. */
export const HOME = 'live';

/**
 * @param {string} hash with or without `#`
 * @returns {Route}
 */
export function parseRoute(hash) {
  const text = hash.replace(/^#\/?/, '');
  const cut = text.indexOf('?');
  const path = cut < 0 ? text : text.slice(0, cut);
  const parts = path.split('/').filter((part) => part !== '').map(decode);
  const params = new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1));
  const [first = HOME, ...rest] = parts;
  return { page: first === 'zones' && rest.length > 0 ? 'zone' : first, path: rest, params };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {string} text characters that a fragment may have stay readable */
function encode(text) {
  return encodeURIComponent(text).replace(/%(3A|2C|2F|40|20|5B|5D|7C)/g, (whole, code) =>
    code === '20' ? '+' : code === '5B' || code === '5D' || code === '7C' ? whole : decodeURIComponent(whole));
}

/**
 * @param {string} page
 * @param {string[]} [path]
 * @param {Record<string, string|number|null|undefined> | URLSearchParams} [params] what is null is left out
 * @returns {string} `#/zones/example.org./records?filter=…`
 */
export function href(page, path = [], params = {}) {
  const first = page === 'zone' ? 'zones' : page;
  const parts = [first, ...path].map((part) => encodeURIComponent(part).replace(/%3A/g, ':'));
  const pairs = params instanceof URLSearchParams ? [...params] : Object.entries(params);
  const query = pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([key, value]) => `${encode(key)}=${encode(String(value))}`)
    .join('&');
  return `#/${parts.join('/')}${query ? `?${query}` : ''}`;
}

const current = signal(parseRoute(''));
const moves = signal(0);

/** The route; a component that calls it is drawn anew when it changes. */
export function useRoute() {
  return current.value;
}

/** The signal of the route, for stores. */
export const route = current;

/** How often somebody went to another page since the start; the first page is 0. */
export const navigations = moves;

/**
 * Goes to a page.
 * @param {string} to as `href` gives it
 * @param {{replace?: boolean}} [options] `replace`: Back does not lead here
 */
export function go(to, { replace = false } = {}) {
  if (to === location.hash) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  sync();
}

/**
 * Changes parameters of the route; null removes one.
 * @param {Record<string, string|number|null|undefined>} changes
 * @param {{push?: boolean}} [options] `push`: Back takes it back
 */
export function setParams(changes, { push = false } = {}) {
  const { page, path, params } = current.peek();
  const next = new URLSearchParams(params);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '') next.delete(key);
    else next.set(key, String(value));
  }
  go(href(page, path, next), { replace: !push });
}

function sync() {
  const before = current.peek();
  const next = parseRoute(location.hash);
  if (before.page !== next.page || before.path[0] !== next.path[0]) moves.value += 1;
  current.value = next;
}

/** Follows the address bar. @returns {() => void} ends it */
export function startRouter() {
  current.value = parseRoute(location.hash);
  addEventListener('hashchange', sync);
  addEventListener('popstate', sync);
  return () => {
    removeEventListener('hashchange', sync);
    removeEventListener('popstate', sync);
  };
}
