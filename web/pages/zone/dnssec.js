/** Tab DNSSEC: how the signing of a zone stands, its keys, what the parent shall have, and what will happen when. */
import { html, useEffect, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { Part } from '../part.js';
import { Keys } from './dnssec/keys.js';
import { Parent } from './dnssec/parent.js';
import { Policy, SignIt } from './dnssec/policy.js';
import { Retire } from './dnssec/retire.js';
import { Roll } from './dnssec/roll.js';
import { Status } from './dnssec/status.js';
import { Timetable } from './dnssec/timetable.js';
import { useMayConfigure } from './parts.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */
/** @typedef {import('../../api/types.js').ZoneKeysOut} Signing */

/** Keys move on by themselves, without a change of the zone. */
const EVERY_MS = 5000;

/** @param {{view: ZoneView, params: URLSearchParams}} props */
export default function Dnssec({ view, params }) {
  const { http } = useApp();
  const named = view.info.settings.dnssec;
  const signing = useResource(`keys:${view.name}:${named}`, async (signal) => {
    // A zone that names no policy may still be on its way to being unsigned.
    const isHere = named !== '' || (await http.get('/dnssec', { params: { zone: view.name }, signal })).data.items.length > 0;
    return { keys: isHere ? /** @type {Signing} */ ((await http.get(`${view.path}/keys`, { signal })).data) : null };
  }, { every: EVERY_MS, keep: false });
  const turn = view.turn.value;
  useEffect(() => { if (turn > 0) signing.reload(); }, [turn]);
  return html`<div class="stack zone-dnssec"><${Part} res=${signing}>${(/** @type {{keys: Signing|null}} */ { keys }) => html`
    ${keys ? html`<${Signed} view=${view} signing=${keys} onChange=${(/** @type {Signing} */ next) => signing.set({ keys: next })} params=${params} />` : html`<${SignIt} view=${view} />`}`}<//></div>`;
}

/** @param {{view: ZoneView, signing: Signing, onChange: (signing: Signing) => void, params: URLSearchParams}} props */
function Signed({ view, signing, onChange, params }) {
  const { http } = useApp();
  const mayChange = useMayConfigure(view);
  // What is planned changes with the keys, not with the clock.
  const state = JSON.stringify([signing.policy, signing.signed, signing.keys.map(({ tag, elements, ds_confirmed: known }) => [tag, elements, known])]);
  const plan = useResource(`plan:${view.name}:${state}`, async (signal) => (await http.get(`${view.path}/keys/plan`, { signal })).data);
  const [whole, setWhole] = useState(false);
  const begin = mayChange && signing.keys.length > 0 && signing.policy !== '';
  return html`
    <${Status} view=${view} signing=${signing} />
    <${Panel} title=${t('dnssec.time.title')} busy=${plan.loading && !plan.first} actions=${begin && html`<${Button} icon="refresh" label=${t('dnssec.roll.open')} onClick=${() => setParams({ roll: firstRole(signing) }, { push: true })} />`}>
      <${Part} res=${plan}>${(/** @type {import('../../api/types.js').KeyPlanOut} */ data) => html`<${Timetable} keys=${signing.keys} plan=${data} whole=${whole} onWhole=${setWhole} label=${t('dnssec.time.title')} />`}<//>
    <//>
    <${Keys} signing=${signing} mayRetire=${begin} />
    <${Parent} view=${view} signing=${signing} state=${state} onChange=${onChange} />
    <${Policy} view=${view} signing=${signing} />
    ${begin && params.get('roll') && html`<${Roll} view=${view} signing=${signing} params=${params} onDone=${onChange} />`}
    ${begin && params.get('retire') && html`<${Retire} view=${view} signing=${signing} params=${params} onDone=${onChange} />`}`;
}

/** @param {Signing} signing */
const firstRole = ({ keys }) => (keys.some(({ role }) => role === 'zsk') ? 'zsk' : keys[0]?.role ?? 'zsk');
