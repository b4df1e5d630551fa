// One field for filters: terms that are set are chips, what is typed gets suggestions. The server parses, and is right.
import { html, useEffect, useId, useRef, useState } from './html.js';
import { t } from '../lib/i18n.js';
import { charOffset } from '../lib/filter.js';
import { cutTerms, joinTerms, termAt, termKey } from '../lib/terms.js';

/**
 * @typedef {object} FilterKey
 * @property {string} title what it is about
 * @property {(prefix: string) => Promise<string[]>} [values]
 */

/**
 * @typedef {object} FilterProps
 * @property {string} id
 * @property {string} value the whole filter
 * @property {(text: string) => void} onChange
 * @property {() => Record<string, FilterKey>} keys asked when somebody types
 * @property {{offset?: number | null, message: string} | null} [error] what the server says of it
 * @property {string} [placeholder]
 * @property {string} [label]
 * @property {() => {label: string, filter: string}[]} [presets]
 */

/** @typedef {{text: string, label: string, more?: boolean}} Suggestion */

/** @param {FilterProps} props */
export function FilterBar(props) {
  const { id, value, keys, error } = props;
  const set = cutTerms(value);
  const { terms, typed, edited, setTyped, commit, keep } = useTerms(value, props.onChange);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const suggestions = useSuggestions(typed, keys, open, props.presets);
  const list = useId();
  const wrong = error ? termAt(set, charOffset(value, error.offset ?? 0)) : -1;

  /** @param {Suggestion} suggestion */
  const take = (suggestion) => {
    setActive(-1);
    if (suggestion.more) setTyped(suggestion.text);
    else commit(terms, suggestion.text);
    input.current?.focus();
  };
  /** @param {number} index */
  const edit = (index) => {
    keep(terms.filter((_, at) => at !== index), terms[index]);
    input.current?.focus();
  };
  const onKeyDown = keysOf({
    count: open ? suggestions.length : 0,
    active,
    hasTyped: Boolean(typed || edited),
    move: (next) => { setOpen(true); if (suggestions.length) setActive((next + suggestions.length) % suggestions.length); },
    enter: () => { setActive(-1); if (open && suggestions[active]) take(suggestions[active]); else commit(terms, typed); },
    close: () => setOpen(false),
    drop: () => keep(null, ''),
    back: () => (!typed && terms.length ? (edit(terms.length - 1), true) : false),
  });
  /** @param {FocusEvent} event */
  const onBlur = (event) => {
    if (/** @type {HTMLElement} */ (event.currentTarget).contains(/** @type {Node | null} */ (event.relatedTarget))) return;
    setOpen(false);
    if (typed.trim() || edited) commit(terms, typed);
  };
  const errorId = `${id}-error`;
  return html`<div class="filterbar" onFocusOut=${onBlur} role="search" aria-label=${props.label ?? t('data.filter')}>
    <div class=${`filter-box${error ? ' is-wrong' : ''}`} onClick=${(/** @type {Event} */ event) => event.target === event.currentTarget && input.current?.focus()}>
      <span class="filter-glyph" aria-hidden="true">⌕</span>
      ${terms.map((term, index) => html`<${Chip} key=${term + index} term=${term} isWrong=${index === wrong && !edited} onEdit=${() => edit(index)} onDrop=${() => commit(terms.filter((_, at) => at !== index))} />`)}
      <input ref=${input} id=${id} class="filter-input" type="text" role="combobox" autocomplete="off" autocapitalize="none" spellcheck=${false}
        aria-label=${props.label ?? t('data.filter')} aria-autocomplete="list" aria-expanded=${String(open && suggestions.length > 0)} aria-controls=${list}
        aria-activedescendant=${open && active >= 0 ? `${list}-${active}` : undefined} aria-invalid=${error ? 'true' : undefined} aria-describedby=${error ? errorId : undefined}
        value=${typed} placeholder=${terms.length ? t('data.addTerm') : props.placeholder ?? t('data.typeFilter')}
        onFocus=${() => setOpen(true)} onKeyDown=${onKeyDown}
        onInput=${(/** @type {Event} */ event) => { setTyped(/** @type {HTMLInputElement} */ (event.currentTarget).value); setOpen(true); setActive(-1); }} />
      ${(terms.length > 0 || typed) && html`<button type="button" class="filter-clear" onClick=${() => commit([])}>${t('data.clear')}</button>`}
    </div>
    ${open && suggestions.length > 0 && html`<${List} id=${list} items=${suggestions} active=${active} onTake=${take} />`}
    ${error && html`<p class="filter-error" role="alert" id=${errorId}>${wrong >= 0 && html`<code>${set[wrong].text}</code> `}${error.message}</p>`}
  </div>`;
}

