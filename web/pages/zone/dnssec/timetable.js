/** The timetable drawn: a lane for each key, marks with numbers, and under it what the numbers stand for. */
import { html, useMemo } from '../../../ui/html.js';
import { t } from '../../../lib/i18n.js';
import { TimeEl } from '../../../lib/format.js';
import { Checkbox } from '../../../ui/field.js';
import { timetable } from '../../../lib/timetable.js';
import { keyName, moment, needsParent, stepText } from './words.js';

/** @typedef {import('../../../lib/timetable.js').Lane} Lane */
/** @typedef {import('../../../lib/timetable.js').Mark} Mark */
/** @typedef {import('../../../lib/timetable.js').Phase} Phase */

const PHASES = /** @type {Phase[]} */ (['new', 'parent', 'active', 'leaving']);

/** @param {number} part */
const percent = (part) => `${(part * 100).toFixed(3)}%`;

/**
 * @param {{keys: import('../../../api/types.js').ZoneKeyOut[], plan: import('../../../api/types.js').KeyPlanOut, whole?: boolean, onWhole?: (whole: boolean) => void, label: string}} props
 *   `whole`: all that is planned, not only until the first time at which nothing is under way; `onWhole`: that can be chosen
 */
export function Timetable({ keys, plan, whole = false, onWhole, label }) {
  const table = useMemo(() => timetable(keys, plan.steps, plan.from_ms, { whole }), [keys, plan, whole]);
  const used = new Set(table.lanes.flatMap(({ pieces }) => pieces.map(({ phase }) => phase)));
  return html`<figure class="timetable">
    <figcaption class="visually-hidden">${t('dnssec.time.alt', { label })}</figcaption>
    <div class="tt-drawing" aria-hidden="true">
      <div class="tt-axis tt-head"><span class="tt-now-word" style=${{ insetInlineStart: percent(table.now) }}>${t('dnssec.time.now')}</span></div>
      ${table.lanes.map((lane) => html`<${LaneRow} key=${lane.id} lane=${lane} table=${table} />`)}
      <div class="tt-axis">${spread(table.marks).map(({ mark, number, position }) => html`<span key=${number} class="tt-number" style=${{ insetInlineStart: percent(position) }} title=${stepText(mark.steps[0])}>${number}</span>`)}</div>
      <ul class="tt-legend">${PHASES.filter((phase) => used.has(phase)).map((phase) => html`<li key=${phase}><span class=${`tt-swatch tt-${phase}`}></span>${t(`dnssec.phase.${phase}`)}</li>`)}<li class="tt-scale">${t('dnssec.time.scale')}</li></ul>
    </div>
    ${table.marks.length > 0 ? html`<${Steps} marks=${table.marks} label=${label} />` : html`<p class="muted">${t('dnssec.time.nothing')} <${TimeEl} at=${plan.until_ms} as="day" /></p>`}
    ${onWhole && (whole || table.hidden > 0) && html`<${Checkbox} label=${t('dnssec.time.whole')} checked=${whole} onChange=${onWhole} />`}
    ${table.hidden > 0 && whole && html`<p class="muted">${t('dnssec.time.hidden', { n: table.hidden })}</p>`}
  </figure>`;
}

/** Numbers that do not lie on each other where moments are close together. @param {Mark[]} marks */
function spread(marks) {
  const least = 1 / 16;
  let before = -1;
  const placed = marks.map((mark, index) => ({ mark, number: index + 1, position: (before = Math.max(mark.position, before + least)) }));
  const over = Math.max(0, (placed.at(-1)?.position ?? 0) - 1);
  return placed.map((one, index) => ({ ...one, position: one.position - (over * (index + 1)) / placed.length }));
}

/** Where a piece lies; its word stands behind the mark of now, not across it. @param {import('../../../lib/timetable.js').Piece} piece @param {number} now */
const place = ({ start, end }, now) => ({ insetInlineStart: percent(start), inlineSize: percent(end - start), ...(start < now && now < end ? { paddingInlineStart: `calc(${percent(now - start)} + 7px)` } : {}) });

/** @param {{lane: Lane, table: import('../../../lib/timetable.js').Timetable}} props */
function LaneRow({ lane, table }) {
  return html`<div class="tt-lane">
    <span class="tt-name">${keyName(lane)}</span>
    <div class="tt-track">
      ${lane.pieces.map((piece) => html`<span key=${piece.start} class=${`tt-piece tt-${piece.phase}`} style=${place(piece, table.now)}
        title=${t(`dnssec.phase.${piece.phase}`)}><span>${t(`dnssec.phaseShort.${piece.phase}`)}</span></span>`)}
      ${table.marks.map((mark) => html`<span key=${mark.at} class="tt-line" style=${{ insetInlineStart: percent(mark.position) }}></span>`)}
      <span class="tt-line tt-now" style=${{ insetInlineStart: percent(table.now) }}></span>
    </div>
  </div>`;
}

/** The same as a table, which readers have in place of the drawing. @param {{marks: Mark[], label: string}} props */
function Steps({ marks, label }) {
  // Where there is little room it is laid out as a list: the roles keep it a table for readers.
  return html`<table class="tt-steps" role="table">
    <caption class="visually-hidden">${label}</caption>
    <thead class="visually-hidden" role="rowgroup"><tr role="row"><th scope="col" role="columnheader">${t('dnssec.time.number')}</th><th scope="col" role="columnheader">${t('dnssec.time.when')}</th><th scope="col" role="columnheader">${t('dnssec.time.what')}</th></tr></thead>
    <tbody role="rowgroup">${marks.map((mark, index) => html`<tr key=${mark.at} role="row">
      <td role="cell"><span class="tt-number">${index + 1}</span></td>
      <th scope="row" role="rowheader">${moment(mark.at)}<span class="meta"><${TimeEl} at=${mark.at} /></span></th>
      <td role="cell"><ul>${mark.steps.map((step) => html`<li>${stepText(step)}${needsParent(step) && html` <span class="tt-if">${t('dnssec.time.ifParent')}</span>`}</li>`)}</ul></td>
    </tr>`)}</tbody>
  </table>`;
}
