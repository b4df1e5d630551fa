// Everything that matters by keyboard alone, and the focus is always to be seen: log in, filter, explain, edit, commit,
// revert, pause.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { faultsOf, settled, visit } from '../browser.mjs';
import { ask, lookUp } from '../dns.mjs';
import { ADMIN, until } from '../harness.mjs';
import { useStage } from './stage.mjs';

/** @typedef {import('playwright-core').Page} Page */

/** What has the focus: its words, and whether one sees it. @param {Page} page */
const focused = (page) => page.evaluate(async () => {
  // What appears with the focus is there a frame later.
  await new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); });
  const element = document.activeElement;
  if (!element || element === document.body) return { text: '', seen: false, role: 'body' };
  const style = getComputedStyle(element);
  const ring = [element, ...(element.parentElement ? [element.parentElement, element.parentElement.parentElement ?? element] : [])]
    .some((one) => { const of = getComputedStyle(one); return (of.outlineStyle !== 'none' && parseFloat(of.outlineWidth) >= 1.5) || of.boxShadow !== 'none'; });
  const box = element.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { text: element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 80) ?? '', seen: ring && inside && style.visibility !== 'hidden', role: `${element.tagName.toLowerCase()}.${element.className}` };
});

/** Presses a key until what is looked for has the focus; each stop must be seen. @param {Page} page @param {string|RegExp} what @param {string} [key] */
async function reach(page, what, key = 'Tab') {
  const stops = [];
  for (let presses = 0; presses < 90; presses += 1) {
    const now = await focused(page);
    if (presses > 0 && now.role !== 'body') assert.ok(now.seen, `the focus is not to be seen on ${now.role} “${now.text}”`);
    if (typeof what === 'string' ? now.text === what : what.test(now.text)) return now;
    stops.push(now.text);
    await page.keyboard.press(key);
  }
  throw new Error(`“${what}” was not reached by ${key}: ${stops.join(' > ')}`);
}

/** @param {Page} page @param {RegExp} label */
const labelled = (page, label) => until(`the focus on ${label}`, () => page.evaluate((source) => {
  const element = /** @type {HTMLInputElement} */ (document.activeElement);
  return new RegExp(source).test(element?.labels?.[0]?.textContent ?? element?.getAttribute('aria-label') ?? '');
}, label.source));

