/** Icons: strokes on a 16 px grid, drawn with the colour of the text. They never stand without a word or a label. */

import { html } from './html.js';

/** @type {Record<string, string>} */
const PATHS = {
  live: 'M1.5 8h2.8l1.9-5 3.2 10 1.9-5h3.2',
  queries: 'M2 3.5h12M2 8h12M2 12.5h7M11.5 11v3M10 12.5h3',
  zones: 'M8 1.8l5.8 3.1L8 8 2.2 4.9zM2.2 8L8 11.1 13.8 8M2.2 11.1L8 14.2l5.8-3.1',
  dnssec: 'M5 14a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM7.5 8L13.5 2M11 4.5l2.3 2.3',
  changes: 'M8 4.2V8l2.6 1.6M2.3 8a5.7 5.7 0 1 0 1.9-4.2M2.2 2v2.6h2.6',
  upstreams: 'M8 14V2.5M4 6.2l4-4 4 4M2.5 14h11',
  cache: 'M2.5 4.2c0-1.3 2.5-2.2 5.5-2.2s5.5.9 5.5 2.2S11 6.4 8 6.4 2.5 5.5 2.5 4.2zM2.5 4.2v7.6c0 1.3 2.5 2.2 5.5 2.2s5.5-.9 5.5-2.2V4.2M2.5 8c0 1.3 2.5 2.2 5.5 2.2s5.5-.9 5.5-2.2',
  blocking: 'M8 1.8l5.2 1.9v4.1c0 3.2-2.2 5.2-5.2 6.4-3-1.2-5.2-3.2-5.2-6.4V3.7zM5.6 5.6l4.8 4.8',
  clients: 'M2 3h9v6.5H2zM4 12.5h5M6.5 9.5v3M12.5 6H14v7.5h-3V11',
  security: 'M8 1.8l5.2 1.9v4.1c0 3.2-2.2 5.2-5.2 6.4-3-1.2-5.2-3.2-5.2-6.4V3.7zM5.5 8l1.8 1.8 3.4-3.6',
  config: 'M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3v3M5.5 10v3',
  access: 'M6 8.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM1.5 13.5c.4-2.2 2.2-3.4 4.5-3.4s4.1 1.2 4.5 3.4M11 3.2a2.5 2.5 0 0 1 0 4.6M12.3 10.4c1.3.5 2.1 1.6 2.3 3.1',
  system: 'M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.01M4.5 11h.01',
  alerts: 'M8 2a4 4 0 0 0-4 4v3l-1.3 2.3h10.6L12 9V6a4 4 0 0 0-4-4zM6.6 13.5a1.5 1.5 0 0 0 2.8 0',
  search: 'M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM10.7 10.7L14 14',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  menu: 'M2 4h12M2 8h12M2 12h12',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  check: 'M2.8 8.5l3.3 3.3 7-7.6',
  alert: 'M8 2.2L14.3 13.2H1.7zM8 6.5v3M8 11.4v.01',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5V11M8 5v.01',
  down: 'M4 6.5l4 4 4-4',
  right: 'M6.5 4l4 4-4 4',
  left: 'M9.5 4l-4 4 4 4',
  up: 'M4 9.5l4-4 4 4',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  copy: 'M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1',
  edit: 'M10.5 3l2.5 2.5-7.5 7.5-3 .5.5-3z',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M4.5 2.8l8 5.2-8 5.2z',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1',
  moon: 'M13.5 9.5A5.8 5.8 0 0 1 6.5 2.5a5.8 5.8 0 1 0 7 7z',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.3 6.4c0-1 .8-1.7 1.7-1.7s1.7.7 1.7 1.6c0 1.3-1.7 1.3-1.7 2.7M8 11.3v.01',
  user: 'M8 8.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 14c.5-2.5 2.6-4 5.5-4s5 1.5 5.5 4',
  out: 'M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3',
  refresh: 'M13.5 8A5.5 5.5 0 1 1 11.7 3.9M13.8 2v2.8H11',
  filter: 'M2 3h12L9.5 8.5V13l-3-1.5v-3z',
  download: 'M8 2v8M4.5 7L8 10.5 11.5 7M2.5 13.5h11',
  upload: 'M8 10.5v-8M4.5 6L8 2.5 11.5 6M2.5 13.5h11',
  external: 'M9 2.5h4.5V7M13.5 2.5L7 9M11.5 9.5v4h-9v-9h4',
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  eyeoff: 'M2.5 2.5l11 11M6.3 3.8A6 6 0 0 1 8 3.5c4 0 6.5 4.5 6.5 4.5a12 12 0 0 1-2 2.5M10 11.9a6 6 0 0 1-2 .6C4 12.5 1.5 8 1.5 8a12 12 0 0 1 2.7-3',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5',
  lock: 'M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  revert: 'M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M5.7 3.5L2.7 6.5l3 3',
};

/**
 * @param {{name: string, size?: number}} props
 */
export function Icon({ name, size = 16 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name] ?? PATHS.info} /></svg>`;
}

/** Names that there are. */
export const ICONS = Object.keys(PATHS);

/** The mark: a spring and what runs from it. @param {{size?: number}} props */
export function Mark({ size = 20 }) {
  return html`<svg class="mark" width=${size} height=${size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d="M10 2.2c2.6 3.3 4.3 5.7 4.3 8A4.3 4.3 0 0 1 10 14.5a4.3 4.3 0 0 1-4.3-4.3c0-2.3 1.7-4.7 4.3-8z" />
    <path d="M1.5 15.8c2.1-1.5 4.2-1.5 6.3 0s4.2 1.5 6.3 0 2.8-1.3 4.4-.6" /></svg>`;
}
