// Copies the libraries that pages load from their npm packages to web/vendor, with relative imports instead of bare
// ones, and writes down what it did. `node tools/vendor.mjs` makes the files, `--check` compares them with VENDOR.json.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const vendor = join(web, 'vendor');
const modules = join(web, 'node_modules');

/** What is copied: file here, package, file there. */
const FILES = [
  ['preact.mjs', 'preact', 'dist/preact.mjs'],
  ['hooks.mjs', 'preact', 'hooks/dist/hooks.mjs'],
  ['signals-core.mjs', '@preact/signals-core', 'dist/signals-core.mjs'],
  ['signals.mjs', '@preact/signals', 'dist/signals.mjs'],
  ['htm.mjs', 'htm', 'dist/htm.mjs'],
  ['uplot.mjs', 'uplot', 'dist/uPlot.iife.min.js'],
  ['uplot.css', 'uplot', 'dist/uPlot.min.css'],
];

/** What is added to files that are no modules: of uPlot the package has a module only at twice the size. @type {Record<string, string>} */
const EXPORTS = { 'uplot.mjs': 'export default uPlot;\n' };

/** Where bare specifiers lead. */
const SPECIFIERS = {
  preact: './preact.mjs',
  'preact/hooks': './hooks.mjs',
  '@preact/signals-core': './signals-core.mjs',
};

const LICENSES = {
  preact: 'LICENSE',
  '@preact/signals-core': 'LICENSE',
  '@preact/signals': 'LICENSE',
  htm: 'LICENSE',
  uplot: 'LICENSE',
};

/** @param {string} text */
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** @param {string} text */
function rewrite(text) {
  const imports = text.replace(/\b(from\s*|import\s*)(["'])([@\w][@\w/-]*)\2/g, (whole, word, quote, name) => {
    const target = SPECIFIERS[/** @type {keyof typeof SPECIFIERS} */ (name)];
    if (!target) throw new Error(`no file for the specifier ${name}`);
    return `${word}${quote}${target}${quote}`;
  });
  return imports.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
}

function make() {
  const record = [];
  for (const [file, name, source] of FILES) {
    const before = readFileSync(join(modules, name, source), 'utf8');
    const after = file.endsWith('.css') ? before : `${rewrite(before)}${EXPORTS[file] ?? ''}`;
    const { version, license } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'));
    writeFileSync(join(vendor, file), after);
    record.push({ file, package: name, version, license, source, sha256_before: sha256(before), sha256: sha256(after) });
  }
  writeFileSync(join(vendor, 'VENDOR.json'), `${JSON.stringify(record, null, 2)}\n`);
  const texts = Object.entries(LICENSES).map(([name, file]) => {
    const text = readFileSync(join(modules, name, file), 'utf8').trim();
    return `## ${name}\n\n${text.split('\n').map((line) => `    ${line}`.trimEnd()).join('\n')}\n`;
  });
  writeFileSync(
    join(vendor, 'LICENSES.md'),
    `# Licences of the files in this folder\n\nVersions and hashes are in VENDOR.json.\n\n${texts.join('\n')}`,
  );
}

function check() {
  const record = JSON.parse(readFileSync(join(vendor, 'VENDOR.json'), 'utf8'));
  const wrong = record.filter((/** @type {{file: string, sha256: string}} */ { file, sha256: want }) =>
    sha256(readFileSync(join(vendor, file), 'utf8')) !== want);
  for (const { file } of wrong) console.error(`vendor/${file} is not what VENDOR.json says`);
  if (wrong.length > 0 || record.length !== FILES.length) process.exit(1);
  console.log(`${record.length} files as VENDOR.json says`);
}

if (process.argv.includes('--check')) check();
else make();
