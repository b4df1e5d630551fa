/** Security: who behaves in an unusual way, who gets no answers, and which limits are at work. Route `#/security/TAB`. */

import { html } from '../ui/html.js';
import { ErrorPanel, Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { Tabs } from '../ui/tabs.js';
import { useApp } from '../context.js';
import { allItems } from '../api/policy.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { Anomalies } from './security/anomalies.js';
import { Blocks } from './security/blocks.js';
import { Limits } from './security/limits.js';

/** @typedef {import('../api/types.js').AnomalyOut} Anomaly */
/** @typedef {import('../api/types.js').BlockOut} Block */

const TABS = /** @type {const} */ (['anomalies', 'blocks', 'limits']);
const EVERY_MS = 10_000;

/**
 * What there is, as a sentence.
 * @param {number} anomalies
 * @param {number} blocks
 * @returns {string}
 */
function sentence(anomalies, blocks) {
  const first = anomalies ? t('security.sentence.anomalies', { n: anomalies }) : t('security.sentence.calm');
  return blocks ? `${first} ${t('security.sentence.blocks', { n: blocks })}` : first;
}

/** @param {{route: import('../router.js').Route}} props */
export default function SecurityPage({ route }) {
  const { http, session } = useApp();
  const mayLogs = session.can('read_logs');
  const anomalies = useResource(mayLogs ? 'anomalies' : null, (/** @type {AbortSignal} */ signal) =>
    /** @type {Promise<Anomaly[]>} */ (allItems(http, '/anomalies', { signal })), { every: EVERY_MS });
  const blocks = useResource(mayLogs ? 'blocks' : null, (/** @type {AbortSignal} */ signal) =>
    /** @type {Promise<Block[]>} */ (allItems(http, '/blocks', { signal })), { every: EVERY_MS });
  const tabs = TABS.filter((key) => mayLogs || key === 'limits');
  const tab = tabs.find((one) => one === route.path[0]) ?? tabs[0];
  const count = { anomalies: anomalies.data?.length || undefined, blocks: blocks.data?.length || undefined, limits: undefined };
  const entries = tabs.map((key) => ({ key, label: t(`security.tab.${key}`), count: count[key], href: href('security', [key]) }));
  const known = anomalies.data && blocks.data;
  return html`
    <${Page} title=${t('security.title')} question=${known ? sentence(anomalies.data?.length ?? 0, blocks.data?.length ?? 0) : t('security.question')}>
      <${Tabs} label=${t('security.title')} tabs=${entries} current=${tab} />
      <div class="protect-tab">
        ${tab === 'anomalies' && html`<${Anomalies} res=${anomalies} params=${route.params} onBlocked=${blocks.reload} />`}
        ${tab === 'blocks' && (blocks.error && !blocks.data ? html`<${ErrorPanel} error=${blocks.error} onRetry=${blocks.reload} />` : html`<${Blocks} res=${blocks} params=${route.params} />`)}
        ${tab === 'limits' && html`<${Limits} />`}
      </div>
    <//>`;
}
