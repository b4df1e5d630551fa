/**
 * Strings: `t('area.key', {…})`. English and German; an area is loaded when a page shows it. Numbers among the
 * parameters are written as the language writes them.
 */

import { FIRST, OF_PAGE, AREAS } from '../strings/areas.js';
import { computed, signal } from '../ui/html.js';

/** @typedef {Record<string, string>} Strings */

/** Languages that there are. */
export const LANGUAGES = /** @type {const} */ (['en', 'de']);

/** The language in use. */
export const lang = signal('en');

/** @type {import('../ui/html.js').Signal<Record<string, Strings>>} by `en/common` */
const loaded = signal({});
/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/** What Intl writes in: a regional form of the language that the browser prefers. */
export const locale = computed(() => {
  const wanted = typeof navigator === 'undefined' ? [] : navigator.languages ?? [];
  return wanted.find((tag) => tag.split('-')[0] === lang.value && tag.includes('-')) ?? (lang.value === 'de' ? 'de-DE' : 'en-GB');
});

/**
 * @param {string} area
 * @param {string} [language]
 * @returns {Promise<void>}
 */
export function loadArea(area, language = lang.peek()) {
  const key = `${language}/${area}`;
  let promise = loading.get(key);
  if (!promise) {
    promise = import(`../strings/${key}.js`).then(
      (module) => {
        loaded.value = { ...loaded.peek(), [key]: module.default };
      },
      (error) => {
        // English stands in for what is missing; it is tried again when it is needed again.
        setTimeout(() => loading.delete(key), 5000);
        if (language === 'en') console.warn(`strings/${key}.js`, error);
      },
    );
    loading.set(key, promise);
  }
  return promise;
}

/**
 * Loads what a page shows.
 * @param {string} page
 */
export async function loadPage(page) {
  const areas = [...FIRST, ...(AREAS.includes(page) ? [page] : []), ...(OF_PAGE[page] ?? [])];
  await Promise.all(areas.map((area) => loadArea(area)));
}

/**
 * Changes the language; everything on the page follows.
 * @param {string} language
 */
export async function setLang(language) {
  const known = /** @type {readonly string[]} */ (LANGUAGES).includes(language) ? language : 'en';
  const areas = new Set(Object.keys(loaded.peek()).map((key) => key.split('/')[1]));
  await Promise.all([...areas].map((area) => loadArea(/** @type {string} */ (area), known)));
  lang.value = known;
  if (typeof document !== 'undefined') document.documentElement.lang = known;
}

/** The language that the browser asks for. */
export function preferredLang() {
  const first = (typeof navigator === 'undefined' ? [] : navigator.languages ?? []).map((tag) => tag.split('-')[0]);
  return first.find((tag) => /** @type {readonly string[]} */ (LANGUAGES).includes(tag)) ?? 'en';
}

/** @type {Map<string, Intl.PluralRules>} */
const rules = new Map();
/** @type {Map<string, Intl.NumberFormat>} */
const numbers = new Map();

/**
 * @template T
 * @param {Map<string, T>} map
 * @param {string} key
 * @param {(key: string) => T} make
 */
function cached(map, key, make) {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make(key)));
  return value;
}

/**
 * @param {string} key
 * @param {number|undefined} n
 */
function lookUp(key, n) {
  const area = key.slice(0, key.indexOf('.'));
  for (const language of lang.value === 'en' ? ['en'] : [lang.value, 'en']) {
    const strings = loaded.value[`${language}/${area}`];
    if (!strings) {
      if (AREAS.includes(area)) loadArea(area, language);
      continue;
    }
    const plural = n === undefined ? '' : cached(rules, language, (tag) => new Intl.PluralRules(tag)).select(n);
    const text = (plural && (strings[`${key}.${plural}`] ?? strings[`${key}.other`])) || strings[key];
    if (text !== undefined) return text;
  }
  return null;
}

/** @param {unknown} value */
const written = (value) =>
  typeof value === 'number' ? cached(numbers, locale.value, (tag) => new Intl.NumberFormat(tag)).format(value) : String(value);

/**
 * A string. `n` chooses between `key.one` and `key.other`.
 * @param {string} key
 * @param {Record<string, unknown>} [values] for `{name}` in it
 * @returns {string} the key itself as long as its area is not loaded
 */
export function t(key, values = {}) {
  const text = lookUp(key, typeof values.n === 'number' ? values.n : undefined);
  if (text === null) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? written(values[name]) : whole));
}

/**
 * A string with components in it: `tx('zone.by', {who: html`<b>anna</b>`})`.
 * @param {string} key
 * @param {Record<string, any>} values whatever a component may have as a child: any
 * @returns {any[]}
 */
export function tx(key, values) {
  const text = lookUp(key, typeof values.n === 'number' ? values.n : undefined);
  if (text === null) return [key];
  return text.split(/(\{\w+\})/g).filter((part) => part !== '').map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined || !(name in values)) return part;
    const value = values[name];
    return typeof value === 'number' ? written(value) : value;
  });
}
