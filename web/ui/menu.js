/** A menu behind a button, as of the ARIA APG: arrows, Home, End, letters, Esc; and a pop-up panel for more than a list. */

import { html, useEffect, useId, useLayoutEffect, useRef, useState } from './html.js';
import { Icon } from './icons.js';

/** @typedef {import('./html.js').Children} Children */

/**
 * @typedef {object} MenuItem
 * @property {string} [label]
 * @property {string} [icon]
 * @property {() => unknown} [onSelect]
 * @property {string} [href]
 * @property {string} [download] of a link: the name of the file
 * @property {boolean} [danger]
 * @property {boolean} [disabled]
 * @property {boolean} [checked] a choice of several: true, false
 * @property {Children} [hint] at the end of the line
 * @property {true} [line] a line, and nothing else
 * @property {string} [title] a heading, and nothing else
 */

/**
 * @param {{label: string, items: (MenuItem|null|false|undefined)[]|(() => (MenuItem|null|false|undefined)[]), button?: Children, class?: string, icon?: string, hideLabel?: boolean, align?: 'start'|'end'}} props
 *   `button`: what stands in the button, the label without it; `hideLabel`: an icon alone; items may be made when it is drawn
 */
export function Menu({ label, items, button, class: extra, icon, hideLabel = false, align = 'end' }) {
  const shown = (typeof items === 'function' ? items() : items).filter((item) => item !== null && item !== undefined && item !== false);
  const typed = useRef('');
  const keys = (/** @type {KeyboardEvent} */ event, /** @type {HTMLElement} */ list) => {
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role^=menuitem]')]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      all[(to + all.length) % all.length]?.focus();
    } else if (event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey) {
      typed.current = event.key.toLowerCase();
      const after = [...all.slice(at + 1), ...all.slice(0, at + 1)];
      after.find((item) => item.textContent?.trim().toLowerCase().startsWith(typed.current))?.focus();
    }
  };
  return html`<${Popup} label=${label} button=${button ?? label} class=${extra} icon=${icon} hideLabel=${hideLabel} align=${align} role="menu" onKeys=${keys}>
    ${(/** @type {() => void} */ close) => shown.map((item, index) => html`<${Item} key=${index} item=${item} close=${close} />`)}
  </${Popup}>`;
}

/** @param {{item: MenuItem, close: (back?: boolean) => void}} props */
function Item({ item, close }) {
  if (item.line) return html`<div class="menu-line" role="separator"></div>`;
  if (item.title) return html`<div class="menu-title" role="presentation">${item.title}</div>`;
  const inside = html`${item.checked === undefined ? item.icon && html`<${Icon} name=${item.icon} />` : html`<span class="menu-check">${item.checked && html`<${Icon} name="check" />`}</span>`}
    <span>${item.label}</span>${item.hint && html`<span class="menu-hint">${item.hint}</span>`}`;
  const name = `menu-item${item.danger ? ' menu-item-danger' : ''}`;
  if (item.href && !item.disabled) return html`<a class=${name} role="menuitem" tabindex="-1" href=${item.href} download=${item.download} onClick=${() => close(false)}>${inside}</a>`;
  const select = () => {
    if (item.disabled) return;
    close();
    item.onSelect?.();
  };
  return html`<button type="button" class=${name} tabindex="-1" role=${item.checked === undefined ? 'menuitem' : 'menuitemradio'}
    aria-checked=${item.checked} aria-disabled=${item.disabled || undefined} onClick=${select}>${inside}</button>`;
}

/**
 * A button that opens a panel under it. `children(close)` draws the panel, which is there only while it is open.
 * @param {{label: string, button?: Children, class?: string, icon?: string, hideLabel?: boolean, align?: 'start'|'end', role?: 'menu'|'dialog',
 *   onOpen?: () => void, onKeys?: (event: KeyboardEvent, list: HTMLElement) => void, describe?: string, children?: any}} props children is a function: any
 */
