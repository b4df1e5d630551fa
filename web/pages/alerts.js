/** Alerts: what is wrong, who looks after it, who is told. Routes `#/alerts/now|silences|history|rules|recipients`. */

import { html, useState } from '../ui/html.js';
import { Page } from '../ui/page.js';
import { Button } from '../ui/button.js';
import { Tabs } from '../ui/tabs.js';
import { useResource } from '../ui/resource.js';
import { useApp } from '../context.js';
import { href } from '../router.js';
import { t } from '../lib/i18n.js';
import { all } from './listing.js';
import { Now } from './alerts/now.js';
import { Silences, SilenceForm } from './alerts/silences.js';
import { History } from './alerts/now.js';
import { Rules } from './alerts/now.js';
import { Recipients } from './alerts/silences.js';

/** @typedef {import('./alerts/now.js').Alert} Alert */

const TABS = ['now', 'silences', 'history', 'rules', 'recipients'];
const EVERY_MS = 10_000;

/** @param {Alert[] | null} alerts */
function sentence(alerts) {
  if (!alerts) return t('alerts.question');
  const firing = alerts.filter((alert) => alert.status === 'firing');
  if (!firing.length) return alerts.length ? t('alerts.soon', { n: alerts.length }) : t('alerts.nothing');
  const open = firing.filter((alert) => !alert.acknowledged_by && !alert.silenced).length;
  return open ? t('alerts.open', { n: open }) : t('alerts.lookedAfter', { n: firing.length });
}

/** @param {{ route: import('../router.js').Route }} props */
export default function AlertsPage({ route }) {
  const { http, session } = useApp();
  const tab = TABS.includes(route.path[0] ?? '') ? /** @type {string} */ (route.path[0]) : 'now';
  const alerts = useResource('alerts', async (signal) => /** @type {Alert[]} */ (await all(http, '/alerts', signal)), { every: EVERY_MS });
  const silences = useResource('alerts.silences', async (signal) => (await http.get('/alerts/silences', { signal })).data, { every: EVERY_MS });
  const [form, setForm] = useState(/** @type {{ rule: string, labels: string } | null} */ (null));
  const may = session.can('configure');
  const count = { now: alerts.data?.filter((alert) => alert.status === 'firing').length, silences: silences.data?.length };
  const tabs = TABS.map((id) => ({ key: id, label: t(`alerts.tab.${id}`), href: href('alerts', [id]), count: /** @type {Record<string, number | undefined>} */ (count)[id] || undefined }));
  const reload = () => { alerts.reload(); silences.reload(); };
  const silence = may ? (/** @type {Alert} */ alert) => setForm({ rule: alert.rule, labels: alert.labels }) : null;
  return html`<${Page} title=${t('alerts.title')} question=${sentence(alerts.data)} docTitle=${`${t('alerts.title')} · ${t(`alerts.tab.${tab}`)}`}
      actions=${may && tab !== 'recipients' && html`<${Button} label=${t('alerts.newSilence')} onClick=${() => setForm({ rule: '', labels: '' })} />`}>
    <${Tabs} label=${t('alerts.title')} tabs=${tabs} current=${tab} />
    ${tab === 'now' && html`<${Now} res=${alerts} may=${may} onSilence=${silence} onDone=${reload} />`}
    ${tab === 'silences' && html`<${Silences} res=${silences} may=${may} onDone=${reload} />`}
    ${tab === 'history' && html`<${History} />`}
    ${tab === 'rules' && html`<${Rules} alerts=${alerts.data ?? []} />`}
    ${tab === 'recipients' && html`<${Recipients} may=${may} />`}
    ${form && html`<${SilenceForm} ...${form} onClose=${() => setForm(null)} onDone=${() => { setForm(null); reload(); }} />`}
  <//>`;
}
