// A view of the queries is saved, opened again, handed to somebody else as a link, and forgotten.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, overhang, visit } from '../browser.mjs';
import { until } from '../harness.mjs';
import { useStage } from './stage.mjs';

describe('saved views', () => {
  const stage = useStage({ traffic: 300 });
  const headings = (/** @type {import('playwright-core').Page} */ page) => page.locator('main #table-queries thead th').allInnerTexts();

  test('save, open, share, forget', async () => {
    const page = await stage.open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await visit(page, stage.server, '#/queries?filter=code:NXDOMAIN&range=24h');
    await page.locator('main #table-queries').waitFor();
    await page.locator('main .columns-menu summary').click();
    await page.getByRole('checkbox', { name: 'Client' }).uncheck();
    await page.getByRole('checkbox', { name: 'Octets' }).check();
    const wanted = await headings(page);
    assert.ok(!wanted.includes('Client') && wanted.includes('Octets'), wanted.join());
    await page.locator('main').getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Save this view' }).click();
    await page.getByLabel('Name of the view').fill('Names that are not there');
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('The view Names that are not there is saved.').first().waitFor();
    await page.locator('main').getByRole('button', { name: 'Names that are not there' }).click();
    await page.getByRole('menuitem', { name: 'Copy a link to this view' }).click();
    const link = await until('a link', async () => {
      const text = await page.evaluate(() => navigator.clipboard.readText());
      return text.startsWith('http') && text;
    });

    // The person's own columns are others; the view brings its own, and leaves theirs as they are.
    await page.getByRole('button', { name: 'As at first' }).click();
    await visit(page, stage.server, '#/queries?range=1h');
    await until('the usual columns', async () => (await headings(page)).includes('Client'));
    await page.locator('main').getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Names that are not there' }).click();
    await until('the columns of the view', async () => String(await headings(page)) === String(wanted));
    await page.locator('main').getByRole('button', { name: 'Names that are not there' }).waitFor();
    assert.match(await page.evaluate(() => location.hash), /filter=code:NXDOMAIN&range=24h&columns=/);

    const other = await stage.open();
    await other.goto(link);
    await until('the same columns for somebody else', async () => String(await headings(other)) === String(wanted));
    await other.getByRole('button', { name: 'code:NXDOMAIN', exact: true }).waitFor();

    await page.locator('main').getByRole('button', { name: 'Names that are not there' }).click();
    await page.getByRole('menuitem', { name: 'Forget Names that are not there' }).click();
    await page.getByText('The view Names that are not there is forgotten.').first().waitFor();
    await page.locator('main').getByRole('button', { name: 'Views' }).waitFor();
    for (const one of [page, other]) {
      assert.deepEqual(await faultsOf(one), []);
      await one.close();
    }
  });

  test('on a phone', async () => {
    const page = await stage.open({ size: PHONE, touch: true });
    await visit(page, stage.server, '#/queries?columns=nothing.known');
    await page.locator('main .query-fold-head .button').first().click();
    await page.locator('main').getByRole('button', { name: 'Views' }).click();
    await page.getByRole('menuitem', { name: 'Save this view' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('A view needs a name.').waitFor();
    assert.equal(await overhang(page), null);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});
