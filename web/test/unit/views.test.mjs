// Saved views of the queries: what of an address is kept, and what is made of what a browser kept.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { savedViews, viewParams, withView } from '../../pages/queries/views.js';

/** @type {Map<string, string>} */
const storage = new Map();
Object.assign(globalThis, { localStorage: { getItem: (/** @type {string} */ key) => storage.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ text) => storage.set(key, text) } });
beforeEach(() => storage.clear());

test('a view is filter, time, kind and columns, and nothing of where somebody was', () => {
  const params = new URLSearchParams('filter=code:NXDOMAIN&range=24h&after=c123&id=q1&tab=now&view=grouped&by=client&other=1');
  assert.deepEqual(viewParams(params, ['time', 'name']), { filter: 'code:NXDOMAIN', range: '24h', view: 'grouped', by: 'client', columns: 'time.name' });
});

test('a view of the same name is replaced, and there is an end to them', () => {
  let views = /** @type {import('../../pages/queries/views.js').View[]} */ ([]);
  for (let at = 0; at < 60; at += 1) views = withView(views, { name: `view ${at}`, params: { filter: String(at) } });
  assert.deepEqual([views.length, views[0]?.name, views.at(-1)?.name], [50, 'view 59', 'view 10']);
  views = withView(views, { name: 'view 30', params: { filter: 'new' } });
  assert.deepEqual([views.length, views[0]?.params.filter, views.filter(({ name }) => name === 'view 30').length], [50, 'new', 1]);
});

test('what a browser kept is read with care', () => {
  const keep = (/** @type {unknown} */ value) => storage.set('headwater.views.queries', JSON.stringify(value));
  assert.deepEqual(savedViews(), []);
  for (const wrong of ['x', 7, {}, null, [null, 3, { name: 4 }, { name: 'a' }, { name: 'a', params: null }]]) {
    keep(wrong);
    assert.deepEqual(savedViews(), []);
  }
  keep([{ name: 'a', params: { filter: 'x', range: 7, after: 'y', columns: '' }, more: 1 }]);
  assert.deepEqual(savedViews(), [{ name: 'a', params: { filter: 'x' } }]);
});
