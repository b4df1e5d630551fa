// How far a search came, said in words, with what can be done about it. Used by the queries.
import { html } from '../../ui/html.js';
import { t } from '../../lib/i18n.js';
import { TimeEl } from '../../lib/format.js';
import { Button } from '../../ui/button.js';

/**
 * @param {{progress: import('./search.js').Progress, count: number, grouped: boolean, onStop: () => void, onFurther: () => void}} props
 */
export function Progress({ progress, count, grouped, onStop, onFurther }) {
  const { busy, done, next, scannedTo } = progress;
  if (progress.error) return null;
  const rows = t(grouped ? 'queries.counted' : 'queries.found', { n: count });
  const isFull = !busy && !done && !progress.stopped && !grouped && count >= 100;
  return html`<div class="search-progress">
    <p role="status">${rows}${scannedTo && html`, ${done ? t('queries.searchedAll') : html`${t('queries.searchedTo')} <${TimeEl} at=${scannedTo} as="datetime" />`}`}</p>
    ${busy && html`<${Button} label=${t('queries.stop')} onClick=${onStop} />`}
    ${!busy && next && !isFull && html`<${Button} label=${t('queries.further')} onClick=${onFurther} />`}
  </div>`;
}
