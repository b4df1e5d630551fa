/**
 * The draft of one zone: edits are collected here, kept on the server half a second later, and made together. Made by
 * the zone page; everything on it reads the signals.
 */
import { ApiError, newKey } from '../../api/http.js';
import { computed, signal } from '../../ui/html.js';
import { before, changeKey, fromSteps, isNothing, keyOf, result, sameRecords, toSteps, touched } from './model.js';

/**
 * @typedef {import('./model.js').Change} Change
 * @typedef {import('./model.js').Clash} Clash
 * @typedef {import('./model.js').ZoneDiff} ZoneDiff
 * @typedef {ReturnType<typeof createDraft>} Draft
 */

const SAVE_AFTER_MS = 500;
const RETRY_MS = 5000;
/** Changes of others that are looked at one by one; behind more of them, everything counts as touched. */
const MAX_FOREIGN = 50;

/** @param {unknown} error @param {number[]} statuses */
const isStatus = (error, ...statuses) => error instanceof ApiError && statuses.includes(error.status);

/**
 * @param {{http: import('../../api/http.js').Http, zone: string, who: string}} of `who`: as the server names the owner of drafts.
 */
export function createDraft({ http, zone, who }) {
  const changes = signal(/** @type {Map<string, Change>} */ (new Map()));
  const clashes = signal(/** @type {Clash[]} */ ([]));
  const saved = signal(/** @type {number | null} */ (null));
  const isDirty = signal(false);
  const error = signal(/** @type {unknown} */ (null));
  const base = signal(/** @type {number | null} */ (null));
  /** The change of the zone that was made by committing this draft: its event is no news. */
  const own = new Set(/** @type {number[]} */ ([]));
  let id = /** @type {string | null} */ (null);
  let version = 0;
  let why = '';
  /** What was edited here since the draft was saved or read. */
  const edited = new Set(/** @type {string[]} */ ([]));
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  let running = /** @type {Promise<void>} */ (Promise.resolve());

  /** @param {any} draft */
  function take(draft) {
    const mine = [...edited].map((key) => /** @type {const} */ ([key, changes.value.get(key)]));
    const theirs = fromSteps(draft.zones, zone);
    for (const [key, change] of mine) change ? theirs.changes.set(key, change) : theirs.changes.delete(key);
    [id, version, why] = [draft.id, draft.version, draft.why];
    changes.value = theirs.changes;
    base.value = theirs.base ?? base.value;
    saved.value = draft.changed_at_ms;
  }

  /** Reads the draft that is there from before. */
  async function load() {
    let after = null;
    do {
      const { data } = await http.get('/drafts', { params: { limit: 1000, after } });
      const found = data.items.find((/** @type {any} */ draft) => draft.name === zone && draft.owner === who);
      if (found) return take((await http.get(`/drafts/${found.id}`)).data);
      after = data.next;
    } while (after);
  }

  function touch() {
    isDirty.value = true;
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), SAVE_AFTER_MS);
  }

  /** Saves now what is not saved yet; one save at a time. */
  function flush() {
    clearTimeout(timer);
    running = running.then(save, save).catch((/** @type {unknown} */ reason) => {
      error.value = reason;
      // Nothing is lost: it is tried again until the server is there.
      if (isStatus(reason, 0, 502, 503)) timer = setTimeout(() => void flush(), RETRY_MS);
    });
    return running;
  }

  async function save() {
    if (!isDirty.value) return;
    isDirty.value = false;
    const keys = [...edited];
    edited.clear();
    const zones = toSteps(changes.value.values(), zone, base.value);
    try {
      await send(zones);
      error.value = null;
    } catch (reason) {
      keys.forEach((key) => edited.add(key));
      isDirty.value = true;
      if (!isStatus(reason, 412, 404)) throw reason;
      await again(isStatus(reason, 404));
    }
  }

  /** @param {any[]} zones */
  async function send(zones) {
    if (!zones.length) {
      if (id) await http.del(`/drafts/${id}`, { keepalive: true }).catch((reason) => { if (!isStatus(reason, 404)) throw reason; });
      id = null;
      saved.value = null;
      base.value = null;
      return;
    }
    const reply = id
      ? await http.patch(`/drafts/${id}`, { zones, why }, { ifMatch: String(version), keepalive: true })
      : await http.post('/drafts', { name: zone, zones, why }, { idempotencyKey: newKey(), keepalive: true });
    [id, version] = [reply.data.id, reply.data.version];
    saved.value = reply.data.changed_at_ms;
  }

  /** The draft was changed in another window, or is gone: what was edited here goes on top. @param {boolean} isGone */
  async function again(isGone) {
    if (isGone) {
      id = null;
      changes.value = new Map([...changes.value].filter(([key]) => edited.has(key)));
    } else take((await http.get(`/drafts/${id}`)).data);
    await save();
  }

  /**
   * Writes a change; one that leaves the RRset as it is goes away.
   * @param {Change} change
   * @param {import('./model.js').Rrset | null} now The RRset on the server.
   * @param {number | null} serial The zone's when that was read.
   */
  function set(change, now, serial) {
    const key = changeKey(change);
    const next = new Map(changes.value);
    if (isNothing(change, now)) next.delete(key);
    else next.set(key, change);
    edited.add(key);
    changes.value = next;
    if (change.zone === zone) follow(serial);
    touch();
  }

  /** What a change was written upon may be older than what the draft goes by: then others may have been faster. @param {number | null} serial */
  function follow(serial) {
    const isOlder = serial !== null && base.value !== null && serial !== base.value && (base.value - serial) >>> 0 < 2 ** 31;
    if (base.value === null || isOlder) base.value = serial;
    if (isOlder) void rebase().catch((reason) => { error.value = reason; });
  }

  /** Puts a change back as it was. @param {Change} change */
  function put(change) {
    edited.add(changeKey(change));
    changes.value = new Map(changes.value).set(changeKey(change), change);
    touch();
  }

  /** Takes changes out. @param {string[]} keys */
  function drop(keys) {
    const next = new Map(changes.value);
    keys.forEach((key) => { next.delete(key); edited.add(key); });
    changes.value = next;
    touch();
  }

  /** Puts changes back as they were. @param {Map<string, Change>} old @param {number | null} serial */
  function restore(old, serial) {
    [...old.keys(), ...changes.value.keys()].forEach((key) => edited.add(key));
    changes.value = old;
    base.value = serial;
    touch();
    return flush();
  }

  async function discard() {
    const old = { changes: changes.value, base: base.value };
    drop([...changes.value.keys()]);
    clashes.value = [];
    await flush();
    return () => restore(old.changes, old.base);
  }

  /** @param {string} type @param {string} name @returns {Promise<import('./model.js').Rrset | null>} */
  async function current(name, type) {
    const { data } = await http.get(`/zones/${encodeURIComponent(zone)}/rrsets`, { params: { name, type, limit: 1 } });
    return data.items[0] ?? null;
  }

  /** The differences of what others did since the base, the latest first; null: too many, or too old to know. */
  async function foreign() {
    const path = `/zones/${encodeURIComponent(zone)}/changes`;
    const { data } = await http.get(path, { params: { limit: MAX_FOREIGN } });
    const of = (/** @type {any} */ change) => change.zones.find((/** @type {any} */ one) => one.zone === zone);
    const end = data.items.findIndex((/** @type {any} */ change) => of(change)?.to === base.value);
    if (end < 0) return null;
    const list = data.items.slice(0, end);
    const replies = await Promise.all(list.map((/** @type {any} */ change) => http.get(`/changes/${change.id}/diff`)));
    const diffs = replies.flatMap((reply) => reply.data.filter((/** @type {any} */ diff) => diff.zone === zone));
    return diffs.some((diff) => diff.truncated) ? null : { list, diffs };
  }

  /**
   * Follows what others did: where they touched other RRsets the draft goes on from the new serial, else there are
   * clashes to be settled.
   * @returns {Promise<{merged: number, clashes: number}>}
   */
  async function rebase() {
    if (!changes.value.size || base.value === null) return { merged: 0, clashes: 0 };
    const info = (await http.get(`/zones/${encodeURIComponent(zone)}`)).data;
    if (info.serial === base.value) return { merged: 0, clashes: clashes.value.length };
    const others = await foreign();
    const keys = others && touched(others.diffs);
    const found = [];
    for (const [full, change] of changes.value) {
      const key = keyOf(change.name, change.type);
      if (change.zone !== zone || (keys && !keys.has(key))) continue;
      const theirs = await current(change.name, change.type);
      const mine = result(change);
      const isSame = mine ? !!theirs && theirs.ttl === mine.ttl && sameRecords(theirs.records, mine.records) : !theirs;
      if (isSame) drop([full]);
      else found.push({ key: full, base: others ? before(theirs, key, others.diffs) : null, theirs, mine: change, who: others?.list[0]?.who ?? '' });
    }
    clashes.value = found;
    if (!found.length) advance(info.serial);
    return { merged: others?.list.length ?? 0, clashes: found.length };
  }

  /** @param {number | null} serial */
  function advance(serial) {
    base.value = serial;
    touch();
  }

  /**
   * Settles clashes: null takes theirs, a change is what shall be.
   * @param {Map<string, Change | null>} picks
   */
  async function settle(picks) {
    const { data } = await http.get(`/zones/${encodeURIComponent(zone)}`);
    const next = new Map(changes.value);
    for (const [key, pick] of picks) {
      edited.add(key);
      pick ? next.set(key, pick) : next.delete(key);
    }
    changes.value = next;
    clashes.value = [];
    advance(data.serial);
    await flush();
  }

  /** @param {'preview' | 'commit'} what */
  async function post(what) {
    await flush();
    if (error.value) throw error.value;
    return (await http.post(`/drafts/${id}/${what}`, undefined, { idempotencyKey: what === 'commit' ? newKey() : undefined })).data;
  }

  /** What the draft would do; follows others first. @returns {Promise<any>} */
  async function preview() {
    await flush();
    try {
      return await post('preview');
    } catch (reason) {
      if (!isStatus(reason, 412)) throw reason;
      const { clashes: count } = await rebase();
      return count ? null : post('preview');
    }
  }

  /**
   * Makes the changes; null: others were faster, and there are clashes.
   * @param {string} comment
   * @returns {Promise<any>}
   */
  async function commit(comment) {
    why = comment;
    isDirty.value = true;
    try {
      return done(await post('commit'));
    } catch (reason) {
      if (!isStatus(reason, 412)) throw reason;
      const { clashes: count } = await rebase();
      return count ? null : done(await post('commit'));
    }
  }

  /** @param {any} outcome */
  function done(outcome) {
    if (outcome.change !== null) own.add(outcome.change);
    edited.clear();
    changes.value = new Map();
    [id, why, saved.value, base.value, isDirty.value] = [null, '', null, null, false];
    return outcome;
  }

  const count = computed(() => changes.value.size);
  return { zone, changes, count, clashes, saved, isDirty, error, base, own, load, set, put, drop, discard, flush, rebase, settle, preview, commit };
}
