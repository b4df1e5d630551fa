/** Service parameters (RFC 9460 2.1) between text and the values of the API. Pure; used by text.js and controls.js. */

/** Service parameters whose values are lists; numbers in the second set. */
const LISTS = new Set(['mandatory', 'alpn', 'ipv4hint', 'ipv6hint', 'tls-supported-groups']);
const FLAGS = new Set(['no-default-alpn', 'ohttp']);

/**
 * The value of a service parameter from its text, without quotes.
 * @param {string} key
 * @param {string} text
 * @returns {any}
 */
export function parameterValue(key, text) {
  if (FLAGS.has(key)) return true;
  if (key === 'port') return /^\d+$/.test(text) ? Number(text) : text;
  if (!LISTS.has(key)) return text;
  const items = (text.match(/(?:\\[\s\S]|[^,\\])+/g) ?? []).map((item) => item.replace(/\\([\s\S])/g, '$1'));
  return key === 'tls-supported-groups' ? items.map(Number) : items;
}

/**
 * The text of a service parameter's value, without quotes.
 * @param {any} value
 * @returns {string}
 */
export function parameterText(value) {
  if (value === true) return '';
  return Array.isArray(value) ? value.map((item) => String(item).replace(/([\\,])/g, '\\$1')).join(',') : String(value ?? '');
}

/** A parameter from its text, `key` or `key=value`. @param {string} text @returns {[string, any]} */
export function parameter(text) {
  const [key] = text.split('=', 1);
  return [key, key === text ? (FLAGS.has(key) ? true : '') : parameterValue(key, text.slice(key.length + 1))];
}

/** A parameter as it stands in a line. @param {[string, any]} entry @param {(text: string) => string} quote */
export function parameterLine([key, value], quote) {
  if (value === true || value === '') return key;
  const text = parameterText(value);
  return `${key}=${/^[\w.:+/=-]*$/.test(text) ? text : quote(text)}`;
}
