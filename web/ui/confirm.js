/** What `useApp().dialogs.confirm` shows. Used by dialogs.js. */

import { t } from '../lib/i18n.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { Field } from './field.js';
import { html, useEffect, useRef, useState } from './html.js';

/** @param {{question: import('./dialogs.js').Question & {settle: (yes: boolean) => void}}} props */
export function Confirm({ question }) {
  const { title, text, action, danger = false, type, settle } = question;
  const [typed, setTyped] = useState('');
  const cancel = useRef(/** @type {HTMLDivElement|null} */ (null));
  useEffect(() => cancel.current?.querySelector('button')?.focus(), []);
  const ready = type === undefined || typed.trim() === type;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (ready) settle(true);
  };
  const actions = html`<div ref=${cancel} class="dialog-actions">
    <${Button} label=${t('common.cancel')} onClick=${() => settle(false)} />
    <${Button} tone=${danger ? 'danger' : 'primary'} label=${action} disabled=${!ready} onClick=${() => settle(true)} />
  </div>`;
  return html`<${Dialog} title=${title} role="alertdialog" onClose=${() => settle(false)} actions=${actions}>
    ${typeof text === 'string' ? html`<p>${text}</p>` : text}
    ${type !== undefined && html`<form onSubmit=${submit}><${Field} label=${t('common.type_to_confirm', { text: type })} value=${typed} onInput=${setTyped} mono autocomplete="off" /></form>`}
  </${Dialog}>`;
}
