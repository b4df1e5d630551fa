// A zone is signed, its DS record given to the parent, a key replaced as planned, and the zone unsigned again: what the page
// says is what the server says, and it says it without being asked.

import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { describe, test } from 'node:test';

import { PHONE, faultsOf, overhang, settled, visit } from '../browser.mjs';
import { createCaller, until } from '../harness.mjs';
import { useStage } from './stage.mjs';

/** A policy whose steps take seconds, as the TTLs of the zones that are signed by it. */
const CONFIG = `dnssec:
  policies:
    fast: { zsk_lifetime: 0, dnskey_ttl: 1, propagation: 1, safety: 1, parent_ds_ttl: 1, parent_propagation: 1,
            signature_lifetime: 600, signature_refresh: 200, signature_jitter: 5, inception_offset: 5 }
`;

/** Several steps, each of some seconds, on a machine that has other work. */
const ROLLOVER_MS = 120_000;

/** @typedef {import('playwright-core').Page} Page */

/** What the page says of the zone as a whole. @param {Page} page @param {string} stage @param {number} [patience] */
const stageIs = (page, stage, patience) => until(`“${stage}”`, async () => {
  const said = (await page.locator('main .signing-stage .state').innerText({ timeout: 1000 })).trim();
  if (said !== stage) throw new Error(`it says “${said}”`);
  return true;
}, patience);

/** The tags of the keys that the table has. @param {Page} page */
const tagsShown = async (page) => (await page.locator('main #table-zone-keys .key-name .mono').allInnerTexts()).map(Number).sort();

/** @param {Page} page @param {string} name @param {string} button */
async function confirm(page, name, button) {
  const dialog = page.getByRole('alertdialog', { name });
  await dialog.getByRole('button', { name: button }).click();
  await dialog.waitFor({ state: 'hidden' });
}

