/** Makes a group, or changes one, in a drawer: lists, safe search, and hours of the week at which something else holds. */

import { html, useId, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Segments } from '../../ui/choice.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form } from '../../ui/field.js';
import { useApp } from '../../context.js';
import { takeBack, versionTag } from '../../api/policy.js';
import { t } from '../../lib/i18n.js';
import { errorsOf } from '../fielderrors.js';
import { DAYS, Week, dayName, kindOf } from './week.js';

/** @typedef {import('../../api/policy.js').Group} Group */
/** @typedef {import('../../api/policy.js').Schedule} Schedule */

/** @returns {Schedule} a first one: school nights */
const night = () => ({
  days: ['mon', 'tue', 'wed', 'thu', 'sun'], from: '21:00', to: '07:00', action: 'block_all',
  time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
});

/** @param {{legend: string, help?: string, options: [string, string][], chosen: string[], onChange: (chosen: string[]) => void, row?: boolean}} props */
function Boxes({ legend, help, options, chosen, onChange, row }) {
  const toggle = (/** @type {string} */ key) => onChange(chosen.includes(key) ? chosen.filter((one) => one !== key) : [...chosen, key]);
  return html`
    <fieldset class=${`boxes${row ? ' is-row' : ''}`}><legend>${legend}</legend>
      ${help && html`<p class="field-help">${help}</p>`}
      ${options.map(([key, label]) => html`<label key=${key} class="box">
        <input type="checkbox" checked=${chosen.includes(key)} onChange=${() => toggle(key)} /><span>${label}</span></label>`)}
    </fieldset>`;
}

/**
 * @param {{schedule: Schedule, number: number, lists: string[], zones: string, error: string | null, onChange: (schedule: Schedule) => void, onRemove: () => void}} props
 */
function ScheduleRow({ schedule, number, lists, zones, error, onChange, onRemove }) {
  const set = (/** @type {Partial<Schedule>} */ part) => onChange({ ...schedule, ...part });
  const kind = kindOf(schedule);
  const actions = /** @type {Record<string, Schedule['action']>} */ ({ block: 'block_all', free: 'no_blocking', lists: { lists: [] } });
  return html`
    <fieldset class="schedule">
      <legend>${t('clients.schedule.number', { number })}</legend>
      <${Boxes} row legend=${t('clients.schedule.days')} options=${DAYS.map((day, index) => [day, dayName(index)])} chosen=${schedule.days}
        onChange=${(/** @type {string[]} */ days) => set({ days: DAYS.filter((day) => days.includes(day)) })} />
      <div class="field-pair">
        <${Field} type="time" label=${t('clients.schedule.from')} value=${schedule.from} onInput=${(/** @type {string} */ from) => set({ from })} required />
        <${Field} type="time" label=${t('clients.schedule.to')} value=${schedule.to === '24:00' ? '00:00' : schedule.to} onInput=${(/** @type {string} */ to) => set({ to })} required />
      </div>
      <${Segments} legend=${t('clients.schedule.what')} value=${kind} options=${['block', 'free', 'lists'].map((key) => [key, t(`clients.schedule.choice.${key}`)])}
        onChange=${(/** @type {string} */ key) => set({ action: actions[key] })} />
      ${typeof schedule.action === 'object' && html`<${Boxes} legend=${t('clients.lists')} options=${lists.map((name) => [name, name])} chosen=${schedule.action.lists}
        onChange=${(/** @type {string[]} */ chosen) => set({ action: { lists: chosen } })} />`}
      <${Field} label=${t('clients.schedule.zone')} value=${schedule.time_zone ?? ''} list=${zones} onInput=${(/** @type {string} */ zone) => set({ time_zone: zone })}
        help=${t('clients.schedule.zone.help')} error=${error} autocomplete="off" />
      <${Button} small label=${t('clients.schedule.remove', { number })} onClick=${onRemove} />
    </fieldset>`;
}

