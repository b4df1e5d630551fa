// System in a cluster: its servers, whom nobody waits for, and what stands in place of backups. The servers are played: what
// real ones say is tested in crates/headwater/tests/cluster, and the form of it in web/api/types.js.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PHONE, WIDE, faultsOf, overhang, visit } from '../browser.mjs';
import { until } from '../harness.mjs';
import { useStage } from './stage.mjs';

/** @typedef {import('../../api/types.js').NodeOut} Node */

/** @param {Partial<Node>} more @returns {Node} */
const node = (more) => ({
  name: 'ns1', is_this: false, state: 'serving', drained: false, version: '0.1.0', started_ms: 1, heard_ms_ago: 300, position: 120, lag: 0, zones: 7,
  drift: false, labels: {}, problems: [], ...more,
});

describe('a cluster', () => {
  const stage = useStage({ empty: true });

  /** A page of a server that is in a cluster with these servers; `done` is what it was asked to change. @param {object} [options] */
  async function clusterPage(options = {}) {
    const nodes = [node({ is_this: true, labels: { site: 'berlin', rack: 'a7' } }), node({ name: 'ns2', drift: true, lag: 14 }), node({ name: 'ns3', state: 'absent', heard_ms_ago: 720_000 })];
    const page = await stage.open(options);
    const done = /** @type {string[]} */ ([]);
    await page.route('**/api/v1/nodes**', (route) => {
      const request = route.request();
      const name = /nodes\/([^/?]+)/.exec(request.url())?.[1];
      if (request.method() === 'GET') return route.fulfill({ json: { items: nodes, next: null } });
      done.push([request.method(), name, request.postData()].filter(Boolean).join(' '));
      const at = nodes.findIndex((one) => one.name === name);
      if (request.method() === 'DELETE') {
        nodes.splice(at, 1);
        return route.fulfill({ status: 204 });
      }
      const changed = { ...node({}), ...nodes[at], ...request.postDataJSON() };
      nodes[at] = changed;
      return route.fulfill({ json: changed });
    });
    await page.route('**/api/v1/health', async (route) => {
      const reply = await route.fetch();
      const health = await reply.json();
      await route.fulfill({ json: { ...health, checks: [...health.checks, { name: 'cluster', state: 'ok', since_ms: 1, reason: '3 brokers answer' }] } });
    });
    await visit(page, stage.server, '#/system');
    return { page, done };
  }

  test('nobody is told to make a backup that the server refuses', async () => {
    const { page } = await clusterPage();
    await page.getByText('The servers of a cluster make no backups').waitFor();
    await page.getByText('cluster.key_file').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Make a backup' }).count(), 0);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
    const alone = await stage.open();
    await visit(alone, stage.server, '#/system');
    await alone.getByRole('button', { name: 'Make a backup' }).waitFor();
    assert.equal(await alone.locator('#table-nodes').count(), 0);
    await alone.close();
  });

  test('servers are drained, waited for again and forgotten, each after a question', async () => {
    const { page, done } = await clusterPage({ size: WIDE });
    const row = (/** @type {string} */ name) => page.locator(`main tr[data-row="${name}"]`);
    await page.getByText('ns2 has other zones than this server had').waitFor();
    await row('ns1').getByText('site: berlin').waitFor();
    const press = async (/** @type {string} */ name, /** @type {string} */ button, /** @type {string} */ answer) => {
      await row(name).getByRole('button', { name: button }).click();
      const dialog = page.getByRole('alertdialog');
      await dialog.getByRole('button', { name: answer }).click();
      await dialog.waitFor({ state: 'hidden' });
    };
    await press('ns2', 'Do not wait for it', 'Cancel');
    assert.deepEqual(done, [], 'a question is no answer');
    await press('ns2', 'Do not wait for it', 'Do not wait for it');
    await row('ns2').getByText('nobody waits for it').waitFor();
    await press('ns2', 'Wait for it', 'Wait for it');
    await row('ns2').getByText('nobody waits for it').waitFor({ state: 'detached' });
    assert.equal(await row('ns2').getByRole('button', { name: 'Forget' }).count(), 0, 'one that serves is not forgotten');
    await press('ns3', 'Forget', 'Forget');
    await row('ns3').waitFor({ state: 'detached' });
    assert.deepEqual(done, ['PUT ns2 {"drained":true}', 'PUT ns2 {"drained":false}', 'DELETE ns3']);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('it fits on a phone, in German', async () => {
    const { page } = await clusterPage({ size: PHONE, context: { locale: 'de-DE' } });
    await page.getByText('Die Server eines Clusters legen keine Sicherungen an').waitFor();
    await until('nothing to reach out', async () => (await overhang(page)) === null);
    await page.close();
  });
});
