// Why an answer was what it was, and what it would be now: a drawer over queries, live view and zones. The step that decided is open.
import { html, useEffect, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { useApp } from '../context.js';
import { shown } from '../lib/dns.js';
import { dateTime, ms } from '../lib/format.js';
import { decided, digLine, verdictKey } from '../lib/verdict.js';
import { useResource } from './resource.js';
import { Drawer } from './drawer.js';
import { Tabs } from './tabs.js';
import { Banner, ErrorPanel, Facts, Loading } from './page.js';
import { CopyButton, IconButton } from './button.js';
import { AllowActions } from './allow.js';
import { NowSteps, ThenSteps } from './explainsteps.js';
import { changes } from '../lib/verdict.js';

/** @typedef {import('../api/types.js').QueryOut} QueryRow */

/**
 * @typedef {object} ExplainProps
 * @property {string} [id] of a recorded query
 * @property {QueryRow | null} [row] what is known of it already
 * @property {string} [name] without a recorded query: what is asked
 * @property {string} [type]
 * @property {string} [client]
 * @property {string} [device] what people call the client
 * @property {(address: string) => {name: string} | null} [find] finds that for the client of a recorded query
 * @property {'then' | 'now'} [tab]
 * @property {(tab: string) => void} [onTab]
 * @property {() => void} onClose
 * @property {(() => void) | null} [onNewer] to the row above
 * @property {(() => void) | null} [onOlder] to the row below
 * @property {() => void} [onChanged] rules were changed
 */

/**
 * The sentence on a recorded query.
 * @param {QueryRow} row @param {string} who
 */
export function verdict(row, who) {
  return t(verdictKey(row), {
    who, list: row.list ?? '', rule: row.rule ?? '', code: row.response_code, ms: ms(row.response_time_ms), zone: row.zone ? shown(row.zone) : '',
    server: row.upstream_server ?? '', reason: row.refusal ? t(`queries.refusal.${row.refusal}`) : '',
  });
}

/** @param {ExplainProps} props */
export function ExplainDrawer(props) {
  const { id, onClose, onNewer, onOlder } = props;
  const [ownTab, setOwnTab] = useState('then');
  const { http } = useApp();
  const recorded = useResource(`query/${id ?? ''}`, async (signal) => (id ? (await http.get(`/queries/${encodeURIComponent(id)}`, { signal })).data : null));
  const known = /** @type {QueryRow | null} */ (id ? (recorded.data?.request_id === id ? recorded.data : props.row?.request_id === id ? props.row : null) : null);
  const name = known ? known.domain ?? '' : props.name ?? '';
  const type = known ? known.query_type ?? 'A' : props.type ?? 'A';
  const client = known ? known.client_ip : props.client ?? '';
  const device = props.device ?? (client ? props.find?.(client)?.name : undefined);
  const tab = id ? props.tab ?? ownTab : 'now';
  /** @param {string} next */
  const onTab = (next) => (props.onTab ? props.onTab(next) : setOwnTab(next));
  useBrackets(onNewer, onOlder);
  const content = () => (known && tab === 'then'
    ? html`<${Then} row=${known} whole=${recorded.data?.request_id === id} failed=${recorded.error} device=${device} onChanged=${props.onChanged} onNow=${() => onTab('now')} />`
    : html`<${Now} row=${known} name=${name} type=${type} client=${client} device=${device} onChanged=${props.onChanged} />`);
  const tabs = [{ key: 'then', label: t('explain.then') }, { key: 'now', label: t('explain.now') }];
  const head = (onNewer !== undefined || onOlder !== undefined) && html`<span class="explain-steps">
    <${IconButton} icon="up" label=${t('explain.newer')} disabled=${!onNewer} onClick=${() => onNewer?.()} />
    <${IconButton} icon="down" label=${t('explain.older')} disabled=${!onOlder} onClick=${() => onOlder?.()} /></span>`;
  return html`<${Drawer} title=${html`<span class="mono wrap">${name ? shown(name) : t('explain.title')}</span> <span class="quiet">${name ? type : ''}</span>`} onClose=${onClose} actions=${head}>
    <div class="explain">
      ${id && !known && recorded.loading && html`<${Loading} />`}
      ${id && !known && recorded.error && html`<${ErrorPanel} error=${recorded.error} onRetry=${recorded.reload} />`}
      ${(known || !id) && html`
        ${id ? html`<${Tabs} label=${t('explain.title')} tabs=${tabs} current=${tab} onChange=${onTab}>${content()}<//>` : content()}`}
    </div><//>`;
}

/** `[` and `]` go through the rows. @param {(() => void) | null} [newer] @param {(() => void) | null} [older] */
function useBrackets(newer, older) {
  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const onKey = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || /** @type {HTMLElement} */ (event.target).closest?.('input,textarea,select')) return;
      if (event.key === '[' && newer) newer();
      else if (event.key === ']' && older) older();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [newer, older]);
}

