/** The parent of a zone: the records to give to it in the forms that registrars ask for, what it has, and saying that it is done. */
import { html, useState } from '../../../ui/html.js';
import { useApp } from '../../../context.js';
import { t } from '../../../lib/i18n.js';
import { visible } from '../../../lib/dns.js';
import { DIGESTS, dnskeyFields } from '../../../lib/signing.js';
import { Button, CopyButton } from '../../../ui/button.js';
import { Segments } from '../../../ui/choice.js';
import { Panel } from '../../../ui/page.js';
import { useResource } from '../../../ui/resource.js';
import { Part } from '../../part.js';
import { useMayConfigure } from '../parts.js';
import { Servers } from './servers.js';
import { keyName, moment } from './words.js';

/** @typedef {import('../../../api/types.js').KeyDsOut} KeyDs */
/** @typedef {import('../../../api/types.js').ZoneKeysOut} Signing */

/** @param {{view: import('../parts.js').ZoneView, signing: Signing, state: string, onChange: (signing: Signing) => void}} props */
export function Parent({ view, signing, state, onChange }) {
  const { http } = useApp();
  const records = useResource(`ds:${view.name}:${state}`, async (signal) => (await http.get(`${view.path}/ds`, { params: { all: true }, signal })).data);
  const dsOf = (/** @type {KeyDs} */ key) => signing.keys.find(({ tag }) => tag === key.tag)?.elements.ds?.visibility ?? 'hidden';
  const parent = /** @type {any} the part that watches the parent may not be there */ (signing).parent;
  return html`<${Panel} title=${t('dnssec.parent.title')} note=${t('dnssec.parent.note')}>
    <${Part} res=${records}>${(/** @type {import('../../../api/types.js').ZoneDsOut} */ data) => {
      const wanted = data.keys.filter((key) => key.wants_ds || dsOf(key) === 'unretentive');
      const rest = data.keys.filter((key) => !wanted.includes(key));
      return html`${wanted.length === 0 && html`<p>${t(data.keys.length === 0 ? 'dnssec.parent.none' : 'dnssec.parent.early')}</p>`}
        ${wanted.map((key) => html`<${OneKey} key=${key.tag} view=${view} ds=${key} visibility=${dsOf(key)} onChange=${onChange} />`)}
        ${rest.length > 0 && html`<details class="parent-rest"><summary>${t('dnssec.parent.others', { n: rest.length })}</summary>
          <div class="stack">${rest.map((key) => html`<${OneKey} key=${key.tag} view=${view} ds=${key} visibility=${dsOf(key)} onChange=${onChange} />`)}</div></details>`}`;
    }}<//>
    ${parent && html`<${Servers} parent=${parent} />`}
  <//>`;
}

/** @param {{view: import('../parts.js').ZoneView, ds: KeyDs, visibility: string, onChange: (signing: Signing) => void}} props */
function OneKey({ view, ds, visibility, onChange }) {
  const [form, setForm] = useState('ds');
  const known = ds.ds_confirmed;
  const forms = ['ds', 'fields', 'dnskey'].map((key) => /** @type {[string, string]} */ ([key, t(`dnssec.form.${key}`)]));
  return html`<section class="parent-key" aria-label=${keyName(ds)}>
    <div class="parent-head"><h3>${keyName(ds)}</h3><p>${t(`dnssec.parent.${visibility}`)}
      ${known && html` <span class="muted">${t(`dnssec.known.${known.by}.${known.published ? 'in' : 'out'}`)} ${moment(known.at_ms)}</span>`}</p></div>
    ${visibility !== 'unretentive' && html`<${Segments} legend=${t('dnssec.form.legend')} hideLegend value=${form} options=${forms} onChange=${setForm} />`}
    ${visibility === 'unretentive' || form === 'ds' ? ds.ds.map((one) => html`<${Line} key=${one.digest_type} label=${DIGESTS[one.digest_type] ?? String(one.digest_type)} text=${one.line} />`)
      : form === 'dnskey' ? html`<${Line} label="DNSKEY" text=${ds.dnskey} />` : html`<${Fields} ds=${ds} />`}
    <${Confirmation} view=${view} ds=${ds} visibility=${visibility} onChange=${onChange} />
  </section>`;
}

/** A record with a button that copies it. @param {{label: string, text: string}} props */
const Line = ({ label, text }) => html`<div class="record-line"><span class="record-label">${label}</span><code class="record-text">${text}</code>
  <${CopyButton} text=${text} label=${t('dnssec.copy', { what: label })} /></div>`;

/** What forms with single fields ask for. @param {{ds: KeyDs}} props */
function Fields({ ds }) {
  const field = (/** @type {string} */ label, /** @type {string} */ value) => html`<div><dt>${label}</dt><dd><code>${value}</code><${CopyButton} iconOnly text=${value} label=${t('dnssec.copy', { what: label })} /></dd></div>`;
  const key = dnskeyFields(ds.dnskey);
  const [first] = ds.ds;
  return html`<dl class="facts record-fields">
    ${first && html`${field(t('dnssec.field.tag'), String(first.tag))}${field(t('dnssec.field.algorithm'), String(first.algorithm))}`}
    ${ds.ds.map((one) => html`${field(t('dnssec.field.digestType', { name: DIGESTS[one.digest_type] ?? '' }), String(one.digest_type))}${field(t('dnssec.field.digest', { name: DIGESTS[one.digest_type] ?? '' }), one.digest)}`)}
    ${key && html`${field(t('dnssec.field.flags'), key.flags)}${field(t('dnssec.field.protocol'), key.protocol)}${field(t('dnssec.field.key'), key.key)}`}
  </dl>`;
}

/** Saying that the parent has done it. @param {{view: import('../parts.js').ZoneView, ds: KeyDs, visibility: string, onChange: (signing: Signing) => void}} props */
function Confirmation({ view, ds, visibility, onChange }) {
  const { http, dialogs, toast } = useApp();
  const mayChange = useMayConfigure(view);
  const [isBusy, setBusy] = useState(false);
  const published = visibility === 'rumoured';
  const isSaid = ds.ds_confirmed?.by === 'hand' && ds.ds_confirmed.published === published;
  if (!mayChange || isSaid || (visibility !== 'rumoured' && visibility !== 'unretentive')) return null;
  const way = published ? 'in' : 'out';
  const say = async () => {
    const key = keyName(ds);
    const text = html`<p>${t(`dnssec.say.${way}Text`)}</p><p><code>dig @SERVER ${visible(view.name)} DS +short</code></p><p><strong>${t(`dnssec.say.${way}Risk`)}</strong></p>`;
    if (!await dialogs.confirm({ title: t(`dnssec.say.${way}Title`, { key }), text, action: t(`dnssec.say.${way}`) })) return;
    setBusy(true);
    try {
      const { data } = await http.post(`${view.path}/keys/ds`, { tag: ds.tag, published, why: '' });
      toast.ok(t(`dnssec.say.${way}Done`, { key }));
      onChange(data);
    } catch (error) {
      toast.error(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<div class="parent-say"><${Button} tone=${published ? 'primary' : 'plain'} icon="check" busy=${isBusy} label=${t(`dnssec.say.${way}`)} onClick=${say} /><span class="muted">${t(`dnssec.say.${way}Hint`)}</span></div>`;
}
