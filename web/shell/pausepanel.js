/** What the pause menu opens: who is paused, and pausing blocking for everybody, a group or a device. */

import { useApp } from '../context.js';
import { dateTime, duration, time } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { fieldText, parseTime } from '../lib/time.js';
import { href } from '../router.js';
import { Button } from '../ui/button.js';
import { Field, Form, Select } from '../ui/field.js';
import { html, useState } from '../ui/html.js';
import { useResource } from '../ui/resource.js';
import { countdown } from './pause.js';

/** @typedef {import('./pause.js').Scope} Scope */
/** @typedef {{name: string, id?: string}} Named */

/** @param {{close: (back?: boolean) => void}} props */
export function PausePanel({ close }) {
  const { pause, session } = useApp();
  const blocking = pause.blocking.value;
  const holding = pause.holding.value;
  const may = session.can('configure');
  const leave = () => close(false);
  return html`<div class="pause-panel stack">
    ${!blocking ? html`<p class="muted">${t('common.loading')}</p>` : !blocking.enabled
      ? html`<p>${t('shell.blocking_off_text')}</p>`
      : html`<p class="muted">${blocking.names > 0 ? t('shell.blocking_text', { n: blocking.names, lists: blocking.lists }) : t('shell.blocking_nothing')}</p>`}
    ${holding.length > 0 && html`<${Holding} may=${may} />`}
    ${blocking?.enabled && (may ? html`<${PauseForm} close=${close} />` : html`<p class="meta">${t('shell.pause_right')}</p>`)}
    <a href=${href('blocking')} onClick=${leave}>${t('shell.blocking_page')}</a>
  </div>`;
}

/** @param {{may: boolean}} props */
function Holding({ may }) {
  const { pause, toast, http } = useApp();
  const devices = useResource(pause.holding.value.some(({ scope }) => typeof scope === 'object' && 'device' in scope) ? 'devices' : null, (signal) => listOf(http, '/clients', signal));
  const name = (/** @type {Scope} */ scope) => {
    if (scope === 'all') return t('shell.everybody');
    if ('group' in scope) return t('shell.group_named', { name: scope.group });
    return devices.data?.find(({ id }) => id === scope.device)?.name ?? t('shell.a_device');
  };
  const end = (/** @type {string} */ id) => pause.end(id).then(() => toast.ok(t('shell.blocking_again')), toast.error);
  return html`<ul class="pause-list">
    ${pause.holding.value.map(({ id, scope, until_ms: until, by }) => html`<li key=${id}>
      <span><b>${name(scope)}</b><span class="meta">${t('shell.paused_by', { left: countdown(until - pause.now.value), by: by.replace(/^user:/, '') })}</span></span>
      ${may && html`<${Button} small label=${t('shell.block_again')} onClick=${() => end(id)} />`}
    </li>`)}
  </ul>`;
}

/**
 * @param {import('../api/http.js').Http} http
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {Promise<Named[]>}
 */
async function listOf(http, path, signal) {
  const { data } = await http.get(path, { params: { limit: 1000 }, signal, quiet: true });
  return data.items;
}

const MINUTES = [5, 30, 60];

/** @param {{close: (back?: boolean) => void}} props */
function PauseForm({ close }) {
  const { pause, toast, http } = useApp();
  const [scope, setScope] = useState('all');
  const [until, setUntil] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const [custom, setCustom] = useState(false);
  const groups = useResource('groups', (signal) => listOf(http, '/groups', signal));
  const devices = useResource('devices', (signal) => listOf(http, '/clients', signal));
  const options = [
    { value: 'all', label: t('shell.everybody') },
    ...(groups.data ?? []).map(({ name }) => ({ value: `group ${name}`, label: t('shell.group_named', { name }) })),
    ...(devices.data ?? []).map(({ name }) => ({ value: `device ${name}`, label: name })),
  ];
  const begin = async (/** @type {{minutes?: number, until_ms?: number}} */ how) => {
    setBusy(true);
    try {
      const made = await pause.start(scopeOf(scope), how);
      const who = options.find(({ value }) => value === scope)?.label ?? '';
      toast.ok(t('shell.pause_made', { who, until: made.until_ms - Date.now() < 43_200_000 ? time(made.until_ms) : dateTime(made.until_ms) }), { undo: () => pause.end(made.id) });
      close();
    } catch (failed) {
      toast.error(failed);
    }
    setBusy(false);
  };
  const submit = () => {
    const at = /^\d+$/.test(until.trim()) ? Date.now() + Number(until) * 60_000 : parseTime(until);
    if (at === null || at <= Date.now()) setError(t('shell.pause_until_error'));
    else begin({ until_ms: at });
  };
  return html`<div class="stack">
    <${Select} label=${t('shell.pause_for')} value=${scope} options=${options} onChange=${setScope} />
    <div class="row pause-times">
      ${MINUTES.map((minutes) => html`<${Button} key=${minutes} small busy=${busy} label=${duration(minutes * 60_000)} onClick=${() => begin({ minutes })} />`)}
      <${Button} small tone="quiet" label=${t('shell.pause_longer')} aria-expanded=${custom} onClick=${() => { setCustom(!custom); setUntil(fieldText(Date.now() + 7_200_000).slice(0, 16)); }} />
    </div>
    ${custom && html`<${Form} onSubmit=${submit} busy=${busy} label=${t('shell.pause_until')}>
      <${Field} label=${t('shell.pause_until')} value=${until} error=${error} help=${t('shell.pause_until_help')} onInput=${(/** @type {string} */ text) => { setUntil(text); setError(''); }} autocomplete="off" />
      <div><${Button} type="submit" small label=${t('shell.pause_do')} busy=${busy} /></div>
    </${Form}>`}
  </div>`;
}

/** @param {string} text @returns {Scope} */
function scopeOf(text) {
  const cut = text.indexOf(' ');
  if (cut < 0) return 'all';
  const name = text.slice(cut + 1);
  return text.startsWith('group') ? { group: name } : { device: name };
}
