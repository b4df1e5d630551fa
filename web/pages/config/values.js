/** Keys and values of the configuration: out of the schema, as text, what differs, what is wrong, and what is changed and not applied. Used by the configuration page. */

import { signal } from '../../ui/html.js';

/** @typedef {Record<string, unknown>} Entry */

/** Whether two values are the same JSON. @param {unknown} a @param {unknown} b @returns {boolean} */
export function same(a, b) {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Whether a text stands for a secret that is not shown. @param {unknown} value */
export function isHidden(value) {
  return typeof value === 'string' && value.startsWith('<secret:');
}

/** @param {string} path @param {unknown} entry @returns {unknown} */
export function at(path, entry) {
  /** @type {unknown} */
  let value = entry;
  for (const part of path.split('.')) {
    value = value && typeof value === 'object' ? /** @type {Entry} */ (value)[part] : undefined;
  }
  return value;
}

/**
 * A copy of an entry with another value at a path; `undefined` takes the key out.
 * @param {Entry} entry @param {string} path @param {unknown} value @returns {Entry}
 */
export function withAt(entry, path, value) {
  const [first = '', ...rest] = path.split('.');
  const copy = { ...entry };
  if (rest.length) {
    const inner = copy[first];
    const below = withAt(inner && typeof inner === 'object' ? /** @type {Entry} */ (inner) : {}, rest.join('.'), value);
    if (Object.keys(below).length) copy[first] = below;
    else delete copy[first];
  } else if (value === undefined) delete copy[first];
  else copy[first] = value;
  return copy;
}

/**
 * An entry without what is at its default, so that the file stays short.
 * @param {Entry} entry @param {Key[]} keys @returns {Entry}
 */
export function pruned(entry, keys) {
  let out = entry;
  for (const key of keys) {
    const value = at(key.path, entry);
    if (value === undefined || (same(value, key.node.default) && key.name !== 'name')) out = withAt(out, key.path, undefined);
  }
  return out;
}

/** One line for each item. @param {unknown} value */
export function lines(value) {
  return (Array.isArray(value) ? value : value === undefined || value === null || value === '' ? [] : [value]).join('\n');
}

/** The items of a text that has one a line. @param {string} text */
export function fromLines(text) {
  return text.split('\n').map((line) => line.trim()).filter(Boolean);
}

/** `name: value`, one a line. @param {unknown} value */
export function pairs(value) {
  return Object.entries(/** @type {Entry} */ (value ?? {})).map(([name, of]) => `${name}: ${of}`).join('\n');
}

/** @param {string} text @param {boolean} numbers */
export function fromPairs(text, numbers) {
  return Object.fromEntries(fromLines(text).map((line) => {
    const cut = line.lastIndexOf(':');
    const [name, of] = cut < 0 ? [line, ''] : [line.slice(0, cut).trim(), line.slice(cut + 1).trim()];
    return [name, numbers && /^\d+$/.test(of) ? Number(of) : of];
  }));
}

/**
 * What is wrong with a value as far as the schema says, as the key of a message with its arguments; null: nothing.
 * @param {Key} key @param {unknown} value @returns {{ key: string, args: Record<string, string | number> } | null}
 */
export function fault(key, value) {
  if (value === null || (key.kind !== 'integer' && key.kind !== 'fraction')) return null;
  const { minimum = 0, maximum } = key.node;
  const whole = key.kind === 'fraction' || Number.isSafeInteger(value);
  const fits = typeof value === 'number' && whole && value >= minimum && (maximum === undefined || value <= maximum);
  if (fits) return null;
  return maximum === undefined
    ? { key: 'config.fault.from', args: { min: minimum } }
    : { key: 'config.fault.range', args: { min: minimum, max: maximum } };
}

/**
 * A value in a few words.
 * @param {unknown} value @param {(key: string, args?: Record<string, string | number>) => string} t
 */
export function brief(value, t) {
  if (value === null || value === undefined || value === '') return t('config.empty');
  if (isHidden(value)) return t('config.hidden');
  if (Array.isArray(value)) {
    if (!value.length) return t('config.empty');
    if (value.every((item) => typeof item !== 'object')) return value.join(', ');
    return t('config.entries', { n: value.length });
  }
  if (typeof value === 'object') return Object.keys(value).length ? JSON.stringify(value) : t('config.empty');
  return String(value);
}

/**
 * What differs between two lists, item by item; null: they are no lists.
 * @param {unknown} from @param {unknown} to @returns {{ gone: string[], fresh: string[] } | null}
 */
export function listDifference(from, to) {
  if (!Array.isArray(from) || !Array.isArray(to)) return null;
  const text = (/** @type {unknown} */ item) => (item && typeof item === 'object' ? entryText(item) : String(item));
  const [before, after] = [from.map(text), to.map(text)];
  return { gone: before.filter((item) => !after.includes(item)), fresh: after.filter((item) => !before.includes(item)) };
}

/** An entry of a list as the file may have it; what is empty is left out. @param {object} entry @returns {string} */
function entryText(entry) {
  const parts = Object.entries(entry).filter(([, value]) => value !== '' && !(Array.isArray(value) && !value.length));
  return parts.map(([name, value]) => `${name}: ${typeof value === 'string' || isHidden(value) ? value : JSON.stringify(value)}`).join(', ');
}

/** `server.listen[0].address` of `/server/listen/0/address`. @param {string} pointer */
export function pathOf(pointer) {
  return pointer.split('/').filter(Boolean).reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path ? `${path}.${part}` : part), '');
}

