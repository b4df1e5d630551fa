/** Buttons and links that look like them. */

import { t } from '../lib/i18n.js';
import { html, useEffect, useState } from './html.js';
import { Icon } from './icons.js';

/** @typedef {import('./html.js').Children} Children */

/**
 * @typedef {object} ButtonProps
 * @property {'primary'|'plain'|'danger'|'quiet'} [tone] one primary a view; `quiet` has no border
 * @property {boolean} [busy] it works, and takes no further press
 * @property {boolean} [small]
 * @property {string} [icon]
 * @property {Children} [label] or children
 * @property {Children} [children]
 */

/** @param {ButtonProps & Record<string, any>} props attributes of a button as they are: any */
export function Button({ tone = 'plain', busy = false, small = false, icon, label, children, type = 'button', disabled, onClick, ...rest }) {
  const { class: extra = '', ...others } = rest;
  return html`<button ...${others} type=${type} disabled=${disabled} aria-disabled=${busy || undefined} aria-busy=${busy || undefined}
    class=${`button button-${tone}${small ? ' button-small' : ''} ${extra}`}
    onClick=${busy ? (/** @type {Event} */ event) => event.preventDefault() : onClick}>
    ${busy ? html`<span class="spinner" aria-hidden="true"></span>` : icon && html`<${Icon} name=${icon} />`}
    ${label ?? children}
  </button>`;
}

/**
 * A button with an icon alone; `label` is what it is called.
 * @param {{icon: string, label: string} & Record<string, any>} props attributes of a button as they are: any
 */
export function IconButton({ icon, label, type = 'button', ...rest }) {
  const { class: extra = '', ...others } = rest;
  return html`<button ...${others} type=${type} class=${`icon-button ${extra}`} aria-label=${label} title=${label}><${Icon} name=${icon} /></button>`;
}

/** @param {ButtonProps & {href: string} & Record<string, any>} props attributes of a link as they are: any */
export function LinkButton({ tone = 'plain', small = false, icon, label, children, ...rest }) {
  const { class: extra = '', busy: _busy, ...others } = rest;
  return html`<a ...${others} class=${`button button-${tone}${small ? ' button-small' : ''} ${extra}`}>
    ${icon && html`<${Icon} name=${icon} />`}${label ?? children}</a>`;
}

/**
 * Copies a text, and says so.
 * @param {{text: string, label?: string, iconOnly?: boolean}} props
 */
export function CopyButton({ text, label, iconOnly = false }) {
  const [done, setDone] = useState(/** @type {''|'ok'|'bad'} */ (''));
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(''), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => copyText(text).then((copied) => setDone(copied ? 'ok' : 'bad'));
  const word = done === 'ok' ? t('common.copied') : done === 'bad' ? t('common.copy_failed') : label ?? t('common.copy');
  return html`<button type="button" class=${iconOnly ? 'icon-button' : 'button button-plain button-small'} onClick=${copy}
      aria-label=${iconOnly ? word : undefined} title=${iconOnly ? word : undefined}>
    <${Icon} name=${done === 'ok' ? 'check' : 'copy'} />${!iconOnly && word}
    <span class="visually-hidden" role="status">${done ? word : ''}</span>
  </button>`;
}

/**
 * Puts a text on the clipboard; pages without TLS have no `navigator.clipboard`.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.setAttribute('readonly', '');
    area.className = 'visually-hidden';
    const host = document.activeElement?.closest('dialog') ?? document.body;
    const focused = document.activeElement;
    host.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
    return copied;
  }
}