/** What was recorded. @param {{row: QueryRow, whole: boolean, failed: any, device?: string, onChanged?: () => void, onNow: () => void}} props */
function Then({ row, whole, failed, device, onChanged, onNow }) {
  const step = decided(row);
  const who = device || row.client_ip;
  return html`<p class=${`verdict ${step}`}>${verdict(row, who)}</p>
    <p class="quiet"><time dateTime=${row.timestamp}>${dateTime(row.timestamp)}</time></p>
    ${row.domain && html`<${AllowActions} key=${`${row.request_id}`} name=${row.domain} type=${row.query_type} client=${row.client_ip} blocked=${step === 'blocking'} onDone=${onChanged} />`}
    <${ThenSteps} row=${row} device=${device} />
    ${row.domain && html`<${AnswerText} title=${t('explain.answerThen')} lines=${row.response_data?.map(shown)} cut=${t('explain.answerCut')} row=${row} />`}
    ${!whole && failed && html`<${Banner} tone="info">${t('explain.notKept')}<//>`}
    <details class="fact-box"><summary>${t('explain.facts')}</summary><${Recorded} row=${row} /></details>
    <button type="button" class="link-button" onClick=${onNow}>${t('explain.lookNow')}</button>`;
}

/** Everything that is recorded, key by key. @param {{row: QueryRow}} props */
function Recorded({ row }) {
  const entries = Object.entries(row).filter(([, value]) => value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && !value.length));
  return html`<${Facts} items=${entries.map(([key, value]) => [html`<span class="mono">${key}</span>`, html`<span class="mono">${Array.isArray(value) ? value.map(shown).join('\n') : shown(String(value))}</span>`])} />`;
}

/** An answer as lines, and the command that asks for it. @param {{title: string, lines: string[] | undefined, cut?: string, row: {domain?: string | null, query_type?: string | null, transport?: string}}} props */
function AnswerText({ title, lines, cut, row }) {
  const { http } = useApp();
  // Whoever may not read it gets the line without the port.
  const setup = useResource('setup/port', (signal) => http.get('/setup', { signal }).then(({ data }) => data, () => null));
  const port = Number(/:(\d+)$/.exec(/** @type {any} */ (setup.data)?.listeners?.[0]?.address ?? '')?.[1] ?? 53);
  const line = digLine({ host: location.hostname, port, name: row.domain || '.', type: row.query_type ?? 'A', tcp: row.transport === 'tcp' });
  return html`<section class="answer"><h3>${title}</h3>
    ${lines && lines.length ? html`<pre class="mono" tabIndex="0">${lines.join('\n')}</pre>` : html`<p class="quiet">${t('explain.noData')}</p>`}
    ${lines && lines.length > 0 && cut && html`<p class="quiet">${cut}</p>`}
    <div class="dig"><code tabIndex="0">${line}</code><${CopyButton} text=${line} /></div></section>`;
}

/** What would be answered now. @param {{row: QueryRow | null, name: string, type: string, client: string, device?: string, onChanged?: () => void}} props */
function Now({ row, name, type, client, device, onChanged }) {
  const { http } = useApp();
  const check = useResource(`check/${name}/${type}/${client}`, async (signal) => (await http.get('/blocking/check', { params: { name, type, client: client || null }, signal })).data);
  const explained = useResource(`explain/${name}/${type}`, async (signal) => (await http.get('/explain', { params: { name, type }, signal })).data);
  const rules = /** @type {any} */ (check.data);
  const answer = /** @type {any} */ (explained.data);
  const again = () => { check.reload(); explained.reload(); };
  const both = (rules || check.error) && (answer || explained.error);
  const changed = row && both ? changes(row, rules, answer) : [];
  const lines = /** @type {any[]} */ (answer?.answers ?? []).map((record) => [record.name, record.ttl, record.type, record.data].map((part) => shown(String(part))).join(' '));
  return html`<div aria-busy=${String(check.loading || explained.loading)}>
    ${!both && html`<${Loading} />`}
    ${both && html`<p class="verdict">${nowWords(rules, answer, device || client)}</p>`}
    ${row && both && html`<${Banner} tone=${changed.length ? 'warn' : 'info'}>${changed.length ? changed.map((change) => html`<span>${t(change.key, change.values)} </span>`) : t('explain.same')}<//>`}
    ${rules && html`<${AllowActions} name=${name} type=${type} client=${client} blocked=${rules.blocked} onDone=${() => { again(); onChanged?.(); }} />`}
    ${check.error && html`<${ErrorPanel} error=${check.error} onRetry=${check.reload} />`}
    ${explained.error && html`<${ErrorPanel} error=${explained.error} onRetry=${explained.reload} />`}
    ${both && html`<${NowSteps} check=${rules} explained=${answer} />`}
    ${answer && html`<${AnswerText} title=${t(rules?.blocked ? 'explain.answerWithout' : 'explain.answerNow')} lines=${lines} row=${{ domain: name, query_type: type }} />`}
    <button type="button" class="link-button" onClick=${again}>${t('explain.again')}</button></div>`;
}

/** @param {any} check @param {any} explained @param {string} who */
function nowWords(check, explained, who) {
  if (check?.blocked) {
    const rule = check.rules.find((/** @type {any} */ one) => one.decides);
    return rule ? t('explain.now.blocked', { who: who || t('explain.anyone'), list: rule.list, rule: rule.text ?? t('explain.line', { n: rule.line }) }) : check.because ?? t('explain.now.blockedPlain');
  }
  if (!explained) return t('explain.now.unknown');
  return t(`explain.now.${explained.answered_by}`, { code: explained.rcode, zone: explained.zone ? shown(explained.zone) : '', server: explained.server ?? '', ms: ms(explained.elapsed_us / 1000) });
}
