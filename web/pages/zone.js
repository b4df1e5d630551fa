/**
 * One zone: `#/zones/NAME/TAB`. Loads what all tabs need, keeps the draft, and hears of changes that others make.
 */
import { html, signal, useEffect, useMemo } from '../ui/html.js';
import { useApp } from '../context.js';
import { subscribeEvents } from '../api/sse.js';
import { loadArea, t } from '../lib/i18n.js';
import { num } from '../lib/format.js';
import { shown, undotted } from '../lib/dns.js';
import { href } from '../router.js';
import { loadStyle } from '../ui/lazy.js';
import { Banner, Empty, ErrorPanel, Loading, Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { State } from '../ui/state.js';
import { Tabs } from '../ui/tabs.js';
import { whoText } from '../ui/timeline.js';
import { ApiError } from '../api/http.js';
import { createDraft } from './zone/draft.js';
import { stateOf } from './zone/state.js';
import { Tray } from './zone/tray.js';
import { useTypes } from './zone/types.js';

/** @typedef {import('./zone/parts.js').ZoneView} ZoneView */

const TABS = /** @type {Record<string, () => Promise<{default: (props: {view: ZoneView, params: URLSearchParams}) => any}>>} */ ({
  records: () => import('./zone/records.js'),
  history: () => import('./zone/history.js'),
  dnssec: () => Promise.all([import('./zone/dnssec.js'), loadStyle('dnssec'), loadStyle('protect'), loadArea('dnssec')]).then(([module]) => module),
  transfers: () => import('./zone/transfers.js'),
  settings: () => Promise.all([import('./zone/settings.js'), loadArea('dnssec')]).then(([module]) => module),
});

/** The final dot is what the API writes. @param {string} name */
const dotted = (name) => name.endsWith('.') ? name : `${name}.`;

/** @param {{route: import('../router.js').Route}} props */
export default function ZonePage({ route }) {
  const [name, tab = 'records'] = route.path;
  // While another page is being loaded, this one still stands.
  if (!name) return null;
  const zone = dotted(name.toLowerCase());
  return html`<${Zone} key=${zone} name=${zone} tab=${tab in TABS ? tab : 'records'} params=${route.params} />`;
}

/** Why the records of a zone cannot be changed here. @param {any} info @returns {string | null} */
const reasonOf = (info) => info.source === 'file' ? 'file' : info.settings.kind === 'secondary' ? 'secondary' : null;

/** How the history and drafts name a user. @param {{name: string} | null} me */
const whoOf = (me) => !me ? '' : me.name.includes(':') || me.name === 'local' ? me.name : `user:${me.name}`;

/** @param {string} name */
function useZone(name) {
  const { http, session } = useApp();
  const path = `/zones/${encodeURIComponent(name)}`;
  const info = useResource(`zone:${name}`, (/** @type {AbortSignal} */ stop) => http.get(path, { signal: stop }).then((reply) => reply.data));
  const types = useTypes();
  const who = whoOf(session.me.value);
  const draft = useMemo(() => createDraft({ http, zone: name, who }), [name, who]);
  const news = useMemo(() => signal(/** @type {any} */ (null)), [name]);
  const turn = useMemo(() => signal(0), [name]);
  useEffect(() => {
    if (who) draft.load().then(() => draft.rebase()).catch((reason) => { draft.error.value = reason; });
    // What was edited a moment ago is saved also when the page is left or loaded anew.
    const leave = () => void draft.flush();
    addEventListener('pagehide', leave);
    return () => { removeEventListener('pagehide', leave); leave(); };
  }, [draft]);
  useEffect(() => subscribeEvents(({ type, data: event }) => {
    if (type !== 'change' || !event.zones.some((/** @type {any} */ one) => one.zone === name)) return;
    turn.value += 1;
    info.reload();
    if (draft.own.has(event.id) || event.who === who) return;
    news.value = event;
    if (draft.count.value) void draft.rebase().catch((reason) => { draft.error.value = reason; });
  }, { base: http.base }), [name, draft]);
  const reload = () => { turn.value += 1; info.reload(); };
  return { name, path, info, types, draft, news, turn, reload };
}

/** @param {{name: string, tab: string, params: URLSearchParams}} props */
function Zone({ name, tab, params }) {
  const zone = useZone(name);
  const { data, error } = zone.info;
  const { session } = useApp();
  const canEdit = session.canSomewhere('update');
  const isGone = error instanceof ApiError && error.status === 404;
  const title = shown(undotted(name));
  const view = /** @type {ZoneView} */ ({ ...zone, info: data, why: data ? reasonOf(data) ?? (canEdit ? null : 'right') : null });
  return html`<${Page} title=${title} question=${t('zone.question')} actions=${data && html`<${Facts} info=${data} />`}>
    ${isGone && html`<${Gone} name=${name} tab=${tab} />`}
    ${error && !isGone && !data && html`<${ErrorPanel} error=${error} onRetry=${zone.info.reload} />`}
    ${data && html`<${Notices} view=${view} />`}
    ${data && html`<${Tabs} label=${t('zone.tabs')} value=${tab} tabs=${Object.keys(TABS).map((id) => ({ id, label: t(`zone.tab.${id}`), href: href('zone', [name, id]) }))} />`}
    ${data ? html`<${Tab} tab=${tab} view=${view} params=${params} />` : isGone ? tab === 'history' && html`<${Tab} tab="history" view=${view} params=${params} />` : !error && html`<${Loading} />`}
    ${data && html`<${Tray} view=${view} params=${params} />`}
  <//>`;
}

/** @param {{tab: string, view: ZoneView, params: URLSearchParams}} props */
function Tab({ tab, view, params }) {
  const module = useResource(`zone-tab:${tab}`, () => TABS[tab](), { keep: false });
  if (module.error) return html`<${ErrorPanel} error=${module.error} onRetry=${module.reload} />`;
  return module.data ? html`<${module.data.default} view=${view} params=${params} />` : html`<${Loading} />`;
}

/** @param {{info: any}} props */
function Facts({ info }) {
  const state = stateOf(info);
  return html`<dl class="zone-facts">
    <div><dt class="visually-hidden">${t('zones.col.state')}</dt><dd><${State} kind=${state.kind} word=${state.word} /></dd></div>
    <div><dt>${t('zones.col.kind')}</dt><dd>${t(`zones.kind.${info.settings.kind}`)}</dd></div>
    <div><dt>${t('zones.col.serial')}</dt><dd class="mono">${info.serial ?? '–'}</dd></div>
    <div><dt>${t('zones.col.records')}</dt><dd>${num(info.records)}</dd></div>
  </dl>`;
}

/** What one should know before reading on. @param {{view: ZoneView}} props */
function Notices({ view }) {
  const { info, why, news } = view;
  const primary = info.settings.primaries.join(', ');
  return html`
    ${why && html`<${Banner} tone="info">${t(`zone.readOnly.${why}`, { primary, name: view.name })}</${Banner}>`}
    ${news.value && html`<${Banner} tone="info" onClose=${() => { news.value = null; }}>${t('zone.news', { who: whoText(news.value.who), why: news.value.why || t('changes.noWhy') })}
      ${' '}<a href=${href('zone', [view.name, 'history'])}>${t('zone.tab.history')}</a></${Banner}>`}
    ${info.findings.count > 0 && html`<details class="zone-findings"><summary>${t('zone.findings', { n: info.findings.count })}</summary>
      <ul>${info.findings.list.slice(0, 100).map((/** @type {any} */ one) => html`<li><span class="mono">${shown(one.name)} ${one.type ?? ''}</span> ${one.detail}</li>`)}</ul></details>`}`;
}

/** @param {{name: string, tab: string}} props */
function Gone({ name, tab }) {
  return tab === 'history' ? html`<${Banner} tone="warn">${t('zone.gone.history', { name: shown(undotted(name)) })}</${Banner}>`
    : html`<${Empty} title=${t('zone.gone.title', { name: shown(undotted(name)) })} why=${t('zone.gone.why')} action=${html`<a class="button" href=${href('zone', [name, 'history'])}>${t('zone.gone.action')}</a>`} />`;
}
