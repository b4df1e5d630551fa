/** Modules that are loaded when they are needed: pages, and what is opened now and then. */

import { html, useEffect, useState } from './html.js';
import { ErrorPanel } from './page.js';

/**
 * A module that is loaded when it is needed; the one before stays until then.
 * @param {string|null} key
 * @param {() => Promise<any>} load modules differ: any
 * @returns {{key: string|null, module: any, error: unknown, again: () => void}}
 */
export function useModule(key, load) {
  const [state, setState] = useState(/** @type {{key: string|null, module: any, error: unknown}} */ ({ key: null, module: null, error: null }));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (key === null) return undefined;
    let wanted = true;
    load().then(
      (module) => wanted && setState({ key, module, error: null }),
      (error) => wanted && setState((before) => ({ ...before, key, module: null, error })),
    );
    return () => {
      wanted = false;
    };
  }, [key, tries]);
  return { ...state, again: () => setTries(tries + 1) };
}

/**
 * A component of a module that comes when this is drawn first; nothing until then.
 * @param {{load: () => Promise<any>, name: string, fallback?: import('./html.js').Children} & Record<string, any>} props others go to the component: any
 */
export function Lazy({ load, name, fallback = null, ...props }) {
  const { module, error, again } = useModule(name, load);
  if (error) return html`<${ErrorPanel} error=${error} onRetry=${again} />`;
  return module ? html`<${module[name]} ...${props} />` : fallback;
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * The rules of `css/pages/NAME.css`, which only some pages have use for; pages are shown without them if they cannot be had.
 * @param {string} name
 * @returns {Promise<void>}
 */
export function loadStyle(name) {
  let loading = styles.get(name);
  if (!loading) {
    loading = new Promise((done) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL(`../css/pages/${name}.css`, import.meta.url).href;
      link.onload = () => done();
      link.onerror = () => {
        styles.delete(name);
        link.remove();
        done();
      };
      document.head.append(link);
    });
    styles.set(name, loading);
  }
  return loading;
}
