// Live: queries come as they are asked, can be stopped and filtered; what is blocked is allowed in a few actions; a pause of
// blocking ends by itself; the server goes away and comes back.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, settled, visit } from '../browser.mjs';
import { ask, lookUp } from '../dns.mjs';
import { until } from '../harness.mjs';
import { sendTraffic } from '../traffic.mjs';
import { Steps } from './steps.mjs';
import { useStage } from './stage.mjs';

const BLOCKED = 'pixel.bannerhouse.example';
const [PHONE_OF_BEN, TV] = ['127.0.10.4', '127.0.10.5'];

describe('live', () => {
  const stage = useStage();
  /** @param {import('playwright-core').Page} page @param {string} name */
  const rowOf = (page, name) => page.locator('.stream-row', { hasText: name }).first();
  /** Asks until the page has it: it must have said to the server first that it wants rows. @param {import('playwright-core').Page} page @param {string} name @param {string} from */
  const seen = (page, name, from) => until(`${name} in the stream`, async () => {
    await ask(stage.server.dnsPort, name, 'A', { from });
    return (await rowOf(page, name).count()) > 0;
  });

  test('the stream, its pause and its filter', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/live');
    await seen(page, 'one.streamed.example', TV);
    const line = await rowOf(page, 'one.streamed.example').innerText();
    assert.match(line, /tv/);
    assert.match(line, /NOERROR/);
    await page.locator('.live-stream').getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByText('Paused by you').waitFor();
    const before = await page.locator('.stream-row').count();
    for (let index = 0; index < 20; index += 1) await ask(stage.server.dnsPort, `paused-${index}.streamed.example`);
    await until('newer answers to be counted', async () => /[1-9]\d* answers since/.test(await page.locator('.stream-bar').innerText()));
    assert.equal(await page.locator('.stream-row').count(), before);
    assert.equal(await rowOf(page, 'paused-').count(), 0);
    await page.locator('.stream-bar').getByRole('button', { name: 'Resume' }).click();
    await seen(page, 'two.streamed.example', TV);
    const filter = page.locator('.live-stream').getByRole('combobox');
    await filter.fill('name:*.wanted.example');
    await filter.press('Enter');
    await until('the filter in the address', () => page.evaluate(() => location.hash.includes('filter=')));
    const stop = new AbortController();
    const noise = sendTraffic({ port: stage.server.dnsPort, count: 400, rate: 100, signal: stop.signal });
    await seen(page, 'this.wanted.example', TV);
    // What was on its way when the filter was set may still come; from then on nothing else does.
    await until('rows of before to be gone', async () => {
      await ask(stage.server.dnsPort, 'this.wanted.example', 'A', { from: TV });
      return (await page.locator('.stream-row').first().innerText()).includes('wanted.example');
    });
    const names = await page.locator('.stream-row .s-name').allInnerTexts();
    assert.ok(names.length > 0 && names.every((name) => /wanted\.example|two\.streamed/.test(name)), names.join());
    stop.abort();
    await noise;
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('a filter with a mistake says where', async () => {
    const page = await stage.open({ failing: true });
    await visit(page, stage.server, '#/queries');
    const filter = page.locator('main .filterbar').getByRole('combobox');
    await filter.fill('code:NOSUCHCODE');
    await filter.press('Enter');
    await page.locator('main .filter-error').waitFor();
    assert.match(await page.locator('main .filter-error').innerText(), /NOSUCHCODE/);
    await page.close();
  });

  test('from a blocked site to allowed for this device for an hour, on a phone', async () => {
    const page = await stage.open({ size: PHONE, touch: true });
    await visit(page, stage.server, '#/live');
    await seen(page, BLOCKED, PHONE_OF_BEN);
    assert.equal(await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: PHONE_OF_BEN }), '0.0.0.0');
    const steps = new Steps(page);
    await steps.tap(rowOf(page, BLOCKED));
    await steps.tap(page.getByRole('dialog').getByRole('button', { name: /^Allow .*ben-phone.* 1 (h|hour)/ }));
    await until('ben to get an answer', async () => (await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: PHONE_OF_BEN })).startsWith('198.'));
    steps.atMost(4, 'from a blocked site to allowed');
    assert.equal(await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: TV }), '0.0.0.0', 'others stay blocked');
    const { data } = await stage.server.call('GET', '/blocking/rules');
    const made = data.items.find((/** @type {{text: string}} */ { text }) => text.includes('ben-phone'));
    const minutes = (made.until_ms - Date.now()) / 60_000;
    assert.ok(minutes > 50 && minutes <= 60, `${minutes} minutes`);
    await page.getByRole('button', { name: 'Undo' }).first().tap();
    await until('ben to be blocked again', async () => (await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: PHONE_OF_BEN })) === '0.0.0.0');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('a pause of blocking ends by itself', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/zones');
    await page.getByRole('button', { name: /^Blocking: on/ }).click();
    const panel = page.getByRole('dialog');
    await panel.getByRole('button', { name: 'Until…' }).click();
    const soon = new Date(Date.now() + 8000);
    await panel.getByRole('textbox', { name: 'Until' }).fill(berlin(soon));
    await panel.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.getByRole('button', { name: /^Blocking: paused 0:0\d/ }).waitFor();
    await until('nothing to be blocked', async () => (await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: TV })).startsWith('198.'));
    await page.getByRole('button', { name: /^Blocking: on/ }).waitFor();
    await until('it to be blocked again', async () => (await lookUp(stage.server.dnsPort, BLOCKED, 'A', { from: TV })) === '0.0.0.0');
    assert.ok(Date.now() >= soon.getTime() - 1000, 'too early');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('the server is killed and comes back', async () => {
    const page = await stage.open({ failing: true });
    await visit(page, stage.server, '#/live');
    await page.locator('.conn', { hasText: 'live' }).waitFor();
    const figure = await page.locator('.tiles').innerText();
    await stage.server.kill();
    await page.locator('.conn', { hasText: /reconnecting|offline/ }).waitFor();
    await page.getByText(/The server has not answered since/).waitFor();
    assert.ok(figure.length > 0 && (await page.locator('.tiles').innerText()).length > 0, 'what was there stays');
    await stage.server.start();
    // Sessions do not outlive the process: whoever is there again is asked who they are.
    const again = page.getByRole('dialog').filter({ hasText: 'Your session has ended' });
    await again.waitFor({ timeout: 60_000 });
    await again.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await again.getByRole('button', { name: 'Log in' }).click();
    await page.locator('.conn', { hasText: 'live' }).waitFor({ timeout: 60_000 });
    await page.getByText(/The server has not answered since/).waitFor({ state: 'detached', timeout: 60_000 });
    await seen(page, 'back-again.streamed.example', TV);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('the theme', async () => {
    const page = await stage.open({ theme: 'dark' });
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    await visit(page, stage.server, '#/live');
    assert.equal(await theme(), 'dark', 'as the system');
    await page.getByRole('button', { name: /^Account and settings/ }).click();
    await page.getByRole('menuitemradio', { name: 'Light' }).click();
    await until('the light theme', async () => (await theme()) === 'light');
    await page.reload();
    await settled(page);
    assert.equal(await theme(), 'light', 'it is kept');
    await page.locator('main h1').click();
    await page.keyboard.press('t');
    await until('the dark theme', async () => (await theme()) === 'dark');
    const [dark, light] = await page.evaluate(() => {
      const root = document.documentElement;
      const background = () => getComputedStyle(root).backgroundColor;
      const before = background();
      root.dataset.theme = 'light';
      return [before, background()];
    });
    assert.notEqual(light, dark, 'another background at once, without a transition');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});

/** A moment as fields take it, at the place where the browser of the tests is. @param {Date} at */
function berlin(at) {
  return at.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' });
}
