/** States and results: always glyph, word and colour, so that none of them must be seen to know the others. */

import { t } from '../lib/i18n.js';
import { html } from './html.js';

/** @typedef {'ok'|'warn'|'bad'|'info'|'block'|'off'} StateKind */

/** Glyphs on a 12 px grid. @type {Record<string, string>} */
const GLYPHS = {
  ok: 'M6 1.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4z',
  warn: 'M6 1.5L11 10.5H1zM6 4.8v2.4M6 8.9v.01',
  bad: 'M2.5 2.5l7 7M9.5 2.5l-7 7',
  info: 'M3.7 4c.1-1.3 1-2.1 2.3-2.1s2.3.8 2.3 2c0 1.6-2.3 1.7-2.3 3.5M6 9.9v.01',
  block: 'M6 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM2.9 9.1l6.2-6.2',
  off: 'M2 6h8',
};

/** @param {{kind: StateKind}} props */
export function Glyph({ kind }) {
  return html`<svg class="icon glyph" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" focusable="false"><path d=${GLYPHS[kind] ?? GLYPHS.off} /></svg>`;
}

/**
 * @param {{kind: StateKind, word: import('./html.js').Children, title?: string}} props
 */
export function State({ kind, word, title }) {
  return html`<span class=${`state state-${kind}`} title=${title}><${Glyph} kind=${kind} /><span>${word}</span></span>`;
}

/** Actions of policy that give another answer than there is. */
const BLOCKED = new Set(['block', 'blocked', 'null', 'nxdomain', 'nodata', 'addresses', 'rewrite']);

/**
 * What kind of result a row of the query log is, and its word.
 * @param {Record<string, any>} row keys of the query log: any
 * @returns {{kind: StateKind, word: string, more: string}}
 */
export function resultOf(row) {
  const action = String(row.action ?? '');
  const code = String(row.response_code ?? '');
  const from = row.cache_hit ? t('common.from_cache') : '';
  if (action === 'drop') return { kind: 'off', word: t('common.dropped'), more: row.list ?? '' };
  if (BLOCKED.has(action) || action.startsWith('block')) return { kind: 'block', word: t('common.blocked'), more: row.list ?? row.policy ?? '' };
  if (row.refusal || code === 'REFUSED') return { kind: 'off', word: t('common.refused'), more: row.refusal ?? '' };
  if (code === 'NOERROR') return { kind: 'ok', word: code, more: from };
  if (code === 'NXDOMAIN') return { kind: 'info', word: code, more: from };
  return { kind: code === 'SERVFAIL' ? 'bad' : 'warn', word: code || t('common.no_answer'), more: from };
}

/** @param {{row: Record<string, any>, short?: boolean}} props a row of the query log: any */
export function Result({ row, short = false }) {
  const { kind, word, more } = resultOf(row);
  return html`<span class=${`result result-${kind}`}><${Glyph} kind=${kind} /><span>${word}</span>${!short && more && html`<span class="result-more">${more}</span>`}</span>`;
}

/**
 * @param {{tone?: 'accent'|'ok'|'warn'|'bad'|'info'|'block', href?: string, onRemove?: () => void, removeLabel?: string, title?: string, children?: import('./html.js').Children}} props
 */
export function Chip({ tone, href, onRemove, removeLabel, title, children }) {
  const name = `chip${tone ? ` chip-${tone}` : ''}`;
  if (href) return html`<a class=${name} href=${href} title=${title}>${children}</a>`;
  return html`<span class=${name} title=${title}>${children}
    ${onRemove && html`<button type="button" class="chip-close" aria-label=${removeLabel ?? t('common.remove')} onClick=${onRemove}>×</button>`}</span>`;
}
