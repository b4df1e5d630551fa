// What comes most often: names, clients, types, and how answers came about. Each is a link to the rows behind it. Used by the live view.
import { html, useState } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { num, pct } from '../../lib/format.js';
import { nameValue } from '../../lib/terms.js';
import { href } from '../../router.js';
import { Panel } from '../../ui/page.js';
import { Name } from '../../ui/name.js';
import { useResource } from '../../ui/resource.js';
import { useApp } from '../../context.js';
import { Client } from '../queries/client.js';
import { Choice } from './choice.js';

/** Rows of a list. */
const SHOWN = 8;
/** Between two counts of the history. */
const EVERY_MS = 30_000;

/** @typedef {{key: string, count: number, filter: string, label: any, color?: string}} Bar */

/** Bars, each a link. @param {{label: string, bars: Bar[], of: number, what?: (bar: Bar) => any}} props */
export function Bars({ label, bars, of, what }) {
  const most = Math.max(1e-9, ...bars.map((bar) => bar.count));
  if (!bars.length) return html`<p class="quiet">${t('live.nothingYet')}</p>`;
  return html`<ol class="bars" aria-label=${label}>${bars.map((bar) => html`<li key=${bar.key}><a href=${href('queries', [], { filter: bar.filter })}>
    <span class="bar-fill" style=${{ inlineSize: `${(bar.count / most) * 100}%` }} aria-hidden="true"></span>
    <span class="bar-label">${bar.label}</span><span class="num bar-count">${what ? what(bar) : num(bar.count)}</span>
    <span class="num quiet bar-share">${of > 0 ? pct(bar.count / of) : ''}</span></a></li>`)}</ol>`;
}

/** Names: all, or those that are blocked. @param {{grey: boolean}} props */
export function TopNames({ grey }) {
  const { http, live } = useApp();
  const tops = /** @type {any} */ (live.tops.value);
  const [which, setWhich] = useState('all');
  const blocked = useResource(which === 'blocked' ? 'live/blocked' : '', async (signal) => {
    if (which !== 'blocked') return null;
    const to = Date.now();
    return (await http.get('/queries/top', { params: { by: 'name', filter: 'action:blocked', from: to - 3_600_000, to, limit: SHOWN }, signal })).data;
  }, { every: EVERY_MS });
  const items = /** @type {any[]} */ (which === 'all' ? (tops?.names ?? []).map((/** @type {any} */ top) => ({ value: top.key, count: top.count })) : /** @type {any} */ (blocked.data)?.items ?? []);
  const bars = items.slice(0, SHOWN).map((item) => ({ key: item.value, count: item.count, label: html`<${Name} name=${item.value} />`, filter: `${which === 'blocked' ? 'action:blocked ' : ''}name:${nameValue(item.value)}` }));
  return html`<${Panel} class=${grey ? 'is-grey' : ''} title=${t('live.topNames')} note=${t(which === 'all' ? 'live.last5' : 'live.lastHour')} actions=${html`<${Choice} label=${t('live.topNames')} value=${which} options=${[['all', t('live.all')], ['blocked', t('live.blocked')]]} onChange=${setWhich} />`}>
    <${Bars} label=${t('live.topNames')} bars=${bars} of=${which === 'all' ? tops?.counted ?? 0 : /** @type {any} */ (blocked.data)?.rows ?? 0} /><//>`;
}

/** @param {{device: import('../queries/client.js').Finder, grey: boolean}} props */
export function TopClients({ device, grey }) {
  const tops = /** @type {any} */ (useApp().live.tops.value);
  const bars = (tops?.clients ?? []).slice(0, SHOWN).map((/** @type {any} */ top) => ({ key: top.key, count: top.count, label: html`<${Client} address=${top.key} device=${device} />`, filter: `client:${top.key}` }));
  return html`<${Panel} class=${grey ? 'is-grey' : ''} title=${t('live.topClients')} note=${t('live.last5')}><${Bars} label=${t('live.topClients')} bars=${bars} of=${tops?.counted ?? 0} /><//>`;
}

/** Types, codes and transports. @param {{figures: ReturnType<typeof import('./figures.js').createFigures>, grey: boolean}} props */
export function Kinds({ figures, grey }) {
  const tops = /** @type {any} */ (useApp().live.tops.value);
  const [which, setWhich] = useState('types');
  const options = /** @type {[string, string][]} */ (['types', 'codes', 'transports'].map((key) => [key, t(`live.${key}`)]));
  const rate = (/** @type {Bar} */ bar) => t('live.perSecond', { rate: num(bar.count) });
  // Types come with the tops: the figures of each second are looked at for the others alone.
  const latest = which === 'types' ? null : figures.shown.value.latest;
  /** @type {Record<string, Bar[]>} */
  const bars = {
    types: (tops?.types ?? []).slice(0, SHOWN).map((/** @type {any} */ top) => ({ key: top.key, count: top.count, label: top.key, filter: `type:${top.key}` })),
    codes: Object.entries(latest?.results ?? {}).map(([code, count]) => ({ key: code, count: Number(count), label: code === 'other' ? t('live.code.other') : code, filter: code === 'other' ? '-code:NOERROR,NXDOMAIN,SERVFAIL' : `code:${code}` })),
    transports: Object.entries(latest?.transports ?? {}).map(([name, count]) => ({ key: name, count: Number(count), label: name.toUpperCase(), filter: `proto:${name}` })),
  };
  return html`<${Panel} class=${grey ? 'is-grey' : ''} title=${t('live.kinds')} actions=${html`<${Choice} label=${t('live.kinds')} value=${which} options=${options} onChange=${setWhich} />`}>
    <${Bars} label=${t(`live.${which}`)} bars=${bars[which]} of=${which === 'types' ? tops?.counted ?? 0 : latest?.qps ?? 0} what=${which === 'types' ? undefined : rate} /><//>`;
}

/** Servers that were asked, in the last hour, and who gave answers. @param {{grey: boolean}} props */
export function TopUpstreams({ grey }) {
  const { http } = useApp();
  const got = useResource('live/upstreams', async (signal) => {
    const to = Date.now();
    return (await http.get('/queries/top', { params: { by: 'upstream', filter: 'upstream:*', from: to - 3_600_000, to, limit: SHOWN }, signal })).data;
  }, { every: EVERY_MS });
  const data = /** @type {any} */ (got.data);
  const bars = (data?.items ?? []).map((/** @type {any} */ item) => ({ key: item.value, count: item.count, label: html`<span class="mono">${item.value}</span>`, filter: `upstream:${item.value}` }));
  return html`<${Panel} class=${grey ? 'is-grey' : ''} title=${t('live.upstreams')} note=${t('live.lastHour')}><${Bars} label=${t('live.upstreams')} bars=${bars} of=${data?.rows ?? 0} /><//>`;
}
