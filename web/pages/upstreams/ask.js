/** Asks for a name and shows which servers were asked, with the time of each step. Used by the upstreams page. */

import { html, useEffect, useState } from '../../ui/html.js';
import { ErrorPanel, Panel } from '../../ui/page.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { Result, State } from '../../ui/state.js';
import { useApp } from '../../context.js';
import { ms } from '../../lib/format.js';
import { shown } from '../../lib/dns.js';
import { href, setParams } from '../../router.js';
import { isAbort } from '../../api/http.js';
import { t } from '../../lib/i18n.js';

/**
 * @typedef {{ at_us: number, depth: number, step: string, name?: string, type?: string, zone?: string, server?: string, server_name?: string,
 *   transport?: string, elapsed_us?: number, result?: string, rcode?: string }} Step
 * @typedef {{ name: string, type: string, answered_by: string, zone: string | null, rcode: string, security: string, elapsed_us: number,
 *   reason?: { text: string, name?: string } | null, server: string | null, answers: { name: string, type: string, ttl: number, data: string }[], steps: Step[] }} Explanation
 */

/** @param {{ asked: string }} props `name TYPE` */
export function Ask({ asked }) {
  const { http } = useApp();
  const [name = '', type = 'A'] = asked.split(/\s+/);
  const [text, setText] = useState(asked ? name : '');
  const [rtype, setType] = useState(type);
  const [turn, setTurn] = useState(0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [found, setFound] = useState(/** @type {Explanation | null} */ (null));
  useEffect(() => {
    if (!name) return undefined;
    const abort = new AbortController();
    setBusy(true);
    http.get('/explain', { params: { name, type }, signal: abort.signal }).then(
      ({ data }) => { setFound(data); setError(null); setBusy(false); },
      (problem) => { if (!isAbort(problem)) { setError(problem); setFound(null); setBusy(false); } },
    );
    return () => abort.abort();
  }, [asked, turn]);
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!text.trim()) return;
    setParams({ ask: `${text.trim()} ${rtype.trim().toUpperCase() || 'A'}` });
    setTurn(turn + 1);
  };
  return html`<${Panel} title=${t('upstreams.ask')}>
    <form class="inline-form" onSubmit=${onSubmit}>
      <${Field} label=${t('upstreams.name')} value=${text} onInput=${setText} placeholder="www.example.org" mono />
      <${Field} label=${t('upstreams.type')} value=${rtype} onInput=${setType} class="short" mono />
      <${Button} type="submit" busy=${busy} label=${t('upstreams.askNow')} />
    </form>
    <div class="ask-live" aria-live="polite">${error ? html`<${ErrorPanel} error=${error} onRetry=${() => setTurn(turn + 1)} />` : found && html`<${Found} found=${found} />`}</div>
  <//>`;
}

/** @param {{ found: Explanation }} props */
function Found({ found }) {
  const exchanges = found.steps.filter((step) => step.step === 'exchange');
  const by = t(`upstreams.by.${found.answered_by}`, { zone: found.zone ?? '', server: found.server ?? '' });
  return html`<p class="ask-verdict"><${Result} row=${{ response_code: found.rcode }} /> ${by}, ${ms(found.elapsed_us / 1000)}
      <${State} kind=${found.security === 'secure' ? 'ok' : found.security === 'bogus' ? 'bad' : 'off'} word=${t(`upstreams.security.${found.security}`)} /></p>
    ${found.reason && html`<p>${[found.reason.name, found.reason.text].filter(Boolean).join(': ')}</p>`}
    ${found.answers.length > 0 && html`<pre class="code mono">${found.answers.map((it) => `${shown(it.name)} ${it.ttl} ${it.type} ${it.data}`).join('\n')}</pre>`}
    ${exchanges.length === 0
      ? html`<p class="meta">${t('upstreams.nobodyAsked')} ${found.answered_by === 'cache' && html`<a href=${href('cache', [], { name: found.name })}>${t('upstreams.inCache')}</a>`}</p>`
      : html`<div class="table-scroll" tabindex="0" role="group" aria-label=${t('upstreams.steps')}><table><caption class="visually-hidden">${t('upstreams.steps')}</caption>
        <thead><tr><th scope="col" class="end">${t('upstreams.at')}</th><th scope="col">${t('upstreams.server')}</th><th scope="col">${t('upstreams.askedFor')}</th><th scope="col">${t('upstreams.result')}</th><th scope="col" class="end">${t('upstreams.took')}</th></tr></thead>
        <tbody>${exchanges.map((step, index) => html`<tr key=${index}>
          <td class="end">${ms(step.at_us / 1000)}</td>
          <td><span class="mono">${step.server ?? '–'}</span> <span class="meta">${[step.server_name && shown(step.server_name), step.transport?.toUpperCase()].filter(Boolean).join(', ')}</span></td>
          <td class="mono">${[step.name && shown(step.name), step.type].filter(Boolean).join(' ')}</td>
          <td>${[step.rcode, step.result].filter(Boolean).join(', ')}</td>
          <td class="end">${step.elapsed_us === undefined || step.elapsed_us === null ? '–' : ms(step.elapsed_us / 1000)}</td></tr>`)}</tbody></table></div>`}`;
}
