/** Devices, and addresses that asked and have no name yet: those first, to be named where they stand. */

import { html, useSignal, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Select } from '../../ui/field.js';
import { Banner, Empty } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { useApp } from '../../context.js';
import { allItems, bare, deviceBody, groupNames, takeBack, takeBackLatest, versionTag } from '../../api/policy.js';
import { TimeEl, ago, num, pct } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { Part } from '../part.js';
import { DeviceDrawer } from './devicedrawer.js';
import { DeviceForm, NameForm } from './deviceform.js';
import { filterOf, pausesOf, rowsOf } from './model.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('../../api/policy.js').People} People */
/** @typedef {import('../../api/policy.js').Pause} Pause */
/** @typedef {import('../../api/types.js').SeenClientOut} Seen */
/** @template T @typedef {import('../part.js').Resource<T>} Resource */

const SPANS = /** @type {Record<string, number>} */ ({ day: 24 * 3600_000, week: 7 * 24 * 3600_000 });
/** Clients that are fetched; whoever has more narrows the time. */
const MOST = 3000;
/** Rows that are drawn at once. */
const PAGE = 200;

/** @param {{row: Row}} props */
function Who({ row }) {
  if (row.device) return html`<b class="device-name" title=${row.device.name}>${row.device.name}</b>`;
  return html`<span class="mono">${row.addresses[0]}</span>`;
}

/** @param {{row: Row, may: boolean}} props */
function Addresses({ row, may }) {
  const [first, ...more] = row.addresses.map(bare);
  if (!first) return html`<span class="dim">${t('clients.noaddress')}</span>`;
  return html`<span class="mono" title=${row.addresses.map(bare).join(', ')}>${first}</span>${more.length > 0 && html` <span class="dim">+${more.length}</span>`}
    ${!row.device && may && html` <${Button} small label=${t('clients.nameit')} onClick=${() => setParams({ name: row.addresses[0], device: null })} />`}`;
}

/** @param {{row: Row, pauses: Pause[]}} props */
function PausedUntil({ row, pauses }) {
  const until = Math.max(0, ...pausesOf(row, pauses).map((pause) => pause.until_ms));
  return until ? html`<${State} kind="warn" word=${t('clients.paused', { ago: ago(until) })} />` : null;
}

/** @param {Row} row */
const share = (row) => (row.queries ? pct(row.blocked / row.queries) : '–');

/**
 * @param {{pauses: Pause[], mayLogs: boolean, may: boolean}} props
 * @returns {import('../../ui/table.js').Column<Row>[]}
 */
function columns({ pauses, mayLogs, may }) {
  return [
    { key: 'device', title: t('clients.device'), cell: (row) => (row.device ? html`<${Who} row=${row} />` : html`<span class="dim">${t('clients.noname')}</span>`) },
    { key: 'addresses', title: t('clients.addresses'), plain: true, wide: true, cell: (row) => html`<${Addresses} row=${row} may=${may} />` },
    { key: 'group', title: t('clients.group'), plain: true, cell: (row) => html`<span class=${row.device?.group ? '' : 'dim'}>${row.group}</span> <${PausedUntil} row=${row} pauses=${pauses} />` },
    ...(mayLogs ? /** @type {import('../../ui/table.js').Column<Row>[]} */ ([
      { key: 'queries', title: t('clients.queries'), align: 'end', plain: true, cell: (row) => (row.queries ? html`<a href=${href('queries', [], { filter: filterOf(row) })}>${num(row.queries)}</a>` : num(0)) },
      { key: 'blocked', title: t('clients.blocked'), align: 'end', plain: true, cell: share },
      { key: 'first', title: t('clients.first'), plain: true, cell: (row) => html`<${TimeEl} at=${row.first} />` },
      { key: 'last', title: t('clients.last'), plain: true, cell: (row) => html`<${TimeEl} at=${row.last} />` },
    ]) : []),
    { key: 'tags', title: t('clients.tags'), off: true, cell: (row) => row.device?.tags.join(', ') ?? '' },
  ];
}

/** Moves the selected devices to a group. @param {{count: number, groups: string[], onMove: (group: string) => void}} props */
function MoveTo({ count, groups, onMove }) {
  const [group, setGroup] = useState(groups[0]);
  return html`<${Select} hideLabel label=${t('clients.moveto')} value=${group} options=${groups} onChange=${setGroup} />
    <${Button} label=${t('clients.move', { n: count })} onClick=${() => onMove(group)} />`;
}

