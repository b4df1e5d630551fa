/** Tab Settings: how a zone is served, and removing it. Where the configuration says it, it is shown and cannot be changed. */
import { html, useState } from '../../ui/html.js';
import { ApiError, newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { go, href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { shown } from '../../lib/dns.js';
import { Button } from '../../ui/button.js';
import { Form, Select, TextArea } from '../../ui/field.js';
import { Banner, ErrorPanel, Panel } from '../../ui/page.js';
import { PolicySelect } from './dnssec/policies.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */

const LISTS = /** @type {const} */ (['primaries', 'notify', 'allow_transfer', 'allow_query', 'allow_update', 'allow_update_forwarding', 'allow_notify', 'placement']);
/** Lists that only a zone of this kind has. */
const KIND_OF = /** @type {Record<string, string>} */ ({ allow_update: 'primary', allow_update_forwarding: 'secondary', allow_notify: 'secondary' });

/** @param {any} settings */
const toForm = (settings) => ({ ...settings, ...Object.fromEntries(LISTS.map((key) => [key, settings[key].join('\n')])) });
/** @param {string} text */
const toList = (text) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');

/** @param {{view: ZoneView}} props */
export default function Settings({ view }) {
  const { http, session, toast } = useApp();
  const { settings, source } = view.info;
  const [form, setForm] = useState(() => toForm(settings));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setBusy] = useState(false);
  const why = source !== 'journal' ? source : session.can('configure', { zone: view.name }) ? null : 'right';
  const isSecondary = form.kind === 'secondary';
  const next = { kind: form.kind, serial_policy: form.serial_policy, dnssec: form.dnssec, ...Object.fromEntries(LISTS.map((key) => [key, toList(form[key])])) };
  const changed = Object.fromEntries(Object.entries(next).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(settings[key])));
  const count = Object.keys(changed).length;
  const set = (/** @type {string} */ key) => (/** @type {string} */ value) => setForm({ ...form, [key]: value });
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      const { data } = await http.patch(view.path, changed, { idempotencyKey: newKey() });
      const undo = data.change === null ? undefined : async () => { await http.post(`/changes/${data.change}/revert`, {}); view.reload(); setForm(toForm(settings)); };
      toast.ok(t('zone.set.saved'), { undo });
      view.reload();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const faults = error instanceof ApiError ? error.errors : [];
  const fault = (/** @type {string} */ key) => faults.filter((one) => one.pointer === `/${key}` || one.pointer?.startsWith(`/${key}/`))
    .map((one) => { const at = /\/(\d+)$/.exec(one.pointer ?? '')?.[1]; return `${at ? `${t('zone.form.line', { n: Number(at) + 1 })}: ` : ''}${one.detail}`; }).join('; ') || null;
  const list = (/** @type {string} */ key) => html`<${TextArea} key=${key} label=${t(`zone.set.${key}`)} mono rows=${Math.max(2, Math.min(8, form[key].split('\n').length + 1))} value=${form[key]} onInput=${set(key)}
    disabled=${!!why} error=${fault(key)} help=${t(`zone.set.${key}Help`)} wrap="off" />`;
  return html`<div class="stack zone-settings">
    ${why && html`<${Banner} tone="info">${t(`zone.set.readOnly.${why}`)}</${Banner}>`}
    <${Panel} title=${t('zone.set.title')}><${Form} label=${t('zone.set.title')} busy=${isBusy} onSubmit=${() => count > 0 && !why && save()}>
      <${Select} label=${t('zones.col.kind')} value=${form.kind} onChange=${set('kind')} disabled=${!!why} help=${t('zone.set.kindHelp')} options=${['primary', 'secondary'].map((value) => ({ value, label: t(`zones.kind.${value}`) }))} />
      ${isSecondary ? list('primaries') : html`<${Select} label=${t('zone.set.serial_policy')} value=${form.serial_policy} onChange=${set('serial_policy')} disabled=${!!why} help=${t(`zone.set.policy.${form.serial_policy}Help`)}
        options=${['increment', 'date', 'unixtime'].map((value) => ({ value, label: t(`zone.set.policy.${value}`) }))} />`}
      <${PolicySelect} label=${t('zone.set.dnssec')} value=${form.dnssec} onChange=${set('dnssec')} off disabled=${!!why} error=${fault('dnssec')} />
      ${LISTS.slice(1).filter((key) => (KIND_OF[key] ?? form.kind) === form.kind).map(list)}
      ${error && !faults.some((one) => one.pointer) && html`<${ErrorPanel} error=${error} />`}
      ${!why && html`<div class="form-actions"><${Button} tone="primary" type="submit" busy=${isBusy} disabled=${count === 0} label=${t('zone.set.save')} />
        ${count > 0 && html`<${Button} label=${t('zone.set.reset')} onClick=${() => { setForm(toForm(settings)); setError(null); }} /><span class="muted">${t('zone.set.changed', { n: count })}</span>`}</div>`}
    </${Form}><//>
    ${source === 'journal' && session.can('delete', { zone: view.name }) && html`<${Remove} view=${view} />`}
  </div>`;
}

/** @param {{view: ZoneView}} props */
function Remove({ view }) {
  const { http, dialogs, toast } = useApp();
  const remove = async () => {
    const name = shown(view.name);
    const { records, settings } = view.info;
    const yes = await dialogs.confirm({ title: t('zone.remove.title', { name }), text: t('zone.remove.text', { n: records, secondaries: String(settings.notify.length) }), action: t('zone.remove.action'), danger: true, type: name });
    if (!yes) return;
    try {
      const { data } = await http.del(view.path, { idempotencyKey: newKey() });
      toast.ok(t('zone.remove.done', { name }), { undo: () => http.post(`/changes/${data.change}/revert`, {}), link: { href: href('zone', [view.name, 'history']), text: t('zone.tab.history') } });
      go(href('zones'));
    } catch (error) {
      toast.error(error);
    }
  };
  return html`<${Panel} title=${t('zone.remove.head')}><p>${t('zone.remove.why')}</p><${Button} icon="trash" label=${t('zone.remove.action')} onClick=${remove} /><//>`;
}
