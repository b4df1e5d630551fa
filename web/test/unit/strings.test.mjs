// The strings of both languages have the same keys and the same places to fill in.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AREAS, OF_PAGE } from '../../strings/areas.js';

const web = new URL('../../', import.meta.url);

/** @param {string} language */
const areasOf = (language) => readdirSync(new URL(`strings/${language}/`, web)).map((file) => file.replace(/\.js$/, '')).sort();

/** @param {string} language @param {string} area @returns {Promise<Record<string, string>>} */
const load = async (language, area) => (await import(new URL(`strings/${language}/${area}.js`, web).href)).default;

/** @param {string} text */
const places = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort().join(' ');

test('each area is there in both languages, and known', () => {
  assert.deepEqual(areasOf('de'), areasOf('en'));
  assert.deepEqual(areasOf('en').filter((area) => !AREAS.includes(area)), []);
  for (const areas of Object.values(OF_PAGE)) assert.deepEqual(areas.filter((area) => !AREAS.includes(area)), []);
});

for (const area of areasOf('en')) {
  test(`strings of ${area}`, async () => {
    const [english, german] = [await load('en', area), await load('de', area)];
    assert.deepEqual(Object.keys(german).sort(), Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) {
      assert.ok(key.startsWith(`${area}.`), `${key} is not of ${area}`);
      assert.ok(text.trim() !== '' && german[key].trim() !== '', `${key} is empty`);
      assert.equal(places(german[key]), places(text), `${key}: {places}`);
      if (key.endsWith('.one')) assert.ok(`${key.slice(0, -4)}.other` in english, `${key} has no .other`);
    }
  });
}

/** @param {string} folder @returns {string[]} */
function sources(folder) {
  return readdirSync(new URL(folder, web), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
}

test('each key that is written out in a source has its string', async () => {
  const known = new Set();
  for (const area of areasOf('en')) for (const key of Object.keys(await load('en', area))) known.add(key).add(key.replace(/\.(one|other)$/, ''));
  const missing = [];
  for (const file of ['pages', 'ui', 'shell', 'rr', 'lib'].flatMap(sources)) {
    // Comments show examples.
    const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, key] of text.matchAll(/\bt[x]?\('([a-z]+\.[\w.]+)'/g)) if (!known.has(key)) missing.push(`${key} (${file.split('/web/')[1]})`);
  }
  assert.deepEqual([...new Set(missing)], []);
});
