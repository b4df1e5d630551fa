/** A zone file in: paste or choose, see what would change and what is wrong line by line, then take it over. Also makes zones. */
import { html, useEffect, useRef, useState } from '../../ui/html.js';
import { ApiError, newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { go, href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { bytes, num } from '../../lib/format.js';
import { visible } from '../../lib/dns.js';
import { Button } from '../../ui/button.js';
import { Diff, DiffSize, sizeOf } from '../../ui/diff.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, TextArea } from '../../ui/field.js';
import { ErrorPanel } from '../../ui/page.js';
import { Warnings } from './parts.js';
import { useTypes } from './types.js';

/** Characters that are shown for editing; a larger file is only taken over. */
const EDITABLE = 200_000;

/** The zone that a file is about, from its first lines or its name. @param {string} text @param {string} file @returns {string} */
export function guessZone(text, file) {
  const origin = /^\$ORIGIN\s+(\S+)/im.exec(text)?.[1];
  const soa = /^(\S+\.)\s+(?:\d+\w*\s+)?(?:IN\s+)?(?:\d+\w*\s+)?SOA\s/im.exec(text)?.[1];
  const named = /^(?:db\.)?(.+?)\.(?:zone|db|txt|hosts)$/i.exec(file)?.[1];
  return (soa ?? origin ?? (named?.includes('.') ? named : '')).replace(/\.$/, '');
}

/** @param {{view?: import('./parts.js').ZoneView, onClose: () => void}} props `view`: the zone that is replaced; without it a new one is made. */
export function ImportDrawer({ view, onClose }) {
  const { http, toast } = useApp();
  const types = useTypes();
  const [text, setText] = useState('');
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [name, setName] = useState('');
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [why, setWhy] = useState('');
  const [isBusy, setBusy] = useState(false);
  const turn = useRef(0);
  const zone = view?.name ?? name.trim();
  const send = (/** @type {boolean} */ dryRun) => http.post(`/zones/${encodeURIComponent(zone)}/import`, file && file.size > EDITABLE ? file : text, {
    params: { dry_run: dryRun, create: !view, why: dryRun ? null : why }, headers: { 'Content-Type': 'text/dns' }, idempotencyKey: dryRun ? undefined : newKey(),
  });
  useEffect(() => {
    setPlan(null);
    setError(null);
    turn.current += 1;
    if (!zone || (!text.trim() && !file)) return undefined;
    const { current } = turn;
    const timer = setTimeout(() => send(true).then((reply) => { if (current === turn.current) setPlan(reply.data); }, (reason) => { if (current === turn.current) setError(reason); }), 500);
    return () => clearTimeout(timer);
  }, [text, file, zone]);
  const choose = async (/** @type {Event} */ event) => {
    const chosen = /** @type {HTMLInputElement} */ (event.currentTarget).files?.[0];
    if (!chosen) return;
    const head = await chosen.slice(0, EDITABLE).text();
    setFile(chosen);
    setText(chosen.size > EDITABLE ? '' : head);
    if (!view && !name) setName(guessZone(head, chosen.name));
  };
  const typed = (/** @type {string} */ next) => { setText(next); setFile(null); if (!view && !name) setName(guessZone(next, '')); };
  const take = async () => {
    setBusy(true);
    try {
      const { data } = await send(false);
      const undo = data.change === null ? undefined : async () => { await http.post(`/changes/${data.change}/revert`, {}); view?.reload(); };
      const made = data.zones[0]?.zone ?? zone;
      toast.ok(t('zone.import.done', { name: made }), { undo });
      view?.reload();
      onClose();
      if (!view) setTimeout(() => go(href('zone', [made, 'records'])));
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const diffs = plan?.diff ?? [];
  const footer = html`<div class="dialog-actions">${plan && html`<${DiffSize} size=${sizeOf(diffs, types)} />`}<${Button} label=${t('common.cancel')} onClick=${onClose} />
    <${Button} tone="primary" busy=${isBusy} disabled=${!plan || diffs.length === 0} label=${t(view ? 'zone.import.replace' : 'zone.import.create')} onClick=${take} /></div>`;
  return html`<${Drawer} wide title=${t(view ? 'zone.import.title' : 'zone.import.newTitle')} subtitle=${t(view ? 'zone.import.sub' : 'zone.import.newSub')} onClose=${onClose} footer=${footer}>
    <div class="import">
    <${Field} label=${t('zone.import.file')} type="file" accept=".zone,.db,.txt,text/dns,text/plain" onChange=${(/** @type {string} */ _, /** @type {Event} */ event) => void choose(event)} />
    ${file && file.size > EDITABLE ? html`<p class="muted">${t('zone.import.large', { name: file.name, size: bytes(file.size) })}</p>`
      : html`<${TextArea} label=${t('zone.import.text')} mono rows=${10} value=${text} onInput=${typed} wrap="off" placeholder=${'@ 3600 IN SOA ns1 hostmaster 1 3h 1h 2w 1h\n@ IN NS ns1\nns1 IN A 192.0.2.1'} />`}
    ${!view && html`<${Field} label=${t('zones.new.name')} mono value=${name} onInput=${setName} required help=${t('zone.import.nameHelp')} />`}
    ${error && (error instanceof ApiError && error.errors.some((one) => one.line) ? html`<${Lines} errors=${error.errors} text=${text} />` : html`<${ErrorPanel} error=${error} />`)}
    ${plan && (diffs.length ? html`<h3>${t('zone.import.will')}</h3><${Diff} diffs=${diffs} types=${types} zone=${diffs.length === 1 ? diffs[0].zone : undefined} />` : html`<p>${t('zone.import.nothing')}</p>`)}
    ${plan && html`<${Warnings} list=${plan.warnings} />`}
    ${plan && diffs.length > 0 && html`<${Field} label=${t('zone.review.why')} value=${why} onInput=${setWhy} maxlength="500" />`}</div><//>`;
}

/** Lines that cannot be read, with what stands there. @param {{errors: any[], text: string}} props */
function Lines({ errors, text }) {
  const lines = text.split('\n');
  return html`<div class="import-errors" role="alert"><strong>${t('zone.import.bad', { n: errors.length })}</strong>
    <ul>${errors.slice(0, 100).map((one) => html`<li><span class="mono muted">${t('zone.form.line', { n: num(one.line) })}:${one.column}</span> ${one.detail}
      ${lines[one.line - 1] !== undefined && html`<code>${visible(lines[one.line - 1].slice(0, 200))}</code>`}</li>`)}</ul></div>`;
}
