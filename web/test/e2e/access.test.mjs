// Who is logged in is listed, and a session ended from another one is over at once; who changed what of access is told.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, overhang, visit } from '../browser.mjs';
import { until } from '../harness.mjs';
import { useStage } from './stage.mjs';

const VERA = { user: 'vera', password: 'vera only looks at it' };

describe('access', () => {
  const stage = useStage({ empty: true });
  const call = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body) => stage.server.call(method, path, body);

  test('sessions are seen and ended', async () => {
    await call('POST', '/users', { name: VERA.user, display_name: 'Vera', roles: ['viewer'], password: VERA.password });
    const vera = await stage.open({ who: VERA, size: PHONE, failing: true });
    await visit(vera, stage.server, '#/access/sessions');
    await vera.locator('main #table-sessions').getByText('this one').waitFor();
    assert.equal(await vera.locator('main tr[data-row]').count(), 1, 'one sees one’s own');
    assert.equal(await overhang(vera), null);
    assert.equal(await vera.getByRole('link', { name: 'History' }).count(), 0);
    const page = await stage.open();
    await visit(page, stage.server, '#/access/sessions');
    const row = page.locator('main tr[data-row]', { hasText: 'vera' });
    await row.getByText('127.0.0.1').waitFor();
    await row.getByRole('button', { name: 'End the session of vera' }).click();
    const dialog = page.getByRole('alertdialog', { name: 'End the session of vera from 127.0.0.1?' });
    await dialog.getByRole('button', { name: 'End' }).click();
    await row.waitFor({ state: 'detached' });
    const of = async () => (await call('GET', '/sessions')).data.items.map((/** @type {{user: string}} */ session) => session.user);
    assert.ok(!(await of()).includes('vera'));
    // What she does next asks for a log-in.
    await until('the log-in', async () => {
      await vera.reload();
      return (await vera.getByLabel('Password').count()) > 0;
    });
    assert.deepEqual(await faultsOf(page), []);
    await page.locator('main tr[data-row]', { hasText: 'this one' }).getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').first().waitFor();
    await Promise.all([vera.close(), page.close()]);
  });

  test('changes of access have a history', async () => {
    await call('POST', '/users', { name: 'otto', roles: [], password: 'otto has a long one' });
    await call('PATCH', '/users/otto', { roles: ['viewer'], disabled: true });
    const { data: token } = await call('POST', '/tokens', { name: 'nightly', owner: 'otto', grants: [{ zones: ['**'], verbs: ['read'] }] });
    await call('DELETE', `/tokens/${token.id}`);
    const page = await stage.open();
    await visit(page, stage.server, '#/access');
    await page.locator('main .tabs').getByRole('link', { name: 'History' }).click();
    const rows = page.locator('main #table-access-history tr[data-row]');
    await until('the latest first', async () => (await rows.first().innerText()).includes('Revoked the token nightly of otto'));
    assert.match(await rows.nth(1).innerText(), /admin\s+Made the token nightly of otto/);
    assert.match(await rows.nth(2).innerText(), /Changed the user otto: roles, disabled or enabled/);
    assert.match(await rows.nth(3).innerText(), /Created the user otto/);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});