export function Popup({ label, button, class: extra, icon, hideLabel = false, align = 'end', role = 'dialog', onOpen, onKeys, children }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const anchor = useRef(/** @type {HTMLButtonElement|null} */ (null));
  const show = () => {
    setOpen(true);
    onOpen?.();
  };
  const close = (back = true) => {
    setOpen(false);
    if (back) anchor.current?.focus();
  };
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'ArrowDown' || open || role !== 'menu') return;
    event.preventDefault();
    show();
  };
  const name = extra ?? (hideLabel ? 'icon-button' : 'button button-plain');
  return html`<span class="menu">
    <button ref=${anchor} type="button" class=${name} aria-haspopup=${role} aria-expanded=${open} aria-controls=${open ? id : undefined}
      aria-label=${hideLabel || extra ? label : undefined} title=${hideLabel ? label : undefined} onClick=${() => (open ? close() : show())} onKeyDown=${pressed}>
      ${icon && html`<${Icon} name=${icon} />`}${!hideLabel && html`${button}${!extra && html`<${Icon} name="down" size=${12} />`}`}${hideLabel && button !== label && button}
    </button>
    ${open && html`<${Layer} ...${{ id, anchor, label, align, role, onKeys, close }}>${children}</${Layer}>`}
  </span>`;
}

/** @param {any} props those that `Popup` gives: any */
function Layer({ id, anchor, label, align, role, onKeys, close, children }) {
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  useLayoutEffect(() => {
    const element = list.current;
    if (!element || !anchor.current) return undefined;
    const move = () => place(element, anchor.current, align);
    // In the top layer it is cut off by no scroller, and stays above dialogs.
    if (typeof element.showPopover === 'function') element.showPopover();
    move();
    const first = element.querySelector(role === 'menu' ? '[role^=menuitem]' : 'button, a, input, select, [tabindex]');
    /** @type {HTMLElement|null} */ (first)?.focus({ preventScroll: true });
    addEventListener('resize', move);
    document.addEventListener('scroll', move, true);
    return () => {
      removeEventListener('resize', move);
      document.removeEventListener('scroll', move, true);
    };
  }, []);
  useEffect(() => {
    const outside = (/** @type {PointerEvent} */ event) => {
      const { target } = event;
      if (target instanceof Node && !list.current?.contains(target) && !anchor.current?.contains(target)) close(false);
    };
    // Whatever had the focus may be gone since: then no key reaches the layer.
    const escaped = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      close();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('keydown', escaped);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('keydown', escaped);
    };
  }, []);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation();
    if (event.key === 'Escape') {
      event.preventDefault();
      close();
    } else if (event.key === 'Tab' && role === 'menu') {
      close();
    } else if (list.current) {
      onKeys?.(event, list.current);
    }
  };
  const left = (/** @type {FocusEvent} */ event) => {
    const to = event.relatedTarget;
    if (to instanceof Node && !list.current?.contains(to) && !anchor.current?.contains(to)) close(false);
  };
  return html`<div ref=${list} id=${id} class=${`menu-list${role === 'menu' ? '' : ' menu-panel'}`} role=${role} aria-label=${label} popover="manual" onKeyDown=${keys} onFocusOut=${left}>
    ${children(close)}
  </div>`;
}

/**
 * Puts a layer under its button, or above it where there is more room.
 * @param {HTMLElement} element
 * @param {HTMLElement} anchor
 * @param {'start'|'end'} align
 */
function place(element, anchor, align) {
  const at = anchor.getBoundingClientRect();
  const [width, height] = [element.offsetWidth, element.offsetHeight];
  const rtl = getComputedStyle(anchor).direction === 'rtl';
  const wanted = (align === 'end') !== rtl ? at.right - width : at.left;
  const left = Math.max(8, Math.min(wanted, innerWidth - width - 8));
  const below = at.bottom + 4;
  const top = below + height <= innerHeight - 8 || at.top < innerHeight - at.bottom ? below : Math.max(8, at.top - 4 - height);
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
}
