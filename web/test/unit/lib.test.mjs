// Names, numbers, times, ranges, routes, rights: what pages take for granted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absolute, decodePunycode, relative, shown, undotted, visible } from '../../lib/dns.js';
import { bytes, duration, ms, num, pct } from '../../lib/format.js';
import { isRangeError, parseRange, parseTime, span } from '../../lib/time.js';
import { href, parseRoute } from '../../router.js';
import { allows, patternHas } from '../../session.js';
import { ApiError, createHttp } from '../../api/http.js';
import { countdown } from '../../shell/pause.js';
import { hostPort } from '../../shell/setupcard.js';
import { find, score } from '../../ui/palette.js';
import { resultOf } from '../../ui/state.js';

test('what cannot be seen in a name is written out', () => {
  assert.equal(visible('a\u202eb\u0007'), 'a\\u{202e}b\\u{7}');
  assert.equal(shown('www.example.org.'), 'www.example.org.');
  assert.equal(shown('xn--bcher-kva.example.'), 'bücher.example. (xn--bcher-kva.example.)');
  assert.equal(shown('xn--a.example'), 'xn--a.example');
  assert.equal(decodePunycode('fiqs8s'), '中国');
  assert.equal(decodePunycode('!!'), null);
});

test('names and their zones', () => {
  assert.equal(relative('example.org.', 'Example.org'), '@');
  assert.equal(relative('a.b.example.org', 'example.org.'), 'a.b');
  assert.equal(relative('other.net.', 'example.org.'), 'other.net.');
  assert.equal(relative('org.', '.'), 'org');
  const whole = ['@', 'www', 'a.b', 'www.example.org', 'example.org', 'Example.ORG', 'other.net.', 'other.net', 'www.example.org.'].map((name) => absolute(name, 'example.org.'));
  assert.deepEqual(whole, ['example.org.', 'www.example.org.', 'a.b.example.org.', 'www.example.org.', 'example.org.', 'Example.ORG.', 'other.net.', 'other.net.example.org.', 'www.example.org.']);
  assert.equal(absolute('org', '.'), 'org.');
  assert.equal(undotted('.'), '.');
});

test('numbers have units, and nothing is a dash', () => {
  assert.equal(num(1234567), '1,234,567');
  assert.equal(num(0.123), '0.12');
  assert.equal(num(null), '–');
  assert.equal(bytes(1536), '1.5 kB');
  assert.equal(bytes(12), '12 B');
  assert.equal(ms(0.21), '0.21 ms');
  assert.equal(ms(12_345), '12.3 s');
  assert.equal(pct(0.081), '8.1%');
  assert.equal(pct(0), '0%');
  assert.equal(duration(183_845_000), '2 d 3 h');
  assert.equal(duration(60_000), '1 min');
  assert.equal(countdown(272_000), '4:32');
  assert.equal(countdown(3_872_000), '1:04:32');
});

test('ranges of time', () => {
  const now = new Date(2025, 10, 20, 12, 3, 11).getTime();
  assert.equal(span('15m'), 900_000);
  assert.equal(span('0m'), null);
  assert.deepEqual(parseRange('1h', now), { from: now - 3_600_000, to: now, relative: true });
  const two = parseRange('2025-11-20 10:00..11:30', now);
  assert.ok(!isRangeError(two) && two.to - two.from === 5_400_000 && !two.relative);
  assert.deepEqual(parseRange('11:00..10:00', now), { error: 'order', offset: 7 });
  assert.deepEqual(parseRange('soon', now), { error: 'form', offset: 0 });
  assert.equal(parseTime('25:00', now), null);
  assert.equal(parseTime('now', now), now);
});

test('routes survive the way through the address bar', () => {
  const to = href('zone', ['a/b.example.', 'records'], { filter: 'type:A name:"x y"', after: null, n: 0 });
  const { page, path, params } = parseRoute(to);
  assert.deepEqual([page, path, params.get('filter'), params.get('n')], ['zone', ['a/b.example.', 'records'], 'type:A name:"x y"', '0']);
  assert.equal(params.has('after'), false);
  assert.equal(parseRoute('').page, 'live');
  assert.equal(parseRoute('#/zones').page, 'zones');
  assert.equal(href('queries', [], { filter: 'client:tv code:NXDOMAIN' }), '#/queries?filter=client:tv+code:NXDOMAIN');
  for (const text of ['a+b', 'ä%', '#?&=', '100% [x|y]']) assert.equal(parseRoute(href('queries', [], { filter: text })).params.get('filter'), text);
});

