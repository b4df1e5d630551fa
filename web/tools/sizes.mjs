// How much each route sends when it is the first, and all of them together: `npm run sizes`. Counted is each file as the
// server sends it, without comments and indentation and compressed; what a page loads when it is needed counts in the total.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { KNOWN, STYLE } from '../shell/pages.js';
import { AREAS, FIRST, OF_PAGE } from '../strings/areas.js';
import { closure } from './preload.mjs';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const NOT_SENT = /^(node_modules|test|tools|shots)\/|^\.|\.d\.mts$|^(package(-lock)?|tsconfig)\.json$|\.md$|VENDOR\.json$/;

/** Without comments and indentation, as crates/api/src/dashboard/bare.rs has it. @param {string} text */
export function bare(text) {
  const out = [];
  let inComment = false;
  for (const line of text.split('\n')) {
    let rest = line.trim();
    if (inComment) {
      const end = rest.indexOf('*/');
      if (end < 0) continue;
      rest = rest.slice(end + 2).trimStart();
      inComment = false;
    }
    let kept = '';
    for (;;) {
      const begin = rest.startsWith('/*') && kept === '' ? 0 : rest.indexOf('/** ');
      if (begin < 0) break;
      kept += rest.slice(0, begin);
      const end = rest.indexOf('*/', begin + 2);
      inComment = end < 0;
      rest = inComment ? '' : rest.slice(end + 2);
      if (kept === '') rest = rest.trimStart();
      if (inComment) break;
    }
    kept = inComment ? kept.trimEnd() : kept + rest;
    if (kept !== '' && !kept.startsWith('//')) out.push(kept);
  }
  return `${out.join('\n')}\n`;
}

/** @param {string} file octets as it is sent */
function size(file) {
  const text = readFileSync(join(web, file), 'utf8');
  return gzipSync(/\.(m?js|css)$/.test(file) ? bare(text) : text, { level: 9 }).length;
}

/** @param {Iterable<string>} files */
const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);

const all = readdirSync(web, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(web.length + 1)).filter((file) => !NOT_SENT.test(file));
const always = ['index.html', 'boot.js', 'favicon.svg', ...[...readFileSync(join(web, 'index.html'), 'utf8').matchAll(/rel="stylesheet" href="ui\/\{\{hash\}\}\/([^"]+)/g)].map(([, file]) => file ?? '')];
const shell = closure(['app.js', ...FIRST.map((area) => `strings/en/${area}.js`)]);
const base = new Set([...always, ...shell]);
console.log(`${'shell'.padEnd(12)}${String(sum(base)).padStart(8)} in ${base.size} files`);
/** @param {string} page */
const filesOf = (page) => {
  const areas = [...FIRST, ...AREAS.filter((area) => area === page), ...(OF_PAGE[page] ?? [])];
  return new Set([...base, ...closure([`pages/${page}.js`, ...areas.map((area) => `strings/en/${area}.js`)]), ...(STYLE[page] ? [`css/pages/${STYLE[page]}.css`] : []), ...(page === 'live' ? ['vendor/uplot.mjs'] : [])]);
};
for (const page of KNOWN) {
  const files = filesOf(page);
  console.log(`${page.padEnd(12)}${String(sum(files)).padStart(8)} in ${files.size} files`);
}
const english = all.filter((file) => !file.startsWith('strings/de/'));
console.log(`${'all'.padEnd(12)}${String(sum(english)).padStart(8)} in ${english.length} files`);
console.log(`${'and German'.padEnd(12)}${String(sum(all)).padStart(8)} in ${all.length} files`);
if (process.argv.includes('--files')) {
  for (const file of [...filesOf('live')].sort((one, other) => size(other) - size(one))) console.log(`${String(size(file)).padStart(8)} ${file}`);
}
