/** Takes entries out of the cache, and puts them in ahead of clients. Used by the cache page. */

import { html, useState } from '../../ui/html.js';
import { newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { shown } from '../../lib/dns.js';
import { num } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Form, TextArea } from '../../ui/field.js';
import { useResource } from '../../ui/resource.js';
import { Part } from '../part.js';

/** @typedef {{ name: string, below: boolean, type: string }} What */

/** Pages of 1000 names that are counted at the most, before it says "more than". */
const MAX_PAGES = 20;

/**
 * How many entries there are. Everything, and types, are counted by the server; the rest is counted page by page.
 * @param {import('../../api/http.js').Http} http @param {What} what @returns {Promise<{ n: number, more: boolean }>}
 */
async function count(http, { name, below, type }) {
  if (!name) {
    const { data } = await http.get('/cache/stats');
    const known = data.types.find((/** @type {{ type: string }} */ it) => it.type === type.toUpperCase());
    if (!type) return { n: data.entries, more: false };
    if (known) return { n: known.entries, more: false };
  }
  let [n, after] = [0, ''];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const params = { name: name || null, subtree: name && below ? true : null, type: type || null, limit: 1000, after: after || null };
    const { data } = await http.get('/cache', { params });
    n += data.items.length;
    if (!data.next) return { n, more: false };
    after = data.next;
  }
  return { n, more: true };
}

/** @param {What} what */
function words({ name, below, type }) {
  if (!name && !type) return t('cache.what.all');
  if (!name) return t('cache.what.type', { type });
  return t(`cache.what.${below ? 'below' : 'name'}${type ? 'Type' : ''}`, { name, type });
}

/**
 * @param {import('../../context.js').App} app @param {What} what @param {() => void} onDone
 */
export async function forget({ http, dialogs, toast }, what, onDone) {
  try {
    const { n, more } = await count(http, what);
    if (n === 0) return void toast.ok(t('cache.zero', { what: words(what) }));
    const title = more ? t('cache.confirmMore', { count: num(n) }) : t('cache.confirm', { n });
    const sure = await dialogs.confirm({ title, text: t('cache.confirmText', { what: words(what) }), action: t('cache.forget'), danger: true });
    if (!sure) return undefined;
    const { name, below, type } = what;
    const body = name || type ? { ...(name ? { name, subtree: below } : {}), ...(type ? { type } : {}) } : { all: true };
    const { data } = await http.post('/cache/flush', body, { idempotencyKey: newKey() });
    toast.ok(t('cache.forgotten', { n: data.flushed }));
    onDone();
  } catch (error) {
    toast.error(/** @type {any} whatever went wrong */ (error));
  }
  return undefined;
}

/** @typedef {{ name: string, type: string, hits: number }} Popular */

const MAX_QUESTIONS = 1000;

/** `name TYPE`, one a line; A without a type. @param {string} text */
function questionsOf(text) {
  return text.split('\n').map((line) => line.trim().split(/\s+/)).filter(([name]) => name)
    .map(([name = '', type = 'A']) => ({ name, type: type.toUpperCase() }));
}

/** @param {{ onClose: () => void }} props */
export function Warm({ onClose }) {
  const { http, toast } = useApp();
  const popular = useResource('cache.popular', async (signal) => /** @type {Popular[]} */ ((await http.get('/cache/warm', { params: { limit: 50 }, signal })).data.items));
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const questions = questionsOf(text);
  const run = async () => {
    if (!questions.length) return setError(t('cache.warmNothing'));
    if (questions.length > MAX_QUESTIONS) return setError(t('cache.warmMany', { max: MAX_QUESTIONS }));
    setBusy(true);
    setError('');
    try {
      const { data } = await http.post('/cache/warm', { questions });
      toast.ok(t('cache.warmed', { resolved: num(data.resolved), failed: num(data.failed) }));
      onClose();
    } catch (problem) {
      const { errors = [], message } = /** @type {import('../../api/http.js').ApiError} */ (problem);
      const line = /^\/questions\/(\d+)/.exec(errors[0]?.pointer ?? '')?.[1];
      setError(line ? t('cache.warmLine', { line: Number(line) + 1, detail: errors[0]?.detail ?? '' }) : message);
    }
    setBusy(false);
    return undefined;
  };
  return html`<${Drawer} title=${t('cache.warm')} onClose=${onClose}>
    <p>${t('cache.warmHelp')}</p>
    <${Form} onSubmit=${run} busy=${busy}>
      <${TextArea} label=${t('cache.questions')} help=${t('cache.questionsHelp')} value=${text} onInput=${setText} error=${error} rows=${8} mono />
      <div><${Button} tone="primary" type="submit" busy=${busy} label=${t('cache.warmNow', { n: questions.length })} /></div>
    <//>
    <h3>${t('cache.popular')}</h3>
    <${Part} res=${popular}>${(/** @type {Popular[]} */ items) => (items.length
      ? html`<p><${Button} label=${t('cache.warmTake')} onClick=${() => setText(items.map((it) => `${it.name} ${it.type}`).join('\n'))} /></p>
        <ol class="plain-list popular">${items.map((it) => html`<li><span class="mono">${shown(it.name)} ${it.type}</span> <span class="meta">${t('cache.hitCount', { n: it.hits })}</span></li>`)}</ol>`
      : html`<p class="meta">${t('cache.popularNone')}</p>`)}<//>
  <//>`;
}
