/**
 * Fields of forms: a visible label, help and error tied to the control. `Field` draws label, help and error around an
 * `<input>`, or around whatever `children(attributes)` gives.
 */

import { t } from '../lib/i18n.js';
import { html, useId, useRef, useState } from './html.js';
import { Icon } from './icons.js';

/** @typedef {import('./html.js').Children} Children */

/** @typedef {{id: string, 'aria-describedby': string|undefined, 'aria-invalid': boolean|undefined, required: boolean|undefined}} ControlAttributes */

/**
 * @typedef {object} FieldProps
 * @property {Children} label
 * @property {Children} [help]
 * @property {string|null|false} [error] which says the cure too
 * @property {boolean} [required]
 * @property {boolean} [hideRequired] all fields of the form are required: it need not be said
 * @property {boolean} [hideLabel] the label is for readers alone
 * @property {boolean} [mono]
 * @property {string} [suffix] the unit behind the control
 * @property {string} [class]
 */

/**
 * @param {FieldProps & {children?: ((attributes: ControlAttributes) => Children), type?: string, value?: any,
 *   onInput?: (value: string, event: Event) => void} & Record<string, any>} props
 *   attributes of an input as they are, and values of whatever kind it takes: any. `onInput` and `onChange` get the text.
 */
export function Field({ label, help, error, required = false, hideRequired = false, hideLabel = false, mono = false, suffix, children, ...rest }) {
  const own = useId();
  const { class: extra = '', id = own, onInput, onChange, ...others } = rest;
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  const attributes = { id, 'aria-describedby': described, 'aria-invalid': error ? true : undefined, required: required || undefined };
  const text = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;
  const control = typeof children === 'function'
    ? children(attributes)
    : html`<input type="text" ...${others} ...${attributes} class=${`input${mono ? ' mono' : ''}`}
        onInput=${onInput && ((/** @type {Event} */ event) => onInput(text(event), event))}
        onChange=${onChange && ((/** @type {Event} */ event) => onChange(text(event), event))} />`;
  return html`<div class=${`field ${error ? 'field-bad' : ''} ${extra}`}>
    <label for=${id} class=${hideLabel ? 'visually-hidden' : 'field-label'}>${label}${!required || hideRequired || hideLabel ? '' : html`<span class="field-required"> ${t('common.required')}</span>`}</label>
    ${suffix ? html`<div class="field-row">${control}<span class="field-suffix">${suffix}</span></div>` : control}
    ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
    ${error && html`<p class="field-error" id=${`${id}-error`}><${Icon} name="alert" />${error}</p>`}
  </div>`;
}

/**
 * @param {FieldProps & {options: (string|{value: string, label: string, disabled?: boolean})[], value: string,
 *   onChange: (value: string) => void} & Record<string, any>} props attributes of a select as they are: any
 */
export function Select({ options, value, onChange, label, help, error, required, hideLabel, class: extra, id, ...rest }) {
  const chosen = (/** @type {Event} */ event) => onChange(/** @type {HTMLSelectElement} */ (event.currentTarget).value);
  return html`<${Field} label=${label} help=${help} error=${error} required=${required} hideLabel=${hideLabel} class=${extra} ...${id ? { id } : {}}>
    ${(/** @type {ControlAttributes} */ attributes) => html`<select ...${rest} ...${attributes} class="input select" value=${value} onChange=${chosen}>
      ${options.map((option) => {
        const { value: key, label: word, disabled } = typeof option === 'string' ? { value: option, label: option, disabled: false } : option;
        return html`<option key=${key} value=${key} disabled=${disabled} selected=${key === value}>${word}</option>`;
      })}
    </select>`}
  </${Field}>`;
}

/**
 * @param {FieldProps & {value: string, onInput: (value: string, event: Event) => void, rows?: number} & Record<string, any>} props
 *   attributes of a textarea as they are: any
 */
