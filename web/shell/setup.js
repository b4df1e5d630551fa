/** The first-run card: is it running, and what comes next? Live shows it until it is hidden, or everything is done. */

import { useApp } from '../context.js';
import { html } from '../ui/html.js';
import { Lazy } from '../ui/lazy.js';

/**
 * @param {{empty?: boolean}} props `empty`: nobody has asked anything yet, and the page has nothing else to show
 */
export function Setup({ empty = false }) {
  const { settings, session } = useApp();
  if (!session.can('read') || (settings.hideSetup.value && !empty)) return null;
  return html`<${Lazy} load=${() => import('./setupcard.js')} name="SetupCard" empty=${empty} />`;
}
