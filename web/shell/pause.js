/** Whether blocking is paused, for whom and how long; and what the pause menu does about it. */

import { computed, signal } from '../ui/html.js';

/** @typedef {'all'|{group: string}|{device: string}} Scope */
/** @typedef {{id: string, scope: Scope, until_ms: number, why: string, by: string, ended: boolean}} Pause */
/** @typedef {{enabled: boolean, paused_until_ms?: number|null, pauses: number, lists: number, names: number}} Blocking */

/** @typedef {ReturnType<typeof createPause>} PauseStore */

const EVERY_MS = 30_000;

/** @param {import('../api/http.js').Http} http */
export function createPause(http) {
  const blocking = signal(/** @type {Blocking|null} */ (null));
  const pauses = signal(/** @type {Pause[]} */ ([]));
  const now = signal(Date.now());
  /** Pauses that hold now. */
  const holding = computed(() => pauses.value.filter((pause) => !pause.ended && pause.until_ms > now.value));
  /** Until when nothing is blocked for anybody; null: something is. */
  const pausedUntil = computed(() => {
    const until = blocking.value?.paused_until_ms ?? null;
    return until !== null && until > now.value ? until : null;
  });
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let timer;
  let loadedAt = 0;

  async function reload() {
    loadedAt = Date.now();
    const [about, list] = await Promise.all([
      http.get('/blocking', { quiet: true }),
      http.get('/blocking/pauses', { params: { limit: 1000 }, quiet: true }),
    ]);
    now.value = Date.now();
    blocking.value = about.data;
    pauses.value = list.data.items;
  }

  function tick() {
    if (document.hidden) return;
    const before = holding.peek().length;
    if (before > 0) now.value = Date.now();
    if (Date.now() - loadedAt > EVERY_MS || holding.peek().length !== before) reload().catch(ignore);
  }

  return {
    blocking,
    pauses,
    holding,
    pausedUntil,
    now,
    reload,
    /**
     * Has nothing blocked for a while.
     * @param {Scope} scope of a device its name
     * @param {{minutes?: number, until_ms?: number, why?: string}} how
     * @returns {Promise<Pause>}
     */
    async start(scope, { minutes, until_ms, why = '' }) {
      const { data } = await http.post('/blocking/pauses', { scope, minutes, until_ms, why });
      await reload();
      return data;
    },
    /** Ends a pause; one that is over is none to end. @param {string} id */
    async end(id) {
      await http.del(`/blocking/pauses/${encodeURIComponent(id)}`).catch((error) => {
        if (error.status !== 404) throw error;
      });
      await reload();
    },
    /** Blocks again for everybody that is paused. */
    async endAll() {
      const all = holding.peek();
      for (const { id } of all) await http.del(`/blocking/pauses/${encodeURIComponent(id)}`);
      await reload();
      return all;
    },
    run() {
      reload().catch(ignore);
      timer ??= setInterval(tick, 1000);
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
      blocking.value = null;
    },
  };
}

/** What failed is tried again in half a minute, and the health of the server says why. */
function ignore() {}

/** How long until then: `4:32`, `1:04:32`. @param {number} span milliseconds */
export function countdown(span) {
  const total = Math.max(0, Math.ceil(span / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const pad = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`;
}
