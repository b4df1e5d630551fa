/** Blocks: clients that get no answers for a while. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { TermChoice, useTerm } from '../../ui/choice.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form } from '../../ui/field.js';
import { Banner, Empty } from '../../ui/page.js';
import { DataTable } from '../../ui/table.js';
import { useApp } from '../../context.js';
import { authorOf, bare } from '../../api/policy.js';
import { TimeEl, ago, dateTime } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, setParams } from '../../router.js';
import { errorsOf } from '../fielderrors.js';
import { Part } from '../part.js';

/** @typedef {import('../../api/types.js').BlockOut} Block */
/** @template T @typedef {import('../part.js').Resource<T>} Resource */

const MINUTE_MS = 60_000;
/** What the server calls itself as the author of a block. */
const OWN = 'anomaly detection';

/** @param {string} who */
const whoWords = (who) => (who === OWN ? t('security.byitself') : authorOf(who));

/** @returns {import('../../ui/table.js').Column<Block>[]} */
const columns = () => [
  { key: 'network', title: t('security.network'), mono: true, cell: (block) => bare(block.network) },
  { key: 'reason', title: t('security.why'), wide: true, cell: (block) => block.reason || '–' },
  { key: 'since', title: t('security.since'), cell: (block) => html`<${TimeEl} at=${block.since_ms} />` },
  { key: 'until', title: t('security.until'), cell: (block) => html`<${TimeEl} at=${block.until_ms} />` },
  { key: 'who', title: t('security.who'), cell: (block) => whoWords(block.who) },
];

/** Two lines of a block where there is little room. @param {Block} block */
const phone = (block) => html`
  <span class="line-1"><b class="mono">${bare(block.network)}</b> <span class="dim">${t('security.ends')} ${ago(block.until_ms)}</span></span>
  <span class="line dim">${[block.reason, whoWords(block.who)].filter(Boolean).join(' · ')}</span>`;

/** @param {{network?: string, reason?: string, onClose: () => void, onDone: () => void}} props */
export function BlockForm({ network: first = '', reason: because = '', onClose, onDone }) {
  const { http, toast } = useApp();
  const [network, setNetwork] = useState(first);
  const [reason, setReason] = useState(because);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const term = useTerm('60');
  const errors = errorsOf(error);
  const submit = async () => {
    setBusy(true);
    try {
      const { data } = await http.post('/blocks', { network: network.trim(), reason: reason.trim(), minutes: term.minutes() });
      toast.ok(t('security.blocked', { network: bare(data.network), time: dateTime(data.until_ms) }), { undo: () => http.del(`/blocks/${data.id}`).then(onDone) });
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`
    <${Drawer} title=${t('security.block.title')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <${Banner} tone="warn">${t('security.block.note')}<//>
        <${Field} label=${t('security.network')} mono value=${network} onInput=${setNetwork} required error=${errors.at('/network')} placeholder="192.0.2.7" help=${t('security.network.help')} autocomplete="off" />
        <${TermChoice} term=${term} options=${['10', '60', '1440', 'at']} />
        <${Field} label=${t('security.why')} value=${reason} onInput=${setReason} maxlength="500" error=${errors.at('/reason')} />
        ${(errors.at('/minutes') || errors.other) && html`<p class="field-error" role="alert">${errors.at('/minutes') ?? errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} disabled=${!network.trim() || !term.ok} label=${t('security.block.do')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}

/** @param {{res: Resource<Block[]>, params: URLSearchParams}} props */
export function Blocks({ res, params }) {
  const { http, session, toast } = useApp();
  const may = session.can('configure');
  const end = async (/** @type {Block} */ block) => {
    try {
      await http.del(`/blocks/${block.id}`);
      const again = () => http.post('/blocks', {
        network: block.network, reason: block.reason, minutes: Math.max(1, Math.round((block.until_ms - Date.now()) / MINUTE_MS)),
      }).then(res.reload);
      toast.ok(t('security.unblocked', { network: bare(block.network) }), { undo: again });
    } catch (error) {
      toast.error(error);
    }
    res.reload();
  };
  const items = (/** @type {Block} */ block) => [
    { label: t('security.queries'), href: href('queries', [], { filter: `client:${block.network}` }) },
    ...(may ? [{ label: t('security.block.end'), onSelect: () => end(block) }] : []),
  ];
  const all = (/** @type {Block[]} */ blocks) => html`
    <div class="tab-actions"><p class="dim">${t('security.blocks.what')}</p>
      ${may && html`<${Button} tone="primary" label=${t('security.block.add')} onClick=${() => setParams({ add: '1' }, { push: true })} />`}</div>
    <${DataTable} id="blocks" caption=${t('security.tab.blocks')} columns=${columns()} rows=${blocks} rowKey=${(/** @type {Block} */ block) => String(block.id)}
      actions=${items} phone=${phone} empty=${html`<${Empty} icon="check" title=${t('security.blocks.empty')} why=${t('security.blocks.empty.why')} />`} />
    ${may && params.get('add') && html`<${BlockForm} onClose=${() => setParams({ add: null })} onDone=${res.reload} />`}`;
  return html`<${Part} res=${res}>${all}<//>`;
}
