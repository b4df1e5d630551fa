/** Review of a draft: what it changes, what the checks say, how long old answers live, why, and the commit. */
import { html, useEffect, useState } from '../../ui/html.js';
import { ApiError } from '../../api/http.js';
import { useApp } from '../../context.js';
import { href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { duration } from '../../lib/format.js';
import { relative, shown } from '../../lib/dns.js';
import { Button } from '../../ui/button.js';
import { Diff, DiffSize, sizeOf } from '../../ui/diff.js';
import { Drawer } from '../../ui/drawer.js';
import { Checkbox, Field } from '../../ui/field.js';
import { ErrorPanel, Loading } from '../../ui/page.js';
import { Warnings } from './parts.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */

/** How long resolvers may keep what goes. @param {import('./model.js').ZoneDiff[]} diffs */
const longest = (diffs) => Math.max(0, ...diffs.flatMap((diff) => diff.removed.filter((record) => record.type !== 'SOA').map((record) => record.ttl)));

/**
 * What is wrong, with the record that it is about.
 * @param {ApiError} error @param {ZoneView} view
 */
function faultsOf(error, view) {
  const steps = [...new Set([...view.draft.changes.value.values()].map((change) => change.zone))];
  return error.errors.map((one) => {
    const match = /^\/zones\/(\d+)\/changes\/(\d+)(.*)$/.exec(one.pointer ?? '');
    const list = match ? [...view.draft.changes.value.values()].filter((change) => change.zone === steps[Number(match[1])]) : [];
    const change = match ? list[Number(match[2])] : undefined;
    return { severity: 'error', name: change ? shown(relative(change.name, view.name)) : '', type: change?.type ?? '', detail: one.detail };
  });
}

/** @param {{view: ZoneView, onClose: () => void}} props */
export function Review({ view, onClose }) {
  const { toast, http, keys } = useApp();
  const { draft } = view;
  const [outcome, setOutcome] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [why, setWhy] = useState('');
  const [isRead, setRead] = useState(false);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    let isOver = false;
    setError(null);
    draft.preview().then((said) => { if (!isOver) setOutcome(said); }, (reason) => { if (!isOver) setError(reason); });
    return () => { isOver = true; };
  }, [draft.changes.value, draft.base.value]);
  const warnings = outcome?.warnings ?? [];
  const isReady = !!outcome && !error && (warnings.length === 0 || isRead) && !isBusy;
  const commit = async () => {
    if (!isReady) return;
    setBusy(true);
    try {
      const made = await draft.commit(why);
      if (!made) return;
      const undo = made.change === null ? undefined : async () => { await http.post(`/changes/${made.change}/revert`, {}); view.reload(); };
      const serial = made.zones.find((/** @type {any} */ one) => one.zone === view.name)?.to;
      toast.ok(t(made.change === null ? 'zone.review.nothing' : 'zone.review.done', { serial: String(serial ?? '') }), { undo, link: { href: href('zone', [view.name, 'history']), text: t('zone.tab.history') } });
      onClose();
      view.reload();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => keys.on('Mod+Enter', () => void commit(), t('zone.review.commit')));
  const footer = html`<div class="dialog-actions">${outcome && html`<${DiffSize} size=${sizeOf(outcome.diff ?? [], view.types)} />`}
    <${Button} label=${t('zone.review.back')} onClick=${onClose} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!isReady && !isBusy} label=${t('zone.review.commit')} title="Ctrl+Enter" onClick=${commit} /></div>`;
  return html`<${Drawer} wide title=${t('zone.review.title')} subtitle=${t('zone.review.sub', { zone: shown(view.name) })} onClose=${onClose} footer=${footer}>
    <div class="review">
    ${error && (error instanceof ApiError && error.status === 422 ? html`<h3>${t('zone.review.errors')}</h3><p>${error.detail}</p><${Warnings} list=${faultsOf(error, view)} />` : html`<${ErrorPanel} error=${error} />`)}
    ${!outcome && !error && html`<${Loading} />`}
    ${outcome && !error && html`
      <${Diff} diffs=${outcome.diff ?? []} types=${view.types} zone=${view.name} />
      ${longest(outcome.diff ?? []) > 0 && html`<p class="muted">${t('zone.review.effect', { span: duration(longest(outcome.diff) * 1000) })}</p>`}
      ${warnings.length > 0 && html`<h3>${t('zone.review.checks', { n: warnings.length })}</h3><${Warnings} list=${warnings} />
        <${Checkbox} label=${t('zone.review.tick')} checked=${isRead} onChange=${setRead} />`}
      <${Field} label=${t('zone.review.why')} help=${t('zone.review.whyHelp')} value=${why} onInput=${setWhy} maxlength="500" autofocus />`}
    </div><//>`;
}
