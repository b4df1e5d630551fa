// The dialog for a span of one's own: two moments, or a text. Used by timerange.js.
import { html, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { utc, zoneName } from '../lib/format.js';
import { fieldText, isRangeError, parseRange } from '../lib/time.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { Field } from './field.js';
import { rangeText } from './timerange.js';

const HOUR_MS = 3_600_000;

/**
 * What a person wrote, as ranges are read: `-2h` is `2h`, and `yesterday 06:00..10:00` two moments of that day.
 * @param {string} text @param {number} now
 */
export function plain(text, now) {
  const clean = text.trim().replace(/^-\s*/, '');
  const day = /^(today|yesterday)\s+(\S+)\s*\.\.\s*(\S*)$/i.exec(clean);
  if (!day) return clean;
  const date = new Date(now);
  date.setDate(date.getDate() - (day[1].toLowerCase() === 'yesterday' ? 1 : 0));
  const start = fieldText(date.getTime()).slice(0, 10);
  return `${start} ${day[2]}..${day[3] ? `${start} ${day[3]}` : ''}`;
}

/** @param {number} at as `datetime-local` has it */
const local = (at) => new Date(at - (utc.value ? 0 : new Date(at).getTimezoneOffset() * 60_000)).toISOString().slice(0, 19);
/** @param {string} text of `datetime-local` */
const moment = (text) => new Date(utc.value ? `${text}Z` : text).getTime();

/** @param {{span: import('./timerange.js').Span, onClose: () => void, onChange: (text: string) => void}} props */
export function Custom({ span, onClose, onChange }) {
  const now = Date.now();
  const [from, setFrom] = useState(local(span.from ?? now - HOUR_MS));
  const [to, setTo] = useState(local(span.to ?? now));
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  /** @param {Event} event */
  const apply = (event) => {
    event.preventDefault();
    const wanted = plain(text, now);
    const got = wanted ? parseRange(wanted, now) : { from: moment(from), to: moment(to), relative: false };
    if (isRangeError(got)) setError(t(got.error === 'order' ? 'data.rangeOrder' : 'data.rangeWrong'));
    else if (Number.isNaN(got.from) || Number.isNaN(got.to)) setError(t('data.rangeWrong'));
    else if (got.from >= got.to) setError(t('data.rangeOrder'));
    else { onChange(got.relative ? wanted : rangeText(got.from, got.to)); onClose(); }
  };
  const input = (/** @type {string} */ value, /** @type {(value: string) => void} */ set) => ({ type: 'datetime-local', step: 1, value, onInput: set });
  return html`<${Dialog} title=${t('data.custom')} onClose=${onClose}>
    <form class="form" onSubmit=${apply}>
      <${Field} label=${t('data.customFrom')} ...${input(from, setFrom)} />
      <${Field} label=${t('data.customTo')} help=${t('data.zoneNote', { zone: zoneName() })} ...${input(to, setTo)} />
      <${Field} label=${t('data.customText')} help=${t('data.customTextHelp')} error=${error} value=${text} mono onInput=${setText} />
      <div class="dialog-actions"><${Button} tone="primary" type="submit" label=${t('data.customApply')} /></div>
    </form><//>`;
}
