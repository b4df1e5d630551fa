// Writes into index.html which modules the first page needs, so that the browser fetches them all at once:
// `node tools/preload.mjs`. `--check` says whether the list is as it must be.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const index = join(web, 'index.html');
const LINE = '<link rel="modulepreload" href="ui/{{hash}}/';

/** What is loaded by `import()` before the first page is there. */
const ROOTS = ['app.js', 'strings/en/common.js', 'strings/en/shell.js', 'pages/live.js', 'strings/en/live.js', 'strings/en/data.js'];

/** Comments hold imports of types. @param {string} text */
const bare = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '');

/** @param {string[]} roots @returns {string[]} files that they import, and those that these import */
export function closure(roots) {
  const seen = new Set();
  const wait = roots.filter((file) => existsSync(join(web, file)));
  for (let file = wait.shift(); file !== undefined; file = wait.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = bare(readFileSync(join(web, file), 'utf8'));
    for (const [, to] of text.matchAll(/(?:^|[;}\s])(?:import|export)\s*(?:[\w*\s{},$]+?from\s*)?["'](\.[^"']+)["']/g)) {
      wait.push(relative(web, resolve(web, dirname(file), to)));
    }
  }
  return [...seen];
}

/** @param {string} html */
function withList(html) {
  const list = closure(ROOTS).filter((file) => file !== 'app.js').sort();
  const others = html.split('\n').filter((line) => !line.startsWith(LINE));
  const at = others.findIndex((line) => line.includes('app.js'));
  return [...others.slice(0, at), ...list.map((file) => `${LINE}${file}">`), ...others.slice(at)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [before, after] = [readFileSync(index, 'utf8'), withList(readFileSync(index, 'utf8'))];
  if (!process.argv.includes('--check')) writeFileSync(index, after);
  else if (before !== after) {
    console.error('the modules in index.html are not those of the first page: node tools/preload.mjs');
    process.exit(1);
  }
}
