// Choices that blocking, devices and security share: one of a few, for whom, and how long.

import { html, useId, useState } from './html.js';
import { duration } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { groupNames } from '../api/policy.js';
import { Field } from './field.js';

const MINUTE_MS = 60_000;

/**
 * One of a few choices, all of them in sight.
 * @param {{legend: string, value: string, options: [value: string, label: string][], onChange: (value: string) => void,
 *   hideLegend?: boolean}} props
 * @returns {import('./html.js').VNode}
 */
export function Segments({ legend, value, options, onChange, hideLegend = false }) {
  const name = useId();
  const one = (/** @type {[string, string]} */ [key, label]) => html`
    <label key=${key} class="segment">
      <input type="radio" name=${name} checked=${key === value} onChange=${() => onChange(key)} />
      <span>${label}</span>
    </label>`;
  return html`<fieldset class="segments"><legend class=${hideLegend ? 'visually-hidden' : ''}>${legend}</legend><div class="segment-row">${options.map(one)}</div></fieldset>`;
}

/**
 * A time span that is chosen: `ever`, minutes, or until a moment.
 * @typedef {object} Term
 * @property {string} value             `ever`, a number of minutes, or `at`
 * @property {(value: string) => void} set
 * @property {string} at                as `datetime-local` has it
 * @property {(at: string) => void} setAt
 * @property {() => number | null} untilMs  when it ends; null: never
 * @property {() => number} minutes     its length, at least one
 * @property {boolean} ok               whether it ends after now
 * @property {string} words             `1 h`; empty: for good, or until a moment
 */

/**
 * @param {number} ms
 * @returns {string} as `datetime-local` has it, in the browser's zone
 */
function localText(ms) {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE_MS);
  return date.toISOString().slice(0, 16);
}

/**
 * A time span to be chosen.
 * @param {string} initial
 * @returns {Term}
 */
export function useTerm(initial) {
  const [value, set] = useState(initial);
  const [at, setAt] = useState(() => localText(Date.now() + 24 * 60 * MINUTE_MS));
  const untilMs = () => {
    if (value === 'ever') return null;
    return value === 'at' ? new Date(at).getTime() : Date.now() + Number(value) * MINUTE_MS;
  };
  const minutes = () => Math.max(1, Math.round(((untilMs() ?? 0) - Date.now()) / MINUTE_MS));
  const ok = value !== 'at' || new Date(at).getTime() > Date.now();
  const words = value === 'ever' || value === 'at' ? '' : duration(Number(value) * MINUTE_MS);
  return { value, set, at, setAt, untilMs, minutes, ok, words };
}

/**
 * The choice of a time span.
 * @param {{term: Term, options: string[], legend?: string}} props  options: `ever`, `at`, or minutes
 * @returns {import('./html.js').VNode}
 */
export function TermChoice({ term, options, legend }) {
  const label = (/** @type {string} */ value) => {
    if (value === 'ever') return t('blocking.term.ever');
    return value === 'at' ? t('blocking.term.at') : duration(Number(value) * MINUTE_MS);
  };
  const all = options.map((value) => /** @type {[string, string]} */ ([value, label(value)]));
  const moment = () => html`<${Field} label=${t('blocking.term.moment')} type="datetime-local" value=${term.at} onInput=${term.setAt}
    error=${!term.ok && t('blocking.term.past')} />`;
  return html`
    <${Segments} legend=${legend ?? t('blocking.term.legend')} value=${term.value} options=${all} onChange=${term.set} />
    ${term.value === 'at' && moment()}`;
}

/**
 * For whom something is: `all`, `group:NAME` or `device:NAME`.
 * @param {{label: string, value: string, people: import('../api/policy.js').People | null, onChange: (value: string) => void,
 *   all?: string}} props
 * @returns {import('./html.js').VNode}
 */
export function WhoSelect({ label, value, people, onChange, all }) {
  const option = (/** @type {string} */ kind) => (/** @type {string} */ name) =>
    html`<option key=${name} value=${`${kind}:${name}`} selected=${value === `${kind}:${name}`}>${name}</option>`;
  const devices = people?.devices ?? [];
  return html`
    <${Field} label=${label}>${(/** @type {object} */ attributes) => html`
      <select class="input select" ...${attributes} value=${value} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
        <option value="all" selected=${value === 'all'}>${all ?? t('blocking.everybody')}</option>
        <optgroup label=${t('blocking.groups')}>${groupNames(people?.groups ?? []).map(option('group'))}</optgroup>
        ${devices.length > 0 && html`
          <optgroup label=${t('blocking.devices')}>${devices.map((device) => option('device')(device.name))}</optgroup>`}
      </select>`}
    <//>`;
}

/**
 * What `WhoSelect` gives, in its parts.
 * @param {string} value
 * @returns {{kind: 'all' | 'group' | 'device', name: string}}
 */
export function whoOf(value) {
  const at = value.indexOf(':');
  if (at < 0) return { kind: 'all', name: '' };
  return { kind: /** @type {'group' | 'device'} */ (value.slice(0, at)), name: value.slice(at + 1) };
}
