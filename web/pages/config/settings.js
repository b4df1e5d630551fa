/** The form: groups of keys, search, each key with its control and where its value comes from, and a tray with what is changed. Used by the configuration page. */

import { html, useMemo, useState } from '../../ui/html.js';
import { newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { t } from '../../lib/i18n.js';
import { go, href, setParams } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Field, Select } from '../../ui/field.js';
import { Empty, Panel } from '../../ui/page.js';
import { Control, marked } from './control.js';
import { Review } from './review.js';
import { about, keysOf } from './values.js';
import { brief, fault, keyPath, same } from './values.js';

/**
 * @typedef {import('./values.js').Key} Key
 * @typedef {import('../config.js').Setting} Setting
 * @typedef {{ key: Key, setting: Setting }} Item
 */

const SHOWS = ['all', 'set', 'edited', 'planned'];

/** @param {Item} item @param {string[]} wanted words in lower case */
function matches({ key, setting }, wanted) {
  const text = `${key.path} ${key.help} ${setting.origin.variable ?? ''}`.toLowerCase();
  return wanted.every((word) => text.includes(word));
}

/** @param {string} group */
const titleOf = (group) => group || t('config.general');

/**
 * @param {{ schema: import('./values.js').Node, loaded: import('../config.js').Loaded, draft: import('./values.js').Draft,
 *   route: import('../../router.js').Route, may: boolean, onDone: (outcome?: import('./review.js').Outcome) => void }} props
 */
