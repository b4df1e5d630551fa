/**
 * One control for each kind of field that the table of record types knows. Used by form.js alone; no record type is
 * named here.
 */
import { html, useId, useState } from '../ui/html.js';
import { t } from '../lib/i18n.js';
import { duration, num } from '../lib/format.js';
import { shown } from '../lib/dns.js';
import { Button, IconButton } from '../ui/button.js';
import { Checkbox, Field, TextArea } from '../ui/field.js';
import { formatLocation, parseLocation } from './location.js';
import { parameterText, parameterValue } from './params.js';
import { joinTexts, octets, seconds, splitText, whole } from './text.js';

/**
 * @typedef {import('./text.js').FieldDef} FieldDef
 * @typedef {object} ControlProps
 * @property {FieldDef} field
 * @property {any} value
 * @property {(value: any) => void} onChange
 * @property {string | null} error
 * @property {string} zone
 * @property {string[]} types Names of all record types.
 * @property {string[]} names Names that may be meant.
 * @property {() => void} onBlur
 * @property {(values: string[]) => void} [onMany] Several values were pasted where one belongs.
 */

/** What a field is called. @param {string} name @returns {string} */
export function fieldLabel(name) {
  const key = `zone.field.${name}`;
  const label = t(key);
  const plain = name.replace(/_/g, ' ');
  return label === key ? plain[0].toUpperCase() + plain.slice(1) : label;
}

/** The largest number that a field takes. @param {FieldDef} field @returns {number | undefined} */
const maxOf = (field) => Number(/up to (\d+)/.exec(field.expects)?.[1] ?? NaN) || undefined;

/** What every control has. @param {ControlProps} props */
const common = ({ field, error, onBlur }) => ({ label: field.required || field.json === 'array' ? fieldLabel(field.name) : t('zone.form.optional', { field: fieldLabel(field.name) }), error, onBlur });

/** @param {ControlProps} props */
function NumberControl(props) {
  const { field, value, onChange } = props;
  const change = (/** @type {string} */ text) => onChange(/^\d+$/.test(text) ? Number(text) : text);
  return html`<${Field} ...${common(props)} class="field-number" type="text" inputmode="numeric" value=${value ?? ''} onInput=${change}
    help=${field.kind === 'mnemonic' ? t('zone.help.mnemonic') : maxOf(field) && t('zone.help.max', { n: num(maxOf(field)) })} />`;
}

/** @param {ControlProps} props */
function DurationControl(props) {
  const { value, onChange } = props;
  const read = seconds(String(value ?? ''));
  const change = (/** @type {string} */ text) => onChange(/^\d+$/.test(text) ? Number(text) : text);
  return html`<${Field} ...${common(props)} class="field-number" value=${value ?? ''} onInput=${change} help=${read ? `= ${duration(read * 1000)}` : t('zone.help.duration')} />`;
}

/** The name that is meant, and one that may be meant instead. @param {string} text @param {string} zone */
function meaning(text, zone) {
  const bare = zone.replace(/\.$/, '').toLowerCase();
  const lower = text.toLowerCase();
  if (text === '' || text.endsWith('.')) return { name: text, other: null };
  if (bare && (lower === bare || lower.endsWith(`.${bare}`))) return { name: `${text}.`, other: null };
  return { name: whole(text, zone), other: /[^\\]\./.test(text) ? `${text}.` : null };
}

/** @param {ControlProps} props */
function NameControl(props) {
  const { value, onChange, zone, names, onBlur } = props;
  const [typed, setTyped] = useState(String(value ?? ''));
  const list = useId();
  const { name, other } = meaning(typed, zone);
  const set = (/** @type {string} */ text) => { setTyped(text); onChange(meaning(text, zone).name); };
  if (value !== meaning(typed, zone).name) setTyped(String(value ?? ''));
  const help = typed && name !== typed ? html`= <span class="mono wrap">${shown(name)}</span>
    ${other && html` <button type="button" class="link-button" onClick=${() => { set(other); onBlur(); }}>${t('zone.help.meant', { name: other })}</button>`}` : t('zone.help.name');
  return html`<${Field} ...${common(props)} mono value=${typed} onInput=${set} list=${list} autocapitalize="none" spellcheck=${false} autocomplete="off" help=${help} />
    <datalist id=${list}>${names.map((one) => html`<option value=${one}></option>`)}</datalist>`;
}

