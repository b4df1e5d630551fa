// What is said of a query: who decided, and what has changed since. Pure; used by the explain drawer.

/** @typedef {import('../api/types.js').QueryOut} QueryRow */

/** The steps of an answer, in their order. */
export const STEPS = /** @type {const} */ (['access', 'blocking', 'zone', 'cache', 'upstream']);
/** @typedef {'access' | 'blocking' | 'zone' | 'cache' | 'upstream' | 'server'} Step */

/**
 * Which step gave the answer of a recorded query.
 * @param {{source: string, action?: string | null}} row
 * @returns {Step}
 */
export function decided(row) {
  if (row.source === 'blocked' || row.action === 'blocked' || row.action === 'rewritten') return 'blocking';
  const steps = /** @type {Record<string, Step>} */ ({ refused: 'access', zone: 'zone', cache: 'cache', stale: 'cache', resolved: 'upstream' });
  return steps[row.source] ?? 'server';
}

/**
 * Which step answers now: what rules say comes first, then who has the answer.
 * @param {{blocked: boolean} | null | undefined} check @param {{answered_by: string} | null | undefined} explained
 * @returns {Step}
 */
export function decidesNow(check, explained) {
  if (check?.blocked) return 'blocking';
  const steps = /** @type {Record<string, Step>} */ ({ zone: 'zone', special: 'server', cache: 'cache', forwarders: 'upstream', servers: 'upstream' });
  return steps[explained?.answered_by ?? ''] ?? 'server';
}

/**
 * Whether a step came before the one that decided, decided, or was not reached.
 * @param {Step} step @param {Step} decides
 * @returns {'passed' | 'decides' | 'skipped'}
 */
export function place(step, decides) {
  if (step === decides) return 'decides';
  const order = /** @type {readonly string[]} */ (STEPS);
  const at = decides === 'server' ? 1 : order.indexOf(decides);
  return order.indexOf(step) < at ? 'passed' : 'skipped';
}

/** Key of the sentence for a recorded query. @param {QueryRow} row */
export function verdictKey(row) {
  const step = decided(row);
  if (step === 'blocking') return row.action === 'rewritten' ? 'explain.verdict.rewritten' : row.policy === 'rules' && row.rule ? 'explain.verdict.blockedRule' : row.list ? 'explain.verdict.blocked' : 'explain.verdict.blockedPlain';
  if (step === 'cache') return row.source === 'stale' ? 'explain.verdict.stale' : 'explain.verdict.cache';
  if (step === 'upstream') return row.upstream_server ? 'explain.verdict.upstream' : 'explain.verdict.resolved';
  return `explain.verdict.${step}`;
}

/** @param {string} text data of a record, as it is compared */
const plain = (text) => text.trim().toLowerCase();

/**
 * What is different now from what was recorded: keys of sentences with their values.
 * @param {QueryRow} row @param {{blocked: boolean, rules: {list: string, decides: boolean}[]} | null | undefined} check
 * @param {{rcode: string, answers: {data: string, type: string}[]} | null | undefined} explained
 * @returns {{key: string, values: Record<string, any>}[]}
 */
export function changes(row, check, explained) {
  /** @type {{key: string, values: Record<string, any>}[]} */
  const out = [];
  const was = decided(row) === 'blocking';
  if (check && was !== check.blocked) {
    const list = check.rules.find((rule) => rule.decides)?.list ?? '';
    out.push({ key: check.blocked ? 'explain.change.blocked' : 'explain.change.allowed', values: { list } });
    return out;
  }
  if (check?.blocked) {
    const list = check.rules.find((rule) => rule.decides)?.list;
    if (list && row.list && list !== row.list) out.push({ key: 'explain.change.list', values: { before: row.list, now: list } });
    return out;
  }
  if (!explained) return out;
  if (explained.rcode !== row.response_code) out.push({ key: 'explain.change.code', values: { before: row.response_code, now: explained.rcode } });
  else {
    // As much of the answer as was kept.
    const now = explained.answers.map((answer) => plain(answer.data));
    const gone = (row.response_data ?? []).filter((data) => !now.includes(plain(data)) && !now.includes(`${plain(data)}.`));
    if (gone.length) out.push({ key: 'explain.change.data', values: { data: gone.join(', ') } });
  }
  return out;
}

/**
 * The command that asks the same.
 * @param {{host: string, port?: number, name: string, type: string, tcp?: boolean}} asked
 */
export function digLine({ host, port = 53, name, type, tcp }) {
  const quotedName = /^[\w.-]+$/.test(name) ? name : `'${name.replace(/'/g, "'\\''")}'`;
  return `dig @${host.replace(/^\[|\]$/g, '')}${port === 53 ? '' : ` -p ${port}`} ${quotedName} ${type}${tcp ? ' +tcp' : ''}`;
}
