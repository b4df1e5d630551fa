/** Has a zone signed, by another policy, or no longer; where the configuration decides it, what to write there. */
import { html, useState } from '../../../ui/html.js';
import { ApiError, newKey } from '../../../api/http.js';
import { useApp } from '../../../context.js';
import { t } from '../../../lib/i18n.js';
import { shown, undotted } from '../../../lib/dns.js';
import { Button, CopyButton } from '../../../ui/button.js';
import { Form } from '../../../ui/field.js';
import { Banner, ErrorPanel, Panel } from '../../../ui/page.js';
import { useMayConfigure } from '../parts.js';
import { PolicySelect } from './policies.js';

/** @typedef {import('../parts.js').ZoneView} ZoneView */

/** Changes the policy of a zone. @param {ZoneView} view @param {string} done what is said then */
function useChange(view, done) {
  const { http, toast } = useApp();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const change = async (/** @type {string} */ dnssec) => {
    setBusy(true);
    setError(null);
    try {
      await http.patch(view.path, { dnssec }, { idempotencyKey: newKey() });
      toast.ok(done);
      view.reload();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const fault = error instanceof ApiError ? error.errors.find(({ pointer }) => pointer === '/dnssec')?.detail ?? null : null;
  return { change, isBusy, error: fault ? null : error, fault };
}

/** Why the policy cannot be changed here; null: it can. @param {ZoneView} view */
function useWhyNot(view) {
  const mayChange = useMayConfigure(view);
  return view.info.source !== 'journal' ? 'configuration' : mayChange ? null : 'right';
}

/** @param {{why: string, policy: string}} props */
const WhyNot = ({ why, policy }) => html`<${Banner} tone="info">${t(`dnssec.policy.why.${why}`)}${why === 'configuration' && html` <code>dnssec: ${policy}</code> <${CopyButton} iconOnly text=${`dnssec: ${policy}`} />`}<//>`;

/** A zone that is not signed: what signing would do. @param {{view: ZoneView}} props */
export function SignIt({ view }) {
  const [policy, setPolicy] = useState('default');
  const why = useWhyNot(view);
  const { change, isBusy, error, fault } = useChange(view, t('dnssec.sign.done', { name: shown(undotted(view.name)) }));
  return html`<${Panel} title=${t('dnssec.sign.title')}>
    <p>${t('dnssec.sign.what')}</p>
    <h3>${t('dnssec.sign.then')}</h3>
    <ol class="sign-steps">${[1, 2, 3, 4].map((step) => html`<li key=${step}>${t(`dnssec.sign.step${step}`)}</li>`)}</ol>
    ${why ? html`<${WhyNot} why=${why} policy="default" />` : html`<${Form} label=${t('dnssec.sign.title')} class="sign-form" busy=${isBusy} onSubmit=${() => change(policy)}>
      <${PolicySelect} value=${policy} onChange=${setPolicy} error=${fault} />
      ${error && html`<${ErrorPanel} error=${error} />`}
      <div class="form-actions"><${Button} tone="primary" type="submit" icon="dnssec" busy=${isBusy} label=${t('dnssec.sign.action')} /></div><//>`}
  <//>`;
}

/** @param {{view: ZoneView, signing: import('../../../api/types.js').ZoneKeysOut}} props */
export function Policy({ view, signing }) {
  const { dialogs } = useApp();
  const { dnssec } = view.info.settings;
  const [policy, setPolicy] = useState(dnssec);
  const why = useWhyNot(view);
  const { change, isBusy, error, fault } = useChange(view, t('dnssec.policy.changed'));
  const ask = async () => {
    const hasDs = signing.keys.some(({ elements }) => elements.ds && elements.ds.visibility !== 'hidden');
    const question = policy === '' ? { title: t('dnssec.off.title', { name: shown(undotted(view.name)) }), text: t(hasDs ? 'dnssec.off.textDs' : 'dnssec.off.text'), action: t('dnssec.off.action') }
      : { title: t('dnssec.policy.changeTitle', { policy }), text: t('dnssec.policy.changeText'), action: t('dnssec.policy.change') };
    if (await dialogs.confirm(question)) await change(policy);
  };
  return html`<${Panel} title=${t('dnssec.policy.title')}>
    ${why ? html`<${WhyNot} why=${why} policy=${dnssec || 'off'} />` : html`<${Form} label=${t('dnssec.policy.title')} class="sign-form" busy=${isBusy} onSubmit=${ask}>
      <${PolicySelect} value=${policy} onChange=${setPolicy} off error=${fault} />
      ${error && html`<${ErrorPanel} error=${error} />`}
      <div class="form-actions"><${Button} type="submit" busy=${isBusy} disabled=${policy === dnssec} label=${t(policy === '' && dnssec !== '' ? 'dnssec.off.action' : 'dnssec.policy.change')} /></div><//>`}
  <//>`;
}
