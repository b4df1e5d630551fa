import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEPT, createStream } from '../../ui/stream.js';
import { addGroups, createSearch } from '../../pages/queries/search.js';
import { createFigures, mean } from '../../pages/live/figures.js';
import { stacked } from '../../ui/chartoptions.js';
import { toggled } from '../../ui/table.js';
import { arranged } from '../../ui/columns.js';
import { plain } from '../../ui/timecustom.js';
import { changed, rangeText } from '../../ui/timerange.js';

/** A stream whose frames the test gives, and whose drawing it calls. */
function opened() {
  const asked = [];
  let onFrame = () => {};
  let draw = null;
  let closed = 0;
  const stream = createStream((filter, rate, take) => { asked.push([filter, rate]); onFrame = take; return () => { closed += 1; onFrame = () => {}; }; }, { now: () => 1000, frame: (next) => { draw = next; } });
  return {
    stream, asked,
    closed: () => closed,
    frame: (ids, more = {}) => onFrame({ rows: ids.map((id) => ({ request_id: String(id) })), seen: 99, matched: ids.length, sampled: ids.length, lost: 0, ...more }),
    draw: () => { const now = draw; draw = null; now?.(); return Boolean(now); },
  };
}

test('a frame may have rows that are older than those of the frame before', () => {
  let give = (/** @type {any} */ _frame) => {};
  const stream = createStream((_filter, _rate, take) => { give = take; return () => {}; }, { now: () => 1000, frame: (next) => next() });
  stream.start('');
  const rows = (...times) => ({ rows: times.map((time) => ({ request_id: time, timestamp: time })), seen: 9, matched: 9, sampled: 9, lost: 0 });
  give(rows('12:00:00.833', '12:00:00.848'));
  give(rows('12:00:00.837', '12:00:00.851'));
  assert.deepEqual(stream.rows.value.map((row) => row.request_id.slice(-3)), ['851', '848', '837', '833']);
});

test('frames wait for one drawing, the newest row on top, and no more than are kept', () => {
  const { stream, frame, draw } = opened();
  stream.start('');
  frame([1, 2]);
  frame([3]);
  assert.equal(stream.rows.value.length, 0);
  assert.equal(draw(), true);
  assert.deepEqual(stream.rows.value.map((row) => row.request_id), ['3', '2', '1']);
  for (let at = 0; at < 10; at += 1) { frame(Array.from({ length: 100 }, (_, index) => `${at}-${index}`)); draw(); }
  assert.equal(stream.rows.value.length, KEPT);
});

test('a pause ends the rows at the source and counts what passes', () => {
  const { stream, frame, draw, asked, closed } = opened();
  stream.start('code:NXDOMAIN');
  frame([1]);
  stream.pause('person');
  assert.equal(closed(), 1);
  draw();
  stream.passed(20);
  stream.passed(22);
  assert.equal(stream.paused.value.newer, 42);
  stream.resume();
  assert.equal(stream.paused.value, null);
  assert.deepEqual(asked, [['code:NXDOMAIN', 40], ['code:NXDOMAIN', 40]]);
});

test('a search goes on slice by slice until the history ends', async () => {
  const slices = [{ items: [], next: 'a', done: false, scanned_to_ms: 3 }, { items: [1, 2], next: 'b', done: false, scanned_to_ms: 2 }, { items: [3], next: null, done: true, scanned_to_ms: 1 }];
  const after = [];
  const search = createSearch(async (wanted) => { after.push(wanted.after); return slices.shift(); }, (have, slice) => [...(have ?? []), ...slice.items], (have) => have.length);
  await search.start({ filter: '', from: null, to: null, after: null });
  assert.deepEqual([search.found.value, after], [[1, 2, 3], [null, 'a', 'b']]);
  assert.deepEqual([search.progress.value.done, search.progress.value.busy, search.progress.value.scannedTo], [true, false, 1]);
});

