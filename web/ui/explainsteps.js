// The steps of an answer in the explain drawer: each says what it did, or why it was not reached.
import { html } from './html.js';
import { t } from '../lib/i18n.js';
import { shown } from '../lib/dns.js';
import { ms, duration } from '../lib/format.js';
import { STEPS, decided, decidesNow, place } from '../lib/verdict.js';
import { State } from './state.js';
import { Facts } from './page.js';
import { href } from '../router.js';

/**
 * @typedef {object} StepView
 * @property {string} step
 * @property {any} said in a few words
 * @property {any} [more] behind it
 */

/** @param {{steps: StepView[], decides: string}} props */
function Steps({ steps, decides }) {
  return html`<ol class="explain-list" aria-label=${t('explain.steps')}>${steps.map(({ step, said, more }) => {
    const at = place(/** @type {any} */ (step), /** @type {any} */ (decides));
    const title = html`<span class="step-name">${t(`explain.step.${step}`)}</span><span class="step-said">${said}</span>
      ${at === 'decides' && html`<span class="chip chip-accent">${t('explain.decided')}</span>`}`;
    return html`<li key=${step} class=${`step ${at}`}>${more ? html`<details open=${at === 'decides'}><summary>${title}</summary><div class="step-more">${more}</div></details>` : html`<div class="step-line">${title}</div>`}</li>`;
  })}</ol>`;
}

/** @param {[string, any][]} entries */
const facts = (entries) => html`<${Facts} items=${entries.map(([key, value]) => value !== null && value !== undefined && value !== '' && [t(`explain.fact.${key}`), value])} />`;

/** What was recorded of each step. @param {{row: import('../api/types.js').QueryOut, device?: string}} props */
export function ThenSteps({ row, device }) {
  const decides = decided(row);
  /** @type {Record<string, StepView>} */
  const views = {
    access: {
      step: 'access',
      said: row.refusal ? t(`queries.refusal.${row.refusal}`) : t('explain.said.mayAsk'),
      more: facts([['client', html`${device ? `${device}, ` : ''}<span class="mono">${row.client_ip}</span>`], ['group', row.group], ['transport', row.transport.toUpperCase()], ['sizes', row.query_size || row.response_size ? t('explain.sizes', { query: row.query_size, response: row.response_size }) : null]]),
    },
    blocking: {
      step: 'blocking',
      said: row.action ? t(`queries.action.${row.action}`) : t('explain.said.noRule'),
      more: row.list || row.rule ? facts([['list', row.policy === 'list' && row.list ? html`<a href=${href('blocking', ['lists'], { list: row.list })}>${row.list}</a>` : row.policy === 'rules' ? null : row.list], ['rule', row.rule && html`<code>${row.rule}</code>`], ['policy', row.policy && t(`queries.policy.${row.policy}`)]]) : null,
    },
    zone: { step: 'zone', said: row.zone ? t('explain.said.inZone', { zone: shown(row.zone) }) : t('explain.said.noZone'), more: decides === 'zone' && row.zone ? html`<a href=${href('zone', [row.zone, 'records'])}>${t('explain.openZone')}</a>` : null },
    cache: { step: 'cache', said: t(row.source === 'stale' ? 'explain.said.stale' : row.cache_hit ? 'explain.said.hit' : 'explain.said.miss'), more: decides === 'cache' ? facts([['took', ms(row.response_time_ms)], ['dnssec', row.dnssec && t(`queries.dnssec.${row.dnssec}`)]]) : null },
    upstream: {
      step: 'upstream',
      said: row.upstream_server ? html`<span class="mono">${row.upstream_server}</span>` : t('explain.said.resolved'),
      more: facts([['took', ms(row.response_time_ms)], ['code', row.response_code], ['dnssec', row.dnssec && t(`queries.dnssec.${row.dnssec}`)]]),
    },
  };
  return html`<${Steps} decides=${decides} steps=${[...STEPS.map((step) => reached(views[step], decides)), ...(decides === 'server' ? [{ step: 'server', said: t('explain.said.server') }] : [])]} />`;
}

/** A step that was not reached says why. @param {StepView} view @param {string} decides @returns {StepView} */
function reached(view, decides) {
  const at = place(/** @type {any} */ (view.step), /** @type {any} */ (decides));
  return at === 'skipped' ? { step: view.step, said: t('explain.said.skipped', { step: t(`explain.step.${decides}`) }) } : view;
}