describe('signing', () => {
  const stage = useStage({ empty: true, config: CONFIG });
  const call = (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body) => stage.server.call(method, path, body);
  const keysOf = async (/** @type {string} */ zone) => (await call('GET', `/zones/${zone}/keys`)).data;

  /** A zone whose records no cache keeps. @param {string} name @param {string} [dnssec] */
  const add = (name, dnssec = '') => call('POST', '/zones', { name, dnssec, rrsets: [
    { name: '@', type: 'SOA', ttl: 1, records: [`ns1.${name}. hostmaster.${name}. 1 3600 600 86400 1`] },
    { name: '@', type: 'NS', ttl: 1, records: [`ns1.${name}.`] },
    { name: 'ns1', type: 'A', ttl: 1, records: ['192.0.2.53'] },
  ] });

  test('sign a zone, give the parent its record, replace a key, stop', async () => {
    await add('quick.example');
    const page = await stage.open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await visit(page, stage.server, '#/zones/quick.example./records');
    await page.locator('main .tabs').getByRole('link', { name: 'DNSSEC' }).click();
    await page.getByRole('heading', { name: 'This zone is not signed' }).waitFor();
    await page.getByLabel('Sign by the policy').selectOption('fast');
    await page.getByRole('button', { name: 'Sign this zone' }).click();
    await stageIs(page, 'Signed; waits for the DS record at the parent', ROLLOVER_MS);
    const signed = await keysOf('quick.example');
    const tags = signed.keys.map((/** @type {any} */ key) => key.tag).sort();
    await until('both keys', async () => String(await tagsShown(page)) === String(tags));

    const { keys: [ksk] } = (await call('GET', '/zones/quick.example/ds')).data;
    const copied = async (/** @type {string} */ text) => until(`“${text}” to be copied`, async () => (await page.evaluate(() => navigator.clipboard.readText())) === text);
    await page.getByRole('button', { name: 'Copy SHA-256' }).click();
    await copied(ksk.ds[0].line);
    await page.getByRole('radio', { name: 'Single fields' }).check();
    await page.getByRole('button', { name: 'Copy Digest (SHA-384)' }).click();
    await copied(ksk.ds[1].digest);
    await page.getByRole('radio', { name: 'DNSKEY' }).check();
    await page.getByRole('button', { name: 'Copy DNSKEY' }).click();
    await copied(ksk.dnskey);

    await page.getByRole('button', { name: 'The parent has it' }).click();
    await confirm(page, `Does every server of the parent have the DS record of KSK ${ksk.tag}?`, 'The parent has it');
    await stageIs(page, 'Signed and trusted', ROLLOVER_MS);
    const known = (await keysOf('quick.example')).keys.find((/** @type {any} */ key) => key.tag === ksk.tag);
    assert.equal(known.ds_confirmed.published, true);

    await replace(page, tags, ksk.tag);
    await stop(page, ksk.tag);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  /** Replaces the zone-signing key; what is shown is live. @param {Page} page @param {number[]} before @param {number} ksk */
  async function replace(page, before, ksk) {
    const old = before.find((tag) => tag !== ksk);
    // Before the zone-signing key can be replaced, what the first signing began has to be over.
    await until('nothing to be waited for', async () => (await keysOf('quick.example')).waits.length === 0, ROLLOVER_MS);
    await page.getByRole('button', { name: 'Replace a key' }).click();
    const dialog = page.getByRole('dialog', { name: 'Replace a key' });
    await dialog.getByText('The new ZSK is made.').waitFor();
    await dialog.getByText('has nothing to do').waitFor();
    await dialog.getByRole('radio', { name: 'Key-signing key (KSK)' }).check();
    await dialog.getByText('The new KSK is made.').waitFor();
    await dialog.getByText('has to exchange the DS record').waitFor();
    await until('the address to say so', () => page.evaluate(() => location.hash.includes('roll=ksk')));
    await page.reload();
    await dialog.getByText('The new KSK is made.').waitFor();
    assert.deepEqual((await keysOf('quick.example')).keys.map((/** @type {any} */ key) => key.tag).sort(), before, 'looking changes nothing');
    await dialog.getByRole('radio', { name: 'Zone-signing key (ZSK)' }).check();
    await dialog.getByText('The new ZSK is made.').waitFor();
    await dialog.getByRole('button', { name: 'Begin' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await until('the new key beside the old ones', async () => (await tagsShown(page)).some((tag) => !before.includes(tag)), ROLLOVER_MS);
    await until('the old key to be gone', async () => {
      const shown = await tagsShown(page);
      return shown.length === 2 && shown.includes(ksk) && !shown.includes(Number(old));
    }, ROLLOVER_MS);
    assert.equal((await keysOf('quick.example')).stage, 'secure');
  }

  /** @param {Page} page @param {number} ksk */
  async function stop(page, ksk) {
    await until('nothing to be waited for', async () => (await keysOf('quick.example')).waits.length === 0, ROLLOVER_MS);
    await page.getByLabel('Sign by the policy').selectOption('');
    await page.getByRole('button', { name: 'Stop signing' }).click();
    await confirm(page, 'Stop signing quick.example?', 'Stop signing');
    await stageIs(page, 'Becoming unsigned: the DS record goes first');
    await page.getByRole('button', { name: 'It is gone from the parent' }).click();
    await confirm(page, `Is the DS record of KSK ${ksk} gone from every server of the parent?`, 'It is gone from the parent');
    await page.getByRole('heading', { name: 'This zone is not signed' }).waitFor({ timeout: ROLLOVER_MS });
    const { data } = await call('GET', '/dnssec?zone=quick.example');
    assert.deepEqual(data.items, []);
  }

  test('a key that somebody else may have goes, after what will happen is said', async () => {
    await add('stolen.example', 'fast');
    await until('it to ask for a DS record', async () => (await keysOf('stolen.example')).stage === 'waiting', ROLLOVER_MS);
    const before = await keysOf('stolen.example');
    const old = before.keys.find((/** @type {any} */ key) => key.role === 'zsk').tag;
    const page = await stage.open({ size: PHONE });
    await visit(page, stage.server, '#/zones/stolen.example./dnssec');
    await page.getByRole('button', { name: `Retire ZSK ${old}` }).click();
    const dialog = page.getByRole('dialog', { name: `Retire ZSK ${old}` });
    await dialog.getByText('The key goes once no resolver needs it').waitFor();
    await dialog.getByText('A new key is made for it.').waitFor();
    await dialog.getByRole('radio', { name: 'Somebody else may have it' }).check();
    await dialog.getByText('can forge answers').waitFor();
    await dialog.getByText('Nobody believes the key from').waitFor();
    assert.equal(await overhang(page), null);
    await until('the address to say so', () => page.evaluate(() => location.hash.includes('compromised=1')));
    assert.deepEqual((await keysOf('stolen.example')).keys.map((/** @type {any} */ key) => key.going), before.keys.map(() => false), 'looking changes nothing');
    await dialog.getByLabel('Why').last().fill('its file was in a backup that is lost');
    await dialog.getByRole('button', { name: 'Retire the key' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.locator('main #table-zone-keys').getByText('compromised').waitFor();
    assert.equal(await page.getByRole('button', { name: `Retire ZSK ${old}` }).count(), 0);
    await until('another key in its place', async () => {
      const shown = await tagsShown(page);
      return shown.length === 2 && !shown.includes(old);
    }, ROLLOVER_MS);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('a rollover that cannot begin yet says from when it can', async () => {
    await add('slow.example', 'default');
    await until('it to be signed', async () => (await keysOf('slow.example')).signed);
    // The refusal is a message of the browser, too.
    const page = await stage.open({ size: PHONE, failing: true });
    await visit(page, stage.server, '#/zones/slow.example./dnssec?roll=zsk');
    const dialog = page.getByRole('dialog', { name: 'Replace a key' });
    await dialog.getByText('a rollover is under way').waitFor();
    await dialog.getByText('The earliest safe moment is').waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Begin' }).isDisabled(), true);
    await dialog.getByRole('button', { name: 'Show it from then' }).click();
    await dialog.getByText('The new ZSK is made.').waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Begin' }).isDisabled(), true, 'a time to come is looked at, not ordered');
    assert.equal(await overhang(page), null);
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('all signed zones, and the way to one', async () => {
    await add('other.example', 'fast');
    await until('it to ask for a DS record', async () => (await keysOf('other.example')).stage === 'waiting', ROLLOVER_MS);
    await add('third.example', 'default');
    const page = await stage.open();
    await visit(page, stage.server, '#/dnssec');
    const row = (/** @type {string} */ zone) => page.locator(`main tr[data-row="${zone}."]`);
    await until('the zone that waits for its parent to stand first', async () => (await page.locator('main tr[data-row]').first().getAttribute('data-row')) === 'other.example.');
    await row('third.example').waitFor();
    await page.locator('main .tabs').getByRole('link', { name: /^Wait for the parent/ }).click();
    await row('third.example').waitFor({ state: 'detached' });
    await row('other.example').getByRole('link', { name: 'other.example' }).click();
    await stageIs(page, 'Signed; waits for the DS record at the parent');
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('who may only look sees all of it, and no button that changes it', async () => {
    await add('seen.example', 'fast');
    await until('it to ask for a DS record', async () => (await keysOf('seen.example')).stage === 'waiting', ROLLOVER_MS);
    await call('POST', '/users', { name: 'vera', display_name: 'Vera', roles: ['viewer'], password: 'vera only looks at it' });
    const page = await stage.open({ who: { user: 'vera', password: 'vera only looks at it' } });
    await visit(page, stage.server, '#/zones/seen.example./dnssec');
    await stageIs(page, 'Signed; waits for the DS record at the parent');
    await page.getByRole('button', { name: 'Copy SHA-256' }).waitFor();
    await settled(page);
    for (const name of ['The parent has it', 'Replace a key', 'Change the policy', /^Retire /]) assert.equal(await page.getByRole('button', { name }).count(), 0, String(name));
    await page.getByText('takes the right “configure”').waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });

  test('a key file that is missing is a problem that leads here', async () => {
    await add('broken.example', 'fast');
    await until('it to be signed', async () => (await keysOf('broken.example')).signed);
    const dir = `${stage.server.dir}/data/keys`;
    const mine = (await readdir(dir)).filter((file) => file.startsWith('Kbroken.example.') && file.endsWith('.private'));
    assert.equal(mine.length, 2, String(mine));
    for (const file of mine) await rm(`${dir}/${file}`);
    await stage.server.kill();
    await stage.server.start();
    // The session before went with the process.
    const again = createCaller(stage.server.api);
    await again.logIn();
    await until('signing to stop', async () => (await again.call('GET', '/zones/broken.example/keys')).data.error, ROLLOVER_MS);
    const page = await stage.open();
    await visit(page, stage.server, '#/system');
    await page.locator('main .health-check', { hasText: 'Signing' }).getByRole('link').click();
    await page.locator('main tr[data-row="broken.example."]').getByText('Signing does not go on').waitFor();
    assert.equal(await page.locator('main tr[data-row]').first().getAttribute('data-row'), 'broken.example.');
    await visit(page, stage.server, '#/zones/broken.example./dnssec');
    await stageIs(page, 'Signing does not go on');
    await page.locator('main').getByText('Why it does not go on').waitFor();
    assert.deepEqual(await faultsOf(page), []);
    await page.close();
  });
});
