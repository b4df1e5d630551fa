/** Changes of zones as they happen (`GET /events`). The browser comes back by itself, and says where it was. */

/**
 * @typedef {object} ServerEvent
 * @property {'change'|'gone'|'open'|'error'} type `gone`: history was trimmed, read anew; `error`: the stream broke off
 * @property {any} data of `change`: the body of `GET /changes/{id}`
 * @property {string} id
 */

/**
 * @param {(event: ServerEvent) => void} onEvent
 * @param {{base?: string}} [options] where `/api/v1` is: `useApp().http.base`
 * @returns {() => void} ends it
 */
export function subscribeEvents(onEvent, { base = new URL('api/v1', document.baseURI).pathname } = {}) {
  /** @type {EventSource|null} */
  let source = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  let last = '';

  function open() {
    source = new EventSource(`${base}/events${last ? `?after=${encodeURIComponent(last)}` : ''}`);
    source.onopen = () => onEvent({ type: 'open', data: null, id: last });
    source.onerror = () => {
      onEvent({ type: 'error', data: null, id: last });
      // The browser gives up where the answer was an error: the server starts, or the session is over.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, 5000 + Math.random() * 5000);
    };
    for (const type of /** @type {const} */ (['change', 'gone'])) {
      source.addEventListener(type, (event) => {
        last = event.lastEventId || last;
        onEvent({ type, data: event.data ? JSON.parse(event.data) : null, id: event.lastEventId });
      });
    }
  }

  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
