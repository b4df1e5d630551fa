/** Who is told of alerts, and who is not for a while. Used by the alerts page. */

import { html, useState } from '../../ui/html.js';
import { newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../router.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form, Select } from '../../ui/field.js';
import { Banner, Empty, errorText } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { faults, whoOf } from '../listing.js';
import { Part } from '../part.js';

/** @typedef {{ id: number, rule: string, labels: string, until_ms: number, who: string, why: string }} Silence */

const SPANS = [['3600', 'hour', 1], ['14400', 'hour', 4], ['86400', 'day', 1], ['604800', 'day', 7], ['2592000', 'day', 30]];

/** @param {{ res: import('../../ui/resource.js').Resource<Silence[]>, may: boolean, onDone: () => void }} props */
export function Silences({ res, may, onDone }) {
  const { http, toast } = useApp();
  const end = async (/** @type {Silence} */ silence) => {
    const seconds = Math.max(1, Math.round((silence.until_ms - Date.now()) / 1000));
    try {
      await http.del(`/alerts/silences/${silence.id}`);
      toast.ok(t('alerts.ended'), { undo: async () => { await http.post('/alerts/silences', { rule: silence.rule, labels: silence.labels, seconds, why: silence.why }); onDone(); } });
      onDone();
    } catch (error) { toast.error(error); }
  };
  const columns = [
    { key: 'rule', title: t('alerts.rule'), mono: true, cell: (/** @type {Silence} */ row) => row.rule || t('alerts.allRules') },
    { key: 'labels', title: t('alerts.labels'), mono: true, cell: (/** @type {Silence} */ row) => row.labels || '–' },
    { key: 'until', title: t('alerts.until'), cell: (/** @type {Silence} */ row) => html`<${TimeEl} at=${row.until_ms} as="datetime" />` },
    { key: 'why', title: t('alerts.why'), wide: true, cell: (/** @type {Silence} */ row) => row.why || '–' },
    { key: 'who', title: t('alerts.who'), cell: (/** @type {Silence} */ row) => whoOf(row.who) },
    ...(may ? [{ key: 'end', title: t('alerts.endTitle'), plain: true, cell: (/** @type {Silence} */ row) => html`<${Button} small label=${t('alerts.end')} onClick=${() => end(row)} />` }] : []),
  ];
  return html`<${Part} res=${res}>${(/** @type {Silence[]} */ rows) => html`
    <${DataTable} id="silences" caption=${t('alerts.tab.silences')} columns=${columns} rows=${rows} rowKey=${(/** @type {Silence} */ row) => String(row.id)}
      empty=${html`<${Empty} title=${t('alerts.noSilences')} why=${t('alerts.noSilencesWhy')} />`} />`}<//>`;
}

