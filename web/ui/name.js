// A name where there may be little room, and whether there is. Used by tables, lists and the stream.
import { html, useLayoutEffect, useState } from './html.js';
import { shown } from '../lib/dns.js';

/** Below this width rows are two lines. */
const NARROW = 640;

/**
 * Whether an element has little room; it is told anew when that changes.
 * @param {{current: Element | null}} ref
 * @param {number} [limit]
 */
export function useNarrow(ref, limit = NARROW) {
  const [narrow, setNarrow] = useState(() => globalThis.innerWidth < limit);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const look = () => setNarrow(element.clientWidth < limit);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, [limit]);
  return narrow;
}

/**
 * A name that loses its middle where it has no room; it is whole in its tooltip and when copied.
 * @param {{name: string | null | undefined, tail?: number}} props
 */
export function Name({ name, tail = 16 }) {
  const text = name ? shown(name) : '–';
  if (text.length <= tail + 6) return html`<span class="mono name-short" title=${text}>${text}</span>`;
  const cut = text.length - tail;
  return html`<span class="mono middle" title=${text}><span class="middle-head">${text.slice(0, cut)}</span><span class="middle-tail">${text.slice(cut)}</span></span>`;
}