/** The key that a path of a problem is in: without indices and what is below them. @param {string} path */
export function keyPath(path) {
  return path.replace(/\[.*$/, '');
}

/**
 * A part of the schema. Only what the server writes is here.
 * @typedef {{
 *   description?: string, type?: string | string[], enum?: string[], items?: Node, properties?: Record<string, Node>,
 *   additionalProperties?: Node | boolean, minimum?: number, maximum?: number, writeOnly?: boolean, default?: unknown,
 * }} Node
 *
 * @typedef {'boolean' | 'integer' | 'fraction' | 'choice' | 'secret' | 'text' | 'texts' | 'choices' | 'entries' | 'named' | 'namedEntries' | 'section'} Kind
 *
 * A key that has a value.
 * @typedef {{ path: string, name: string, section: string, group: string, kind: Kind, node: Node, help: string, planned: boolean }} Key
 */

const PLANNED = /\s*\(Not in this version\.\)$/;

/**
 * What may stand at a key.
 * @param {Node} node
 * @returns {Kind}
 */
export function kindOf(node) {
  if (node.enum) return 'choice';
  if (Array.isArray(node.type)) return 'texts';
  switch (node.type) {
    case 'boolean': return 'boolean';
    case 'integer': return 'integer';
    case 'number': return 'fraction';
    case 'array': return node.items?.properties ? 'entries' : node.items?.enum ? 'choices' : 'texts';
    case 'object': {
      if (node.properties) return 'section';
      const values = node.additionalProperties;
      return typeof values === 'object' && values.properties ? 'namedEntries' : 'named';
    }
    default: return node.writeOnly ? 'secret' : 'text';
  }
}

/**
 * The key of a schema node, of an entry of a list too.
 * @param {string} name
 * @param {Node} node
 * @param {string} section The path of what it stands in; empty at the top.
 * @returns {Key}
 */
export function keyOf(name, node, section = '') {
  const path = section ? `${section}.${name}` : name;
  const kind = kindOf(node);
  const alone = !section && kind !== 'entries';
  const said = node.description ?? '';
  return {
    path, name, section, kind, node,
    group: alone ? '' : (path.split('.')[0] ?? ''),
    help: said.replace(PLANNED, '').replace(/\[([^\]]+)\]\([^)]*\)/g, '$1'),
    planned: PLANNED.test(said),
  };
}

/**
 * Every key that has a value, in the order of the schema.
 * @param {Node} schema
 * @param {string} [section]
 * @returns {Key[]}
 */
export function keysOf(schema, section = '') {
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) =>
    kindOf(node) === 'section'
      ? keysOf(node, section ? `${section}.${name}` : name)
      : [keyOf(name, node, section)]);
}

/**
 * What a section is about, by its path.
 * @param {Node} schema
 * @param {string} path
 */
export function about(schema, path) {
  /** @type {Node | undefined} */
  let node = schema;
  for (const part of path ? path.split('.') : []) node = node?.properties?.[part];
  return (path && node?.description?.replace(PLANNED, '')) || '';
}

/**
 * The keys of an entry of a list or map of sections.
 * @param {Key} key
 * @returns {Key[]}
 */
export function entryKeys(key) {
  const values = key.kind === 'entries' ? key.node.items : key.node.additionalProperties;
  return typeof values === 'object' ? keysOf(values) : [];
}

/** @typedef {ReturnType<typeof createDraft>} Draft */

function createDraft() {
  /** Values by path; null: the default again. */
  const edits = signal(/** @type {Record<string, unknown>} */ ({}));
  /** The text of the file; null: as it is. */
  const text = signal(/** @type {string | null} */ (null));
  return {
    edits,
    text,
    count: () => Object.keys(edits.value).length,
    /** @param {string} path @param {unknown} value @param {unknown} current */
    set(path, value, current) {
      const { [path]: _before, ...others } = edits.peek();
      edits.value = same(value, current) ? others : { ...others, [path]: value };
    },
    /** @param {string} path */
    drop(path) {
      const { [path]: _before, ...others } = edits.peek();
      edits.value = others;
    },
    clear() { edits.value = {}; },
  };
}

/** @type {WeakMap<object, Draft>} */
const drafts = new WeakMap();

/** The draft of a page; there is one for each `http`. @param {object} owner @returns {Draft} */
export function draftOf(owner) {
  let draft = drafts.get(owner);
  if (!draft) drafts.set(owner, (draft = createDraft()));
  return draft;
}
