// Record data between text and fields, LOC, names backwards, the draft's model, and differences.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { TextError, blank, fromText, joinTexts, octets, quote, relativeName, same, seconds, splitText, toText, tokens, whole } from '../../rr/text.js';
import { parameterText, parameterValue } from '../../rr/params.js';
import { formatLocation, parseLocation } from '../../rr/location.js';
import { reverseName, zoneOf } from '../../pages/zone/reverse.js';
import { before, fromSteps, isNothing, keyOf, scan, toRows, toSteps, touched } from '../../pages/zone/model.js';
import { compare, condition, like, recordFilter, terms, zoneFilter } from '../../pages/zone/filter.js';
import { linesOf, parts } from '../../ui/diff.js';

const types = new Map(JSON.parse(readFileSync(new URL('fixtures/types.json', import.meta.url), 'utf8')).map((type) => [type.name, type]));
const ZONE = 'example.org.';
const read = (type, line) => fromText(types.get(type), line, ZONE);
const write = (type, data) => toText(types.get(type), data);

test('lines become fields', () => {
  const check = (type, line, data) => assert.deepEqual(read(type, line), data, `${type} ${line}`);
  check('A', '192.0.2.1', { address: '192.0.2.1' });
  check('MX', '10 mail', { preference: 10, exchange: 'mail.example.org.' });
  check('MX', '10 @', { preference: 10, exchange: 'example.org.' });
  check('MX', '0 .', { preference: 0, exchange: '.' });
  check('TXT', '"a b" c', { text: ['a b', 'c'] });
  check('TXT', 'v=spf1 mx; all of it', { text: ['v=spf1 mx; all of it'] });
  check('TXT', '"say \\"hi\\" \\195\\188 \\\\ end"', { text: ['say "hi" ü \\ end'] });
  check('SOA', 'ns1 host.master 7 3h 1h30m 2w 300', { mname: 'ns1.example.org.', rname: 'host.master.example.org.', serial: 7, refresh: 10800, retry: 5400, expire: 1209600, minimum: 300 });
  check('CAA', '0 issue "ca.example; policy=ev"', { flags: 0, tag: 'issue', value: 'ca.example; policy=ev' });
  check('DS', '1 8 2 AB CD', { key_tag: 1, algorithm: 8, digest_type: 2, digest: 'ABCD' });
  check('DNSKEY', '257 3 ECDSAP256SHA256 ( aGVs bG8= )', { flags: 257, protocol: 3, algorithm: 'ECDSAP256SHA256', public_key: 'aGVsbG8=' });
  check('NSEC', 'a.example. A MX TYPE65280', { next: 'a.example.', types: ['A', 'MX', 'TYPE65280'] });
  check('NSEC3PARAM', '1 0 0 -', { algorithm: 1, flags: 0, iterations: 0, salt: '-' });
  check('HTTPS', '1 . alpn="h2,h3" port=8443 no-default-alpn ipv4hint=192.0.2.1,192.0.2.2', { priority: 1, target: '.', params: { alpn: ['h2', 'h3'], port: 8443, 'no-default-alpn': true, ipv4hint: ['192.0.2.1', '192.0.2.2'] } });
  check('SVCB', '16 foo.example. alpn="f\\\\\\\\oo\\\\,bar,h2"', { priority: 16, target: 'foo.example.', params: { alpn: ['f\\oo,bar', 'h2'] } });
  check('LOC', '52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m', { location: '52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m' });
  check('APL', '1:192.0.2.0/24 !2:2001:db8::/32', { prefixes: ['1:192.0.2.0/24', '!2:2001:db8::/32'] });
  check('AMTRELAY', '10 1 3 relay.example.', { precedence: 10, discovery_optional: true, relay_type: 3, relay: 'relay.example.' });
  check('WKS', '192.0.2.1 6 25 smtp', { address: '192.0.2.1', protocol: 6, services: [25, 'smtp'] });
  check('A6', '128 prefix.example.', { prefix_length: 128, prefix: 'prefix.example.' });
  check('ISDN', '"150862028003217"', { address: '150862028003217' });
  check('NULL', '\\# 2 abcd', { data: 'ABCD' });
  check('TYPE65280', '\\# 4 0A 0b0C 0d', { data: '0A0B0C0D' });
  check('A', '\\# 4 C0000201', { data: 'C0000201' });
});

