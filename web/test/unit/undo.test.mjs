// Several changes are taken back by one: what the records become, and where others were in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keyOf } from '../../pages/zone/model.js';
import { isAlone, undo } from '../../pages/zone/undo.js';

const ZONE = 'example.org.';
const a = (/** @type {string} */ address, ttl = 300, name = 'www.example.org.') => ({ name, type: 'A', ttl, data: { address } });
const soa = (/** @type {number} */ serial, refresh = 1) => ({ name: ZONE, type: 'SOA', ttl: 60, data: { serial, refresh } });
const done = (/** @type {number} */ id, /** @type {any[]} */ removed, /** @type {any[]} */ added, more = {}) => ({ id, diff: { zone: ZONE, action: 'edit', from: id, to: id + 1, removed: [soa(id), ...removed], added: [soa(id + 1), ...added], truncated: false, ...more } });
const rrset = (/** @type {string[]} */ addresses, ttl = 300, name = 'www.example.org.') => ({ name, type: 'A', ttl, records: addresses.map((address) => ({ address })) });
const now = (/** @type {any[]} */ ...sets) => new Map(sets.map((set) => [keyOf(set.name, set.type, ZONE), set]));

test('the latest first, down to what was before all of them', () => {
  const list = [done(3, [a('2')], [a('3')]), done(2, [a('1')], [a('2')]), done(1, [], [a('9', 300, 'new.example.org.')])];
  const { changes, clashes } = undo(list, now(rrset(['3']), rrset(['9'], 300, 'new.example.org.')));
  assert.deepEqual(clashes, []);
  assert.deepEqual(changes, [
    { zone: ZONE, op: 'replace', name: 'www.example.org.', type: 'A', ttl: 300, records: [{ address: '1' }] },
    { zone: ZONE, op: 'delete', name: 'new.example.org.', type: 'A' },
  ]);
});

test('what others did to other records of a set stays', () => {
  const { changes, clashes } = undo([done(5, [], [a('5')])], now(rrset(['1', '5', '7'])));
  assert.deepEqual([clashes, changes[0]?.records], [[], [{ address: '1' }, { address: '7' }]]);
});

test('a change of the TTL is taken back', () => {
  const { changes, clashes } = undo([done(5, [a('1', 300)], [a('1', 60)])], now(rrset(['1'], 60)));
  assert.deepEqual([clashes, changes[0]?.ttl, changes[0]?.records], [[], 300, [{ address: '1' }]]);
});

test('where another change came afterwards, nothing is guessed', () => {
  assert.deepEqual(undo([done(2, [a('1')], [a('2')])], now(rrset(['3']))).clashes, [2], 'what it added is gone');
  assert.deepEqual(undo([done(2, [a('1')], [])], now(rrset(['1']))).clashes, [2], 'what it removed is there again');
  assert.deepEqual(undo([done(2, [], [a('1')])], now(rrset(['1'], 60))).clashes, [2], 'the TTL is another one');
  const middle = [done(3, [a('2')], [a('3')]), done(1, [a('0')], [a('1')])];
  assert.deepEqual(undo(middle, now(rrset(['3']))).clashes, [1], 'the one between them is not picked');
});

test('changes that undo each other leave nothing to do', () => {
  assert.deepEqual(undo([done(2, [a('2')], [a('1')]), done(1, [a('1')], [a('2')])], now(rrset(['1']))), { changes: [], clashes: [] });
});

test('more than records, or more than is known, is taken back alone', () => {
  assert.equal(isAlone(done(1, [], [a('1')]).diff), false);
  assert.equal(isAlone(done(1, [], [], { truncated: true }).diff), true);
  assert.equal(isAlone(done(1, [], [], { action: 'configure' }).diff), true);
  assert.equal(isAlone({ ...done(1, [], []).diff, added: [soa(2, 7)] }), true, 'a SOA record of which more than the serial changed');
});
