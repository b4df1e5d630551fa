/** Schedules drawn as a week, and in words. */

import { html } from '../../ui/html.js';
import { locale, t } from '../../lib/i18n.js';

/** @typedef {import('../../api/policy.js').Schedule} Schedule */
/** @typedef {{day: number, from: number, to: number, kind: string}} Span  minutes of the day */

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const DAY_MINUTES = 24 * 60;

/**
 * The name of a day, from Monday on.
 * @param {number} index
 * @returns {string}
 */
export function dayName(index) {
  return new Intl.DateTimeFormat(locale.value, { weekday: 'short', timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, 1 + index)));
}

/**
 * @param {string} text
 * @returns {number}
 */
function minutes(text) {
  const [hour, minute] = text.split(':').map(Number);
  return (hour || 0) * 60 + (minute || 0);
}

/**
 * What a schedule has hold: `block`, `free` or `lists`.
 * @param {Schedule} schedule
 * @returns {string}
 */
export function kindOf({ action }) {
  if (action === 'block_all') return 'block';
  return action === 'no_blocking' ? 'free' : 'lists';
}

/**
 * The hours of a schedule, day by day: what goes over midnight is two spans.
 * @param {Schedule} schedule
 * @returns {Span[]}
 */
export function spansOf(schedule) {
  const [from, to, kind] = [minutes(schedule.from), minutes(schedule.to), kindOf(schedule)];
  return schedule.days.flatMap((name) => {
    const day = DAYS.indexOf(name);
    if (day < 0) return [];
    if (to > from) return [{ day, from, to, kind }];
    const rest = to > 0 ? [{ day: (day + 1) % 7, from: 0, to, kind }] : [];
    return [{ day, from, to: DAY_MINUTES, kind }, ...rest];
  });
}

/**
 * Days in short: `Mon–Fri, Sun`.
 * @param {string[]} days
 * @returns {string}
 */
function daysWords(days) {
  const chosen = DAYS.map((day) => days.includes(day));
  if (chosen.every(Boolean)) return t('clients.everyday');
  /** @type {string[]} */
  const parts = [];
  for (let from = 0; from < 7; from += 1) {
    if (!chosen[from] || (from > 0 && chosen[from - 1])) continue;
    let to = from;
    while (to < 6 && chosen[to + 1]) to += 1;
    parts.push(to === from ? dayName(from) : `${dayName(from)}${to === from + 1 ? ', ' : '–'}${dayName(to)}`);
  }
  return parts.join(', ');
}

/**
 * A schedule as a sentence.
 * @param {Schedule} schedule
 * @returns {string}
 */
export function scheduleWords(schedule) {
  const { from, to, time_zone: zone, action } = schedule;
  const lists = typeof action === 'object' ? action.lists.join(', ') : '';
  const what = t(`clients.schedule.${kindOf(schedule)}`, { lists });
  return t('clients.schedule.sentence', { days: daysWords(schedule.days), from, to, what, zone: zone || t('clients.zone.server') });
}

/**
 * The week of a group. Of schedules that hold at the same time the first decides, so it is drawn last.
 * @param {{schedules: Schedule[]}} props
 */
export function Week({ schedules }) {
  const spans = [...schedules].reverse().flatMap(spansOf);
  const part = (/** @type {number} */ value) => `${(100 * value) / DAY_MINUTES}%`;
  return html`
    <figure class="week">
      <div class="week-grid" role="img" aria-label=${schedules.map(scheduleWords).join(' ')}>
        ${DAYS.map((day, index) => html`
          <div key=${day} class="week-day"><span class="week-name">${dayName(index)}</span>
            <div class="week-track">${spans.filter((span) => span.day === index).map((span, number) => html`
              <span key=${number} class=${`week-span is-${span.kind}`} style=${{ insetInlineStart: part(span.from), inlineSize: part(span.to - span.from) }}></span>`)}</div>
          </div>`)}
        <div class="week-axis">${[0, 6, 12, 18, 24].map((hour) => html`<span key=${hour} style=${{ insetInlineStart: part(hour * 60) }}>${hour}</span>`)}</div>
      </div>
      <figcaption><ul>${schedules.map((schedule, index) => html`<li key=${index}><span class=${`week-key is-${kindOf(schedule)}`} aria-hidden="true"></span>${scheduleWords(schedule)}</li>`)}</ul></figcaption>
    </figure>`;
}
