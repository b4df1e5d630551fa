/** Subscribes to a list, or changes a subscription, in a drawer. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form } from '../../ui/field.js';
import { useResource } from '../../ui/resource.js';
import { useApp } from '../../context.js';
import { allItems, DEFAULT_GROUP, groupNames, takeBack, versionTag } from '../../api/policy.js';
import { t } from '../../lib/i18n.js';
import { errorsOf } from '../fielderrors.js';

/** @typedef {import('../../api/types.js').BlockListOut} BlockList */
/** @typedef {import('../../api/policy.js').Group} Group */

/**
 * A name for a list from its address: its file, or the host.
 * @param {string} url
 * @returns {string}
 */
export function nameFrom(url) {
  const parts = url.replace(/^https?:\/\//, '').replace(/[?#].*$/, '').split('/').filter(Boolean);
  const last = (parts.length > 1 ? parts[parts.length - 1] : parts[0]) ?? '';
  const stem = last.replace(/\.(txt|list|hosts|conf)$/i, '');
  return (/^(hosts?|list|raw|filter|index)?$/i.test(stem) ? parts[0] ?? '' : stem).replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60);
}

/**
 * Boxes for the groups that a list is for.
 * @param {{groups: string[], chosen: string[], onChange: (chosen: string[]) => void}} props
 */
export function GroupBoxes({ groups, chosen, onChange }) {
  const toggle = (/** @type {string} */ group) =>
    onChange(chosen.includes(group) ? chosen.filter((one) => one !== group) : [...chosen, group]);
  return html`
    <fieldset class="boxes"><legend>${t('blocking.for')}</legend>
      ${groups.map((group) => html`<label key=${group} class="box">
        <input type="checkbox" checked=${chosen.includes(group)} onChange=${() => toggle(group)} />
        <span>${group === DEFAULT_GROUP ? t('blocking.group.default') : group}</span></label>`)}
    </fieldset>`;
}

/** @param {{list?: BlockList, taken: string[], onClose: () => void, onDone: () => void}} props */
export function ListForm({ list, taken, onClose, onDone }) {
  const { http, toast } = useApp();
  const [url, setUrl] = useState(list?.url ?? '');
  const [name, setName] = useState(list?.name ?? '');
  const [named, setNamed] = useState(Boolean(list));
  const [groups, setGroups] = useState(list?.groups.length ? list.groups : [DEFAULT_GROUP]);
  const [hours, setHours] = useState(String(list?.refresh_hours ?? 24));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const all = useResource('groups', (/** @type {AbortSignal} */ signal) => /** @type {Promise<Group[]>} */ (allItems(http, '/groups', { signal })));
  const wanted = named ? name : nameFrom(url);
  const errors = errorsOf(error);
  const submit = async () => {
    setBusy(true);
    const body = { name: wanted, url: url.trim(), groups, enabled: list?.enabled ?? true, refresh_hours: Number(hours) };
    try {
      const { etag } = list
        ? await http.put(`/blocking/lists/${encodeURIComponent(list.name)}`, body, { ifMatch: versionTag(list) })
        : await http.post('/blocking/lists', body);
      toast.ok(t(list ? 'blocking.list.changed' : 'blocking.list.added', { list: wanted }), { undo: () => takeBack(http, etag).then(onDone) });
      onClose();
      onDone();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  const isTaken = !list && taken.includes(wanted);
  return html`
    <${Drawer} title=${list ? t('blocking.list.edit', { list: list.name }) : t('blocking.list.add')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <${Field} label=${t('blocking.list.url')} value=${url} onInput=${setUrl} type="url" mono required error=${errors.at('/url')}
          placeholder="https://lists.example/ads.txt" help=${t('blocking.list.url.help')} />
        ${!list && html`<${Field} label=${t('blocking.list.name')} value=${wanted} required help=${t('blocking.list.name.help')}
          error=${isTaken ? t('blocking.list.taken', { list: wanted }) : errors.at('/name')}
          onInput=${(/** @type {string} */ value) => { setNamed(true); setName(value); }} />`}
        <${GroupBoxes} groups=${groupNames(all.data ?? [])} chosen=${groups} onChange=${setGroups} />
        <${Field} label=${t('blocking.list.hours')} value=${hours} onInput=${setHours} type="number" min="1" max="8760" required
          help=${t('blocking.list.hours.help')} error=${errors.at('/refresh_hours')} />
        ${errors.other && html`<p class="field-error" role="alert">${errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} disabled=${isTaken || !groups.length} label=${t(list ? 'blocking.save' : 'blocking.list.add.do')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}
