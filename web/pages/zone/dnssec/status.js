/** How the signing of a zone stands: one sentence, what is waited for, and what is wrong. */
import { html } from '../../../ui/html.js';
import { t } from '../../../lib/i18n.js';
import { TimeEl } from '../../../lib/format.js';
import { stageKind } from '../../../lib/signing.js';
import { Banner, Facts, Panel, Ticked } from '../../../ui/page.js';
import { State } from '../../../ui/state.js';
import { WaitText, moment } from './words.js';

/** @param {{view: import('../parts.js').ZoneView, signing: import('../../../api/types.js').ZoneKeysOut}} props */
export function Status({ signing }) {
  const { stage, waits, error, refusal, signatures, policy } = signing;
  const parent = /** @type {any} the part that watches the parent may not be there */ (signing).parent;
  const isBroken = Boolean(parent?.broken);
  const roleOf = (/** @type {number} */ tag) => signing.keys.find((key) => key.tag === tag)?.role;
  return html`<${Panel} title=${t('dnssec.status')}>
    <p class="signing-stage" role="status"><${State} kind=${isBroken ? 'bad' : stageKind(stage)} word=${t(isBroken ? 'dnssec.stage.broken' : `dnssec.stage.${stage}`)} />
      <span class="muted">${t(isBroken ? 'dnssec.stageMore.broken' : `dnssec.stageMore.${stage}`)}</span></p>
    ${error && html`<${Banner} tone="bad" title=${t('dnssec.error')}><${Ticked} text=${error} /></${Banner}>`}
    ${refusal && html`<${Banner} tone="warn" title=${t('dnssec.refused')}><${Ticked} text=${refusal.why} /> <span class="muted">${moment(refusal.at_ms)}</span></${Banner}>`}
    ${waits.length > 0 && html`<div class="signing-waits"><h3>${t('dnssec.waits')}</h3><ul>${waits.map((wait) => html`<li key=${`${wait.tag} ${wait.element}`}><${WaitText} wait=${wait} role=${roleOf(wait.tag)} /></li>`)}</ul></div>`}
    <${Facts} items=${[
      [t('dnssec.col.policy'), policy === '' ? t('dnssec.policy.leaving') : policy],
      [t('dnssec.firstEnd'), signatures.first_end_ms ? html`${moment(signatures.first_end_ms)} <span class="muted">(<${TimeEl} at=${signatures.first_end_ms} />)</span>` : '–'],
      signatures.stale > 0 && [t('dnssec.stale'), t('dnssec.staleSets', { n: signatures.stale })],
    ]} />
  <//>`;
}
