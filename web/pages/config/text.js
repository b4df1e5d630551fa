/** The configuration file as text, with mistakes at their line and column. Used by the configuration page. */

import { html, useEffect, useId, useRef, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Banner, Panel } from '../../ui/page.js';
import { State } from '../../ui/state.js';
import { useResource } from '../../ui/resource.js';
import { useApp } from '../../context.js';
import { isAbort, newKey } from '../../api/http.js';
import { t } from '../../lib/i18n.js';
import { Part } from '../part.js';
import { marked } from './control.js';
import { Review } from './review.js';

/**
 * @typedef {import('./review.js').Problem} Problem
 * @typedef {{ valid: boolean, errors: Problem[], warnings: Problem[], diff: import('./review.js').Difference[], text: string | null }} Validated
 * @typedef {{ text: string, file: string | null, tag: string | null }} FileText
 */

const QUIET_MS = 600;

/** @param {{ draft: import('./values.js').Draft, goTo: number, onDone: (outcome?: import('./review.js').Outcome) => void }} props `goTo`: a line to be shown */
export function TextEditor({ draft, goTo, onDone }) {
  const { http } = useApp();
  const res = useResource('config.text', async (signal) => {
    const { data, etag } = await http.get('/config/text', { signal });
    return /** @type {FileText} */ ({ ...data, tag: etag });
  });
  return html`<${Part} res=${res}>${(/** @type {FileText} */ file) => html`<${Editor} file=${file} draft=${draft} goTo=${goTo} onDone=${(/** @type {import('./review.js').Outcome} */ outcome) => { draft.text.value = null; res.reload(); onDone(outcome); }} onMoved=${() => { res.reload(); onDone(); }} />`}<//>`;
}

/** What the server says of a text, a moment after it was last changed. @param {string} text @param {boolean} on */
function useChecked(text, on) {
  const { http } = useApp();
  const [state, setState] = useState(/** @type {{ of: string, found: Validated | null, error: unknown }} */ ({ of: '', found: null, error: null }));
  useEffect(() => {
    if (!on) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      http.post('/config/validate', { text }, { signal: abort.signal }).then(
        ({ data }) => setState({ of: text, found: data, error: null }),
        (error) => { if (!isAbort(error)) setState({ of: text, found: null, error }); },
      );
    }, QUIET_MS);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [text, on]);
  return { ...state, fresh: state.of === text };
}

