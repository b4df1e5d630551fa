/** Users and roles. Used by the access page. */

import { html, useState } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { TimeEl } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../ui/button.js';
import { Drawer } from '../../ui/drawer.js';
import { Checkbox, Field, Form, Secret, Switch } from '../../ui/field.js';
import { Menu } from '../../ui/menu.js';
import { Banner, Empty, errorText } from '../../ui/page.js';
import { useResource } from '../../ui/resource.js';
import { State } from '../../ui/state.js';
import { DataTable } from '../../ui/table.js';
import { all, faults } from '../listing.js';
import { Part } from '../part.js';
import { GrantFields, sentence, tidy } from './grants.js';
import { randomPassword } from './tokens.js';

/**
 * @typedef {{ name: string, display_name: string, roles: string[], disabled: boolean, has_password: boolean, created_at_ms: number }} User
 */

const MIN_PASSWORD = 8;

export function Users() {
  const { http, session, dialogs, toast } = useApp();
  const res = useResource('access.users', (signal) => all(http, '/users', signal));
  const [open, setOpen] = useState(/** @type {User | 'new' | null} */ (null));
  const path = (/** @type {User} */ user) => `/users/${encodeURIComponent(user.name)}`;
  const isMe = (/** @type {User} */ user) => user.name === session.me.value?.name;
  const disable = async (/** @type {User} */ user, /** @type {boolean} */ disabled) => {
    try {
      await http.patch(path(user), { disabled });
      res.reload();
      toast.ok(t(disabled ? 'access.disabled' : 'access.enabled', { name: user.name }), { undo: async () => { await http.patch(path(user), { disabled: !disabled }); res.reload(); } });
    } catch (error) { toast.error(error); }
  };
  const remove = async (/** @type {User} */ user) => {
    if (!await dialogs.confirm({ title: t('access.deleteUser', { name: user.name }), text: t('access.deleteUserText'), action: t('access.delete'), danger: true, type: user.name })) return;
    try {
      await http.del(path(user));
      res.reload();
      toast.ok(t('access.userDeleted', { name: user.name }));
    } catch (error) { toast.error(error); }
  };
  const state = (/** @type {User} */ user) => (user.disabled ? html`<${State} kind="off" word=${t('access.isDisabled')} />` : user.has_password ? html`<${State} kind="ok" word=${t('access.mayLogIn')} />` : html`<${State} kind="info" word=${t('access.tokensOnly')} />`);
  const columns = [
    { key: 'name', title: t('access.name'), wide: true, cell: (/** @type {User} */ row) => html`<strong class="mono">${row.name}</strong>${isMe(row) && html` <span class="meta">${t('access.you')}</span>`}` },
    { key: 'display', title: t('access.displayName'), cell: (/** @type {User} */ row) => row.display_name || '–' },
    { key: 'roles', title: t('access.roles'), cell: (/** @type {User} */ row) => row.roles.join(', ') || t('access.noRole') },
    { key: 'state', title: t('access.state'), cell: state },
    { key: 'since', title: t('access.since'), cell: (/** @type {User} */ row) => html`<${TimeEl} at=${row.created_at_ms} as="day" />` },
  ];
  const actions = (/** @type {User} */ row) => [
    { label: t('access.edit'), onSelect: () => setOpen(row) },
    ...(isMe(row) ? [] : [{ label: t(row.disabled ? 'access.enable' : 'access.disable'), onSelect: () => disable(row, !row.disabled) }, { label: t('access.delete'), danger: true, onSelect: () => remove(row) }]),
  ];
  return html`<${Part} title=${t('access.tab.users')} actions=${html`<${Button} tone="primary" label=${t('access.newUser')} onClick=${() => setOpen('new')} />`} res=${res}>
    ${(/** @type {User[]} */ rows) => html`<${DataTable} id="users" caption=${t('access.tab.users')} columns=${columns} rows=${rows} rowKey=${(/** @type {User} */ row) => row.name}
      onOpen=${setOpen} actions=${actions} empty=${html`<${Empty} title=${t('access.noUsers')} />`}
      phone=${(/** @type {User} */ row) => html`<span class="line-1"><strong class="mono">${row.name}</strong> ${state(row)}</span><span class="line-2 line-text">${[row.display_name, row.roles.join(', ') || t('access.noRole')].filter(Boolean).join(' · ')}</span>`} />`}<//>
    ${open && html`<${UserForm} key=${open === 'new' ? '' : open.name} user=${open === 'new' ? null : open} isMe=${open !== 'new' && isMe(open)}
      onClose=${() => setOpen(null)} onDone=${() => { setOpen(null); res.reload(); }} />`}`;
}

