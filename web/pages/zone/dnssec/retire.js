/** Having a key go: what will happen, and when, before it is done. The URL says which key and why: `retire`, `compromised`. */
import { html, useState } from '../../../ui/html.js';
import { newKey } from '../../../api/http.js';
import { useApp } from '../../../context.js';
import { setParams } from '../../../router.js';
import { t, tx } from '../../../lib/i18n.js';
import { retirement } from '../../../lib/timetable.js';
import { Button } from '../../../ui/button.js';
import { Segments } from '../../../ui/choice.js';
import { Dialog } from '../../../ui/dialog.js';
import { Field } from '../../../ui/field.js';
import { Facts } from '../../../ui/page.js';
import { useResource } from '../../../ui/resource.js';
import { Part } from '../../part.js';
import { Refused } from './roll.js';
import { Timetable } from './timetable.js';
import { keyName, moment } from './words.js';

/** @typedef {import('../../../api/types.js').ZoneKeysOut} Signing */
/** @typedef {import('../../../api/types.js').ZoneKeyOut} Key */
/** @typedef {import('../../../api/types.js').KeyPlanOut} Plan */

/** Whether something is left to be asked of a key. @param {Key} key */
export const canRetire = ({ going, compromised }) => !(going && compromised);

/**
 * @param {{view: import('../parts.js').ZoneView, signing: Signing, params: URLSearchParams, onDone: (signing: Signing) => void}} props
 */
export function Retire({ view, signing, params, onDone }) {
  const key = signing.keys.find(({ tag }) => String(tag) === params.get('retire'));
  return key && canRetire(key) ? html`<${Question} view=${view} signing=${signing} subject=${key} isStolen=${params.get('compromised') === '1' || key.going} onDone=${onDone} />` : null;
}

/** @param {{view: import('../parts.js').ZoneView, signing: Signing, subject: Key, isStolen: boolean, onDone: (signing: Signing) => void}} props */
function Question({ view, signing, subject, isStolen, onDone }) {
  const { http, toast } = useApp();
  const [why, setWhy] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const name = keyName(subject);
  const close = () => setParams({ retire: null, compromised: null });
  const asked = { retire: subject.tag, ...(isStolen ? { compromised: true } : {}) };
  const plan = useResource(`retire:${view.name}:${subject.tag}:${isStolen}`, async (signal) => /** @type {Plan} */ ((await http.get(`${view.path}/keys/plan`, { params: asked, signal })).data), { keep: false });
  const commit = async () => {
    setBusy(true);
    try {
      const { data } = await http.post(`${view.path}/keys/retire`, { tag: subject.tag, compromised: isStolen, why }, { idempotencyKey: newKey() });
      toast.ok(t('dnssec.retire.done', { key: name }));
      onDone(data);
      close();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const choose = (/** @type {string} */ cause) => { setError(null); setParams({ compromised: cause === 'stolen' ? '1' : null }); };
  const refused = error ?? (plan.data === null ? plan.error : null);
  const actions = html`<div class="dialog-actions"><${Button} label=${t('common.cancel')} onClick=${close} />
    <${Button} tone="danger" busy=${isBusy} disabled=${plan.data === null || Boolean(refused)} label=${t('dnssec.retire.commit')} onClick=${commit} /></div>`;
  const causes = [...(subject.going ? [] : [['unwanted', t('dnssec.retire.unwanted')]]), ['stolen', t('dnssec.retire.stolen')]];
  return html`<${Dialog} title=${t('dnssec.retire.title', { key: name })} wide onClose=${close} actions=${actions}>
    <div class="roll-form"><${Segments} legend=${t('dnssec.retire.cause')} value=${isStolen ? 'stolen' : 'unwanted'} options=${causes} onChange=${choose} /></div>
    <p>${t(isStolen ? 'dnssec.retire.stolenText' : 'dnssec.retire.unwantedText')}</p>
    ${refused ? html`<${Refused} error=${refused} />` : html`<${Part} res=${plan}>${(/** @type {Plan} */ data) => html`<${Preview} signing=${signing} plan=${data} subject=${subject} />`}<//>`}
    <${Field} label=${t('zone.review.why')} placeholder=${t('dnssec.retire.why')} value=${why} onInput=${setWhy} maxlength="500" />
  <//>`;
}

/** @param {{signing: Signing, plan: Plan, subject: Key}} props */
function Preview({ signing, plan, subject }) {
  const { successor, asked, worthless, gone } = retirement(plan.steps, subject);
  return html`<${Facts} items=${[
    [t('dnssec.retire.successor'), t(successor ? 'dnssec.retire.made' : 'dnssec.retire.others')],
    [t('dnssec.roll.parent'), asked === null ? t('dnssec.roll.parentNo') : tx('dnssec.roll.parentAt', { at: moment(asked) })],
    worthless !== null && [t('dnssec.retire.worthless'), moment(worthless)],
    gone !== null && gone !== worthless && [t('dnssec.retire.gone'), moment(gone)],
  ]} />
  <${Timetable} keys=${signing.keys} plan=${plan} label=${t('dnssec.retire.title', { key: keyName(subject) })} />`;
}
