// Allows or blocks a name where somebody meets it: for the device that asked, its group, or everybody. Used by the explain
// drawer and by the check of a name.

import { html, useId, useState } from './html.js';
import { useApp } from '../context.js';
import { DEFAULT_GROUP, takeBack } from '../api/policy.js';
import { ruleHost, ruleText } from '../lib/blockrule.js';
import { shown } from '../lib/dns.js';
import { duration, time } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { Button } from './button.js';
import { Field } from './field.js';
import { Segments, TermChoice, useTerm } from './choice.js';
import { useResource } from './resource.js';

/** @typedef {import('../api/policy.js').MatchesOut} MatchesOut */
/** @typedef {import('../api/policy.js').Http} Http */

/**
 * What a person chose.
 * @typedef {object} Choice
 * @property {'device' | 'group' | 'all'} scope
 * @property {boolean} exact
 * @property {string} note
 * @property {string} naming  a name for a device that has none
 */

/** How often, and how many milliseconds apart, the server is asked whether a new rule has its effect. */
const LOOKS = 6;
const LOOK_MS = 400;

/**
 * What rules say of the name now, for this client.
 * @param {Http} http
 * @param {{name: string, type?: string | null, client?: string | null}} asked
 * @param {AbortSignal} [signal]
 * @returns {Promise<MatchesOut>}
 */
async function check(http, { name, type, client }, signal) {
  const get = async (/** @type {Record<string, string | null | undefined>} */ params) =>
    /** @type {MatchesOut} */ ((await http.get('/blocking/check', { params: { ...params, client: params.client || null }, signal })).data);
  try {
    return await get({ name, type, client });
  } catch (error) {
    // Addresses in the history may be anonymised, and types unknown.
    if (/** @type {any} */ (error).status !== 400 || (!client && !type)) throw error;
    return get({ name });
  }
}

/**
 * Whether a plain rule would not be enough: an important one, or a rewrite, comes before it.
 * @param {MatchesOut | null} now
 * @param {boolean} allow
 * @returns {boolean}
 */
function needsImportant(now, allow) {
  const isStronger = (/** @type {{effect: string, text?: string | null}} */ rule) =>
    /[$,]important(,|$)/.test(rule.text ?? '') || rule.effect === (allow ? 'rewrite' : 'allow');
  return Boolean(now?.rules.some((rule) => rule.effect !== (allow ? 'allow' : 'block') && isStronger(rule)));
}

/**
 * For whom a choice is, in words.
 * @param {Choice} choice
 * @param {MatchesOut | null} now
 * @param {string} client
 * @returns {string}
 */
function whoWords(choice, now, client) {
  if (choice.scope === 'all') return t('blocking.allow.all');
  if (choice.scope === 'group') return t('blocking.allow.group', { group: now?.group || DEFAULT_GROUP });
  return choice.naming.trim() || now?.device || client;
}

/**
 * Sets the rule, and names the device before that if somebody wrote a name for it.
 * @param {Http} http
 * @param {{host: string, allow: boolean, choice: Choice, now: MatchesOut | null, client: string, untilMs: number | null}} wanted
 */
async function setRule(http, { host, allow, choice, now, client, untilMs }) {
  const device = now?.device || choice.naming.trim();
  if (choice.scope === 'device' && !now?.device && choice.naming.trim()) {
    await http.post('/clients', { name: choice.naming.trim(), addresses: [client] });
  }
  const text = ruleText({
    name: host,
    allow,
    exact: choice.exact,
    important: needsImportant(now, allow),
    client: choice.scope === 'device' ? device || client : undefined,
  });
  const group = choice.scope === 'group' ? now?.group || DEFAULT_GROUP : '';
  return http.post('/blocking/rules', { text, group, comment: choice.note.trim(), until_ms: untilMs });
}

/**
 * Whether the rule has its effect, as soon as the server has taken it over; what decides against it otherwise.
 * @param {Http} http
 * @param {{name: string, type?: string | null, client?: string | null}} asked
 * @param {boolean} allow
 * @returns {Promise<string>} empty: it has
 */
async function obstacle(http, asked, allow) {
  let now = await check(http, asked);
  for (let look = 0; look < LOOKS && now.blocked === allow; look += 1) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    now = await check(http, asked);
  }
  if (now.blocked !== allow) return '';
  const decides = now.rules.find((rule) => rule.decides);
  return now.because ?? (decides ? `${decides.list}: ${decides.text ?? decides.line}` : t('blocking.allow.unknown'));
}

/**
 * The choices behind "Other choice".
 * @param {{id: string, allow: boolean, choice: Choice, onChange: (part: Partial<Choice>) => void, term: import('./choice.js').Term,
 *   now: MatchesOut | null, client: string, host: string}} props
 */
function Choices({ id, allow, choice, onChange, term, now, client, host }) {
  const device = now?.device || client;
  /** @type {[string, string][]} */
  const scopes = [
    ...(device ? [/** @type {[string, string]} */ (['device', device])] : []),
    ['group', t('blocking.allow.group', { group: now?.group || DEFAULT_GROUP })],
    ['all', t('blocking.everybody')],
  ];
  const text = (/** @type {'note' | 'naming'} */ key, /** @type {string} */ label, /** @type {string} */ help) => html`
    <${Field} label=${label} help=${help} value=${choice[key]} maxlength="100" autocomplete="off"
      onInput=${(/** @type {string} */ value) => onChange({ [key]: value })} />`;
  return html`
    <div class="allow-choices" id=${id}>
      <${Segments} legend=${t('blocking.allow.for')} value=${choice.scope} options=${scopes}
        onChange=${(/** @type {any} */ scope) => onChange({ scope })} />
      ${choice.scope === 'device' && client && !now?.device
        && text('naming', t('blocking.allow.naming'), t('blocking.allow.naming.help', { client }))}
      <${Segments} legend=${t('blocking.allow.what')} value=${choice.exact ? 'exact' : 'below'}
        options=${[['exact', t('blocking.allow.exact')], ['below', t('blocking.allow.below')]]}
        onChange=${(/** @type {string} */ value) => onChange({ exact: value === 'exact' })} />
      <${TermChoice} term=${term} options=${['60', '1440', 'ever', 'at']} />
      ${text('note', t('blocking.note'), t(allow ? 'blocking.allow.note.help' : 'blocking.block.note.help', { host }))}
    </div>`;
}

