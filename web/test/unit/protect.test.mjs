// Rules as text and back, weeks of schedules, sums of slices, clients as rows.
import assert from 'node:assert/strict';
import test from 'node:test';
import { readRule, ruleHost, ruleText } from '../../lib/blockrule.js';
import { pausesOf, rowsOf } from '../../pages/clients/model.js';
import { spansOf } from '../../pages/clients/week.js';
import { added } from '../../pages/blocking/simulate.js';
import { readCounts } from '../../pages/security/limits.js';

test('a rule is read back as it was made, whatever a device is called', () => {
  for (const client of [undefined, 'tv', '192.0.2.7', '2001:db8::/64', "Anna's, \"new\" | phone", '~odd', 'Küche', 'a\\b']) {
    for (const [allow, exact, important] of [[true, true, true], [false, false, false], [true, false, false]]) {
      const text = ruleText({ name: 'ads.example.net', allow, exact, client, important });
      const { name, ...parts } = readRule(text) ?? {};
      assert.equal(name, 'ads.example.net', text);
      assert.deepEqual([parts.allow, parts.exact, parts.client, Boolean(parts.important)], [allow, exact, client, important], text);
    }
  }
});

test('what is more than a name and a client is left as text', () => {
  for (const text of ['/ad[0-9]+/', '||a.example^$dnstype=A', '||a.example^$client=a|b', '||a.example^$client=~a', '0.0.0.0 a.example', '||*.example^', '||a^b']) {
    assert.equal(readRule(text), null, text);
  }
  assert.equal(ruleHost('A.Example.'), 'a.example');
  for (const name of ['', '.', '*.example', 'a..b', 'a b', 'a\\032b', '-a']) assert.equal(ruleHost(name), null, name);
});

test('hours over midnight are on two days, and Sunday goes on on Monday', () => {
  const night = { days: ['fri', 'sun'], from: '21:00', to: '07:30', action: 'block_all' };
  assert.deepEqual(spansOf(night).map(({ day, from, to }) => [day, from, to]), [[4, 1260, 1440], [5, 0, 450], [6, 1260, 1440], [0, 0, 450]]);
  assert.deepEqual(spansOf({ days: ['mon'], from: '08:00', to: '24:00', action: { lists: [] } }), [{ day: 0, from: 480, to: 1440, kind: 'lists' }]);
  assert.equal(spansOf({ days: ['mon'], from: '00:00', to: '00:00', action: 'no_blocking' }).length, 1);
});

test('slices of a simulation are added up', () => {
  const slice = { list_names: 3, list_rules: 1, rows: 10, queries: 4, already_blocked: 1, names: 2, top: [{ name: 'a.', count: 3 }, { name: 'b.', count: 1 }], done: false, next: 'x', scanned_to_ms: 50 };
  const sum = added(added(null, slice), { ...slice, names: 9, done: true, next: null, scanned_to_ms: null });
  assert.deepEqual([sum.rows, sum.queries, sum.already, sum.done, sum.scannedTo, sum.partial], [20, 8, 2, true, 50, true]);
  assert.deepEqual([...sum.top], [['a.', 6], ['b.', 2]]);
});

test('addresses without a name come first, and addresses of a device are one row', () => {
  const device = { id: '', name: 'tv', addresses: ['192.0.2.8/32'], macs: [], group: 'kids', tags: [], origin: 'api', set: null };
  const seen = (address, name, first_ms, queries) => ({ address, device: name, first_ms, last_ms: first_ms + 5, queries, blocked: 1 });
  const rows = rowsOf([device], [seen('192.0.2.8', 'tv', 10, 4), seen('2001:db8::8', 'tv', 5, 6), seen('192.0.2.9', null, 1, 1), seen('192.0.2.7', null, 9, 1)]);
  assert.deepEqual(rows.map((row) => row.key), ['a 192.0.2.7', 'a 192.0.2.9', 'd tv']);
  assert.deepEqual([rows[2].queries, rows[2].blocked, rows[2].first, rows[2].last, rows[2].group], [10, 2, 5, 15, 'kids']);
  const pause = (scope) => ({ id: '1', scope, until_ms: 1, why: '', by: '', ended: false });
  const all = [pause('all'), pause({ group: 'kids' }), pause({ group: 'other' }), pause({ device: 'tv' })];
  assert.equal(pausesOf(rows[2], all).length, 3);
  assert.equal(pausesOf(rows[0], all).length, 1);
});

test('counters of limits are read from the metrics', () => {
  const { counts, started } = readCounts('# x\nheadwater_rate_limited_total{limit="client"} 12\nheadwater_refused_total{reason="malformed"} 3\nheadwater_other{a="b"} 1\nprocess_start_time_seconds 7.5\n');
  assert.deepEqual([...counts], [['rate_limited client', 12], ['refused malformed', 3]]);
  assert.equal(started, 7.5);
});
