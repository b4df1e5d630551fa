/** Anomalies with their reasons, and mutes: what nobody wants to hear of. */

import { html, useState } from '../../ui/html.js';
import { Button, LinkButton } from '../../ui/button.js';
import { Segments, TermChoice, useTerm } from '../../ui/choice.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form, Select } from '../../ui/field.js';
import { Empty, Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { useApp } from '../../context.js';
import { allItems, authorOf } from '../../api/policy.js';
import { shown } from '../../lib/dns.js';
import { TimeEl, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { errorsOf } from '../fielderrors.js';
import { Part } from '../part.js';
import { KINDS, anomalyWords, kindWords, reasonWords, subjectOf } from './reasons.js';
import { BlockForm } from './blocks.js';

/** @typedef {import('../../api/types.js').AnomalyOut} Anomaly */
/** @typedef {import('../../api/types.js').MuteOut} Mute */
/** @template T @typedef {import('../part.js').Resource<T>} Resource */

const SUBJECTS = /** @type {const} */ (['device', 'client', 'zone', 'server']);

/** The filter of the queries that an anomaly is made of. @param {Anomaly} anomaly */
function filterOf({ device, client, zone }) {
  const who = device ? `client:${/^[\w.-]+$/.test(device) ? device : `"${device}"`}` : client ? `client:${client}` : '';
  return [who, zone ? `name:*.${zone.replace(/\.$/, '')}` : ''].filter(Boolean).join(' ');
}

/** @param {{anomaly: Anomaly, may: boolean, onMute: () => void, onBlock: () => void}} props */
function AnomalyCard({ anomaly, may, onMute, onBlock }) {
  const kind = anomaly.ended ? 'off' : anomaly.muted ? 'info' : anomaly.score >= 0.9 ? 'bad' : 'warn';
  const word = anomaly.ended ? t('security.ended') : anomaly.muted ? t('security.muted') : t('security.sure', { part: pct(anomaly.score) });
  const filter = filterOf(anomaly);
  return html`
    <li class="anomaly">
      <div class="anomaly-head"><h3>${anomalyWords(anomaly)}</h3><${State} kind=${kind} word=${word} /></div>
      <p class="dim">${kindWords(anomaly.kind)} · ${t('security.begun')} <${TimeEl} at=${anomaly.begun_ms} /> · ${t('security.lastseen')} <${TimeEl} at=${anomaly.last_seen_ms} />
        ${anomaly.device && anomaly.client && html` · <span class="mono">${anomaly.client}</span>`}</p>
      <ul class="reasons">${anomaly.reasons.map((reason) => html`<li key=${reason}>${reasonWords(reason)}</li>`)}</ul>
      ${anomaly.examples.length > 0 && html`<details><summary>${t('security.examples', { n: anomaly.examples.length })}</summary>
        <ul class="examples">${anomaly.examples.map((name) => html`<li key=${name} class="mono breaks">${shown(name)}</li>`)}</ul></details>`}
      <div class="acts">
        ${filter && html`<${LinkButton} small href=${href('queries', [], { filter, from: anomaly.begun_ms - 600_000 })} label=${t('security.queries')} />`}
        ${may && !anomaly.ended && !anomaly.muted && html`<${Button} small label=${t('security.mute')} onClick=${onMute} />`}
        ${may && !anomaly.ended && anomaly.client && html`<${Button} small label=${t('security.block')} onClick=${onBlock} />`}
      </div>
    </li>`;
}

/**
 * Makes a mute, for what an anomaly is about or for anything.
 * @param {{anomaly: Anomaly | null, onClose: () => void, onDone: () => void}} props
 */
function MuteForm({ anomaly, onClose, onDone }) {
  const { http, toast } = useApp();
  const offered = anomaly ? SUBJECTS.filter((key) => anomaly[key]) : SUBJECTS;
  const [subject, setSubject] = useState(/** @type {string} */ (offered[0]));
  const [value, setValue] = useState(anomaly ? String(anomaly[offered[0]] ?? '') : '');
  const [kind, setKind] = useState(anomaly?.kind ?? '');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const term = useTerm('1440');
  const errors = errorsOf(error);
  const choose = (/** @type {string} */ key) => {
    setSubject(key);
    if (anomaly) setValue(String(anomaly[/** @type {'client'} */ (key)] ?? ''));
  };
  const submit = async () => {
    setBusy(true);
    try {
      const { data } = await http.post('/anomalies/mutes', { [subject]: value.trim(), ...(kind ? { kind } : {}), reason: reason.trim(), minutes: term.minutes() });
      toast.ok(t('security.mute.done', { what: value.trim() }), { undo: () => http.del(`/anomalies/mutes/${data.id}`).then(onDone) });
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`
    <${Drawer} title=${t('security.mute.title')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <p class="dim">${t('security.mute.why')}</p>
        ${offered.length > 1 && html`<${Segments} legend=${t('security.mute.about')} value=${subject} options=${offered.map((key) => [key, t(`security.subject.${key}`)])} onChange=${choose} />`}
        <${Field} label=${t(`security.subject.${subject}`)} mono value=${value} onInput=${setValue} required error=${errors.at(`/${subject}`)} help=${t(`security.subject.${subject}.help`)} autocomplete="off" />
        <${Select} label=${t('security.mute.kind')} value=${kind} onChange=${setKind} error=${errors.at('/kind')}
          options=${[{ value: '', label: t('security.mute.all') }, ...KINDS.map((key) => ({ value: key, label: kindWords(key) }))]} />
        <${TermChoice} term=${term} options=${['60', '1440', '43200', 'at']} />
        <${Field} label=${t('security.why')} value=${reason} onInput=${setReason} maxlength="500" error=${errors.at('/reason')} />
        ${(errors.at('/minutes') || errors.other) && html`<p class="field-error" role="alert">${errors.at('/minutes') ?? errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} disabled=${!value.trim() || !term.ok} label=${t('security.mute.do')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}

/** @param {{mutes: Resource<Mute[]>, may: boolean}} props */
function Mutes({ mutes, may }) {
  const { http, toast } = useApp();
  const end = async (/** @type {Mute} */ mute) => {
    const { device, client, zone, server, kind, reason, until_ms } = mute;
    try {
      await http.del(`/anomalies/mutes/${mute.id}`);
      const body = Object.fromEntries(Object.entries({ device, client, zone, server, kind, reason }).filter(([, value]) => value !== null && value !== undefined));
      const again = () => http.post('/anomalies/mutes', { ...body, minutes: Math.max(1, Math.round((until_ms - Date.now()) / 60_000)) }).then(mutes.reload);
      toast.ok(t('security.mute.ended'), { undo: again });
    } catch (error) {
      toast.error(error);
    }
    mutes.reload();
  };
  const list = (/** @type {Mute[]} */ all) => (all.length ? html`
    <ul class="held-list">${all.map((mute) => html`
      <li key=${mute.id}>
        <div><b class="breaks">${mute.device ?? mute.client ?? mute.zone ?? mute.server}</b> <span>${mute.kind ? kindWords(mute.kind) : t('security.mute.all')}</span>
          <p class="dim">${t('security.ends')} <${TimeEl} at=${mute.until_ms} />${mute.reason && ` · ${mute.reason}`} · ${t('security.by', { who: authorOf(mute.who) })}</p></div>
        ${may && html`<${Button} small label=${t('security.mute.end')} aria-label=${t('security.mute.end.of', { what: mute.device ?? mute.client ?? mute.zone ?? mute.server })} onClick=${() => end(mute)} />`}
      </li>`)}</ul>` : html`<p class="dim">${t('security.mutes.none')}</p>`);
  return html`<${Part} title=${t('security.mutes')} res=${mutes}
    actions=${may && html`<${Button} small label=${t('security.mute.add')} onClick=${() => setParams({ mute: 'new' }, { push: true })} />`}>${list}<//>`;
}

/** @param {{res: Resource<Anomaly[]>, params: URLSearchParams, onBlocked: () => void}} props */
export function Anomalies({ res, params, onBlocked }) {
  const { http, session } = useApp();
  const may = session.can('configure');
  const isPast = params.get('state') === 'ended';
  const past = useResource(isPast ? 'anomalies ended' : null, (/** @type {AbortSignal} */ signal) =>
    /** @type {Promise<Anomaly[]>} */ (allItems(http, '/anomalies', { signal, params: { state: 'ended' } })));
  const mutes = useResource('mutes', async (/** @type {AbortSignal} */ signal) => /** @type {Mute[]} */ ((await http.get('/anomalies/mutes', { signal })).data), { every: 15_000 });
  const used = isPast ? past : res;
  const close = () => setParams({ mute: null, block: null });
  const find = (/** @type {string | null} */ id) => used.data?.find((one) => String(one.id) === id) ?? null;
  const [muting, blocking] = [params.get('mute'), find(params.get('block'))];
  const list = (/** @type {Anomaly[]} */ all) => (all.length ? html`
    <ul class="anomalies">${[...all].sort((a, b) => b.last_seen_ms - a.last_seen_ms).map((anomaly) => html`
      <${AnomalyCard} key=${anomaly.id} anomaly=${anomaly} may=${may} onMute=${() => setParams({ mute: String(anomaly.id) }, { push: true })}
        onBlock=${() => setParams({ block: String(anomaly.id) }, { push: true })} />`)}</ul>`
    : html`<${Empty} icon="check" title=${t(isPast ? 'security.none.ended' : 'security.none')} why=${t('security.none.why')} />`);
  return html`
    <div class="split is-wide">
      <${Panel} title=${t('security.tab.anomalies')} actions=${html`<${Segments} legend=${t('security.which')} hideLegend value=${isPast ? 'ended' : 'active'}
        options=${[['active', t('security.active')], ['ended', t('security.over')]]} onChange=${(/** @type {string} */ value) => setParams({ state: value === 'ended' ? value : null })} />`}>
        <${Part} res=${used}>${list}<//>
      <//>
      <${Mutes} mutes=${mutes} may=${may} />
    </div>
    ${may && muting && (muting === 'new' || find(muting)) && html`<${MuteForm} anomaly=${find(muting)} onClose=${close} onDone=${() => { mutes.reload(); res.reload(); }} />`}
    ${may && blocking && html`<${BlockForm} network=${blocking.client ?? ''} reason=${`${kindWords(blocking.kind)}: ${subjectOf(blocking)}`} onClose=${close} onDone=${onBlocked} />`}`;
}
