// The keys of filters of queries, with what may stand behind them, and what is wrong with a filter. Used by the queries and the live view.
import { t } from '../../lib/i18n.js';
import { charOffset } from '../../lib/filter.js';
import { cutTerms, termAt, valueText } from '../../lib/terms.js';

/** Keys, in the order in which they are suggested. */
export const KEYS = ['client', 'name', 'type', 'code', 'action', 'list', 'rule', 'group', 'source', 'cache', 'time', 'upstream', 'zone', 'dnssec', 'proto', 'id'];

/** What the server does not suggest. @type {Record<string, string[]>} */
const WORDS = { action: ['blocked', 'allowed', 'rewritten', 'tried'], time: ['>100ms', '>1s', '<1ms'] };

/**
 * @param {import('../../api/http.js').Http} http
 * @param {{name: string}[]} devices @param {string[]} [lists]
 * @returns {Record<string, import('../../ui/filterbar.js').FilterKey>}
 */
export function queryKeys(http, devices, lists = []) {
  /** @param {string} key */
  const ask = (key) => async (/** @type {string} */ prefix) => {
    const low = prefix.toLowerCase();
    const own = [...(WORDS[key] ?? []), ...(key === 'client' ? devices.map((device) => valueText(device.name)) : key === 'list' ? lists.map(valueText) : [])].filter((word) => word.toLowerCase().startsWith(low));
    if (WORDS[key] || key === 'list' || key === 'rule' || key === 'id' || key === 'group') return own;
    const { data } = await http.get('/queries/suggest', { params: { key, prefix } });
    return [...own, ...data.items.filter((/** @type {string} */ item) => !own.includes(item))];
  };
  return Object.fromEntries(KEYS.map((key) => [key, { title: t(`queries.key.${key}`), values: ask(key) }]));
}

/** Filters that people want often. */
export const presets = () => [
  { label: t('queries.preset.blocked'), filter: 'action:blocked' },
  { label: t('queries.preset.failed'), filter: 'code:SERVFAIL' },
  { label: t('queries.preset.slow'), filter: 'time:>200ms' },
  { label: t('queries.preset.uncached'), filter: 'cache:miss' },
];

/**
 * What the server says of the filter, at its place in what was typed: names of devices were replaced before it was sent.
 * @param {any} error @param {string} typed @param {string} sent
 * @returns {{offset: number, message: string} | null}
 */
export function filterError(error, typed, sent) {
  const fault = error?.errors?.find?.((/** @type {any} */ one) => one.parameter === 'filter');
  if (!fault) return null;
  const offset = fault.offset ?? 0;
  if (typed === sent) return { offset, message: fault.detail };
  const at = termAt(cutTerms(sent), charOffset(sent, offset));
  const start = cutTerms(typed)[at]?.start ?? 0;
  return { offset: new TextEncoder().encode(typed.slice(0, start)).length, message: fault.detail };
}
