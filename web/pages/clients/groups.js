/** Groups: what holds for several devices alike, and at which hours something else does. */

import { html } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Empty, Facts, Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { useApp } from '../../context.js';
import { DEFAULT_GROUP, allItems, takeBackLatest, versionTag } from '../../api/policy.js';
import { num } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { Part } from '../part.js';
import { GroupForm } from './groupform.js';
import { PauseList, PauseButtons } from './pauses.js';
import { Week } from './week.js';

/** @typedef {import('../../api/policy.js').Group} Group */
/** @typedef {import('../../api/policy.js').People} People */
/** @typedef {import('../../api/policy.js').Pause} Pause */
/** @typedef {import('../../api/types.js').BlockListOut} BlockList */
/** @template T @typedef {import('../part.js').Resource<T>} Resource */

/** The lists that hold for a group: its own, and those that name it. @param {Group} group @param {BlockList[]} lists */
function listsOf(group, lists) {
  const naming = lists.filter((list) => list.groups.includes(group.name) || (!list.groups.length && group.name === DEFAULT_GROUP)).map((list) => list.name);
  return [...new Set([...group.lists, ...naming])].sort();
}

/**
 * @param {{group: Group, lists: BlockList[], pauses: Pause[], people: People, may: boolean, onRemove: (group: Group) => void}} props
 */
function GroupPanel({ group, lists, pauses, people, may, onRemove }) {
  // The default group is there without being written down; it can be set here unless the file has it.
  const isOwn = may && (group.origin === 'api' || (group.name === DEFAULT_GROUP && !group.set));
  const names = listsOf(group, lists);
  const search = group.safe_search === 'strict' ? 'strict' : group.safe_search ? 'moderate' : 'off';
  const own = pauses.filter(({ scope }) => typeof scope === 'object' && 'group' in scope && scope.group === group.name);
  const facts = [
    [t('clients.devices'), group.devices ? html`<a href=${href('clients', ['devices'], { find: group.name })}>${num(group.devices)}</a>` : num(0)],
    [t('clients.lists'), names.length ? names.join(', ') : t('clients.lists.none')],
    [t('clients.search'), t(`clients.search.${search}`)],
    group.rules.length > 0 && [t('clients.rules'), html`<ul class="plain-list">${group.rules.map((rule) => html`<li key=${rule}><code class="breaks">${rule}</code></li>`)}</ul>`],
    group.allow.length > 0 && [t('clients.allow'), group.allow.join(', ')],
  ];
  return html`
    <${Panel} title=${group.name} note=${group.name === DEFAULT_GROUP ? t('clients.default') : group.origin === 'file' ? t('blocking.fromfile') : ''}
      actions=${isOwn && html`<${Button} small label=${t('blocking.edit')} aria-label=${t('clients.group.edit', { name: group.name })} onClick=${() => setParams({ edit: group.name }, { push: true })} />
        ${group.devices === 0 && group.name !== DEFAULT_GROUP && html`<${Button} small label=${t('blocking.remove')} aria-label=${t('clients.group.remove', { name: group.name })} onClick=${() => onRemove(group)} />`}`}>
      <div class="stack">
        <${Facts} items=${facts} />
        ${group.schedules.length > 0 && html`<${Week} schedules=${group.schedules} />`}
        <${PauseList} pauses=${own} devices=${people.devices} may=${may} />
        ${may && own.length === 0 && html`<${PauseButtons} scope=${{ group: group.name }} name=${group.name} />`}
      </div>
    <//>`;
}

/** @param {{params: URLSearchParams, who: Resource<People>, pauses: Pause[]}} props */
export function Groups({ params, who, pauses }) {
  const { http, session, toast } = useApp();
  const may = session.can('configure');
  const lists = useResource('blocking.lists', (/** @type {AbortSignal} */ signal) => /** @type {Promise<BlockList[]>} */ (allItems(http, '/blocking/lists', { signal })));
  const remove = async (/** @type {Group} */ group) => {
    try {
      await http.del(`/groups/${encodeURIComponent(group.name)}`, { ifMatch: versionTag(group) });
      toast.ok(t('clients.group.removed', { name: group.name }), { undo: () => takeBackLatest(http, 'groups', group.name).then(who.reload) });
    } catch (error) {
      toast.error(error);
    }
    who.reload();
  };
  const close = () => setParams({ edit: null, add: null });
  const add = may && html`<${Button} tone="primary" label=${t('clients.group.add')} onClick=${() => setParams({ add: '1' }, { push: true })} />`;
  const all = (/** @type {People} */ people) => {
    const edited = people.groups.find((group) => group.name === params.get('edit'));
    return html`
      <div class="tab-actions"><p class="dim">${t('clients.groups.why')}</p>${add}</div>
      ${people.groups.length === 0 && html`<${Empty} title=${t('clients.groups.empty')} why=${t('clients.groups.empty.why')} />`}
      <div class="group-grid">${people.groups.map((group) => html`
        <${GroupPanel} key=${group.name} group=${group} lists=${lists.data ?? []} pauses=${pauses} people=${people} may=${may} onRemove=${remove} />`)}</div>
      ${may && (params.get('add') || edited) && html`<${GroupForm} key=${edited?.name ?? 'new'} group=${edited} lists=${(lists.data ?? []).map((list) => list.name)} onClose=${close}
        onDone=${() => { close(); who.reload(); }} />`}`;
  };
  return html`<${Part} res=${who}>${all}<//>`;
}
