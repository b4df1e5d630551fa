/** What an error of the API says about the fields of a form. Used by forms of blocking, clients and security. */

import { ApiError } from '../api/http.js';
import { errorText } from '../ui/page.js';
import { t } from '../lib/i18n.js';

/**
 * Errors by JSON pointer; `other` is what belongs to no field that was asked for.
 * @param {unknown} error null: there is none
 */
export function errorsOf(error) {
  const all = error instanceof ApiError ? error.errors : [];
  const asked = /** @type {Set<string>} */ (new Set());
  return {
    /** @param {string} pointer @returns {string | null} of this field and what is in it */
    at(pointer) {
      asked.add(pointer);
      const found = all.filter((one) => one.pointer === pointer || one.pointer?.startsWith(`${pointer}/`));
      return found.length ? found.map((one) => one.detail).join('; ') : null;
    },
    /** To be called behind `at`. */
    get other() {
      if (!error) return '';
      if (error instanceof ApiError && error.status === 412) return t('blocking.changed.meanwhile');
      if (!all.length) return errorText(error);
      const isShown = (/** @type {string} */ pointer) => [...asked].some((one) => pointer === one || pointer.startsWith(`${one}/`));
      return all.filter((one) => !one.pointer || !isShown(one.pointer)).map((one) => one.detail).join('; ');
    },
  };
}
