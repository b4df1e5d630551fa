/** What the first-run card shows; setup.js decides whether it is there. */

import { useApp } from '../context.js';
import { num } from '../lib/format.js';
import { t, tx } from '../lib/i18n.js';
import { href } from '../router.js';
import { Button, CopyButton } from '../ui/button.js';
import { html } from '../ui/html.js';
import { Icon } from '../ui/icons.js';
import { Banner, ErrorPanel, Loading, Panel, Stale } from '../ui/page.js';
import { useResource } from '../ui/resource.js';

/** @typedef {{address: string, protocols: string[]}} Listener */
/** @typedef {{zones: number, upstreams: string[], recursion: boolean, lists: number, queries: number, clients_seen: boolean, listeners: Listener[], web: string[], default_password: boolean}} SetupFacts */

/** Queries from which on the server is in use: what is left to do then takes a line, not the room of the figures. */
const BUSY = 100;

/** Host and port of `192.0.2.1:53`, `[::1]:53`. @param {string} address */
export function hostPort(address) {
  const cut = address.lastIndexOf(':');
  return { host: address.slice(0, cut).replace(/^\[|\]$/g, ''), port: address.slice(cut + 1) };
}

/** The address that a device would use: the one that this page came from, where the server listens on all. @param {Listener[]} listeners */
function reachable(listeners) {
  const first = listeners.find(({ address }) => !address.startsWith('[')) ?? listeners[0];
  if (!first) return null;
  const { host, port } = hostPort(first.address);
  return { host: host === '0.0.0.0' || host === '::' ? location.hostname.replace(/^\[|\]$/g, '') : host, port };
}

/**
 * @param {{empty?: boolean}} props `empty`: nobody has asked anything yet, and the page has nothing else to show
 */
export function SetupCard({ empty = false }) {
  const { http, settings, session } = useApp();
  const hidden = settings.hideSetup.value;
  const facts = useResource('setup', (signal) => http.get('/setup', { signal, quiet: true }).then(({ data }) => /** @type {SetupFacts} */ (data)), { every: 5000 });
  if (facts.first) return empty ? html`<${Loading} rows=${4} />` : null;
  if (!facts.data) return html`<${ErrorPanel} error=${facts.error} onRetry=${facts.reload} />`;
  const steps = stepsOf(facts.data, session);
  if (!empty && steps.every(({ done }) => done)) return null;
  const open = steps.filter(({ done }) => !done);
  const left = open.length;
  const hide = () => settings.hideSetup.set(true);
  if (!empty && facts.data.queries > BUSY) {
    return html`<${Banner} title=${t('shell.setup_left', { n: left })} onClose=${hidden ? undefined : hide}>
      ${open.map(({ title, link }) => html`<span key=${title} class="setup-rest">${link ? html`<a href=${link}>${title}</a>` : title}</span>`)}</${Banner}>`;
  }
  return html`<${Panel} class="setup" title=${facts.data.queries > 0 ? t('shell.setup_running') : t('shell.setup_title')} note=${left > 0 ? t('shell.setup_left', { n: left }) : null}
      actions=${!hidden && html`<${Button} small tone="quiet" label=${t('shell.setup_hide')} onClick=${hide} />`}>
    <div class="setup-columns">
      <${Running} facts=${facts.data} stale=${facts.stale} asOf=${facts.asOf} />
      <ol class="setup-steps">${steps.map((step) => html`<${Step} key=${step.title} ...${step} />`)}</ol>
    </div>
  </${Panel}>`;
}

/** @param {{facts: SetupFacts, stale: boolean, asOf: number|null}} props */
function Running({ facts, stale, asOf }) {
  const at = reachable(facts.listeners);
  const line = at ? `dig @${at.host}${at.port === '53' ? '' : ` -p ${at.port}`} ${facts.recursion ? 'example.com' : 'version.bind CH TXT'}` : '';
  const addresses = facts.listeners.map(({ address, protocols }) => html`<li key=${address}><code>${address}</code> <span class="meta">${protocols.join(', ').toUpperCase()}</span></li>`);
  return html`<div class="stack">
    <div>
      <h3>${t('shell.setup_answering')}</h3>
      ${addresses.length > 0 ? html`<ul class="setup-addresses">${addresses}</ul>` : html`<p class="state-bad">${t('shell.setup_no_listener')}</p>`}
      <p class="meta">${facts.recursion ? facts.upstreams.length > 0 ? t('shell.setup_forwards', { servers: facts.upstreams.join(', ') }) : t('shell.setup_resolves') : t('shell.setup_no_recursion')}</p>
    </div>
    ${line && html`<div>
      <h3>${t('shell.setup_try')}</h3>
      <div class="setup-line"><pre class="code">${line}</pre><${CopyButton} text=${line} iconOnly label=${t('shell.setup_copy')} /></div>
      ${stale && html`<${Stale} asOf=${asOf} />`}
      <p class="setup-count" role="status">${stale ? null : facts.queries > 0
        ? html`<${Icon} name="check" />${tx('shell.setup_queries', { n: facts.queries, count: html`<b>${num(facts.queries)}</b>` })}`
        : html`<span class="spinner" aria-hidden="true"></span>${t('shell.setup_waiting')}`}</p>
    </div>`}
  </div>`;
}

/**
 * @param {SetupFacts} facts
 * @param {import('../session.js').Session} session
 */
function stepsOf(facts, session) {
  const at = reachable(facts.listeners);
  const steps = [
    { done: !facts.default_password, title: t('shell.step_password'), text: t('shell.step_password_text'), link: href('access', ['account']), word: t('shell.step_password_do'), how: null, may: true },
    { done: facts.clients_seen, title: t('shell.step_device'), text: t('shell.step_device_text', { address: at?.host ?? '' }), link: '', word: '', how: html`<${HowTo} address=${at?.host ?? ''} />`, may: true },
    { done: facts.zones > 0, title: t('shell.step_zone'), text: t('shell.step_zone_text'), link: href('zones'), word: t('shell.step_zone_do'), how: null, may: session.canSomewhere('create') },
    { done: facts.lists > 0, title: t('shell.step_list'), text: t('shell.step_list_text'), link: href('blocking', ['lists']), word: t('shell.step_list_do'), how: null, may: session.can('configure') },
  ];
  return steps.filter(({ may }) => may);
}

/** @param {ReturnType<typeof stepsOf>[number]} step */
function Step({ done, title, text, link, word, how }) {
  return html`<li class=${done ? 'is-done' : ''}>
    <span class="setup-box">${done && html`<${Icon} name="check" />`}</span>
    <div><b>${title}</b> <span class="visually-hidden">${t(done ? 'shell.step_done' : 'shell.step_open')}</span>
      ${!done && html`<p class="muted">${text}</p>`}
      ${!done && link && html`<a href=${link}>${word}</a>`}
      ${!done && how}</div>
  </li>`;
}

/** @param {{address: string}} props */
function HowTo({ address }) {
  return html`<details><summary>${t('shell.howto')}</summary><dl class="howto">
    ${['router', 'phone', 'pc'].map((kind) => html`<div key=${kind}><dt>${t(`shell.howto_${kind}`)}</dt><dd>${t(`shell.howto_${kind}_text`, { address })}</dd></div>`)}
  </dl></details>`;
}
