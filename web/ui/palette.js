/**
 * The palette: one field that finds pages, zones, devices and actions. What it finds comes from the caller.
 */

import { t } from '../lib/i18n.js';
import { Dialog } from './dialog.js';
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} label
 * @property {string} group heading
 * @property {string} [icon]
 * @property {string} [hint] at the end of the line
 * @property {string} [words] what else finds it
 * @property {() => unknown} run
 */

/**
 * How well a text fits: 0 not at all. All words must be in it; the start of a word counts more.
 * @param {string} text
 * @param {string} asked
 */
export function score(text, asked) {
  const [where, words] = [text.toLowerCase(), asked.toLowerCase().split(/\s+/).filter(Boolean)];
  let sum = 1;
  for (const word of words) {
    const at = where.indexOf(word);
    if (at < 0) return 0;
    sum += at === 0 ? 4 : /[\s.\-_/]/.test(where.charAt(at - 1)) ? 2 : 1;
  }
  return sum;
}

const MOST = 40;

/**
 * The entries that fit, best first within their groups; groups keep their order.
 * @param {Entry[]} entries
 * @param {string} asked
 */
export function find(entries, asked) {
  if (asked.trim() === '') return entries.filter(({ id }) => !id.startsWith('zone:') && !id.startsWith('device:')).slice(0, MOST);
  const scored = entries.map((entry) => ({ entry, value: score(`${entry.label} ${entry.words ?? ''}`, asked) })).filter(({ value }) => value > 0);
  const groups = [...new Set(entries.map(({ group }) => group))];
  scored.sort((one, other) => groups.indexOf(one.entry.group) - groups.indexOf(other.entry.group) || other.value - one.value);
  return scored.slice(0, MOST).map(({ entry }) => entry);
}

/**
 * @param {{entries: Entry[], typed: (text: string) => Entry[], start?: string, onType?: (text: string) => void, onClose: () => void, busy?: boolean}} props
 *   `typed`: entries that come from what is typed, first of all; `onType`: hears what is typed
 */
export function Palette({ entries, typed, start = '', onType, onClose, busy = false }) {
  const [text, setText] = useState(start);
  const [at, setAt] = useState(0);
  const id = useId();
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  const found = [...(text.trim() ? typed(text.trim()) : []), ...find(entries, text)];
  const current = Math.min(at, Math.max(0, found.length - 1));
  useLayoutEffect(() => input.current?.focus(), []);
  useEffect(() => list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }), [current, text]);
  const run = (/** @type {Entry|undefined} */ entry) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      run(found[current]);
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step === undefined || found.length === 0) return;
    event.preventDefault();
    const to = current + step;
    setAt(Math.abs(step) === 1 ? (to + found.length) % found.length : Math.max(0, Math.min(found.length - 1, to)));
  };
  return html`<${Dialog} title=${t('shell.palette')} class="palette" onClose=${onClose}>
    <div class="palette-field">
      <${Icon} name="search" />
      <input ref=${input} class="input" role="combobox" aria-expanded="true" aria-controls=${id} aria-autocomplete="list" aria-label=${t('shell.palette_label')}
        aria-activedescendant=${found.length > 0 ? `${id}-${current}` : undefined} placeholder=${t('shell.palette_placeholder')} autocomplete="off" autocapitalize="none" spellcheck=${false}
        value=${text} onInput=${(/** @type {Event} */ event) => { const { value } = /** @type {HTMLInputElement} */ (event.currentTarget); setText(value); setAt(0); onType?.(value.trim()); }} onKeyDown=${key} />
    </div>
    <div ref=${list} id=${id} class="palette-list" role="listbox" aria-label=${t('shell.palette')} aria-busy=${busy}>
      ${found.map((entry, index) => html`
        ${entry.group !== found[index - 1]?.group && html`<div class="menu-title" role="presentation" key=${`group ${entry.group} ${index}`}>${entry.group}</div>`}
        <div key=${entry.id} id=${`${id}-${index}`} class="menu-item" role="option" aria-selected=${index === current}
          onPointerMove=${() => setAt(index)} onClick=${() => run(entry)}>
          <${Icon} name=${entry.icon ?? 'right'} /><span class="palette-word">${entry.label}</span>${entry.hint && html`<span class="menu-hint">${entry.hint}</span>`}
        </div>`)}
    </div>
    <p class="meta" role="status">${found.length === 0 ? t('shell.palette_none') : t('shell.palette_help')}</p>
  </${Dialog}>`;
}
