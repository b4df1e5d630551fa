/** Data of the server in a component: old content stays while new is loaded, and late answers are dropped. */

import { isAbort } from '../api/http.js';
import { setParams, useRoute } from '../router.js';
import { useCallback, useEffect, useRef, useState } from './html.js';

/**
 * @template T
 * @typedef {object} Resource
 * @property {T|null} data the last that came, also while loading and after an error
 * @property {unknown} error of the last try; null: it went well
 * @property {boolean} loading
 * @property {boolean} first nothing has come yet, and nothing has failed
 * @property {boolean} stale there are data, and the last try failed
 * @property {number|null} asOf when `data` came
 * @property {() => Promise<void>} reload
 * @property {(data: T) => void} set puts data in place that the server gave otherwise
 */

/**
 * @template T
 * @param {string|null} key what it depends on: another key loads anew; null loads nothing
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {{every?: number, keep?: boolean}} [options] `every`: milliseconds between loads while the tab is seen;
 *   `keep: false`: data of another key go at once
 * @returns {Resource<T>}
 */
export function useResource(key, load, { every = 0, keep = true } = {}) {
  const [state, setState] = useState(/** @type {{data: T|null, error: unknown, loading: boolean, asOf: number|null, key: string|null}} */ (
    { data: null, error: null, loading: key !== null, asOf: null, key }));
  const loader = useRef(load);
  loader.current = load;
  const running = useRef(/** @type {AbortController|null} */ (null));

  const reload = useCallback(async () => {
    running.current?.abort();
    if (key === null) return;
    const control = (running.current = new AbortController());
    setState((before) => ({ ...before, loading: true }));
    try {
      const data = await loader.current(control.signal);
      if (running.current === control) setState({ data, error: null, loading: false, asOf: Date.now(), key });
    } catch (error) {
      if (running.current !== control || isAbort(error)) return;
      setState((before) => ({ ...before, error, loading: false }));
    }
  }, [key]);

  useEffect(() => {
    reload();
    return () => {
      running.current?.abort();
      running.current = null;
    };
  }, [reload]);

  useEffect(() => {
    if (!every || key === null) return undefined;
    const again = () => void (document.hidden || reload());
    const timer = setInterval(again, every);
    document.addEventListener('visibilitychange', again);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, [every, key, reload]);

  const set = useCallback((/** @type {T} */ data) => setState({ data, error: null, loading: false, asOf: Date.now(), key }), [key]);
  const data = keep || state.key === key ? state.data : null;
  const { error, loading, asOf } = state;
  return { data, error, loading, first: data === null && !error, stale: data !== null && Boolean(error), asOf, reload, set };
}

/**
 * @template T
 * @typedef {Resource<{items: T[], next?: string|null}> & {items: T[], pages: {newer: (() => void)|null, older: (() => void)|null}, page: string}} Paged
 */

/**
 * Pages of a list by keyset: the cursor stands in the URL, and the way back is remembered.
 * @template T
 * @param {string|null} key what the list depends on, without the cursor
 * @param {(after: string|null, signal: AbortSignal) => Promise<{items: T[], next?: string|null}>} load
 * @param {{every?: number, param?: string}} [options] `param`: of the URL
 * @returns {Paged<T>}
 */
export function usePages(key, load, { every = 0, param = 'after' } = {}) {
  const after = useRoute().params.get(param);
  const back = useRef(/** @type {{key: string|null, stack: (string|null)[]}} */ ({ key, stack: [] }));
  if (back.current.key !== key) back.current = { key, stack: [] };
  const resource = useResource(key === null ? null : `${key} ${after ?? ''}`, (signal) => load(after, signal), { every });
  const next = resource.data?.next ?? null;
  const older = next === null ? null : () => {
    back.current.stack.push(after);
    setParams({ [param]: next });
  };
  const newer = after === null ? null : () => setParams({ [param]: back.current.stack.pop() ?? null });
  return { ...resource, items: resource.data?.items ?? [], pages: { newer, older }, page: after ?? '' };
}
