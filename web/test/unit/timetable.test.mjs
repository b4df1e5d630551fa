// The timetable of keys as lanes, what matters of a rollover, and which signed zones need somebody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byNeed, dnskeyFields, need } from '../../lib/signing.js';
import { momentsOf, phaseOf, timetable, turningPoints, retirement } from '../../lib/timetable.js';

const HOUR = 3_600_000;
const FROM = 1_800_000_000_000;

/** A key as the API gives it. @param {'ksk'|'zsk'|'csk'} role @param {number} tag @param {Record<string, string|null>} parts @param {string} [state] */
function key(role, tag, parts, state = 'active') {
  const part = (/** @type {string|null|undefined} */ visibility) => (visibility ? { visibility, since_ms: null } : null);
  return /** @type {any} */ ({ role, tag, state, algorithm: 'ECDSAP256SHA256', elements: { dnskey: part(parts.dnskey), key_signature: part(parts.keys), zone_signatures: part(parts.zone), ds: part(parts.ds) } });
}

/** A step. @param {number} hours @param {number|string} who a tag, or `new 1` @param {string} role @param {string|null} element @param {string|null} [visibility] @returns {any} */
function step(hours, who, role, element, visibility = null) {
  const [tag, number] = typeof who === 'number' ? [who, null] : [null, Number(who.slice(4))];
  return { at_ms: FROM + hours * HOUR, sentence: '', assumes: null, tag, new_key: number, role, algorithm: 'ECDSAP256SHA256', element, visibility };
}

const KSK = key('ksk', 1, { dnskey: 'omnipresent', keys: 'omnipresent', ds: 'omnipresent' });
const ZSK = key('zsk', 2, { dnskey: 'omnipresent', zone: 'omnipresent' });

/** A zone-signing key is replaced, beginning after some hours. @param {number} begin @param {string} made @param {number} old */
const rollover = (begin, made = 'new 1', old = 2) => [
  step(begin, made, 'zsk', null), step(begin, made, 'zsk', 'dnskey', 'rumoured'),
  step(begin + 3, made, 'zsk', 'dnskey', 'omnipresent'), step(begin + 3, old, 'zsk', 'zone_signatures', 'unretentive'), step(begin + 3, made, 'zsk', 'zone_signatures', 'rumoured'),
  step(begin + 8, old, 'zsk', 'zone_signatures', 'hidden'), step(begin + 8, made, 'zsk', 'zone_signatures', 'omnipresent'), step(begin + 8, old, 'zsk', 'dnskey', 'unretentive'),
  step(begin + 11, old, 'zsk', 'dnskey', 'hidden'),
];

test('what a key is to resolvers', () => {
  const check = (/** @type {string} */ role, /** @type {any} */ elements, /** @type {string} */ expected, leaves = false) => assert.equal(phaseOf(role, elements, leaves), expected, `${role} ${JSON.stringify(elements)}`);
  check('zsk', { dnskey: 'hidden', zone_signatures: 'hidden' }, 'none');
  check('zsk', { dnskey: 'rumoured', zone_signatures: 'hidden' }, 'new');
  check('zsk', { dnskey: 'hidden', zone_signatures: 'rumoured' }, 'new');
  check('zsk', { dnskey: 'omnipresent', zone_signatures: 'rumoured' }, 'active');
  check('zsk', { dnskey: 'omnipresent', zone_signatures: 'unretentive' }, 'leaving');
  check('zsk', { dnskey: 'omnipresent', zone_signatures: 'hidden' }, 'leaving', true);
  check('ksk', { dnskey: 'omnipresent', ds: 'hidden' }, 'new');
  check('ksk', { dnskey: 'omnipresent', ds: 'rumoured' }, 'parent');
  check('ksk', { dnskey: 'omnipresent', ds: 'omnipresent' }, 'active');
  check('csk', { dnskey: 'omnipresent', zone_signatures: 'omnipresent', ds: 'hidden' }, 'new');
  check('csk', { dnskey: 'omnipresent', zone_signatures: 'omnipresent', ds: 'unretentive' }, 'leaving');
  check('csk', {}, 'none', true);
});

test('steps of one moment stand together', () => {
  assert.deepEqual(momentsOf(rollover(0)).map(({ at, steps }) => [(at - FROM) / HOUR, steps.length]), [[0, 2], [3, 3], [8, 3], [11, 1]]);
  assert.deepEqual(momentsOf([]), []);
});

test('lanes of a rollover', () => {
  const { lanes, marks, now, hidden } = timetable([KSK, ZSK], rollover(24), FROM);
  assert.deepEqual(lanes.map(({ tag, number, role }) => [tag, number, role]), [[1, null, 'ksk'], [2, null, 'zsk'], [null, 1, 'zsk']]);
  assert.deepEqual(lanes.map(({ pieces }) => pieces.map(({ phase }) => phase)), [['active'], ['active', 'leaving'], ['new', 'active']]);
  assert.equal(hidden, 0);
  const [ksk, old, made] = lanes;
  assert.deepEqual([ksk?.pieces[0]?.start, ksk?.pieces[0]?.end], [0, 1]);
  const at = marks.map(({ position }) => position);
  assert.ok(now > 0 && at.every((position, index) => position > (at[index - 1] ?? now) && position < 1), String(at));
  // The new key signs from the moment on at which the old one stops.
  assert.deepEqual([made?.pieces[0]?.start, made?.pieces[1]?.start, old?.pieces[1]?.start, old?.pieces[1]?.end], [at[0], at[1], at[1], at[3]]);
});

