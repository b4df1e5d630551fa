/**
 * Requests to the API. One `Http` for the whole page, from `useApp()`; every error is an `ApiError`.
 */

/**
 * @typedef {object} FieldError
 * @property {string} detail
 * @property {string} [pointer] where in the body (RFC 6901)
 * @property {string} [parameter]
 * @property {number} [offset] where in the parameter
 * @property {number} [line]
 * @property {number} [column]
 */

/**
 * @typedef {object} Problem as the server says it (RFC 9457)
 * @property {string} [title]
 * @property {string} [detail]
 * @property {number} [status]
 * @property {FieldError[]} [errors]
 */

/** Why a request failed. `status` 0: the server was not reached. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {Problem & Record<string, any>} problem members that some problems have beside the usual ones: any
   * @param {{requestId?: string|null, retryAfter?: number|null}} [more]
   */
  constructor(status, problem, { requestId = null, retryAfter = null } = {}) {
    super(problem.detail || problem.title || String(status));
    this.name = 'ApiError';
    this.status = status;
    this.title = problem.title ?? '';
    this.detail = problem.detail ?? '';
    this.errors = problem.errors ?? [];
    this.problem = problem;
    this.requestId = requestId;
    /** Seconds until it may be tried again. */
    this.retryAfter = retryAfter;
  }
}

/**
 * @typedef {object} Options
 * @property {Record<string, string|number|boolean|null|undefined>|URLSearchParams} [params] what is null is left out
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers]
 * @property {string|null} [ifMatch] the entity tag that must still hold, with or without quotes
 * @property {string} [idempotencyKey] `newKey()`: sent again, the request is not made again
 * @property {boolean} [keepalive] it is made also if the page is left meanwhile; browsers take small ones only
 * @property {boolean} [quiet] a 401 is an error like others, no log-in is asked for
 * @property {'json'|'text'|'blob'} [as] what the answer is; by its type without it
 */

/**
 * @template [T=any]
 * @typedef {{data: T, etag: string|null, status: number, headers: Headers}} Reply answers differ by path: any without T
 */

/** Characters of a body with which a request may outlive its page: browsers allow 64 KiB of octets. */
const KEPT_ALIVE = 20_000;

/** A key for `idempotencyKey`. */
export function newKey() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const octets = crypto.getRandomValues(new Uint8Array(16));
  return [...octets].map((octet) => octet.toString(16).padStart(2, '0')).join('');
}

/**
 * @typedef {ReturnType<typeof createHttp>} Http
 */

/**
 * @param {object} settings
 * @param {string} settings.base where `/api/v1` is
 * @param {(byUser: boolean) => Promise<boolean>} settings.onUnauthorized asks for a log-in; true: the request is made
 *   again. `byUser`: somebody did something, the page did not ask by itself
 * @param {typeof fetch} [settings.fetch]
 */
export function createHttp({ base, onUnauthorized, fetch: send = (...args) => fetch(...args) }) {
  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {Options} options
   * @returns {Promise<Reply>}
   */
  async function request(method, path, body, options) {
    const init = initOf(method, body, options);
    const url = urlOf(base, path, options.params);
    for (let again = false; ; again = true) {
      const response = await reach(send, url, init);
      if (response.status === 401 && !options.quiet && !again && (await onUnauthorized(method !== 'GET'))) continue;
      if (!response.ok && response.status !== 304) throw await failure(response);
      const data = await read(response, options.as);
      return { data, etag: response.headers.get('etag'), status: response.status, headers: response.headers };
    }
  }

  return {
    base,
    /** @type {(path: string, params?: Options['params']) => string} the address, for links and downloads */
    url: (path, params) => urlOf(base, path, params),
    /** @type {(path: string, options?: Options) => Promise<Reply>} */
    get: (path, options = {}) => request('GET', path, undefined, options),
    /** @type {(path: string, body?: unknown, options?: Options) => Promise<Reply>} */
    post: (path, body, options = {}) => request('POST', path, body, options),
    /** @type {(path: string, body?: unknown, options?: Options) => Promise<Reply>} */
    put: (path, body, options = {}) => request('PUT', path, body, options),
    /** @type {(path: string, body?: unknown, options?: Options) => Promise<Reply>} */
    patch: (path, body, options = {}) => request('PATCH', path, body, options),
    /** @type {(path: string, options?: Options) => Promise<Reply>} */
    del: (path, options = {}) => request('DELETE', path, undefined, options),
  };
}

/**
 * @param {string} method
 * @param {unknown} body
 * @param {Options} options
 * @returns {RequestInit}
 */
function initOf(method, body, options) {
  const headers = new Headers({ 'X-Headwater': '1', ...options.headers });
  const init = /** @type {RequestInit} */ ({ method, headers, credentials: 'same-origin', cache: 'no-store' });
  if (options.signal) init.signal = options.signal;
  if (body instanceof Blob || typeof body === 'string') init.body = body;
  else if (body !== undefined) init.body = JSON.stringify(body);
  if (options.keepalive && (typeof init.body !== 'string' || init.body.length < KEPT_ALIVE)) init.keepalive = true;
  if (body !== undefined && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
  if (options.ifMatch) {
    headers.set('If-Match', /^(W\/)?"/.test(options.ifMatch) ? options.ifMatch : `"${options.ifMatch}"`);
  }
  if (options.idempotencyKey) headers.set('Idempotency-Key', options.idempotencyKey);
  return init;
}

/**
 * @param {string} base
 * @param {string} path
 * @param {Options['params']} params
 */
function urlOf(base, path, params) {
  const pairs = params instanceof URLSearchParams ? [...params] : Object.entries(params ?? {});
  const given = pairs.filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `${base}${path}${query ? `${path.includes('?') ? '&' : '?'}${query}` : ''}`;
}

/**
 * @param {typeof fetch} send
 * @param {string} url
 * @param {RequestInit} init
 */
async function reach(send, url, init) {
  try {
    return await send(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, { title: 'unreachable', detail: '' });
  }
}

/** @param {Response} response */
async function failure(response) {
  const text = await response.text().catch(() => '');
  const retry = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  /** @type {Problem} */
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { title: response.statusText, detail: text.slice(0, 300) };
  }
  return new ApiError(response.status, problem, {
    requestId: response.headers.get('x-request-id'),
    retryAfter: Number.isNaN(retry) ? null : retry,
  });
}

/**
 * @param {Response} response
 * @param {Options['as']} as
 */
async function read(response, as) {
  if (response.status === 204 || response.status === 304) return null;
  if (as === 'blob') return response.blob();
  const type = response.headers.get('content-type') ?? '';
  if (as === 'text' || (as !== 'json' && !type.includes('json'))) return response.text();
  return response.json();
}

/** Whether it is only that a request was taken back. @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === 'AbortError';
