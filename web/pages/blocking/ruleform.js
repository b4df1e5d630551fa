/** Sets a rule, or changes one, in a drawer: by a name and choices, or by its text. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Segments, TermChoice, WhoSelect, useTerm, whoOf } from '../../ui/choice.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form } from '../../ui/field.js';
import { useApp } from '../../context.js';
import { versionTag } from '../../api/policy.js';
import { readRule, ruleHost, ruleText } from '../../lib/blockrule.js';
import { dateTime } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { errorsOf } from '../fielderrors.js';

/** @typedef {import('../../api/types.js').BlockRuleOut} BlockRule */
/** @typedef {import('../../api/policy.js').People} People */
/** @typedef {{mode: string, name: string, exact: boolean, important: boolean, text: string, who: string, note: string}} Wanted */

/**
 * What the form begins with.
 * @param {BlockRule | undefined} rule
 * @param {People | null} people
 * @returns {Wanted}
 */
function begin(rule, people) {
  const parts = rule ? readRule(rule.text) : null;
  const isDevice = parts?.client && people?.devices.some((device) => device.name === parts.client);
  const isText = Boolean(rule) && (!parts || Boolean(parts.client && (!isDevice || rule?.group)));
  return {
    mode: isText ? 'text' : parts?.allow ? 'allow' : 'block',
    name: parts?.name ?? '',
    exact: parts?.exact ?? false,
    important: parts?.important ?? false,
    text: rule?.text ?? '',
    who: isDevice && !isText ? `device:${parts?.client}` : rule?.group ? `group:${rule.group}` : 'all',
    note: rule?.comment ?? '',
  };
}

/**
 * The body of a rule; null: the name cannot be in one.
 * @param {Wanted} wanted
 */
function bodyOf(wanted) {
  const { kind, name: who } = whoOf(wanted.who);
  const base = { group: kind === 'group' ? who : '', comment: wanted.note.trim() };
  if (wanted.mode === 'text') return { ...base, text: wanted.text.trim() };
  const host = ruleHost(wanted.name.replace(/^\*\./, ''));
  if (!host) return null;
  const { exact, important } = wanted;
  const text = ruleText({ name: host, allow: wanted.mode === 'allow', exact, important, client: kind === 'device' ? who : undefined });
  return { ...base, text };
}

/** @param {{rule?: BlockRule, who: People | null, onClose: () => void, onDone: (text: string, etag: string | null) => void}} props */
export function RuleForm({ rule, who, onClose, onDone }) {
  const { http } = useApp();
  const [wanted, setWanted] = useState(() => begin(rule, who));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const term = useTerm(rule?.until_ms && !rule.ended ? 'keep' : 'ever');
  const set = (/** @type {Partial<Wanted>} */ part) => setWanted({ ...wanted, ...part });
  const body = bodyOf(wanted);
  const errors = errorsOf(error);
  const isText = wanted.mode === 'text';
  const submit = async () => {
    if (!body || !term.ok) return setError(new Error(t('blocking.rule.noname')));
    setBusy(true);
    const whole = { ...body, until_ms: term.value === 'keep' ? rule?.until_ms : term.untilMs() };
    try {
      const { etag } = rule
        ? await http.put(`/blocking/rules/${rule.id}`, whole, { ifMatch: versionTag(rule) })
        : await http.post('/blocking/rules', whole);
      onDone(t(rule ? 'blocking.rule.changed' : 'blocking.rule.set', { rule: whole.text }), etag);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
    return undefined;
  };
  /** @type {[string, string][]} */
  const modes = [['block', t('blocking.rule.mode.block')], ['allow', t('blocking.rule.mode.allow')], ['text', t('blocking.rule.mode.text')]];
  /** @type {[string, string][]} */
  const extents = [['below', t('blocking.allow.below')], ['exact', t('blocking.allow.exact')]];
  return html`
    <${Drawer} title=${t(rule ? 'blocking.rule.edit' : 'blocking.rule.add')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <${Segments} legend=${t('blocking.rule.mode')} value=${wanted.mode} options=${modes}
          onChange=${(/** @type {string} */ mode) => set({ mode, text: mode === 'text' ? body?.text ?? wanted.text : wanted.text })} />
        ${isText
          ? html`<${Field} label=${t('blocking.rule.text')} mono required value=${wanted.text} onInput=${(/** @type {string} */ text) => set({ text })}
              error=${errors.at('/text')} help=${t('blocking.rule.text.help')} autocomplete="off" spellcheck=${false} />`
          : html`<${Field} label=${t('blocking.rule.name')} mono required value=${wanted.name} onInput=${(/** @type {string} */ name) => set({ name })}
              error=${errors.at('/text') ?? (error && !body ? t('blocking.rule.noname') : null)} placeholder="ads.example.net" autocomplete="off" autocapitalize="none" spellcheck=${false} />
            <${Segments} legend=${t('blocking.allow.what')} value=${wanted.exact ? 'exact' : 'below'} options=${extents}
              onChange=${(/** @type {string} */ value) => set({ exact: value === 'exact' })} />`}
        <${WhoSelect} label=${t('blocking.for')} value=${wanted.who} people=${isText && who ? { ...who, devices: [] } : who} onChange=${(/** @type {string} */ value) => set({ who: value })} />
        ${term.value === 'keep' && rule?.until_ms
          ? html`<p class="keep-term">${t('blocking.rule.keeps', { time: dateTime(rule.until_ms) })} <${Button} small label=${t('blocking.rule.otherend')} onClick=${() => term.set('ever')} /></p>`
          : html`<${TermChoice} term=${term} options=${['60', '1440', 'ever', 'at']} />`}
        <${Field} label=${t('blocking.note')} value=${wanted.note} onInput=${(/** @type {string} */ note) => set({ note })} maxlength="200" error=${errors.at('/comment')} />
        ${!isText && body && html`<p class="rule-preview"><span class="dim">${t('blocking.rule.preview')}</span> <code class="breaks">${body.text}</code></p>`}
        ${error && body && errors.other && html`<p class="field-error" role="alert">${errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} label=${t(rule ? 'blocking.save' : 'blocking.rule.set.do')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}
