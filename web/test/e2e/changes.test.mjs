// Several changes are picked and taken back by one, which is seen before it is made; what others did since stays.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, overhang, visit } from '../browser.mjs';
import { lookUp } from '../dns.mjs';
import { until } from '../harness.mjs';
import { useStage } from './stage.mjs';

describe('changes', () => {
  const stage = useStage({ empty: true });
  const call = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body) => stage.server.call(method, path, body);
  const set = async (/** @type {string} */ zone, /** @type {string} */ name, /** @type {string} */ address) => (await call('PUT', `/zones/${zone}/rrsets/${name}.${zone}./A`, { ttl: 60, records: [address] })).data.change;
  const answers = (/** @type {string} */ name, /** @type {string} */ address) => until(`${name} to be ${address}`, async () => (await lookUp(stage.server.dnsPort, name)) === address);
  const pick = (/** @type {import('playwright-core').Page} */ page, /** @type {number} */ id) => page.getByRole('checkbox', { name: `Pick change ${id}`, exact: true }).check();

  test('two are taken back by one, and back again', async () => {
    for (const zone of ['one.example', 'two.example']) await call('POST', '/zones', { name: zone });
    await set('one.example', 'www', '192.0.2.1');
    await set('two.example', 'www', '192.0.2.2');
    const wrong = [await set('one.example', 'www', '198.51.100.1'), await set('two.example', 'www', '198.51.100.2')];
    await set('one.example', 'mail', '192.0.2.9');
    const page = await stage.open();
    await visit(page, stage.server, '#/changes');
    for (const id of wrong) await pick(page, id);
    await page.getByText('2 changes picked').waitFor();
    await page.getByRole('button', { name: 'Revert them together' }).click();
    const drawer = page.getByRole('dialog', { name: 'Take 2 changes back by one' });
    await drawer.getByText('198.51.100.2').first().waitFor();
    await answers('www.one.example', '198.51.100.1');
    await drawer.getByRole('button', { name: 'Take back' }).click();
    await drawer.waitFor({ state: 'hidden' });
    await answers('www.one.example', '192.0.2.1');
    await answers('www.two.example', '192.0.2.2');
    await answers('mail.one.example', '192.0.2.9');
    const [latest] = (await call('GET', '/changes?limit=1')).data.items;
    assert.deepEqual([latest.why, latest.zones.length], [`revert of changes ${wrong.join(', ')}`, 2], 'one change of both zones');
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await answers('www.two.example', '198.51.100.2');
    assert.equal(await page.getByText('changes picked').count(), 0);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('one that others have built upon is not taken back', async () => {
    await call('POST', '/zones', { name: 'built.example' });
    const first = await set('built.example', 'www', '192.0.2.1');
    const second = await set('built.example', 'www', '192.0.2.2');
    await set('built.example', 'www', '192.0.2.3');
    const page = await stage.open({ size: PHONE });
    await visit(page, stage.server, '#/changes');
    for (const id of [first, second]) await pick(page, id);
    await page.getByRole('button', { name: 'Revert them together' }).click();
    const drawer = page.getByRole('dialog', { name: 'Take 2 changes back by one' });
    await drawer.getByText(`Change ${second} cannot be taken back without another one.`).waitFor();
    assert.equal(await drawer.getByRole('button', { name: 'Take back' }).isDisabled(), true);
    assert.equal(await overhang(page), null);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});
