// Which columns of a table a person sees, and in which order: kept per user. Used by table.js.
import { html, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { keep as remember, recall } from '../lib/store.js';

/**
 * @typedef {object} Choice
 * @property {any[]} shown columns in the order of the person
 * @property {{column: any, on: boolean}[]} all
 * @property {(key: string, on: boolean) => void} show
 * @property {(key: string, by: number) => void} move
 * @property {() => void} reset
 */

/**
 * The order of columns: what was kept, then what is new, at the place where it is declared.
 * @param {{key: string, off?: boolean}[]} columns @param {{key: string, on: boolean}[]} kept
 */
export function arranged(columns, kept) {
  const known = kept.filter((entry) => columns.some((column) => column.key === entry.key));
  const out = known.map((entry) => ({ column: /** @type {any} */ (columns.find((column) => column.key === entry.key)), on: entry.on }));
  columns.forEach((column, index) => {
    if (!known.some((entry) => entry.key === column.key)) out.splice(Math.min(index, out.length), 0, { column, on: !column.off });
  });
  return out;
}

/** @param {string} id of a table */
const placeOf = (id) => `columns.${id}`;

/**
 * The columns that a person sees, in their order.
 * @param {string} id @param {any[]} columns @returns {string[]}
 */
export const shownColumns = (id, columns) => arranged(columns, recall(placeOf(id)) ?? []).filter(({ on }) => on).map(({ column }) => column.key);

/**
 * @param {string} id @param {any[]} columns
 * @param {{keys: string[], onChange: (keys: string[] | null) => void} | null} [given] the columns that are shown in place of those that
 *   the person chose; null: theirs again
 * @returns {Choice}
 */
export function useColumns(id, columns, given = null) {
  const place = placeOf(id);
  const [kept, setKept] = useState(() => /** @type {{key: string, on: boolean}[]} */ (recall(place) ?? []));
  const off = (/** @type {{key: string}[]} */ list) => list.filter(({ key }) => !given?.keys.includes(key)).map(({ key }) => ({ key, on: false }));
  const all = arranged(columns, given ? [...given.keys.map((key) => ({ key, on: true })), ...off(columns)] : kept);
  /** @param {{column: any, on: boolean}[]} next */
  const keep = (next) => {
    if (given) return given.onChange(next.filter(({ on }) => on).map(({ column }) => column.key));
    const entries = next.map((entry) => ({ key: entry.column.key, on: entry.on }));
    remember(place, entries);
    return setKept(entries);
  };
  return {
    all,
    shown: all.filter((entry) => entry.on).map((entry) => entry.column),
    show: (key, on) => keep(all.map((entry) => (entry.column.key === key ? { ...entry, on } : entry))),
    move: (key, by) => {
      const from = all.findIndex((entry) => entry.column.key === key);
      const to = from + by;
      if (to < 0 || to >= all.length) return;
      const next = [...all];
      [next[from], next[to]] = [next[to], next[from]];
      keep(next);
    },
    reset: () => {
      if (given) return given.onChange(null);
      remember(place, undefined);
      return setKept([]);
    },
  };
}

/** @param {{choice: Choice}} props */
export function ColumnChooser({ choice }) {
  const on = choice.all.filter((entry) => entry.on).length;
  return html`<details class="columns-menu" onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Escape') return;
    const details = /** @type {HTMLDetailsElement} */ (event.currentTarget);
    details.open = false;
    details.querySelector('summary')?.focus();
  }}>
    <summary>${t('data.columns')}</summary>
    <div class="columns-panel">
      ${choice.all.map(({ column, on: isOn }, index) => html`<div class="columns-row" key=${column.key}>
        <label><input type="checkbox" checked=${isOn} disabled=${isOn && on === 1} onChange=${() => choice.show(column.key, !isOn)} /> ${column.title || column.key}</label>
        <button type="button" class="icon-button" aria-label=${t('data.moveUp', { name: column.title })} disabled=${index === 0} onClick=${() => choice.move(column.key, -1)}>↑</button>
        <button type="button" class="icon-button" aria-label=${t('data.moveDown', { name: column.title })} disabled=${index === choice.all.length - 1} onClick=${() => choice.move(column.key, 1)}>↓</button>
      </div>`)}
      <button type="button" class="link-button" onClick=${choice.reset}>${t('data.columnsReset')}</button>
    </div>
  </details>`;
}
