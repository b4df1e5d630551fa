// One of a few, as buttons of which one is pressed. Used by the live view and the queries.
import { html } from '../../ui/html.js';

/** Buttons of which one is pressed. @param {{label: string, value: string, options: [string, string][], onChange: (value: string) => void}} props */
export function Choice({ label, value, options, onChange }) {
  return html`<div class="segmented" role="group" aria-label=${label}>${options.map(([key, word]) => html`<button type="button" key=${key} aria-pressed=${String(key === value)} onClick=${() => onChange(key)}>${word}</button>`)}</div>`;
}
