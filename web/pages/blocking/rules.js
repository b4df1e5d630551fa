/** Rules of our own: each with whom it is for, a note and an end. */

import { html } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { Empty } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { Name } from '../../ui/name.js';
import { useApp } from '../../context.js';
import { allItems, authorOf, people, takeBack, takeBackLatest, versionTag } from '../../api/policy.js';
import { readRule } from '../../lib/blockrule.js';
import { TimeEl, ago } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { Part } from '../part.js';
import { RuleForm } from './ruleform.js';

/** @typedef {import('../../api/types.js').BlockRuleOut} BlockRule */
/** @typedef {import('../../api/policy.js').People} People */

/** Rows that are drawn; a person who has more narrows them. */
const DRAWN = 300;

/**
 * For whom a rule is, in words.
 * @param {BlockRule} rule
 * @returns {string}
 */
function whoWords(rule) {
  const client = readRule(rule.text)?.client;
  if (client) return rule.group ? t('blocking.for.both', { client, group: rule.group }) : client;
  return rule.group ? t('blocking.allow.group', { group: rule.group }) : t('blocking.everybody');
}

/** What a rule does. @param {{rule: BlockRule}} props */
function Effect({ rule }) {
  const isAllow = rule.text.startsWith('@@');
  const isRewrite = /\$(?:.*,)?dnsrewrite/.test(rule.text);
  const key = isAllow ? 'allow' : isRewrite ? 'rewrite' : 'block';
  if (rule.ended) return html`<${State} kind="off" word=${t('blocking.rule.ended')} />`;
  return html`<${State} kind=${{ allow: 'ok', rewrite: 'info', block: 'block' }[key]} word=${t(`blocking.effect.${key}`)} />`;
}

/** The name of a simple rule, or the text of another one. @param {{rule: BlockRule}} props */
function Text({ rule }) {
  const parts = readRule(rule.text);
  if (!parts) return html`<span class="mono breaks">${rule.text}</span>`;
  return html`<span class="rule-text" title=${rule.text}><${Name} name=${parts.name} tail=${24} />
    <span class="dim">${t(parts.exact ? 'blocking.rule.exact' : 'blocking.rule.below')}${parts.important ? ` · ${t('blocking.rule.important')}` : ''}</span></span>`;
}

/** When a rule ends. @param {{rule: BlockRule}} props */
function End({ rule }) {
  if (!rule.until_ms) return html`<span class="dim">${t('blocking.term.never')}</span>`;
  return html`<${TimeEl} at=${rule.until_ms} as="ago" />`;
}

/** @returns {import('../../ui/table.js').Column<BlockRule>[]} */
function columns() {
  return [
    { key: 'effect', title: t('blocking.matches.effect'), plain: true, cell: (rule) => html`<${Effect} rule=${rule} />` },
    { key: 'rule', title: t('blocking.matches.rule'), wide: true, cell: (rule) => html`<${Text} rule=${rule} />` },
    { key: 'for', title: t('blocking.for'), cell: whoWords },
    { key: 'note', title: t('blocking.note'), cell: (rule) => rule.comment || (rule.origin === 'file' ? html`<span class="dim">${t('blocking.fromfile')}</span>` : '') },
    { key: 'end', title: t('blocking.ends'), cell: (rule) => html`<${End} rule=${rule} />` },
    { key: 'by', title: t('blocking.by'), cell: (rule) => (rule.set ? html`${authorOf(rule.set.by)} <${TimeEl} at=${rule.set.at_ms} />` : '–') },
  ];
}

/** Two lines of a rule where there is little room. @param {BlockRule} rule */
function phone(rule) {
  const end = rule.until_ms && !rule.ended ? ` · ${t('blocking.rule.until', { ago: ago(rule.until_ms) })}` : '';
  return html`
    <span class="line-1"><${Text} rule=${rule} /></span>
    <span class="line-1"><${Effect} rule=${rule} /> <span class="dim">${whoWords(rule)}${end}${rule.comment ? ` · ${rule.comment}` : ''}</span></span>`;
}

