// The two pictures of README, of `headwater demo`: `npm run pictures -- [--out DIR]`.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { openBrowser, openPage, settled, visit } from './browser.mjs';
import { binary, freePort, until } from './harness.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const at = process.argv.indexOf('--out');
const out = resolve(at < 0 ? join(here, '..', '..', 'docs', 'pictures') : process.argv[at + 1] ?? '.');
const SIZE = { width: 1440, height: 900 };

/** Starts a demo; its address and the password that it says once. */
async function startDemo() {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-pictures-'));
  const [dns, web] = [await freePort(), await freePort()];
  const process = spawn(binary(), ['demo', '--directory', join(directory, 'demo'), '--dns-port', String(dns), '--web-port', String(web)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let password = '';
  createInterface({ input: process.stdout }).on('line', (line) => {
    password ||= /with the password (\S+)/.exec(line)?.[1] ?? '';
  });
  const url = `http://127.0.0.1:${web}`;
  await until('the demo', async () => password !== '' && (await fetch(`${url}/health/ready`).catch(() => null))?.status === 200, 300_000);
  return {
    url, password,
    async stop() {
      const ended = new Promise((done) => process.once('exit', done));
      process.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

mkdirSync(out, { recursive: true });
const [demo, browser] = await Promise.all([startDemo(), openBrowser()]);
const who = { user: 'admin', password: demo.password };
try {
  const light = await openPage(browser, demo, { size: SIZE, theme: 'light', who, context: { deviceScaleFactor: 1 } });
  await visit(light, demo, '#/live?range=24h');
  await settled(light, 'main');
  await until('figures', async () => (await light.locator('.stream-row').count()) > 5);
  await light.screenshot({ path: join(out, 'live.png'), animations: 'disabled', caret: 'hide' });
  await light.close();
  const dark = await openPage(browser, demo, { size: SIZE, theme: 'dark', who });
  await visit(dark, demo, '#/queries?filter=action:blocked');
  await settled(dark, 'main');
  await dark.locator('main tbody tr').nth(2).click();
  await settled(dark, 'body');
  await dark.screenshot({ path: join(out, 'explain.png'), animations: 'disabled', caret: 'hide' });
  await dark.close();
} finally {
  await browser.close();
  await demo.stop();
}
