/** What happens to keys, in words; times are those of the person who looks. Used by the tab DNSSEC of a zone and the page DNSSEC. */
import { html } from '../../../ui/html.js';
import { t, tx } from '../../../lib/i18n.js';
import { TimeEl } from '../../../lib/format.js';

/** @typedef {import('../../../api/types.js').KeyStepOut} Step */
/** @typedef {import('../../../api/types.js').KeyWaitOut} Wait */

/**
 * The name of a key: what it signs and its tag, or its number while it is not made.
 * @param {{role: string, tag?: number|null, number?: number|null, new_key?: number|null}} key
 */
export function keyName({ role, tag, number, new_key: newKey }) {
  const next = number ?? newKey;
  const word = t(`dnssec.role.${role}`);
  if (next === null || next === undefined) return t('dnssec.key.tag', { role: word, tag: String(tag) });
  return next === 1 ? t('dnssec.key.new', { role: word }) : t('dnssec.key.newMore', { role: word, number: String(next) });
}

/** What happens in a step. @param {Step} step */
export const stepText = (step) => t(step.element ? `dnssec.step.${step.element}.${step.visibility}` : 'dnssec.step.made', { key: keyName(step) });

/** Whether somebody else has to do something for a step. @param {Step} step */
export const needsParent = (step) => step.element === 'ds' && (step.visibility === 'omnipresent' || step.visibility === 'hidden');

/** Which sentence says what is waited for. @param {Wait} wait */
export function waitKey({ what, element, published }) {
  const way = published ? 'in' : 'out';
  return what === 'caches' ? `dnssec.wait.${element === 'key_signature' ? 'dnskey' : element}.${way}` : `dnssec.wait.${what}.${way}`;
}

/** A moment in a sentence. @param {number|null|undefined} at */
export const moment = (at) => html`<${TimeEl} at=${at} as="datetime" />`;

/**
 * What is waited for, since when and until when.
 * @param {{wait: Wait, role?: string}} props `role`: of the key, where it is known
 */
export function WaitText({ wait, role }) {
  const key = role ? keyName({ role, tag: wait.tag }) : t('dnssec.key.only', { tag: String(wait.tag) });
  return html`${tx(waitKey(wait), { key })} <span class="muted">${wait.until_ms ? tx('dnssec.wait.until', { at: moment(wait.until_ms), left: html`<${TimeEl} at=${wait.until_ms} />` }) : tx('dnssec.wait.since', { at: moment(wait.since_ms), ago: html`<${TimeEl} at=${wait.since_ms} />` })}</span>`;
}
