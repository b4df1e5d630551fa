/** Clients: which devices use this server, and which policy each has. Route `#/clients/TAB`. */

import { html } from '../ui/html.js';
import { Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { Tabs } from '../ui/tabs.js';
import { useApp } from '../context.js';
import { people } from '../api/policy.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { Devices } from './clients/devices.js';
import { Groups } from './clients/groups.js';
import { Pauses } from './clients/pauses.js';

const TABS = /** @type {const} */ (['devices', 'groups', 'pauses']);

/** @param {{route: import('../router.js').Route}} props */
export default function ClientsPage({ route }) {
  const { http, pause } = useApp();
  const who = useResource('people', (/** @type {AbortSignal} */ signal) => people(http, signal), { every: 30_000 });
  const pauses = pause.holding.value;
  const wanted = route.path[0] ?? 'devices';
  const tab = TABS.find((one) => one === wanted) ?? 'devices';
  const count = { devices: who.data?.devices.length, groups: who.data?.groups.length, pauses: pauses.length || undefined };
  const tabs = TABS.map((key) => ({ key, label: t(`clients.tab.${key}`), count: count[key], href: href('clients', [key]) }));
  return html`
    <${Page} title=${t('clients.title')} question=${t('clients.question')}>
      <${Tabs} label=${t('clients.title')} tabs=${tabs} current=${tab} />
      <div class="protect-tab">
        ${tab === 'devices' && html`<${Devices} params=${route.params} who=${who} pauses=${pauses} />`}
        ${tab === 'groups' && html`<${Groups} params=${route.params} who=${who} pauses=${pauses} />`}
        ${tab === 'pauses' && html`<${Pauses} who=${who} />`}
      </div>
    <//>`;
}
