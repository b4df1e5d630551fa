/** What each name server of the parent has, where this server asks them. */
import { html } from '../../../ui/html.js';
import { t, tx } from '../../../lib/i18n.js';
import { TimeEl } from '../../../lib/format.js';
import { shown, undotted } from '../../../lib/dns.js';
import { Banner, Ticked } from '../../../ui/page.js';
import { State } from '../../../ui/state.js';

/**
 * @typedef {object} Server of the parent
 * @property {string|null} name
 * @property {string|null} address
 * @property {{tag: number, text: string, matches: boolean}[]} ds what it had when it last answered
 * @property {number|null} ttl_s
 * @property {number|null} answered_at_ms
 * @property {string|null} problem
 * @property {number|null} problem_since_ms
 */

/** @param {{parent: {zone: string|null, asked_at_ms: number|null, next_ms: number|null, problem: string|null, broken: boolean, servers: Server[]}}} props */
export function Servers({ parent }) {
  return html`<div class="parent-servers">
    <h3>${t('dnssec.servers.title')}${parent.zone && html` <span class="muted">${t('dnssec.servers.of', { zone: shown(undotted(parent.zone)) || '.' })}</span>`}</h3>
    ${parent.problem && html`<${Banner} tone="warn"><${Ticked} text=${parent.problem} /><//>`}
    ${parent.servers.length > 0 && html`<ul class="server-list">${parent.servers.map((server, index) => html`<li key=${index}><${OneServer} server=${server} /></li>`)}</ul>`}
    <p class="meta">${parent.asked_at_ms ? tx('dnssec.servers.asked', { ago: html`<${TimeEl} at=${parent.asked_at_ms} />` }) : t('dnssec.servers.notYet')}
      ${parent.next_ms && html` ${tx('dnssec.servers.next', { left: html`<${TimeEl} at=${parent.next_ms} />` })}`}</p>
  </div>`;
}

/** @param {{server: Server}} props */
function OneServer({ server }) {
  const matching = server.ds.filter(({ matches }) => matches);
  const kind = server.problem ? 'warn' : server.ds.length > 0 && matching.length === 0 ? 'bad' : matching.length > 0 ? 'ok' : 'off';
  const word = !server.answered_at_ms ? t('dnssec.servers.never') : server.ds.length === 0 ? t('dnssec.servers.nothing') : t('dnssec.servers.has', { tags: [...new Set(server.ds.map(({ tag }) => String(tag)))].join(', ') });
  const who = server.name ? shown(undotted(server.name)) : server.address ? '' : t('dnssec.servers.self');
  return html`<span class="mono server-name">${who} ${server.address ?? ''}</span>
    <${State} kind=${kind} word=${word} />
    ${server.ds.length > matching.length && html`<span class="muted">${t('dnssec.servers.foreign', { n: server.ds.length - matching.length })}</span>`}
    ${server.problem && html`<span class="muted">${server.problem}${server.problem_since_ms && html`, ${tx('dnssec.servers.since', { ago: html`<${TimeEl} at=${server.problem_since_ms} />` })}`}</span>`}`;
}
