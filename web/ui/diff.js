/**
 * What a change did or would do, record by record: lines grouped by name, with words besides the signs, the part that
 * differs marked. Used by the review, history, import and revert.
 */
import { html } from './html.js';
import { t } from '../lib/i18n.js';
import { num } from '../lib/format.js';
import { relative, shown, visible } from '../lib/dns.js';
import { toText } from '../rr/text.js';

/**
 * @typedef {import('../pages/zone/model.js').ZoneDiff} ZoneDiff
 * @typedef {import('../pages/zone/model.js').DiffRecord} DiffRecord
 * @typedef {Map<string, import('../rr/text.js').TypeDef>} Types
 * @typedef {{sign: '+' | '-' | '~', type: string, ttl: string, text: string, was?: string, wasTtl?: number, isTtlOnly?: boolean}} Line
 */

/** Lines that are drawn at once, and records that are paired into lines. */
const MAX_LINES = 500;
const MAX_PAIRED = 5000;

/**
 * The lines of a name: a record that went and one that came of the same type are one change.
 * @param {DiffRecord[]} removed
 * @param {DiffRecord[]} added
 * @param {Types} types
 * @returns {Line[]}
 */
export function linesOf(removed, added, types) {
  const rest = [...added];
  const text = (/** @type {DiffRecord} */ record) => toText(types.get(record.type), record.data);
  const take = (/** @type {(record: DiffRecord) => boolean} */ fits) => {
    const at = rest.findIndex(fits);
    return at < 0 ? undefined : rest.splice(at, 1)[0];
  };
  const lines = /** @type {Line[]} */ ([]);
  const open = /** @type {DiffRecord[]} */ ([]);
  for (const record of removed) {
    const twin = take((other) => other.type === record.type && text(other) === text(record));
    if (twin) lines.push({ sign: '~', type: record.type, ttl: String(twin.ttl), text: text(twin), wasTtl: record.ttl, isTtlOnly: true });
    else open.push(record);
  }
  for (const record of open) {
    const other = take((one) => one.type === record.type);
    if (other) {
      const wasTtl = other.ttl === record.ttl ? undefined : record.ttl;
      lines.push({ sign: '~', type: record.type, ttl: String(other.ttl), text: text(other), was: text(record), wasTtl });
    } else lines.push({ sign: '-', type: record.type, ttl: String(record.ttl), text: text(record) });
  }
  rest.forEach((record) => lines.push({ sign: '+', type: record.type, ttl: String(record.ttl), text: text(record) }));
  return lines;
}

/**
 * What two texts have in common at their ends, and what differs between.
 * @param {string} was
 * @param {string} is
 * @returns {{head: string, was: string, is: string, tail: string}}
 */
export function parts(was, is) {
  const shortest = Math.min(was.length, is.length);
  let head = 0;
  while (head < shortest && was[head] === is[head]) head += 1;
  let tail = 0;
  while (tail < shortest - head && was[was.length - 1 - tail] === is[is.length - 1 - tail]) tail += 1;
  return { head: was.slice(0, head), was: was.slice(head, was.length - tail), is: is.slice(head, is.length - tail), tail: is.slice(is.length - tail) };
}

/** Only the serial of a SOA record differs: every change does that. @param {Line} line */
const isSerialOnly = (line) => line.type === 'SOA' && line.sign === '~' && line.wasTtl === undefined
  && (line.was ?? '').replace(/^(\S+ \S+) \d+/, '$1') === line.text.replace(/^(\S+ \S+) \d+/, '$1');

/** Counts of records of differences. @param {ZoneDiff[]} diffs @param {Types} types */
export function sizeOf(diffs, types) {
  const size = { added: 0, changed: 0, removed: 0 };
  const large = diffs.filter(isLarge);
  large.forEach((diff) => { size.added += diff.added.length; size.removed += diff.removed.length; });
  for (const { lines } of diffs.filter((diff) => !isLarge(diff)).flatMap((diff) => groups(diff, types))) {
    for (const line of lines.filter((one) => !isSerialOnly(one))) {
      size[line.sign === '+' ? 'added' : line.sign === '-' ? 'removed' : 'changed'] += 1;
    }
  }
  return size;
}

/** @param {ZoneDiff} diff */
const isLarge = (diff) => diff.removed.length + diff.added.length > MAX_PAIRED;

/** @param {ZoneDiff} whole @returns {ZoneDiff} As much of it as is drawn. */
const first = (whole) => isLarge(whole) ? { ...whole, removed: whole.removed.slice(0, MAX_LINES), added: whole.added.slice(0, MAX_LINES) } : whole;

/** @param {ZoneDiff} diff @param {Types} types @returns {{name: string, lines: Line[]}[]} */
function groups(diff, types) {
  const names = [...new Set([...diff.removed, ...diff.added].map((record) => record.name))];
  const of = (/** @type {DiffRecord[]} */ list) => {
    const map = /** @type {Map<string, DiffRecord[]>} */ (new Map());
    list.forEach((record) => map.set(record.name, [...map.get(record.name) ?? [], record]));
    return map;
  };
  const [removed, added] = [of(diff.removed), of(diff.added)];
  return names.map((name) => ({ name, lines: linesOf(removed.get(name) ?? [], added.get(name) ?? [], types) }));
}

