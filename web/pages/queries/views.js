/** Saved views of the queries: filter, time and columns under a name, kept in this browser, and as a link for others. */
import { html, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { href } from '../../router.js';
import { t } from '../../lib/i18n.js';
import { keep, recall } from '../../lib/store.js';
import { Button, copyText } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { Field, Form } from '../../ui/field.js';
import { Menu } from '../../ui/menu.js';

/** @typedef {{name: string, params: Record<string, string>}} View */

/** What of the address is a view; the open row and the place in the list are not. */
const KEPT = ['filter', 'range', 'from', 'to', 'view', 'by', 'columns'];
const PLACE = 'views.queries';
/** Views that are kept; the oldest make room. */
const MOST = 50;
/** Characters of a name. */
const LONGEST = 80;

/** What was kept: anything may stand there. @returns {View[]} */
export function savedViews() {
  const kept = recall(PLACE);
  if (!Array.isArray(kept)) return [];
  return kept.filter((one) => typeof one?.name === 'string' && typeof one?.params === 'object' && one.params !== null).slice(0, MOST)
    .map(({ name, params }) => ({ name, params: onlyKept((key) => params[key]) }));
}

/** @param {(key: string) => unknown} read @returns {Record<string, string>} */
const onlyKept = (read) => Object.fromEntries(KEPT.flatMap((key) => {
  const value = read(key);
  return typeof value === 'string' && value !== '' ? [[key, value]] : [];
}));

/**
 * What an address shows, with the columns of the table.
 * @param {URLSearchParams} params @param {string[]} columns
 */
export const viewParams = (params, columns) => ({ ...onlyKept((key) => params.get(key)), columns: columns.join('.') });

/** Views with one more; another of the same name goes. @param {View[]} views @param {View} view */
export const withView = (views, view) => [view, ...views.filter(({ name }) => name !== view.name)].slice(0, MOST);

/** Whether both show the same. @param {Record<string, string>} one @param {Record<string, string>} other */
const same = (one, other) => KEPT.every((key) => (one[key] ?? '') === (other[key] ?? ''));

/**
 * The menu of saved views.
 * @param {{params: URLSearchParams, columns: () => string[]}} props `columns`: those that the table shows now, in order
 */
export function Views({ params, columns }) {
  const { toast } = useApp();
  const [views, setViews] = useState(savedViews);
  const [isNaming, setNaming] = useState(false);
  const now = () => viewParams(params, columns());
  const put = (/** @type {View[]} */ next) => { keep(PLACE, next.length ? next : undefined); setViews(next); };
  const remove = (/** @type {View} */ view) => {
    const before = views;
    put(views.filter((one) => one !== view));
    toast.ok(t('queries.views.removed', { name: view.name }), { undo: async () => put(before) });
  };
  const share = async () => {
    const link = `${location.origin}${location.pathname}${href('queries', [], now())}`;
    if (await copyText(link)) toast.ok(t('queries.views.copied'));
    else toast.error(new Error(t('queries.views.notCopied', { link })));
  };
  const shown = now();
  const current = views.find((view) => same(view.params, shown));
  const items = [
    ...views.map((view) => ({ label: view.name, href: href('queries', [], view.params), hint: view === current ? '✓' : undefined })),
    views.length > 0 && { line: /** @type {const} */ (true) },
    { label: t('queries.views.save'), icon: 'plus', onSelect: () => setNaming(true) },
    { label: t('queries.views.share'), icon: 'copy', onSelect: share },
    current && { label: t('queries.views.remove', { name: current.name }), danger: true, onSelect: () => remove(current) },
  ];
  return html`<${Menu} label=${t('queries.views')} button=${current?.name ?? t('queries.views')} items=${items} />
    ${isNaming && html`<${Naming} names=${views.map(({ name }) => name)} onClose=${() => setNaming(false)} onDone=${(/** @type {string} */ name) => {
      put(withView(views, { name, params: now() }));
      setNaming(false);
      toast.ok(t('queries.views.saved', { name }));
    }} />`}`;
}

/** @param {{names: string[], onClose: () => void, onDone: (name: string) => void}} props */
function Naming({ names, onClose, onDone }) {
  const [name, setName] = useState('');
  const [isEmpty, setEmpty] = useState(false);
  const clean = name.trim();
  const save = () => (clean ? onDone(clean) : setEmpty(true));
  return html`<${Dialog} title=${t('queries.views.save')} onClose=${onClose}>
    <${Form} onSubmit=${save}>
      <${Field} label=${t('queries.views.name')} help=${names.includes(clean) ? t('queries.views.replaces') : t('queries.views.help')} error=${isEmpty && !clean ? t('queries.views.noName') : undefined} value=${name} onInput=${setName} maxlength=${LONGEST} required autocomplete="off" />
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" label=${t('queries.views.keep')} /></div>
    <//>
  <//>`;
}
