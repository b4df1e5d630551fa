/** Taking a change back: what that would do now, a reason, and the commit. Used by history, the list of changes, and toasts. */
import { html, useEffect, useState } from '../../ui/html.js';
import { ApiError, newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { TimeEl } from '../../lib/format.js';
import { Button } from '../../ui/button.js';
import { Diff } from '../../ui/diff.js';
import { Drawer } from '../../ui/drawer.js';
import { Checkbox, Field } from '../../ui/field.js';
import { Banner, ErrorPanel, Loading, errorText } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { whoText } from '../../ui/timeline.js';
import { Warnings } from './parts.js';

/**
 * @param {{row: import('../../ui/timeline.js').ChangeRow, types: import('./types.js').Types, zone?: string, onClose: () => void, onDone: () => void}} props
 */
export function RevertDrawer({ row, types, zone, onClose, onDone }) {
  const { http, keys, toast } = useApp();
  const [force, setForce] = useState(false);
  const [why, setWhy] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [failed, setFailed] = useState(/** @type {unknown} */ (null));
  const path = `/changes/${row.id}/revert`;
  const plan = useResource(`revert:${row.id}:${force}`, () => http.post(path, { dry_run: true, force }).then((reply) => reply.data));
  const isClash = !force && plan.error instanceof ApiError && [409, 412].includes(plan.error.status);
  const isNothing = !!plan.data && !plan.data.diff?.length;
  const commit = async () => {
    setBusy(true);
    try {
      const { data } = await http.post(path, { why, force }, { idempotencyKey: newKey() });
      const back = data.change === null ? undefined : async () => { await http.post(`/changes/${data.change}/revert`, {}); onDone(); };
      toast.ok(t('changes.revert.done'), { undo: back, link: { href: href('zone', [row.zones[0].zone, 'history']), text: t('zone.tab.history') } });
      onDone();
      onClose();
    } catch (reason) {
      setFailed(reason);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => keys.on('Mod+Enter', () => { if (plan.data && !plan.error && !isNothing && !isBusy) void commit(); }, t('changes.revert.commit')));
  const footer = html`<div class="dialog-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!plan.data || !!plan.error || isNothing} label=${t('changes.revert.commit')} onClick=${commit} /></div>`;
  return html`<${Drawer} wide title=${t('changes.revert.title')} onClose=${onClose} footer=${footer}
    subtitle=${html`${whoText(row.who)}, <${TimeEl} at=${row.at_ms} as="datetime" />${row.why && html`: <q>${row.why}</q>`}`}>
    <div class="review">
    ${isClash ? html`<${Banner} tone="warn" title=${t('changes.revert.clash')}>${errorText(plan.error)}. ${t('changes.revert.clashWhy')}</${Banner}>` : plan.error && html`<${ErrorPanel} error=${plan.error} onRetry=${plan.reload} />`}
    ${(isClash || force) && html`<${Checkbox} label=${t('changes.revert.force')} checked=${force} onChange=${setForce} />`}
    ${!plan.data && !plan.error && html`<${Loading} />`}
    ${plan.data && !plan.error && html`<p>${t(isNothing ? 'changes.revert.nothing' : 'changes.revert.will')}</p>
      <${Diff} diffs=${plan.data.diff ?? []} types=${types} zone=${zone} /><${Warnings} list=${plan.data.warnings} />
      <${Field} label=${t('zone.review.why')} placeholder=${t('changes.revert.why', { id: String(row.id) })} value=${why} onInput=${setWhy} maxlength="500" />`}
    ${failed && html`<${ErrorPanel} error=${failed} />`}</div><//>`;
}