/** @param {{schedules: Schedule[], lists: string[], errors: ReturnType<typeof errorsOf>, onChange: (schedules: Schedule[]) => void}} props */
function Schedules({ schedules, lists, errors, onChange }) {
  const zones = useId();
  const known = /** @type {{supportedValuesOf?: (key: string) => string[]}} newer than the types */ (Intl).supportedValuesOf?.('timeZone') ?? [];
  return html`
    <h3>${t('clients.schedules')}</h3>
    <p class="field-help">${t('clients.schedules.help')}</p>
    <datalist id=${zones}>${known.map((zone) => html`<option key=${zone} value=${zone}></option>`)}</datalist>
    ${schedules.map((schedule, index) => html`
      <${ScheduleRow} key=${index} schedule=${schedule} number=${index + 1} lists=${lists} zones=${zones} error=${errors.at(`/schedules/${index}`)}
        onChange=${(/** @type {Schedule} */ next) => onChange(schedules.map((one, at) => (at === index ? next : one)))}
        onRemove=${() => onChange(schedules.filter((_, at) => at !== index))} />`)}
    <div><${Button} label=${t('clients.schedule.add')} onClick=${() => onChange([...schedules, night()])} /></div>
    ${schedules.length > 0 && html`<${Week} schedules=${schedules} />`}`;
}

/** @param {{group?: Group, lists: string[], onClose: () => void, onDone: () => void}} props */
export function GroupForm({ group, lists, onClose, onDone }) {
  const { http, toast } = useApp();
  const [wanted, setWanted] = useState(() => ({
    name: group?.name ?? '', lists: group?.lists ?? [], rules: group?.rules ?? [], allow: group?.allow ?? [], schedules: group?.schedules ?? [], safe_search: group?.safe_search ?? false,
  }));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const set = (/** @type {Partial<typeof wanted>} */ part) => setWanted({ ...wanted, ...part });
  const errors = errorsOf(error);
  // Shown with their hours, so that they are not among the others.
  wanted.schedules.forEach((_, index) => errors.at(`/schedules/${index}`));
  const submit = async () => {
    setBusy(true);
    try {
      const body = { ...wanted, name: wanted.name.trim() };
      const { etag } = group?.set
        ? await http.put(`/groups/${encodeURIComponent(group.name)}`, body, { ifMatch: versionTag(group) })
        : await http.post('/groups', body);
      toast.ok(t(group ? 'clients.group.changed' : 'clients.group.added', { name: body.name }), { undo: () => takeBack(http, etag).then(onDone) });
      onDone();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  const all = [...new Set([...lists, ...wanted.lists, ...wanted.allow])].sort();
  const search = wanted.safe_search === 'strict' ? 'strict' : wanted.safe_search ? 'moderate' : 'off';
  const searches = /** @type {Record<string, boolean | 'strict'>} */ ({ off: false, moderate: true, strict: 'strict' });
  const canAllow = wanted.schedules.some((schedule) => schedule.action === 'block_all');
  return html`
    <${Drawer} title=${group ? t('clients.group.edit', { name: group.name }) : t('clients.group.add')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <${Field} label=${t('clients.name')} value=${wanted.name} onInput=${(/** @type {string} */ name) => set({ name })} required maxlength="100" error=${errors.at('/name')} autocomplete="off" />
        ${all.length > 0 && html`<${Boxes} legend=${t('clients.group.lists')} help=${t('clients.group.lists.help')} options=${all.map((name) => [name, name])} chosen=${wanted.lists}
          onChange=${(/** @type {string[]} */ chosen) => set({ lists: chosen })} />`}
        <${Segments} legend=${t('clients.search')} value=${search} options=${['off', 'moderate', 'strict'].map((key) => [key, t(`clients.search.${key}`)])}
          onChange=${(/** @type {string} */ key) => set({ safe_search: searches[key] })} />
        <${Schedules} schedules=${wanted.schedules} lists=${all} errors=${errors} onChange=${(/** @type {Schedule[]} */ schedules) => set({ schedules })} />
        ${canAllow && all.length > 0 && html`<${Boxes} legend=${t('clients.allow')} help=${t('clients.allow.help')} options=${all.map((name) => [name, name])} chosen=${wanted.allow}
          onChange=${(/** @type {string[]} */ chosen) => set({ allow: chosen })} />`}
        ${wanted.rules.length > 0 && html`<p class="dim">${t('clients.group.rules', { n: wanted.rules.length })}</p>`}
        ${errors.other && html`<p class="field-error" role="alert">${errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} disabled=${!wanted.name.trim()} label=${t(group ? 'blocking.save' : 'clients.group.add')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}
