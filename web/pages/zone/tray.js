/** The tray at the bottom of a zone: how many changes wait, that they are kept, and the way to commit them. */
import { html } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { time } from '../../lib/format.js';
import { Button } from '../../ui/button.js';
import { errorText } from '../../ui/page.js';
import { Conflict } from './conflict.js';
import { Review } from './review.js';

/** @param {{view: import('./parts.js').ZoneView, params: URLSearchParams}} props */
export function Tray({ view, params }) {
  const { toast } = useApp();
  const { draft } = view;
  const count = draft.count.value;
  const clashes = draft.clashes.value.length;
  const discard = async () => {
    const undo = await draft.discard();
    toast.ok(t('zone.draft.discarded', { n: count }), { undo });
  };
  const state = draft.error.value ? html`<span class="tray-bad" role="alert">${t('zone.draft.failed', { why: errorText(draft.error.value) })}
      <button type="button" class="link-button" onClick=${() => { draft.isDirty.value = true; void draft.flush(); }}>${t('common.retry')}</button></span>`
    : draft.isDirty.value ? t('zone.draft.saving') : draft.saved.value ? t('zone.draft.saved', { time: time(draft.saved.value) }) : '';
  return html`
    ${(count > 0 || draft.error.value) && html`<section class="tray" aria-label=${t('zone.draft.label')}>
      <p role="status"><strong>${t('zone.draft.count', { n: count })}</strong> <span class="muted">${state}</span></p>
      <div class="tray-actions">
        ${count > 0 && html`<${Button} label=${t('zone.draft.discard')} onClick=${discard} />`}
        ${clashes > 0 ? html`<${Button} tone="primary" label=${t('zone.clash.open', { n: clashes })} onClick=${() => setParams({ review: 'conflict' }, { push: true })} />`
          : count > 0 && html`<${Button} tone="primary" label=${t('zone.draft.review')} onClick=${() => setParams({ review: '1', edit: null }, { push: true })} />`}
      </div></section>`}
    ${params.has('review') && count > 0 && (clashes > 0 ? html`<${Conflict} view=${view} onClose=${() => setParams({ review: null })} />`
      : html`<${Review} view=${view} onClose=${() => setParams({ review: null })} />`)}`;
}
