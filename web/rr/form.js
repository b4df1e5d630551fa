/**
 * The record form: owner, type, TTL and data of one RRset, made from the table of record types. Fields and zone-file
 * text are two views of one model. It makes no requests; the editor of the zone page gives it errors and gets the model.
 */
import { html, useState } from '../ui/html.js';
import { t } from '../lib/i18n.js';
import { duration, num } from '../lib/format.js';
import { shown } from '../lib/dns.js';
import { Button, IconButton } from '../ui/button.js';
import { Field, TextArea } from '../ui/field.js';
import { Banner } from '../ui/page.js';
import { Tabs } from '../ui/tabs.js';
import { Control } from './controls.js';
import { TextError, blank, fromText, relativeName, seconds, toText } from './text.js';

/**
 * @typedef {import('./text.js').TypeDef} TypeDef
 * @typedef {import('./text.js').Data} Data
 * @typedef {{name: string, type: string, ttl: number | string, records: (Data | string)[]}} Model A record that is a string is
 *   zone-file text that has no fields.
 * @typedef {{pointer?: string, detail: string, column?: number}} Fault
 */

/** Types that people need most, in this order; the rest comes behind. */
const COMMON = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SRV', 'CAA', 'NS', 'PTR', 'HTTPS', 'SVCB', 'TLSA', 'SSHFP', 'DS', 'NAPTR', 'DNAME', 'LOC', 'URI', 'SOA'];
/** Types that the server makes, or that no zone holds. */
const NEVER = new Set(['RRSIG', 'NULL']);

/** @param {Map<string, TypeDef>} types @param {string} mnemonic */
export const typeOf = (types, mnemonic) => types.get(mnemonic.toUpperCase());

/**
 * The model for a new RRset.
 * @param {Map<string, TypeDef>} types @param {string} type @param {string} [name]
 * @returns {Model}
 */
export const newModel = (types, type, name = '') => ({ name, type, ttl: 3600, records: [blank(typeOf(types, type))] });

/**
 * The lines of a text as records; those that cannot be read stay as they are.
 * @param {TypeDef | undefined} def @param {string} text @param {string} zone
 * @returns {{records: (Data | string)[], faults: Fault[], notes: string[]}} `notes`: what may be meant otherwise.
 */
export function readLines(def, text, zone) {
  const faults = /** @type {Fault[]} */ ([]);
  const notes = /** @type {string[]} */ ([]);
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const records = lines.map((line, i) => {
    try {
      const relative = relativeName(def, line, zone);
      if (relative) notes.push(t('zone.form.relative', relative));
      return fromText(def, line, zone);
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      faults.push({ pointer: `/records/${i}`, detail: t(error.key, error.values), column: error.offset + 1 });
      return line;
    }
  });
  return { records, faults, notes };
}

/**
 * @param {{model: Model, onChange: (model: Model) => void, types: Map<string, TypeDef>, zone: string, isNew: boolean, faults: Fault[],
 *   names: string[], onCheck: () => void, readOnly?: boolean, children?: any}} props `onCheck`: a field was left; `names`: for completion.
 */
export function RecordForm({ model, onChange, types, zone, isNew, faults, names, onCheck, readOnly, children }) {
  const [tab, setTab] = useState('fields');
  const at = (/** @type {string} */ pointer) => faults.find((fault) => fault.pointer === pointer)?.detail ?? null;
  const set = (/** @type {Partial<Model>} */ part) => onChange({ ...model, ...part });
  const ttl = seconds(String(model.ttl));
  return html`<fieldset class="rr-form" disabled=${readOnly}>
    ${isNew && html`<${NewHead} model=${model} set=${set} types=${types} zone=${zone} error=${{ name: at('/name'), type: at('/type') }} names=${names} onCheck=${onCheck} />`}
    <${Field} label=${t('zone.form.ttl')} value=${String(model.ttl)} class="field-number" onInput=${(/** @type {string} */ text) => set({ ttl: text })} onBlur=${onCheck}
      error=${ttl === null ? t('zone.err.duration', { field: 'TTL' }) : at('/ttl')} help=${ttl === null ? '' : t('zone.form.ttlHelp', { span: duration(ttl * 1000) || '0 s' })} />
    <${Tabs} label=${t('zone.form.tabs')} value=${tab} onChange=${setTab} tabs=${['fields', 'text'].map((key) => ({ key, id: key, label: t(`zone.form.${key}`) }))} />
    ${tab === 'fields' ? html`<${Fields} ...${{ model, set, types, zone, faults, names, onCheck, readOnly }} />` : html`<${Text} ...${{ model, set, types, zone, faults, onCheck }} />`}
    ${children}
  </fieldset>`;
}

