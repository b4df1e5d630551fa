/** Checks a name: what is done with it for a client, and every rule that matches, in the order of effect. */

import { html, useEffect, useId, useState } from '../../ui/html.js';
import { AllowActions } from '../../ui/allow.js';
import { Button } from '../../ui/button.js';
import { Field } from '../../ui/field.js';
import { Empty, Panel } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { useApp } from '../../context.js';
import { people } from '../../api/policy.js';
import { shown } from '../../lib/dns.js';
import { time } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { go, href } from '../../router.js';
import { Part } from '../part.js';

/** @typedef {import('../../api/types.js').MatchesOut} MatchesOut */

const TYPES = ['A', 'AAAA', 'HTTPS', 'TXT', 'MX', 'SRV', 'CNAME', 'PTR'];

/**
 * The name, for whom and which type; the answer is the tab "Check".
 * @param {{params: URLSearchParams}} props
 */
export function CheckForm({ params }) {
  const { http } = useApp();
  const id = useId();
  const [name, setName] = useState(params.get('name') ?? '');
  const [client, setClient] = useState(params.get('client') ?? '');
  const who = useResource('people', (/** @type {AbortSignal} */ signal) => people(http, signal));
  useEffect(() => {
    setName(params.get('name') ?? name);
    setClient(params.get('client') ?? client);
  }, [params.get('name'), params.get('client')]);
  const type = params.get('type') ?? '';
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted) go(href('blocking', ['check'], { name: wanted, client: client.trim(), type }));
  };
  const plain = { autocomplete: 'off', autocapitalize: 'none', spellcheck: false };
  return html`
    <form class="check-form" role="search" onSubmit=${submit}>
      <${Field} class="is-wide" label=${t('blocking.check.name')} mono value=${name} onInput=${setName} placeholder="ads.example.net" ...${plain} />
      <${Field} label=${t('blocking.check.client')} value=${client} onInput=${setClient} list=${`${id}-l`} placeholder=${t('blocking.check.anyone')} ...${plain} />
      <datalist id=${`${id}-l`}>${(who.data?.devices ?? []).map((device) => html`<option key=${device.name} value=${device.name}></option>`)}</datalist>
      <${Button} type="submit" label=${t('blocking.check.do')} />
    </form>`;
}

/**
 * What `because` of the server says, with its time as people read it.
 * @param {string} text
 * @returns {string}
 */
function becauseWords(text) {
  const paused = /paused until (\d+)/.exec(text);
  if (paused) return t('blocking.paused.until', { time: time(Number(paused[1])) });
  const part = /^(schedule (\d+)|safe search) of group (.+)$/.exec(text);
  if (part) return t(part[2] ? 'blocking.because.schedule' : 'blocking.because.search', { number: part[2] ?? '', group: part[3] });
  return text === 'blocking is off' ? t('blocking.off') : text;
}

/**
 * The verdict as a sentence.
 * @param {MatchesOut} found
 * @returns {string}
 */
function verdict(found) {
  const decides = found.rules.find((rule) => rule.decides);
  const who = found.device ?? (found.client === '0.0.0.0' ? t('blocking.check.unnamed') : found.client);
  const values = { name: shown(found.name.replace(/(.)\.$/, '$1')), who, list: decides ? listWords(decides.list) : '', group: found.group };
  if (found.blocked) {
    return t(!decides ? 'blocking.verdict.all' : decides.effect === 'rewrite' ? 'blocking.verdict.rewrite' : 'blocking.verdict.blocked', values);
  }
  return t(decides ? 'blocking.verdict.allowed' : found.rules.length ? 'blocking.verdict.idle' : 'blocking.verdict.none', values);
}

/**
 * What a list is called: own rules have no name that people gave them.
 * @param {string} list
 * @returns {string}
 */
export function listWords(list) {
  if (list === 'rules') return t('blocking.ownrules');
  const group = /^rules of (.+)$/.exec(list);
  return group ? t('blocking.rulesof', { group: group[1] }) : list;
}

/** @param {{found: MatchesOut}} props */
function Matches({ found }) {
  const kinds = /** @type {Record<string, string>} */ ({ block: 'block', allow: 'ok', rewrite: 'info' });
  return html`
    <div class="scroll-x">
      <table class="plain matches">
        <caption class="visually-hidden">${t('blocking.matches')}</caption>
        <thead><tr>
          <th scope="col" class="end">${t('blocking.matches.order')}</th><th scope="col">${t('blocking.matches.effect')}</th>
          <th scope="col">${t('blocking.matches.list')}</th><th scope="col" class="end">${t('blocking.matches.line')}</th><th scope="col">${t('blocking.matches.rule')}</th>
        </tr></thead>
        <tbody>
          ${found.rules.map((rule, index) => html`
            <tr key=${index} class=${rule.decides ? 'decides' : ''}>
              <td class="end">${index + 1}</td>
              <td><${State} kind=${kinds[rule.effect] ?? 'info'} word=${t(`blocking.effect.${rule.effect}`)} />${rule.decides && html` <b>${t('blocking.matches.decides')}</b>`}</td>
              <td>${listWords(rule.list)}</td>
              <td class="end">${rule.line}</td>
              <td class="mono breaks">${rule.text ?? t('blocking.matches.gone')}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}

/** @param {{params: URLSearchParams}} props */
export function CheckResult({ params }) {
  const { http, session } = useApp();
  const [name, client, type] = [params.get('name') ?? '', params.get('client') ?? '', params.get('type') ?? 'A'];
  const res = useResource(`check ${name} ${client} ${type}`, async (/** @type {AbortSignal} */ signal) =>
    (name ? /** @type {MatchesOut} */ ((await http.get('/blocking/check', { signal, params: { name, type, client: client || null } })).data) : null));
  if (!name) return html`<${Empty} title=${t('blocking.check.empty')} why=${t('blocking.check.empty.why')} />`;
  const types = TYPES.includes(type) ? TYPES : [type, ...TYPES];
  const result = (/** @type {MatchesOut} */ found) => html`
    <p class="check-verdict"><${State} kind=${found.blocked ? 'block' : 'ok'} word=${t(found.blocked ? 'blocking.blocked' : 'blocking.answered')} /> ${verdict(found)}</p>
    ${found.because && html`<p class="note">${becauseWords(found.because)}</p>`}
    <${AllowActions} key=${`${name} ${client} ${found.blocked}`} name=${found.name} client=${client} type=${type} blocked=${found.blocked} onDone=${res.reload} />
    <p class="type-links">${t('blocking.check.type')} ${types.map((one) => html`
      <a key=${one} href=${href('blocking', ['check'], { name, client, type: one })} aria-current=${one === type ? 'true' : undefined}>${one}</a>`)}</p>
    ${found.rules.length > 0 && html`<${Matches} found=${found} />`}
    ${session.can('read_logs') && html`<p class="links"><a href=${href('queries', [], { filter: `name:${name.replace(/\.$/, '')}` })}>${t('blocking.check.queries')}</a></p>`}`;
  return html`<${Panel} title=${t('blocking.check.title', { name: shown(name) })}><${Part} res=${res}>${result}<//><//>`;
}
