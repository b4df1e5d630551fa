// What a row of the history shows, in the table of queries and in the live stream: cells, two lines for phones, and filters of a cell.
import { html } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { TimeEl, ms, num } from '../../lib/format.js';
import { shown } from '../../lib/dns.js';
import { nameValue, valueText } from '../../lib/terms.js';
import { Name } from '../../ui/name.js';
import { Result } from '../../ui/state.js';
import { decided } from '../../lib/verdict.js';
import { Client } from './client.js';

/** @typedef {import('../../api/types.js').QueryOut} QueryRow */
/** @typedef {import('./client.js').Finder} Finder */

/** Who or what gave the answer, in a few words. @param {QueryRow} row */
export function via(row) {
  if (decided(row) === 'blocking') return row.list ? t('queries.via.list', { list: row.list }) : t('queries.via.rule');
  if (row.source === 'zone') return row.zone ? t('queries.via.zone', { zone: shown(row.zone) }) : t('queries.via.zones');
  if (row.source === 'resolved') return row.upstream_server ?? t('queries.via.resolved');
  return t(`queries.via.${row.source}`);
}

/**
 * The columns of the table.
 * @param {Finder} device
 * @returns {import('../../ui/table.js').Column<QueryRow>[]}
 */
export function columnsOf(device) {
  return [
    { key: 'time', title: t('queries.col.time'), cell: (row) => html`<${TimeEl} at=${row.timestamp} as="time" fraction />` },
    { key: 'client', title: t('queries.col.client'), cell: (row) => html`<${Client} address=${row.client_ip} device=${device} />` },
    { key: 'name', title: t('queries.col.name'), wide: true, cell: (row) => html`<${Name} name=${row.domain} />` },
    { key: 'type', title: t('queries.col.type'), cell: (row) => row.query_type ?? '–' },
    { key: 'result', title: t('queries.col.result'), cell: (row) => html`<${Result} row=${row} />` },
    { key: 'ms', title: t('queries.col.ms'), align: 'end', cell: (row) => num(row.response_time_ms) },
    { key: 'via', title: t('queries.col.via'), cell: (row) => html`<span class="via" title=${via(row)}>${via(row)}</span>` },
    { key: 'group', title: t('queries.col.group'), off: true, cell: (row) => row.group ?? '–' },
    { key: 'transport', title: t('queries.col.transport'), off: true, cell: (row) => row.transport.toUpperCase() },
    { key: 'dnssec', title: t('queries.col.dnssec'), off: true, cell: (row) => (row.dnssec ? t(`queries.dnssec.${row.dnssec}`) : '–') },
    { key: 'size', title: t('queries.col.size'), align: 'end', off: true, cell: (row) => num(row.response_size) },
  ];
}

/** Two lines of a row. @param {QueryRow} row @param {Finder} device */
export function phoneRow(row, device) {
  const known = device(row.client_ip);
  return html`<span class="row-top"><${Name} name=${row.domain} /><${Result} row=${row} /></span>
    <span class="row-sub"><span class="client-name">${known ? known.name : row.client_ip}</span><span>${row.query_type ?? '–'}</span><span class="num">${ms(row.response_time_ms)}</span><${TimeEl} at=${row.timestamp} as="ago" /></span>`;
}

/**
 * What can be filtered by in a cell: terms without a minus.
 * @param {QueryRow} row @param {string} column @param {Finder} device
 * @returns {string[]}
 */
export function termsOf(row, column, device) {
  const known = device(row.client_ip);
  const blocked = decided(row) === 'blocking';
  const of = /** @type {Record<string, (string | null | undefined | false)[]>} */ ({
    client: [known && `client:${valueText(known.name)}`, `client:${row.client_ip}`],
    name: row.domain === null || row.domain === undefined ? [] : [`name:${nameValue(row.domain)}`, parent(row.domain)],
    type: [row.query_type && `type:${row.query_type}`],
    result: [blocked ? 'action:blocked' : `code:${row.response_code}`],
    ms: [`time:>${Math.max(1, Math.floor(row.response_time_ms))}ms`],
    via: [blocked && row.list && `list:${valueText(row.list)}`, row.zone && `zone:${nameValue(row.zone)}`, row.upstream_server && `upstream:${host(row.upstream_server)}`, `source:${row.source}`],
    group: [row.group && `group:${valueText(row.group)}`],
    transport: [`proto:${row.transport}`],
    dnssec: [`dnssec:${row.dnssec ?? 'none'}`],
  });
  return /** @type {string[]} */ ((of[column] ?? []).filter(Boolean));
}

/** An address without its port. @param {string} server */
export const host = (server) => /^\[(.+)\]:\d+$/.exec(server)?.[1] ?? /^([\d.]+):\d+$/.exec(server)?.[1] ?? server;

/** The names below the one above. @param {string} name */
function parent(name) {
  const labels = name.split(/(?<!\\)\./);
  return labels.length > 2 ? `name:*.${nameValue(labels.slice(1).join('.'))}` : null;
}

/**
 * The items *Only this* and *Not this* for terms.
 * @param {string[]} terms @param {(term: string) => void} add
 */
export const termItems = (terms, add) =>
  terms.flatMap((term) => [
    { label: t('queries.only', { term }), onSelect: () => add(term) },
    { label: t('queries.not', { term }), onSelect: () => add(`-${term}`) },
  ]);