test('what is wrong has a column', () => {
  const check = (type, line, key, offset) => assert.throws(() => read(type, line), (error) => error instanceof TextError && error.key === `zone.err.${key}` && error.offset === offset, `${type} ${line}`);
  check('MX', 'ten mail', 'number', 0);
  check('MX', '10', 'missing', 2);
  check('MX', '10 mail more', 'more', 8);
  check('A', '192.0.2.1 ; home', 'semicolon', 10);
  check('CAA', '0 issue "open', 'quote', 8);
  check('HINFO', '"\\256" x', 'escape', 1);
  check('HINFO', '"\\12" x', 'escape', 1);
  check('HINFO', '"\\255" x', 'utf8', 0);
  check('TYPE65280', '\\# 3 0A0B', 'length', 3);
  check('TYPE65280', '\\# 1 0G', 'hex', 5);
  check('TYPE65280', 'hello', 'generic', 0);
  check('SOA', 'a b 1 1x 1 1 1', 'duration', 6);
});

/** A value for each kind of field. */
const SAMPLES = {
  number: 3, mnemonic: 1, duration: 3600, time: '20260130120000', type: 'MX', name: 'a\\.b.example.net.', names: ['a.example.', 'b.example.'], ipv4: '192.0.2.7', ipv6: '2001:db8::7',
  eui: '00-00-5e-00-53-2a', locator: '2001:db8:1140:1000', text: 'say "hi" \\ ; ü\u0007', texts: ['one "two"', 'ünïcode 🚀', 'a;b\\c'], hex: 'ABCDEF01', base64: 'aGVsbG8gd29ybGQ=',
  base32hex: '2T7B4G4VSA5SMI47K61MV5BV1A22BOJR', types: ['A', 'MX', 'TYPE65280'], ports: [25, 80], nsap: '0x47000580', service_parameters: { mandatory: ['alpn'], alpn: ['h2', 'with,comma', 'back\\slash'], port: 53, ech: 'AEj+DQ==', dohpath: '/dns-query{?dns}', key65333: 'x"y z', ohttp: true },
  location: '52 22 23.000 N 4 53 32.000 E -2.00m', prefixes: ['1:192.0.2.0/24', '!1:192.0.2.64/28'], boolean: true, gateway: '192.0.2.38',
};

test('every type of the table goes to text and back', () => {
  for (const [name, def] of types) {
    if (def.fields.some((field) => field.expects.startsWith('\\#'))) continue;
    const data = Object.fromEntries(def.fields.map((field) => [field.name, field.name === 'tag' ? 'issue' : SAMPLES[field.kind]]));
    assert.ok(def.fields.every((field) => data[field.name] !== undefined), `${name} has a kind without a sample`);
    const line = write(name, data);
    assert.deepEqual(read(name, line), data, `${name}: ${line}`);
  }
});

test('text goes there and back, whatever is in it', () => {
  let seed = 7;
  const random = (most) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % most; };
  const alphabet = ['a', '"', '\\', ';', ' ', '(', ')', '\t', '\n', '\u0000', '\u007f', 'ü', '€', '🚀', '\u202e', '\ufeff', '@', '$', '0'];
  for (let i = 0; i < 500; i += 1) {
    const text = Array.from({ length: random(300) }, () => alphabet[random(alphabet.length)]).join('');
    const data = { text: splitText(text) };
    assert.deepEqual(read('TXT', write('TXT', data)), data);
    const [token] = tokens(quote(text));
    assert.equal(new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(token.bytes)), text);
    assert.ok(!/[\u0000-\u001f\u202e\ufeff]/.test(quote(text)), 'nothing invisible is left');
    for (const key of ['alpn', 'key7']) {
      const value = key === 'alpn' ? [text || 'x', 'h2'] : text;
      assert.deepEqual(parameterValue(key, parameterText(value)), value);
    }
  }
});

test('long text is cut between characters', () => {
  const text = 'ü'.repeat(1000);
  const pieces = splitText(text);
  assert.ok(pieces.every((piece) => octets(piece) <= 255));
  assert.equal(pieces.join(''), text);
  assert.equal(joinTexts(pieces), text);
  assert.equal(joinTexts(['a', 'b']), null);
  assert.deepEqual(splitText(''), ['']);
  assert.deepEqual(splitText('a'.repeat(4096)).map(octets), [...Array(16).fill(255), 16]);
});

test('names, durations, equality, blanks', () => {
  assert.equal(whole('a', ZONE), 'a.example.org.');
  assert.equal(whole('a.', ZONE), 'a.');
  assert.equal(whole('a\\.', ZONE), 'a\\..example.org.');
  assert.equal(whole('a\\\\.', ZONE), 'a\\\\.');
  assert.equal(whole('@', ZONE), ZONE);
  assert.equal(whole('a', '.'), 'a.');
  assert.deepEqual([seconds('90'), seconds('1w1d'), seconds('1x'), seconds('')], [90, 691200, null, null]);
  assert.ok(same({ a: [1, { b: 2 }], c: 'x' }, { c: 'x', a: [1, { b: 2 }] }));
  assert.ok(!same({ a: 1 }, { a: 1, b: 2 }));
  assert.deepEqual(blank(types.get('MX')), { preference: 0, exchange: '' });
  assert.deepEqual(blank(types.get('TXT')), { text: [''] });
  assert.deepEqual(blank(undefined), { data: '' });
});

