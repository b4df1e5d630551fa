import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutTerms, joinTerms, nameValue, termAt, termKey, valueText } from '../../lib/terms.js';
import { deviceFinder, network, withAddresses } from '../../lib/devices.js';

test('terms are cut at spaces that are not in quotes or behind backslashes', () => {
  assert.deepEqual(cutTerms('client:tv  -name:"a b" x\\ y').map((term) => term.text), ['client:tv', '-name:"a b"', 'x\\ y']);
  assert.deepEqual(cutTerms('  a').map(({ start, end }) => [start, end]), [[2, 3]]);
  assert.deepEqual(cutTerms('name:"open').map((term) => term.text), ['name:"open']);
  assert.deepEqual(cutTerms('x\\'), [{ text: 'x\\', start: 0, end: 2 }]);
  assert.equal(joinTerms(['a', 'b', 'a']), 'a b');
});

test('a place belongs to the term that begins before it', () => {
  const terms = cutTerms('ab cd');
  assert.deepEqual([0, 1, 2, 3, 9].map((at) => termAt(terms, at)), [0, 0, 0, 1, 1]);
  assert.equal(termAt([], 3), -1);
});

test('what is typed has a minus, a key and a rest', () => {
  assert.deepEqual(termKey('-Client:10.'), { minus: '-', key: 'client', rest: '10.' });
  assert.deepEqual(termKey('ads'), { minus: '', key: '', rest: 'ads' });
});

test('values are written so that the server reads them as they are', () => {
  assert.equal(valueText('Ads'), 'Ads');
  assert.equal(valueText('Anna, phone'), '"Anna, phone"');
  assert.equal(valueText('a"b\\'), '"a\\"b\\\\"');
  assert.equal(nameValue('a\\.b.example'), 'a\\.b.example');
  assert.equal(nameValue('*.example'), '\\*.example');
  assert.equal(nameValue(''), '.');
});

test('addresses belong to the device with the longest prefix', () => {
  const device = deviceFinder([
    { name: 'net', addresses: ['192.0.2.0/24', '2001:db8::/32'] },
    { name: 'tv', addresses: ['192.0.2.7/32', '2001:db8:0:1::7'] },
  ]);
  const names = ['192.0.2.7', '192.0.2.8', '198.51.100.1', '2001:db8:0:1::7', '2001:db8::9', '::ffff:192.0.2.7', 'none'].map((address) => device(address)?.name ?? null);
  assert.deepEqual(names, ['tv', 'net', null, 'tv', 'net', null, null]);
});

test('what is no address is none', () => {
  for (const text of ['', '1.2.3', '1.2.3.256', '::1::2', '1:2:3', '10.0.0.0/33', 'x']) assert.equal(network(text), null, text);
  assert.equal(network('::')?.bits, 0n);
});

test('filters that name devices are sent with their addresses', () => {
  const devices = [{ name: 'TV', addresses: ['192.0.2.7/32', '2001:db8::7/128'] }, { name: 'Anna, phone', addresses: ['192.0.2.9'] }];
  assert.equal(withAddresses('-client:tv code:NXDOMAIN', devices), '-client:192.0.2.7/32,2001:db8::7/128 code:NXDOMAIN');
  assert.equal(withAddresses('client:"Anna, phone",192.0.2.1', devices), 'client:192.0.2.9,192.0.2.1');
  assert.equal(withAddresses('client:nobody', devices), 'client:nobody');
});
