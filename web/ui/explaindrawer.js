// The explain drawer, which comes when it is opened first, with its words and its looks. Used by all that opens it.
import { loadArea } from '../lib/i18n.js';
import { html } from './html.js';
import { loadStyle, useModule } from './lazy.js';
import { ErrorPanel } from './page.js';

const load = () => Promise.all([import('./explain.js'), loadStyle('protect'), ...['explain', 'queries', 'blocking'].map((area) => loadArea(area))]).then(([module]) => module);

/** @param {import('./explain.js').ExplainProps} props */
export function ExplainDrawer(props) {
  const { module, error, again } = useModule('explain', load);
  if (error) return html`<${ErrorPanel} error=${error} onRetry=${again} />`;
  return module && html`<${module.ExplainDrawer} ...${props} />`;
}