test('a name without its final dot is named', () => {
  const check = (line) => relativeName(types.get('MX'), line, ZONE)?.name ?? null;
  assert.deepEqual(['10 mail.example.net', '10 mail.example.net.', '10 mail', '10 @', '10 a\\.b'].map(check), ['mail.example.net.example.org.', null, null, null, null]);
  assert.equal(relativeName(types.get('TXT'), 'a.b', ZONE), null);
});

test('locations are degrees', () => {
  const place = parseLocation('52 22 23.000 N 4 53 32.000 W -2.00m 1m 10000m 10m');
  assert.deepEqual(place, { latitude: '52.3730556', longitude: '-4.8922222', altitude: '-2', rest: '1m 10000m 10m' });
  assert.equal(formatLocation(place), '52 22 23.000 N 4 53 32.000 W -2.00m 1m 10000m 10m');
  assert.equal(formatLocation({ latitude: '-0.5', longitude: '179,9999999', altitude: 'x', rest: '' }), '0 30 0.000 S 180 0 0.000 E 0.00m');
  assert.equal(formatLocation({ latitude: 'north', longitude: '', altitude: '0', rest: '' }), 'north');
  assert.equal(parseLocation('nowhere'), null);
  assert.equal(parseLocation('42 N 71 W 0')?.latitude, '42');
});

test('addresses backwards', () => {
  assert.equal(reverseName('192.0.2.1'), '1.2.0.192.in-addr.arpa.');
  assert.equal(reverseName('2001:db8::1'), `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa.`);
  assert.equal(reverseName('::ffff:192.0.2.1')?.slice(0, 16), '1.0.2.0.0.0.0.c.');
  assert.deepEqual(['1:2', 'x', '1::2::3', ''].map(reverseName), [null, null, null, null]);
  assert.equal(zoneOf('1.2.0.192.in-addr.arpa.', ['192.in-addr.arpa.', '2.0.192.in-addr.arpa.', '3.0.192.in-addr.arpa.']), '2.0.192.in-addr.arpa.');
  assert.equal(zoneOf('1.12.0.192.in-addr.arpa.', ['2.0.192.in-addr.arpa.']), null);
});

const rrset = (name, last, ttl = 300) => ({ name, type: 'A', ttl, records: [].concat(last).map((one) => ({ address: `192.0.2.${one}` })) });
const change = (name, last, more = {}) => ({ zone: ZONE, op: 'replace', ...rrset(name, last), ...more });

test('a draft becomes steps and comes back', () => {
  const list = [change('a.example.org.', 1), { zone: '2.0.192.in-addr.arpa.', op: 'add', name: '1.2.0.192.in-addr.arpa.', type: 'PTR', records: [{ target: 'a.example.org.' }] }, { zone: ZONE, op: 'delete', name: 'b.example.org.', type: 'A' }];
  const steps = toSteps(list, ZONE, 7);
  assert.deepEqual(steps.map((step) => [step.zone, step.if_serial, step.changes.length]), [[ZONE, 7, 2], ['2.0.192.in-addr.arpa.', undefined, 1]]);
  const back = fromSteps(steps, ZONE);
  assert.equal(back.base, 7);
  assert.deepEqual(new Set([...back.changes.values()].map(({ name }) => name)), new Set(list.map(({ name }) => name)));
  assert.ok(isNothing(change('a.example.org.', [2, 1]), rrset('a.example.org.', [1, 2])));
  assert.ok(!isNothing(change('a.example.org.', 1, { ttl: 1 }), rrset('a.example.org.', 1)));
  assert.ok(isNothing({ zone: ZONE, op: 'delete', name: 'x.', type: 'A' }, null));
});

test('rows of a page have the draft in them', () => {
  const page = [rrset('b.example.org.', 1), rrset('d.example.org.', 1)];
  const draft = [change('b.example.org.', 2), { zone: ZONE, op: 'delete', name: 'd.example.org.', type: 'A' }, change('c.example.org.', 3), change('a.example.org.', 4), change('e.example.org.', 5)];
  const states = (where) => toRows(page, draft, { zone: ZONE, ...where }).map((row) => `${row.name[0]}${row.state[0]}`).join(' ');
  assert.equal(states({ isFirst: true, isLast: true }), 'aa bc ca dr ea');
  assert.equal(states({ isFirst: false, isLast: false }), 'bc ca dr');
  assert.equal(states({ isFirst: true, isLast: true, fits: (row) => row.name !== 'c.example.org.' }), 'aa bc dr ea');
});

