/** Tokens for programs and TSIG keys: secrets that are shown once. Used by the access page. */

import { html, useState } from '../../ui/html.js';
import { newKey } from '../../api/http.js';
import { useApp } from '../../context.js';
import { dateTime, TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { Button, CopyButton } from '../../ui/button.js';
import { Dialog } from '../../ui/dialog.js';
import { Drawer } from '../../ui/drawer.js';
import { Field, Form, Secret, Select } from '../../ui/field.js';
import { Banner, Empty, errorText } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { all, faults } from '../listing.js';
import { Part } from '../part.js';
import { GrantFields, PURPOSES, sentence, tidy } from './grants.js';

/**
 * @typedef {{ id: string, name: string, owner: string, created_at_ms: number, expires_at_ms: number | null, grants: import('./grants.js').Grant[], token?: string }} Token
 */

const SOON_MS = 7 * 86_400_000;

/** @param {{ at: number | null }} props */
function Ends({ at }) {
  if (!at) return t('access.never');
  if (at <= Date.now()) return html`<${State} kind="off" word=${t('access.expired')} />`;
  if (at < Date.now() + SOON_MS) return html`<${State} kind="warn" word=${t('access.soon')} /> <${TimeEl} at=${at} />`;
  return html`<${TimeEl} at=${at} as="day" />`;
}

export function Tokens() {
  const { http, session, dialogs, toast } = useApp();
  const res = useResource('access.tokens', (signal) => all(http, '/tokens', signal));
  const [making, setMaking] = useState(false);
  const revoke = async (/** @type {Token} */ token) => {
    if (!await dialogs.confirm({ title: t('access.revokeToken', { name: token.name }), text: t('access.revokeText', { owner: token.owner }), action: t('access.revoke'), danger: true })) return;
    try {
      await http.del(`/tokens/${encodeURIComponent(token.id)}`);
      res.reload();
      toast.ok(t('access.revoked', { name: token.name }));
    } catch (error) { toast.error(error); }
  };
  const may = (/** @type {Token} */ row) => html`<ul class="plain-list grant-sentences">${row.grants.map((grant) => html`<li>${sentence(grant)}</li>`)}</ul>`;
  const columns = [
    { key: 'name', title: t('access.name'), cell: (/** @type {Token} */ row) => html`<span><strong>${row.name}</strong> <span class="meta mono">${row.id}</span></span>` },
    ...(session.can('admin') ? [{ key: 'owner', title: t('access.owner'), mono: true, cell: (/** @type {Token} */ row) => row.owner }] : []),
    { key: 'may', title: t('access.may'), wide: true, cell: may },
    { key: 'made', title: t('access.since'), cell: (/** @type {Token} */ row) => html`<${TimeEl} at=${row.created_at_ms} as="day" />` },
    { key: 'ends', title: t('access.ends'), cell: (/** @type {Token} */ row) => html`<${Ends} at=${row.expires_at_ms} />` },
    { key: 'revoke', title: t('access.revokeTitle'), plain: true, cell: (/** @type {Token} */ row) => html`<${Button} small label=${t('access.revoke')} onClick=${() => revoke(row)} />` },
  ];
  const button = html`<${Button} tone="primary" label=${t('access.newToken')} onClick=${() => setMaking(true)} />`;
  return html`<${Part} title=${t('access.tab.tokens')} actions=${button} res=${res}>
    ${(/** @type {Token[]} */ rows) => html`<p class="muted">${t('access.tokenHelp')}</p>
      <${DataTable} id="tokens" caption=${t('access.tab.tokens')} columns=${columns} rows=${rows} rowKey=${(/** @type {Token} */ row) => row.id}
        empty=${html`<${Empty} title=${t('access.noTokens')} why=${t('access.noTokensWhy')} />`} />`}<//>
    ${making && html`<${TokenForm} onClose=${() => setMaking(false)} onDone=${() => { setMaking(false); res.reload(); }} />`}`;
}

const DAY_MS = 86_400_000;
const SPANS = ['30', '90', '365', ''];

/** A command that uses the token. @param {string} base @param {string} token @param {string} purpose @param {string} zone @param {string} host */
function curl(base, token, purpose, zone, host) {
  const auth = `-H 'Authorization: Bearer ${token}'`;
  const api = new URL(base, location.href).href;
  const put = (/** @type {string} */ name, /** @type {string} */ type, /** @type {string} */ data) =>
    `curl --fail-with-body -sS ${auth} \\\n  -H 'Content-Type: application/json' -X PUT \\\n  '${api}/zones/${zone}/rrsets/${name}/${type}' \\\n  -d '{"ttl": 60, "records": ["${data}"]}'`;
  if (purpose === 'acme') return put(`_acme-challenge.${host || zone}.`, 'TXT', 'CHALLENGE');
  if (purpose === 'ddns') return put(`${host || zone}.`, 'A', '192.0.2.1');
  return `curl --fail-with-body -sS ${auth} \\\n  '${api}/${purpose === 'edit' && zone ? `zones/${zone}/rrsets` : 'zones'}'`;
}

/** @param {{ onClose: () => void, onDone: () => void }} props */
export function TokenForm({ onClose, onDone }) {
  const { http, session } = useApp();
  const admin = session.can('admin');
  const users = useResource('access.users', async (signal) => (admin ? all(http, '/users', signal) : []));
  const me = session.me.value?.name ?? '';
  const [name, setName] = useState('');
  const [owner, setOwner] = useState(me);
  const [days, setDays] = useState('90');
  const [purpose, setPurpose] = useState('read');
  const [zone, setZone] = useState('');
  const [host, setHost] = useState('');
  const [grants, setGrants] = useState([{ zones: ['**'], verbs: ['read'] }]);
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const [made, setMade] = useState(/** @type {Token | null} */ (null));
  const kind = /** @type {typeof PURPOSES[0]} */ (PURPOSES.find((it) => it.id === purpose));
  const [apex, full] = [zone.trim().replace(/\.$/, ''), host.trim().replace(/\.$/, '')];
  const wanted = purpose === 'custom' ? grants.map(tidy) : [kind.grant(apex, full)];
  const expires = days ? Date.now() + Number(days) * DAY_MS : null;
  const save = async () => {
    if (!name.trim()) return setBad({ name: t('access.nameMissing') });
    if (kind.zone && !apex) return setBad({ zone: t('access.zoneMissing') });
    setBusy(true);
    setBad({});
    try {
      const body = { name: name.trim(), grants: wanted, ...(owner !== me ? { owner } : {}), ...(expires ? { expires_at_ms: expires } : {}) };
      setMade((await http.post('/tokens', body, { idempotencyKey: newKey() })).data);
    } catch (error) {
      const found = faults(error, ['name', 'owner', 'grants', 'expires_at_ms']);
      setBad(Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  if (made?.token) {
    return html`<${Once} title=${t('access.tokenMade', { name: made.name })} secret=${made.token} onClose=${onDone}
      uses=${[{ title: t('access.try'), text: curl(http.base, made.token, purpose, apex, full) }]} />`;
  }
  return html`<${Drawer} title=${t('access.newToken')} onClose=${onClose}>
    <${Form} onSubmit=${save} busy=${busy}>
      ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
      <${Field} label=${t('access.name')} help=${t('access.tokenNameHelp')} required value=${name} onInput=${setName} error=${bad.name} mono autocomplete="off" autocapitalize="none" />
      <${Select} label=${t('access.purpose')} value=${purpose} onChange=${setPurpose} options=${PURPOSES.map((it) => ({ value: it.id, label: t(`access.purpose.${it.id}`) }))} />
      ${kind.zone && html`<${Field} label=${t('access.zone')} required value=${zone} onInput=${setZone} error=${bad.zone} placeholder="example.org" mono autocapitalize="none" />`}
      ${kind.host && html`<${Field} label=${t('access.host')} help=${t(`access.host.${purpose}`)} value=${host} onInput=${setHost} placeholder="www.example.org" mono autocapitalize="none" />`}
      ${purpose === 'custom' && html`<${GrantFields} grants=${grants} onChange=${setGrants} error=${bad.grants} />`}
      <${Select} label=${t('access.ends')} value=${days} onChange=${setDays} error=${bad.expires_at_ms} options=${SPANS.map((value) => ({ value, label: value ? t('access.days', { n: Number(value) }) : t('access.never') }))} />
      ${admin && html`<${Select} label=${t('access.owner')} help=${t('access.ownerHelp')} value=${owner} onChange=${setOwner} error=${bad.owner}
        options=${[...new Set([me, ...(users.data ?? []).map((/** @type {{ name: string }} */ it) => it.name)])].filter(Boolean)} />`}
      <${Banner} tone="info" title=${t('access.thisToken')}>
        <ul class="plain-list">${wanted.map((grant) => html`<li>${sentence(grant)}</li>`)}</ul>
        <p>${expires ? t('access.untilTime', { time: dateTime(expires) }) : t('access.forEver')} ${t('access.neverMore', { owner })}</p>
      <//>
      ${purpose !== 'custom' && bad.grants && html`<p class="field-error">${bad.grants}</p>`}
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t('access.makeToken')} /></div>
    <//>
  <//>`;
}

/** @typedef {{ name: string, algorithm: string, created_at_ms: number, secret?: string, warning?: string }} Key */

const ALGORITHMS = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512', 'hmac-sha224', 'hmac-sha1', 'hmac-md5'];

export function Keys() {
  const { http, dialogs, toast } = useApp();
  const res = useResource('access.keys', (signal) => all(http, '/tsig-keys', signal));
  const [making, setMaking] = useState(false);
  const remove = async (/** @type {Key} */ key) => {
    if (!await dialogs.confirm({ title: t('access.deleteKey', { name: key.name }), text: t('access.deleteKeyText'), action: t('access.delete'), danger: true, type: key.name })) return;
    try {
      await http.del(`/tsig-keys/${encodeURIComponent(key.name)}`);
      res.reload();
      toast.ok(t('access.keyDeleted', { name: key.name }));
    } catch (error) { toast.error(error); }
  };
  const columns = [
    { key: 'name', title: t('access.name'), mono: true, wide: true, cell: (/** @type {Key} */ row) => row.name },
    { key: 'algorithm', title: t('access.algorithm'), cell: (/** @type {Key} */ row) => html`${row.algorithm}${row.warning && html` <${State} kind="warn" word=${t('access.replace')} /> <span class="meta">${row.warning}</span>`}` },
    { key: 'made', title: t('access.since'), cell: (/** @type {Key} */ row) => html`<${TimeEl} at=${row.created_at_ms} as="day" />` },
    { key: 'delete', title: t('access.delete'), plain: true, cell: (/** @type {Key} */ row) => html`<${Button} small label=${t('access.delete')} onClick=${() => remove(row)} />` },
  ];
  return html`<${Part} title=${t('access.tab.keys')} actions=${html`<${Button} tone="primary" label=${t('access.newKey')} onClick=${() => setMaking(true)} />`} res=${res}>
    ${(/** @type {Key[]} */ rows) => html`<p class="muted">${t('access.keyHelp')}</p>
      <${DataTable} id="tsig" caption=${t('access.tab.keys')} columns=${columns} rows=${rows} rowKey=${(/** @type {Key} */ row) => row.name}
        empty=${html`<${Empty} title=${t('access.noKeys')} why=${t('access.noKeysWhy')} />`} />`}<//>
    ${making && html`<${KeyForm} onClose=${() => setMaking(false)} onDone=${() => { setMaking(false); res.reload(); }} />`}`;
}

/** @param {Key & { secret: string }} key */
function uses({ name, algorithm, secret }) {
  const bare = name.replace(/\.$/, '');
  return [
    { title: t('access.useDig'), text: `dig -y ${algorithm}:${bare}:${secret} @SERVER ZONE AXFR` },
    { title: t('access.useKey'), text: `key "${bare}" {\n  algorithm ${algorithm};\n  secret "${secret}";\n};` },
  ];
}

/** @param {{ onClose: () => void, onDone: () => void }} props */
function KeyForm({ onClose, onDone }) {
  const { http } = useApp();
  const [name, setName] = useState('');
  const [algorithm, setAlgorithm] = useState('hmac-sha256');
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const [made, setMade] = useState(/** @type {(Key & { secret: string }) | null} */ (null));
  const save = async () => {
    if (!name.trim()) return setBad({ name: t('access.nameMissing') });
    setBusy(true);
    setBad({});
    try {
      const body = { name: name.trim(), algorithm, ...(secret.trim() ? { secret: secret.trim() } : {}) };
      setMade((await http.post('/tsig-keys', body, { idempotencyKey: newKey() })).data);
    } catch (error) {
      const found = faults(error, ['name', 'algorithm', 'secret']);
      setBad(Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  if (made) return html`<${Once} title=${t('access.keyMade', { name: made.name })} secret=${made.secret} uses=${uses(made)} onClose=${onDone} />`;
  return html`<${Drawer} title=${t('access.newKey')} onClose=${onClose}>
    <${Form} onSubmit=${save} busy=${busy}>
      ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
      <${Field} label=${t('access.name')} help=${t('access.keyNameHelp')} required value=${name} onInput=${setName} error=${bad.name} placeholder="transfer.example.org" mono autocomplete="off" autocapitalize="none" />
      <${Select} label=${t('access.algorithm')} value=${algorithm} onChange=${setAlgorithm} error=${bad.algorithm} options=${ALGORITHMS} />
      <${Secret} label=${t('access.keySecret')} help=${t('access.keySecretHelp')} value=${secret} onInput=${setSecret} error=${bad.secret} />
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t('access.create')} /></div>
    <//>
  <//>`;
}

/** Without characters that look like others. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A password of 20 characters, 100 bits. */
export function randomPassword() {
  return Array.from(crypto.getRandomValues(new Uint8Array(20)), (octet) => LETTERS[octet % LETTERS.length]).join('');
}

/**
 * A secret that is never shown again, and lines that use it.
 * @param {{ title: string, secret: string, uses: { title: string, text: string }[], onClose: () => void }} props
 */
export function Once({ title, secret, uses, onClose }) {
  const blocks = [{ title: t('access.secret'), text: secret }, ...uses];
  return html`<${Dialog} title=${title} wide hideClose onClose=${onClose} actions=${html`<${Button} tone="primary" label=${t('access.kept')} onClick=${onClose} />`}>
    <${Banner} tone="warn">${t('access.once')}<//>
    ${blocks.map((block) => html`<div class="once" key=${block.title}>
      <div class="once-head"><h3>${block.title}</h3><${CopyButton} text=${block.text} /></div>
      <pre class="code mono once-text" tabindex="0">${block.text}</pre>
    </div>`)}
  <//>`;
}
