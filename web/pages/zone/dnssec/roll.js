/** Replacing keys: what would happen, and when, before it is done. The URL says which keys and from when: `roll`, `at`. */
import { html, useState } from '../../../ui/html.js';
import { ApiError, newKey } from '../../../api/http.js';
import { useApp } from '../../../context.js';
import { setParams } from '../../../router.js';
import { t, tx } from '../../../lib/i18n.js';
import { turningPoints } from '../../../lib/timetable.js';
import { Button } from '../../../ui/button.js';
import { Segments } from '../../../ui/choice.js';
import { Dialog } from '../../../ui/dialog.js';
import { Field } from '../../../ui/field.js';
import { Banner, ErrorPanel, Facts } from '../../../ui/page.js';
import { useResource } from '../../../ui/resource.js';
import { Part } from '../../part.js';
import { Timetable } from './timetable.js';
import { moment } from './words.js';

/** @typedef {import('../../../api/types.js').ZoneKeysOut} Signing */

/** As `datetime-local` has it, in the browser's zone. @param {number} at */
function localText(at) {
  const date = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
}

/**
 * @param {{view: import('../parts.js').ZoneView, signing: Signing, params: URLSearchParams, onDone: (signing: Signing) => void}} props
 */
export function Roll({ view, signing, params, onDone }) {
  const { http, toast } = useApp();
  const roles = [...new Set(signing.keys.map(({ role }) => role))];
  const role = roles.find((one) => one === params.get('roll')) ?? roles[0] ?? 'zsk';
  const at = Date.parse(params.get('at') ?? '') || null;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const close = () => setParams({ roll: null, at: null });
  const plan = useResource(`roll:${view.name}:${role}:${at}`, async (signal) => (await http.get(`${view.path}/keys/plan`, { params: { roll: role, at_s: at && Math.floor(at / 1000) }, signal })).data, { keep: false });
  const begin = async () => {
    setBusy(true);
    try {
      const { data } = await http.post(`${view.path}/keys/roll`, { role, why: '' }, { idempotencyKey: newKey() });
      toast.ok(t('dnssec.roll.done'));
      onDone(data);
      close();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const choose = (/** @type {Record<string, string|null>} */ change) => { setError(null); setParams(change); };
  const canBegin = at === null && plan.data !== null && !error;
  const actions = html`<div class="dialog-actions"><${Button} label=${t('common.cancel')} onClick=${close} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!canBegin} label=${t('dnssec.roll.begin')} onClick=${begin} /></div>`;
  const refused = error ?? (plan.data === null ? plan.error : null);
  return html`<${Dialog} title=${t('dnssec.roll.title')} wide onClose=${close} actions=${actions}>
    <div class="roll-form">
      <${Segments} legend=${t('dnssec.roll.which')} value=${role} options=${roles.map((one) => [one, t(`dnssec.roleLong.${one}`)])} onChange=${(/** @type {string} */ one) => choose({ roll: one })} />
      <${Segments} legend=${t('dnssec.roll.when')} value=${at === null ? 'now' : 'at'} options=${[['now', t('dnssec.roll.now')], ['at', t('dnssec.roll.at')]]} onChange=${(/** @type {string} */ one) => choose({ at: one === 'now' ? null : localText(Date.now() + 7 * 86_400_000) })} />
      ${at !== null && html`<${Field} label=${t('dnssec.roll.moment')} type="datetime-local" value=${localText(at)} onInput=${(/** @type {string} */ text) => text && choose({ at: text })} help=${t('dnssec.roll.atHelp')} />`}
    </div>
    ${refused ? html`<${Refused} error=${refused} onAt=${(/** @type {number} */ then) => choose({ at: localText(then) })} />`
      : html`<${Part} res=${plan}>${(/** @type {import('../../../api/types.js').KeyPlanOut} */ data) => html`<${Preview} signing=${signing} plan=${data} role=${role} />`}<//>`}
  <//>`;
}

/** @param {{signing: Signing, plan: import('../../../api/types.js').KeyPlanOut, role: string}} props */
function Preview({ signing, plan, role }) {
  const { asked, takesOver, worthless } = turningPoints(plan.steps, role);
  return html`<${Facts} items=${[
    asked !== null && [t('dnssec.roll.parent'), tx('dnssec.roll.parentAt', { at: moment(asked) })],
    asked === null && [t('dnssec.roll.parent'), t('dnssec.roll.parentNo')],
    takesOver !== null && [t('dnssec.roll.takesOver'), moment(takesOver)],
    worthless !== null && [t('dnssec.roll.worthless'), html`${moment(worthless)} <span class="muted">${t('dnssec.roll.worthlessHelp')}</span>`],
  ]} />
  <${Timetable} keys=${signing.keys} plan=${plan} label=${t('dnssec.roll.title')} />`;
}

/** Why it cannot begin, and from when it can. @param {{error: unknown, onAt?: (at: number) => void}} props */
export function Refused({ error, onAt }) {
  const earliest = error instanceof ApiError && error.status === 409 ? error.problem.earliest_ms ?? null : null;
  if (!(error instanceof ApiError) || error.status !== 409) return html`<${ErrorPanel} error=${error} />`;
  // The field has minutes: the next whole one is safe.
  const safe = earliest === null ? null : Math.ceil(earliest / 60_000) * 60_000;
  return html`<${Banner} tone="warn" title=${t('dnssec.roll.refused')} action=${safe !== null && onAt && html`<${Button} small label=${t('dnssec.roll.showThen')} onClick=${() => onAt(safe)} />`}>
    <p>${error.detail}</p>${earliest !== null && html`<p>${tx('dnssec.roll.earliest', { at: moment(earliest) })}</p>`}<//>`;
}
