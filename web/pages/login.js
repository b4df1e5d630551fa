/** Logging in: a page of its own without a session, and a dialog over the page when a session has ended. */

import { ApiError } from '../api/http.js';
import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { Button } from '../ui/button.js';
import { Dialog } from '../ui/dialog.js';
import { Field, Secret } from '../ui/field.js';
import { html, useEffect, useRef, useState } from '../ui/html.js';
import { Icon, Mark } from '../ui/icons.js';
import { errorText } from '../ui/page.js';
import { useSecondsUntil } from '../shell/topbar.js';

/** What somebody typed wrong, or how long they must wait. @param {unknown} error */
function failure(error) {
  if (!(error instanceof ApiError)) return { text: errorText(error), until: null };
  if (error.status === 401) return { text: t('shell.login_wrong'), until: null };
  const until = error.retryAfter ? Date.now() + error.retryAfter * 1000 : null;
  if (error.status === 429) return { text: t('shell.login_slow'), until };
  return { text: errorText(error), until };
}

/** @param {{user?: string, children?: import('../ui/html.js').Children}} props `user`: who was logged in; children: further buttons */
export function LogInForm({ user = '', children }) {
  const { session } = useApp();
  const [name, setName] = useState(user);
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(/** @type {{text: string, until: number|null}|null} */ (null));
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  const seconds = useSecondsUntil(failed?.until ?? null);
  useEffect(() => {
    /** @type {HTMLInputElement|null|undefined} */ (form.current?.querySelector(user ? 'input[name=password]' : 'input'))?.focus();
  }, []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      // Password managers fill fields without saying so.
      const fields = new FormData(/** @type {HTMLFormElement} */ (form.current));
      await session.logIn(String(fields.get('username') ?? name).trim(), String(fields.get('password') ?? password));
    } catch (error) {
      setFailed(failure(error));
      setBusy(false);
      /** @type {HTMLInputElement|null|undefined} */ (form.current?.querySelector('input[name=password]'))?.select();
    }
  };
  return html`<form ref=${form} class="form" method="post" onSubmit=${submit} aria-busy=${busy || undefined}>
    ${failed && html`<div class="notice notice-bad" role="alert"><${Icon} name="alert" /><div class="notice-text">${failed.text}${seconds ? html` <b>${t('shell.login_wait', { n: seconds })}</b>` : null}</div></div>`}
    <${Field} label=${t('shell.login_name')} name="username" value=${name} onInput=${setName} autocomplete="username" autocapitalize="none" spellcheck=${false} required hideRequired />
    <${Secret} label=${t('shell.login_password')} name="password" value=${password} onInput=${setPassword} autocomplete="current-password" required hideRequired />
    <div class="dialog-actions login-actions">${children}<${Button} type="submit" tone="primary" busy=${busy} label=${t('shell.log_in')} /></div>
  </form>`;
}

/** The page without a session. @param {{failed: unknown, onRetry: () => void}} props `failed`: whether there is one could not be found out */
export function LogInPage({ failed: error, onRetry }) {
  useEffect(() => {
    document.title = `${t('shell.log_in')} · Headwater`;
  }, []);
  return html`<main class="login" id="main">
    <div class="login-card">
      <header><${Mark} size=${36} /><h1>Headwater</h1><p class="muted">${t('shell.login_text', { host: location.host })}</p></header>
      ${error
        ? html`<div class="notice notice-bad" role="alert"><${Icon} name="alert" /><div class="notice-text"><strong>${t('common.error_reach')}</strong><p>${errorText(error)}</p></div></div>
          <${Button} tone="primary" label=${t('common.retry')} onClick=${onRetry} />`
        : html`<${LogInForm} />`}
      <details class="login-help"><summary>${t('shell.login_help')}</summary><p>${t('shell.login_help_text')}</p><pre class="code">headwater user passwd admin</pre></details>
    </div>
  </main>`;
}

/** The dialog over the page: what was typed there stays. */
export function LogInDialog() {
  const { session } = useApp();
  if (!session.asked.value) return null;
  const cancel = () => session.done(false);
  const ended = session.asked.value === 'ended';
  return html`<${Dialog} title=${t(ended ? 'shell.login_again' : 'shell.session_extend')} onClose=${cancel}>
    <p class="muted">${t(ended ? 'shell.login_again_text' : 'shell.login_extend_text')}</p>
    <${LogInForm} user=${session.me.value?.name}><${Button} label=${t('shell.login_later')} onClick=${cancel} /></${LogInForm}>
  </${Dialog}>`;
}
