// axe-core finds nothing, in both themes, at the width of a phone and of a desk; for drawers and dialogs too.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { PAGES, PHONE, WIDE, settled, visit } from '../browser.mjs';
import { until } from '../harness.mjs';
import { useStage } from './stage.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, in short. @param {import('playwright-core').Page} page */
async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations: found } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ['violations'] });
    return found.map((/** @type {any} */ one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 4).map((/** @type {any} */ node) => `${node.target.join(' ')} ${node.any.concat(node.all).slice(0, 1).map((/** @type {any} */ check) => check.message).join()}`).join(' | ')}`);
  });
}

/** What is open over a page, and the address that opens it. */
const OVER = [
  { name: 'the record editor', route: '#/zones/example.org./records?edit=www.example.org./A' },
  { name: 'a new record', route: '#/zones/example.org./records?edit=%2B' },
  { name: 'an SVCB record', route: '#/zones/example.org./records?edit=_dns.example.org./SVCB' },
  { name: 'a rollover', route: '#/zones/signed.example./dnssec?roll=ksk&at=2090-01-01T00:00' },
  { name: 'a new zone', route: '#/zones?new=primary' },
  { name: 'an import', route: '#/zones?new=import' },
  { name: 'an explanation', route: '#/live?explain=pixel.bannerhouse.example+A' },
];

describe('axe-core', () => {
  const stage = useStage();
  for (const theme of /** @type {const} */ (['light', 'dark'])) {
    for (const size of [PHONE, WIDE]) {
      test(`${theme}, ${size.width} px`, async () => {
        const page = await stage.open({ theme, size, touch: size === PHONE });
        const found = [];
        for (const { name, route } of PAGES) {
          await visit(page, stage.server, route);
          for (const one of await violations(page)) found.push(`${name}: ${one}`);
        }
        for (const { name, route } of OVER) {
          await visit(page, stage.server, route);
          await page.locator('dialog[open]').waitFor();
          await settled(page);
          for (const one of await violations(page)) found.push(`${name}: ${one}`);
          await page.keyboard.press('Escape');
          await until('the dialog to be closed', async () => (await page.locator('dialog[open]').count()) === 0);
        }
        const [query] = (await stage.server.call('GET', '/queries?filter=action:blocked&limit=1')).data.items;
        await visit(page, stage.server, `#/queries?id=${query.request_id}`);
        await page.locator('dialog[open] .verdict').waitFor();
        for (const one of await violations(page)) found.push(`a query: ${one}`);
        assert.deepEqual(found, []);
        await page.close();
      });
    }
  }

  test('the log-in, the pause menu and the palette', async () => {
    const page = await stage.open({ who: null });
    await page.goto(stage.server.url);
    await page.locator('main h1').waitFor();
    assert.deepEqual(await violations(page), []);
    await page.close();
    const inside = await stage.open();
    await visit(inside, stage.server, '#/zones');
    await inside.getByRole('button', { name: /^Blocking: on/ }).click();
    await inside.getByRole('button', { name: '5 min' }).waitFor();
    assert.deepEqual(await violations(inside), []);
    await inside.keyboard.press('Escape');
    await inside.getByRole('button', { name: '5 min' }).waitFor({ state: 'hidden' });
    await inside.keyboard.press('Control+k');
    await inside.getByRole('dialog').getByRole('combobox').waitFor();
    assert.deepEqual(await violations(inside), []);
    await inside.close();
  });
});
