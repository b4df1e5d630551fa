// A search that comes in slices: the server gives what it finds within its time slice, and the page goes on until a page is full, the
// history ends, or somebody says stop. Late answers of an older search are dropped.
import { batch, signal } from '../../ui/html.js';

/** Rows of a page. */
export const PAGE_ROWS = 100;
/** Slices that follow each other by themselves. */
const MAX_SLICES = 40;

/** @typedef {{after: string | null} & Record<string, any>} Wanted what the server is asked for */

/**
 * @typedef {object} Progress
 * @property {boolean} busy
 * @property {boolean} done nothing is left to be searched
 * @property {boolean} stopped
 * @property {string | null} next where it goes on
 * @property {number | null} scannedTo
 * @property {any} error
 * @property {number} at when it was asked
 */

/** @typedef {ReturnType<typeof createSearch>} Search */

const START = /** @type {Progress} */ ({ busy: false, done: false, stopped: false, next: null, scannedTo: null, error: null, at: 0 });

/**
 * @template T
 * @param {(wanted: Wanted, limit: number, signal: AbortSignal) => Promise<any>} ask one slice
 * @param {(have: T | null, slice: any) => T} add what a slice brings
 * @param {(have: T) => number} size how much of a page it fills
 */
export function createSearch(ask, add, size) {
  const found = signal(/** @type {T | null} */ (null));
  const progress = signal(START);
  /** @type {AbortController | null} */
  let running = null;
  /** @type {Wanted | null} */
  let wanted = null;

  /** @param {string | null} after @param {T | null} have */
  async function search(after, have) {
    running?.abort();
    const own = new AbortController();
    running = own;
    let next = after;
    let fresh = have === null;
    progress.value = { ...progress.value, busy: true, stopped: false, error: null };
    try {
      for (let slice = 0; slice < MAX_SLICES; slice += 1) {
        const got = await ask({ .../** @type {Wanted} */ (wanted), after: next }, PAGE_ROWS - (have ? size(have) : 0), own.signal);
        if (own !== running) return;
        have = add(have, got);
        next = got.next ?? null;
        const isFull = size(have) >= PAGE_ROWS;
        const ends = got.done || !next || isFull || slice + 1 === MAX_SLICES;
        batch(() => {
          // What was there before stays until there is something to show in its place.
          if (!fresh || size(/** @type {T} */ (have)) > 0 || ends) { found.value = have; fresh = false; }
          progress.value = { ...progress.value, busy: !ends, done: Boolean(got.done), next, scannedTo: got.scanned_to_ms ?? progress.value.scannedTo };
        });
        if (ends) return;
      }
    } catch (error) {
      if (own === running) progress.value = { ...progress.value, busy: false, error };
    }
  }

  return {
    found,
    progress,
    /** @param {Wanted} next */
    start(next) {
      wanted = next;
      progress.value = { ...START, at: Date.now() };
      return search(next.after, null);
    },
    /** Goes on where the search ended. */
    further() {
      const { next } = progress.value;
      return next ? search(next, found.value) : Promise.resolve();
    },
    stop() {
      running?.abort();
      running = null;
      progress.value = { ...progress.value, busy: false, stopped: true };
    },
    /** For good. */
    end: () => { running?.abort(); running = null; },
  };
}

/**
 * Rows of slices.
 * @param {any[] | null} have @param {{items: any[]}} slice
 */
export const addRows = (have, slice) => (have ? [...have, ...slice.items] : slice.items);

/** @typedef {{value: string | null, count: number, last: string, groups: any[]}} Group */
/** @typedef {{items: Group[], rows: number, others: number}} Groups */

/**
 * Groups of slices, added up.
 * @param {Groups | null} have @param {Groups} slice
 * @returns {Groups}
 */
export function addGroups(have, slice) {
  if (!have) return { items: slice.items, rows: slice.rows, others: slice.others };
  const items = new Map(have.items.map((item) => [item.value, item]));
  for (const item of slice.items) {
    const known = items.get(item.value);
    items.set(item.value, known ? merged(known, item) : item);
  }
  return { items: [...items.values()].sort((a, b) => b.count - a.count), rows: have.rows + slice.rows, others: have.others + slice.others };
}

/** @param {any} group */
const groupKey = (group) => [group.domain, group.client_ip, group.response_code, group.source, group.refusal].join('\n');

/** @param {Group} one @param {Group} other */
function merged(one, other) {
  const groups = new Map(one.groups.map((group) => [groupKey(group), group]));
  for (const group of other.groups) {
    const known = groups.get(groupKey(group));
    groups.set(groupKey(group), known
      ? { ...known, count: known.count + group.count, last: known.last > group.last ? known.last : group.last, query_types: [...new Set([...known.query_types, ...group.query_types])] }
      : group);
  }
  return { value: one.value, count: one.count + other.count, last: one.last > other.last ? one.last : other.last, groups: [...groups.values()].sort((a, b) => b.count - a.count) };
}