/** @param {{ rule: string, labels: string, onClose: () => void, onDone: () => void }} props what is filled in */
export function SilenceForm({ rule: firstRule, labels: firstLabels, onClose, onDone }) {
  const { http, toast } = useApp();
  const rules = useResource('alerts.rules', async (signal) => (await http.get('/alerts/rules', { signal })).data);
  const [rule, setRule] = useState(firstRule);
  const [labels, setLabels] = useState(firstLabels);
  const [seconds, setSeconds] = useState('14400');
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const save = async () => {
    setBusy(true);
    setBad({});
    try {
      const { data } = await http.post('/alerts/silences', { rule, labels, seconds: Number(seconds), why }, { idempotencyKey: newKey() });
      toast.ok(t('alerts.silenceMade'), { undo: async () => { await http.del(`/alerts/silences/${data.id}`); onDone(); } });
      return onDone();
    } catch (error) {
      const found = faults(error, ['rule', 'labels', 'seconds', 'why']);
      setBad(Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  const names = [...new Set([firstRule, ...(rules.data ?? []).map((/** @type {{ name: string }} */ it) => it.name)])].filter(Boolean);
  return html`<${Drawer} title=${t('alerts.newSilence')} onClose=${onClose}>
    <p class="muted">${t('alerts.silenceHelp')}</p>
    <${Form} onSubmit=${save} busy=${busy}>
      ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
      <${Select} label=${t('alerts.rule')} value=${rule} onChange=${setRule} error=${bad.rule} options=${[{ value: '', label: t('alerts.allRules') }, ...names.map((value) => ({ value, label: value }))]} />
      <${Field} label=${t('alerts.labels')} help=${t('alerts.labelsHelp')} value=${labels} onInput=${setLabels} error=${bad.labels} placeholder=${'zone="example.org."'} mono />
      <${Select} label=${t('alerts.span')} value=${seconds} onChange=${setSeconds} error=${bad.seconds} options=${SPANS.map(([value, unit, n]) => ({ value, label: t(`alerts.${unit}s`, { n }) }))} />
      <${Field} label=${t('alerts.why')} help=${t('alerts.whyHelp')} value=${why} onInput=${setWhy} error=${bad.why} />
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t('alerts.silenceNow')} /></div>
    <//>
  <//>`;
}

/**
 * @typedef {{ name: string, way: 'webhook' | 'mail', after_minutes: number, min_severity: string, waiting: number, problem: string }} Recipient
 * @typedef {{ recipient: string, delivered: boolean, problem: string }} Tested
 */

/** @param {{ may: boolean }} props */
export function Recipients({ may }) {
  const { http, session, toast } = useApp();
  const res = useResource('alerts.recipients', async (signal) => (await http.get('/alerts/recipients', { signal })).data, { every: 15_000 });
  const [busy, setBusy] = useState(/** @type {string | null} */ (null));
  const [tested, setTested] = useState(/** @type {Record<string, Tested>} */ ({}));
  const test = async (/** @type {string} */ recipient) => {
    setBusy(recipient);
    try {
      /** @type {{ data: Tested[] }} */
      const { data } = await http.post('/alerts/test', recipient ? { recipient } : {});
      setTested((before) => ({ ...before, ...Object.fromEntries(data.map((it) => [it.recipient, it])) }));
      const failed = data.filter((it) => !it.delivered);
      if (failed.length) toast.error(failed.map((it) => `${it.recipient}: ${it.problem}`).join('; '));
      else toast.ok(t('alerts.delivered', { n: data.length }));
    } catch (error) { toast.error(error); }
    setBusy(null);
    res.reload();
  };
  const state = (/** @type {Recipient} */ row) => {
    const last = tested[row.name];
    if (last) return html`<${State} kind=${last.delivered ? 'ok' : 'bad'} word=${t(last.delivered ? 'alerts.testOk' : 'alerts.testBad')} /> <span class="meta">${last.problem}</span>`;
    if (row.waiting) return html`<${State} kind="warn" word=${t('alerts.waiting', { n: row.waiting })} /> <span class="meta">${row.problem}</span>`;
    return html`<${State} kind="ok" word=${t('alerts.noneWaits')} />`;
  };
  const columns = [
    { key: 'name', title: t('alerts.name'), cell: (/** @type {Recipient} */ row) => html`<strong>${row.name}</strong>` },
    { key: 'way', title: t('alerts.way'), cell: (/** @type {Recipient} */ row) => t(`alerts.way.${row.way}`) },
    { key: 'when', title: t('alerts.toldOf'), wide: true, cell: (/** @type {Recipient} */ row) => `${t(`alerts.from.${row.min_severity}`)}${row.after_minutes ? `, ${t('alerts.after', { n: row.after_minutes })}` : ''}` },
    { key: 'state', title: t('alerts.state'), cell: state },
    ...(may ? [{ key: 'test', title: t('alerts.testTitle'), plain: true, cell: (/** @type {Recipient} */ row) => html`<${Button} small label=${t('alerts.test')} busy=${busy === row.name} onClick=${() => test(row.name)} />` }] : []),
  ];
  const actions = may && (res.data?.length ?? 0) > 1 && html`<${Button} label=${t('alerts.testAll')} busy=${busy === ''} onClick=${() => test('')} />`;
  return html`<${Part} title=${t('alerts.tab.recipients')} actions=${actions} res=${res}>${(/** @type {Recipient[]} */ rows) => html`
    <${DataTable} id="recipients" caption=${t('alerts.tab.recipients')} columns=${columns} rows=${rows} rowKey=${(/** @type {Recipient} */ row) => row.name}
      empty=${html`<${Empty} title=${t('alerts.noRecipients')} why=${t('alerts.noRecipientsWhy')} action=${session.can('admin') && html`<${LinkButton} label=${t('alerts.addRecipient')} href=${href('config', ['settings'], { q: 'alerts.recipients' })} />`} />`} />`}<//>`;
}
