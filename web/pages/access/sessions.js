/** Who is logged in, and who changed what of access. Used by the access page. */

import { html } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Empty } from '../../ui/page.js';
import { usePages, useResource } from '../../ui/resource.js';
import { DataTable } from '../../ui/table.js';
import { all, whoOf } from '../listing.js';
import { Part } from '../part.js';

/** @typedef {import('../../api/types.js').OpenSessionOut} Session */
/** @typedef {import('../../api/types.js').AccessChangeOut} Change */

const EVERY_MS = 15_000;
/** Changes of a page. */
const SHOWN = 100;

export function Sessions() {
  const { http, session, dialogs, toast } = useApp();
  const isAdmin = session.can('admin');
  const res = useResource('access.sessions', async (signal) => /** @type {Session[]} */ (await all(http, '/sessions', signal)).sort((one, other) => other.used_at_ms - one.used_at_ms), { every: EVERY_MS });
  const end = async (/** @type {Session} */ row) => {
    if (!await dialogs.confirm({ title: t('access.endSessionOf', { name: row.user, address: row.address }), text: t('access.endSessionText'), action: t('access.endSession') })) return;
    try {
      await http.del(`/sessions/${row.id}`);
      toast.ok(t('access.sessionEnded', { name: row.user }));
    } catch (error) { toast.error(error); }
    res.reload();
  };
  const columns = [
    ...(isAdmin ? [{ key: 'user', title: t('access.user'), cell: (/** @type {Session} */ row) => html`<strong class="mono">${row.user}</strong>` }] : []),
    { key: 'address', title: t('access.address'), mono: true, wide: true, cell: (/** @type {Session} */ row) => html`<span>${row.address}${row.is_this && html` <span class="meta">${t('access.thisSession')}</span>`}</span>` },
    { key: 'begun', title: t('access.since'), cell: (/** @type {Session} */ row) => html`<${TimeEl} at=${row.begun_at_ms} as="datetime" />` },
    { key: 'used', title: t('access.lastUsed'), cell: (/** @type {Session} */ row) => html`<${TimeEl} at=${row.used_at_ms} />` },
    { key: 'ends', title: t('access.endsAt'), cell: (/** @type {Session} */ row) => html`<${TimeEl} at=${row.ends_at_ms} as="datetime" />` },
    { key: 'end', title: t('access.endSession'), plain: true, cell: (/** @type {Session} */ row) => html`<span class="row">${row.is_this
      ? html`<${Button} small label=${t('access.logOut')} onClick=${() => session.logOut()} />`
      : html`<${Button} small label=${t('access.endSession')} aria-label=${t('access.endSessionOf', { name: row.user, address: row.address })} onClick=${() => end(row)} />`}</span>` },
  ];
  return html`<${Part} title=${t('access.tab.sessions')} res=${res}>${(/** @type {Session[]} */ rows) => html`
    <p class="muted">${t('access.sessionsHelp')}</p>
    <${DataTable} id="sessions" caption=${t('access.tab.sessions')} columns=${columns} rows=${rows} rowKey=${(/** @type {Session} */ row) => row.id} empty=${html`<${Empty} title=${t('access.noSessions')} why=${t('access.noSessionsWhy')} />`} />`}<//>`;
}

/** What happened, in a sentence. @param {Change} change */
const sentence = ({ subject, happened, name, title, owner }) => t(`access.history.${subject}.${happened}`, { name: title ?? name, owner: owner ?? '–' });

/** What of it changed. @param {Change} change */
const fields = (change) => change.fields.map((field) => t(`access.history.field.${field}`)).join(', ');

const historyColumns = () => [
  { key: 'at', title: t('access.when'), cell: (/** @type {Change} */ row) => html`<${TimeEl} at=${row.at_ms} as="datetime" />` },
  { key: 'who', title: t('access.who'), cell: (/** @type {Change} */ row) => html`<span class="mono">${whoOf(row.who)}</span>` },
  { key: 'what', title: t('access.what'), wide: true, cell: (/** @type {Change} */ row) => html`<span class="wrap-cell">${sentence(row)}${row.fields.length > 0 && html` <span class="muted">${fields(row)}</span>`}</span>` },
];

export function AccessHistory() {
  const { http } = useApp();
  const res = usePages('access.history', async (after, signal) => (await http.get('/access/history', { params: { limit: SHOWN, after }, signal })).data);
  return html`<${Part} title=${t('access.tab.history')} res=${res}>${() => html`
    <p class="muted">${t('access.historyHelp')}</p>
    <${DataTable} id="access-history" caption=${t('access.tab.history')} columns=${historyColumns()} rows=${res.items} rowKey=${(/** @type {Change} */ row) => String(row.offset)} pages=${{ ...res.pages, byTime: true }} empty=${html`<${Empty} title=${t('access.noHistory')} />`} />`}<//>`;
}