/** What each step would do now. @param {{check: any, explained: any}} props */
export function NowSteps({ check, explained }) {
  const decides = decidesNow(check, explained);
  const steps = /** @type {any[]} */ (explained?.steps ?? []);
  const cached = steps.filter((step) => step.step === 'cache');
  /** @type {Record<string, StepView>} */
  const views = {
    access: { step: 'access', said: check ? (check.group ? t('explain.said.group', { group: check.group }) : t('explain.said.noGroup')) : '–', more: check ? facts([['client', html`${check.device ? `${check.device}, ` : ''}<span class="mono">${check.client}</span>`], ['group', check.group], ['because', check.because]]) : null },
    blocking: { step: 'blocking', said: check ? t('explain.rules', { n: check.rules.length }) : '–', more: check?.rules.length ? html`<${Rules} rules=${check.rules} />` : null },
    zone: { step: 'zone', said: explained?.answered_by === 'zone' ? t('explain.said.inZone', { zone: shown(explained.zone ?? '') }) : t('explain.said.noZone') },
    cache: { step: 'cache', said: t(explained?.answered_by === 'cache' ? 'explain.said.hit' : 'explain.said.miss'), more: cached.length ? html`<${Exchanges} steps=${cached} />` : null },
    upstream: { step: 'upstream', said: explained?.server ? html`<span class="mono">${explained.server}</span>` : t('explain.said.resolved'), more: steps.length ? html`<${Exchanges} steps=${steps} />` : null },
  };
  const list = STEPS.map((step) => (check?.blocked && step !== 'access' && step !== 'blocking' ? { step, said: t('explain.said.skipped', { step: t('explain.step.blocking') }) } : reached(views[step], decides)));
  const tail = decides === 'server' && !check?.blocked ? [{ step: 'server', said: explained?.reason?.text ?? t('explain.said.server') }] : [];
  return html`<${Steps} decides=${decides} steps=${[...list, ...tail]} />
    ${explained?.reason && html`<p class="quiet">${t('explain.reason', { name: explained.reason.name ?? explained.reason.code, text: explained.reason.text })}</p>`}
    ${check?.blocked && steps.length > 0 && html`<details class="fact-box"><summary>${t('explain.without')}</summary><${Exchanges} steps=${steps} /></details>`}`;
}

/** Every rule that matches, in the order of its effect. @param {{rules: any[]}} props */
function Rules({ rules }) {
  return html`<ol class="rule-list">${rules.map((rule) => html`<li key=${`${rule.list}:${rule.line}`} class=${rule.decides ? 'decides' : ''}>
    <${State} kind=${rule.effect === 'allow' ? 'ok' : 'block'} word=${t(`explain.effect.${rule.effect}`)} /> <code class="wrap">${rule.text ?? t('explain.line', { n: rule.line })}</code> <span class="quiet">${t('explain.of', { list: rule.list, n: rule.line })}</span>${rule.decides && html` <b>${t('explain.decides')}</b>`}</li>`)}</ol>`;
}

/** What the resolver did, step by step. @param {{steps: any[]}} props */
function Exchanges({ steps }) {
  return html`<ol class="exchange-list">${steps.map((step, index) => html`<li key=${index} class=${`depth-${Math.min(step.depth, 4)}`}>
    <span class="at num">${ms(step.at_us / 1000)}</span><span class="wrap">${exchangeWords(step)}</span></li>`)}</ol>`;
}

/** @param {any} step */
function exchangeWords(step) {
  const server = step.server_name ? `${shown(step.server_name)} (${step.server})` : step.server ?? '';
  return t(`explain.exchange.${step.step}`, {
    name: step.name ? shown(step.name) : '', type: step.type ?? '', zone: step.zone ? shown(step.zone) : t('explain.special'), server, ms: step.elapsed_us === undefined || step.elapsed_us === null ? '' : ms(step.elapsed_us / 1000),
    result: [step.result, step.rcode].filter(Boolean).join(', '), security: step.security ?? '', ttl: step.ttl === undefined || step.ttl === null ? '' : duration(step.ttl * 1000), transport: (step.transport ?? '').toUpperCase(),
  });
}
