/** What components are made of: Preact, hooks, signals and `html`. Everything in web/ takes them from here. */

import { Fragment, createContext, h, render } from '../vendor/preact.mjs';
import htm from '../vendor/htm.mjs';

export { Fragment, createContext, h, render };
export {
  useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
} from '../vendor/hooks.mjs';
export { batch, computed, effect, signal, untracked } from '../vendor/signals-core.mjs';
export { useComputed, useSignal, useSignalEffect } from '../vendor/signals.mjs';

/**
 * What a component may return, and what children may be.
 * @typedef {import('../vendor/preact.mjs').ComponentChildren} Children
 */

/** @typedef {import('../vendor/preact.mjs').VNode} VNode */

/**
 * @template T
 * @typedef {import('../vendor/signals-core.mjs').Signal<T>} Signal
 */

/**
 * @template T
 * @typedef {import('../vendor/signals-core.mjs').ReadonlySignal<T>} ReadonlySignal
 */

/**
 * Markup as a tagged template.
 * @type {(strings: TemplateStringsArray, ...values: any[]) => VNode} props of components are checked by nothing: any
 */
export const html = /** @type {any} */ (htm.bind(h));