test('what comes after a newer search, or after stop, is dropped', async () => {
  const waiting = [];
  const search = createSearch(() => new Promise((resolve) => waiting.push(resolve)), (have, slice) => [...(have ?? []), ...slice.items], (have) => have.length);
  const first = search.start({ filter: 'a', from: null, to: null, after: null });
  const second = search.start({ filter: 'b', from: null, to: null, after: null });
  waiting[1]({ items: ['b'], done: true });
  waiting[0]({ items: ['a'], done: true });
  await Promise.all([first, second]);
  assert.deepEqual(search.found.value, ['b']);
  const third = search.start({ filter: 'c', from: null, to: null, after: null });
  search.stop();
  waiting[2]({ items: ['c'], done: true });
  await third;
  assert.deepEqual([search.found.value, search.progress.value.stopped], [['b'], true]);
});

test('groups of slices are added up', () => {
  const group = (count, types, last) => ({ domain: 'a', client_ip: '192.0.2.1', response_code: 'NOERROR', source: 'cache', refusal: null, query_types: types, count, last });
  const slice = (count, types, last) => ({ items: [{ value: 'a', count, last, groups: [group(count, types, last)] }], rows: count, others: 0 });
  const sum = addGroups(addGroups(null, slice(2, ['A'], '2')), slice(3, ['AAAA', 'A'], '1'));
  assert.deepEqual([sum.rows, sum.items[0].count, sum.items[0].last], [5, 5, '2']);
  assert.deepEqual([sum.items[0].groups.length, sum.items[0].groups[0].query_types], [1, ['A', 'AAAA']]);
});

test('the past and what the socket brings make one line', () => {
  const figures = createFigures();
  figures.now({ time_ms: 4000, qps: 4, sources: { cache: 1, stale: 2 } }, true);
  figures.past({ from_ms: 1000, step_s: 1, points: 3, qps: [1, null, 3], results: {}, transports: {}, sources: {}, latency_ms: {}, hit_ratio: [null, null, null], dropped: [0, 0, 0] });
  figures.now({ time_ms: 4000, qps: 9 }, true);
  const { x, columns } = figures.shown.value;
  assert.deepEqual([x, columns.qps], [[1000, 2000, 3000, 4000], [1, null, 3, 4]]);
  assert.equal(columns['source.cache'][3], 3);
  assert.equal(mean(columns.qps), 8 / 3);
});

test('areas lie one on the other', () => {
  assert.deepEqual(stacked([{ values: [1, null, null] }, { values: [2, 3, null] }]), [[3, 3, null], [2, 3, null]]);
});

test('shift takes the rows between', () => {
  const keys = ['a', 'b', 'c', 'd'];
  assert.deepEqual([...toggled(new Set(['a']), keys, 3, 1)].sort(), ['a', 'b', 'c', 'd']);
  assert.deepEqual([...toggled(new Set(['b']), keys, 1, -1)], []);
});

test('new columns stand where they are declared', () => {
  const columns = [{ key: 'a' }, { key: 'new' }, { key: 'b' }, { key: 'c', off: true }];
  const kept = [{ key: 'b', on: false }, { key: 'a', on: true }, { key: 'gone', on: true }];
  assert.deepEqual(arranged(columns, kept).map(({ column, on }) => [column.key, on]), [['b', false], ['new', true], ['a', true], ['c', false]]);
});

test('ranges of time move and grow', () => {
  const now = 100_000_000;
  assert.deepEqual(changed({ from: 10_000, to: 20_000 }, 'earlier', now), { from: 0, to: 10_000 });
  assert.deepEqual(changed({ from: 10_000, to: 20_000 }, 'later', now), { from: 20_000, to: 30_000 });
  assert.deepEqual(changed({ from: now - 8000, to: null }, 'in', now), { from: now - 6000, to: now - 2000 });
  assert.deepEqual(changed({ from: 10_000, to: 20_000 }, 'out', now), { from: 5000, to: 25_000 });
  assert.equal(rangeText(0, null), '1970-01-01T00:00:00Z..');
  const noon = new Date(2025, 10, 20, 12).getTime();
  assert.equal(plain('yesterday 06:00..10:00', noon), '2025-11-19 06:00..2025-11-19 10:00');
  assert.equal(plain(' -2h', noon), '2h');
});
