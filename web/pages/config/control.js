/** The control of one key, by its kind in the schema. Used by the settings form, and by itself for entries of lists. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Field } from '../../ui/field.js';
import { t } from '../../lib/i18n.js';
import { entryKeys } from './values.js';
import { at, brief, fault, fromLines, fromPairs, isHidden, lines, pairs, pruned, withAt } from './values.js';

/**
 * @typedef {import('./values.js').Key} Key
 * @typedef {{ keyed: Key, value: any, onChange: (value: unknown) => void, disabled: boolean, attributes: Record<string, any> }} ControlProps
 *   values and attributes differ by kind: any
 */

/** Help with its code set apart. @param {string} help */
export function marked(help) {
  return help.split('`').map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

/** @param {Event} event */
const textOf = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** @param {ControlProps} props */
function Toggle({ value, onChange, disabled, attributes }) {
  return html`<button ...${attributes} type="button" role="switch" class="switch" aria-checked=${value === true} disabled=${disabled} onClick=${() => onChange(!value)}>
    <span class="switch-track"><span class="switch-thumb"></span></span><span class="switch-word" aria-hidden="true">${t(value ? 'common.on' : 'common.off')}</span></button>`;
}

/** What is no number stays text, so that nothing typed is lost; the row says what is wrong. @param {ControlProps} props */
function NumberInput({ keyed, value, onChange, disabled, attributes }) {
  const typed = (/** @type {Event} */ event) => {
    const text = textOf(event).trim().replace(/[\s_]/g, '');
    onChange(/^\d+(\.\d+)?$/.test(text) ? Number(text) : text);
  };
  return html`<input ...${attributes} class="input input-number" inputmode=${keyed.kind === 'integer' ? 'numeric' : 'decimal'} autocomplete="off" value=${String(value ?? '')} disabled=${disabled} onInput=${typed} />`;
}

/** @param {ControlProps} props */
function Choice({ keyed, value, onChange, disabled, attributes }) {
  return html`<select ...${attributes} class="input select" disabled=${disabled} onChange=${(/** @type {Event} */ event) => onChange(textOf(event))}>
    ${(keyed.node.enum ?? []).map((word) => html`<option key=${word} value=${word} selected=${word === value}>${word}</option>`)}</select>`;
}

/** Several of some words. @param {ControlProps} props */
function Choices({ keyed, value, onChange, disabled }) {
  const chosen = /** @type {string[]} */ (value ?? []);
  const words = keyed.node.items?.enum ?? [];
  const toggle = (/** @type {string} */ word, /** @type {boolean} */ on) => onChange(words.filter((it) => (it === word ? on : chosen.includes(it))));
  return html`<div class="row" role="group" aria-label=${keyed.path}>${words.map((word) => html`<${Checkbox} key=${word} label=${word} disabled=${disabled} checked=${chosen.includes(word)} onChange=${(/** @type {boolean} */ on) => toggle(word, on)} />`)}</div>`;
}

/** One item a line; what is typed stays as it is until the field is left. @param {ControlProps & { toText: (value: unknown) => string, fromText: (text: string) => unknown }} props */
function Lines({ value, onChange, disabled, attributes, toText, fromText }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const text = typed ?? toText(value);
  const input = (/** @type {Event} */ event) => {
    setTyped(textOf(event));
    onChange(fromText(textOf(event)));
  };
  return html`<textarea ...${attributes} class="input textarea mono" rows=${Math.min(12, Math.max(2, text.split('\n').length + (disabled ? 0 : 1)))} spellcheck=${false} disabled=${disabled}
    value=${text} onInput=${input} onBlur=${() => setTyped(null)}></textarea>`;
}

/** @param {ControlProps} props */
function Texts(props) {
  const isOne = Array.isArray(props.keyed.node.type);
  const fromText = (/** @type {string} */ text) => {
    const items = fromLines(text);
    return isOne && items.length === 1 && typeof props.value === 'string' ? items[0] : items;
  };
  return html`<${Lines} ...${props} toText=${lines} fromText=${fromText} />`;
}

/** @param {ControlProps} props */
function Named(props) {
  const values = props.keyed.node.additionalProperties;
  const numbers = typeof values === 'object' && values.type === 'integer';
  return html`<${Lines} ...${props} toText=${pairs} fromText=${(/** @type {string} */ text) => fromPairs(text, numbers)} />`;
}

/** A secret is never shown; what is typed stands instead of it. @param {ControlProps} props */
function SecretInput({ value, onChange, disabled, attributes }) {
  const kept = isHidden(value);
  return html`<div class="row"><input ...${attributes} class="input masked" type="text" autocomplete="off" autocapitalize="none" spellcheck=${false} placeholder=${kept ? t('config.hidden') : t('config.empty')} disabled=${disabled}
      value=${kept ? '' : String(value ?? '')} onInput=${(/** @type {Event} */ event) => onChange(textOf(event))} />
    ${kept && !disabled && html`<${Button} small label=${t('config.clear')} onClick=${() => onChange('')} />`}</div>`;
}

/** @param {Record<string, unknown>} entry @param {Key[]} keys */
function entryTitle(entry, keys) {
  const words = keys.filter((key) => key.kind === 'text' || key.kind === 'texts').map((key) => at(key.path, entry)).filter((value) => value !== undefined && value !== '' && lines(value) !== '');
  return words.length ? words.slice(0, 2).map((value) => brief(value, t)).join(' · ') : t('config.newEntry');
}

/** A list of sections: each entry is a form of its own. @param {ControlProps} props */
function Entries({ keyed, value, onChange, disabled }) {
  const [open, setOpen] = useState(-1);
  const keys = entryKeys(keyed);
  const entries = /** @type {Record<string, unknown>[]} */ (Array.isArray(value) ? value : []);
  const set = (/** @type {number} */ index, /** @type {Record<string, unknown>} */ entry) => onChange(entries.map((it, place) => (place === index ? entry : pruned(it, keys))));
  const add = () => { setOpen(entries.length); onChange([...entries, {}]); };
  return html`<div class="entry-list" role="group" aria-label=${keyed.path}>
    ${entries.length === 0 && html`<p class="meta">${t('config.noEntries')}</p>`}
    ${entries.map((entry, index) => html`<details key=${index} class="entry" open=${open === index} onToggle=${(/** @type {Event} */ event) => { if (/** @type {HTMLDetailsElement} */ (event.currentTarget).open) setOpen(index); }}>
      <summary><span class="mono">${entryTitle(entry, keys)}</span></summary>
      <div class="form entry-form">
        ${keys.filter((key) => !key.planned).map((key) => html`<${EntryField} key=${key.path} keyed=${key} entry=${entry} disabled=${disabled} onChange=${(/** @type {unknown} */ part) => set(index, pruned(withAt(entry, key.path, part), keys))} />`)}
        ${!disabled && html`<div><${Button} small icon="trash" label=${t('config.removeEntry')} onClick=${() => { setOpen(-1); onChange(entries.filter((_, place) => place !== index)); }} /></div>`}
      </div>
    </details>`)}
    ${!disabled && html`<div><${Button} small icon="plus" label=${t('config.addEntry')} onClick=${add} /></div>`}
  </div>`;
}

/** @param {{ keyed: Key, entry: Record<string, unknown>, disabled: boolean, onChange: (value: unknown) => void }} props */
function EntryField({ keyed, entry, disabled, onChange }) {
  const value = at(keyed.path, entry) ?? keyed.node.default;
  const wrong = fault(keyed, value);
  return html`<${Field} label=${html`<span class="mono">${keyed.path}</span>`} help=${marked(keyed.help)} error=${wrong && t(wrong.key, wrong.args)}>
    ${(/** @type {any} attributes of whatever control it is */ attributes) => html`<${Control} keyed=${keyed} value=${value} onChange=${onChange} disabled=${disabled} attributes=${attributes} />`}<//>`;
}

/** @param {ControlProps} props */
function Text({ value, onChange, disabled, attributes }) {
  return html`<input ...${attributes} type="text" class="input mono" autocomplete="off" autocapitalize="none" spellcheck=${false} value=${String(value ?? '')} disabled=${disabled} onInput=${(/** @type {Event} */ event) => onChange(textOf(event))} />`;
}

/** What the form cannot change is shown as it is. @param {ControlProps} props */
function Raw({ value, attributes }) {
  return html`<pre id=${attributes.id} class="code mono" tabindex="0">${JSON.stringify(value, null, 1)}</pre>`;
}

/** @type {Record<string, (props: ControlProps) => import('../../ui/html.js').VNode>} */
const KINDS = { boolean: Toggle, integer: NumberInput, fraction: NumberInput, choice: Choice, choices: Choices, texts: Texts, named: Named, secret: SecretInput, entries: Entries, namedEntries: Raw };

/** @param {ControlProps} props */
export function Control(props) {
  return html`<${KINDS[props.keyed.kind] ?? Text} ...${props} />`;
}
