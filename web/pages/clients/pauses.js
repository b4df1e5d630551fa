/** Pauses: nothing is blocked for a while, for everybody, a group or a device. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { TermChoice, WhoSelect, useTerm, whoOf } from '../../ui/choice.js';
import { Field, Form } from '../../ui/field.js';
import { Empty, Panel } from '../../ui/page.js';
import { useApp } from '../../context.js';
import { authorOf } from '../../api/policy.js';
import { dateTime, duration, time } from '../../lib/format.js';
import { countdown } from '../../shell/pause.js';
import { t } from '../../lib/i18n.js';
import { scopeOf } from './model.js';

/** @typedef {import('../../api/policy.js').Pause} Pause */
/** @typedef {import('../../api/policy.js').Device} Device */
/** @typedef {import('../../api/policy.js').People} People */
/** @template T @typedef {import('../part.js').Resource<T>} Resource */

/** Makes and ends pauses, each with a way back. */
export function usePausing() {
  const { pause, toast } = useApp();
  return {
    /** @param {Pause['scope']} scope @param {{minutes?: number, until_ms?: number, why?: string}} how @param {string} name */
    async begin(scope, how, name) {
      try {
        const made = await pause.start(scope, how);
        toast.ok(t('clients.pause.begun', { name, time: time(made.until_ms) }), { undo: () => pause.end(made.id) });
      } catch (error) {
        toast.error(error);
      }
    },
    /** @param {Pause} held @param {string} name */
    async stop(held, name) {
      const { scope, until_ms, why } = held;
      try {
        await pause.end(held.id);
        toast.ok(t('clients.pause.ended', { name }), { undo: () => pause.start(scope, { until_ms, why }) });
      } catch (error) {
        toast.error(error);
      }
    },
  };
}

/** How long something goes on, told anew each second. @param {{until: number}} props */
export function Left({ until }) {
  const { pause } = useApp();
  return html`<time class="left" datetime=${new Date(until).toISOString()} title=${dateTime(until)}>${countdown(until - pause.now.value)}</time>`;
}

/**
 * For whom a pause is, in words.
 * @param {Pause['scope']} scope
 * @param {Device[]} devices
 * @returns {string}
 */
function scopeWords(scope, devices) {
  const { kind, name } = scopeOf(scope, devices);
  if (kind === 'all') return t('blocking.everybody');
  return kind === 'group' ? t('blocking.allow.group', { group: name }) : name;
}

/**
 * Pauses that hold, each with its end.
 * @param {{pauses: Pause[], devices: Device[], may: boolean}} props
 */
export function PauseList({ pauses, devices, may }) {
  const { stop } = usePausing();
  if (!pauses.length) return null;
  return html`
    <ul class="held-list">${pauses.map((pause) => {
      const name = scopeWords(pause.scope, devices);
      return html`
        <li key=${pause.id}>
          <div><b>${t('clients.pause.for', { name })}</b> <span>${t('clients.pause.left')} <${Left} until=${pause.until_ms} /></span>
            <p class="dim">${[pause.why, t('clients.pause.by', { who: authorOf(pause.by) })].filter(Boolean).join(' · ')}</p></div>
          ${may && html`<${Button} label=${t('clients.pause.end')} aria-label=${t('clients.pause.end.of', { name })} onClick=${() => stop(pause, name)} />`}
        </li>`;
    })}</ul>`;
}

/** Short pauses at a press. @param {{scope: Pause['scope'], name: string}} props */
export function PauseButtons({ scope, name }) {
  const { begin } = usePausing();
  return html`
    <div class="pause-buttons" role="group" aria-label=${t('clients.pause.of', { name })}>
      <span class="dim">${t('clients.pause.short')}</span>
      ${[5, 60].map((minutes) => html`<${Button} key=${minutes} label=${duration(minutes * 60_000)} onClick=${() => begin(scope, { minutes }, name)} />`)}
    </div>`;
}

/** A pause with everything that can be said of it. @param {{who: People | null}} props */
function PauseForm({ who }) {
  const { begin } = usePausing();
  const [scope, setScope] = useState('all');
  const [why, setWhy] = useState('');
  const term = useTerm('5');
  const submit = () => {
    if (!term.ok) return undefined;
    const { kind, name } = whoOf(scope);
    const wanted = /** @type {Pause['scope']} */ (kind === 'all' ? 'all' : { [kind]: name });
    const span = term.value === 'at' ? { until_ms: term.untilMs() ?? 0 } : { minutes: term.minutes() };
    return begin(wanted, { ...span, why: why.trim() }, scopeWords(wanted, who?.devices ?? []));
  };
  return html`
    <${Panel} title=${t('clients.pause.new')}>
      <${Form} onSubmit=${submit}>
        <${WhoSelect} label=${t('blocking.for')} value=${scope} people=${who} onChange=${setScope} />
        <${TermChoice} term=${term} options=${['5', '60', '480', 'at']} />
        <${Field} label=${t('clients.pause.why')} value=${why} onInput=${setWhy} maxlength="200" />
        <div class="acts"><${Button} type="submit" tone="primary" label=${t('clients.pause.do')} /></div>
      <//>
    <//>`;
}

/** @param {{who: Resource<People>}} props */
export function Pauses({ who }) {
  const { pause, session } = useApp();
  const may = session.can('configure');
  const all = pause.holding.value;
  return html`
    <div class="split">
      <${Panel} title=${t('clients.pauses.now')}>${all.length
        ? html`<${PauseList} pauses=${all} devices=${who.data?.devices ?? []} may=${may} />`
        : html`<${Empty} title=${t('clients.pauses.empty')} why=${t('clients.pauses.empty.why')} />`}<//>
      ${may && html`<${PauseForm} who=${who.data ?? null} />`}
    </div>`;
}