export function Settings({ schema, loaded, draft, route, may, onDone }) {
  const [reviewing, setReviewing] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const items = useMemo(() => {
    const settings = new Map(loaded.config.settings.map((setting) => [setting.path, setting]));
    return keysOf(schema).flatMap((key) => { const setting = settings.get(key.path); return setting ? [{ key, setting }] : []; });
  }, [schema, loaded]);
  const edits = draft.edits.value;
  const q = route.params.get('q') ?? '';
  const show = SHOWS.includes(route.params.get('show') ?? '') ? /** @type {string} */ (route.params.get('show')) : 'all';
  const groups = [...new Set(['', ...items.map((item) => item.key.group)])];
  const group = groups.includes(route.path[1] ?? '') ? route.path[1] ?? '' : '';
  const fits = (/** @type {Item} */ item) => (show === 'planned' ? item.key.planned
    : !item.key.planned && (show === 'all' || (show === 'set' ? item.setting.origin.kind !== 'default' : item.key.path in edits)));
  const wanted = q.toLowerCase().split(/\s+/).filter(Boolean);
  const isSearch = wanted.length > 0 || show !== 'all';
  const shown = items.filter((item) => fits(item) && (isSearch ? matches(item, wanted) : item.key.group === group));
  const faulty = items.filter(({ key }) => key.path in edits && fault(key, edits[key.path]));
  const onFaults = (/** @type {Record<string, string>} */ found) => {
    setBad(Object.fromEntries(Object.entries(found).map(([path, message]) => [keyPath(path), message])));
    setReviewing(false);
    setParams({ q: null, show: 'edited' });
  };
  return html`<div class="config">
    <${Groups} groups=${groups} items=${items} edits=${edits} current=${isSearch ? null : group} />
    <div class="config-main">
      <${Search} q=${q} show=${show} count=${isSearch ? shown.length : null} />
      ${shown.length === 0 && html`<${Panel}><${Empty} title=${t('config.noMatch')} why=${show === 'edited' ? t('config.noEdits') : t('config.noMatchWhy')}
        action=${html`<${Button} label=${t('config.showAll')} onClick=${() => setParams({ q: null, show: null })} />`} /><//>`}
      ${sectionsOf(shown).map(([section, list]) => html`<${Panel} key=${section} title=${section || titleOf('')} note=${marked(about(schema, section))}>
        ${list.map((item) => html`<${Row} key=${item.key.path} item=${item} draft=${draft} may=${may} error=${item.key.path in edits ? bad[item.key.path] : undefined} />`)}
      <//>`)}
    </div>
    ${may && draft.count() > 0 && html`<${Tray} draft=${draft} faulty=${faulty.map((item) => item.key.path)} onReview=${() => { setBad({}); setReviewing(true); }} />`}
    ${reviewing && html`<${ReviewEdits} loaded=${loaded} draft=${draft} onFaults=${onFaults} onClose=${() => setReviewing(false)} onDone=${onDone} />`}
  </div>`;
}

/** Items by the section they stand in. @param {Item[]} items @returns {[string, Item[]][]} */
function sectionsOf(items) {
  /** @type {Map<string, Item[]>} */
  const sections = new Map();
  for (const item of items) {
    const { key } = item;
    const name = key.section || (key.kind === 'entries' ? key.path : '');
    sections.set(name, [...(sections.get(name) ?? []), item]);
  }
  return [...sections];
}

/** @param {{ groups: string[], items: Item[], edits: Record<string, unknown>, current: string | null }} props */
function Groups({ groups, items, edits, current }) {
  const countIn = (/** @type {string} */ group) => items.filter((item) => item.key.group === group && item.setting.origin.kind !== 'default').length;
  const isEdited = (/** @type {string} */ group) => items.some((item) => item.key.group === group && item.key.path in edits);
  const known = groups.filter((group) => items.some((item) => item.key.group === group && !item.key.planned));
  const to = (/** @type {string} */ group) => href('config', group ? ['settings', group] : ['settings']);
  return html`<nav class="config-nav" aria-label=${t('config.groups')}>
      ${known.map((group) => html`<a key=${group} class="nav-link" href=${to(group)} aria-current=${group === current ? 'page' : undefined}>
        ${titleOf(group)}${isEdited(group) ? html` <span class="chip chip-accent">${t('config.edited')}</span>` : countIn(group) > 0 && html` <span class="meta" title=${t('config.setHere', { n: countIn(group) })}>${countIn(group)}</span>`}</a>`)}
    </nav>
    <div class="config-pick"><${Select} label=${t('config.groups')} value=${current ?? '*'} onChange=${(/** @type {string} */ group) => go(to(group))}
      options=${[...(current === null ? [{ value: '*', label: t('config.found') }] : []), ...known.map((group) => ({ value: group, label: titleOf(group) }))]} /></div>`;
}

/** @param {{ q: string, show: string, count: number | null }} props */
function Search({ q, show, count }) {
  return html`<div class="inline-form" role="search">
    <${Field} label=${t('config.search')} type="search" class="grow" value=${q} onInput=${(/** @type {string} */ text) => setParams({ q: text })} placeholder=${t('config.searchHint')} autocapitalize="none" data-filter />
    <${Select} label=${t('config.show')} value=${show} onChange=${(/** @type {string} */ value) => setParams({ show: value === 'all' ? null : value })} options=${SHOWS.map((value) => ({ value, label: t(`config.show.${value}`) }))} />
    <span class="meta" role="status">${count === null ? '' : t('config.keysFound', { n: count })}</span>
  </div>`;
}

/** @param {{ draft: import('./values.js').Draft, faulty: string[], onReview: () => void }} props */
function Tray({ draft, faulty, onReview }) {
  const { toast } = useApp();
  const discard = () => {
    const before = draft.edits.value;
    draft.clear();
    toast.ok(t('config.discarded'), { undo: async () => { draft.edits.value = before; } });
  };
  return html`<div class="config-tray" role="region" aria-label=${t('config.tray')}>
    <p><strong>${t('config.changes', { n: draft.count() })}</strong> ${faulty.length > 0
      ? html`<span class="config-bad">${t('config.wrongKeys', { keys: faulty.join(', ') })}</span>` : html`<span class="meta">${t('config.kept')}</span>`}</p>
    <div class="row"><${Button} label=${t('config.discard')} onClick=${discard} />
      <${Button} tone="primary" label=${t('config.review')} disabled=${faulty.length > 0} onClick=${onReview} /></div>
  </div>`;
}

/**
 * @param {{ loaded: import('../config.js').Loaded, draft: import('./values.js').Draft, onFaults: (found: Record<string, string>) => void, onClose: () => void,
 *   onDone: (outcome?: import('./review.js').Outcome) => void }} props
 */
function ReviewEdits({ loaded, draft, onFaults, onClose, onDone }) {
  const { http } = useApp();
  const [edits] = useState(draft.edits.value);
  return html`<${Review} title=${t('config.reviewTitle')} onClose=${onClose} onFaults=${onFaults} onMoved=${() => { onDone(); onClose(); }}
    request=${(/** @type {Record<string, any>} */ params, /** @type {AbortSignal | undefined} */ signal) =>
      http.patch('/config', edits, { params, signal, ifMatch: loaded.tag, ...(params.dry_run ? {} : { idempotencyKey: newKey() }) })}
    onDone=${(/** @type {import('./review.js').Outcome} */ outcome) => { draft.clear(); onDone(outcome); onClose(); }} />`;
}

/** Where a value comes from. @param {{ origin: import('../config.js').Origin, may: boolean }} props */
function OriginText({ origin, may }) {
  if (origin.kind === 'file') {
    const name = (origin.file ?? '').split('/').pop();
    const words = t('config.from.file', { file: name, line: String(origin.line) });
    return may ? html`<a href=${href('config', ['text'], { line: origin.line })}>${words}</a>` : words;
  }
  if (origin.kind === 'environment') return t('config.from.environment', { name: origin.variable });
  if (origin.kind === 'flag') return t('config.from.flag', { name: origin.flag });
  return t('config.from.default');
}

/** @param {{ item: Item, draft: import('./values.js').Draft, may: boolean, error?: string }} props */
export function Row({ item: { key, setting }, draft, may, error }) {
  const { edits } = draft;
  const isEdited = key.path in edits.value;
  const edit = edits.value[key.path];
  const value = !isEdited ? setting.value : edit === null ? setting.default : edit;
  const wrong = isEdited ? fault(key, edit) : null;
  const isFixed = setting.origin.kind === 'environment' || setting.origin.kind === 'flag';
  const isCut = setting.items !== undefined;
  const isLocked = !may || isFixed || isCut || key.kind === 'namedEntries' || key.planned;
  const set = (/** @type {unknown} */ next) => draft.set(key.path, next, setting.value);
  const isDefault = same(value, setting.default);
  return html`<div class=${`setting setting-${key.kind}${isEdited ? ' is-edited' : ''}`}>
    <${Field} label=${html`<span class="mono">${key.path}</span>`} help=${marked(key.help)} error=${error ?? (wrong && t(wrong.key, wrong.args))}>
      ${(/** @type {any} attributes of whatever control it is */ attributes) => html`<${Control} keyed=${key} value=${value} onChange=${set} disabled=${isLocked} attributes=${attributes} />`}
    <//>
    <p class="meta setting-facts">
      ${isEdited ? html`<span class="chip chip-accent">${t('config.edited')}</span> ${t('config.was', { value: brief(setting.value, t) })}
          <button type="button" class="link-button" onClick=${() => draft.drop(key.path)}>${t('common.undo')}</button>`
        : html`<${OriginText} origin=${setting.origin} may=${may} />`}
      ${!isDefault && html`<span>${t('config.default', { value: brief(setting.default, t) })}</span>`}
      ${!isLocked && !isDefault && key.kind !== 'secret' && html`<button type="button" class="link-button" onClick=${() => draft.set(key.path, null, undefined)}>${t('config.toDefault')}</button>`}
      ${isFixed && html`<strong>${t('config.locked')}</strong>`}
      ${isCut && html`<span>${t('config.cut', { n: setting.items ?? 0 })}</span>`}
      ${setting.effect !== 'live' && html`<span class="chip chip-warn">${t(`config.effect.${setting.effect}`)}</span>`}
      ${key.planned && html`<span class="chip">${t('config.planned')}</span>`}
    </p>
  </div>`;
}
