/**
 * The editor of one RRset: a drawer with the record form. What is typed goes to the draft by itself; closing loses
 * nothing, and "Undo" puts back what was there when it was opened.
 */
import { html, useEffect, useMemo, useRef, useState } from '../../ui/html.js';
import { ApiError } from '../../api/http.js';
import { useApp } from '../../context.js';
import { setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { relative, shown } from '../../lib/dns.js';
import { RecordForm, newModel, typeOf } from '../../rr/form.js';
import { same, seconds } from '../../rr/text.js';
import { Button } from '../../ui/button.js';
import { Checkbox, Form } from '../../ui/field.js';
import { Drawer } from '../../ui/drawer.js';
import { Banner, ErrorPanel, Loading } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { serialOf } from './list.js';
import { changeKey, keyOf, toSteps } from './model.js';
import { reverseName, reverseZones, zoneOf } from './reverse.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */
/** @typedef {import('../../rr/form.js').Model} Model */
/** @typedef {import('./model.js').Rrset} Rrset */

/** What the address says: `NAME/TYPE` to edit, `+` for a new RRset, `+NAME/TYPE` for a copy. @param {string} edit */
function target(edit) {
  const isNew = edit.startsWith('+');
  const text = isNew ? edit.slice(1) : edit;
  const at = text.lastIndexOf('/');
  return { isNew, name: text.slice(0, at), type: text.slice(at + 1) };
}

/** @param {{view: ZoneView, edit: string, serial: number | null}} props */
export function Editor({ view, edit, serial }) {
  const { http } = useApp();
  const { isNew, name, type } = target(edit);
  const close = () => setParams({ edit: null });
  const now = useResource(`rrset:${view.name}:${edit}`, async (/** @type {AbortSignal} */ signal) => {
    if (!name) return { rrset: null, serial };
    const { data, etag } = await http.get(`${view.path}/rrsets`, { params: { name, type, limit: 1 }, signal });
    return { rrset: /** @type {Rrset | null} */ (data.items[0] ?? null), serial: serialOf(etag) };
  });
  const title = isNew ? t('zone.record.new') : html`<span class="mono">${shown(relative(name, view.name))} ${type}</span>`;
  if (!now.data || !view.types.size) return html`<${Drawer} title=${title} onClose=${close}>${now.error ? html`<${ErrorPanel} error=${now.error} onRetry=${now.reload} />` : html`<${Loading} />`}<//>`;
  return html`<${Opened} view=${view} serial=${now.data.serial} isNew=${isNew} source=${now.data.rrset} name=${name} type=${type} title=${title} close=${close} />`;
}

/** Whether everything that must be there is there. @param {ZoneView} view @param {Model} model */
function isWhole(view, model) {
  const def = typeOf(view.types, model.type);
  const filled = (/** @type {any} */ value) => value !== '' && value !== undefined;
  return seconds(String(model.ttl)) !== null && model.records.length > 0 && model.records.every((record) => typeof record === 'string' ? record !== ''
    : 'data' in record && Object.keys(record).length === 1 ? record.data !== '' : (def?.fields ?? []).every((field) => !field.required || filled(record[field.name])));
}

/** The owner as the API writes it. @param {string} text @param {string} zone */
export function ownerOf(text, zone) {
  const bare = zone.replace(/\.$/, '').toLowerCase();
  if (text === '' || text === '@') return zone;
  if (/[^\\]\.$/.test(text)) return text;
  return text.toLowerCase() === bare || text.toLowerCase().endsWith(`.${bare}`) ? `${text}.` : `${text}.${zone === '.' ? '' : zone}`;
}

/** @param {{view: ZoneView, serial: number | null, isNew: boolean, source: Rrset | null, name: string, type: string, title: any, close: () => void}} props */
function Opened({ view, serial, isNew, source, name, type, title, close }) {
  const { draft } = view;
  const mine = isNew ? undefined : draft.changes.value.get(keyOf(name, type, view.name));
  const first = useMemo(() => /** @type {Model} */ (isNew
    ? { ...newModel(view.types, type || 'A'), ...(source ? { ttl: source.ttl, records: source.records } : {}) }
    : { name, type, ttl: mine?.ttl ?? source?.ttl ?? 3600, records: mine?.records ?? source?.records ?? [] }), []);
  const [model, setModel] = useState(first);
  const writer = useWriter(view, serial, isNew, source);
  const checks = useChecks(view);
  const reverse = useReverse(view, model);
  const isGone = mine?.op === 'delete';
  // Who opens a form means to type.
  useEffect(() => /** @type {HTMLElement | null} */ (document.querySelector(isNew ? '#rr-name' : '.rr-records input, .rr-records textarea'))?.focus(), []);
  const change = (/** @type {Model} */ next) => { setModel(next); if (isWhole(view, next)) writer.write(next); };
  const done = async () => { await writer.settle(); reverse.write(ownerOf(model.name, view.name)); close(); };
  const another = async () => { await writer.settle(); reverse.write(ownerOf(model.name, view.name)); writer.forget(); setModel(newModel(view.types, model.type)); };
  const undo = async () => { await writer.undo(); close(); };
  const footer = view.why ? null : html`<div class="dialog-actions">
    ${writer.wrote && html`<span class="muted" role="status">${draft.isDirty.value ? t('zone.draft.saving') : t('zone.draft.inDraft')}</span>`}
    <${Button} label=${t(writer.wrote ? 'zone.form.undo' : 'common.cancel')} onClick=${writer.wrote ? undo : close} />
    ${isNew && html`<${Button} label=${t('zone.form.another')} disabled=${!isWhole(view, model)} onClick=${another} />`}
    <${Button} tone="primary" label=${t('zone.form.done')} disabled=${!isWhole(view, model)} onClick=${done} /></div>`;
  return html`<${Drawer} title=${title} onClose=${close} footer=${footer}>
    ${isGone && html`<${Banner} tone="warn">${t('zone.form.removed')} <button type="button" class="link-button" onClick=${() => draft.drop([keyOf(name, type, view.name)])}>${t('zone.menu.undo')}</button></${Banner}>`}
    <${Form} label=${t('zone.form.label')} onSubmit=${() => isWhole(view, model) && !view.why && done()}>
      <${RecordForm} model=${model} onChange=${change} types=${view.types} zone=${view.name} isNew=${isNew} faults=${checks.faults} names=${reverse.names}
        readOnly=${!!view.why || isGone} onCheck=${() => checks.run(model, isWhole(view, model))}>
        ${writer.merged && html`<${Banner} tone="info">${t('zone.form.merged', { n: writer.merged.records.length })}</${Banner}>`}
        ${reverse.offer && html`<${Checkbox} label=${t('zone.form.ptr', { zone: reverse.offer })} checked=${reverse.isOn} onChange=${reverse.set} />`}
        ${checks.general.map((text) => html`<${Banner} tone="warn">${text}</${Banner}>`)}
      <//><button type="submit" hidden>${t('zone.form.done')}</button></${Form}><//>`;
}

/**
 * Writes the model to the draft. A new record beside others of its name and type comes to them.
 * @param {ZoneView} view @param {number | null} serial @param {boolean} isNew @param {Rrset | null} source
 */
function useWriter(view, serial, isNew, source) {
  const { http } = useApp();
  const { draft, name: zone } = view;
  const [merged, setMerged] = useState(/** @type {Rrset | null} */ (null));
  const [wrote, setWrote] = useState(false);
  /** @type {{current: {key: string, before: any, timer: any, work: Promise<void>, known: Map<string, {rrset: Rrset | null, serial: number | null}>}}} */
  const state = useRef({ key: '', before: undefined, timer: 0, work: Promise.resolve(), known: new Map() });
  const lookUp = async (/** @type {string} */ owner, /** @type {string} */ type) => {
    if (!isNew) return { rrset: source, serial };
    const key = keyOf(owner, type);
    if (!state.current.known.has(key)) {
      const inZone = owner === zone || owner.endsWith(`.${zone}`) || zone === '.';
      const reply = inZone ? await http.get(`${view.path}/rrsets`, { params: { name: owner, type, limit: 1 } }) : null;
      state.current.known.set(key, { rrset: reply?.data.items[0] ?? null, serial: reply ? serialOf(reply.etag) : serial });
    }
    return state.current.known.get(key) ?? { rrset: null, serial };
  };
  const put = async (/** @type {Model} */ model) => {
    const owner = ownerOf(model.name, zone).toLowerCase();
    const { rrset: now, serial: at } = await lookUp(owner, model.type);
    const key = keyOf(owner, model.type, zone);
    const { current } = state;
    if (current.key !== key) {
      back();
      [current.key, current.before] = [key, draft.changes.value.get(key)];
    }
    const others = !isNew || current.before?.op === 'delete' ? [] : current.before?.records ?? now?.records ?? [];
    const kept = others.filter((/** @type {any} */ one) => !model.records.some((other) => same(one, other)));
    const records = [...kept, ...model.records];
    setMerged(kept.length ? { name: owner, type: model.type, ttl: 0, records: kept } : null);
    draft.set({ zone, op: 'replace', name: owner, type: model.type, ttl: seconds(String(model.ttl)) ?? 3600, records }, now, at);
    setWrote(true);
  };
  /** Takes away what this editor wrote. */
  const back = () => {
    const { key, before } = state.current;
    if (!key) return;
    if (before) draft.put(before);
    else draft.drop([key]);
    state.current.key = '';
  };
  const pending = useRef(/** @type {Model | null} */ (null));
  const run = () => {
    clearTimeout(state.current.timer);
    const model = pending.current;
    pending.current = null;
    if (model) state.current.work = state.current.work.then(() => put(model)).catch((reason) => { draft.error.value = reason; });
    return state.current.work;
  };
  useEffect(() => () => void run(), []);
  return {
    merged,
    wrote,
    write: (/** @type {Model} */ model) => {
      pending.current = model;
      clearTimeout(state.current.timer);
      state.current.timer = setTimeout(run, 300);
    },
    settle: run,
    forget: () => { state.current.key = ''; state.current.known.clear(); setMerged(null); setWrote(false); },
    undo: async () => { await run(); back(); },
  };
}

/** What the server says of the model, with the rest of the draft around it. @param {ZoneView} view */
function useChecks(view) {
  const { http } = useApp();
  const [faults, setFaults] = useState(/** @type {import('../../rr/form.js').Fault[]} */ ([]));
  const [general, setGeneral] = useState(/** @type {string[]} */ ([]));
  const turn = useRef(0);
  const run = async (/** @type {Model} */ model, /** @type {boolean} */ isReady) => {
    if (view.why || !isReady) return;
    const mine = /** @type {const} */ ({ zone: view.name, op: 'add', name: ownerOf(model.name, view.name), type: model.type });
    const key = changeKey(/** @type {any} */ (mine));
    const others = [...view.draft.changes.value].filter(([other, one]) => other !== key && one.zone === view.name).map(([, one]) => one);
    const change = { ...mine, op: /** @type {const} */ ('replace'), ttl: seconds(String(model.ttl)) ?? undefined, records: model.records };
    const zones = toSteps([...others, /** @type {any} */ (change)], view.name, null);
    const mineAt = `/zones/0/changes/${others.length}`;
    turn.current += 1;
    const { current } = turn;
    const said = await http.post('/changesets', { zones }, { params: { dry_run: true } }).then(() => [], (error) => error instanceof ApiError && error.status === 422 ? error.errors : []);
    if (current !== turn.current) return;
    const of = said.filter((/** @type {any} */ one) => one.pointer?.startsWith(mineAt));
    setFaults(of.map((/** @type {any} */ one) => ({ ...one, pointer: one.pointer.slice(mineAt.length) })));
    setGeneral(said.filter((/** @type {any} */ one) => !one.pointer).map((/** @type {any} */ one) => one.detail));
  };
  return { faults, general, run };
}

/** The PTR records that may come along with addresses. @param {ZoneView} view @param {Model} model */
function useReverse(view, model) {
  const { http } = useApp();
  const [zones, setZones] = useState(/** @type {string[]} */ ([]));
  const [isOn, set] = useState(false);
  const fields = typeOf(view.types, model.type)?.fields ?? [];
  const field = fields.length === 1 && ['ipv4', 'ipv6'].includes(fields[0].kind) ? fields[0].name : null;
  useEffect(() => {
    if (field && !view.why) reverseZones(http).then(setZones, () => {});
  }, [field]);
  const found = !field || model.name.startsWith('*') ? [] : model.records.flatMap((record) => {
    const name = typeof record === 'string' ? null : reverseName(String(record[field] ?? ''));
    const zone = name && zoneOf(name, zones);
    return zone && zone !== view.name ? [{ name, zone }] : [];
  });
  const names = [...new Set([view.name, ...[...view.draft.changes.value.values()].map((change) => change.name)])];
  return {
    names,
    offer: found.length ? [...new Set(found.map(({ zone }) => shown(zone)))].join(', ') : null,
    isOn,
    set,
    write: (/** @type {string} */ owner) => isOn && found.forEach(({ name, zone }) => view.draft.set({ zone, op: 'add', name: /** @type {string} */ (name), type: 'PTR', records: [{ target: owner }] }, null, null)),
  };
}