/** What can be changed. @param {() => void} reload */
function useDeviceActions(reload) {
  const { http, toast } = useApp();
  const at = (/** @type {string} */ name) => `/clients/${encodeURIComponent(name)}`;
  return {
    /** @param {Row} row */
    async remove({ device }) {
      if (!device) return;
      try {
        await http.del(at(device.name), { ifMatch: versionTag(device) });
        toast.ok(t('clients.removed', { name: device.name }), { undo: () => takeBackLatest(http, 'devices', device.name).then(reload) });
      } catch (error) {
        toast.error(error);
      }
      reload();
    },
    /** @param {Row[]} rows @param {string} group */
    async move(rows, group) {
      /** @type {(string | null)[]} */
      const made = [];
      for (const { device } of rows) {
        if (!device || device.group === group) continue;
        try {
          made.push((await http.put(at(device.name), { ...deviceBody(device), group }, { ifMatch: versionTag(device) })).etag);
        } catch (error) {
          toast.error(error);
        }
      }
      const undo = async () => {
        for (const etag of made) await takeBack(http, etag);
        reload();
      };
      if (made.length) toast.ok(t('clients.moved', { n: made.length, group }), { undo });
      reload();
    },
  };
}

/** Two lines of a row where there is little room. @param {Pause[]} pauses */
const phone = (pauses) => (/** @type {Row} */ row) => html`
  <span class="line-1"><${Who} row=${row} /> <${PausedUntil} row=${row} pauses=${pauses} /></span>
  <span class="line dim">${[row.device ? row.addresses[0] ?? '' : t('clients.noname'), row.group, t('clients.line', { n: row.queries, part: share(row) }), row.last ? ago(row.last) : '']
    .filter(Boolean).join(' · ')}</span>`;

/** What stands where nobody is. @param {{mayLogs: boolean}} props */
function Nobody({ mayLogs }) {
  return html`<${Empty} title=${t('clients.empty')} why=${t(mayLogs ? 'clients.empty.why' : 'clients.empty.norights')}
    action=${html`<a class="button button-plain" href=${href('live')}>${t('clients.empty.how')}</a>`} />`;
}

