// What each file of tests begins with: a server, a browser, and their end. `const stage = useStage()`.

import { after, before } from 'node:test';

import { openBrowser, openPage } from '../browser.mjs';
import { startServer } from '../harness.mjs';
import { startSeeded } from '../seed.mjs';

/**
 * @param {{empty?: boolean, traffic?: number, config?: string}} [options] `empty`: a server that was just started, with nothing
 *   in it; `config`: of such a server, more of the configuration
 */
export function useStage({ empty = false, traffic, config } = {}) {
  const stage = {
    server: /** @type {import('../harness.mjs').Server} */ (/** @type {unknown} */ (null)),
    browser: /** @type {import('playwright-core').Browser} */ (/** @type {unknown} */ (null)),
    /** @param {Parameters<typeof openPage>[2]} [more] */
    open: (more) => openPage(stage.browser, stage.server, more),
  };
  before(async () => {
    [stage.server, stage.browser] = await Promise.all([empty ? startServer({ config }) : startSeeded({ traffic }), openBrowser()]);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.server?.stop();
  });
  return stage;
}
