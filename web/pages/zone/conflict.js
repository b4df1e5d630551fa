/** Somebody else was faster: for each RRset that both changed, what it was, what they made of it, and what I want. */
import { html, useState } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { relative, shown, visible } from '../../lib/dns.js';
import { typeOf, readLines } from '../../rr/form.js';
import { seconds, toText } from '../../rr/text.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, TextArea } from '../../ui/field.js';
import { whoText } from '../../ui/timeline.js';
import { result } from './model.js';

/** @typedef {import('./parts.js').ZoneView} ZoneView */
/** @typedef {import('./model.js').Clash} Clash */
/** @typedef {{pick: 'mine' | 'theirs' | 'edit', text: string, ttl: string}} Pick */

/** @param {import('./model.js').Rrset | null} rrset @param {ZoneView} view @returns {string[]} */
const lines = (rrset, view) => rrset ? rrset.records.map((data) => toText(typeOf(view.types, rrset.type), data)) : [];

/** @param {{view: ZoneView, onClose: () => void}} props */
export function Conflict({ view, onClose }) {
  const clashes = view.draft.clashes.value;
  const [picks, setPicks] = useState(/** @type {Record<string, Pick>} */ ({}));
  const of = (/** @type {Clash} */ clash) => picks[clash.key];
  const isDone = clashes.every((clash) => of(clash) && (of(clash).pick !== 'edit' || readable(of(clash), clash, view)));
  const settle = async () => {
    await view.draft.settle(new Map(clashes.map((clash) => [clash.key, chosen(of(clash), clash, view)])));
    setPicks({});
  };
  const footer = html`<div class="dialog-actions"><${Button} label=${t('zone.clash.later')} onClick=${onClose} />
    <${Button} tone="primary" disabled=${!isDone} label=${t('zone.clash.apply')} onClick=${settle} /></div>`;
  return html`<${Drawer} wide title=${t('zone.clash.title')} subtitle=${t('zone.clash.sub', { who: whoText(clashes[0]?.who ?? ''), n: clashes.length })} onClose=${onClose} footer=${footer}>
    ${clashes.map((clash) => html`<${One} key=${clash.key} clash=${clash} view=${view} pick=${of(clash)} onPick=${(/** @type {Pick} */ pick) => setPicks({ ...picks, [clash.key]: pick })} />`)}<//>`;
}

/** @param {Pick} pick @param {Clash} clash @param {ZoneView} view */
function readable(pick, clash, view) {
  return seconds(pick.ttl) !== null && readLines(typeOf(view.types, clash.mine.type), pick.text, view.name).faults.length === 0;
}

/** @param {Pick} pick @param {Clash} clash @param {ZoneView} view @returns {import('./model.js').Change | null} */
function chosen(pick, clash, view) {
  if (pick.pick === 'theirs') return null;
  if (pick.pick === 'mine') return clash.mine;
  const { zone, name, type } = clash.mine;
  const { records } = readLines(typeOf(view.types, type), pick.text, view.name);
  return records.length ? { zone, name, type, op: 'replace', ttl: seconds(pick.ttl) ?? 3600, records } : { zone, name, type, op: 'delete' };
}

/** @param {{clash: Clash, view: ZoneView, pick: Pick | undefined, onPick: (pick: Pick) => void}} props */
function One({ clash, view, pick, onPick }) {
  const mine = result(clash.mine);
  const sides = [['base', clash.base], ['theirs', clash.theirs], ['mine', mine]];
  const title = `${shown(relative(clash.mine.name, view.name))} ${clash.mine.type}`;
  const start = () => ({ pick: /** @type {const} */ ('edit'), text: lines(mine ?? clash.theirs, view).join('\n'), ttl: String((mine ?? clash.theirs)?.ttl ?? 3600) });
  const fault = pick?.pick === 'edit' ? readLines(typeOf(view.types, clash.mine.type), pick.text, view.name).faults[0] : undefined;
  return html`<fieldset class="clash"><legend class="mono">${title}</legend>
    <div class="clash-sides">${sides.map(([side, rrset]) => html`<section class=${`clash-side${pick?.pick === side ? ' is-picked' : ''}`}>
      <h3>${t(`zone.clash.${side}`)}</h3><${Side} rrset=${/** @type {any} */ (rrset)} view=${view} />
      ${side !== 'base' && html`<label class="clash-pick"><input type="radio" name=${clash.key} checked=${pick?.pick === side} onChange=${() => onPick({ pick: /** @type {'mine'} */ (side), text: '', ttl: '' })} /> ${t(`zone.clash.take.${side}`)}</label>`}
    </section>`)}</div>
    <label class="clash-pick"><input type="radio" name=${clash.key} checked=${pick?.pick === 'edit'} onChange=${() => onPick(start())} /> ${t('zone.clash.edit')}</label>
    ${pick?.pick === 'edit' && html`<div class="clash-edit"><${Field} label=${t('zone.form.ttl')} class="field-number" value=${pick.ttl} onInput=${(/** @type {string} */ ttl) => onPick({ ...pick, ttl })} />
      <${TextArea} label=${t('zone.form.textLabel', { type: clash.mine.type })} mono rows=${4} value=${pick.text} onInput=${(/** @type {string} */ text) => onPick({ ...pick, text })} error=${fault?.detail} help=${t('zone.clash.editHelp')} /></div>`}
  </fieldset>`;
}

/** @param {{rrset: import('./model.js').Rrset | null, view: ZoneView}} props */
function Side({ rrset, view }) {
  if (!rrset) return html`<p class="muted">${t('zone.clash.none')}</p>`;
  return html`<p class="muted">${t('zone.col.ttl')} ${rrset.ttl}</p><ul class="rr-data mono">${lines(rrset, view).map((line) => html`<li>${visible(line)}</li>`)}</ul>`;
}
