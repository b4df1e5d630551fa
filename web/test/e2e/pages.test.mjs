// Every page with data, without any, and without an answer of the server: it says something, and complains of nothing.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { PAGES, PHONE, WIDE, faultsOf, overhang, settled, visit } from '../browser.mjs';
import { PATIENCE_MS, until } from '../harness.mjs';
import { useStage } from './stage.mjs';

/** What a page says where something was forgotten: values that are not there, places that were not filled, keys of texts. */
const FORGOTTEN = /\bundefined\b|\bNaN\b|\[object|\{[a-z_]+\}|Invalid Date|\b(common|shell|live|queries|explain|zone|zones|changes|blocking|clients|security|upstreams|cache|alerts|config|access|system|data)\.[a-z]\w+/;

/** Parts of a page that are texts of others: records, keys of the configuration, names. @param {import('playwright-core').Page} page */
const said = (page) => page.evaluate(() => {
  const copy = /** @type {HTMLElement} */ (document.querySelector('main'))?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) return '';
  copy.querySelectorAll('.mono, code, pre, textarea, script').forEach((element) => element.remove());
  return copy.innerText;
});

/** @param {import('playwright-core').Page} page @param {Set<string>} settings */
async function assertSaid(page, settings) {
  const text = await said(page);
  const found = [...text.matchAll(new RegExp(FORGOTTEN, 'g'))].map(([match]) => match).filter((match) => !settings.has(match));
  assert.deepEqual(found, [], `in: ${text.slice(0, 3000)}`);
}

