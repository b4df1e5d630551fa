/** What the palette finds: pages, zones, devices, actions, and "explain NAME TYPE", "check NAME". */

import { useApp } from '../context.js';
import { shown } from '../lib/dns.js';
import { t } from '../lib/i18n.js';
import { go, href, setParams } from '../router.js';
import { html, useState } from '../ui/html.js';
import { Palette } from '../ui/palette.js';
import { useResource } from '../ui/resource.js';
import { allowedPages } from './pages.js';

/** @typedef {import('../ui/palette.js').Entry} Entry */
/** @typedef {import('../context.js').App} App */

/** Zones that are shown, and how often the server is asked for more of them. */
const ZONES = 20;
const SLICES = 10;

const TYPE = /^(?:type\d{1,5}|[a-z][a-z0-9-]{0,11})$/i;

/**
 * @param {App} app
 * @returns {Entry[]}
 */
function actions(app) {
  const { pause, settings, session, toast } = app;
  const group = t('shell.actions');
  /** @type {(Entry|false)[]} */
  const all = [
    ...(session.can('configure') && pause.blocking.value?.enabled ? [5, 30, 60].map((minutes) => ({
      id: `pause:${minutes}`, group, icon: 'pause', label: t('shell.action_pause', { n: minutes }),
      run: () => pause.start('all', { minutes }).then((made) => toast.ok(t('shell.action_paused', { n: minutes }), { undo: () => pause.end(made.id) }), toast.error),
    })) : []),
    session.can('configure') && pause.holding.value.length > 0 && {
      id: 'pause:end', group, icon: 'play', label: t('shell.action_block_again'), run: () => pause.endAll().then(() => toast.ok(t('shell.blocking_again')), toast.error),
    },
    { id: 'theme', group, icon: 'moon', label: t('shell.action_theme'), hint: 't', run: settings.toggleTheme },
    ...['en', 'de'].map((key) => ({ id: `lang:${key}`, group, label: t(`shell.language.${key}`), words: 'language sprache', run: () => settings.lang.set(key) })),
    { id: 'utc', group, icon: 'clock', label: t(settings.utc.value ? 'shell.times_local' : 'shell.times_utc'), run: () => settings.utc.set(!settings.utc.value) },
    { id: 'out', group, icon: 'out', label: t('shell.log_out'), run: () => session.logOut() },
  ];
  return /** @type {Entry[]} */ (all.filter(Boolean));
}

/**
 * Entries that come from what is typed.
 * @param {App} app
 * @param {string} text
 * @returns {Entry[]}
 */
function typedEntries({ session }, text) {
  const [first = '', second = '', third = ''] = text.split(/\s+/);
  const explicit = /^(explain|check|erkläre|prüfe)$/i.test(first);
  const name = explicit ? second : first;
  if (!/[.:]/.test(name) && !explicit) return [];
  if (name === '') return [];
  const wanted = explicit ? third : second;
  const type = TYPE.test(wanted) ? wanted.toUpperCase() : 'A';
  const group = t('shell.about_name');
  /** @type {(Entry|false)[]} */
  const entries = [
    session.can('read') && !/^(check|prüfe)$/i.test(first) && { id: 'explain', group, icon: 'help', label: t('shell.explain', { name: shown(name), type }), run: () => setParams({ explain: `${name} ${type}` }, { push: true }) },
    session.can('read') && !/^(explain|erkläre)$/i.test(first) && { id: 'check', group, icon: 'blocking', label: t('shell.check', { name: shown(name) }), run: () => go(href('blocking', [], { name })) },
    session.can('read_logs') && !explicit && { id: 'queries', group, icon: 'queries', label: t('shell.queries_of', { name: shown(name) }), run: () => go(href('queries', [], { filter: `name:${name.replace(/\.$/, '')}` })) },
  ];
  return /** @type {Entry[]} */ (entries.filter(Boolean));
}

/**
 * Some zones with a text in their names, once the typing has come to a rest.
 * @param {App['http']} http
 * @param {string} contains
 * @param {AbortSignal} signal
 */
async function zonesWith(http, contains, signal) {
  await new Promise((done) => setTimeout(done, 120));
  const items = /** @type {{name: string, unicode?: string}[]} */ ([]);
  let after = null;
  // The server looks for 200 ms at a time.
  for (let slice = 0; slice < SLICES && items.length < ZONES && !signal.aborted; slice += 1) {
    const { data } = await http.get('/zones', { params: { contains, limit: ZONES, after }, signal, quiet: true });
    items.push(...data.items);
    after = data.next;
    if (!after) break;
  }
  return items;
}

/** @param {{start: {current: string}, onClose: () => void}} props `start`: what was typed already */
export function Commands({ start, onClose }) {
  const app = useApp();
  const { http, session } = app;
  const [asked, setAsked] = useState(start.current.trim());
  const zones = useResource(asked && session.canSomewhere('read') ? `zones ${asked}` : null, (signal) => zonesWith(http, asked.split(/\s+/)[0] ?? '', signal));
  const devices = useResource(session.can('read') ? 'devices' : null, (signal) => http.get('/clients', { params: { limit: 1000 }, signal, quiet: true }).then(({ data }) => data));
  /** @type {Entry[]} */
  const entries = [
    ...allowedPages(session).map(({ page, key }) => ({ id: `page:${page}`, group: t('shell.pages'), icon: page, label: t(`shell.page.${page}`), words: t(`shell.words.${page}`), hint: `g ${key}`, run: () => go(href(page)) })),
    ...actions(app),
    ...(zones.data ?? []).map((/** @type {{name: string, unicode?: string}} */ { name, unicode }) => ({ id: `zone:${name}`, group: t('shell.page.zones'), icon: 'zones', label: shown(name), words: unicode ?? '', run: () => go(href('zone', [name, 'records'])) })),
    ...(devices.data?.items ?? []).map((/** @type {{name: string, addresses?: string[]}} */ { name, addresses = [] }) => ({ id: `device:${name}`, group: t('shell.devices'), icon: 'clients', label: name, words: addresses.join(' '), hint: addresses[0], run: () => go(href('clients', [], { device: name })) })),
  ];
  return html`<${Palette} start=${start.current} entries=${entries} typed=${(/** @type {string} */ text) => typedEntries(app, text)} onType=${setAsked} busy=${zones.loading || devices.loading} onClose=${onClose} />`;
}