/** @param {{size: {added: number, changed: number, removed: number}}} props */
export function DiffSize({ size }) {
  const words = [['added', '+'], ['changed', '~'], ['removed', '-']];
  const some = words.filter(([key]) => size[/** @type {'added'} */ (key)] > 0);
  return html`<span class="diff-size">${some.map(([key, sign]) => html`<span class=${`diff-${key}`}>
    <span aria-hidden="true">${sign}${num(size[/** @type {'added'} */ (key)])}</span>
    <span class="visually-hidden">${t(`changes.diff.${key}`, { n: size[/** @type {'added'} */ (key)] })}</span></span>`)}</span>`;
}

const WORDS = /** @type {const} */ ({ '+': 'added', '-': 'removed', '~': 'changed' });

/** @param {{line: Line}} props */
function DiffLine({ line }) {
  const word = WORDS[line.sign];
  const ttl = line.wasTtl === undefined ? line.ttl : html`<del>${line.wasTtl}</del> <ins>${line.ttl}</ins>`;
  return html`<li class=${`diff-line diff-${word}`}>
    <span class="diff-sign" aria-hidden="true">${line.sign}</span>
    <span class="diff-word">${line.isTtlOnly ? t('changes.diff.ttlOnly') : t(`changes.diff.word.${word}`)}</span>
    <span class="diff-type">${line.type}</span><span class="diff-ttl">${ttl}</span>
    <span class="diff-text mono">${line.was === undefined ? visible(line.text) : html`<${Changed} was=${line.was} is=${line.text} />`}</span>
  </li>`;
}

/** @param {{was: string, is: string}} props */
function Changed({ was, is }) {
  const part = parts(was, is);
  const side = (/** @type {string} */ middle, /** @type {string} */ tag) => html`<span class="diff-side"><span class="visually-hidden">${t(`changes.diff.${tag}`)} </span>${visible(part.head)}<${tag}>${visible(middle)}</${tag}>${visible(part.tail)}</span>`;
  return html`${side(part.was, 'del')}${side(part.is, 'ins')}`;
}

/** @param {{before: any, after: any}} props */
function SettingsDiff({ before, after }) {
  const keys = Object.keys({ ...before, ...after }).filter((key) => JSON.stringify(before?.[key]) !== JSON.stringify(after?.[key]));
  const text = (/** @type {any} */ value) => Array.isArray(value) ? value.join(', ') || t('changes.diff.none') : String(value ?? t('changes.diff.none'));
  return keys.map((key) => html`<li class="diff-line diff-changed" key=${key}><span class="diff-sign" aria-hidden="true">~</span>
    <span class="diff-word">${t('changes.diff.setting')}</span><span class="diff-type mono">${key}</span><span class="diff-ttl"></span>
    <span class="diff-text mono"><span class="diff-side"><del>${text(before?.[key])}</del></span><span class="diff-side"><ins>${text(after?.[key])}</ins></span></span></li>`);
}

/**
 * @param {{diffs: ZoneDiff[], types: Types, zone?: string}} props `zone`: the page is about this one, its name is not repeated.
 */
export function Diff({ diffs, types, zone }) {
  let room = MAX_LINES;
  let left = 0;
  return html`<div class="diff">${diffs.map((diff) => {
    const all = groups(first(diff), types).map(({ name, lines }) => ({ name, lines: lines.filter((line) => !isSerialOnly(line)) })).filter(({ lines }) => lines.length);
    left += diff.removed.length + diff.added.length - first(diff).removed.length - first(diff).added.length;
    const settings = diff.action === 'configure';
    return html`<section class="diff-zone" key=${diff.zone}>
      ${diff.zone !== zone && html`<h3 class="mono">${shown(diff.zone)} <small>${t(`changes.action.${diff.action}`)}</small></h3>`}
      ${!all.length && !settings && html`<p class="muted">${t('changes.diff.nothing')}</p>`}
      <ul>${settings && html`<${SettingsDiff} before=${diff.settings_before} after=${diff.settings_after} />`}
      ${all.map(({ name, lines }) => {
        const some = lines.slice(0, Math.max(room, 0));
        room -= lines.length;
        return some.length > 0 && html`<li class="diff-name" key=${name}><span class="mono diff-owner" title=${name}>${shown(relative(name, diff.zone))}</span>
          <ul>${some.map((line) => html`<${DiffLine} line=${line} />`)}</ul></li>`;
      })}</ul>
      ${diff.truncated && html`<p class="muted">${t('changes.diff.truncated')}</p>`}
    </section>`;
  })}${left - Math.min(room, 0) > 0 && html`<p class="muted">${t('changes.diff.more', { n: left - Math.min(room, 0) })}</p>`}</div>`;
}
