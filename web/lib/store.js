/** What this browser keeps: settings of the page, and small things of one user, in localStorage. */

import { signal } from '../ui/html.js';

const PREFIX = 'headwater.';

/**
 * @param {string} key
 * @returns {any} what was written, of whatever kind: any
 */
export function recall(key) {
  try {
    const text = localStorage.getItem(PREFIX + key);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Keeps something; undefined forgets it. A browser that keeps nothing is none the worse.
 * @param {string} key
 * @param {unknown} value
 */
export function keep(key, value) {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: the setting holds until the page is left.
  }
}

/**
 * A signal whose value is kept. `set` writes it.
 * @template T
 * @param {string} key
 * @param {T} initial
 */
export function stored(key, initial) {
  const value = signal(/** @type {T} */ (recall(key) ?? initial));
  return Object.assign(value, {
    /** @param {T} next */
    set(next) {
      value.value = next;
      keep(key, next);
    },
  });
}

/** @typedef {'system'|'light'|'dark'} Theme */

/** @typedef {ReturnType<typeof createSettings>} Settings */

/** Settings of the page; each is a signal with `set`. */
export function createSettings() {
  const theme = stored('theme', /** @type {Theme} */ ('system'));
  return {
    theme,
    /** Light becomes dark, and dark light. */
    toggleTheme: () => theme.set(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
    /** '' follows the browser */
    lang: stored('lang', ''),
    density: stored('density', /** @type {'auto'|'dense'|'roomy'} */ ('auto')),
    utc: stored('utc', false),
    /** whether single keys do something */
    keys: stored('keys', true),
    hideSetup: stored('hide-setup', false),
  };
}

/**
 * Sets the theme of the page.
 * @param {Theme} theme
 */
export function applyTheme(theme) {
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}
