/** A part of a page that comes from one resource: loading, failed, stale or there. Used by the pages of "Run" and "Resolve". */

import { html } from '../ui/html.js';
import { ErrorPanel, Loading, Panel, Stale } from '../ui/page.js';

/**
 * @template T
 * @typedef {{ data?: T | null, error?: unknown, loading: boolean, stale?: boolean, asOf?: number | null, reload: () => void }} Resource
 */

/**
 * @template T
 * @param {{ title?: string, actions?: import('../ui/html.js').Children, res: Resource<T>, children: (data: T) => import('../ui/html.js').Children }} props
 */
export function Part({ title, actions, res, children }) {
  const inner = res.data !== undefined && res.data !== null
    ? html`${res.stale && html`<${Stale} asOf=${res.asOf} />`}${children(res.data)}`
    : res.error
      ? html`<${ErrorPanel} error=${res.error} onRetry=${res.reload} />`
      : html`<${Loading} />`;
  return title ? html`<${Panel} title=${title} actions=${actions}>${inner}<//>` : inner;
}