describe('by keyboard', () => {
  const stage = useStage({ traffic: 300 });

  test('log in, with a mistake first', async () => {
    const page = await stage.open({ who: null });
    await page.goto(`${stage.server.url}/#/zones`);
    await labelled(page, /^Name/);
    await page.keyboard.type(ADMIN.user);
    await page.keyboard.press('Tab');
    await labelled(page, /^Password/);
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'Wrong name or password' }).waitFor();
    await labelled(page, /^Password/);
    await page.keyboard.press('Control+A');
    await page.keyboard.type(ADMIN.password);
    await page.keyboard.press('Enter');
    await page.locator('main h1', { hasText: 'Zones' }).waitFor();
    // The skip link comes first and leads to the content.
    await reach(page, 'Skip to content');
    await page.keyboard.press('Enter');
    await until('the heading to have the focus', async () => (await focused(page)).text === 'Zones');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('go, filter, explain, close', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/live');
    await ask(stage.server.dnsPort, 'pixel.bannerhouse.example', 'A', { from: '127.0.10.5' });
    await until('the query to be in the history', async () => JSON.stringify((await stage.server.call('GET', '/queries?filter=action:blocked&limit=5')).data).includes('pixel.bannerhouse.example'));
    await page.keyboard.press('g');
    await page.keyboard.press('q');
    await page.locator('main h1', { hasText: 'Queries' }).waitFor();
    await settled(page);
    await until('the heading to have the focus', async () => (await focused(page)).text === 'Queries');
    await page.keyboard.press('/');
    await until('the filter to have the focus', () => page.evaluate(() => document.activeElement?.getAttribute('role') === 'combobox'));
    await page.keyboard.type('action:blocked');
    await page.keyboard.press('Enter');
    await until('blocked rows only', async () => {
      const results = await page.locator('main tbody td.col-result').allInnerTexts();
      return results.length > 0 && results.every((result) => /blocked/i.test(result));
    });
    await until('a row to have the focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate(() => Boolean(document.activeElement?.matches('tr[data-row]')));
    });
    assert.ok((await focused(page)).seen, 'the row with the focus is to be seen');
    const row = await page.evaluate(() => document.activeElement?.getAttribute('data-row'));
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-row')), row);
    await page.keyboard.press('Enter');
    const drawer = page.getByRole('dialog');
    await drawer.getByText(/Blocked for/).first().waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    await until('the focus back on the row', () => page.evaluate((key) => document.activeElement?.closest('tr')?.getAttribute('data-row') === key, row));
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('edit, commit, take it back', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/zones/example.org./records?filter=name:www+type:A');
    await until('a row to have the focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate(() => Boolean(document.activeElement?.matches('tr[data-row$="|www.example.org.|A"]')));
    });
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByLabel('Address', { exact: true }).waitFor();
    await until('the address to have the focus', async () => {
      await page.keyboard.press('Tab');
      return page.evaluate(() => /^Address/.test(/** @type {HTMLInputElement} */ (document.activeElement)?.labels?.[0]?.textContent ?? ''));
    });
    await page.keyboard.press('Control+A');
    await page.keyboard.type('203.0.113.77');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await reach(page, 'Review and commit');
    await page.keyboard.press('Enter');
    const drawer = page.getByRole('dialog');
    await drawer.getByText('203.0.113.77').first().waitFor();
    await reach(page, /^Why|^$/);
    await page.keyboard.press('Control+Enter');
    await until('the answer to be another', async () => (await lookUp(stage.server.dnsPort, 'www.example.org')) === '203.0.113.77');
    await drawer.waitFor({ state: 'detached' });
    await visit(page, stage.server, '#/zones/example.org./history');
    await reach(page, 'Revert');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('203.0.113.77').first().waitFor();
    await reach(page, 'Take back');
    await page.keyboard.press('Enter');
    await until('the answer of before', async () => (await lookUp(stage.server.dnsPort, 'www.example.org')) === '192.0.2.1');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('pause the stream, pause blocking, the palette, the help', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/live');
    await page.keyboard.press('Space');
    await page.getByText('Paused by you').waitFor();
    await page.keyboard.press('Space');
    await page.getByText('Paused by you').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog').getByRole('combobox').waitFor();
    await page.keyboard.type('www.example.org A');
    await page.getByRole('option', { name: /Explain www.example.org/ }).first().waitFor();
    await until('what explains to be chosen', async () => {
      const chosen = await page.locator('[role=option][aria-selected=true]').innerText();
      if (/Explain/.test(chosen)) return true;
      await page.keyboard.press('ArrowDown');
      return false;
    });
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('192.0.2.1').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('dialog').filter({ hasText: 'Shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await reach(page, /^Blocking: on/);
    await page.keyboard.press('Enter');
    await reach(page, '5 min');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Blocking: paused/ }).waitFor();
    await until('nothing to be blocked', async () => (await lookUp(stage.server.dnsPort, 'pixel.bannerhouse.example', 'A', { from: '127.0.10.5' })).startsWith('198.'));
    await page.getByRole('button', { name: 'Undo' }).first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Blocking: on/ }).waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('no page has a trap, and each stop is to be seen', async () => {
    const page = await stage.open();
    for (const route of ['#/live', '#/queries', '#/zones', '#/changes', '#/blocking', '#/clients', '#/config', '#/access', '#/system']) {
      await visit(page, stage.server, route);
      await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
      for (let presses = 0; presses < 45; presses += 1) {
        await page.keyboard.press('Tab');
        const now = await focused(page);
        if (now.role === 'body') break;
        assert.ok(now.seen, `${route}: the focus is not to be seen on ${now.role} “${now.text}”`);
      }
    }
    await page.close();
  });
});
