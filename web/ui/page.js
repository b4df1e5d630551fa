/** The frame of a page, its panels, and the states that every part of a page may be in. */

import { ApiError } from '../api/http.js';
import { t } from '../lib/i18n.js';
import { time } from '../lib/format.js';
import { navigations } from '../router.js';
import { Icon } from './icons.js';
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from './html.js';

/** @typedef {import('./html.js').Children} Children */

/**
 * A page: its one `h1`, which gets the focus after a navigation, and what it says first.
 * @param {{title: string, subtitle?: Children, question?: Children, actions?: Children, docTitle?: string, wide?: boolean, children?: Children}} props
 *   `question`: what the page tells, in one line; `docTitle`: of the window, if it is more than the title
 */
export function Page({ title, subtitle, question, actions, docTitle, wide = false, children }) {
  const heading = useRef(/** @type {HTMLHeadingElement|null} */ (null));
  useEffect(() => {
    document.title = `${docTitle ?? title} · Headwater`;
  }, [docTitle, title]);
  useLayoutEffect(() => {
    if (navigations.peek() > 0) heading.current?.focus({ preventScroll: true });
  }, []);
  return html`<div class=${`page${wide ? ' page-wide' : ''}`}>
    <header class="page-head">
      <div class="page-title">
        <h1 tabindex="-1" ref=${heading}>${title}</h1>
        ${subtitle && html`<div class="page-subtitle">${subtitle}</div>`}
        ${question && html`<p class="page-question">${question}</p>`}
      </div>
      ${actions && html`<div class="page-actions">${actions}</div>`}
    </header>
    ${children}
  </div>`;
}

/**
 * A part of a page with a heading.
 * @param {{title?: Children, actions?: Children, note?: Children, busy?: boolean, flush?: boolean, class?: string, level?: 2|3, id?: string, children?: Children}} props
 *   `flush`: what is in it reaches to the borders
 */
export function Panel({ title, actions, note, busy = false, flush = false, level = 2, id, children, ...rest }) {
  const own = useId();
  const labelId = `${id ?? own}-title`;
  const Heading = level === 3 ? 'h3' : 'h2';
  return html`<section id=${id} class=${`panel${flush ? ' panel-flush' : ''} ${rest.class ?? ''}`} aria-labelledby=${title ? labelId : undefined} aria-busy=${busy}>
    ${busy && html`<${Busy} />`}
    ${(title || actions) && html`<header class="panel-head">
      ${title && html`<${Heading} id=${labelId}>${title}</${Heading}>`}
      ${note && html`<span class="panel-note">${note}</span>`}
      ${actions && html`<div class="panel-actions">${actions}</div>`}
    </header>`}
    <div class="panel-body">${children}</div>
  </section>`;
}

/** The line on top of what is loading; the content that is there stays. */
export const Busy = () => html`<div class="busy" aria-hidden="true"></div>`;

/**
 * The first load of a part: nothing for 150 ms, then grey rows.
 * @param {{rows?: number, label?: string}} props
 */
export function Loading({ rows = 6, label }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="loading" aria-busy="true">
    <span class="visually-hidden">${label ?? t('common.loading')}</span>
    ${late && Array.from({ length: rows }, (_, index) => html`<div key=${index} class="skeleton" aria-hidden="true"></div>`)}
  </div>`;
}

/**
 * What an error says to a person.
 * @param {unknown} error
 */
export function errorText(error) {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return t('common.unreachable');
  if (error.errors.length === 0) return error.detail || error.title;
  const seen = error.errors.map(({ detail, line, column }) => (line ? `${line}:${column ?? 1}: ${detail}` : detail));
  return seen.includes(error.detail) || !error.detail ? seen.join('; ') : `${error.detail}: ${seen.join('; ')}`;
}

/**
 * A part that failed; the rest of the page works.
 * @param {{error: unknown, onRetry?: () => void, title?: string}} props
 */
export function ErrorPanel({ error, onRetry, title }) {
  const problem = error instanceof ApiError ? error : null;
  const heading = title ?? t(problem?.status === 401 ? 'common.error_login' : problem?.status === 403 ? 'common.error_right' : problem?.status === 0 ? 'common.error_reach' : 'common.error_title');
  return html`<div class="notice notice-bad" role="alert">
    <${Icon} name="alert" />
    <div class="notice-text">
      <strong>${heading}</strong>
      <p>${errorText(error)}</p>
      ${problem?.requestId && html`<p class="meta">${t('common.request_id')} <code>${problem.requestId}</code></p>`}
      ${problem?.retryAfter ? html`<p class="meta">${t('common.retry_after', { n: problem.retryAfter })}</p>` : null}
    </div>
    ${onRetry && html`<button type="button" class="button button-plain" onClick=${onRetry}>${t('common.retry')}</button>`}
  </div>`;
}

/**
 * Nothing is there: what this is, why, and the one thing that changes it.
 * @param {{title: string, why?: Children, action?: Children, icon?: string}} props
 */
export function Empty({ title, why, action, icon = 'info' }) {
  return html`<div class="empty">
    <${Icon} name=${icon} size=${20} />
    <strong>${title}</strong>
    ${why && html`<p>${why}</p>`}
    ${action && html`<div class="empty-action">${action}</div>`}
  </div>`;
}

/**
 * What is shown is of before, and it is tried again.
 * @param {{asOf: number|null|undefined}} props
 */
export function Stale({ asOf }) {
  return html`<p class="stale" role="status"><${Icon} name="clock" />${asOf ? t('common.stale', { time: time(asOf) }) : t('common.stale_never')}</p>`;
}

/** A text of the server, with what stands between backquotes in it as code. @param {{text: string}} props */
export const Ticked = ({ text }) => text.split(/`([^`]+)`/).map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));

const TONE_ICON = { info: 'info', ok: 'check', warn: 'alert', bad: 'alert' };

/**
 * A line about the page as a whole, or a part.
 * @param {{tone?: 'info'|'ok'|'warn'|'bad', title?: Children, action?: Children, onClose?: () => void, children?: Children}} props
 */
export function Banner({ tone = 'info', title, action, onClose, children }) {
  return html`<div class=${`notice notice-${tone}`}>
    <${Icon} name=${TONE_ICON[tone]} />
    <div class="notice-text">${title && html`<strong>${title}</strong>`} ${children}</div>
    ${action && html`<div class="notice-action">${action}</div>`}
    ${onClose && html`<button type="button" class="icon-button" aria-label=${t('common.close')} onClick=${onClose}><${Icon} name="close" /></button>`}
  </div>`;
}

/**
 * A list of facts: `items` are [term, value]; what is null is left out.
 * @param {{items: ([Children, Children]|null|false|undefined)[]}} props
 */
export function Facts({ items }) {
  return html`<dl class="facts">${items.map((item) => item && html`<div><dt>${item[0]}</dt><dd>${item[1]}</dd></div>`)}</dl>`;
}
