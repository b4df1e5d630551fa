// A record is edited, and the answer over DNS is another; taken back, and it is the old one. Two people on one zone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, logIn, settled, visit } from '../browser.mjs';
import { lookUp } from '../dns.mjs';
import { createCaller, until } from '../harness.mjs';
import { useStage } from './stage.mjs';
import { Steps } from './steps.mjs';

const RECORDS = '#/zones/example.org./records';

/** The row of a record set. @param {import('playwright-core').Page} page @param {string} name @param {string} type */
const row = (page, name, type) => page.locator(`main tr[data-row$="|${name}.example.org.|${type}"]`);

/** Opens a record set, and writes another address. @param {import('playwright-core').Page} page @param {string} name @param {string} address */
async function edit(page, name, address) {
  await row(page, name, 'A').locator('.row-link').click();
  await page.getByRole('dialog').getByLabel('Address', { exact: true }).fill(address);
  await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
  await page.getByText('not committed').first().waitFor();
}

/** @param {import('playwright-core').Page} page @param {string} why */
async function commit(page, why) {
  await page.getByRole('button', { name: 'Review and commit' }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByLabel('Why').fill(why);
  const tick = drawer.getByRole('checkbox');
  const button = drawer.getByRole('button', { name: 'Commit', exact: true });
  await until('the checks to have spoken', async () => (await button.isEnabled()) || (await tick.count()) > 0);
  if ((await tick.count()) > 0) await tick.check();
  await button.click();
  await page.getByText(/^Committed, serial/).first().waitFor();
}

describe('a zone', () => {
  const stage = useStage({ traffic: 0 });
  /** @param {string} name */
  const answer = (name) => lookUp(stage.server.dnsPort, name);
  /** @param {string} name @param {string} data */
  const answers = (name, data) => until(`${name} to be ${data}`, async () => (await answer(name)) === data);

  test('edit, see the answer change, take it back', async () => {
    const page = await stage.open();
    await answers('www.example.org', '192.0.2.1');
    await visit(page, stage.server, `${RECORDS}?filter=name:www`);
    await edit(page, 'www', '203.0.113.9');
    assert.equal(await answer('www.example.org'), '192.0.2.1', 'a draft changes nothing');
    await page.getByText(/^saved /).waitFor();
    await page.reload();
    await settled(page);
    await page.getByText('1 change not committed').waitFor();
    await commit(page, 'to the new host');
    await answers('www.example.org', '203.0.113.9');
    // From here on a wrong record is seen: three actions lead back.
    const steps = new Steps(page);
    await steps.click(page.getByRole('tab', { name: 'History' }).or(page.getByRole('link', { name: 'History', exact: true })).first());
    await page.getByText('to the new host').first().waitFor();
    await steps.click(page.getByRole('button', { name: 'Revert' }).first());
    await page.getByRole('dialog').getByText('203.0.113.9').first().waitFor();
    await page.getByRole('dialog').getByText('192.0.2.1').first().waitFor();
    await steps.click(page.getByRole('dialog').getByRole('button', { name: 'Take back' }));
    await answers('www.example.org', '192.0.2.1');
    steps.atMost(3, 'from a wrong record to the right one');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('the toast of a commit takes it back', async () => {
    const page = await stage.open();
    await visit(page, stage.server, `${RECORDS}?filter=name:mail`);
    await edit(page, 'mail', '203.0.113.25');
    await commit(page, '');
    await answers('mail.example.org', '203.0.113.25');
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await answers('mail.example.org', '192.0.2.25');
    await page.close();
  });

  test('a new record, also as text, and a mistake at its field', async () => {
    const page = await stage.open({ failing: true });
    await visit(page, stage.server, RECORDS);
    await page.getByRole('button', { name: 'New record' }).click();
    const drawer = page.getByRole('dialog');
    await drawer.getByLabel('Name', { exact: true }).fill('fresh');
    await drawer.getByLabel('Address', { exact: true }).fill('192.0.2.300');
    await drawer.getByLabel('Address', { exact: true }).press('Tab');
    await drawer.locator('[aria-invalid=true]').first().waitFor();
    await drawer.getByLabel('Address', { exact: true }).fill('192.0.2.30');
    await drawer.getByRole('tab', { name: 'Zone-file text' }).click();
    const text = drawer.getByRole('textbox', { name: /A data/ });
    assert.equal((await text.inputValue()).trim(), '192.0.2.30');
    await text.fill('192.0.2.31');
    await drawer.getByRole('button', { name: 'Done' }).click();
    await commit(page, 'a new host');
    await answers('fresh.example.org', '192.0.2.31');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('two people on one record: nothing is lost', async () => {
    const page = await stage.open({ failing: true });
    await visit(page, stage.server, `${RECORDS}?filter=name:host-001`);
    await edit(page, 'host-001', '203.0.113.1');
    const anna = createCaller(stage.server.api);
    await anna.logIn({ user: 'anna', password: 'anna has a long one' });
    await anna.call('PUT', '/zones/example.org/rrsets/host-001/A?why=mine+is+better', { ttl: 300, records: ['198.51.100.111'] });
    await page.getByRole('button', { name: 'Settle 1 conflict' }).click();
    const drawer = page.getByRole('dialog');
    for (const seen of ['198.51.100.1', '198.51.100.111', '203.0.113.1']) await drawer.getByText(seen, { exact: true }).first().waitFor();
    await drawer.getByLabel('Take mine').check();
    await drawer.getByRole('button', { name: 'Apply, then review' }).click();
    await drawer.getByRole('button', { name: 'Commit', exact: true }).click();
    await answers('host-001.example.org', '203.0.113.1');
    // Another record of the zone: the draft goes on without a question.
    await visit(page, stage.server, `${RECORDS}?filter=name:host-002`);
    await edit(page, 'host-002', '203.0.113.2');
    await anna.call('PUT', '/zones/example.org/rrsets/host-003/A', { ttl: 300, records: ['198.51.100.33'] });
    await page.getByText('changed this zone just now').waitFor();
    await commit(page, '');
    await answers('host-002.example.org', '203.0.113.2');
    await answers('host-003.example.org', '198.51.100.33');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('a session that ends keeps the draft', async () => {
    const page = await stage.open({ failing: true });
    await visit(page, stage.server, `${RECORDS}?filter=name:host-010`);
    await row(page, 'host-010', 'A').locator('.row-link').click();
    await page.getByRole('dialog').getByLabel('Address', { exact: true }).waitFor();
    await page.context().clearCookies();
    await page.getByRole('dialog').getByLabel('Address', { exact: true }).fill('203.0.113.10');
    const again = page.getByRole('dialog').filter({ hasText: 'Your session has ended' });
    await again.waitFor();
    await again.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await again.getByRole('button', { name: 'Log in' }).click();
    await again.waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('dialog').getByLabel('Address', { exact: true }).inputValue(), '203.0.113.10');
    await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
    await commit(page, 'after the session had ended');
    await answers('host-010.example.org', '203.0.113.10');
    await page.getByText('live', { exact: true }).first().waitFor();
    await page.close();
  });

  test('a draft of one window is in the other', async () => {
    const page = await stage.open();
    await visit(page, stage.server, `${RECORDS}?filter=name:host-020`);
    await edit(page, 'host-020', '203.0.113.20');
    await until('the draft to be on the server', async () => JSON.stringify((await stage.server.call('GET', '/drafts')).data).includes('example.org'));
    const other = await stage.open({ size: PHONE, touch: true });
    await visit(other, stage.server, `${RECORDS}?filter=name:host-020`);
    await other.getByText('1 change not committed').waitFor();
    await other.getByText('203.0.113.20').first().waitFor();
    await other.getByRole('button', { name: 'Discard' }).click();
    await until('no draft', async () => !JSON.stringify((await stage.server.call('GET', '/drafts')).data).includes('example.org'));
    assert.equal(await answer('host-020.example.org'), '198.51.100.20');
    await Promise.all([page.close(), other.close()]);
  });
});

describe('the first zone', () => {
  const stage = useStage({ empty: true });
  test('from nothing to an answer', async () => {
    const page = await stage.open();
    await visit(page, stage.server, '#/live');
    const steps = new Steps(page);
    await steps.click(page.locator('nav.nav').getByRole('link', { name: 'Zones' }));
    await steps.click(page.locator('main').getByRole('button', { name: 'New zone' }).first());
    await steps.fill(page.getByRole('dialog').getByLabel(/Name of the zone/), 'first.example');
    await page.getByRole('dialog').getByText('The zone begins with').waitFor();
    await steps.click(page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }));
    await page.locator('main h1', { hasText: 'first.example' }).waitFor();
    await until('the zone to answer', async () => (await lookUp(stage.server.dnsPort, 'first.example', 'NS')).includes('ns1.example.org'));
    steps.atMost(5, 'from nothing to a zone that answers');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('several people are told apart', async () => {
    const { call } = stage.server;
    await call('POST', '/users', { name: 'anna', display_name: 'Anna', roles: ['editor'], password: 'anna has a long one' });
    const page = await stage.open({ who: { user: 'anna', password: 'anna has a long one' } });
    await visit(page, stage.server, '#/zones');
    assert.equal(await page.locator('main').getByRole('button', { name: 'New zone' }).count(), 0, 'an editor makes no zones');
    await logIn(page.context(), stage.server, { user: 'admin', password: 'correct horse battery' });
    await page.reload();
    await settled(page);
    await page.locator('main').getByRole('button', { name: 'New zone' }).first().waitFor();
    await page.close();
  });
});
