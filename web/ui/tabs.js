/** Tabs. Where tabs have an `href` they are links, since the URL says which is open; others follow the ARIA APG. */

import { html, useId, useLayoutEffect, useRef } from './html.js';

/** @typedef {import('./html.js').Children} Children */

/** @typedef {{key?: string, id?: string, label?: Children, title?: Children, count?: Children, href?: string}} Tab `key` or `id`, `label` or `title` */

/** @param {Tab} tab */
const keyOf = (tab) => tab.key ?? tab.id ?? '';

/** @param {{tab: Tab}} props */
const Word = ({ tab }) => html`${tab.label ?? tab.title}${tab.count !== undefined && tab.count !== null && html` <span class="chip">${tab.count}</span>`}`;

/** Brings the open tab into the room that the bar has; the page does not move. @param {HTMLElement|null} bar */
function reveal(bar) {
  const tab = bar?.querySelector('[aria-current=page], [aria-selected=true]');
  if (!bar || !tab) return;
  const [room, at] = [bar.getBoundingClientRect(), tab.getBoundingClientRect()];
  if (at.right > room.right) bar.scrollLeft += at.right - room.right + 16;
  else if (at.left < room.left) bar.scrollLeft -= room.left - at.left + 16;
}

/**
 * @param {{label: string, tabs: Tab[], current?: string, value?: string, onChange?: (key: string) => void, children?: Children}} props
 *   `current` or `value`: which is open; `children`: its panel, if it is wanted here
 */
export function Tabs({ label, tabs, current, value, onChange, children }) {
  const open = current ?? value ?? '';
  const bar = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => reveal(bar.current), [open]);
  if (!tabs.some((tab) => tab.href)) return html`<${TabList} ...${{ label, tabs, open, onChange }}>${children}</${TabList}>`;
  return html`<nav class="tabs" aria-label=${label} ref=${bar}>
    ${tabs.map((tab) => html`<a key=${keyOf(tab)} class="tab" href=${tab.href} aria-current=${keyOf(tab) === open ? 'page' : undefined}><${Word} tab=${tab} /></a>`)}
  </nav>`;
}

/** @param {{label: string, tabs: Tab[], open: string, onChange?: (key: string) => void, children?: Children}} props */
function TabList({ label, tabs, open, onChange, children }) {
  const id = useId();
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  useLayoutEffect(() => reveal(list.current), [open]);
  const move = (/** @type {KeyboardEvent} */ event) => {
    const at = tabs.findIndex((tab) => keyOf(tab) === open);
    const step = getComputedStyle(/** @type {Element} */ (event.currentTarget)).direction === 'rtl' ? -1 : 1;
    const to = { ArrowRight: at + step, ArrowLeft: at - step, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onChange?.(keyOf(/** @type {Tab} */ (tabs[next])));
    /** @type {HTMLElement|undefined} */ (list.current?.querySelectorAll('[role=tab]')[next])?.focus();
  };
  const panel = children ? `${id}-panel` : undefined;
  const bar = html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
    ${tabs.map((tab) => html`<button key=${keyOf(tab)} type="button" role="tab" class="tab" id=${`${id}-${keyOf(tab)}`} aria-selected=${keyOf(tab) === open}
      aria-controls=${panel} tabindex=${keyOf(tab) === open ? 0 : -1} onClick=${() => onChange?.(keyOf(tab))}><${Word} tab=${tab} /></button>`)}
  </div>`;
  if (!children) return bar;
  return html`<div class="stack">${bar}<div role="tabpanel" id=${panel} aria-labelledby=${`${id}-${open}`} class="stack">${children}</div></div>`;
}
