/** The servers of the cluster, on the page System: how far each is, what is wrong there, and whom nobody waits for. */
import { html, useState } from '../ui/html.js';
import { useApp } from '../context.js';
import { TimeEl, num } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { Button } from '../ui/button.js';
import { Banner } from '../ui/page.js';
import { useResource } from '../ui/resource.js';
import { Chip, State } from '../ui/state.js';
import { DataTable } from '../ui/table.js';
import { all } from './listing.js';
import { Part } from './part.js';

/**
 * @typedef {{ name: string, is_this: boolean, state: 'serving' | 'stopped' | 'absent', drained: boolean, version: string, started_ms: number,
 *   heard_ms_ago: number, position: number, lag: number, zones: number, drift: boolean, labels: Record<string, string>, problems: string[] }} Node
 */

const EVERY_MS = 5_000;

/** Nothing for a server that shares its zones with nobody. */
export function Nodes() {
  const { http } = useApp();
  const res = useResource('nodes', async (signal) => ({ nodes: /** @type {Node[]} */ (await all(http, '/nodes', signal)), at: Date.now() }), { every: EVERY_MS });
  if (res.data && res.data.nodes.length < 2) return null;
  return html`<${Part} title=${t('system.nodes')} res=${res}>${(/** @type {{nodes: Node[], at: number}} */ { nodes, at }) => html`
    <p class="muted">${t('system.nodesHelp')}</p>
    <${Differing} nodes=${nodes} />
    <${DataTable} id="nodes" caption=${t('system.nodes')} rows=${nodes} rowKey=${(/** @type {Node} */ node) => node.name} columns=${columns(at, nodes.some((node) => Object.keys(node.labels).length > 0), res.reload)} empty="" />`}<//>`;
}

/** Which servers have other zones, and what to do about it. @param {{ nodes: Node[] }} props */
function Differing({ nodes }) {
  const names = nodes.filter((node) => node.drift).map((node) => node.name);
  if (names.length === 0) return null;
  return html`<${Banner} tone="bad" title=${t('system.node.differTitle', { n: names.length, names: names.join(', ') })}>${t('system.node.differText')}<//>`;
}

/** How a server is, in one word with its glyph. @param {{ node: Node }} props */
function NodeState({ node }) {
  if (node.state === 'absent') return html`<${State} kind="bad" word=${t('system.node.absent')} />`;
  if (node.state === 'stopped') return html`<${State} kind="off" word=${t('system.node.stopped')} />`;
  if (node.drift) return html`<${State} kind="bad" word=${t('system.node.drift')} />`;
  if (node.problems.length) return html`<${State} kind="warn" word=${t('system.node.problems', { names: node.problems.map(checkName).join(', ') })} />`;
  return html`<${State} kind="ok" word=${t('system.node.serving')} />`;
}

/** @param {string} name */
function checkName(name) {
  const title = t(`system.check.${name}`);
  return title === `system.check.${name}` ? name : title;
}

/** @param {{ node: Node, onDone: () => void }} props */
function Actions({ node, onDone }) {
  const { http, dialogs, toast, session } = useApp();
  const [busy, setBusy] = useState(false);
  if (!session.can('admin')) return null;
  const path = `/nodes/${encodeURIComponent(node.name)}`;
  /** @param {'drain' | 'undrain' | 'remove'} what @param {() => Promise<unknown>} change */
  const act = async (what, change) => {
    const words = (/** @type {string} */ part) => t(`system.node.${what}.${part}`, { name: node.name });
    if (!await dialogs.confirm({ title: words('title'), text: words('text'), action: t(`system.node.${what}`), danger: what === 'remove' })) return;
    setBusy(true);
    try {
      await change();
      toast.ok(words('done'));
      onDone();
    } catch (error) {
      toast.error(error);
    }
    setBusy(false);
  };
  const turn = node.drained ? 'undrain' : 'drain';
  return html`<span class="row"><${Button} small busy=${busy} label=${t(`system.node.${turn}`)} onClick=${() => act(turn, () => http.put(path, { drained: !node.drained }))} />
    ${node.state !== 'serving' && html`<${Button} small busy=${busy} label=${t('system.node.remove')} onClick=${() => act('remove', () => http.del(path))} />`}</span>`;
}

/** @param {{ node: Node }} props */
const Labels = ({ node }) => Object.entries(node.labels).map(([key, value]) => html`<${Chip} key=${key}>${key}: ${value}<//>`);

/** @param {number} at when this was so @param {boolean} hasLabels some server has @param {() => void} onDone */
const columns = (at, hasLabels, onDone) => [
  { key: 'name', title: t('system.node.name'), mono: true, wide: true, cell: (/** @type {Node} */ node) => html`<span>${node.name}${node.is_this && html` <span class="meta">${t('system.node.this')}</span>`}</span>` },
  { key: 'labels', title: t('system.node.labels'), off: !hasLabels, cell: (/** @type {Node} */ node) => html`<span class="row"><${Labels} node=${node} /></span>` },
  { key: 'state', title: t('system.node.state'), cell: (/** @type {Node} */ node) => html`<span><${NodeState} node=${node} />${node.drained && html` <span class="meta">${t('system.node.drained')}</span>`}</span>` },
  { key: 'lag', title: t('system.node.lag'), align: /** @type {const} */ ('end'), cell: (/** @type {Node} */ node) => num(node.lag) },
  { key: 'position', title: t('system.position'), align: /** @type {const} */ ('end'), off: true, cell: (/** @type {Node} */ node) => num(node.position) },
  { key: 'zones', title: t('system.zones'), align: /** @type {const} */ ('end'), cell: (/** @type {Node} */ node) => num(node.zones) },
  { key: 'heard', title: t('system.node.heard'), cell: (/** @type {Node} */ node) => html`<${TimeEl} at=${at - node.heard_ms_ago} />` },
  { key: 'version', title: t('system.version'), off: true, cell: (/** @type {Node} */ node) => node.version },
  { key: 'actions', title: t('system.node.actions'), plain: true, cell: (/** @type {Node} */ node) => html`<${Actions} node=${node} onDone=${onDone} />` },
];
