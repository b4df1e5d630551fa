// Makes web/api/types.js, the JSDoc types of the API, from docs/api/openapi.json. `--check` says whether it is so.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(web, 'api/types.js');

/** @typedef {Record<string, any>} Schema JSON Schema of OpenAPI 3.1: any */

/** @param {Schema} schema @returns {string} */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return union(choices.map(typeOf));
  if (schema.allOf) return schema.allOf.map(typeOf).map((/** @type {string} */ text) => (text.includes('|') ? `(${text})` : text)).join(' & ');
  if (schema.enum) return union(schema.enum.map((/** @type {unknown} */ value) => (typeof value === 'string' ? `'${value}'` : String(value))));
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type })));
  return simple(schema);
}

/** @param {Schema} schema */
function simple(schema) {
  switch (schema.type) {
    case 'string': return schema.const === undefined ? 'string' : `'${schema.const}'`;
    case 'integer':
    case 'number': return 'number';
    case 'boolean': return 'boolean';
    case 'null': return 'null';
    case 'array': return `(${schema.items ? typeOf(schema.items) : 'any'})[]`.replace(/^\(([\w.]+)\)/, '$1');
    case 'object': return objectType(schema);
    default: return 'any';
  }
}

/** @param {Schema} schema */
function objectType(schema) {
  const needed = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => `${JSON.stringify(name).replace(/^"(\w+)"$/, '$1')}${needed.has(name) ? '' : '?'}: ${typeOf(inner)}`);
  const more = schema.additionalProperties;
  if (more && typeof more === 'object') fields.push(`[key: string]: ${typeOf(more)}`);
  if (fields.length === 0) return 'Record<string, any>';
  return `{${fields.join(', ')}}`;
}

/** @param {string[]} types */
const union = (types) => [...new Set(types)].join(' | ');

/** @param {string|undefined} text */
const line = (text) => (text ?? '').replace(/\s+/g, ' ').replaceAll('*/', '* /').replaceAll('@', '(at)').trim();

function make() {
  const { components } = JSON.parse(readFileSync(join(web, '../docs/api/openapi.json'), 'utf8'));
  const types = Object.entries(components.schemas).map(([name, schema]) =>
    `/**\n * ${line(/** @type {Schema} */ (schema).description) || name}\n * @typedef {${typeOf(/** @type {Schema} */ (schema))}} ${name}\n */\n`);
  return `// Types of the API, made from docs/api/openapi.json by tools/types.mjs: not written by hand, and not sent to browsers.\n\n${types.join('\n')}\nexport {};\n`;
}

const text = make();
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('web/api/types.js is not what docs/api/openapi.json says: node tools/types.mjs');
  process.exit(1);
}
