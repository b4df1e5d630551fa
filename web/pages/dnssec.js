/** The zones that are signed here: `#/dnssec`. Those first that need somebody. */
import { html, useState } from '../ui/html.js';
import { useApp } from '../context.js';
import { href } from '../router.js';
import { t } from '../lib/i18n.js';
import { TimeEl, num } from '../lib/format.js';
import { undotted } from '../lib/dns.js';
import { byNeed, need, stageKind } from '../lib/signing.js';
import { LinkButton } from '../ui/button.js';
import { Name } from '../ui/name.js';
import { Empty, Page } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { State } from '../ui/state.js';
import { DataTable } from '../ui/table.js';
import { Tabs } from '../ui/tabs.js';
import { all } from './listing.js';
import { Part } from './part.js';
import { WaitText } from './zone/dnssec/words.js';

/** @typedef {import('../api/types.js').SignedZoneOut} SignedZone */

const EVERY_MS = 15_000;
/** Zones of a page. */
const SHOWN = 100;

/** What may be shown, by how much zones need somebody. @type {Record<string, (zone: SignedZone) => boolean>} */
const SHOWS = { all: () => true, wrong: (zone) => need(zone) === 0, parent: (zone) => need(zone) === 1 };

/** @param {{route: import('../router.js').Route}} props */
export default function DnssecPage({ route }) {
  const { http } = useApp();
  const zones = useResource('dnssec', (signal) => all(http, '/dnssec', signal), { every: EVERY_MS });
  const wanted = route.params.get('show') ?? 'all';
  const show = wanted in SHOWS ? wanted : 'all';
  return html`<${Page} title=${t('dnssec.title')} question=${zones.data ? summary(zones.data) : t('dnssec.question')}>
    <${Part} res=${zones}>${(/** @type {SignedZone[]} */ list) => (list.length === 0 ? html`<${NoZones} />` : html`<${Zones} key=${show} zones=${byNeed(list)} show=${show} />`)}<//>
  <//>`;
}

/** The state of all in a sentence. @param {SignedZone[]} zones */
function summary(zones) {
  const count = (/** @type {string} */ show) => zones.filter(/** @type {any} */ (SHOWS[show])).length;
  const [wrong, parent] = [count('wrong'), count('parent')];
  const first = t('dnssec.signed', { n: zones.length });
  if (wrong + parent === 0) return `${first} ${t('dnssec.allWell')}`;
  return [first, wrong > 0 && t('dnssec.wrong', { n: wrong }), parent > 0 && t('dnssec.needsParent', { n: parent })].filter(Boolean).join(' ');
}

/** @param {{zones: SignedZone[], show: string}} props */
function Zones({ zones, show }) {
  const [page, setPage] = useState(0);
  const fitting = zones.filter(/** @type {any} */ (SHOWS[show]));
  const count = (/** @type {string} */ key) => zones.filter(/** @type {any} */ (SHOWS[key])).length;
  const tabs = Object.keys(SHOWS).map((key) => ({ key, label: t(`dnssec.show.${key}`), count: num(count(key)), href: href('dnssec', [], { show: key === 'all' ? null : key }) }));
  const pages = { newer: page > 0 ? () => setPage(page - 1) : null, older: (page + 1) * SHOWN < fitting.length ? () => setPage(page + 1) : null };
  return html`<div class="stack">
    <${Tabs} label=${t('dnssec.show')} current=${show} tabs=${tabs} />
    <${DataTable} id="signed-zones" caption=${t('dnssec.title')} rows=${fitting.slice(page * SHOWN, (page + 1) * SHOWN)} rowKey=${(/** @type {SignedZone} */ zone) => zone.zone} columns=${columns()} pages=${pages}
      href=${(/** @type {SignedZone} */ zone) => href('zone', [zone.zone, 'dnssec'])} phone=${card} empty=${html`<p>${t('dnssec.showNone')}</p>`} />
  </div>`;
}

/** @param {{zone: SignedZone}} props */
function Stage({ zone }) {
  const isWrong = need(zone) === 0;
  const word = zone.error ? t('dnssec.stage.failing') : zone.is_urgent ? t('dnssec.urgent') : zone.refusal ? t('dnssec.refusedShort') : t(`dnssec.stage.${zone.stage}`);
  return html`<${State} kind=${isWrong ? 'bad' : stageKind(zone.stage)} word=${word} title=${zone.error ?? zone.refusal?.why} />`;
}

/** @param {{zone: SignedZone}} props */
const Next = ({ zone }) => (zone.next ? html`<${WaitText} wait=${zone.next} />` : html`<span class="muted">${t('dnssec.nothingWaits')}</span>`);

const columns = () => [
  { key: 'zone', title: t('dnssec.col.zone'), cell: (/** @type {SignedZone} */ zone) => html`<${Name} name=${undotted(zone.zone)} />` },
  { key: 'stage', title: t('dnssec.col.stage'), cell: (/** @type {SignedZone} */ zone) => html`<${Stage} zone=${zone} />` },
  { key: 'policy', title: t('dnssec.col.policy'), cell: (/** @type {SignedZone} */ zone) => zone.policy || t('dnssec.policy.leaving') },
  { key: 'end', title: t('dnssec.firstEnd'), cell: (/** @type {SignedZone} */ zone) => html`<${TimeEl} at=${zone.first_end_ms} />` },
  { key: 'keys', title: t('dnssec.keys'), align: /** @type {const} */ ('end'), off: true, cell: (/** @type {SignedZone} */ zone) => num(zone.keys) },
  { key: 'next', title: t('dnssec.col.next'), wide: true, cell: (/** @type {SignedZone} */ zone) => html`<span class="wrap-cell"><${Next} zone=${zone} /></span>` },
];

/** @param {SignedZone} zone */
const card = (zone) => html`<span class="signing-card"><${Name} name=${undotted(zone.zone)} /><${Stage} zone=${zone} />
  <span class="signing-next"><${Next} zone=${zone} /></span></span>`;

function NoZones() {
  return html`<${Empty} icon="dnssec" title=${t('dnssec.none.title')} why=${t('dnssec.none.why')} action=${html`<${LinkButton} tone="primary" href=${href('zones')} label=${t('dnssec.none.action')} />`} />`;
}
