/** `Blocking: on v` in the top bar: whether blocking is paused, and for how long it still is. */

import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { html } from '../ui/html.js';
import { Icon } from '../ui/icons.js';
import { Lazy } from '../ui/lazy.js';
import { Popup } from '../ui/menu.js';
import { countdown } from './pause.js';

/** What the button says, and whether that is unusual. */
function usePauseWord() {
  const { pause } = useApp();
  const blocking = pause.blocking.value;
  const until = pause.pausedUntil.value;
  if (!blocking) return { word: t('shell.blocking'), short: '', unusual: false };
  if (!blocking.enabled) return { word: t('shell.blocking_off'), short: t('common.off'), unusual: true };
  if (until !== null) {
    const left = countdown(until - pause.now.value);
    return { word: t('shell.blocking_paused', { left }), short: left, unusual: true };
  }
  const some = pause.holding.value.length;
  return { word: some > 0 ? t('shell.blocking_some', { n: some }) : t('shell.blocking_on'), short: '', unusual: false };
}

export function PauseMenu() {
  const { pause } = useApp();
  const { word, short, unusual } = usePauseWord();
  const button = html`<${Icon} name=${unusual ? 'pause' : 'blocking'} /><span class="topbar-word">${word}</span>${short && html`<span class="topbar-short" aria-hidden="true">${short}</span>`}<${Icon} name="down" size=${12} />`;
  return html`<${Popup} label=${word} button=${button} class=${`topbar-button topbar-pause${unusual ? ' is-warn' : ''}`} onOpen=${() => pause.reload().catch(() => {})}>
    ${(/** @type {(back?: boolean) => void} */ close) => html`<${Lazy} load=${() => import('./pausepanel.js')} name="PausePanel" close=${close} fallback=${html`<p class="pause-panel muted">${t('common.loading')}</p>`} />`}
  </${Popup}>`;
}