/** @param {{shownRules: BlockRule[], total: number, find: string, may: boolean}} props */
function Above({ shownRules, total, find, may }) {
  return html`
    <div class="tab-actions">
      <${Field} label=${t('blocking.rules.find')} hideLabel type="search" value=${find} placeholder=${t('blocking.rules.find')}
        onInput=${(/** @type {string} */ value) => setParams({ find: value || null })} />
      <span class="dim" role="status">${find || total > DRAWN ? t('blocking.rules.shown', { n: Math.min(shownRules.length, DRAWN), total }) : ''}</span>
      ${may && html`<${Button} tone="primary" label=${t('blocking.rule.add')} onClick=${() => setParams({ add: '1', rule: null }, { push: true })} />`}
    </div>`;
}

/** @param {{params: URLSearchParams, onChanged: () => void}} props */
export function Rules({ params, onChanged }) {
  const { http, session, toast } = useApp();
  const [may, mayLogs] = [session.can('configure'), session.can('read_logs')];
  const res = useResource('blocking.rules', (/** @type {AbortSignal} */ signal) => /** @type {Promise<BlockRule[]>} */ (allItems(http, '/blocking/rules', { signal })), { every: 15_000 });
  const who = useResource('people', (/** @type {AbortSignal} */ signal) => people(http, signal));
  const reload = () => {
    res.reload();
    onChanged();
  };
  const remove = async (/** @type {BlockRule} */ rule) => {
    try {
      await http.del(`/blocking/rules/${rule.id}`, { ifMatch: versionTag(rule) });
      toast.ok(t('blocking.rule.removed', { rule: rule.text }), { undo: () => takeBackLatest(http, 'rules', rule.id).then(reload) });
    } catch (error) {
      toast.error(error);
    }
    reload();
  };
  const close = () => setParams({ add: null, rule: null });
  const done = (/** @type {string} */ text, /** @type {string | null} */ etag) => {
    toast.ok(text, { undo: () => takeBack(http, etag).then(reload) });
    close();
    reload();
  };
  const find = params.get('find') ?? '';
  const has = (/** @type {BlockRule} */ rule) => `${rule.text} ${rule.comment} ${rule.group}`.toLowerCase().includes(find.toLowerCase());
  const items = (/** @type {BlockRule} */ rule) => [
    ...(may && rule.origin === 'api' ? [
      { label: t('blocking.edit'), onSelect: () => setParams({ rule: rule.id }, { push: true }) },
      { label: t('blocking.remove'), danger: true, onSelect: () => remove(rule) },
    ] : []),
    ...(readRule(rule.text) ? [{ label: t('blocking.rule.check'), href: href('blocking', ['check'], { name: readRule(rule.text)?.name }) }] : []),
    ...(!mayLogs ? [] : [{ label: t('blocking.check.queries'), href: href('queries', [], { filter: `name:*${readRule(rule.text)?.name ?? ''}` }) }]),
  ];
  const table = (/** @type {BlockRule[]} */ rules) => {
    const shownRules = find ? rules.filter(has) : rules;
    const edited = rules.find((rule) => rule.id === params.get('rule') && rule.origin === 'api');
    const empty = rules.length
      ? html`<${Empty} title=${t('blocking.rules.nomatch', { find })} action=${html`<${Button} label=${t('blocking.rules.all')} onClick=${() => setParams({ find: null })} />`} />`
      : html`<${Empty} title=${t('blocking.rules.empty')} why=${t('blocking.rules.empty.why')} />`;
    const onOpen = may ? (/** @type {BlockRule} */ rule) => rule.origin === 'api' && setParams({ rule: rule.id }, { push: true }) : undefined;
    return html`
      <${Above} shownRules=${shownRules} total=${rules.length} find=${find} may=${may} />
      <${DataTable} id="rules" caption=${t('blocking.tab.rules')} columns=${columns()} rows=${shownRules.slice(0, DRAWN)} rowKey=${(/** @type {BlockRule} */ rule) => rule.id}
        onOpen=${onOpen} actions=${items} phone=${phone} empty=${empty} tone=${(/** @type {BlockRule} */ rule) => (rule.ended ? 'is-ended' : '')} open=${params.get('rule') ?? ''} />
      ${may && (params.get('add') || edited) && html`<${RuleForm} key=${edited?.id ?? 'new'} rule=${edited} who=${who.data} onClose=${close} onDone=${done} />`}`;
  };
  return html`<${Part} res=${res}>${table}<//>`;
}
