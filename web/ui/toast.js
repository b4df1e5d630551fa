/**
 * Short messages at the bottom left: at most three at once, polite, with Undo. What was said stays under the bell.
 * `useApp().toast`.
 */

import { ApiError, isAbort } from '../api/http.js';
import { t } from '../lib/i18n.js';
import { TimeEl } from '../lib/format.js';
import { html, signal, useEffect, useLayoutEffect, useRef, useSignal } from './html.js';
import { Icon } from './icons.js';
import { errorText } from './page.js';

/**
 * @typedef {object} Toast
 * @property {number} id
 * @property {'ok'|'error'} kind
 * @property {string} text
 * @property {number} at
 * @property {(() => Promise<unknown>)|null} undo
 * @property {{href: string, text: string}|null} link
 */

/** @typedef {ReturnType<typeof createToasts>} Toasts */

const SHOWN = 3;
const KEPT = 20;
const OK_MS = 6000;
const UNDO_MS = 20_000;

export function createToasts() {
  const shown = signal(/** @type {Toast[]} */ ([]));
  /** The last ones, the latest first. */
  const kept = signal(/** @type {Toast[]} */ ([]));
  const unread = signal(0);
  let next = 1;

  /** @param {Omit<Toast, 'id'|'at'>} toast */
  function add(toast) {
    const made = { ...toast, id: next++, at: Date.now() };
    shown.value = [...shown.peek(), made].slice(-SHOWN);
    kept.value = [made, ...kept.peek()].slice(0, KEPT);
    unread.value += 1;
    return made.id;
  }

  /** @param {number} id */
  function close(id) {
    shown.value = shown.peek().filter((toast) => toast.id !== id);
  }

  return {
    shown,
    kept,
    unread,
    close,
    /** Says that something is done. @param {string} text @param {{undo?: () => Promise<unknown>, link?: {href: string, text: string}}} [more] */
    ok: (text, { undo, link } = {}) => add({ kind: 'ok', text, undo: undo ?? null, link: link ?? null }),
    /** Says what went wrong; a request that was taken back is no error. @param {unknown} error */
    error(error) {
      if (isAbort(error)) return 0;
      return add({ kind: 'error', text: typeof error === 'string' ? error : errorText(error), undo: null, link: null });
    },
    /** Takes back what a toast tells of. @param {Toast} toast */
    async undo(toast) {
      const { undo } = toast;
      if (!undo) return;
      close(toast.id);
      kept.value = kept.peek().map((other) => (other.id === toast.id ? { ...other, undo: null } : other));
      try {
        await undo();
        add({ kind: 'ok', text: t('common.undone'), undo: null, link: null });
      } catch (error) {
        this.error(error instanceof ApiError ? error : String(error));
      }
    },
  };
}

/** @param {{toasts: Toasts}} props */
export function ToastList({ toasts }) {
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  const { value } = toasts.shown;
  const last = value.at(-1);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element || typeof element.showPopover !== 'function') return;
    // Anew for each: what was opened last is above all else, dialogs included.
    if (element.matches(':popover-open')) element.hidePopover();
    if (last) element.showPopover();
  }, [last?.id]);
  return html`<div><div class="toast-layer">
    <p class="visually-hidden" role="status">${last ? last.text : ''}</p>
    <div ref=${list} class="toasts" popover="manual" role="region" aria-label=${t('common.messages')}>
      ${value.map((toast) => html`<${OneToast} key=${toast.id} toast=${toast} toasts=${toasts} />`)}
    </div>
  </div></div>`;
}

/** @param {{toast: Toast, toasts: Toasts}} props */
function OneToast({ toast, toasts }) {
  const held = useSignal(false);
  const left = useRef(toast.undo ? UNDO_MS : OK_MS);
  useEffect(() => {
    if (toast.kind === 'error' || held.value) return undefined;
    const began = Date.now();
    const timer = setTimeout(() => toasts.close(toast.id), left.current);
    return () => {
      clearTimeout(timer);
      left.current = Math.max(2000, left.current - (Date.now() - began));
    };
  }, [held.value]);
  const hold = () => (held.value = true);
  const release = () => (held.value = false);
  return html`<div class=${`toast toast-${toast.kind}`} onPointerEnter=${hold} onPointerLeave=${release} onFocusIn=${hold} onFocusOut=${release}>
    <${Icon} name=${toast.kind === 'ok' ? 'check' : 'alert'} />
    <p>${toast.text} ${toast.link && html`<a href=${toast.link.href}>${toast.link.text}</a>`}</p>
    ${toast.undo && html`<button type="button" class="button button-plain button-small" onClick=${() => toasts.undo(toast)}>${t('common.undo')}</button>`}
    <button type="button" class="icon-button" aria-label=${t('common.close')} onClick=${() => toasts.close(toast.id)}><${Icon} name="close" /></button>
  </div>`;
}

/** What the bell shows. @param {{toasts: Toasts}} props */
export function ToastHistory({ toasts }) {
  const { value } = toasts.kept;
  if (value.length === 0) return html`<p class="menu-note">${t('common.no_messages')}</p>`;
  return html`<ul class="toast-history">
    ${value.map((toast) => html`<li key=${toast.id} class=${`toast-${toast.kind}`}>
      <${Icon} name=${toast.kind === 'ok' ? 'check' : 'alert'} />
      <span>${toast.text} ${toast.link && html`<a href=${toast.link.href}>${toast.link.text}</a>`}</span>
      <${TimeEl} at=${toast.at} />
      ${toast.undo && html`<button type="button" class="button button-plain button-small" onClick=${() => toasts.undo(toast)}>${t('common.undo')}</button>`}
    </li>`)}
  </ul>`;
}
