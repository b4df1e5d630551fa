/** A drawer at the right: 480 px, all of the screen on a phone, beside the page on wide screens. */

import { t } from '../lib/i18n.js';
import { IconButton } from './button.js';
import { html, useEffect, useId, useRef, useState } from './html.js';
import { useModal } from './dialog.js';

/** From this width on it stands beside the page, which goes on being used. */
const BESIDE = '(min-width: 1600px)';

/** @param {string} query */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const changed = () => setMatches(list.matches);
    list.addEventListener('change', changed);
    return () => list.removeEventListener('change', changed);
  }, [query]);
  return matches;
}

/**
 * @param {{title: import('./html.js').Children, subtitle?: import('./html.js').Children, onClose: () => void, wide?: boolean,
 *   actions?: import('./html.js').Children, footer?: import('./html.js').Children, children?: import('./html.js').Children}} props
 *   `actions`: beside the title; `footer`: stays in view
 */
export function Drawer({ title, subtitle, onClose, wide = false, actions, footer, children }) {
  const beside = useMedia(BESIDE);
  return html`<${Frame} key=${beside} ...${{ title, subtitle, onClose, wide, actions, footer, beside }}>${children}</${Frame}>`;
}

/** @param {any} props those of `Drawer`, and `beside`: any */
function Frame({ title, subtitle, onClose, wide, actions, footer, beside, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const id = useId();
  useModal(dialog, !beside);
  useEffect(() => {
    if (!beside) return undefined;
    document.documentElement.dataset.drawer = wide ? 'wide' : 'normal';
    return () => void delete document.documentElement.dataset.drawer;
  }, [beside, wide]);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (beside && event.key === 'Escape' && !event.defaultPrevented) cancel(event);
  };
  const outside = (/** @type {MouseEvent} */ event) => {
    if (!beside && event.target === dialog.current) onClose();
  };
  return html`<dialog ref=${dialog} class=${`drawer${wide ? ' drawer-wide' : ''}${beside ? ' drawer-beside' : ''}`} aria-labelledby=${id}
      onCancel=${cancel} onKeyDown=${key} onMouseDown=${outside}>
    <div class="drawer-box">
      <header class="drawer-head">
        <div><h2 id=${id} tabindex="-1" autofocus>${title}</h2>${subtitle && html`<p class="meta">${subtitle}</p>`}</div>
        ${actions}
        <${IconButton} icon="close" label=${t('common.close')} onClick=${onClose} />
      </header>
      <div class="drawer-body">${children}</div>
      ${footer && html`<footer class="drawer-foot">${footer}</footer>`}
    </div>
  </dialog>`;
}