/** @param {{ user: User | null, isMe: boolean, onClose: () => void, onDone: () => void }} props */
function UserForm({ user, isMe, onClose, onDone }) {
  const { http, toast } = useApp();
  const roles = useResource('access.roles', (signal) => all(http, '/roles', signal));
  const [name, setName] = useState(user?.name ?? '');
  const [display, setDisplay] = useState(user?.display_name ?? '');
  const [chosen, setChosen] = useState(user?.roles ?? ['viewer']);
  const [password, setPassword] = useState('');
  const [old, setOld] = useState('');
  const [isDisabled, setDisabled] = useState(user?.disabled ?? false);
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const save = async () => {
    if (!name.trim()) return setBad({ name: t('access.nameMissing') });
    if (password && password.length < MIN_PASSWORD) return setBad({ password: t('access.passwordShort', { n: MIN_PASSWORD }) });
    setBusy(true);
    setBad({});
    const body = { display_name: display, ...(password ? { password } : {}) };
    try {
      if (!user) await http.post('/users', { name: name.trim(), roles: chosen, ...body });
      // One's own roles stay out of the request: with them it would be one for administrators, without the old password.
      else await http.patch(`/users/${encodeURIComponent(user.name)}`, isMe ? { ...body, ...(password ? { old_password: old } : {}) } : { ...body, roles: chosen, disabled: isDisabled });
      toast.ok(t(user ? 'access.userChanged' : 'access.userMade', { name: name.trim() }));
      return onDone();
    } catch (error) {
      const found = faults(error, ['name', 'display_name', 'password', 'roles']);
      setBad(Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  const toggle = (/** @type {string} */ role, /** @type {boolean} */ on) => setChosen(on ? [...chosen, role] : chosen.filter((it) => it !== role));
  return html`<${Drawer} title=${user ? user.name : t('access.newUser')} onClose=${onClose}>
    <${Form} onSubmit=${save} busy=${busy}>
      ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
      ${!user && html`<${Field} label=${t('access.name')} help=${t('access.nameHelp')} required value=${name} onInput=${setName} error=${bad.name} mono autocomplete="off" autocapitalize="none" />`}
      <${Field} label=${t('access.displayName')} value=${display} onInput=${setDisplay} error=${bad.display_name} autocomplete="off" />
      ${isMe ? html`<p class="meta">${t('access.ownRoles', { roles: chosen.join(', ') })}</p>` : html`<fieldset class="checks-set"><legend>${t('access.roles')}</legend>
        <${Part} res=${roles}>${(/** @type {{ name: string, description: string }[]} */ list) => list.map((role) => html`<${Checkbox} key=${role.name} label=${role.name} help=${role.description}
          checked=${chosen.includes(role.name)} onChange=${(/** @type {boolean} */ on) => toggle(role.name, on)} />`)}<//>
        ${bad.roles && html`<p class="field-error">${bad.roles}</p>`}</fieldset>`}
      ${isMe && password && html`<${Secret} label=${t('access.oldPassword')} value=${old} onInput=${setOld} autocomplete="current-password" required />`}
      <${Secret} label=${t(user ? 'access.newPassword' : 'access.password')} help=${t(user ? 'access.newPasswordHelp' : 'access.passwordHelp')} value=${password} onInput=${setPassword} error=${bad.password} autocomplete="new-password" />
      <div><${Button} small label=${t('access.makePassword')} onClick=${() => setPassword(randomPassword())} /></div>
      ${user && !isMe && html`<${Switch} label=${t('access.disable')} help=${t('access.disableHelp')} checked=${isDisabled} onChange=${setDisabled} />`}
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t(user ? 'access.save' : 'access.create')} /></div>
    <//>
  <//>`;
}

/**
 * @typedef {import('./grants.js').Grant} Grant
 * @typedef {{ name: string, description: string, grants: Grant[], built_in: boolean }} Role
 */

export function Roles() {
  const { http, dialogs, toast } = useApp();
  const res = useResource('access.roles', (signal) => all(http, '/roles', signal));
  const [open, setOpen] = useState(/** @type {{ role: Role | null, copy?: Role } | null} */ (null));
  const remove = async (/** @type {Role} */ role) => {
    if (!await dialogs.confirm({ title: t('access.deleteRole', { name: role.name }), text: t('access.deleteRoleText'), action: t('access.delete'), danger: true })) return;
    try {
      await http.del(`/roles/${encodeURIComponent(role.name)}`);
      res.reload();
      toast.ok(t('access.roleDeleted', { name: role.name }), { undo: async () => { await http.post('/roles', { name: role.name, description: role.description, grants: role.grants }); res.reload(); } });
    } catch (error) { toast.error(error); }
  };
  const items = (/** @type {Role} */ role) => [
    ...(role.built_in ? [] : [{ label: t('access.edit'), onSelect: () => setOpen({ role }) }]),
    { label: t('access.copyRole'), onSelect: () => setOpen({ role: null, copy: role }) },
    ...(role.built_in ? [] : [{ label: t('access.delete'), danger: true, onSelect: () => remove(role) }]),
  ];
  return html`<${Part} title=${t('access.tab.roles')} actions=${html`<${Button} tone="primary" label=${t('access.newRole')} onClick=${() => setOpen({ role: null })} />`} res=${res}>
    ${(/** @type {Role[]} */ roles) => html`<ul class="role-list">${roles.map((role) => html`<li key=${role.name} class="role">
      <div class="role-head"><h3><span class="mono">${role.name}</span> ${role.built_in && html`<span class="meta">${t('access.builtIn')}</span>`}</h3>
        <${Menu} label=${t('access.actionsOf', { name: role.name })} icon="more" hideLabel items=${items(role)} /></div>
      ${role.description && html`<p>${role.description}</p>`}
      <ul class="grant-sentences">${role.grants.map((grant) => html`<li>${sentence(grant)}</li>`)}</ul>
    </li>`)}</ul>`}<//>
    ${open && html`<${RoleForm} key=${open.role?.name ?? open.copy?.name ?? ''} role=${open.role} copy=${open.copy} onClose=${() => setOpen(null)} onDone=${() => { setOpen(null); res.reload(); }} />`}`;
}

/** @param {{ role: Role | null, copy?: Role, onClose: () => void, onDone: () => void }} props */
function RoleForm({ role, copy, onClose, onDone }) {
  const { http, toast } = useApp();
  const from = role ?? copy;
  const [name, setName] = useState(role?.name ?? '');
  const [description, setDescription] = useState(from?.description ?? '');
  const [grants, setGrants] = useState(from?.grants ?? [{ zones: ['**'], verbs: ['read'] }]);
  const [busy, setBusy] = useState(false);
  const [bad, setBad] = useState(/** @type {Record<string, string>} */ ({}));
  const save = async () => {
    if (!name.trim()) return setBad({ name: t('access.nameMissing') });
    setBusy(true);
    setBad({});
    try {
      const body = { description, grants: grants.map(tidy) };
      if (role) await http.put(`/roles/${encodeURIComponent(role.name)}`, body);
      else await http.post('/roles', { name: name.trim(), ...body });
      toast.ok(t(role ? 'access.roleChanged' : 'access.roleMade', { name: name.trim() }));
      return onDone();
    } catch (error) {
      const found = faults(error, ['name', 'description', 'grants']);
      setBad(Object.keys(found).length ? found : { '': errorText(error) });
    }
    return setBusy(false);
  };
  return html`<${Drawer} title=${role ? role.name : t('access.newRole')} onClose=${onClose}>
    <${Form} onSubmit=${save} busy=${busy}>
      ${bad[''] && html`<${Banner} tone="bad">${bad['']}<//>`}
      ${!role && html`<${Field} label=${t('access.name')} help=${t('access.nameHelp')} required value=${name} onInput=${setName} error=${bad.name} mono autocomplete="off" autocapitalize="none" />`}
      <${Field} label=${t('access.description')} value=${description} onInput=${setDescription} error=${bad.description} />
      <${GrantFields} grants=${grants} onChange=${setGrants} error=${bad.grants} />
      <div class="form-actions"><${Button} label=${t('common.cancel')} onClick=${onClose} /><${Button} tone="primary" type="submit" busy=${busy} label=${t(role ? 'access.save' : 'access.create')} /></div>
    <//>
  <//>`;
}