test('a drawing ends where nothing is under way, unless all is wanted', () => {
  const steps = [...rollover(0), ...rollover(2160, 'new 2').map((one) => (one.tag === 2 ? { ...one, tag: null, new_key: 1 } : one))];
  const first = timetable([KSK, ZSK], steps, FROM);
  assert.deepEqual([first.marks.length, first.hidden, first.lanes.length], [4, 4, 3]);
  const whole = timetable([KSK, ZSK], steps, FROM, { whole: true });
  assert.deepEqual([whole.marks.length, whole.hidden, whole.lanes.length], [8, 0, 4]);
  // What begins now begins at the mark of now; a quarter of a year is no seven hundred times as wide as three hours.
  assert.equal(whole.marks[0]?.position, whole.now);
  const gap = (/** @type {number} */ index) => (whole.marks[index]?.position ?? 0) - (whole.marks[index - 1]?.position ?? 0);
  assert.ok(gap(4) > gap(1) && gap(4) < 4 * gap(1));
});

test('a zone in which nothing will happen', () => {
  const { lanes, marks, hidden } = timetable([KSK, ZSK], [], FROM);
  assert.deepEqual([lanes.length, marks.length, hidden], [2, 0, 0]);
  assert.deepEqual(timetable([], [], FROM).lanes, []);
});

test('what matters of a rollover', () => {
  assert.deepEqual(turningPoints(rollover(1), 'zsk'), { asked: null, takesOver: FROM + 4 * HOUR, worthless: FROM + 12 * HOUR });
  const ksk = [step(0, 'new 1', 'ksk', null), step(0, 'new 1', 'ksk', 'dnskey', 'rumoured'), step(3, 1, 'ksk', 'ds', 'unretentive'), step(3, 'new 1', 'ksk', 'ds', 'rumoured'), step(29, 'new 1', 'ksk', 'ds', 'omnipresent'), step(31, 1, 'ksk', 'ds', 'hidden'), step(34, 1, 'ksk', 'dnskey', 'hidden')];
  assert.deepEqual(turningPoints(ksk, 'ksk'), { asked: FROM + 3 * HOUR, takesOver: FROM + 29 * HOUR, worthless: FROM + 31 * HOUR });
  assert.deepEqual(turningPoints(ksk, 'zsk'), { asked: null, takesOver: null, worthless: null });
});

test('what matters where a key goes', () => {
  const zsk = { tag: 2, role: 'zsk' };
  assert.deepEqual(retirement(rollover(1), zsk), { successor: true, asked: null, worthless: FROM + 12 * HOUR, gone: FROM + 12 * HOUR });
  const ksk = [step(0, 'new 1', 'ksk', null), step(3, 1, 'ksk', 'ds', 'unretentive'), step(31, 1, 'ksk', 'ds', 'hidden'), step(34, 1, 'ksk', 'dnskey', 'hidden'), step(99, 'new 2', 'ksk', 'ds', 'rumoured')];
  assert.deepEqual(retirement(ksk, { tag: 1, role: 'ksk' }), { successor: true, asked: FROM + 3 * HOUR, worthless: FROM + 31 * HOUR, gone: FROM + 34 * HOUR });
  const spare = [step(0, 2, 'zsk', 'dnskey', 'unretentive'), step(3, 2, 'zsk', 'dnskey', 'hidden'), step(90, 'new 1', 'zsk', null)];
  assert.equal(retirement(spare, zsk).successor, false, 'what comes later is not for it');
});

test('zones that need somebody come first', () => {
  const zone = (/** @type {string} */ name, /** @type {object} */ more) => /** @type {any} */ ({ zone: name, error: null, refusal: null, is_urgent: false, next: null, ...more });
  const zones = [zone('a.', {}), zone('b.', { next: { what: 'parent' } }), zone('d.', { is_urgent: true }), zone('c.', { error: 'no key' }), zone('e.', { refusal: { at_ms: 1, why: 'x' } }), zone('f.', { next: { what: 'caches' } })];
  assert.deepEqual(zones.map(need), [2, 1, 0, 0, 0, 2]);
  assert.deepEqual(byNeed(zones).map(({ zone: name }) => name), ['c.', 'd.', 'e.', 'b.', 'a.', 'f.']);
});

test('fields of a DNSKEY record', () => {
  assert.deepEqual(dnskeyFields('example.org. IN DNSKEY 257 3 13 lSTz RhDK=='), { flags: '257', protocol: '3', algorithm: '13', key: 'lSTzRhDK==' });
  assert.equal(dnskeyFields('example.org. IN DS 1 13 2 AA'), null);
});