/** Names of settings, which texts may speak of. @param {import('../harness.mjs').Server} server @returns {Promise<Set<string>>} */
async function settingsOf({ call }) {
  const { data } = await call('GET', '/config');
  return new Set(data.settings.flatMap((/** @type {{path: string}} */ { path }) => path.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.'))));
}

describe('with data', () => {
  const stage = useStage();
  let settings = new Set();
  before(async () => { settings = await settingsOf(stage.server); });
  for (const { name, route } of PAGES) {
    test(name, async () => {
      const page = await stage.open();
      await visit(page, stage.server, route);
      assert.notEqual(await page.locator('main h1').innerText(), '');
      assert.match(await page.title(), /\S · Headwater$/);
      assert.equal(await page.locator('main [role=alert]').count(), 0, 'an error is shown');
      await assertSaid(page, settings);
      assert.deepEqual(await faultsOf(page), []);
      await page.close();
    });
  }

  test('one page after the other, and back', async () => {
    const page = await stage.open();
    for (const { route } of PAGES) {
      await visit(page, stage.server, route);
      assert.equal(await page.locator('main h1').count(), 1, route);
    }
    const last = PAGES.at(-2);
    await page.goBack();
    await until('the page before', () => page.evaluate((hash) => location.hash.startsWith(hash), last?.route ?? ''));
    await settled(page);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('the same address shows the same', async () => {
    const page = await stage.open();
    const route = '#/queries?filter=code:NXDOMAIN';
    await visit(page, stage.server, route);
    await until('rows', async () => (await page.locator('main tbody tr[data-row]').count()) > 3);
    const first = await page.locator('main tbody tr[data-row]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row')));
    const other = await stage.open();
    await visit(other, stage.server, new URL(page.url()).hash);
    await until('rows', async () => (await other.locator('main tbody tr[data-row]').count()) > 3);
    assert.deepEqual(await other.locator('main tbody tr[data-row]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row'))), first);
    const codes = await other.locator('main tbody td.col-result').allInnerTexts();
    assert.ok(codes.length > 3 && codes.every((code) => code.includes('NXDOMAIN')), codes.join());
    await Promise.all([page.close(), other.close()]);
  });

  test('in German', async () => {
    const page = await stage.open({ size: PHONE, touch: true, context: { locale: 'de-DE' } });
    for (const { name, route } of PAGES) {
      await visit(page, stage.server, route);
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
      await assertSaid(page, settings);
      assert.equal(await overhang(page), null, `${name} can be scrolled sideways`);
    }
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  for (const width of [320, 390]) {
    test(`nothing reaches out of ${width} px`, async () => {
      const page = await stage.open({ size: { width, height: 844 }, touch: true });
      const wrong = [];
      for (const { name, route } of PAGES) {
        await visit(page, stage.server, route);
        // With the banner of the secondary that fails, which needs room too.
        await page.locator('.banners').waitFor();
        const over = await overhang(page);
        if (over) wrong.push(`${name}: ${over}`);
      }
      assert.deepEqual(wrong, []);
      assert.deepEqual(await faultsOf(page), []);
      await page.close();
    });
  }

  test('text of twice the size fits', async () => {
    const page = await stage.open({ size: { width: 640, height: 900 } });
    const wrong = [];
    await page.addInitScript(() => document.addEventListener('DOMContentLoaded', () => { document.documentElement.style.fontSize = '200%'; }));
    for (const { name, route } of PAGES) {
      await visit(page, stage.server, route);
      const over = await overhang(page);
      if (over) wrong.push(`${name}: ${over}`);
    }
    assert.deepEqual(wrong, []);
    await page.close();
  });

  /** Answers that a page cannot do without; who is logged in, and whether the server is well, is known all the same. */
  const kept = /\/api\/v1\/(session|users\/[^/?]+|roles\/[^/?]+|health)(\?|$)/;
  for (const { name, route } of PAGES) {
    test(`${name}: without an answer`, async () => {
      const page = await stage.open({ failing: true });
      await page.route('**/api/v1/**', (request) => (kept.test(request.request().url()) ? request.fallback() : request.abort()));
      await page.goto(`${stage.server.url}/${route}`);
      const alert = page.locator('main [role=alert]').first();
      await alert.waitFor();
      assert.equal(await page.locator('main h1').count(), 1, 'the rest of the page is there');
      await page.unroute('**/api/v1/**');
      // One after the other: what did not load may be asked for anew.
      await until('all of it to be there', async () => {
        const again = page.locator('main [role=alert] button');
        if ((await again.count()) > 0) await again.first().click({ timeout: 1000 }).catch(() => {});
        return (await page.locator('main [role=alert]').count()) === 0;
      });
      assert.deepEqual(await faultsOf(page), []);
      await page.close();
    });
  }

  test('a role that may only look', async () => {
    const page = await stage.open({ who: { user: 'vera', password: 'vera only looks at it' } });
    for (const { name, route } of PAGES) {
      await visit(page, stage.server, route);
      assert.equal(await page.locator('main h1').count(), 1, name);
      assert.equal(await page.locator('main [role=alert]').count(), 0, `${name}: an error is shown`);
    }
    await visit(page, stage.server, '#/zones/example.org./records');
    assert.equal(await page.getByRole('button', { name: 'New record' }).count(), 0, 'a control that this role may not use');
    assert.equal(await page.locator('nav.nav a', { hasText: 'Queries' }).count(), 0, 'an entry that this role may not use');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});

describe('without data', () => {
  const stage = useStage({ empty: true });
  for (const { name, route } of PAGES.filter(({ route: address }) => !address.startsWith('#/zones/'))) {
    test(name, async () => {
      const page = await stage.open({ size: name === 'live' ? WIDE : PHONE });
      await visit(page, stage.server, route);
      await assertSaid(page, await settingsOf(stage.server));
      assert.equal(await page.locator('main [role=alert]').count(), 0, 'an error is shown');
      assert.equal(await overhang(page), null);
      assert.deepEqual(await faultsOf(page), []);
      await page.close();
    });
  }

  test('the first page says what to do next', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/live');
    await page.getByText(`127.0.0.1:${stage.server.dnsPort}`).first().waitFor();
    for (const step of ['Change the first password', 'Point a device here', 'Add a zone', 'Add a blocklist']) await page.locator('main').getByText(step, { exact: true }).first().waitFor({ timeout: PATIENCE_MS });
    await page.close();
  });

  test('an address that leads nowhere', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/nonsense');
    await page.locator('main a', { hasText: 'Live' }).click();
    await until('the first page', () => page.evaluate(() => location.hash === '#/live'));
    await visit(page, stage.server, '#/zones/not.there./records');
    await page.getByText('is not there').first().waitFor();
    await page.close();
  });
});