/** @param {any} props Owner and type of a new RRset: those of the form, and `set`. */
function NewHead({ model, set, types, zone, error, names, onCheck }) {
  const known = [...types.keys()].filter((type) => !NEVER.has(type));
  const [isOther, setOther] = useState(!known.includes(model.type));
  const pick = (/** @type {string} */ type) => {
    if (type === 'other') { setOther(true); return set({ type: 'TYPE65280', records: [blank(undefined)] }); }
    setOther(false);
    set({ type, records: [blank(typeOf(types, type))] });
  };
  const option = (/** @type {string} */ type) => html`<option value=${type} selected=${type === model.type}>${type}</option>`;
  const def = typeOf(types, model.type);
  const apex = zone === '.' ? '' : `.${zone}`;
  return html`<div class="rr-head">
    <${Field} id="rr-name" label=${t('zone.form.name')} mono value=${model.name} onInput=${(/** @type {string} */ name) => set({ name: name.trim() })} onBlur=${onCheck} error=${error.name}
      suffix=${model.name.endsWith('.') ? undefined : shown(apex.length > 40 ? `${apex.slice(0, 40)}…` : apex)} autocapitalize="none" spellcheck=${false} autocomplete="off" placeholder="@" help=${t('zone.form.nameHelp')} />
    <${Field} label=${t('zone.form.type')} error=${error.type} help=${def?.doc ?? t('zone.form.unknownType')}>
      ${(/** @type {any} */ attributes) => html`<select ...${attributes} class="input select" onChange=${(/** @type {Event} */ event) => pick(/** @type {HTMLSelectElement} */ (event.currentTarget).value)}>
        <optgroup label=${t('zone.form.common')}>${COMMON.filter((type) => types.has(type)).map(option)}</optgroup>
        <optgroup label=${t('zone.form.all')}>${known.filter((type) => !COMMON.includes(type)).sort().map(option)}</optgroup>
        <option value="other" selected=${isOther}>${t('zone.form.other')}</option></select>`}<//>
    ${isOther && html`<${Field} label=${t('zone.form.typeNumber')} mono value=${model.type} onInput=${(/** @type {string} */ type) => set({ type: type.trim().toUpperCase() })} onBlur=${onCheck} help=${t('zone.form.typeNumberHelp')} />`}
  </div>`;
}

/** @param {any} props The fields of each record: those of the form, and `set`. */
function Fields({ model, set, types, zone, faults, names, onCheck, readOnly }) {
  const def = typeOf(types, model.type);
  const change = (/** @type {number} */ i, /** @type {any} */ record) => set({ records: model.records.map((/** @type {any} */ one, /** @type {number} */ k) => k === i ? record : one) });
  const several = model.records.length > 1;
  return html`<div class="rr-records">
    ${model.records.map((/** @type {any} */ record, /** @type {number} */ i) => html`<fieldset class=${`rr-record${several ? ' rr-several' : ''}`} key=${`${model.type}${i}of${model.records.length}`}>
      <legend class=${several ? '' : 'visually-hidden'}>${t('zone.form.record', { type: model.type, n: i + 1 })}</legend>
      <${OneRecord} ...${{ record, i, def, zone, faults, names, onCheck }} types=${types} onChange=${(/** @type {any} */ next) => change(i, next)}
        onMany=${(/** @type {string} */ field, /** @type {string[]} */ values) => set({ records: model.records.flatMap((/** @type {any} */ one, /** @type {number} */ k) => k === i ? values.map((value) => ({ ...one, [field]: value })) : [one]) })} />
      ${several && !readOnly && html`<${IconButton} class="rr-remove" icon="trash" label=${t('zone.form.remove', { n: i + 1 })} onClick=${() => { set({ records: model.records.filter((/** @type {any} */ _, /** @type {number} */ k) => k !== i) }); }} />`}
    </fieldset>`)}
    ${model.type !== 'SOA' && !readOnly && html`<${Button} tone="quiet" icon="plus" label=${t('zone.form.add', { type: model.type })} onClick=${() => set({ records: [...model.records, blank(def)] })} />`}
  </div>`;
}

