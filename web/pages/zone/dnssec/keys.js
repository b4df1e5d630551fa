/** The keys of a zone: what each signs, and how far each of its parts has come. */
import { html } from '../../../ui/html.js';
import { t } from '../../../lib/i18n.js';
import { TimeEl } from '../../../lib/format.js';
import { elementsOf, isLeaving, phaseOf } from '../../../lib/timetable.js';
import { setParams } from '../../../router.js';
import { Button } from '../../../ui/button.js';
import { Chip, State } from '../../../ui/state.js';
import { DataTable } from '../../../ui/table.js';
import { canRetire } from './retire.js';
import { WaitText, keyName } from './words.js';

/** @typedef {import('../../../api/types.js').ZoneKeyOut} Key */
/** @typedef {import('../../../api/types.js').ZoneKeysOut} Signing */

/** @type {Record<string, 'ok'|'warn'|'info'|undefined>} */
const TONES = { active: 'ok', parent: 'warn', new: 'info' };

/** @param {{signing: Signing, mayRetire: boolean}} props */
export function Keys({ signing, mayRetire }) {
  return html`<section aria-labelledby="zone-keys"><h2 id="zone-keys" class="section-title">${t('dnssec.keys')}</h2>
    <${DataTable} id="zone-keys" caption=${t('dnssec.keys')} rows=${signing.keys} rowKey=${(/** @type {Key} */ key) => String(key.tag)} columns=${[...columns(signing), ...(mayRetire ? [retireColumn()] : [])]}
      empty=${html`<p>${t('dnssec.keysNone')}</p>`} /></section>`;
}

/** @param {Key} key */
const phase = (key) => phaseOf(key.role, elementsOf(key), isLeaving(key));

/** What caches may have of a part. @param {string} name @param {import('../../../api/types.js').KeyElementOut|null|undefined} element */
function element(name, element) {
  if (!element) return html`<span class="muted">–</span>`;
  const since = element.since_ms && element.visibility !== 'hidden' ? html` <span class="muted"><${TimeEl} at=${element.since_ms} /></span>` : '';
  return html`<span>${t(`dnssec.part.${name}.${element.visibility}`)}${since}</span>`;
}

/** @param {Signing} signing */
function columns({ waits }) {
  const waitOf = (/** @type {Key} */ { tag }) => [...waits].filter((wait) => wait.tag === tag).sort((one, other) => (one.until_ms ?? 0) - (other.until_ms ?? 0))[0];
  return [
    { key: 'key', title: t('dnssec.col.key'), cell: (/** @type {Key} */ key) => html`<span class="key-name"><b>${t(`dnssec.role.${key.role}`)}</b> <span class="mono">${key.tag}</span> <span class="muted">${key.algorithm}</span></span>` },
    { key: 'phase', title: t('dnssec.col.phase'), cell: (/** @type {Key} */ key) => html`<span class="row"><${Chip} tone=${TONES[phase(key)]}>${t(`dnssec.phaseShort.${phase(key)}`)}<//>${key.compromised && html` <${State} kind="bad" word=${t('dnssec.compromised')} />`}</span>` },
    { key: 'dnskey', title: 'DNSKEY', cell: (/** @type {Key} */ key) => element('dnskey', key.elements.dnskey) },
    { key: 'signatures', title: t('dnssec.col.signatures'), cell: (/** @type {Key} */ key) => (key.elements.zone_signatures ? element('signatures', key.elements.zone_signatures) : element('keySignature', key.elements.key_signature)) },
    { key: 'ds', title: t('dnssec.col.ds'), cell: (/** @type {Key} */ key) => element('ds', key.elements.ds) },
    { key: 'origin', title: t('dnssec.col.origin'), off: true, cell: (/** @type {Key} */ key) => t(`dnssec.origin.${key.origin}`) },
    { key: 'made', title: t('dnssec.col.made'), off: true, cell: (/** @type {Key} */ key) => html`<${TimeEl} at=${key.created_at_ms} as="datetime" />` },
    { key: 'next', title: t('dnssec.col.next'), wide: true, cell: (/** @type {Key} */ key) => {
      const wait = waitOf(key);
      return wait ? html`<span class="wrap-cell"><${WaitText} wait=${wait} role=${key.role} /></span>` : html`<span class="muted">–</span>`;
    } },
  ];
}

const retireColumn = () => ({
  key: 'retire', title: t('dnssec.retire'), plain: true,
  cell: (/** @type {Key} */ key) => canRetire(key) && html`<${Button} small label=${t('dnssec.retire')} aria-label=${t('dnssec.retire.title', { key: keyName(key) })} onClick=${() => setParams({ retire: String(key.tag) }, { push: true })} />`,
});
