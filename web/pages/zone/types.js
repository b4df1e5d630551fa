/** The table of record types, asked for once. Used by everything that shows or edits records. */
import { useApp } from '../../context.js';
import { useEffect, useState } from '../../ui/html.js';

/** @typedef {Map<string, import('../../rr/text.js').TypeDef>} Types */

/** One table for each connection to the API. */
const tables = /** @type {WeakMap<object, Promise<Types>>} */ (new WeakMap());

/** @param {import('../../api/http.js').Http} http @returns {Promise<Types>} */
export function loadTypes(http) {
  let table = tables.get(http);
  if (!table) {
    table = http.get('/types').then((reply) => new Map(reply.data.map((/** @type {any} */ type) => [type.name, type])));
    table.catch(() => tables.delete(http));
    tables.set(http, table);
  }
  return table;
}

/** The table; empty until it is there. @returns {Types} */
export function useTypes() {
  const { http } = useApp();
  const [types, setTypes] = useState(/** @type {Types} */ (new Map()));
  useEffect(() => {
    let isOver = false;
    loadTypes(http).then((table) => { if (!isOver) setTypes(table); }, () => {});
    return () => { isOver = true; };
  }, []);
  return types;
}
