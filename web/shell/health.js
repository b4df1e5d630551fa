/** The checks of the server, asked for now and then while the tab is seen; banners, navigation and System show them. */

import { ApiError } from '../api/http.js';
import { signal } from '../ui/html.js';

/**
 * @typedef {object} Check
 * @property {string} name
 * @property {'ok'|'warn'|'fail'} state
 * @property {number} [since_ms]
 * @property {string} [reason]
 * @property {string} [advice]
 */

/** @typedef {{status: 'ok'|'warn'|'fail', ready: boolean, checks: Check[]}} Health */

/** @typedef {ReturnType<typeof createHealth>} HealthStore */

const EVERY_MS = 15_000;
const SOON_MS = 3000;

/** @param {import('../api/http.js').Http} http */
export function createHealth(http) {
  const data = signal(/** @type {Health|null} */ (null));
  /** Why the last try failed; null: it did not. */
  const error = signal(/** @type {unknown} */ (null));
  const asOf = signal(/** @type {number|null} */ (null));
  /** Since when the server cannot be reached; null: it can. */
  const lostAt = signal(/** @type {number|null} */ (null));
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  let running = false;

  async function load() {
    try {
      const reply = await http.get('/health', { quiet: true, signal: AbortSignal.timeout(10_000) });
      data.value = reply.data;
      asOf.value = Date.now();
      error.value = null;
      lostAt.value = null;
    } catch (failed) {
      error.value = failed;
      if (!(failed instanceof ApiError) || failed.status === 0) lostAt.value ??= Date.now();
      else lostAt.value = null;
    }
  }

  async function loop() {
    clearTimeout(timer);
    if (!document.hidden) await load();
    if (running) timer = setTimeout(loop, error.peek() ? SOON_MS : EVERY_MS);
  }

  const seen = () => void (document.hidden || loop());

  return {
    data,
    error,
    asOf,
    lostAt,
    reload: load,
    start() {
      if (running) return;
      running = true;
      document.addEventListener('visibilitychange', seen);
      loop();
    },
    stop() {
      running = false;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    },
  };
}

/** Where the cause of a check is looked at. @type {Record<string, string>} */
export const CHECK_PAGE = {
  configuration: 'config', zones: 'zones', signing: 'dnssec', upstreams: 'upstreams', root: 'upstreams',
};