export function TextArea({ value, onInput, rows = 6, mono = false, label, help, error, required, hideLabel, class: extra, id, ...rest }) {
  const typed = (/** @type {Event} */ event) => onInput(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value, event);
  return html`<${Field} label=${label} help=${help} error=${error} required=${required} hideLabel=${hideLabel} class=${extra} ...${id ? { id } : {}}>
    ${(/** @type {ControlAttributes} */ attributes) => html`<textarea spellcheck=${!mono} ...${rest} ...${attributes} rows=${rows}
      class=${`input textarea${mono ? ' mono' : ''}`} value=${value} onInput=${typed}></textarea>`}
  </${Field}>`;
}

/**
 * On or off, at once. The state is said in words too.
 * @param {{label: Children, checked: boolean, onChange: (checked: boolean) => void, help?: Children, disabled?: boolean, hideLabel?: boolean, busy?: boolean}} props
 */
export function Switch({ label, checked, onChange, help, disabled = false, hideLabel = false, busy = false }) {
  const id = useId();
  return html`<div class="switch-field">
    <button type="button" role="switch" class="switch" aria-checked=${checked} aria-labelledby=${id} aria-busy=${busy || undefined}
      aria-describedby=${help ? `${id}-help` : undefined} disabled=${disabled} onClick=${() => !busy && onChange(!checked)}>
      <span class="switch-track"><span class="switch-thumb"></span></span>
      <span class="switch-word" aria-hidden="true">${t(checked ? 'common.on' : 'common.off')}</span>
    </button>
    <span id=${id} class=${hideLabel ? 'visually-hidden' : 'switch-label'}>${label}</span>
    ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
  </div>`;
}

/**
 * @param {{label: Children, checked: boolean, onChange: (checked: boolean) => void, help?: Children, hideLabel?: boolean, indeterminate?: boolean} & Record<string, any>} props
 *   attributes of an input as they are: any
 */
export function Checkbox({ label, checked, onChange, help, hideLabel = false, indeterminate = false, ...rest }) {
  const id = useId();
  const set = (/** @type {Event} */ event) => onChange(/** @type {HTMLInputElement} */ (event.currentTarget).checked);
  return html`<div class="check-field">
    <input ...${rest} type="checkbox" id=${id} checked=${checked} indeterminate=${indeterminate} onChange=${set} aria-describedby=${help ? `${id}-help` : undefined} />
    <label for=${id} class=${hideLabel ? 'visually-hidden' : ''}>${label}</label>
    ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
  </div>`;
}

/**
 * A password, or another secret, which may be shown.
 * @param {FieldProps & {value: string, onInput: (value: string) => void, autocomplete?: string} & Record<string, any>} props
 *   attributes of an input as they are: any
 */
export function Secret({ value, onInput, autocomplete = 'off', label, help, error, required, hideRequired, class: extra, id, ...rest }) {
  const [open, setOpen] = useState(false);
  const typed = (/** @type {Event} */ event) => onInput(/** @type {HTMLInputElement} */ (event.currentTarget).value);
  return html`<${Field} label=${label} help=${help} error=${error} required=${required} hideRequired=${hideRequired} class=${extra} ...${id ? { id } : {}}>
    ${(/** @type {ControlAttributes} */ attributes) => html`<div class="secret">
      <input ...${rest} ...${attributes} class="input" type=${open ? 'text' : 'password'} autocomplete=${autocomplete} autocapitalize="none" spellcheck=${false} value=${value} onInput=${typed} />
      <button type="button" class="icon-button" aria-pressed=${open} aria-label=${t('common.show_secret')} title=${t(open ? 'common.hide_secret' : 'common.show_secret')}
        onClick=${() => setOpen(!open)}><${Icon} name=${open ? 'eyeoff' : 'eye'} /></button>
    </div>`}
  </${Field}>`;
}

/**
 * A form; it is not sent twice, and after a failure the first field with an error gets the focus.
 * @param {{onSubmit: () => unknown, busy?: boolean, label?: string, class?: string, children?: Children}} props
 */
export function Form({ onSubmit, busy = false, label, class: extra = '', children }) {
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    await onSubmit();
    requestAnimationFrame(() => /** @type {HTMLElement|null|undefined} */ (form.current?.querySelector('[aria-invalid=true]'))?.focus());
  };
  return html`<form ref=${form} class=${`form ${extra}`} novalidate aria-label=${label} aria-busy=${busy || undefined} onSubmit=${submit}>${children}</form>`;
}
