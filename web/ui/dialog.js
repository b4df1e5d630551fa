/** Modal dialogs. */

import { t } from '../lib/i18n.js';
import { IconButton } from './button.js';
import { html, useId, useLayoutEffect, useRef } from './html.js';

/** @typedef {import('./html.js').Children} Children */

/**
 * A modal dialog; Esc and the button close it, and the focus goes back to where it was.
 * @param {{title: Children, onClose: () => void, actions?: Children, wide?: boolean, class?: string, hideClose?: boolean, role?: string, children?: Children}} props
 */
export function Dialog({ title, onClose, actions, wide = false, class: extra = '', hideClose = false, role, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const id = useId();
  useModal(dialog);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
  };
  const outside = (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog.current && !hideClose) onClose();
  };
  return html`<dialog ref=${dialog} class=${`dialog${wide ? ' dialog-wide' : ''} ${extra}`} role=${role} aria-labelledby=${id} onCancel=${cancel} onMouseDown=${outside}>
    <div class="dialog-box">
      <header class="dialog-head"><h2 id=${id}>${title}</h2>${!hideClose && html`<${IconButton} icon="close" label=${t('common.close')} onClick=${onClose} />`}</header>
      <div class="dialog-body">${children}</div>
      ${actions && html`<footer class="dialog-foot">${actions}</footer>`}
    </div>
  </dialog>`;
}

/** @type {Element|null} */
let toastHome = null;

/**
 * Has the messages within what is open: outside of a modal dialog nothing can be pressed, whatever lies above it.
 * @param {Element} [to] nothing: where they belong
 */
function carryToasts(to) {
  const layer = document.querySelector('.toast-layer');
  toastHome = layer?.parentElement?.closest('dialog') ? toastHome : layer?.parentElement ?? null;
  const place = to ?? toastHome;
  if (!layer || !place || layer.parentElement === place) return;
  const list = /** @type {HTMLElement|null} */ (layer.querySelector(':popover-open'));
  place.append(layer);
  list?.showPopover();
}

/**
 * Opens a `<dialog>` while its component is there.
 * @param {{current: HTMLDialogElement|null}} dialog
 * @param {boolean} [modal]
 */
export function useModal(dialog, modal = true) {
  useLayoutEffect(() => {
    const before = document.activeElement;
    const element = dialog.current;
    if (!element) return undefined;
    if (modal) element.showModal();
    else element.show();
    if (modal) carryToasts(element);
    return () => {
      if (element.open) element.close();
      if (modal) carryToasts(/** @type {Element|undefined} */ ([...document.querySelectorAll('dialog:modal')].at(-1)));
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [modal]);
}
