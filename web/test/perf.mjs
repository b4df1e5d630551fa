// What the live view costs under load, and whether 200 viewers are served while one of them is stuck. Long, and not part of
// the tests: `npm run perf -- [--seconds 60] [--rate 20000]`. It prints its figures as JSON and ends with 1 if one is too large.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';

import { openBrowser, openPage, visit } from './browser.mjs';
import { until } from './harness.mjs';
import { startSeeded } from './seed.mjs';
import { questions, sendTraffic } from './traffic.mjs';

/** @param {string} name @param {string} otherwise */
function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise;
}

const SECONDS = Number(option('seconds', '60'));
const RATE = Number(option('rate', '20000'));
const VIEWERS = Number(option('viewers', '200'));
/** Of the design: a core of the browser's page, and bytes of heap that may come in the time. */
const [CPU, HEAP] = [0.05, 4_000_000];

const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/** Load by dnsperf, which is quick enough; without it by the own sender, which is not. @param {import('./harness.mjs').Server} server @param {number} seconds */
function load(server, seconds) {
  const file = join(server.dir, 'load.txt');
  writeFileSync(file, [...questions({ count: 20_000 })].map(({ name, type }) => `${name} ${type}`).join('\n'));
  const child = spawn('dnsperf', ['-s', '127.0.0.1', '-p', String(server.dnsPort), '-d', file, '-l', String(seconds), '-Q', String(RATE), '-c', '8', '-q', '2000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (part) => (said += part));
  return new Promise((resolve) => {
    child.on('error', () => sendTraffic({ port: server.dnsPort, count: RATE * seconds, rate: RATE }).then(({ answered }) => resolve(answered / seconds)));
    child.on('close', () => resolve(Number(/Queries per second:\s+([\d.]+)/.exec(said)?.[1] ?? 0)));
  });
}

/** Figures of the page: seconds that its thread worked, and its heap after a collection. @param {import('playwright-core').CDPSession} cdp */
async function figures(cdp) {
  await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (/** @type {string} */ name) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { at: performance.now() / 1000, task: of('TaskDuration'), script: of('ScriptDuration'), layout: of('LayoutDuration') + of('RecalcStyleDuration'), heap: of('JSHeapUsedSize'), nodes: of('Nodes') };
}

/** The live view under load. @param {import('./harness.mjs').Server} server @param {import('playwright-core').Browser} browser */
async function livePage(server, browser) {
  const page = await openPage(browser, server);
  await visit(page, server, '#/live');
  const cdp = await page.context().newCDPSession(page);
  // The time of the thread, not of the clock: other work of the machine does not count.
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  const loading = load(server, SECONDS + 30);
  await until('rows', async () => (await page.locator('.stream-row').count()) > 20);
  await pause(10_000);
  const before = await figures(cdp);
  await pause(SECONDS * 1000);
  const after = await figures(cdp);
  const label = await page.locator('.stream-share').innerText();
  const elements = await page.locator('.stream-row').count();
  const begun = Date.now();
  await page.keyboard.press('Space');
  await page.getByText('Paused by you').waitFor();
  const paused = Date.now() - begun;
  const rows = () => page.locator('.stream-row').evaluateAll((all) => all.map((row) => row.getAttribute('data-id')).join());
  const frozen = await rows();
  await pause(2000);
  const share = (/** @type {'task'|'script'|'layout'} */ key) => Number(((after[key] - before[key]) / (after.at - before.at)).toFixed(4));
  const result = {
    queriesPerSecond: Math.round(await loading), seconds: SECONDS, core: share('task'), script: share('script'), layout: share('layout'),
    heapBefore: before.heap, heapAfter: after.heap, nodes: after.nodes, rowsInDocument: elements, label, pauseMs: paused, staysPaused: (await rows()) === frozen,
  };
  await page.close();
  return result;
}

/**
 * A WebSocket that asks for rows, without a library: `read: false` takes nothing from its socket.
 * @param {import('./harness.mjs').Server} server @param {boolean} read
 */
function viewer(server, read) {
  const key = randomBytes(16).toString('base64');
  const socket = connect(Number(new URL(server.api).port), '127.0.0.1');
  const state = { bytes: 0, opened: false, closed: false, last: Date.now(), longest: 0, end: () => socket.destroy() };
  socket.on('connect', () => socket.write(`GET /api/v1/live HTTP/1.1\r\nHost: ${new URL(server.api).host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nOrigin: ${server.api}\r\nCookie: ${server.cookie()}\r\n\r\n`));
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.on('data', (part) => {
    if (!state.opened) {
      if (!part.toString('latin1').includes(accept)) return socket.destroy();
      state.opened = true;
      socket.write(masked(JSON.stringify({ op: 'rows', filter: '', rate: 40 })));
      if (!read) socket.pause();
    }
    state.longest = Math.max(state.longest, Date.now() - state.last);
    state.last = Date.now();
    state.bytes += part.length;
    return undefined;
  });
  socket.on('error', () => {});
  socket.on('close', () => (state.closed = true));
  return state;
}

/** A text frame of a client (RFC 6455 5.2). @param {string} text */
function masked(text) {
  const [mask, data] = [randomBytes(4), Buffer.from(text)];
  return Buffer.concat([Buffer.from([0x81, 0x80 | data.length]), mask, data.map((octet, at) => octet ^ mask[at % 4])]);
}

/** Many viewers, one of whom reads nothing. @param {import('./harness.mjs').Server} server */
async function viewers(server) {
  const loading = load(server, 35);
  const all = Array.from({ length: VIEWERS }, (_, index) => viewer(server, index > 0));
  const [stuck, ...others] = all;
  await until('all to be there', () => all.every(({ opened, closed }) => opened || closed));
  await pause(3000);
  for (const state of others) state.longest = 0;
  const before = others.map(({ bytes }) => bytes);
  await pause(25_000);
  const rates = others.map(({ bytes }, at) => (bytes - before[at]) / 25).sort((one, other) => one - other);
  const result = {
    viewers: VIEWERS, queriesPerSecond: 0, open: others.filter(({ closed }) => !closed).length, slowestBytesPerSecond: Math.round(rates[0]), medianBytesPerSecond: Math.round(rates[rates.length >> 1]),
    longestSilenceMs: Math.max(...others.map(({ longest }) => longest)), stuckWasClosed: stuck.closed,
  };
  all.forEach(({ end }) => end());
  result.queriesPerSecond = Math.round(await loading);
  return result;
}

const [server, browser] = await Promise.all([startSeeded({ traffic: 2000 }), openBrowser()]);
try {
  const live = await livePage(server, browser);
  const many = await viewers(server);
  console.log(JSON.stringify({ live, many }, null, 2));
  const wrong = [
    live.core > CPU && `the page takes ${live.core} of a core, more than ${CPU}`,
    live.heapAfter - live.heapBefore > HEAP && `the heap grew by ${live.heapAfter - live.heapBefore}`,
    live.rowsInDocument > 60 && `${live.rowsInDocument} rows are in the document`,
    (live.pauseMs > 300 || !live.staysPaused) && 'the pause does not come at once',
    !/ of [\d,.]+\/s/.test(live.label) && `the label does not say that rows are a part: ${live.label}`,
    many.open < VIEWERS - 1 && `${VIEWERS - 1 - many.open} viewers were cut off`,
    many.longestSilenceMs > 5000 && `a viewer heard nothing for ${many.longestSilenceMs} ms`,
  ].filter(Boolean);
  for (const one of wrong) console.error(one);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} finally {
  await browser.close();
  await server.stop();
}
process.exit(process.exitCode ?? 0);
