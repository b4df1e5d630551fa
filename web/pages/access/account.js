/** One's own account: name, rights, password. Used by the access page. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Field, Form, Secret } from '../../ui/field.js';
import { Banner, Facts, Panel, errorText } from '../../ui/page.js';
import { useApp } from '../../context.js';
import { TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { faults } from '../listing.js';
import { sentence } from './grants.js';

const MIN_PASSWORD = 8;

export function Account() {
  const { session } = useApp();
  const me = session.me.value;
  if (!me) return null;
  return html`<div class="grid-2">
    <${Panel} title=${t('access.you.title')}>
      <${Facts} items=${[
        [t('access.name'), html`<span class="mono">${me.name}</span>`],
        [t('access.roles'), me.roles.join(', ') || t('access.noRole')],
        [t('access.youMay'), html`<ul class="plain-list grant-sentences">${me.grants.map((grant) => html`<li>${sentence(grant)}</li>`)}</ul>`],
        me.endsAt && [t('access.sessionEnds'), html`<${TimeEl} at=${me.endsAt} as="datetime" />`],
      ]} />
      <${DisplayName} name=${me.name} initial=${me.displayName} />
      <p class="meta">${t('access.sessionHelp')}</p>
      <div><${Button} label=${t('access.logOut')} onClick=${() => session.logOut()} /></div>
    <//>
    <${Panel} title=${t('access.changePassword')}><${Password} name=${me.name} /><//>
  </div>`;
}

/** @param {{ name: string, initial: string }} props */
function DisplayName({ name, initial }) {
  const { http, session, toast } = useApp();
  const [display, setDisplay] = useState(initial);
  const [busy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      await http.patch(`/users/${encodeURIComponent(name)}`, { display_name: display });
      await session.load();
      toast.ok(t('access.saved'));
    } catch (error) { toast.error(error); }
    setBusy(false);
  };
  return html`<${Form} class="inline-form" onSubmit=${save} busy=${busy}>
    <${Field} label=${t('access.displayName')} value=${display} onInput=${setDisplay} autocomplete="name" />
    <${Button} type="submit" busy=${busy} disabled=${display === initial} label=${t('access.save')} />
  <//>`;
}

/** @param {{ name: string }} props */
function Password({ name }) {
  const { http, session, toast } = useApp();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const save = async () => {
    if (!old) return setBad({ old: t('access.oldMissing') });
    if (fresh.length < MIN_PASSWORD) return setBad({ password: t('access.passwordShort', { n: MIN_PASSWORD }) });
    if (fresh !== again) return setBad({ again: t('access.passwordsDiffer') });
    setBusy(true);
    setBad({});
    try {
      await http.patch(`/users/${encodeURIComponent(name)}`, { password: fresh, old_password: old }, { quiet: true });
      toast.ok(t('access.passwordChanged'));
      setOld('');
      setFresh('');
      setAgain('');
      // A new password ends all sessions: this one begins again with it, or somebody is asked for it.
      await session.logIn(name, fresh).catch(() => session.load());
    } catch (error) {
      const { status } = /** @type {import('../../api/http.js').ApiError} */ (error);
      const found = faults(error, ['password']);
      setBad(status === 401 ? { old: t('access.oldWrong') } : Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  return html`<${Form} onSubmit=${save} busy=${busy}>
    ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
    <input type="text" autocomplete="username" value=${name} readonly class="visually-hidden" tabindex="-1" aria-hidden="true" />
    <${Secret} label=${t('access.oldPassword')} value=${old} onInput=${setOld} error=${bad.old} autocomplete="current-password" required />
    <${Secret} label=${t('access.newPassword')} help=${t('access.passwordRules', { n: MIN_PASSWORD })} value=${fresh} onInput=${setFresh} error=${bad.password} autocomplete="new-password" required />
    <${Secret} label=${t('access.again')} value=${again} onInput=${setAgain} error=${bad.again} autocomplete="new-password" required />
    <p class="meta">${t('access.endsSessions')}</p>
    <div><${Button} tone="primary" type="submit" busy=${busy} label=${t('access.changePassword')} /></div>
  <//>`;
}
