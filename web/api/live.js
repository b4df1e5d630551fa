/**
 * The WebSocket of what goes through the server now: figures each second, tops each five, and rows that match a filter.
 * It comes back by itself, with longer and longer waits. app.js makes one; pages take it from `useApp().live`.
 */

import { signal } from '../ui/html.js';

/** @typedef {'live'|'reconnecting'|'offline'} LiveState `offline`: not wanted, or the longest wait is reached */

/**
 * @typedef {object} RowsFrame
 * @property {'rows'} t
 * @property {number} seen all answers since the frame before
 * @property {number} matched those that match the filter
 * @property {number} sampled those that are in `rows`
 * @property {number} lost rows that the server could not look at
 * @property {Record<string, any>[]} rows as in the query log, oldest first; values are texts and numbers: any
 */

/**
 * @typedef {object} RowsError
 * @property {'error'} t
 * @property {string} detail
 * @property {number} [offset] where in the filter
 */

/** @typedef {ReturnType<typeof createLive>} Live */

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const HIDDEN_MS = 30_000;
/** The server says something each second; so long without a word, the connection is dead. */
const SILENCE_MS = 12_000;

const TOO_SLOW = 1013;
const UNAUTHORIZED = 4401;

/**
 * @param {string} url of the stream, `ws:` or `wss:`
 * @param {object} [hooks]
 * @param {() => Promise<boolean>} [hooks.onUnauthorized] the session is over; true: somebody logged in again
 * @param {() => Promise<boolean>} [hooks.onFailure] the stream could not be opened; false: it makes no sense to go on
 */
export function createLive(url, { onUnauthorized, onFailure } = {}) {
  const state = signal(/** @type {LiveState} */ ('offline'));
  /** Since when `state` is what it is. */
  const since = signal(Date.now());
  /** When the next try is made. */
  const retryAt = signal(/** @type {number|null} */ (null));
  /** What the server or this page says about the last end. */
  const reason = signal('');
  /** The last figures. Keys are those of `GET /status`: any */
  const stat = signal(/** @type {any} */ (null));
  /** The last tops, as of `GET /stats/top`: any */
  const tops = signal(/** @type {any} */ (null));
  /** @type {WebSocket|null} */
  let socket = null;
  let wanted = false;
  let wait = FIRST_WAIT_MS;
  let heard = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let watch;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let hiding;
  /** @type {{filter: string, rate: number, onRows: (frame: RowsFrame|RowsError) => void}|null} */
  let asked = null;

  /** @param {LiveState} next */
  function become(next) {
    if (state.peek() === next) return;
    state.value = next;
    since.value = Date.now();
  }

  function say() {
    if (socket?.readyState !== WebSocket.OPEN) return;
    const rate = asked && !hidden() ? asked.rate : 0;
    socket.send(JSON.stringify({ op: 'rows', filter: rate > 0 ? asked?.filter ?? '' : '', rate }));
  }

  let isHidden = false;
  const hidden = () => isHidden;

  function visibility() {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => {
        isHidden = true;
        say();
      }, HIDDEN_MS);
    } else if (isHidden) {
      isHidden = false;
      say();
    }
  }

  /** @param {MessageEvent<string>} event */
  function message(event) {
    heard = Date.now();
    const frame = JSON.parse(event.data);
    if (frame.t === 'stat') stat.value = frame;
    else if (frame.t === 'tops') tops.value = frame;
    else if (!document.hidden || frame.t === 'error') asked?.onRows(frame);
  }

  function open() {
    clearTimeout(timer);
    retryAt.value = null;
    if (!wanted || socket) return;
    let opened = false;
    const made = (socket = new WebSocket(url));
    made.onopen = () => {
      opened = true;
      wait = FIRST_WAIT_MS;
      heard = Date.now();
      reason.value = '';
      become('live');
      if (asked) say();
    };
    made.onmessage = message;
    made.onclose = (event) => {
      if (socket !== made) return;
      socket = null;
      ended(event, opened);
    };
  }

  /**
   * @param {CloseEvent} event
   * @param {boolean} opened
   */
  async function ended(event, opened) {
    if (!wanted) return;
    reason.value = event.code === TOO_SLOW ? 'slow' : event.reason;
    become(wait >= LONGEST_WAIT_MS ? 'offline' : 'reconnecting');
    if (event.code === UNAUTHORIZED) {
      const again = (await onUnauthorized?.()) ?? false;
      if (!again) become('offline');
      if (again && wanted) open();
      return;
    }
    if (!opened && (await onFailure?.()) === false) {
      become('offline');
      wanted = false;
      return;
    }
    if (!wanted || socket) return;
    const jitter = wait * (0.75 + Math.random() / 2);
    retryAt.value = Date.now() + jitter;
    timer = setTimeout(open, jitter);
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
  }

  function check() {
    if (socket?.readyState === WebSocket.OPEN && Date.now() - heard > SILENCE_MS) {
      const dead = socket;
      socket = null;
      dead.close();
      ended(new CloseEvent('close', { code: 1006, reason: '' }), true);
    }
  }

  /** Opens it, and keeps it open. */
  function start() {
    if (wanted) return;
    wanted = true;
    wait = FIRST_WAIT_MS;
    become('reconnecting');
    watch = setInterval(check, 3000);
    document.addEventListener('visibilitychange', visibility);
    addEventListener('online', retry);
    open();
  }

  function stop() {
    wanted = false;
    clearTimeout(timer);
    clearTimeout(hiding);
    clearInterval(watch);
    document.removeEventListener('visibilitychange', visibility);
    removeEventListener('online', retry);
    socket?.close();
    socket = null;
    become('offline');
  }

  /** Tries at once. */
  function retry() {
    if (!wanted || socket) return;
    wait = FIRST_WAIT_MS;
    open();
  }

  /**
   * Has rows sent that match, up to `rate` a second; what was asked for before ends.
   * @param {string} filter
   * @param {number} rate
   * @param {(frame: RowsFrame|RowsError) => void} onRows
   * @returns {() => void} ends it
   */
  function rows(filter, rate, onRows) {
    const mine = (asked = { filter, rate, onRows });
    say();
    return () => {
      if (asked !== mine) return;
      asked = null;
      say();
    };
  }

  return { state, since, retryAt, reason, stat, tops, rows, start, stop, retry };
}
