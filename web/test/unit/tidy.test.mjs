// What the Content-Security-Policy would refuse, or a reader: looked for in the sources.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('../../', import.meta.url));
const SKIPPED = /^(node_modules|vendor|test|tools|shots)\//;

const files = readdirSync(web, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`.replace(/\/+/g, '/').slice(web.length))
  .filter((file) => !SKIPPED.test(file) && file !== 'api/types.js');

/** @param {RegExp} kind @param {(file: string, text: string) => string|null} fault */
function faults(kind, fault) {
  return files.filter((file) => kind.test(file)).map((file) => fault(file, readFileSync(web + file, 'utf8'))).filter(Boolean);
}

test('nothing that the policy of the page refuses', () => {
  const refused = /\.innerHTML|\.outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|\beval\(|new Function\(|document\.write|setAttribute\('style'|\sstyle="|\son[a-z]+="/;
  assert.deepEqual(faults(/\.(js|html)$/, (file, text) => (refused.test(text) ? `${file}: ${refused.exec(text)?.[0]}` : null)), []);
});

test('nothing from elsewhere', () => {
  const outside = /(?:href|src|url\(|import|fetch\()\s*=?\s*['"(]*https?:\/\/(?!www\.w3\.org)/;
  assert.deepEqual(faults(/\.(js|html|css|svg)$/, (file, text) => (outside.test(text) ? file : null)), []);
});

test('files begin with what they are, and are not too long', () => {
  assert.deepEqual(faults(/\.(js|css)$/, (file, text) => (/^\/[/*]/.test(text) ? null : file)), []);
  assert.deepEqual(faults(/^(?!strings\/).*\.(js|css)$/, (file, text) => (text.split('\n').length > 500 ? `${file}: ${text.split('\n').length} lines` : null)), []);
});

test('styles know their layer, and insist on nothing', () => {
  assert.deepEqual(faults(/\.css$/, (file, text) => (text.includes('!important') ? file : null)), []);
  assert.deepEqual(faults(/\.css$/, (file, text) => (/^@layer /m.test(text) ? null : file)), []);
});
