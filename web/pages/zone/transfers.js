/** Tab Transfers: where a secondary gets its records and how that goes, or whom a primary tells and sends them to. */
import { html, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { TimeEl } from '../../lib/format.js';
import { Button } from '../../ui/button.js';
import { Banner, Facts, Panel } from '../../ui/page.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */

/** @param {{view: ZoneView}} props */
export default function Transfers({ view }) {
  const { settings } = view.info;
  const isSecondary = settings.kind === 'secondary';
  return html`<div class="stack">
    ${isSecondary && html`<${Incoming} view=${view} />`}
    <${Outgoing} view=${view} />
    <p class="muted">${t('zone.transfers.where')} <a href=${href('zone', [view.name, 'settings'])}>${t('zone.tab.settings')}</a></p>
  </div>`;
}

/** Orders a transfer or a NOTIFY. @param {{view: ZoneView, what: 'retransfer' | 'notify', tone?: string}} props */
function Order({ view, what }) {
  const { http, toast, session } = useApp();
  const [isBusy, setBusy] = useState(false);
  if (!session.can('transfer', { zone: view.name })) return null;
  const order = async () => {
    setBusy(true);
    try {
      const { data } = await http.post(`${view.path}/${what}`);
      toast.ok(t(`zone.transfers.${what}Done`, { n: data.servers }));
      setTimeout(view.reload, 1500);
    } catch (error) {
      toast.error(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<${Button} icon=${what === 'notify' ? 'up' : 'refresh'} busy=${isBusy} label=${t(`zone.transfers.${what}`)} onClick=${order} />`;
}

/** @param {{view: ZoneView}} props */
function Incoming({ view }) {
  const { transfer, settings, state } = view.info;
  const at = (/** @type {number | null | undefined} */ ms) => ms ? html`<${TimeEl} at=${ms} as="datetime" /> <span class="muted">(<${TimeEl} at=${ms} />)</span>` : '–';
  return html`<${Panel} title=${t('zone.transfers.in')} actions=${html`<${Order} view=${view} what="retransfer" />`}>
    ${transfer?.last_error && html`<${Banner} tone=${state === 'serving' ? 'warn' : 'bad'} title=${t('zone.transfers.failed')}>${transfer.last_error}</${Banner}>`}
    ${(transfer?.behind ?? []).map((/** @type {any} */ one) => html`<${Banner} tone="warn">${t('zone.transfers.behind', { primary: one.primary, serial: String(one.serial) })}</${Banner}>`)}
    <${Facts} items=${[
      [t('zone.transfers.primaries'), html`<${Entries} list=${settings.primaries} />`],
      [t('zone.transfers.last'), transfer?.primary ? html`<span class="mono">${transfer.primary}</span>` : '–'],
      [t('zone.transfers.refreshed'), at(transfer?.refreshed_at_ms)],
      [t('zone.transfers.next'), at(transfer?.next_refresh_at_ms)],
      [t('zone.transfers.expires'), at(transfer?.expires_at_ms)],
    ]} /><//>`;
}

/** @param {{view: ZoneView}} props */
function Outgoing({ view }) {
  const { settings } = view.info;
  return html`<${Panel} title=${t('zone.transfers.out')} actions=${settings.notify.length > 0 && html`<${Order} view=${view} what="notify" />`}>
    <${Facts} items=${[
      [t('zone.set.notify'), html`<${Entries} list=${settings.notify} none=${t('zone.transfers.nobody')} />`],
      [t('zone.set.allow_transfer'), html`<${Entries} list=${settings.allow_transfer} none=${t('zone.transfers.nobody')} />`],
    ]} /><//>`;
}

/** @param {{list: string[], none?: string}} props */
function Entries({ list, none = '–' }) {
  return list.length ? html`<ul class="entries mono">${list.map((entry) => html`<li>${entry}</li>`)}</ul>` : html`<span class="muted">${none}</span>`;
}
