/** Grants as people say them, and as forms hold them. Used by the access page. */

import { html } from '../../ui/html.js';
import { dateTime } from '../../lib/format.js';
import { lang, t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Field } from '../../ui/field.js';

/**
 * @typedef {{ zones: string[], verbs: string[], names?: string[] | null, types?: string[] | null, networks?: string[] | null,
 *   not_before_ms?: number | null, expires_ms?: number | null }} Grant
 */

/** What may be done, in the order of forms. */
export const VERBS = ['read', 'create', 'update', 'delete', 'configure', 'transfer', 'read_logs', 'admin'];

/** Without the dot of the root. @param {string} name */
const bare = (name) => (name.length > 1 ? name.replace(/\.$/, '') : name);

/** @param {string[]} words */
function listed(words) {
  return new Intl.ListFormat(lang.value, { type: 'conjunction' }).format(words);
}

/**
 * "May read and change records, only TXT, at _acme-challenge.*, in example.org, from 10.0.0.0/8, until 1 March".
 * @param {Grant} grant
 */
export function sentence(grant) {
  if (!grant.verbs.length || !grant.zones.length) return t('access.say.nothing');
  const all = VERBS.every((verb) => grant.verbs.includes(verb));
  const verbs = all ? t('access.say.everything') : listed(VERBS.filter((verb) => grant.verbs.includes(verb)).map((verb) => t(`access.verb.${verb}`)));
  const parts = [t('access.say.may', { verbs })];
  if (grant.types?.length) parts.push(t('access.say.types', { types: listed(grant.types) }));
  const names = (grant.names ?? []).filter((name) => name !== '**');
  if (names.length) parts.push(t('access.say.names', { names: listed(names.map(bare)) }));
  parts.push(grant.zones.includes('**') ? t('access.say.allZones') : t('access.say.zones', { zones: listed(grant.zones.map(bare)) }));
  if (grant.networks?.length) parts.push(t('access.say.networks', { networks: listed(grant.networks) }));
  if (grant.not_before_ms) parts.push(t('access.say.from', { time: dateTime(grant.not_before_ms) }));
  if (grant.expires_ms) parts.push(t('access.say.until', { time: dateTime(grant.expires_ms) }));
  return parts.join(', ');
}

/** A grant without parts that say nothing. @param {Grant} grant @returns {Grant} */
export function tidy(grant) {
  /** @type {Grant} */
  const out = { zones: grant.zones, verbs: grant.verbs };
  if (grant.names?.length) out.names = grant.names;
  if (grant.types?.length) out.types = grant.types.map((type) => type.toUpperCase());
  if (grant.networks?.length) out.networks = grant.networks;
  if (grant.not_before_ms) out.not_before_ms = grant.not_before_ms;
  if (grant.expires_ms) out.expires_ms = grant.expires_ms;
  return out;
}

/** Words of a field: by comma, blank or line. @param {string} text */
export function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** What most tokens are for. @type {{ id: string, grant: (zone: string, host: string) => Grant, zone: boolean, host: boolean }[]} */
export const PURPOSES = [
  { id: 'read', zone: false, host: false, grant: () => ({ zones: ['**'], verbs: ['read'] }) },
  { id: 'acme', zone: true, host: true, grant: (zone, host) => ({ zones: [zone], names: host ? [`_acme-challenge.${host}`] : [`_acme-challenge.${zone}`, `_acme-challenge.*.${zone}`], types: ['TXT'], verbs: ['read', 'update'] }) },
  { id: 'ddns', zone: true, host: true, grant: (zone, host) => ({ zones: [zone], names: [host || zone], types: ['A', 'AAAA'], verbs: ['read', 'update'] }) },
  { id: 'edit', zone: true, host: false, grant: (zone) => ({ zones: [zone || '**'], verbs: ['read', 'update'] }) },
  { id: 'custom', zone: false, host: false, grant: () => ({ zones: [], verbs: ['read'] }) },
];

/** A time of `<input type=datetime-local>`. @param {number | null | undefined} ms */
export function localTime(ms) {
  if (!ms) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {string} text */
export const fromLocalTime = (text) => (text ? new Date(text).getTime() : null);

/**
 * @param {{ grants: Grant[], onChange: (grants: Grant[]) => void, error?: string }} props
 */
export function GrantFields({ grants, onChange, error }) {
  const set = (/** @type {number} */ index, /** @type {Partial<Grant>} */ part) => onChange(grants.map((grant, at) => (at === index ? { ...grant, ...part } : grant)));
  return html`<div class="grants">
    ${grants.map((grant, index) => html`<fieldset class="grant" key=${index}>
      <legend>${t('access.grant', { n: index + 1 })}</legend>
      <p class="grant-sentence" aria-live="polite">${sentence(grant)}</p>
      <${One} grant=${grant} set=${(/** @type {Partial<Grant>} */ part) => set(index, part)} />
      ${grants.length > 1 && html`<div><${Button} small label=${t('access.removeGrant')} onClick=${() => onChange(grants.filter((_, at) => at !== index))} /></div>`}
    </fieldset>`)}
    ${error && html`<p class="field-error">${error}</p>`}
    <div><${Button} small label=${t('access.addGrant')} onClick=${() => onChange([...grants, { zones: [], verbs: ['read'] }])} /></div>
  </div>`;
}

/** @param {{ grant: Grant, set: (part: Partial<Grant>) => void }} props */
function One({ grant, set }) {
  const toggle = (/** @type {string} */ verb, /** @type {boolean} */ on) => set({ verbs: on ? [...grant.verbs, verb] : grant.verbs.filter((it) => it !== verb) });
  const field = (/** @type {'zones' | 'names' | 'types' | 'networks'} */ key, /** @type {string} */ placeholder) =>
    html`<${WordsField} label=${t(`access.field.${key}`)} help=${t(`access.field.${key}Help`)} placeholder=${placeholder} value=${grant[key] ?? []} onChange=${(/** @type {string[]} */ value) => set({ [key]: value })} />`;
  return html`<div class="verb-set" role="group" aria-label=${t('access.verbs')}>
      ${VERBS.map((verb) => html`<${Checkbox} key=${verb} label=${t(`access.verb.${verb}`)} checked=${grant.verbs.includes(verb)} onChange=${(/** @type {boolean} */ on) => toggle(verb, on)} />`)}
    </div>
    ${field('zones', 'example.org, **')}
    <details class="more" open=${Boolean(grant.names?.length || grant.types?.length || grant.networks?.length || grant.expires_ms)}>
      <summary>${t('access.narrow')}</summary>
      <div class="form">
        ${field('names', '*.example.org')}${field('types', 'TXT, A')}${field('networks', '10.0.0.0/8')}
        <${Field} label=${t('access.field.until')} type="datetime-local" value=${localTime(grant.expires_ms)} onInput=${(/** @type {string} */ text) => set({ expires_ms: fromLocalTime(text) })} />
      </div>
    </details>`;
}

/**
 * Words with commas between them. What is typed stays as it is while the field has the focus.
 * @param {{ label: string, help: string, placeholder: string, value: string[], onChange: (value: string[]) => void }} props
 */
function WordsField({ label, help, placeholder, value, onChange }) {
  const typed = (/** @type {string} */ text) => onChange(words(text));
  return html`<${Field} label=${label} help=${help} placeholder=${placeholder} mono autocomplete="off" autocapitalize="none" defaultValue=${value.join(', ')} onInput=${typed} />`;
}
