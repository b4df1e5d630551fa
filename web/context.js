/** What every component may have from the page as a whole, without globals: `useApp()`. app.js makes it. */

import { createContext, useContext } from './ui/html.js';

/**
 * @typedef {object} App
 * @property {import('./api/http.js').Http} http requests
 * @property {import('./session.js').Session} session who is logged in, and what they may do
 * @property {import('./ui/html.js').Signal<import('./router.js').Route>} route
 * @property {import('./ui/toast.js').Toasts} toast
 * @property {import('./ui/dialogs.js').Dialogs} dialogs
 * @property {import('./lib/store.js').Settings} settings
 * @property {import('./api/live.js').Live} live what goes through the server now
 * @property {import('./shell/health.js').HealthStore} health the checks of the server
 * @property {import('./shell/pause.js').PauseStore} pause whether blocking is paused
 * @property {import('./lib/keys.js').Keys} keys shortcuts
 */

export const AppContext = createContext(/** @type {App|null} */ (null));

/** @returns {App} */
export function useApp() {
  const app = useContext(AppContext);
  if (!app) throw new Error('useApp() outside of the page');
  return app;
}