/** @param {{params: URLSearchParams, who: Resource<People>, pauses: Pause[]}} props */
export function Devices({ params, who, pauses }) {
  const { http, session } = useApp();
  const [may, mayLogs] = [session.can('configure'), session.can('read_logs')];
  const span = params.get('seen') ?? 'week';
  const seen = useResource(`seen ${span} ${mayLogs}`, async (/** @type {AbortSignal} */ signal) => {
    const since = /** @type {Record<string, number>} */ (SPANS[span] ? { seen_since_ms: Date.now() - SPANS[span] } : {});
    return mayLogs ? /** @type {Seen[]} */ (await allItems(http, '/seen-clients', { signal, params: since, max: MOST })) : [];
  }, { every: 10_000 });
  const reload = () => {
    who.reload();
    seen.reload();
  };
  const act = useDeviceActions(reload);
  const selection = useSignal(/** @type {Set<string>} */ (new Set()));
  const find = params.get('find')?.toLowerCase() ?? '';
  const from = Number(params.get('from') ?? 0);

  const table = (/** @type {People} */ { devices, groups }) => {
    const all = rowsOf(devices, seen.data ?? []);
    const rows = find ? all.filter((row) => `${row.device?.name ?? ''} ${row.group} ${row.addresses.join(' ')} ${row.device?.addresses.join(' ') ?? ''}`.toLowerCase().includes(find)) : all;
    const page = rows.slice(from, from + PAGE);
    const open = rows.find((row) => row.key === params.get('device'));
    const items = (/** @type {Row} */ row) => [
      ...(mayLogs ? [{ label: t('clients.show.queries'), href: href('queries', [], { filter: filterOf(row) }) }] : []),
      ...(may && !row.device ? [{ label: t('clients.nameit'), onSelect: () => setParams({ name: row.addresses[0] }) }] : []),
      ...(may && row.device ? [{ label: t('clients.pause.menu'), onSelect: () => setParams({ device: row.key }, { push: true }) }] : []),
      ...(may && row.device?.origin === 'api' ? [
        { label: t('blocking.edit'), onSelect: () => setParams({ device: row.key, edit: '1' }, { push: true }) },
        { label: t('blocking.remove'), danger: true, onSelect: () => act.remove(row) },
      ] : []),
    ];
    const chosen = rows.filter((row) => selection.value.has(row.key) && row.device?.origin === 'api');
    const close = () => setParams({ device: null, edit: null, add: null });
    const step = (/** @type {number} */ by) => (from + by < 0 || from + by >= rows.length ? null : () => setParams({ from: from + by || null }));
    const detail = (/** @type {Row} */ row) => (may && !row.device && params.get('name') === row.addresses[0]
      ? html`<${NameForm} address=${row.addresses[0]} people=${{ devices, groups }} onDone=${() => { setParams({ name: null }); reload(); }} onClose=${() => setParams({ name: null })} />` : null);
    return html`
      <${Above} params=${params} span=${span} mayLogs=${mayLogs} may=${may} />
      ${seen.error && html`<${Banner} tone="warn">${t('clients.noseen')}<//>`}
      ${(seen.data?.length ?? 0) >= MOST && html`<${Banner} tone="info">${t('clients.toomany', { n: MOST })}<//>`}
      <${DataTable} id="devices" caption=${t('clients.tab.devices')} columns=${columns({ pauses, mayLogs, may })} rows=${page} rowKey=${(/** @type {Row} */ row) => row.key}
        onOpen=${(/** @type {Row} */ row) => setParams({ device: row.key }, { push: true })} actions=${items} phone=${phone(pauses)} busy=${seen.loading && !seen.data} detail=${detail}
        selection=${may ? selection : undefined} open=${params.get('device') ?? ''} tone=${(/** @type {Row} */ row) => (row.device ? '' : 'is-unnamed')}
        bulk=${() => (chosen.length ? html`<${MoveTo} count=${chosen.length} groups=${groupNames(groups)} onMove=${(/** @type {string} */ group) => { act.move(chosen, group); selection.value = new Set(); }} />`
          : html`<span class="dim">${t('clients.bulk.none')}</span>`)}
        pages=${rows.length > PAGE ? { newer: step(-PAGE), older: step(PAGE) } : undefined}
        empty=${find ? html`<${Empty} title=${t('clients.nomatch', { find })} action=${html`<${Button} label=${t('clients.all')} onClick=${() => setParams({ find: null })} />`} />` : html`<${Nobody} mayLogs=${mayLogs} />`} />
      ${may && (params.get('add') || (open?.device?.origin === 'api' && params.get('edit')))
        && html`<${DeviceForm} key=${open?.key ?? 'new'} device=${params.get('add') ? null : open?.device} groups=${groups} onClose=${close} onDone=${() => { close(); reload(); }} />`}
      ${open && !params.get('edit') && html`<${DeviceDrawer} key=${open.key} row=${open} pauses=${pausesOf(open, pauses)} people=${{ devices, groups }} may=${may} mayLogs=${mayLogs}
        onClose=${close} onChanged=${reload} />`}`;
  };
  return html`<${Part} res=${who}>${table}<//>`;
}

/** The search, the time span, and the button. @param {{params: URLSearchParams, span: string, mayLogs: boolean, may: boolean}} props */
function Above({ params, span, mayLogs, may }) {
  const options = ['day', 'week', 'ever'].map((value) => ({ value, label: t(`clients.seen.${value}`) }));
  return html`
    <div class="tab-actions">
      <${Search} value=${params.get('find') ?? ''} />
      ${mayLogs && html`<${Select} hideLabel label=${t('clients.seen')} value=${span} options=${options} onChange=${(/** @type {string} */ value) => setParams({ seen: value === 'week' ? null : value, from: null })} />`}
      ${may && html`<${Button} tone="primary" label=${t('clients.add')} onClick=${() => setParams({ add: '1', device: null }, { push: true })} />`}
    </div>`;
}

/** @param {{value: string}} props */
function Search({ value }) {
  return html`<input class="input tab-search" type="search" aria-label=${t('clients.find')} placeholder=${t('clients.find')} value=${value}
    onInput=${(/** @type {any} an input event */ event) => setParams({ find: event.currentTarget.value || null, from: null })} />`;
}
