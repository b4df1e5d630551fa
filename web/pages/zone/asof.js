/** A zone as it was at a serial or a time: read-only, with a bar to go back and forth. */
import { html, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { go, href, setParams } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { dateTime } from '../../lib/format.js';
import { relative, visible } from '../../lib/dns.js';
import { toText } from '../../rr/text.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { Empty, ErrorPanel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { DataTable } from '../../ui/table.js';
import { Name } from '../../ui/name.js';
import { useRrsets } from './list.js';
import { Pager, saveFile } from './parts.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */
/** @typedef {import('./model.js').Rrset} Rrset */

/** @param {{view: ZoneView, params: URLSearchParams}} props */
export function AsOf({ view, params }) {
  const { http, toast } = useApp();
  const [serial, time] = [params.get('serial'), params.get('time')];
  const query = serial ? { serial } : { time_ms: time };
  const list = useRrsets({ view, path: `${view.path}/at`, query, filter: '' });
  const keep = async () => {
    try {
      const { data } = await http.get(`${view.path}/at`, { params: query, headers: { Accept: 'text/dns' }, as: 'text' });
      saveFile(`${view.name}${serial ?? ''}`, data);
    } catch (error) {
      toast.error(error);
    }
  };
  return html`<div class="zone-asof">
    <${TimeBar} view=${view} serial=${serial} time=${time} />
    ${list.error && html`<${ErrorPanel} error=${list.error} onRetry=${list.reload} />`}
    ${!list.error && html`<${DataTable} id="rrsets-at" caption=${t('zone.asOf.caption', { zone: view.name })} rows=${list.items} rowKey=${(/** @type {Rrset} */ row) => `${row.name}/${row.type}`} busy=${list.loading}
      columns=${columns(view)} phone=${(/** @type {Rrset} */ row) => html`<span class="rr-card"><span class="rr-card-head"><b class="mono">${row.type}</b> <${Name} name=${relative(row.name, view.name)} /> <span class="muted">${row.ttl} s</span></span><span><${Lines} row=${row} view=${view} /></span></span>`}
      empty=${html`<${Empty} title=${t('zone.asOf.empty')} />`} />`}
    <${Pager} onPrevious=${list.pages.newer} onNext=${list.pages.older}><${Button} icon="download" label=${t('zone.export')} onClick=${keep} /><//>
  </div>`;
}

/** @param {ZoneView} view */
const columns = (view) => [
  { key: 'name', title: t('zone.col.name'), cell: (/** @type {Rrset} */ row) => html`<${Name} name=${relative(row.name, view.name)} />` },
  { key: 'ttl', title: t('zone.col.ttl'), align: /** @type {const} */ ('end'), cell: (/** @type {Rrset} */ row) => row.ttl },
  { key: 'type', title: t('zone.col.type'), cell: (/** @type {Rrset} */ row) => html`<span class="mono">${row.type}</span>` },
  { key: 'data', title: t('zone.col.data'), wide: true, cell: (/** @type {Rrset} */ row) => html`<${Lines} row=${row} view=${view} />` },
];

/** @param {{row: Rrset, view: ZoneView}} props */
const Lines = ({ row, view }) => html`<ul class="rr-data mono">${row.records.map((data) => html`<li>${visible(toText(view.types.get(row.type), data).slice(0, 400))}</li>`)}</ul>`;

/** @param {{view: ZoneView, serial: string | null, time: string | null}} props */
function TimeBar({ view, serial, time }) {
  const { http } = useApp();
  const changes = useResource(`as-of:${view.name}:${view.turn.value}`, async (/** @type {AbortSignal} */ signal) => (await http.get(`${view.path}/changes`, { params: { limit: 100 }, signal })).data);
  const versions = (changes.data?.items ?? []).flatMap((/** @type {any} */ change) => {
    const one = change.zones.find((/** @type {any} */ of) => of.zone === view.name);
    return one?.to === null || one?.to === undefined || one.from === one.to ? [] : [{ serial: String(one.to), at: change.at_ms, who: change.who }];
  });
  const at = versions.findIndex((/** @type {any} */ one) => serial ? one.serial === serial : one.at <= Number(time));
  const [typed, setTyped] = useState(time ? local(Number(time)) : '');
  const show = (/** @type {any} */ version) => setParams({ serial: version.serial, time: null, after: null }, { push: true });
  const pick = (/** @type {string} */ text) => { setTyped(text); const ms = Date.parse(text); if (!Number.isNaN(ms)) setParams({ time: ms, serial: null, after: null }); };
  return html`<section class="as-of" aria-label=${t('zone.asOf.bar')}>
    <p role="status"><strong>${t('zone.asOf.title')}</strong> ${versions[at] ? html`${t('zones.col.serial')} <span class="mono">${versions[at].serial}</span>, ${dateTime(versions[at].at)}` : serial ? html`${t('zones.col.serial')} <span class="mono">${serial}</span>` : dateTime(Number(time))}
      <span class="muted"> ${t('zone.asOf.readOnly')}</span></p>
    <div class="as-of-controls">
      <${Button} icon="left" label=${t('zone.asOf.earlier')} disabled=${at < 0 || at >= versions.length - 1} onClick=${() => show(versions[at + 1])} />
      <${Button} label=${t('zone.asOf.later')} disabled=${at <= 0} onClick=${() => show(versions[at - 1])} />
      <${Field} label=${t('zone.asOf.time')} type="datetime-local" value=${typed} onInput=${pick} />
      <${Button} tone="primary" label=${t('zone.asOf.now')} onClick=${() => go(href('zone', [view.name, 'records']))} />
    </div></section>`;
}

/** A time as the field of the browser takes it. @param {number} ms */
function local(ms) {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