/** @param {any} props One record: its controls, or its text if it has no fields. */
function OneRecord({ record, i, def, types, zone, faults, names, onCheck, onChange, onMany }) {
  const base = `/records/${i}`;
  const of = (/** @type {string} */ field) => faults.find((/** @type {Fault} */ fault) => fault.pointer === `${base}/${field}` || fault.pointer?.startsWith(`${base}/${field}/`))?.detail ?? null;
  const whole = faults.find((/** @type {Fault} */ fault) => fault.pointer === base);
  const isGeneric = typeof record !== 'string' && Object.keys(record).length === 1 && 'data' in record;
  const fault = whole && html`<p class="field-error" role="alert">${whole.detail}</p>`;
  if (typeof record === 'string') {
    return html`<${Field} label=${t('zone.form.asText')} mono value=${record} onInput=${onChange} onBlur=${onCheck} error=${whole?.detail} />`;
  }
  const fields = def && !isGeneric ? def.fields : [{ name: 'data', json: 'string', kind: 'hex', expects: 'hexadecimal data', required: true }];
  return html`<div class="rr-fields">${fields.map((/** @type {import('./text.js').FieldDef} */ field) => html`<${Control} key=${field.name} field=${field} value=${record[field.name]} error=${of(field.name)} zone=${zone}
      types=${[...types.keys()]} names=${names} onBlur=${onCheck} onChange=${(/** @type {any} */ value) => onChange(put(record, field, value))}
      onMany=${fields.length === 1 ? (/** @type {string[]} */ values) => onMany(field.name, values) : undefined} />`)}</div>${fault}`;
}

/** What is optional and empty is left out. @param {Data} record @param {import('./text.js').FieldDef} field @param {any} value */
function put(record, field, value) {
  const next = { ...record, [field.name]: value };
  if (!field.required && value === '') delete next[field.name];
  return next;
}

/** @param {any} props All records as zone-file text: those of the form, and `set`. */
function Text({ model, set, types, zone, faults, onCheck }) {
  const def = typeOf(types, model.type);
  const [typed, setTyped] = useState(() => model.records.map((/** @type {any} */ record) => toText(def, record)).join('\n'));
  const [own, setOwn] = useState(/** @type {Fault[]} */ ([]));
  const [notes, setNotes] = useState(/** @type {string[]} */ ([]));
  const change = (/** @type {string} */ text) => {
    setTyped(text);
    const read = readLines(def, text, zone);
    setOwn(read.faults);
    setNotes(read.notes);
    set({ records: read.records });
  };
  const all = [...own, ...faults.filter((/** @type {Fault} */ fault) => fault.pointer?.startsWith('/records') && !own.length)];
  const line = (/** @type {Fault} */ fault) => Number(/^\/records\/(\d+)/.exec(fault.pointer ?? '')?.[1] ?? 0) + 1;
  const error = all.map((fault) => `${t('zone.form.line', { n: num(line(fault)) })}${fault.column ? `:${fault.column}` : ''} ${fault.detail}`).join('; ') || null;
  return html`<${TextArea} label=${t('zone.form.textLabel', { type: model.type })} mono rows=${Math.max(4, Math.min(16, typed.split('\n').length + 1))} value=${typed} onInput=${change} onBlur=${onCheck}
    error=${error} help=${t('zone.form.textHelp', { zone: shown(zone) })} wrap="soft" />
    ${notes.length > 0 && html`<div role="status">${notes.map((note) => html`<${Banner} tone="warn">${note}</${Banner}>`)}</div>`}`;
}
