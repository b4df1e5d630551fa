/** Lists that are short enough to be had as a whole: users, roles, tokens, keys, backups, alerts. */

const PAGE = 1000;
const MAX_PAGES = 20;

/**
 * All items of a list that comes in pages; after 20,000 the rest is left out.
 * @param {import('../api/http.js').Http} http @param {string} path @param {AbortSignal} [signal]
 * @returns {Promise<any[]>} items differ by path
 */
export async function all(http, path, signal) {
  const items = [];
  let after = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { data } = await http.get(path, { params: { limit: PAGE, after }, signal });
    items.push(...data.items);
    after = data.next;
    if (!after) break;
  }
  return items;
}

/** Who did something: users by their names alone, others as the server has them. @param {string | null} who */
export const whoOf = (who) => (who ?? '').replace(/^user:/, '') || '–';

/**
 * What the server says of single fields, by the first part of their pointers; `''` is all that belongs to no field.
 * @param {unknown} error @param {string[]} fields
 * @returns {Record<string, string>}
 */
export function faults(error, fields) {
  const { errors = [] } = /** @type {import('../api/http.js').ApiError} */ (error);
  /** @type {Record<string, string>} */
  const out = {};
  for (const it of errors) {
    const field = (it.pointer ?? '').split('/')[1] ?? '';
    const key = fields.includes(field) ? field : '';
    out[key] = out[key] ? `${out[key]}; ${it.detail}` : it.detail;
  }
  return out;
}
