/**
 * Lists that the server searches: it gives what it finds within its time, and the page goes on until a page is full, the
 * list ends, or somebody says stop. Used by the list of zones and the records of a zone.
 */
import { html, useEffect, useMemo, useRef, useState } from '../../ui/html.js';
import { setParams, useRoute } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { PAGE_ROWS, addRows, createSearch } from '../queries/search.js';

/**
 * A list that stands at the cursor of the address.
 * @template T
 * @param {string} key what it depends on, without the cursor
 * @param {(after: string | null, limit: number, signal: AbortSignal) => Promise<{items: T[], next?: string | null}>} ask
 */
export function useSearch(key, ask) {
  const after = useRoute().params.get('after');
  const latest = useRef(ask);
  latest.current = ask;
  const search = useMemo(() => createSearch(async (wanted, limit, signal) => {
    const got = await latest.current(wanted.after, limit, signal);
    return { ...got, done: !got.next };
  }, addRows, (have) => have.length), []);
  const [turn, setTurn] = useState(0);
  const back = useRef(/** @type {(string | null)[]} */ ([]));
  useEffect(() => { back.current = []; }, [key]);
  useEffect(() => {
    void search.start({ after });
    return search.end;
  }, [key, after, turn]);
  const { busy, next, error, at } = search.progress.value;
  const items = /** @type {T[]} */ (search.found.value ?? []);
  const isFull = items.length >= PAGE_ROWS;
  const older = !busy && next && isFull ? () => { back.current.push(after); setParams({ after: next }, { push: true }); } : null;
  const newer = after ? () => setParams({ after: back.current.pop() ?? null }, { push: true }) : null;
  return { items, search, error, loading: busy || at === 0, isLast: !busy && !next && !error, isFull, after, pages: { newer, older }, reload: () => setTurn((count) => count + 1) };
}

/** How far a search came, and what can be done about it. @param {{list: any, name: (cursor: string) => string}} props `name`: where a cursor is, for people */
export function Progress({ list, name }) {
  const { busy, done, next } = list.search.progress.value;
  if (list.error) return null;
  return html`<span class="muted" role="status">${t('zones.scan.found', { n: list.items.length })}${done ? '' : next && html`, ${t('zones.scan.to', { name: name(next) })}`}</span>
    ${busy && html`<${Button} label=${t('zones.scan.stop')} onClick=${list.search.stop} />`}
    ${!busy && next && !list.isFull && html`<${Button} label=${t('zones.scan.further')} onClick=${list.search.further} />`}`;
}
