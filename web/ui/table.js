// The table of every page: native table, keyset paging, selection, keyboard rows, and two-line rows where there is little room.
import { html, useEffect, useRef, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { Menu } from './menu.js';
import { Busy } from './page.js';
import { ColumnChooser, useColumns } from './columns.js';
import { useNarrow } from './name.js';

/**
 * @template R
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(row: R) => any} cell what the cell shows
 * @property {string | boolean} [sort] the API can order by it, under this name
 * @property {'end'} [align]
 * @property {boolean} [mono]
 * @property {boolean} [wide] takes the room that others leave
 * @property {'phone'} [hide] left out of cards
 * @property {boolean} [off] not shown until somebody chooses it
 * @property {boolean} [plain] the row's link is not put around it
 */

/**
 * @typedef {object} MenuItem
 * @property {string} [label]
 * @property {() => void} [onSelect]
 * @property {string} [href]
 * @property {boolean} [danger]
 */

/**
 * @template R
 * @typedef {object} TableProps
 * @property {string} id keeps the columns that a person chose
 * @property {string} caption
 * @property {Column<R>[]} columns
 * @property {R[]} rows
 * @property {(row: R) => string} rowKey
 * @property {(row: R) => void} [onOpen]
 * @property {(row: R) => string} [href]
 * @property {{value: Set<string>}} [selection]
 * @property {(row: R) => any[]} [actions] items of the row's menu
 * @property {(row: R) => any} [phone] two lines for narrow places
 * @property {{newer?: (() => void) | null, older?: (() => void) | null, byTime?: boolean}} [pages] `byTime`: they are of a list by time
 * @property {boolean} [busy]
 * @property {any} [empty] what stands in place of rows
 * @property {{key: string, desc: boolean}} [sorted]
 * @property {(key: string) => void} [onSort]
 * @property {string} [open] key of the row whose drawer is open
 * @property {(row: R, column: string) => any[]} [cellMenu] items of the menu on a right click
 * @property {(row: R) => any} [detail] what stands under a row, over its whole width
 * @property {(count: number) => any} [bulk] what can be done with the selected rows
 * @property {(row: R) => string} [tone] class of a row
 * @property {Parameters<typeof useColumns>[2]} [given] columns in place of those that the person chose
 */

/**
 * @template R
 * @param {TableProps<R>} props
 */
export function DataTable(props) {
  const { id, caption, rows, pages, busy, selection, bulk } = props;
  const outer = useRef(/** @type {HTMLElement | null} */ (null));
  const narrow = useNarrow(outer);
  const chosen = useColumns(id, props.columns, props.given);
  const columns = narrow ? chosen.shown.filter((column) => column.hide !== 'phone') : chosen.shown;
  const picked = selection ? rows.filter((row) => selection.value.has(props.rowKey(row))).length : 0;
  const isEmpty = rows.length === 0 && !busy;
  return html`<div class=${`data-table${narrow ? ' is-narrow' : ''}`} ref=${outer} aria-busy=${busy ? 'true' : 'false'}>
    ${busy && html`<${Busy} />`}
    ${picked > 0 && bulk && html`<div class="bulk" role="toolbar" aria-label=${t('data.bulk')}>
      <span>${t('data.selected', { n: picked })}</span>${bulk(picked)}
      <button type="button" class="link-button" onClick=${() => selection && (selection.value = new Set())}>${t('data.unselect')}</button></div>`}
    ${isEmpty ? html`<div class="table-empty">${props.empty}</div>` : html`<div class="table-scroll">
      <table role="table" id=${`table-${id}`} class=${narrow && props.phone ? 'two-line' : narrow ? 'cards' : ''}>
        <caption class="visually-hidden">${caption}</caption>
        <${Head} ...${props} columns=${columns} />
        <${Body} ...${props} columns=${columns} narrow=${narrow} />
      </table></div>`}
    <div class="table-foot">
      ${!narrow && !isEmpty && html`<${ColumnChooser} choice=${chosen} />`}
      ${pages && (pages.newer || pages.older) && html`<nav class="pager" aria-label=${t('data.pages', { caption })}>
        <button type="button" class="button" disabled=${!pages.newer} onClick=${() => pages.newer?.()}>‹ ${t(pages.byTime ? 'data.newer' : 'data.previous')}</button>
        <button type="button" class="button" disabled=${!pages.older} onClick=${() => pages.older?.()}>${t(pages.byTime ? 'data.older' : 'data.next')} ›</button>
      </nav>`}
    </div>
  </div>`;
}

/**
 * @template R
 * @param {TableProps<R>} props
 */
function Head({ columns, rows, rowKey, selection, actions, sorted, onSort }) {
  const all = selection && rows.length > 0 && rows.every((row) => selection.value.has(rowKey(row)));
  const some = selection && !all && rows.some((row) => selection.value.has(rowKey(row)));
  /** @param {Event} event */
  const onAll = (event) => {
    if (!selection) return;
    const next = new Set(selection.value);
    const on = /** @type {HTMLInputElement} */ (event.currentTarget).checked;
    rows.forEach((row) => (on ? next.add(rowKey(row)) : next.delete(rowKey(row))));
    selection.value = next;
  };
  return html`<thead role="rowgroup"><tr role="row">
    ${selection && html`<th role="columnheader" scope="col" class="pick"><input type="checkbox" aria-label=${t('data.selectAll')}
      checked=${all} indeterminate=${some} onChange=${onAll} /></th>`}
    ${columns.map((column) => {
      const key = typeof column.sort === 'string' ? column.sort : column.key;
      const direction = sorted?.key === key ? (sorted.desc ? 'descending' : 'ascending') : undefined;
      return html`<th role="columnheader" scope="col" key=${column.key} class=${cellClass(column)} aria-sort=${direction}>
        ${column.sort && onSort
          ? html`<button type="button" class="sort" onClick=${() => onSort(key)}>${column.title}<span aria-hidden="true">${direction === 'descending' ? ' ↓' : direction ? ' ↑' : ''}</span></button>`
          : column.title}</th>`;
    })}
    ${actions && html`<th role="columnheader" scope="col" class="act"><span class="visually-hidden">${t('data.actions')}</span></th>`}
  </tr></thead>`;
}

/** @param {Column<any>} column */
const cellClass = (column) =>
  [column.align === 'end' && 'end', column.mono && 'mono', column.wide && 'wide', `col-${column.key}`].filter(Boolean).join(' ');

/**
 * @template R
 * @param {TableProps<R> & {narrow: boolean}} props
 */
function Body(props) {
  const { rows, rowKey } = props;
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const [active, setActive] = useState(0);
  const anchor = useRef(-1);
  const at = Math.min(active, rows.length - 1);
  /** @param {number} index */
  const focus = (index) => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    setActive(next);
    /** @type {HTMLElement | undefined} */ (body.current?.querySelectorAll('tr[data-row]')[next])?.focus();
  };
  /** @param {number} index @param {boolean} [range] */
  const toggle = (index, range) => {
    if (!props.selection) return;
    props.selection.value = toggled(props.selection.value, rows.map(rowKey), index, range ? anchor.current : -1);
    anchor.current = index;
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
    const steps = /** @type {Record<string, number>} */ ({ j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, Home: -rows.length, End: rows.length });
    const onRow = target.matches('tr[data-row]');
    if (event.key in steps && (onRow || event.key === 'j' || event.key === 'k')) focus(at + steps[event.key]);
    else if (event.key === 'Enter' && onRow) open(props, rows[at]);
    else if ((event.key === 'x' || event.key === ' ') && onRow && props.selection) toggle(at, event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<tbody role="rowgroup" ref=${body} onKeyDown=${onKeyDown}>
    ${rows.map((row, index) => html`<${Row} key=${rowKey(row)} table=${props} row=${row} tab=${index === at}
      onFocus=${() => setActive(index)} onToggle=${(/** @type {boolean} */ range) => toggle(index, range)} />`)}
  </tbody>`;
}

/**
 * The selection after row `index` was clicked; with `from` all rows between get the same.
 * @param {Set<string>} selected @param {string[]} keys @param {number} index @param {number} from
 */
export function toggled(selected, keys, index, from) {
  const next = new Set(selected);
  const on = !next.has(keys[index]);
  const [low, high] = from < 0 ? [index, index] : [Math.min(from, index), Math.max(from, index)];
  keys.slice(low, high + 1).forEach((key) => (on ? next.add(key) : next.delete(key)));
  return next;
}

/**
 * @template R
 * @param {TableProps<R>} table @param {R} row
 */
function open(table, row) {
  if (table.onOpen) table.onOpen(row);
  else if (table.href) location.assign(table.href(row));
}

/** @param {{table: TableProps<any> & {narrow: boolean}, row: any, tab: boolean, onFocus: () => void, onToggle: (range: boolean) => void}} props */
function Row({ table, row, tab, onFocus, onToggle }) {
  const key = table.rowKey(row);
  const picked = table.selection?.value.has(key) ?? false;
  const canOpen = Boolean(table.onOpen || table.href);
  const [at, setAt] = useState(/** @type {{x: number, y: number, items: any[]} | null} */ (null));
  /** @param {MouseEvent} event */
  const onClick = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!canOpen || target.closest('a,button,input,select,label,summary,[role=menu]') || String(getSelection() ?? '')) return;
    open(table, row);
  };
  /** @param {MouseEvent} event */
  const onContext = (event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest('td[data-column]');
    const items = cell && table.cellMenu ? table.cellMenu(row, cell.getAttribute('data-column') ?? '') : [];
    if (!items.length || String(getSelection() ?? '')) return;
    event.preventDefault();
    setAt({ x: event.clientX, y: event.clientY, items });
  };
  const first = table.columns.find((column) => !column.plain)?.key;
  const detail = table.detail?.(row);
  const span = table.columns.length + (table.selection ? 1 : 0) + (table.actions ? 1 : 0);
  const classes = [canOpen && 'can-open', picked && 'is-picked', table.open === key && 'is-open', table.tone?.(row)].filter(Boolean).join(' ');
  return html`<tr role="row" data-row=${key} class=${classes} tabIndex=${tab ? 0 : -1} onFocus=${onFocus} onClick=${onClick} onContextMenu=${onContext}
      aria-selected=${table.selection ? String(picked) : undefined}>
      ${table.selection && html`<td role="cell" class="pick"><input type="checkbox" tabIndex=${-1} checked=${picked} aria-label=${t('data.select', { name: key })}
        onClick=${(/** @type {MouseEvent} */ event) => onToggle(event.shiftKey)} /></td>`}
      ${table.narrow && table.phone
        ? html`<td role="cell" class="lines" colSpan=${table.columns.length}><${Opener} table=${table} row=${row}>${table.phone(row)}<//></td>`
        : table.columns.map((column) => html`<td role="cell" key=${column.key} data-column=${column.key} data-title=${column.title} class=${cellClass(column)}>
            ${column.key === first && canOpen ? html`<${Opener} table=${table} row=${row}>${column.cell(row)}<//>` : column.cell(row)}</td>`)}
      ${table.actions && html`<td role="cell" class="act"><${Menu} label=${t('data.actionsOf', { name: key })} icon="more" hideLabel items=${table.actions(row)} /></td>`}
      ${at && html`<${ContextMenu} at=${at} onClose=${() => setAt(null)} />`}
    </tr>
    ${detail && html`<tr role="row" class="detail"><td role="cell" colSpan=${span}>${detail}</td></tr>`}`;
}

/** What opens a row for those who do not click on it. @param {{table: TableProps<any>, row: any, children?: any}} props */
function Opener({ table, row, children }) {
  if (table.href) {
    /** @param {MouseEvent} event */
    const onClick = (event) => {
      if (!table.onOpen || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      table.onOpen(row);
    };
    return html`<a class="row-link" href=${table.href(row)} tabIndex=${-1} onClick=${onClick}>${children}</a>`;
  }
  return table.onOpen
    ? html`<button type="button" class="row-link" tabIndex=${-1} onClick=${() => table.onOpen?.(row)}>${children}</button>`
    : children;
}

/** The menu of a right click. @param {{at: {x: number, y: number, items: any[]}, onClose: () => void}} props */
function ContextMenu({ at, onClose }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const element = list.current;
    element?.showPopover?.();
    element?.querySelector('button')?.focus();
    /** @param {Event} event */
    const away = (event) => list.current?.contains(/** @type {Node} */ (event.target)) || onClose();
    addEventListener('pointerdown', away);
    addEventListener('scroll', onClose, true);
    return () => { removeEventListener('pointerdown', away); removeEventListener('scroll', onClose, true); };
  }, []);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    event.stopPropagation();
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const index = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (event.key === 'Escape' || event.key === 'Tab') onClose();
    else if (event.key === 'ArrowDown') buttons[(index + 1) % buttons.length].focus();
    else if (event.key === 'ArrowUp') buttons[(index + buttons.length - 1) % buttons.length].focus();
  };
  return html`<td class="context-holder"><ul class="menu-list" role="menu" popover="manual" ref=${list} onKeyDown=${onKeyDown}
    style=${{ left: `${Math.min(at.x, innerWidth - 280)}px`, top: `${Math.min(at.y, innerHeight - 40 * at.items.length - 16)}px` }}>
    ${at.items.map((item) => html`<li role="none"><button type="button" class="menu-item" role="menuitem" onClick=${() => { onClose(); item.onSelect?.(); }}>${item.label}</button></li>`)}
  </ul></td>`;
}
