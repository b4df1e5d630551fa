/** Where a list of RRsets stands: what the server finds, page by page. Used by the tab Records and the view of a zone as it was. */
import { useMemo, useRef } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { absolute, relative } from '../../lib/dns.js';
import { toText } from '../../rr/text.js';
import { recordFilter } from './filter.js';
import { useSearch } from './search.js';

/** @typedef {import('./model.js').Rrset} Rrset */

/** RRsets of a page that is also looked through here. */
const SEARCHED = 1000;

/** The serial that an entity tag is. @param {string | null} etag @returns {number | null} */
export const serialOf = (etag) => etag ? Number(etag.replace(/\D/g, '')) : null;

/**
 * @param {{view: import('./parts.js').ZoneView, path: string, query?: Record<string, any>, filter: string}} of
 */
export function useRrsets({ view, path, query = {}, filter }) {
  const { http } = useApp();
  const wanted = useMemo(() => recordFilter(filter, {
    relative: (name) => relative(name, view.name),
    text: (rrset) => rrset.records.map((data) => toText(view.types.get(rrset.type), data)).join('\n'),
  }), [filter, view.types, view.name]);
  const serial = useRef(/** @type {number | null} */ (null));
  const from = wanted.from ? `${absolute(wanted.from, view.name)}/TYPE0` : null;
  const { params, fits } = wanted;
  const list = useSearch(JSON.stringify([path, query, filter, view.types.size > 0, view.turn.value]), async (after, limit, signal) => {
    const reply = await http.get(path, { params: { ...query, ...params, after: after ?? from, limit: fits ? SEARCHED : limit }, signal });
    // The oldest of the pages counts: what was written upon it may have changed since.
    if (!after || after === list.after || serial.current === null) serial.current = serialOf(reply.etag);
    const { items, next } = /** @type {{items: Rrset[], next: string | null}} */ (reply.data);
    return { items: fits ? items.filter(fits) : items, next };
  });
  return { ...list, wanted, serial: serial.current, isFirst: !list.after && !from, isSearch: fits !== null || Object.keys(params).length > 0 };
}
