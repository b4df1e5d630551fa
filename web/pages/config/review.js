/** Changes of the configuration: the review before, the confirmation after, and what was in use. Used by the configuration page. */

import { html, useEffect, useRef, useState } from '../../ui/html.js';
import { isAbort, newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { dateTime, TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { setParams } from '../../router.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Checkbox, Field, Form, Select } from '../../ui/field.js';
import { Banner, Empty, ErrorPanel, Loading } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { whoOf } from '../listing.js';
import { Part } from '../part.js';
import { brief, listDifference, pathOf } from './values.js';

/**
 * @typedef {{ source: string, line: number, column: number, path: string, message: string, suggestion: string | null }} Problem
 * @typedef {{ dry_run: boolean, diff: Difference[], rebinds: string[], restarts: string[], confirm_within_s: number | null, warnings: Problem[] }} Outcome
 * @typedef {(params: Record<string, any>, signal?: AbortSignal) => Promise<import('../../api/http.js').Reply>} Request
 */

const SPANS = ['60', '180', '600'];
const MOVED = 412;

/** Whether whoever asks could be cut off by it. @param {Outcome} outcome */
const isRisky = (outcome) => outcome.rebinds.length > 0 || outcome.diff.some((it) => it.path === 'web.allowed_networks');

/**
 * @param {{ title: string, request: Request, why?: string, onClose: () => void, onDone: (outcome: Outcome) => void, onMoved: () => void,
 *   onFaults?: (found: Record<string, string>) => void }} props
 *   `onMoved`: somebody else was faster; `onFaults`: what is wrong, by key
 */
export function Review({ title, request, why: firstWhy = '', onClose, onDone, onMoved, onFaults }) {
  const { toast } = useApp();
  const [plan, setPlan] = useState(/** @type {Outcome | null} */ (null));
  const [error, setError] = useState(/** @type {any} an ApiError, as a rule */ (null));
  const [lockOut, setLockOut] = useState(false);
  const [why, setWhy] = useState(firstWhy);
  const [span, setSpan] = useState('60');
  const [busy, setBusy] = useState(false);
  const ask = useRef(request);
  useEffect(() => {
    const abort = new AbortController();
    setPlan(null);
    setError(null);
    ask.current({ dry_run: true, ...(lockOut ? { lock_out: true } : {}) }, abort.signal).then(({ data }) => setPlan(data), (problem) => {
      if (isAbort(problem)) return;
      const found = faultsOf(problem);
      if (onFaults && Object.keys(found).length) onFaults(found);
      else setError(problem);
    });
    return () => abort.abort();
  }, [lockOut]);
  const apply = async () => {
    setBusy(true);
    setError(null);
    try {
      const { data } = await ask.current({ why: why || null, confirm_within_s: plan && isRisky(plan) ? Number(span) : null, lock_out: lockOut || null });
      toast.ok(t(data.confirm_within_s ? 'config.appliedConfirm' : 'config.applied', { n: data.diff.length }));
      return onDone(data);
    } catch (problem) { setError(problem); }
    return setBusy(false);
  };
  const canLockOut = error?.status === 409 && /lock_out/.test(error.detail);
  return html`<${Drawer} title=${title} onClose=${onClose} wide>
    ${error?.status === MOVED
      ? html`<${Banner} tone="warn" title=${t('config.moved')} action=${html`<${Button} label=${t('config.loadAgain')} onClick=${onMoved} />`}>${t('config.movedText')}<//>`
      : error && html`<${ErrorPanel} error=${error} title=${t('config.refused')} />`}
    ${(canLockOut || lockOut) && html`<${Checkbox} label=${t('config.lockOut')} help=${t('config.lockOutHelp')} checked=${lockOut} onChange=${setLockOut} />`}
    ${!plan && !error && html`<${Loading} />`}
    ${plan && html`<${Plan} plan=${plan} />`}
    ${plan && plan.diff.length > 0 && html`<${Form} onSubmit=${apply} busy=${busy}>
      ${isRisky(plan) && html`<${Banner} tone="warn" title=${t('config.risky')}>${t('config.riskyText')}<//>
        <${Select} label=${t('config.confirmWithin')} value=${span} onChange=${setSpan} options=${SPANS.map((value) => ({ value, label: t(`config.within.${value}`) }))} />`}
      <${Field} label=${t('config.why')} help=${t('config.whyHelp')} value=${why} onInput=${setWhy} autocomplete="off" />
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t('config.apply')} /></div>
    <//>`}
  <//>`;
}

/** What the server says is wrong, by key. @param {any} problem an ApiError, as a rule */
function faultsOf(problem) {
  const errors = problem?.status === 422 ? /** @type {import('../../api/http.js').FieldError[]} */ (problem.errors ?? []) : [];
  return Object.fromEntries(errors.filter((it) => it.pointer).map((it) => [pathOf(it.pointer ?? ''), it.detail]));
}

/** @param {{ plan: Outcome }} props */
function Plan({ plan }) {
  return html`<${Differences} diff=${plan.diff} />
    ${plan.rebinds.length > 0 && html`<p>${t('config.rebinds', { keys: plan.rebinds.join(', ') })}</p>`}
    ${plan.restarts.length > 0 && html`<${Banner} tone="info">${t('config.restarts', { keys: plan.restarts.join(', ') })}<//>`}
    ${plan.warnings.map((it) => html`<${Banner} tone="warn" title=${html`<span class="mono">${it.path}</span>`}>${it.message}${it.suggestion && ` ${t('config.maybe', { text: it.suggestion })}`}<//>`)}`;
}

/** @typedef {{ path: string, from: unknown, to: unknown, effect: 'live' | 'rebind' | 'restart' }} Difference */

const SHOWN_ITEMS = 20;

/** @param {{ items: string[], sign: '+' | '-' }} props */
function Items({ items, sign }) {
  const word = t(sign === '+' ? 'config.added' : 'config.removed');
  return html`${items.slice(0, SHOWN_ITEMS).map((item) => html`<li class=${sign === '+' ? 'diff-add' : 'diff-del'}><span aria-hidden="true">${sign}</span><span class="visually-hidden">${word}: </span> <span class="mono">${item}</span></li>`)}
    ${items.length > SHOWN_ITEMS && html`<li class="meta">${t('config.moreItems', { n: items.length - SHOWN_ITEMS })}</li>`}`;
}

/** @param {{ diff: Difference[] }} props */
export function Differences({ diff }) {
  if (!diff.length) return html`<p class="muted">${t('config.noDifference')}</p>`;
  return html`<ul class="config-diff">${diff.map(({ path, from, to, effect }) => {
    const list = listDifference(from, to);
    return html`<li key=${path}>
      <div class="spread"><strong class="mono">${path}</strong> <span class=${`chip${effect === 'live' ? '' : ' chip-warn'}`}>${t(`config.effect.${effect}`)}</span></div>
      <ul class="plain-list">${list && (list.gone.length > 0 || list.fresh.length > 0)
        ? html`<${Items} items=${list.gone} sign="-" /><${Items} items=${list.fresh} sign="+" />`
        : html`<${Items} items=${[brief(from, t)]} sign="-" /><${Items} items=${[brief(to, t)]} sign="+" />`}</ul>
    </li>`;
  })}</ul>`;
}

/**
 * @typedef {{ id: number, at_ms: number, who: string, why: string, in_use: boolean }} Version
 * @typedef {Version & { text: string, diff: Difference[] }} VersionText
 */

/** @param {{ tag: string | null, route: import('../../router.js').Route, onDone: (outcome?: Outcome) => void }} props */
export function History({ tag, route, onDone }) {
  const { http } = useApp();
  const res = useResource('config.history', async (signal) => /** @type {Version[]} */ ((await http.get('/config/history', { signal })).data.items));
  const open = Number(route.params.get('version')) || null;
  const [back, setBack] = useState(/** @type {Version | null} */ (null));
  const columns = [
    { key: 'at', title: t('config.since'), cell: (/** @type {Version} */ row) => html`<${TimeEl} at=${row.at_ms} as="datetime" />` },
    { key: 'who', title: t('config.who'), cell: (/** @type {Version} */ row) => whoOf(row.who) },
    { key: 'why', title: t('config.why'), wide: true, cell: (/** @type {Version} */ row) => row.why || '–' },
    { key: 'id', title: t('config.version'), align: /** @type {const} */ ('end'), cell: (/** @type {Version} */ row) => row.id },
    { key: 'state', title: t('config.state'), cell: (/** @type {Version} */ row) => (row.in_use ? html`<${State} kind="ok" word=${t('config.inUse')} />` : '') },
  ];
  const done = (/** @type {Outcome | undefined} */ outcome) => { setBack(null); res.reload(); onDone(outcome); };
  return html`<${Part} res=${res}>${(/** @type {Version[]} */ rows) => html`
      <${DataTable} id="config-history" caption=${t('config.tab.history')} columns=${columns} rows=${rows} rowKey=${(/** @type {Version} */ row) => String(row.id)}
        open=${open ? String(open) : undefined} onOpen=${(/** @type {Version} */ row) => setParams({ version: row.id }, { push: true })}
        phone=${(/** @type {Version} */ row) => html`<span class="line-1"><${TimeEl} at=${row.at_ms} as="datetime" /> ${row.in_use && html`<${State} kind="ok" word=${t('config.inUse')} />`}</span><span class="line-2 line-text">${[whoOf(row.who), row.why].filter(Boolean).join(' · ')}</span>`}
        empty=${html`<${Empty} title=${t('config.noHistory')} why=${t('config.noHistoryWhy')} />`} />
      ${open && !back && html`<${VersionDrawer} key=${open} id=${open} onClose=${() => setParams({ version: null })} onBack=${setBack} />`}`}<//>
    ${back && html`<${Review} title=${t('config.backTitle', { time: dateTime(back.at_ms) })} why=${t('config.backWhy', { id: String(back.id) })} onClose=${() => setBack(null)} onMoved=${() => done(undefined)}
      request=${(/** @type {Record<string, any>} */ params, /** @type {AbortSignal | undefined} */ signal) =>
        http.post(`/config/history/${back.id}/restore`, undefined, { params, signal, ifMatch: params.dry_run ? null : tag, ...(params.dry_run ? {} : { idempotencyKey: newKey() }) })}
      onDone=${(/** @type {Outcome} */ outcome) => { setParams({ version: null }); done(outcome); }} />`}`;
}

/** @param {{ id: number, onClose: () => void, onBack: (version: Version) => void }} props */
function VersionDrawer({ id, onClose, onBack }) {
  const { http } = useApp();
  const res = useResource(`config.history ${id}`, async (signal) => /** @type {VersionText} */ ((await http.get(`/config/history/${id}`, { signal })).data));
  const version = res.data;
  return html`<${Drawer} title=${t('config.versionTitle', { id: String(id) })} subtitle=${version && html`<${TimeEl} at=${version.at_ms} as="datetime" /> · ${whoOf(version.who)}${version.why && ` · ${version.why}`}`} wide onClose=${onClose}
      footer=${version && !version.in_use && html`<${Button} tone="primary" label=${t('config.goBack')} onClick=${() => onBack(version)} />`}>
    <${Part} res=${res}>${(/** @type {VersionText} */ data) => html`
      <h3>${data.in_use ? t('config.isInUse') : t('config.wouldDiffer')}</h3>
      ${!data.in_use && html`<${Differences} diff=${data.diff} />`}
      <details open=${data.in_use}><summary>${t('config.wholeText')}</summary><pre class="code mono" tabindex="0">${data.text}</pre></details>`}<//>
  <//>`;
}

/** The server takes back a moment after the time is over. */
const GRACE_MS = 1500;

/**
 * @param {{ until: number | null, isCut: boolean, may: boolean, reload: () => Promise<void>, onOver: () => void }} props
 *   `until`: null: nothing waits; `isCut`: the server is not reached
 */
export function Pending({ until, isCut, may, reload, onOver }) {
  const { http, toast } = useApp();
  const [now, setNow] = useState(Date.now());
  const [busy, setBusy] = useState(false);
  const kept = useRef(false);
  useEffect(() => {
    if (until === null) return undefined;
    kept.current = false;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    const over = setTimeout(async () => {
      onOver();
      await reload();
      if (!kept.current) toast.ok(t('config.takenBack'));
    }, Math.max(0, until - Date.now()) + GRACE_MS);
    return () => { clearInterval(timer); clearTimeout(over); };
  }, [until]);
  if (until === null) return null;
  const left = Math.max(0, Math.ceil((until - now) / 1000));
  const confirm = async () => {
    setBusy(true);
    try {
      await http.post('/config/confirm');
      kept.current = true;
      onOver();
      toast.ok(t('config.confirmed'));
    } catch (error) { toast.error(error); }
    setBusy(false);
    await reload();
  };
  return html`<div class="config-pending"><${Banner} tone="warn" title=${t('config.pending')}
      action=${may && html`<${Button} tone="primary" busy=${busy} label=${t('config.keep')} onClick=${confirm} />`}>
    ${t('config.pendingText')} <strong class="config-countdown" role="timer">${left > 0 ? t('config.left', { n: left }) : t('config.goesBack')}</strong>
    ${isCut && html`<p>${t('config.unreached')}</p>`}<//></div>`;
}