test('grants allow what the server allows', () => {
  assert.ok(patternHas('**', 'anything.'));
  assert.ok(patternHas('*.example.org', 'a.example.org.'));
  assert.ok(!patternHas('*.example.org', 'a.b.example.org.'));
  assert.ok(patternHas('**.example.org', 'a.b.example.org.'));
  assert.ok(!patternHas('**.example.org', 'example.org.'));
  assert.ok(patternHas('Example.ORG', 'example.org.'));
  const acme = { zones: ['**'], names: ['_acme-challenge.www.example.org'], types: ['TXT'], verbs: ['update'] };
  const target = { zone: 'example.org.', name: '_acme-challenge.www.example.org.', type: 'TXT' };
  assert.ok(allows(acme, 'update', target));
  assert.ok(allows(acme, 'create', target));
  assert.ok(!allows(acme, 'update', { zone: 'example.org.' }));
  assert.ok(!allows(acme, 'update', { ...target, type: 'A' }));
  assert.ok(!allows({ zones: ['example.org'], verbs: ['configure'] }, 'configure', {}));
  assert.ok(!allows({ ...acme, expires_ms: 10 }, 'update', target, 10));
});

test('requests: parameters, entity tags, problems, log-in and once more', async () => {
  /** @type {{url: string, init: RequestInit}[]} */
  const sent = [];
  const answers = [
    new Response('{"title":"Unauthorized","detail":"this needs a log-in"}', { status: 401 }),
    new Response('{"items":[]}', { status: 200, headers: { 'content-type': 'application/json', etag: '"7"' } }),
    new Response('{"title":"Too Many Requests","detail":"later"}', { status: 429, headers: { 'retry-after': '3' } }),
  ];
  let asked = 0;
  const http = createHttp({
    base: '/api/v1',
    onUnauthorized: async () => (asked += 1) > 0,
    fetch: /** @type {typeof fetch} */ (async (url, init) => {
      sent.push({ url: String(url), init: init ?? {} });
      return answers.shift();
    }),
  });
  const { data, etag } = await http.put('/zones/x', { a: 1 }, { params: { b: 2, c: null }, ifMatch: '7', idempotencyKey: 'k' });
  assert.deepEqual([data, etag, asked, sent.length], [{ items: [] }, '"7"', 1, 2]);
  const headers = /** @type {Headers} */ (sent[1].init.headers);
  assert.deepEqual([sent[1].url, headers.get('if-match'), headers.get('idempotency-key'), headers.get('x-headwater'), sent[1].init.body], ['/api/v1/zones/x?b=2', '"7"', 'k', '1', '{"a":1}']);
  await assert.rejects(http.get('/x'), (error) => error instanceof ApiError && error.status === 429 && error.retryAfter === 3 && error.detail === 'later');
});

test('results of queries', () => {
  assert.equal(resultOf({ response_code: 'NOERROR' }).kind, 'ok');
  assert.equal(resultOf({ response_code: 'NXDOMAIN' }).kind, 'info');
  assert.equal(resultOf({ response_code: 'SERVFAIL' }).kind, 'bad');
  assert.equal(resultOf({ response_code: 'NOERROR', action: 'block', list: 'Ads' }).kind, 'block');
  assert.equal(resultOf({ response_code: 'REFUSED' }).kind, 'off');
});

test('addresses of listeners, and the palette', () => {
  assert.deepEqual(hostPort('[::1]:53'), { host: '::1', port: '53' });
  assert.deepEqual(hostPort('192.0.2.1:5353'), { host: '192.0.2.1', port: '5353' });
  assert.ok(score('Configuration', 'conf') > score('Reconfigure', 'conf'));
  assert.equal(score('Zones', 'zones x'), 0);
  const entry = (/** @type {string} */ id, /** @type {string} */ group, /** @type {string} */ label) => ({ id, group, label, run() {} });
  assert.deepEqual(find([entry('page:zones', 'Pages', 'Zones'), entry('zone:a', 'Zones', 'a.example')], '').map(({ id }) => id), ['page:zones']);
  assert.deepEqual(find([entry('page:zones', 'Pages', 'Zones'), entry('zone:a', 'Zones', 'a.example')], 'exam').map(({ id }) => id), ['zone:a']);
});
