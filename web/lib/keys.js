/**
 * Shortcuts. `keys.on('g q', run)`; single keys and sequences do nothing while somebody types, while a dialog is open, or
 * when they are switched off in the settings. `Mod` is Ctrl, or Command on a Mac.
 */

/** @typedef {ReturnType<typeof createKeys>} Keys */

/** @typedef {{keys: string, run: (event: KeyboardEvent) => void, title: string}} Shortcut */

const SEQUENCE_MS = 1200;

/** @param {EventTarget|null} target */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'submit'].includes(target.type);
}

/** @param {KeyboardEvent} event */
function named(event) {
  const mod = event.ctrlKey || event.metaKey ? 'Mod+' : '';
  return mod + (event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** @param {EventTarget|null} target Space presses what has the focus */
const isPressed = (target) => target instanceof Element && target.closest('button, a, summary, input, [role=button], [role=switch]') !== null;

/**
 * @param {() => boolean} singleKeys whether single keys are on
 */
export function createKeys(singleKeys) {
  /** @type {Shortcut[]} */
  const shortcuts = [];
  let first = '';
  let firstAt = 0;

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    const name = named(event);
    const found = (/** @type {string} */ keys) => shortcuts.findLast((shortcut) => shortcut.keys === keys);
    if (name.startsWith('Mod+')) {
      run(found(name), event);
      return;
    }
    if (!singleKeys() || isTyping(event.target) || document.querySelector('dialog[open]:modal')) return;
    if (name === 'Space' && isPressed(event.target)) return;
    const sequence = first && Date.now() - firstAt < SEQUENCE_MS ? found(`${first} ${name}`) : undefined;
    first = sequence ? '' : name;
    firstAt = Date.now();
    run(sequence ?? found(name), event);
  }

  /**
   * @param {Shortcut|undefined} shortcut
   * @param {KeyboardEvent} event
   */
  function run(shortcut, event) {
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(event);
  }

  return {
    /** All that are on now, for the help. */
    list: () => [...shortcuts],
    /**
     * @param {string} keys `Mod+k`, `?`, `g q`, `Space`, `ArrowDown`
     * @param {(event: KeyboardEvent) => void} run
     * @param {string} [title] what the help says; without it, the help is silent
     * @returns {() => void} takes it away
     */
    on(keys, run, title = '') {
      const shortcut = { keys, run, title };
      shortcuts.push(shortcut);
      return () => void shortcuts.splice(shortcuts.indexOf(shortcut), 1);
    },
    start() {
      document.addEventListener('keydown', pressed);
      return () => document.removeEventListener('keydown', pressed);
    },
  };
}
