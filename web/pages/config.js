/** Configuration: what is set and from where, and changes of it. Routes `#/config/settings/GROUP|text|history`. */

import { html, useEffect, useState } from '../ui/html.js';
import { Page } from '../ui/page.js';
import { Tabs } from '../ui/tabs.js';
import { useResource } from '../ui/resource.js';
import { useApp } from '../context.js';
import { href } from '../router.js';
import { t } from '../lib/i18n.js';
import { Part } from './part.js';
import { draftOf } from './config/values.js';
import { History } from './config/review.js';
import { Pending } from './config/review.js';
import { Settings } from './config/settings.js';
import { TextEditor } from './config/text.js';

/**
 * @typedef {{ kind: 'default' | 'file' | 'environment' | 'flag', file?: string, line?: number, column?: number, variable?: string, flag?: string }} Origin
 * @typedef {{ path: string, value: unknown, items?: number, default: unknown, origin: Origin, effect: 'live' | 'rebind' | 'restart' }} Setting
 * @typedef {{ file: string | null, confirm_until_ms: number | null, settings: Setting[] }} Config
 * @typedef {{ config: Config, tag: string | null }} Loaded
 * What the server said of a change that waits for a confirmation: it may not be reached afterwards.
 * @typedef {{ at: number, until: number }} Promised
 */

/** How often the page looks whether somebody else changed something; while a change waits, whether it went back. */
const QUIET_MS = 15_000;
const PENDING_MS = 3000;

/** @param {{ route: import('../router.js').Route }} props */
export default function ConfigPage({ route }) {
  const { http, session } = useApp();
  const draft = draftOf(http);
  const admin = session.can('admin');
  const names = admin ? ['settings', 'text', 'history'] : ['settings'];
  const tab = names.includes(route.path[0] ?? '') ? /** @type {string} */ (route.path[0]) : 'settings';
  const [promised, setPromised] = useState(/** @type {Promised | null} */ (null));
  const res = useResource('config', async (signal) => {
    const { data, etag } = await http.get('/config', { signal });
    return /** @type {Loaded} */ ({ config: data, tag: etag });
  }, { every: promised ? PENDING_MS : QUIET_MS });
  const schema = useResource('config.schema', async (signal) => {
    const { data } = await http.get('/config/schema', { signal, as: 'json' });
    return /** @type {import('./config/values.js').Node} */ (data);
  });
  const known = res.data && (!promised || (res.asOf ?? 0) > promised.at + 500);
  const until = known ? res.data?.config.confirm_until_ms ?? null : promised?.until ?? null;
  const onDone = (/** @type {import('./config/review.js').Outcome | undefined} */ outcome) => {
    const [at, seconds] = [Date.now(), outcome?.confirm_within_s ?? 0];
    if (seconds) setPromised({ at, until: at + seconds * 1000 });
    res.reload();
  };
  const dirty = draft.count() + (draft.text.value === null ? 0 : 1);
  useEffect(() => {
    if (!dirty) return undefined;
    const ask = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [dirty > 0]);
  const counts = /** @type {Record<string, number>} */ ({ settings: draft.count(), text: draft.text.value === null ? 0 : 1 });
  const tabs = names.map((key) => ({ key, label: t(`config.tab.${key}`), href: href('config', [key]), count: counts[key] ? t('config.notApplied', { n: counts[key] ?? 0 }) : undefined }));
  const file = res.data?.config.file;
  const question = !res.data ? t('config.question') : file ? html`${t('config.file')} <span class="mono">${file}</span>` : t('config.noFile');
  return html`<${Page} title=${t('config.title')} question=${admin ? question : html`${question} ${t('config.readOnly')}`} docTitle=${`${t('config.title')} · ${t(`config.tab.${tab}`)}`}>
    <${Pending} until=${until} isCut=${res.stale} reload=${res.reload} may=${admin} onOver=${() => setPromised(null)} />
    ${names.length > 1 && html`<${Tabs} label=${t('config.title')} tabs=${tabs} current=${tab} />`}
    ${tab === 'settings' && html`<${Part} res=${schema}>${(/** @type {import('./config/values.js').Node} */ node) => html`
      <${Part} res=${res}>${(/** @type {Loaded} */ loaded) => html`<${Settings} schema=${node} loaded=${loaded} draft=${draft} route=${route} may=${admin} onDone=${onDone} />`}<//>`}<//>`}
    ${tab === 'text' && html`<${TextEditor} draft=${draft} goTo=${Number(route.params.get('line')) || 0} onDone=${onDone} />`}
    ${tab === 'history' && html`<${History} tag=${res.data?.tag ?? null} route=${route} onDone=${onDone} />`}
  <//>`;
}
