/** What `?` shows: the shortcuts that work now. */

import { useApp } from '../context.js';
import { t } from '../lib/i18n.js';
import { Dialog } from '../ui/dialog.js';
import { Switch } from '../ui/field.js';
import { html } from '../ui/html.js';

/** @param {{keys: string}} props */
function Keys({ keys }) {
  const shown = keys.replace('Mod+', /mac|iphone|ipad/i.test(navigator.platform) ? '⌘ ' : `${t('shell.key_ctrl')} `).split(' ');
  return html`<span class="help-keys">${shown.map((key) => html`<kbd key=${key}>${key === 'Space' ? t('shell.key_space') : key.length === 1 && shown.length === 2 && keys.startsWith('Mod') ? key.toUpperCase() : key}</kbd>`)}</span>`;
}

/** @param {{onClose: () => void}} props */
export function Help({ onClose }) {
  const { keys, settings } = useApp();
  const seen = new Map(keys.list().filter(({ title }) => title).map((shortcut) => [shortcut.keys, shortcut]));
  const all = [...seen.values()];
  const pages = all.filter((shortcut) => shortcut.keys.startsWith('g '));
  const others = all.filter((shortcut) => !shortcut.keys.startsWith('g '));
  const rows = (/** @type {typeof all} */ list) => html`<dl class="help-list">${list.map((shortcut) => html`<div key=${shortcut.keys}><dt>${shortcut.title}</dt><dd><${Keys} keys=${shortcut.keys} /></dd></div>`)}</dl>`;
  return html`<${Dialog} title=${t('shell.help')} wide onClose=${onClose}>
    <div class="help-columns">
      <section><h3>${t('shell.help_here')}</h3>${rows(others)}</section>
      <section><h3>${t('shell.help_pages')}</h3>${rows(pages)}</section>
    </div>
    <${Switch} label=${t('shell.help_switch')} help=${t('shell.help_switch_help')} checked=${settings.keys.value} onChange=${(/** @type {boolean} */ on) => settings.keys.set(on)} />
  </${Dialog}>`;
}
