/** The policies that zones may be signed by, as a choice. Used by the tabs DNSSEC and Settings of a zone, and by new zones. */
import { html } from '../../../ui/html.js';
import { useApp } from '../../../context.js';
import { t } from '../../../lib/i18n.js';
import { duration } from '../../../lib/format.js';
import { Select } from '../../../ui/field.js';
import { useResource } from '../../../ui/resource.js';

/** @typedef {import('../../../api/types.js').SigningPolicyOut} Policy */

export function usePolicies() {
  const { http } = useApp();
  return useResource('dnssec.policies', async (signal) => /** @type {Policy[]} */ ((await http.get('/dnssec/policies', { signal })).data.items));
}

/** What a policy does, in a sentence. @param {Policy} policy */
export function policyText(policy) {
  const life = (/** @type {number} */ seconds) => (seconds === 0 ? t('dnssec.policy.never') : t('dnssec.policy.every', { time: duration(seconds * 1000) }));
  const keys = policy.csk ? t('dnssec.policy.csk', { life: life(policy.ksk_lifetime_s) }) : t('dnssec.policy.split', { ksk: life(policy.ksk_lifetime_s), zsk: life(policy.zsk_lifetime_s) });
  const denial = t(policy.nsec3_opt_out ? 'dnssec.policy.optOut' : policy.nsec3 ? 'dnssec.policy.nsec3' : 'dnssec.policy.nsec');
  const signatures = t('dnssec.policy.signatures', { life: duration(policy.signature_lifetime_s * 1000), refresh: duration(policy.signature_refresh_s * 1000) });
  return `${policy.algorithm}${policy.bits ? ` (${policy.bits})` : ''}. ${keys} ${signatures} ${denial}`;
}

/**
 * @param {{value: string, onChange: (value: string) => void, off?: boolean, disabled?: boolean, label?: string, error?: string|null}} props
 *   `off`: a zone may also be not signed
 */
export function PolicySelect({ value, onChange, off = false, disabled = false, label, error }) {
  const { data } = usePolicies();
  const known = data ?? [];
  const chosen = known.find(({ name }) => name === value);
  const options = [...(off ? [{ value: '', label: t('dnssec.policy.off') }] : []), ...known.map(({ name }) => ({ value: name, label: name }))];
  // What is set stays in sight, also before the list is there, or if the configuration has no such policy any more.
  if (value !== '' && !chosen) options.push({ value, label: value });
  return html`<${Select} label=${label ?? t('dnssec.policy.label')} value=${value} options=${options} onChange=${onChange} disabled=${disabled} error=${error}
    help=${chosen ? policyText(chosen) : value === '' ? t('dnssec.policy.offHelp') : undefined} />`;
}
