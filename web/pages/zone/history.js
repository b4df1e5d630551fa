/** Tab History: the changes of a zone, also of one that is gone, what each did, taking it back, the zone as it was. */
import { html, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { href, setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Banner, Empty, ErrorPanel, Loading } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { ChangeTimeline } from '../../ui/timeline.js';
import { Pager } from './parts.js';
import { RevertDrawer } from './revert.js';

/** @typedef {import('../../ui/timeline.js').ChangeRow} ChangeRow */

const PAGE = 50;

/** @param {{view: import('./parts.js').ZoneView, params: URLSearchParams}} props */
export default function History({ view, params }) {
  const { http } = useApp();
  const after = params.get('after');
  const [revert, setRevert] = useState(/** @type {ChangeRow | null} */ (null));
  const page = useResource(`changes:${view.name}:${after}:${view.turn.value}`, async (/** @type {AbortSignal} */ signal) => (await http.get(`${view.path}/changes`, { params: { limit: PAGE, after }, signal })).data);
  const [name, type] = [params.get('name'), params.get('type')];
  const only = useOnly(page.data?.items ?? [], name, type);
  if (page.error && !page.data) return html`<${ErrorPanel} error=${page.error} onRetry=${page.reload} />`;
  if (!page.data) return html`<${Loading} />`;
  const rows = /** @type {ChangeRow[]} */ (only.rows);
  const canRevert = view.info ? !view.why : true;
  return html`<div class="zone-history">
    ${name && html`<${Banner} tone="info">${t('zone.history.only', { name: `${name} ${type}` })} <button type="button" class="link-button" onClick=${() => setParams({ name: null, type: null })}>${t('zone.history.all')}</button></${Banner}>`}
    ${view.info?.source === 'file' && html`<${Empty} title=${t('zone.history.file')} why=${t('zone.history.fileWhy')} />`}
    ${rows.length > 0 ? html`<${ChangeTimeline} rows=${rows} load=${async (/** @type {number} */ id) => (await http.get(`/changes/${id}/diff`)).data} types=${view.types} zone=${view.name}
      open=${params.get('open')} onOpen=${(/** @type {string | null} */ id) => setParams({ open: id })} busy=${page.loading || only.isBusy}
      actions=${(/** @type {ChangeRow} */ row) => html`${canRevert && html`<${Button} small icon="revert" label=${t(row.zones.find((one) => one.zone === view.name)?.action === 'delete' ? 'changes.restore' : 'changes.revert')} onClick=${() => setRevert(row)} />`}<${AsOfLink} row=${row} zone=${view.name} />`} />`
      : view.info?.source !== 'file' && !only.isBusy && html`<${Empty} title=${t('zone.history.empty')} why=${t('zone.history.emptyWhy')} />`}
    <${Pager} onPrevious=${after ? () => setParams({ after: null }, { push: true }) : null} onNext=${page.data.next ? () => setParams({ after: page.data.next }, { push: true }) : null} />
    ${revert && html`<${RevertDrawer} row=${revert} types=${view.types} zone=${view.name} onClose=${() => setRevert(null)} onDone=${view.reload} />`}
  </div>`;
}

/**
 * The changes of a page that touch one RRset: their differences are read, newest first.
 * @param {ChangeRow[]} rows @param {string | null} name @param {string | null} type
 */
function useOnly(rows, name, type) {
  const { http } = useApp();
  const found = useResource(`touching:${name}:${type}:${rows.map((row) => row.id).join()}`, async (/** @type {AbortSignal} */ signal) => {
    if (!name) return rows;
    const diffs = await Promise.all(rows.map((row) => http.get(`/changes/${row.id}/diff`, { signal }).then((reply) => reply.data)));
    const fits = (/** @type {any} */ one) => one.name.toLowerCase() === name.toLowerCase() && one.type === type;
    return rows.filter((_, i) => diffs[i].some((/** @type {any} */ diff) => [...diff.removed, ...diff.added].some(fits)));
  });
  return { rows: name ? found.data ?? [] : rows, isBusy: !!name && found.loading };
}

/** @param {{row: ChangeRow, zone: string}} props */
function AsOfLink({ row, zone }) {
  const serial = row.zones.find((one) => one.zone === zone)?.to;
  if (serial === null || serial === undefined) return null;
  return html`<${LinkButton} small href=${href('zone', [zone, 'records'], { serial })} label=${t('changes.asOf')} />`;
}
