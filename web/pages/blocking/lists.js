/** The lists: how each is doing, what it has, what it blocks, and what can be done with it. */

import { html } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Switch } from '../../ui/field.js';
import { Empty } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { useApp } from '../../context.js';
import { allItems, takeBack, takeBackLatest, versionTag } from '../../api/policy.js';
import { ago, num } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { Part } from '../part.js';
import { ListDrawer } from './listdrawer.js';
import { ListForm } from './listform.js';

/** @typedef {import('../../api/types.js').BlockListOut} BlockList */

const WEEK_MS = 7 * 24 * 3600_000;

/**
 * The state of a list: kind, word, and what else there is to say.
 * @param {BlockList} list
 * @returns {{kind: string, word: string, more: string}}
 */
export function stateOf(list) {
  const checked = list.checked_at_ms ? ago(list.checked_at_ms) : '';
  if (!list.enabled) return { kind: 'off', word: t('blocking.state.disabled'), more: '' };
  if (list.state === 'fetching') return { kind: 'info', word: t('blocking.state.fetching'), more: '' };
  if (list.state === 'failing' || list.problem) {
    return { kind: 'warn', word: t('blocking.state.failing'), more: list.fetched_at_ms ? t('blocking.state.kept', { ago: ago(list.fetched_at_ms) }) : t('blocking.state.nothing') };
  }
  if (list.state === 'waiting') return { kind: 'info', word: t('blocking.state.waiting'), more: '' };
  return { kind: 'ok', word: t('blocking.state.current'), more: list.url ? checked : '' };
}

/**
 * Why a list may not be worth its memory; empty: nothing speaks against it.
 * @param {BlockList} list
 * @returns {string}
 */
export function worth(list) {
  if (!list.enabled || list.state !== 'current' || list.names + list.rules === 0) return '';
  const isOld = !list.set || Date.now() - list.set.at_ms > WEEK_MS;
  if (list.names > 0 && list.own_names === 0 && list.rules === 0) return t('blocking.worth.copies');
  return isOld && list.hits_7d === 0 ? t('blocking.worth.nohits') : '';
}

/**
 * Turns a list on and off, and refreshes or removes one; each with a way back.
 * @param {() => void} reload
 */
export function useListActions(reload) {
  const { http, toast } = useApp();
  const at = (/** @type {BlockList} */ list) => `/blocking/lists/${encodeURIComponent(list.name)}`;
  const attempt = async (/** @type {() => Promise<void>} */ act) => {
    try {
      await act();
    } catch (error) {
      toast.error(/** @type {Error} */ (error));
    }
    reload();
  };
  return {
    toggle: (/** @type {BlockList} */ list) => attempt(async () => {
      const { url, groups, enabled, refresh_hours } = list;
      const { etag } = await http.put(at(list), { url, groups, enabled: !enabled, refresh_hours }, { ifMatch: versionTag(list) });
      toast.ok(t(enabled ? 'blocking.list.isoff' : 'blocking.list.ison', { list: list.name }), { undo: () => takeBack(http, etag).then(reload) });
    }),
    refresh: (/** @type {BlockList} */ list, force = false) => attempt(async () => {
      await http.post(`${at(list)}/refresh`, undefined, { params: force ? { force: true } : {} });
      toast.ok(t('blocking.list.refreshing', { list: list.name }));
    }),
    remove: (/** @type {BlockList} */ list) => attempt(async () => {
      await http.del(at(list), { ifMatch: versionTag(list) });
      toast.ok(t('blocking.list.removed', { list: list.name }), { undo: () => takeBackLatest(http, 'lists', list.name).then(reload) });
    }),
  };
}

/** @param {{list: BlockList}} props */
export function ListState({ list }) {
  const { kind, word, more } = stateOf(list);
  return html`<span class="list-state"><${State} kind=${kind} word=${word} />${more && html` <span class="dim">${more}</span>`}</span>`;
}

/**
 * The columns.
 * @param {{may: boolean, mayLogs: boolean, toggle: (list: BlockList) => void}} props
 * @returns {import('../../ui/table.js').Column<BlockList>[]}
 */
