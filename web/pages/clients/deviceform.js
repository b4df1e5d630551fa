/** Names a device: where an address stands in the table, or in a drawer with everything that can be set. */

import { html, useState } from '../../ui/html.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form, Select, TextArea } from '../../ui/field.js';
import { useApp } from '../../context.js';
import { DEFAULT_GROUP, bare, deviceBody, groupNames, takeBack, versionTag } from '../../api/policy.js';
import { t } from '../../lib/i18n.js';
import { errorsOf } from '../fielderrors.js';

/** @typedef {import('../../api/policy.js').Device} Device */
/** @typedef {import('../../api/policy.js').Group} Group */

/**
 * Sets a device, and says so.
 * @param {() => void} reload
 */
function useSetDevice(reload) {
  const { http, toast } = useApp();
  return async (/** @type {Device | null} */ before, /** @type {Partial<Device>} */ body) => {
    const { etag } = before
      ? await http.put(`/clients/${encodeURIComponent(before.name)}`, { ...deviceBody(before), ...body }, { ifMatch: versionTag(before) })
      : await http.post('/clients', body);
    toast.ok(t(before ? 'clients.changed' : 'clients.named', { name: body.name ?? before?.name }), { undo: () => takeBack(http, etag).then(reload) });
  };
}

/** @param {Group[]} groups */
const groupOptions = (groups) => groupNames(groups).map((value) => ({ value, label: value }));

/**
 * Gives an address a name, or adds it to a device that is there.
 * @param {{address: string, people: import('../../api/policy.js').People, onDone: () => void, onClose: () => void}} props
 */
export function NameForm({ address, people: { devices, groups }, onDone, onClose }) {
  const set = useSetDevice(onDone);
  const own = devices.filter((device) => device.origin === 'api');
  const [to, setTo] = useState('');
  const [name, setName] = useState('');
  const [group, setGroup] = useState(DEFAULT_GROUP);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const errors = errorsOf(error);
  const existing = own.find((device) => device.name === to) ?? null;
  const submit = async () => {
    setBusy(true);
    try {
      await (existing
        ? set(existing, { addresses: [...existing.addresses, address] })
        : set(null, { name: name.trim(), addresses: [address], group: group === DEFAULT_GROUP ? '' : group }));
      onDone();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return html`
    <${Form} class="name-form" onSubmit=${submit} busy=${busy} label=${t('clients.nameit.of', { address })}>
      ${own.length > 0 && html`<${Select} label=${t('clients.is')} value=${to} onChange=${setTo}
        options=${[{ value: '', label: t('clients.is.new') }, ...own.map((device) => ({ value: device.name, label: device.name }))]} />`}
      ${!existing && html`<${Field} label=${t('clients.name')} value=${name} onInput=${setName} required maxlength="100" error=${errors.at('/name')} autofocus autocomplete="off" />
        <${Select} label=${t('clients.group')} value=${group} options=${groupOptions(groups)} onChange=${setGroup} error=${errors.at('/group')} />`}
      <div class="acts">
        <${Button} type="submit" tone="primary" busy=${busy} disabled=${!existing && !name.trim()} label=${t(existing ? 'clients.addto' : 'clients.name.do')} />
        <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
      </div>
      ${errors.other && html`<p class="field-error" role="alert">${errors.other}</p>`}
    <//>`;
}

/** @param {{device?: Device | null, groups: Group[], onClose: () => void, onDone: () => void}} props */
export function DeviceForm({ device, groups, onClose, onDone }) {
  const set = useSetDevice(onDone);
  const [name, setName] = useState(device?.name ?? '');
  const [addresses, setAddresses] = useState(device?.addresses.map(bare).join('\n') ?? '');
  const [group, setGroup] = useState(device?.group || DEFAULT_GROUP);
  const [tags, setTags] = useState(device?.tags.join(' ') ?? '');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const errors = errorsOf(error);
  const words = (/** @type {string} */ text) => text.split(/[\s,;]+/).filter(Boolean);
  const submit = async () => {
    setBusy(true);
    try {
      await set(device ?? null, { name: name.trim(), addresses: words(addresses), group: group === DEFAULT_GROUP ? '' : group, tags: words(tags) });
      onDone();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return html`
    <${Drawer} title=${device ? t('clients.edit', { name: device.name }) : t('clients.add')} onClose=${onClose}>
      <${Form} onSubmit=${submit} busy=${busy}>
        <${Field} label=${t('clients.name')} value=${name} onInput=${setName} required maxlength="100" error=${errors.at('/name')} autocomplete="off" />
        <${TextArea} label=${t('clients.addresses')} mono rows=${3} value=${addresses} onInput=${setAddresses} help=${t('clients.addresses.help')} error=${errors.at('/addresses')} />
        <${Select} label=${t('clients.group')} value=${group} options=${groupOptions(groups)} onChange=${setGroup} error=${errors.at('/group')} />
        <${Field} label=${t('clients.tags')} mono value=${tags} onInput=${setTags} help=${t('clients.tags.help')} error=${errors.at('/tags')} autocomplete="off" />
        ${errors.other && html`<p class="field-error" role="alert">${errors.other}</p>`}
        <div class="acts">
          <${Button} type="submit" tone="primary" busy=${busy} disabled=${!name.trim()} label=${t(device ? 'blocking.save' : 'clients.add')} />
          <${Button} label=${t('blocking.cancel')} onClick=${onClose} />
        </div>
      <//>
    <//>`;
}