test('what an RRset was before changes of others', () => {
  const record = (last, ttl = 300) => ({ name: 'a.example.org.', type: 'A', ttl, data: { address: `192.0.2.${last}` } });
  const diff = (removed, added) => ({ zone: ZONE, action: 'edit', from: 1, to: 2, removed, added, truncated: false });
  const key = keyOf('A.example.org.', 'A');
  const history = [diff([record(2)], [record(3)]), diff([record(1)], [record(2)])];
  assert.deepEqual(touched(history), new Set([key]));
  assert.deepEqual(before(rrset('a.example.org.', 3), key, history), rrset('a.example.org.', 1));
  assert.deepEqual(before(null, key, [diff([record(1)], [])]), rrset('a.example.org.', 1));
  assert.equal(before(rrset('a.example.org.', 1), key, [diff([], [record(1)])]), null);
  assert.equal(before(rrset('a.example.org.', 1, 60), key, [diff([record(1, 300)], [record(1, 60)])])?.ttl, 300);
});

test('filters', () => {
  const help = { relative: (name) => name.replace('.example.org.', ''), text: (set) => set.records.map((data) => data.address).join('\n') };
  const plain = recordFilter('name:mail type:a', help);
  assert.deepEqual([plain.params, plain.fits, plain.from], [{ name: 'mail', type: 'A' }, null, null]);
  const fits = (filter, set) => recordFilter(filter, help).here(set);
  const mail = rrset('mail.example.org.', 7);
  assert.deepEqual(['mai', 'name:m*', 'ttl:<300', 'ttl:300', '-type:A', 'type:A,MX', 'data:2.7', 'data:192.*', 'data:9.9'].map((one) => fits(one, mail)), [true, true, false, true, false, true, true, true, false]);
  assert.equal(recordFilter('from:m', help).from, 'm');
  const asked = (filter) => { const { params, fits } = recordFilter(filter, help); return { ...params, rest: fits !== null }; };
  assert.deepEqual(asked('mai ttl:>=60 ttl:<300'), { contains: 'mai', ttl_min: 60, ttl_max: 299, rest: false });
  assert.deepEqual(asked('ttl:300'), { ttl_min: 300, ttl_max: 300, rest: false });
  assert.deepEqual(asked('name:*.shop* -type:A'), { contains: '.shop', rest: true });
  assert.deepEqual(asked('data:"a b"'), { rest: true });
  assert.deepEqual(asked('-mai type:A,MX'), { rest: true });
  assert.deepEqual([zoneFilter('shop kind:secondary findings:yes').params, zoneFilter('shop').rest.length], [{ contains: 'shop', kind: 'secondary', state: 'findings' }, 0]);
  assert.deepEqual([zoneFilter('kind:odd -state:serving name:a*').params, zoneFilter('kind:odd -state:serving name:a*').rest.length], [{ contains: 'a' }, 3]);
  assert.equal(recordFilter('colour:red', help).unknown?.key, 'colour');
  assert.ok(like('*.ex[a]mple')('www.ex[a]mple') && !like('a')('ab'));
  assert.equal(compare('x'), null);
  assert.ok(condition(terms('"two words"'), { '': (item, value) => item === value }).fits('two words'));
});

test('a search reads some pages, and says how many', async () => {
  const pages = { null: { items: [1, 2, 3], next: 'b' }, b: { items: [4, 5, 6], next: 'c' }, c: { items: [7], next: null } };
  const load = async (after) => pages[after];
  assert.deepEqual(await scan(load, (n) => n % 2 === 0, { after: null }), { items: [2, 4, 6], next: null, read: 7 });
  assert.deepEqual(await scan(load, (n) => n > 3, { after: null, want: 1 }), { items: [4, 5, 6], next: 'c', read: 6 });
  assert.deepEqual(await scan(load, () => false, { after: null, pages: 1 }), { items: [], next: 'b', read: 3 });
});

test('lines of a difference', () => {
  const record = (type, data, ttl = 300) => ({ name: 'a.', type, ttl, data });
  const signs = (removed, added) => linesOf(removed, added, types).map((line) => `${line.sign}${line.type}${line.isTtlOnly ? ' ttl' : ''}`);
  const a = (last, ttl) => record('A', { address: `192.0.2.${last}` }, ttl);
  assert.deepEqual(signs([a(1)], [a(2)]), ['~A']);
  assert.deepEqual(signs([a(1)], [a(1, 60)]), ['~A ttl']);
  assert.deepEqual(signs([a(1)], [record('TXT', { text: ['x'] })]), ['-A', '+TXT']);
  assert.deepEqual(parts('192.0.2.1', '192.0.2.77'), { head: '192.0.2.', was: '1', is: '77', tail: '' });
  assert.deepEqual(parts('aaa', 'aaaa'), { head: 'aaa', was: '', is: 'a', tail: '' });
});
