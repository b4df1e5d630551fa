/** Several changes are taken back by one, which is reviewed before it is made. Used by the page Changes. */
import { html, useState } from '../../ui/html.js';
import { newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Diff } from '../../ui/diff.js';
import { Drawer } from '../../ui/drawer.js';
import { Field } from '../../ui/field.js';
import { Banner, ErrorPanel, Loading } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { keyOf, toSteps } from './model.js';
import { Warnings } from './parts.js';
import { isAlone, touchedBy, undo } from './undo.js';

/** @typedef {import('../../ui/timeline.js').ChangeRow} ChangeRow */
/** @typedef {{alone: number[], clashes: number[], steps: any[], outcome: any}} Plan `outcome`: of the dry run; null: there is nothing to run */

/** Record sets that are looked at. */
const MOST_RRSETS = 300;

/**
 * What takes the changes back, as one changeset, and what it would do.
 * @param {import('../../api/http.js').Http} http @param {ChangeRow[]} rows @param {AbortSignal} signal @returns {Promise<Plan>}
 */
async function planOf(http, rows, signal) {
  const latestFirst = [...rows].sort((one, other) => other.id - one.id);
  const diffs = await Promise.all(latestFirst.map(async ({ id }) => /** @type {import('./model.js').ZoneDiff[]} */ ((await http.get(`/changes/${id}/diff`, { signal })).data).map((diff) => ({ id, diff }))));
  const done = diffs.flat();
  const alone = [...new Set(done.filter(({ diff }) => isAlone(diff)).map(({ id }) => id))];
  const touched = touchedBy(done);
  if (alone.length) return { alone, clashes: [], steps: [], outcome: null };
  if (touched.length > MOST_RRSETS) throw new Error(t('changes.many.tooMany', { n: touched.length, most: MOST_RRSETS }));
  // The serials first: if something changes after they are read, nothing is made of it.
  const serials = new Map(await Promise.all([...new Set(touched.map(({ zone }) => zone))].map(async (zone) => /** @type {const} */ ([zone, (await http.get(`/zones/${encodeURIComponent(zone)}`, { signal })).data.serial]))));
  const now = new Map(await Promise.all(touched.map(async ({ zone, name, type }) => {
    const { data } = await http.get(`/zones/${encodeURIComponent(zone)}/rrsets`, { params: { name, type, limit: 1 }, signal });
    return /** @type {const} */ ([keyOf(name, type, zone), data.items[0] ?? null]);
  })));
  const { changes, clashes } = undo(done, now);
  const steps = toSteps(changes, '', null).map((step) => ({ ...step, if_serial: serials.get(step.zone) }));
  const outcome = steps.length && !clashes.length ? (await http.post('/changesets', { zones: steps }, { params: { dry_run: true }, signal })).data : null;
  return { alone, clashes, steps, outcome };
}

/**
 * @param {{rows: ChangeRow[], types: import('./types.js').Types, onClose: () => void, onDone: () => void}} props
 */
export function RevertManyDrawer({ rows, types, onClose, onDone }) {
  const { http, toast } = useApp();
  const [why, setWhy] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState(/** @type {unknown} */ (null));
  const ids = rows.map(({ id }) => id).sort((one, other) => one - other).join(', ');
  const plan = useResource(`revert:${ids}`, (signal) => planOf(http, rows, signal));
  const usual = t('changes.many.why', { ids });
  const commit = async () => {
    setBusy(true);
    try {
      const { data } = await http.post('/changesets', { why: why || usual, zones: plan.data?.steps }, { idempotencyKey: newKey() });
      const back = data.change === null ? undefined : async () => { await http.post(`/changes/${data.change}/revert`, {}); onDone(); };
      toast.ok(t('changes.many.done', { n: rows.length }), { undo: back });
      onDone();
      onClose();
    } catch (reason) {
      setFailed(reason);
      setBusy(false);
    }
  };
  const footer = html`<div class="dialog-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!plan.data?.outcome || Boolean(failed)} label=${t('changes.revert.commit')} onClick=${commit} /></div>`;
  return html`<${Drawer} wide title=${t('changes.many.title', { n: rows.length })} subtitle=${usual} onClose=${onClose} footer=${footer}><div class="review">
    ${plan.error && html`<${ErrorPanel} error=${plan.error} onRetry=${plan.reload} />`}
    ${plan.first && html`<${Loading} />`}
    ${plan.data && html`<${Planned} plan=${plan.data} types=${types} />`}
    ${plan.data?.outcome && html`<${Field} label=${t('zone.review.why')} placeholder=${usual} value=${why} onInput=${setWhy} maxlength="500" />`}
    ${failed && html`<${ErrorPanel} error=${failed} onRetry=${() => { setFailed(null); void plan.reload(); }} />`}</div><//>`;
}

/** @param {{plan: Plan, types: import('./types.js').Types}} props */
function Planned({ plan, types }) {
  const { alone, clashes, outcome } = plan;
  if (alone.length) return html`<${Banner} tone="warn" title=${t('changes.many.alone', { n: alone.length, ids: alone.join(', ') })}>${t('changes.many.aloneWhy')}<//>`;
  if (clashes.length) return html`<${Banner} tone="warn" title=${t('changes.many.clash', { n: clashes.length, ids: clashes.join(', ') })}>${t('changes.many.clashWhy')}<//>`;
  if (!outcome) return html`<p>${t('changes.revert.nothing')}</p>`;
  return html`<p>${t('changes.revert.will')}</p><${Diff} diffs=${outcome.diff ?? []} types=${types} /><${Warnings} list=${outcome.warnings} />`;
}
