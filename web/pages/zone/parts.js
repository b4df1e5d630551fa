/** Small things that several parts of the zone page and the list of zones use. */
import { html } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { t } from '../../lib/i18n.js';

/**
 * @typedef {object} ZoneView What the tabs of a zone get.
 * @property {string} name
 * @property {string} path `/zones/NAME`
 * @property {any} info `GET /zones/{zone}`
 * @property {string | null} why Why records cannot be changed here: `file` or `secondary`.
 * @property {Map<string, import('../../rr/text.js').TypeDef>} types
 * @property {import('./draft.js').Draft} draft
 * @property {import('../../ui/html.js').Signal<any>} news The last change that somebody else made.
 * @property {import('../../ui/html.js').Signal<number>} turn Counts changes of the zone: lists are read again.
 * @property {() => void} reload
 */

/**
 * Pages of a list: names say where one is, not how many pages there are.
 * @param {{onPrevious: (() => void) | null, onNext: (() => void) | null, children?: any}} props
 */
export function Pager({ onPrevious, onNext, children }) {
  if (!onPrevious && !onNext && !children) return null;
  return html`<nav class="pager zone-pager" aria-label=${t('zones.pages')}>${children}
    ${(onPrevious || onNext) && html`<button type="button" class="button" disabled=${!onPrevious} onClick=${() => onPrevious?.()}>‹ ${t('data.previous')}</button>
    <button type="button" class="button" disabled=${!onNext} onClick=${() => onNext?.()}>${t('data.next')} ›</button>`}</nav>`;
}

/** Whether the settings and keys of the zone may be changed. @param {ZoneView} view */
export function useMayConfigure(view) {
  return useApp().session.can('configure', { zone: view.name });
}

/** Warnings that a change or its preview came back with. @param {{list: any[]}} props */
export function Warnings({ list }) {
  if (!list.length) return null;
  return html`<ul class="checks">${list.map((one) => html`<li class=${one.severity === 'error' ? 'check-bad' : 'check-warn'}>
    <span aria-hidden="true">${one.severity === 'error' ? 'x' : '!'}</span>
    <span><b>${t(`zone.check.${one.severity}`)}</b> <span class="mono">${one.name} ${one.type ?? ''}</span> ${one.detail}</span></li>`)}</ul>`;
}

/** A zone-file for the person to keep. @param {string} name @param {string} text */
export function saveFile(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/dns' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: `${name.replace(/\.$/, '') || 'root'}.zone` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
