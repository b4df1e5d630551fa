// Queries counted by name, or by client: each opens into what was asked with which result. Used by the queries.
import { html } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { TimeEl, num } from '../../lib/format.js';
import { nameValue } from '../../lib/terms.js';
import { Name } from '../../ui/name.js';
import { Result } from '../../ui/state.js';
import { Empty } from '../../ui/page.js';
import { Client } from './client.js';

/** Names or clients that are drawn. */
const SHOWN = 200;

/**
 * @param {{groups: import('./search.js').Groups | null, by: string, device: import('./row.js').Finder, busy: boolean, onTerm: (terms: string[]) => void}} props
 */
export function Grouped({ groups, by, device, busy, onTerm }) {
  if (!groups || (!groups.items.length && busy)) return html`<p class="quiet">${t('queries.counting')}</p>`;
  if (!groups.items.length) return html`<${Empty} title=${t('queries.none')} why=${t('queries.noneWhy')} />`;
  const most = groups.items[0].count;
  return html`<div class="grouped" aria-busy=${String(busy)}>
    <ol class="group-list" aria-label=${t(`queries.by.${by}`)}>
      ${groups.items.slice(0, SHOWN).map((item) => html`<li key=${item.value ?? ''}><details>
        <summary><span class="group-name">${by === 'client' && item.value ? html`<${Client} address=${item.value} device=${device} />` : html`<${Name} name=${item.value} />`}</span>
          <span class="group-bar" aria-hidden="true"><span style=${{ inlineSize: `${(item.count / most) * 100}%` }}></span></span><b class="num group-count">${num(item.count)}</b><span class="quiet group-last"><${TimeEl} at=${item.last} as="ago" /></span></summary>
        <ul class="group-parts">${item.groups.slice(0, 50).map((group, index) => html`<li key=${index}>
          <span class="group-name">${by === 'client' ? html`<${Name} name=${group.domain} />` : group.client_ip && html`<${Client} address=${group.client_ip} device=${device} />`}</span>
          <span class="quiet">${group.query_types.join(', ')}</span><${Result} row=${{ ...group, action: group.source === 'blocked' ? 'blocked' : null, cache_hit: group.source === 'cache' || group.source === 'stale' }} />
          <button type="button" class="link-button num" onClick=${() => onTerm(termsOfGroup(group))}>${t('queries.showRows', { n: group.count })}</button></li>`)}</ul>
      </details></li>`)}
    </ol>
    ${groups.others > 0 && html`<p class="quiet">${t('queries.others', { n: groups.others })}</p>`}
  </div>`;
}

/** The filter that gives the rows of a group. @param {any} group */
function termsOfGroup(group) {
  return [
    group.domain !== null && group.domain !== undefined && `name:${nameValue(group.domain)}`,
    group.client_ip && `client:${group.client_ip}`,
    `code:${group.response_code}`,
    `source:${group.refusal ?? group.source}`,
  ].filter(Boolean);
}