/**
 * The terms that are set, and what is typed behind them. Until it is committed, an edit is here alone.
 * @param {string} value @param {(text: string) => void} onChange
 */
function useTerms(value, onChange) {
  const [edited, setEdited] = useState(/** @type {string[] | null} */ (null));
  const [typed, setTyped] = useState('');
  const keep = (/** @type {string[] | null} */ next, /** @type {string} */ rest) => { setEdited(next); setTyped(rest); };
  useEffect(() => keep(null, ''), [value]);
  /** @param {string[]} next @param {string} [rest] */
  const commit = (next, rest = '') => {
    keep(null, '');
    const text = joinTerms(rest.trim() ? [...next, ...cutTerms(rest).map((term) => term.text)] : next);
    if (text !== value) onChange(text);
  };
  return { terms: edited ?? cutTerms(value).map((term) => term.text), typed, edited, setTyped, commit, keep };
}

/**
 * The keys of the field, as of the ARIA APG for comboboxes; Backspace edits the last term.
 * @param {{count: number, active: number, hasTyped: boolean, move: (next: number) => void, enter: () => void, close: () => void, drop: () => void, back: () => boolean}} to
 * @returns {(event: KeyboardEvent) => void}
 */
const keysOf = (to) => (event) => {
  if (event.key === 'ArrowDown') to.move(to.active + 1);
  else if (event.key === 'ArrowUp') to.move(to.active < 0 ? -1 : to.active - 1);
  else if (event.key === 'Enter') to.enter();
  else if (event.key === 'Escape' && (to.count || to.hasTyped)) (to.count ? to.close : to.drop)();
  else if (event.key !== 'Backspace' || !to.back()) return;
  event.preventDefault();
  event.stopPropagation();
};

/** A term that is set. @param {{term: string, isWrong: boolean, onEdit: () => void, onDrop: () => void}} props */
function Chip({ term, isWrong, onEdit, onDrop }) {
  return html`<span class=${`filter-term${isWrong ? ' is-wrong' : ''}`}>
    <button type="button" class="filter-edit mono" title=${t('data.editTerm')} onClick=${onEdit}>${term}</button>
    <button type="button" class="filter-drop" aria-label=${t('data.dropTerm', { term })} onClick=${onDrop}>×</button>
  </span>`;
}

/** @param {{id: string, items: Suggestion[], active: number, onTake: (suggestion: Suggestion) => void}} props */
function List({ id, items, active, onTake }) {
  return html`<ul class="suggestions" role="listbox" tabIndex=${-1} id=${id} aria-label=${t('data.suggestions')}>
    ${items.map((item, index) => html`<li role="option" key=${item.text} id=${`${id}-${index}`} aria-selected=${String(index === active)}
      onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => onTake(item)}>
      <span class="mono">${item.text}</span>${item.label && html`<span class="quiet">${item.label}</span>`}</li>`)}
  </ul>`;
}

/**
 * What may stand where something is typed: keys, then values of the key.
 * @param {string} typed @param {() => Record<string, FilterKey>} keysOf @param {boolean} wanted @param {() => {label: string, filter: string}[]} [presets]
 * @returns {Suggestion[]}
 */
function useSuggestions(typed, keysOf, wanted, presets) {
  const [found, setFound] = useState(/** @type {{typed: string, items: Suggestion[]}} */ ({ typed: '', items: [] }));
  const { minus, key, rest } = termKey(typed);
  const keys = wanted ? keysOf() : {};
  const values = key ? keys[key]?.values : undefined;
  useEffect(() => {
    if (!wanted || !values) return undefined;
    let late = false;
    const before = rest.includes(',') ? rest.slice(0, rest.lastIndexOf(',') + 1) : '';
    const timer = setTimeout(() => {
      values(rest.slice(before.length)).then(
        (items) => late || setFound({ typed, items: items.slice(0, 12).map((item) => ({ text: `${minus}${key}:${before}${item}`, label: '' })) }),
        // Suggestions are a help: without them one types on, and the search itself says what is wrong.
        () => late || setFound({ typed, items: [] }),
      );
    }, 120);
    return () => { late = true; clearTimeout(timer); };
  }, [typed, wanted, Boolean(values)]);
  if (!wanted) return [];
  if (key) return values && found.typed === typed ? found.items : [];
  const start = typed.slice(minus.length).toLowerCase();
  const own = Object.entries(keys)
    .filter(([name, about]) => name.startsWith(start) || (start.length > 1 && about.title.toLowerCase().includes(start)))
    .map(([name, about]) => ({ text: `${minus}${name}:`, label: about.title, more: true }));
  const ready = typed ? [] : (presets?.() ?? []).map((preset) => ({ text: preset.filter, label: preset.label }));
  return [...ready, ...own];
}