/** @typedef {{text: string, undo: () => Promise<void>, problem: string}} Done what was done, and the way back */

/**
 * Sets the rule when somebody says so, tells of it, and looks whether it has its effect.
 * @param {{name: string, type?: string | null, client: string}} asked
 * @param {boolean} allow
 * @param {{reload: () => void}} now
 * @param {(() => void) | undefined} onDone
 */
function useAllowing(asked, allow, now, onDone) {
  const { http, toast } = useApp();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(/** @type {Done | null} */ (null));
  const verb = allow ? 'allow' : 'block';
  const changed = () => {
    now.reload();
    onDone?.();
  };
  /** @param {Parameters<typeof setRule>[1]} wanted @param {string} who */
  const act = async (wanted, who) => {
    setBusy(true);
    try {
      const { etag } = await setRule(http, wanted);
      const { data } = await http.get('/blocking').catch(() => ({ data: { ttl_s: 0 } }));
      const back = async () => {
        await takeBack(http, etag);
        await obstacle(http, asked, !allow);
        setDone(null);
        changed();
      };
      const until = wanted.untilMs;
      const result = t(`blocking.${verb}.done.${until ? 'until' : 'ever'}`, { name: shown(wanted.host), who, time: until ? time(until) : '' });
      const text = `${result} ${t(`blocking.${verb}.ttl`, { ttl: duration(data.ttl_s * 1000) })}`;
      const said = toast.ok(text, { undo: back });
      const undo = async () => {
        toast.close(said);
        await back();
      };
      setDone({ text, undo, problem: '' });
      const problem = await obstacle(http, asked, allow);
      if (problem) setDone({ text: result, undo, problem: t(`blocking.${verb}.obstacle`, { what: problem }) });
    } catch (error) {
      toast.error(error);
    }
    setBusy(false);
    changed();
  };
  return { act, busy, done };
}

/** What was done. @param {{done: Done, title: string}} props */
function WasDone({ done, title }) {
  const { toast } = useApp();
  return html`
    <section class="allow is-done" aria-label=${title}>
      <p>${done.text}</p>
      ${done.problem && html`<p class="allow-problem">${done.problem}</p>`}
      <${Button} onClick=${() => done.undo().catch((error) => toast.error(error))} label=${t('blocking.undo')} />
    </section>`;
}

/**
 * Allows a blocked name, or blocks one that is not. Absent for those who may not change rules.
 * @param {{name: string, client?: string | null, blocked: boolean, type?: string | null, onDone?: () => void}} props
 *   client: the address that asked, or the name of a device
 */
export function AllowActions({ name, client: asker, blocked, type, onDone }) {
  const { http, session } = useApp();
  const id = useId();
  const client = asker ?? '';
  const asked = { name, type, client };
  const [open, setOpen] = useState(false);
  const [chosen, setChoice] = useState(/** @type {Partial<Choice>} */ ({}));
  const term = useTerm(blocked ? '60' : 'ever');
  const now = useResource(`allow ${name} ${type} ${client}`, (/** @type {AbortSignal} */ signal) => check(http, asked, signal), { keep: false });
  const { act, busy, done } = useAllowing(asked, blocked, now, onDone);
  const host = ruleHost(name);
  if (!session.can('configure') || !host) return null;

  /** @type {Choice} */
  const choice = { scope: client ? 'device' : 'all', exact: true, note: '', naming: '', ...chosen };
  const who = whoWords(choice, now.data, client);
  const verb = blocked ? 'allow' : 'block';
  const title = t(`blocking.${verb}.title`);
  if (done) return html`<${WasDone} done=${done} title=${title} />`;
  if (now.data && now.data.blocked !== blocked) {
    return html`<p class="allow-not">${t(`blocking.${verb}.already`)} <a href=${href('blocking', ['check'], { name: host, client })}>${t('blocking.check.why')}</a></p>`;
  }
  const press = () => {
    setOpen(false);
    return act({ host, allow: blocked, choice, now: now.data, client, untilMs: term.untilMs() }, who);
  };
  return html`
    <section class="allow" aria-label=${title}>
      <div class="allow-row">
        <${Button} tone=${blocked ? 'primary' : 'plain'} busy=${busy} disabled=${!term.ok} onClick=${press}
          label=${t(`blocking.${verb}.do.${term.words ? 'term' : term.value}`, { who, term: term.words })} />
        <${Button} aria-expanded=${open} aria-controls=${open ? id : undefined} onClick=${() => setOpen(!open)} label=${t('blocking.allow.more')} />
      </div>
      ${open && html`<${Choices} id=${id} allow=${blocked} choice=${choice} term=${term} now=${now.data} client=${client} host=${host}
        onChange=${(/** @type {Partial<Choice>} */ part) => setChoice({ ...chosen, ...part })} />`}
    </section>`;
}
