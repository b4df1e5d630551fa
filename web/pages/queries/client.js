// A client as tables and lists show it. Used by the queries and the live view.
import { html } from '../../ui/html.js';

/** @typedef {(address: string) => {name: string, addresses?: string[]} | null} Finder */

/** A client: what people call the device, then the address. @param {{address: string, device: Finder}} props */
export function Client({ address, device }) {
  const known = device(address);
  return known
    ? html`<span class="client" title=${`${known.name}, ${address}`}><span class="client-name">${known.name}</span> <span class="mono quiet">${address}</span></span>`
    : html`<span class="client mono" title=${address}>${address}</span>`;
}
