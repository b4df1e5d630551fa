/** Access: who may do what. Routes `#/access/users|roles|tokens|keys|sessions|history|account`. */

import { html } from '../ui/html.js';
import { Page } from '../ui/page.js';
import { Tabs } from '../ui/tabs.js';
import { useApp } from '../context.js';
import { href } from '../router.js';
import { t } from '../lib/i18n.js';
import { Users } from './access/users.js';
import { Roles } from './access/users.js';
import { Tokens } from './access/tokens.js';
import { Keys } from './access/tokens.js';
import { Account } from './access/account.js';
import { AccessHistory, Sessions } from './access/sessions.js';

/** @type {Record<string, () => import('../ui/html.js').VNode | null>} */
const TABS = { users: Users, roles: Roles, tokens: Tokens, keys: Keys, sessions: Sessions, history: AccessHistory, account: Account };

/** @param {{ route: import('../router.js').Route }} props */
export default function AccessPage({ route }) {
  const { session } = useApp();
  const names = session.can('admin') ? Object.keys(TABS) : ['account', 'tokens', 'sessions'];
  const first = /** @type {string} */ (names[0]);
  const tab = names.includes(route.path[0] ?? '') ? /** @type {string} */ (route.path[0]) : first;
  const tabs = names.map((id) => ({ key: id, label: t(`access.tab.${id}`), href: href('access', [id]) }));
  return html`<${Page} title=${t('access.title')} question=${t(`access.question.${tab}`)} docTitle=${`${t('access.title')} · ${t(`access.tab.${tab}`)}`}>
    <${Tabs} label=${t('access.title')} tabs=${tabs} current=${tab} />
    <${TABS[tab]} />
  <//>`;
}
