/** A new zone: its name is all that is asked for; what it will have is shown before. Or a secondary: name and primaries. */
import { html, useEffect, useRef, useState } from '../../ui/html.js';
import { ApiError, newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { go, href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { shown, visible } from '../../lib/dns.js';
import { toText } from '../../rr/text.js';
import { Button } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { Field, Form, TextArea } from '../../ui/field.js';
import { errorText } from '../../ui/page.js';
import { PolicySelect } from './dnssec/policies.js';
import { Warnings } from './parts.js';
import { useTypes } from './types.js';

/** @param {{kind: 'primary' | 'secondary', onClose: () => void}} props */
export function NewZone({ kind, onClose }) {
  const { http, toast } = useApp();
  const types = useTypes();
  const [name, setName] = useState('');
  const [primaries, setPrimaries] = useState('');
  const [nameservers, setNameservers] = useState('');
  const [dnssec, setDnssec] = useState('');
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [isBusy, setBusy] = useState(false);
  const turn = useRef(0);
  const isSecondary = kind === 'secondary';
  const list = (/** @type {string} */ text) => text.split(/[\n,]+/).map((line) => line.trim()).filter((line) => line !== '');
  const body = () => isSecondary ? { name: name.trim(), kind, primaries: list(primaries) } : { name: name.trim(), nameservers: list(nameservers), dnssec };
  const isReady = name.trim() !== '' && (!isSecondary || primaries.trim() !== '');
  useEffect(() => {
    setPlan(null);
    setError(null);
    turn.current += 1;
    if (!isReady) return undefined;
    const { current } = turn;
    const timer = setTimeout(() => http.post('/zones', body(), { params: { dry_run: true } })
      .then((reply) => { if (current === turn.current) setPlan(reply.data); }, (reason) => { if (current === turn.current) setError(reason); }), 400);
    return () => clearTimeout(timer);
  }, [name, primaries, nameservers, dnssec]);
  const create = async () => {
    if (!isReady) return;
    setBusy(true);
    turn.current += 1;
    try {
      const { data } = await http.post('/zones', body(), { idempotencyKey: newKey() });
      toast.ok(t(isSecondary ? 'zones.new.doneSecondary' : 'zones.new.done', { name: shown(data.name) }));
      onClose();
      // The dialog goes first: the next page may take a moment to load.
      setTimeout(() => go(href('zone', [data.name, isSecondary ? 'transfers' : dnssec ? 'dnssec' : 'records'])));
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const faults = error instanceof ApiError ? error.errors : [];
  const at = (/** @type {string} */ key) => faults.filter((one) => one.pointer?.startsWith(`/${key}`)).map((one) => one.detail).join('; ') || null;
  const other = error && !faults.some((one) => one.pointer) ? errorText(error) : null;
  const added = plan?.diff?.[0]?.added ?? [];
  const actions = html`<div class="dialog-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!isReady} label=${t('zones.new.create')} onClick=${create} /></div>`;
  return html`<${Dialog} title=${t(`zones.new.${kind}`)} onClose=${onClose} actions=${actions}>
    <${Form} label=${t(`zones.new.${kind}`)} busy=${isBusy} onSubmit=${create}>
      <${Field} label=${t('zones.new.name')} mono autofocus required value=${name} onInput=${setName} error=${at('name') ?? other} autocapitalize="none" spellcheck=${false} autocomplete="off" placeholder="example.org" help=${t('zones.new.nameHelp')} />
      ${isSecondary ? html`<${TextArea} label=${t('zone.set.primaries')} mono rows=${2} required value=${primaries} onInput=${setPrimaries} error=${at('primaries')} help=${t('zone.set.primariesHelp')} />`
        : html`<details><summary>${t('zones.new.ns')}</summary><${TextArea} label=${t('zones.new.nameservers')} mono rows=${2} value=${nameservers} onInput=${setNameservers} error=${at('nameservers')} help=${t('zones.new.nsHelp')} /></details>
          <${PolicySelect} label=${t('zone.set.dnssec')} value=${dnssec} onChange=${setDnssec} off error=${at('dnssec')} />`}
      ${added.length > 0 && html`<section class="new-zone-plan" aria-live="polite"><h3>${t('zones.new.plan')}</h3>
        <ul class="mono">${added.map((/** @type {any} */ record) => html`<li><span>${shown(record.name)}</span> <span class="muted">${record.ttl}</span> <b>${record.type}</b> <span class="wrap">${visible(toText(types.get(record.type), record.data))}</span></li>`)}</ul></section>`}
      ${plan && html`<${Warnings} list=${plan.warnings} />`}
      <button type="submit" hidden>${t('zones.new.create')}</button>
    </${Form}><//>`;
}