function columns({ may, mayLogs, toggle }) {
  const hits = (/** @type {number} */ count, /** @type {string} */ name, /** @type {string} */ from) => (count && mayLogs
    ? html`<a href=${href('queries', [], { filter: `list:${/\s/.test(name) ? `"${name}"` : name}`, from })}>${num(count)}</a>` : num(count));
  const waits = (/** @type {BlockList} */ list) => list.state === 'waiting' || !list.enabled;
  const onOff = (/** @type {BlockList} */ list) => (list.origin === 'api' && may
    ? html`<${Switch} label=${t('blocking.list.use', { list: list.name })} hideLabel checked=${list.enabled} onChange=${() => toggle(list)} />`
    : html`<span class="dim">${t(list.enabled ? 'blocking.on' : 'blocking.isoff')}</span>`);
  return [
    { key: 'name', title: t('blocking.list'), wide: true, cell: (list) => html`<span class="list-name">${list.name}</span>
      ${list.origin === 'file' && html`<span class="dim"> ${t('blocking.fromfile')}</span>`}
      ${worth(list) && html`<span class="list-worth">${worth(list)}</span>`}` },
    { key: 'state', title: t('blocking.state'), plain: true, cell: (list) => html`<${ListState} list=${list} />` },
    { key: 'names', title: t('blocking.names'), align: 'end', cell: (list) => (waits(list) ? '–' : num(list.names)) },
    { key: 'own', title: t('blocking.own'), align: 'end', cell: (list) => (waits(list) ? '–' : num(list.own_names)) },
    { key: 'rules', title: t('blocking.rules'), align: 'end', off: true, cell: (list) => num(list.rules) },
    { key: 'day', title: t('blocking.hits.day'), align: 'end', plain: true, cell: (list) => hits(list.hits_24h, list.name, '-24h') },
    { key: 'week', title: t('blocking.hits.week'), align: 'end', plain: true, cell: (list) => hits(list.hits_7d, list.name, '-7d') },
    { key: 'for', title: t('blocking.for'), cell: (list) => forWords(list.groups) },
    { key: 'on', title: t('blocking.used'), plain: true, cell: onOff },
  ];
}

/**
 * The groups that a list is for.
 * @param {string[]} groups
 * @returns {string}
 */
export function forWords(groups) {
  return groups.length ? groups.join(', ') : 'default';
}

/** Two lines of a list where there is little room. @param {BlockList} list */
function phone(list) {
  return html`
    <span class="line-1"><b>${list.name}</b> <${ListState} list=${list} /></span>
    <span class="line dim">${t('blocking.list.line', { names: num(list.names), own: num(list.own_names), hits: num(list.hits_7d) })}</span>
    ${worth(list) && html`<span class="line list-worth">${worth(list)}</span>`}`;
}

/** What stands where there are no lists. @param {{may: boolean}} props */
function NoLists({ may }) {
  const formats = ['hosts', 'names', 'rules'];
  return html`
    <${Empty} title=${t('blocking.lists.empty')} why=${t('blocking.lists.empty.why')}
      action=${may && html`<${Button} tone="primary" label=${t('blocking.list.add')} onClick=${() => setParams({ add: '1' }, { push: true })} />`} />
    <ul class="formats">${formats.map((key) => html`<li key=${key}><b>${t(`blocking.format.${key}`)}</b> <code>${t(`blocking.format.${key}.example`)}</code></li>`)}</ul>`;
}

/** @param {{params: URLSearchParams, onChanged: () => void}} props */
export function Lists({ params, onChanged }) {
  const { http, session } = useApp();
  const [may, mayLogs] = [session.can('configure'), session.can('read_logs')];
  const res = useResource('blocking.lists', (/** @type {AbortSignal} */ signal) => /** @type {Promise<BlockList[]>} */ (allItems(http, '/blocking/lists', { signal })), { every: 5000 });
  const reload = () => {
    res.reload();
    onChanged();
  };
  const act = useListActions(reload);
  const open = params.get('list') ?? '';
  const close = () => setParams({ list: null, add: null, edit: null });
  const table = (/** @type {BlockList[]} */ lists) => {
    const shownList = lists.find((list) => list.name === open);
    const editable = shownList && may && shownList.origin === 'api' && params.get('edit');
    const items = (/** @type {BlockList} */ list) => [
      { label: t('blocking.list.show'), onSelect: () => setParams({ list: list.name }, { push: true }) },
      ...(may && list.url ? [{ label: t('blocking.list.refresh'), onSelect: () => act.refresh(list) }] : []),
      ...(mayLogs ? [{ label: t('blocking.list.try'), href: href('blocking', ['simulate'], { list: list.name }) }] : []),
      ...(may && list.origin === 'api' ? [
        { label: t('blocking.edit'), onSelect: () => setParams({ list: list.name, edit: '1' }, { push: true }) },
        { label: t('blocking.remove'), danger: true, onSelect: () => act.remove(list) },
      ] : []),
    ];
    return html`
      ${lists.length > 0 && may && html`<div class="tab-actions">
        <${Button} tone="primary" label=${t('blocking.list.add')} onClick=${() => setParams({ add: '1' }, { push: true })} /></div>`}
      <${DataTable} id="lists" caption=${t('blocking.tab.lists')} columns=${columns({ may, mayLogs, toggle: act.toggle })} rows=${lists} open=${open}
        rowKey=${(/** @type {BlockList} */ list) => list.name} onOpen=${(/** @type {BlockList} */ list) => setParams({ list: list.name }, { push: true })}
        actions=${items} phone=${phone} busy=${res.loading && !res.data} empty=${html`<${NoLists} may=${may} />`} />
      ${may && params.get('add') && html`<${ListForm} taken=${lists.map((list) => list.name)} onClose=${close} onDone=${reload} />`}
      ${editable && html`<${ListForm} key=${open} list=${shownList} taken=${[]} onClose=${close} onDone=${reload} />`}
      ${shownList && !editable && html`<${ListDrawer} list=${shownList} may=${may} act=${act} onClose=${close} />`}`;
  };
  return html`<${Part} res=${res}>${table}<//>`;
}

