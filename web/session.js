/** Who is logged in, what they may do, and the log-in that any request may ask for. One `Session` for the whole page. */

import { ApiError } from './api/http.js';
import { keep, recall } from './lib/store.js';
import { signal } from './ui/html.js';

/**
 * @typedef {object} Grant as in `GET /roles/{name}`
 * @property {string[]} zones
 * @property {string[]} verbs
 * @property {string[]|null} [names]
 * @property {string[]|null} [types]
 * @property {number|null} [not_before_ms]
 * @property {number|null} [expires_ms]
 */

/**
 * @typedef {object} Me
 * @property {string} name as the history names them
 * @property {string} displayName
 * @property {string[]} roles
 * @property {Grant[]} grants
 * @property {number|null} endsAt when the session ends, in milliseconds since 1970, as far as it is known
 */

/**
 * `read`, `create`, `update`, `delete`, `configure`, `transfer`, `read_logs`, `admin`.
 * @typedef {'read'|'create'|'update'|'delete'|'configure'|'transfer'|'read_logs'|'admin'} Verb
 */

/** What something is done to; nothing of it: the server as a whole. @typedef {{zone?: string, name?: string, type?: string}} Target */

/** @param {string} name */
const labels = (name) => name.toLowerCase().replace(/\.$/, '').split('.').reverse();

/**
 * Whether a pattern of names has a name: `*` is one label, `**` in front one or more, `**` alone everything.
 * @param {string} pattern
 * @param {string} name
 */
export function patternHas(pattern, name) {
  if (pattern === '**') return true;
  const [want, have] = [labels(pattern), labels(name)];
  const deep = want.at(-1) === '**';
  const fixed = deep ? want.slice(0, -1) : want;
  if (deep ? have.length <= fixed.length : have.length !== fixed.length) return false;
  return fixed.every((label, index) => label === '*' || label.replace('\\*', '*') === have[index]);
}

/**
 * Whether a grant allows something.
 * @param {Grant} grant
 * @param {Verb} verb
 * @param {Target} target
 */
export function allows(grant, verb, { zone, name, type }, now = Date.now()) {
  const inZone = zone === undefined ? grant.zones.includes('**') : grant.zones.some((pattern) => patternHas(pattern, zone));
  const ofRecords = name !== undefined && (verb === 'create' || verb === 'delete');
  const names = grant.names ?? [];
  const types = grant.types ?? [];
  return inZone
    && (grant.verbs.includes(verb) || (ofRecords && grant.verbs.includes('update')))
    && (names.length === 0 || (name !== undefined && names.some((pattern) => patternHas(pattern, name))))
    && (types.length === 0 || (type !== undefined && types.includes(type)))
    && (grant.not_before_ms ?? 0) <= now
    && now < (grant.expires_ms ?? Infinity);
}

const REFUSED_MS = 60_000;

/** @typedef {ReturnType<typeof createSession>} Session */

/**
 * @param {() => import('./api/http.js').Http} http
 */
export function createSession(http) {
  /** Who is logged in; null: nobody. */
  const me = signal(/** @type {Me|null} */ (null));
  /** Why the log-in dialog is open over the page; '': it is not. */
  const asked = signal(/** @type {''|'ended'|'extend'} */ (''));
  /** Whether the session has ended, and nobody wanted to log in again yet. */
  const lapsed = signal(false);
  let refusedAt = 0;
  /** @type {Promise<boolean>|null} */
  let asking = null;
  /** @type {(again: boolean) => void} */
  let settle = () => {};

  /** @param {{who: string, user?: string|null, ends_at_ms?: number|null, grants: Grant[]}} data */
  async function take(data) {
    // Only the log-in itself says when the session ends.
    const known = recall('session');
    const endsAt = data.ends_at_ms ?? (known?.who === data.who && known.endsAt > Date.now() ? Number(known.endsAt) : null);
    keep('session', { who: data.who, endsAt });
    const user = data.user ? await http().get(`/users/${encodeURIComponent(data.user)}`, { quiet: true }).catch(none) : null;
        me.value = {
      name: data.user ?? data.who,
      displayName: user?.data.display_name || data.user || data.who,
      roles: user?.data.roles ?? [],
      grants: data.grants,
      endsAt,
    };
  }

  return {
    me,
    asked,
    lapsed,
    /** Finds out who is logged in. @returns {Promise<void>} */
    async load() {
      try {
        if (await isLikely(http())) await take((await http().get('/session', { quiet: true })).data);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        me.value = null;
      }
    },
    /**
     * @param {string} user
     * @param {string} password
     */
    async logIn(user, password) {
      const { data } = await http().post('/session', { user, password }, { quiet: true });
      await take(data);
      this.done(true);
    },
    async logOut() {
      await http().del('/session', { quiet: true }).catch(none);
      keep('session', undefined);
      lapsed.value = false;
      me.value = null;
    },
    /**
     * Opens the log-in over the page; whether somebody logged in.
     * @param {boolean} [insist] false: not for a minute after somebody said "not now"
     * @param {'ended'|'extend'} [why] `extend`: the session still holds
     * @returns {Promise<boolean>}
     */
    ask(insist = true, why = 'ended') {
      if (!me.peek() || (!insist && Date.now() - refusedAt < REFUSED_MS)) return Promise.resolve(false);
      asking ??= new Promise((resolve) => {
        settle = resolve;
        asked.value = why;
      });
      return asking;
    },
    /** Ends the dialog. @param {boolean} loggedIn */
    done(loggedIn) {
      const over = asked.peek() === 'ended';
      asked.value = '';
      asking = null;
      refusedAt = loggedIn ? 0 : Date.now();
      lapsed.value = !loggedIn && (over || lapsed.peek());
      settle(loggedIn);
    },
    /**
     * Whether the user may do something: `can('update', {zone, name, type})`, `can('configure')` for the server.
     * @param {Verb} verb
     * @param {Target} [target]
     */
    can(verb, target = {}) {
      return me.value?.grants.some((grant) => allows(grant, verb, target)) ?? false;
    },
    /** Whether the user may do something in any zone at all. @param {Verb} verb */
    canSomewhere(verb) {
      return me.value?.grants.some((grant) => grant.verbs.includes(verb)) ?? false;
    },
  };
}

const none = () => null;

/**
 * Whether there may be a session. Asking without one is an error that browsers write to the console, at the first thing
 * that anybody sees; but checks of the server's health have times only for those who may look at it.
 * @param {import('./api/http.js').Http} http
 */
async function isLikely(http) {
  const known = recall('session');
  if (known && !(known.endsAt && known.endsAt < Date.now())) return true;
  const { data } = await http.get('/health', { quiet: true });
  return data.checks.some((/** @type {{since_ms?: number}} */ check) => check.since_ms !== undefined);
}