/** @param {{ file: FileText, draft: import('./values.js').Draft, goTo: number, onDone: (outcome: import('./review.js').Outcome) => void, onMoved: () => void }} props */
function Editor({ file, draft, goTo, onDone, onMoved }) {
  const { http } = useApp();
  const [reviewing, setReviewing] = useState(false);
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const id = useId();
  const text = draft.text.value ?? file.text;
  const isChanged = text !== file.text;
  const check = useChecked(text, isChanged);
  const errors = isChanged && check.found ? check.found.errors : [];
  const set = (/** @type {string} */ next) => { draft.text.value = next === file.text ? null : next; };
  useEffect(() => { if (goTo) select(area.current, goTo, 1); }, [goTo]);
  const state = !isChanged ? html`<${State} kind="off" word=${t('config.unchanged')} />`
    : !check.fresh ? html`<${State} kind="info" word=${t('config.checking')} />`
      : errors.length ? html`<${State} kind="bad" word=${t('config.mistakes', { n: errors.length })} />`
        : check.found ? html`<${State} kind="ok" word=${t('config.fine', { n: check.found.diff.length })} />` : html`<${State} kind="warn" word=${t('config.unchecked')} />`;
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && isChanged && !errors.length) setReviewing(true);
  };
  return html`<${Panel} title=${t('config.tab.text')} actions=${html`<span role="status">${state}</span>
      ${isChanged && html`<${Button} label=${t('config.discard')} onClick=${() => { draft.text.value = null; }} />`}
      <${Button} tone="primary" label=${t('config.review')} disabled=${!isChanged || errors.length > 0 || !file.file} onClick=${() => setReviewing(true)} />`}>
    ${!file.file && html`<${Banner} tone="info">${t('config.noFileHelp')}<//>`}
    <p class="meta" id=${`${id}-help`}>${t('config.textHelp')}</p>
    <${Problems} problems=${errors} warnings=${(isChanged && check.found?.warnings) || []} onGo=${(/** @type {Problem} */ it) => select(area.current, it.line, it.column)} />
    <div class="editor">
      <${Gutter} text=${text} bad=${errors.map((it) => it.line)} />
      <textarea ref=${area} class="editor-text mono" wrap="off" spellcheck=${false} autocapitalize="none" autocomplete="off" aria-label=${t('config.tab.text')} aria-describedby=${`${id}-help`}
        aria-invalid=${errors.length ? true : undefined} value=${text} rows=${Math.min(40, Math.max(12, text.split('\n').length + 2))} onKeyDown=${keys}
        onInput=${(/** @type {Event} */ event) => set(/** @type {HTMLTextAreaElement} */ (event.currentTarget).value)} onScroll=${follow}></textarea>
    </div>
    ${reviewing && html`<${Review} title=${t('config.reviewTitle')} onClose=${() => setReviewing(false)} onMoved=${() => { setReviewing(false); onMoved(); }}
      request=${(/** @type {Record<string, any>} */ params, /** @type {AbortSignal | undefined} */ signal) =>
        http.put('/config', { text }, { params, signal, ifMatch: file.tag, ...(params.dry_run ? {} : { idempotencyKey: newKey() }) })}
      onDone=${(/** @type {import('./review.js').Outcome} */ outcome) => { setReviewing(false); onDone(outcome); }} />`}
  <//>`;
}

/** Keeps the numbers beside their lines. @param {Event} event */
function follow(event) {
  const area = /** @type {HTMLTextAreaElement} */ (event.currentTarget);
  const gutter = area.previousElementSibling;
  if (gutter) gutter.scrollTop = area.scrollTop;
}

/** Puts the cursor at a place of the text. @param {HTMLTextAreaElement | null} area @param {number} line from 1 @param {number} column from 1 */
function select(area, line, column) {
  if (!area || line < 1) return;
  const rows = area.value.split('\n');
  const start = rows.slice(0, line - 1).reduce((sum, row) => sum + row.length + 1, 0);
  const row = rows[line - 1] ?? '';
  const from = start + Math.min(Math.max(0, column - 1), row.length);
  area.focus();
  area.setSelectionRange(from, start + row.length);
  area.scrollTop = Math.max(0, (line - 6) * (area.scrollHeight / rows.length));
}

/** @param {{ text: string, bad: number[] }} props */
function Gutter({ text, bad }) {
  const count = text.split('\n').length;
  return html`<div class="editor-gutter mono" aria-hidden="true">${Array.from({ length: count }, (_, index) => html`<div class=${bad.includes(index + 1) ? 'is-bad' : ''}>${index + 1}</div>`)}</div>`;
}

/** @param {{ problems: Problem[], warnings: Problem[], onGo: (problem: Problem) => void }} props */
function Problems({ problems, warnings, onGo }) {
  const line = (/** @type {Problem} */ it, /** @type {'bad' | 'warn'} */ kind) => html`<li><${State} kind=${kind} word=${it.line ? t('config.place', { line: String(it.line), column: String(it.column) }) : it.source} />
    ${it.line > 0 ? html`<button type="button" class="link-button" onClick=${() => onGo(it)}><span class="mono">${it.path}</span> ${marked(it.message)}</button>` : html`<span><span class="mono">${it.path}</span> ${marked(it.message)}</span>`}
    ${it.suggestion && html` <span class="meta">${t('config.maybe', { text: it.suggestion })}</span>`}</li>`;
  if (!problems.length && !warnings.length) return null;
  return html`<ul class="problem-list" aria-label=${t('config.problems')}>${problems.map((it) => line(it, 'bad'))}${warnings.map((it) => line(it, 'warn'))}</ul>`;
}
