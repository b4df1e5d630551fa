import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes, decided, decidesNow, digLine, place, verdictKey } from '../../lib/verdict.js';

const row = { source: 'cache', response_code: 'NOERROR', response_data: ['192.0.2.1'], action: null, list: null };

test('who decided follows from what was recorded', () => {
  assert.equal(decided({ source: 'blocked', action: 'blocked' }), 'blocking');
  assert.equal(decided({ source: 'cache', action: 'allowed' }), 'cache');
  assert.equal(decided({ source: 'refused' }), 'access');
  assert.equal(decided({ source: 'local' }), 'server');
  assert.equal(decidesNow({ blocked: true }, { answered_by: 'zone' }), 'blocking');
  assert.equal(decidesNow(null, { answered_by: 'forwarders' }), 'upstream');
  assert.equal(decidesNow(null, null), 'server');
});

test('steps come before, decide, or are not reached', () => {
  assert.deepEqual(['access', 'blocking', 'zone', 'cache', 'upstream'].map((step) => place(step, 'zone')), ['passed', 'passed', 'decides', 'skipped', 'skipped']);
  assert.equal(verdictKey({ ...row, source: 'stale' }), 'explain.verdict.stale');
});

test('what has changed is said once, the block first', () => {
  const keys = (...of) => changes(...of).map((change) => change.key);
  const same = { rcode: 'NOERROR', answers: [{ type: 'A', data: '192.0.2.1' }] };
  assert.deepEqual(keys(row, { blocked: false, rules: [] }, same), []);
  assert.deepEqual(keys(row, { blocked: true, rules: [{ list: 'Ads', decides: true }] }, same), ['explain.change.blocked']);
  assert.deepEqual(keys(row, null, { rcode: 'NXDOMAIN', answers: [] }), ['explain.change.code']);
  assert.deepEqual(keys(row, null, { rcode: 'NOERROR', answers: [] }), ['explain.change.data']);
  const blocked = { ...row, source: 'blocked', action: 'blocked', list: 'Ads' };
  assert.deepEqual(keys(blocked, { blocked: false, rules: [] }, same), ['explain.change.allowed']);
  assert.deepEqual(keys(blocked, { blocked: true, rules: [{ list: 'Other', decides: true }] }, same), ['explain.change.list']);
});

test('the command can be pasted into a shell', () => {
  assert.equal(digLine({ host: 'dns.example', name: 'www.example.org', type: 'AAAA' }), 'dig @dns.example www.example.org AAAA');
  assert.equal(digLine({ host: '[::1]', port: 5353, name: "a'b;c.example", type: 'A', tcp: true }), "dig @::1 -p 5353 'a'\\''b;c.example' A +tcp");
});