/** Lists of short values, one a line. @param {ControlProps} props */
function LinesControl(props) {
  const { field, value, onChange, zone } = props;
  const [typed, setTyped] = useState(() => (value ?? []).join('\n'));
  const change = (/** @type {string} */ text) => {
    setTyped(text);
    const items = text.split(/[\s,]+/).filter((item) => item !== '');
    onChange(items.map((item) => field.kind === 'names' ? whole(item, zone) : field.kind === 'ports' && /^\d+$/.test(item) ? Number(item) : item));
  };
  return html`<${TextArea} ...${common(props)} mono rows=${Math.min(6, 1 + typed.split('\n').length)} value=${typed} onInput=${change} help=${t(`zone.help.${field.kind}`)} />`;
}

/** @param {ControlProps} props */
function PlainControl(props) {
  const { field, value, onChange, onMany, types } = props;
  const list = useId();
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const items = (event.clipboardData?.getData('text') ?? '').split(/[\s,;]+/).filter((item) => item !== '');
    if (!onMany || items.length < 2) return;
    event.preventDefault();
    onMany(items);
  };
  const isType = field.kind === 'type';
  return html`<${Field} ...${common(props)} mono value=${value ?? ''} onInput=${onChange} onPaste=${paste} list=${isType ? list : undefined}
    autocapitalize="none" autocomplete="off" spellcheck=${false} help=${t(`zone.help.${field.kind}`)} />
    ${isType && html`<datalist id=${list}>${types.map((one) => html`<option value=${one}></option>`)}</datalist>`}`;
}

/** @param {ControlProps} props */
function TextControl(props) {
  const { field, value, onChange } = props;
  const size = octets(String(value ?? ''));
  const max = maxOf(field);
  return html`<${TextArea} ...${common(props)} mono rows=${size > 80 ? 4 : 1} value=${value ?? ''} onInput=${onChange}
    help=${max ? t('zone.help.octetsOf', { n: num(size), max: num(max) }) : t('zone.help.octets', { n: num(size) })} />`;
}

/** Strings that are one text in pieces, or, where the borders matter, several. @param {ControlProps} props */
function TextsControl(props) {
  const { value, onChange } = props;
  const pieces = /** @type {string[]} */ (value ?? ['']);
  const [isOne, setOne] = useState(() => joinTexts(pieces) !== null);
  const whole = pieces.join('');
  const size = octets(whole);
  if (isOne) {
    const count = splitText(whole).length;
    return html`<${TextArea} ...${common(props)} mono rows=${size > 400 ? 10 : size > 80 ? 5 : 2} value=${whole} onInput=${(/** @type {string} */ text) => onChange(splitText(text))}
        help=${count > 1 ? t('zone.help.split', { n: num(size), pieces: num(count) }) : t('zone.help.octetsOf', { n: num(size), max: 255 })} />
      <${Button} tone="quiet" small label=${t('zone.texts.apart')} onClick=${() => setOne(false)} />`;
  }
  const set = (/** @type {number} */ at, /** @type {string | null} */ text) => onChange(text === null ? pieces.filter((_, i) => i !== at) : pieces.map((piece, i) => i === at ? text : piece));
  return html`<fieldset class="rr-list"><legend>${fieldLabel(props.field.name)}</legend>
    ${pieces.map((piece, i) => html`<div class="rr-pair" key=${i}><${Field} label=${t('zone.texts.piece', { n: i + 1 })} mono value=${piece} onInput=${(/** @type {string} */ text) => set(i, text)} onBlur=${props.onBlur}
        error=${i === 0 && props.error} help=${t('zone.help.octetsOf', { n: num(octets(piece)), max: 255 })} />
      ${pieces.length > 1 && html`<${IconButton} icon="minus" label=${t('zone.texts.remove', { n: i + 1 })} onClick=${() => set(i, null)} />`}</div>`)}
    <${Button} tone="quiet" small icon="plus" label=${t('zone.texts.add')} onClick=${() => onChange([...pieces, ''])} />
    ${joinTexts(pieces) !== null && html`<${Button} tone="quiet" small label=${t('zone.texts.together')} onClick=${() => setOne(true)} />`}</fieldset>`;
}

