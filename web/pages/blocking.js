/** Blocking: what is blocked, by which list, and whether that list is worth keeping. Route `#/blocking/TAB`. */

import { html } from '../ui/html.js';
import { Banner, Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { Tabs } from '../ui/tabs.js';
import { useApp } from '../context.js';
import { duration, time } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { CheckForm, CheckResult } from './blocking/check.js';
import { Lists } from './blocking/lists.js';
import { Rules } from './blocking/rules.js';
import { Simulate } from './blocking/simulate.js';

/** @typedef {import('../api/types.js').BlockingOut} BlockingOut */

const TABS = /** @type {const} */ (['lists', 'rules', 'check', 'simulate']);

/**
 * The state of blocking as a sentence.
 * @param {BlockingOut} now
 * @returns {string}
 */
function sentence(now) {
  if (!now.lists && !now.rules && !now.names) return t('blocking.sentence.nothing');
  return t('blocking.sentence', {
    names: t('blocking.sentence.names', { n: now.names }), rules: t('blocking.sentence.rules', { n: now.rules }), lists: t('blocking.sentence.lists', { n: now.lists }), action: t(`blocking.action.${now.action}`), ttl: duration(now.ttl_s * 1000),
  });
}

/** @param {{now: BlockingOut}} props */
function Notices({ now }) {
  if (!now.enabled) return html`<${Banner} tone="warn">${t('blocking.off')} <a href=${href('config', [], { find: 'blocking.enabled' })}>${t('blocking.off.where')}</a><//>`;
  if (now.paused_until_ms) return html`<${Banner} tone="warn">${t('blocking.paused', { time: time(now.paused_until_ms) })} <a href=${href('clients', ['pauses'])}>${t('blocking.pauses.show')}</a><//>`;
  if (now.pauses > 0) return html`<${Banner} tone="info">${t('blocking.pauses.some', { n: now.pauses })} <a href=${href('clients', ['pauses'])}>${t('blocking.pauses.show')}</a><//>`;
  return null;
}

/** @param {{route: import('../router.js').Route}} props */
export default function BlockingPage({ route }) {
  const { http, session } = useApp();
  const now = useResource('blocking', async (signal) => /** @type {BlockingOut} */ ((await http.get('/blocking', { signal })).data), { every: 15_000 });
  const wanted = route.path[0] ?? 'lists';
  const tab = TABS.find((one) => one === wanted) ?? 'lists';
  const tabs = TABS.filter((one) => one !== 'simulate' || session.can('read_logs'));
  const entries = tabs.map((key) => ({ key, label: t(`blocking.tab.${key}`), href: href('blocking', [key], key === 'check' ? { name: route.params.get('name'), client: route.params.get('client') } : {}) }));
  return html`
    <${Page} title=${t('blocking.title')} question=${now.data ? sentence(now.data) : t('blocking.question')}>
      ${now.data && html`<${Notices} now=${now.data} />`}
      <${CheckForm} params=${route.params} />
      <${Tabs} label=${t('blocking.title')} tabs=${entries} current=${tab} />
      <div class="protect-tab">
        ${tab === 'lists' && html`<${Lists} params=${route.params} onChanged=${now.reload} />`}
        ${tab === 'rules' && html`<${Rules} params=${route.params} onChanged=${now.reload} />`}
        ${tab === 'check' && html`<${CheckResult} params=${route.params} />`}
        ${tab === 'simulate' && html`<${Simulate} params=${route.params} />`}
      </div>
    <//>`;
}
