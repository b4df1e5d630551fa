/** The one question that is asked before what cannot be taken back: `useApp().dialogs.confirm({…})`. */

import { html, signal } from './html.js';
import { Lazy } from './lazy.js';

/** @typedef {import('./html.js').Children} Children */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {Children} [text] what happens, and to what
 * @property {string} action the word on the button
 * @property {boolean} [danger]
 * @property {string} [type] what must be typed before
 */

/** @typedef {ReturnType<typeof createDialogs>} Dialogs */

export function createDialogs() {
  const open = signal(/** @type {(Question & {settle: (yes: boolean) => void})|null} */ (null));
  return {
    open,
    /**
     * @param {Question} question
     * @returns {Promise<boolean>}
     */
    confirm(question) {
      open.peek()?.settle(false);
      return new Promise((resolve) => {
        open.value = {
          ...question,
          settle(yes) {
            open.value = null;
            resolve(yes);
          },
        };
      });
    },
  };
}

/** @param {{dialogs: Dialogs}} props */
export function ConfirmDialog({ dialogs }) {
  const question = dialogs.open.value;
  return question ? html`<${Lazy} key=${question} load=${() => import('./confirm.js')} name="Confirm" question=${question} />` : null;
}