/** Octets as text; what PEM puts around them is left out. @param {ControlProps} props */
function OctetsControl(props) {
  const { field, value, onChange } = props;
  const text = String(value ?? '');
  const clean = (/** @type {string} */ typed) => typed.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '');
  const size = field.kind === 'base64' ? Math.floor(text.replace(/=+$/, '').length * 3 / 4) : text.replace(/^0x|-/, '').length / 2;
  return html`<${TextArea} ...${common(props)} mono rows=${Math.min(8, 1 + Math.ceil(text.length / 60))} value=${text} onInput=${(/** @type {string} */ typed) => onChange(clean(typed))}
    help=${`${t(`zone.help.${field.kind}`)} ${t('zone.help.octets', { n: num(size) })}`} />`;
}

/** @param {ControlProps} props */
function FlagControl({ field, value, onChange, onBlur }) {
  return html`<${Checkbox} label=${fieldLabel(field.name)} checked=${!!value} onChange=${(/** @type {boolean} */ on) => { onChange(on); onBlur(); }} />`;
}

const PARAMETERS = ['alpn', 'port', 'ipv4hint', 'ipv6hint', 'no-default-alpn', 'mandatory', 'ech', 'dohpath', 'ohttp'];

/** @param {ControlProps} props */
function ParametersControl({ field, value, onChange, error, onBlur }) {
  const [rows, setRows] = useState(() => Object.entries(value ?? {}).map(([key, one]) => ({ key, text: parameterText(one) })));
  const list = useId();
  const set = (/** @type {{key: string, text: string}[]} */ next) => {
    setRows(next);
    onChange(Object.fromEntries(next.filter((row) => row.key).map((row) => [row.key, parameterValue(row.key, row.text)])));
  };
  const at = (/** @type {number} */ i, /** @type {object} */ part) => set(rows.map((row, k) => k === i ? { ...row, ...part } : row));
  return html`<fieldset class="rr-list"><legend>${fieldLabel(field.name)}</legend>
    ${rows.map((row, i) => html`<div class="rr-pair rr-parameter" key=${i}>
      <${Field} label=${t('zone.params.key')} mono value=${row.key} list=${list} onInput=${(/** @type {string} */ key) => at(i, { key })} onBlur=${onBlur} autocapitalize="none" spellcheck=${false} />
      <${Field} label=${t('zone.params.value')} mono value=${row.text} onInput=${(/** @type {string} */ text) => at(i, { text })} onBlur=${onBlur} autocapitalize="none" spellcheck=${false} />
      <${IconButton} icon="minus" label=${t('zone.params.remove', { key: row.key || String(i + 1) })} onClick=${() => set(rows.filter((_, k) => k !== i))} /></div>`)}
    <datalist id=${list}>${PARAMETERS.map((key) => html`<option value=${key}></option>`)}</datalist>
    ${error && html`<p class="field-error" role="alert">${error}</p>`}
    <${Button} tone="quiet" small icon="plus" label=${t('zone.params.add')} onClick=${() => set([...rows, { key: '', text: '' }])} /></fieldset>`;
}

/** A place on the earth in degrees, as maps show it. @param {ControlProps} props */
function LocationControl(props) {
  const { field, value, onChange, error, onBlur } = props;
  const [place, setPlace] = useState(() => parseLocation(String(value ?? '')));
  const keys = /** @type {const} */ (['latitude', 'longitude', 'altitude']);
  const set = (/** @type {string} */ key, /** @type {string} */ text) => {
    const next = { .../** @type {any} */ (place), [key]: text };
    setPlace(next);
    onChange(formatLocation(next));
  };
  if (!place) return html`<${PlainControl} ...${props} />`;
  return html`<fieldset class="rr-list"><legend>${fieldLabel(field.name)}</legend><div class="rr-grid">
    ${keys.map((key) => html`<${Field} label=${t(`zone.loc.${key}`)} value=${place[key]} inputmode="decimal" onInput=${(/** @type {string} */ text) => set(key, text)} onBlur=${onBlur} />`)}</div>
    ${error && html`<p class="field-error" role="alert">${error}</p>`}<p class="field-help mono">${value}</p></fieldset>`;
}

/** @type {Record<string, (props: ControlProps) => any>} */
const CONTROLS = {
  number: NumberControl, mnemonic: NumberControl, duration: DurationControl, name: NameControl, names: LinesControl, prefixes: LinesControl,
  types: LinesControl, ports: LinesControl, text: TextControl, texts: TextsControl, hex: OctetsControl, base64: OctetsControl, boolean: FlagControl,
  service_parameters: ParametersControl, location: LocationControl,
};

/** The control of a field. @param {ControlProps} props */
export function Control(props) {
  return html`<${CONTROLS[props.field.kind] ?? PlainControl} ...${props} />`;
}
