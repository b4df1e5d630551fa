// Texts of blocking rules: what the choices of a person come to, and a simple rule back in its parts.
// Used by ui/allow.js and pages/blocking.

/**
 * @typedef {object} RuleParts
 * @property {string} name       a host name without the final dot
 * @property {boolean} allow     an exception and no block
 * @property {boolean} exact     the name alone, and not what is below it
 * @property {string} [client]   the name of a device, or an address or network
 * @property {boolean} [important] it comes before rules that are not important
 */

const SIMPLE_CLIENT = /^[A-Za-z0-9.:/_-]+$/;
const HOST = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;
const RULE = /^(@@)?(\|\|?)([a-z0-9_.-]+)\^(?:\$(.+))?$/i;

/**
 * The name as rules have it: lower case, no final dot. Null: a rule cannot name it.
 * @param {string} name
 * @returns {string | null}
 */
export function ruleHost(name) {
  const host = name.trim().toLowerCase().replace(/\.$/, '');
  return HOST.test(host) && !host.includes('..') ? host : null;
}

/**
 * @param {string} text
 * @returns {string}
 */
function quoted(text) {
  return SIMPLE_CLIENT.test(text) ? text : `'${text.replace(/['",|]/g, (c) => `\\${c}`)}'`;
}

/**
 * The text of a rule.
 * @param {RuleParts} parts
 * @returns {string}
 */
export function ruleText({ name, allow, exact, client, important }) {
  const modifiers = [...(client ? [`client=${quoted(client)}`] : []), ...(important ? ['important'] : [])];
  const tail = modifiers.length ? `$${modifiers.join(',')}` : '';
  return `${allow ? '@@' : ''}${exact ? '|' : '||'}${name}^${tail}`;
}

/**
 * The modifiers of a rule, one an item: commas in quotes and behind backslashes do not part them.
 * @param {string} text
 * @returns {string[]}
 */
function modifiersOf(text) {
  return text.match(/(?:\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,\\])+/g) ?? [];
}

/**
 * The one client that a value names; null: it names several, or all but some.
 * @param {string} value
 * @returns {string | null}
 */
function clientOf(value) {
  const quote = /^(['"])(.*)\1$/.exec(value);
  const inner = quote ? quote[2] : value;
  if (!quote && (value.startsWith('~') || /(?<!\\)\|/.test(value))) return null;
  return inner.replace(/\\(['",|])/g, '$1');
}

/**
 * The parts of a rule as `ruleText` makes them; null: it says more, or something else.
 * @param {string} text
 * @returns {RuleParts | null}
 */
export function readRule(text) {
  const found = RULE.exec(text.trim());
  if (!found) return null;
  /** @type {RuleParts} */
  const parts = { name: found[3].toLowerCase(), allow: Boolean(found[1]), exact: found[2] === '|' };
  for (const modifier of found[4] ? modifiersOf(found[4]) : []) {
    const client = modifier.startsWith('client=') ? clientOf(modifier.slice(7)) : null;
    if (modifier === 'important') parts.important = true;
    else if (client && !parts.client) parts.client = client;
    else return null;
  }
  return parts;
}
